// XXH64 by its specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
// Never-change: it decides which group owns a key.
#include <bit>
#include <cstring>

#include "partition/model/key.h"

namespace fastpath::model {
namespace {

static_assert(std::endian::native == std::endian::little);  // Lanes are read as they lie.

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87u;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9u;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5u;

template <typename Lane>
Lane Take(std::string_view& in) {
  Lane lane;
  std::memcpy(&lane, in.data(), sizeof(lane));
  in.remove_prefix(sizeof(lane));
  return lane;
}

uint64_t Round(uint64_t accumulator, uint64_t lane) {
  return std::rotl(accumulator + lane * kPrime2, 31) * kPrime1;
}

uint64_t MergeRound(uint64_t hash, uint64_t accumulator) {
  return (hash ^ Round(0, accumulator)) * kPrime1 + kPrime4;
}

uint64_t ConsumeStripes(std::string_view& in, uint64_t seed) {
  uint64_t a = seed + kPrime1 + kPrime2;
  uint64_t b = seed + kPrime2;
  uint64_t c = seed;
  uint64_t d = seed - kPrime1;
  while (in.size() >= 32) {
    a = Round(a, Take<uint64_t>(in));
    b = Round(b, Take<uint64_t>(in));
    c = Round(c, Take<uint64_t>(in));
    d = Round(d, Take<uint64_t>(in));
  }
  uint64_t hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  for (uint64_t accumulator : {a, b, c, d}) hash = MergeRound(hash, accumulator);
  return hash;
}

}  // namespace

uint64_t XxHash64(std::string_view bytes, uint64_t seed) {
  const uint64_t size = bytes.size();
  uint64_t hash = (size >= 32 ? ConsumeStripes(bytes, seed) : seed + kPrime5) + size;
  while (bytes.size() >= 8) {
    hash = std::rotl(hash ^ Round(0, Take<uint64_t>(bytes)), 27) * kPrime1 + kPrime4;
  }
  if (bytes.size() >= 4) {
    hash = std::rotl(hash ^ (Take<uint32_t>(bytes) * kPrime1), 23) * kPrime2 + kPrime3;
  }
  while (!bytes.empty()) {
    hash = std::rotl(hash ^ (Take<uint8_t>(bytes) * kPrime5), 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace fastpath::model
