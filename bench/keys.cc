#include "bench/keys.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace fastpath::bench {
namespace {

constexpr double kTheta = 0.99;

uint64_t Mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

FastRandom::FastRandom(uint64_t seed) {
  for (uint64_t& word : state_) word = seed = Mix(seed);
}

uint64_t FastRandom::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t FastRandom::Below(uint64_t limit) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * limit) >> 64);
}

double FastRandom::Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

KeyChooser::KeyChooser(Distribution distribution, uint64_t keys)
    : distribution_(distribution), keys_(keys) {
  if (distribution_ != Distribution::kZipfian) return;
  for (uint64_t i = 1; i <= keys; ++i) zeta_ += 1 / std::pow(static_cast<double>(i), kTheta);
  half_ = 1 + std::pow(0.5, kTheta);
  alpha_ = 1 / (1 - kTheta);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(keys), 1 - kTheta)) / (1 - half_ / zeta_);
}

uint64_t KeyChooser::Choose(FastRandom& random, size_t lane) const {
  if (distribution_ == Distribution::kOwn) return lane % keys_;
  if (distribution_ == Distribution::kUniform) return random.Below(keys_);
  const double u = random.Fraction();
  const double uz = u * zeta_;
  uint64_t rank = 0;
  if (uz >= half_) {
    rank =
        static_cast<uint64_t>(static_cast<double>(keys_) * std::pow(eta_ * u - eta_ + 1, alpha_));
  } else if (uz >= 1) {
    rank = 1;
  }
  return Mix(rank) % keys_;
}

std::string KeyName(uint64_t key) {
  char digits[] = "key-0000000000";
  for (size_t i = sizeof(digits) - 2; key > 0 && digits[i] != '-'; --i, key /= 10) {
    digits[i] = static_cast<char>('0' + key % 10);
  }
  return digits;
}

std::string RandomValue(FastRandom& random, size_t bytes) {
  std::string value(bytes, '\0');
  for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(value.data() + at, &word, std::min(sizeof(word), bytes - at));
  }
  return value;
}

}  // namespace fastpath::bench
