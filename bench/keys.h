// Which keys a load touches and what it writes there. Cheap, seeded, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fastpath::bench {

// xoshiro256**: fast and good enough that values do not compress.
class FastRandom {
 public:
  explicit FastRandom(uint64_t seed);
  uint64_t Next();
  uint64_t Below(uint64_t limit);  // Uniform in [0, limit); limit > 0.
  double Fraction();               // Uniform in [0, 1).

 private:
  uint64_t state_[4];
};

enum class Distribution {
  kUniform,
  kZipfian,
  kOwn,  // Each lane has a key of its own, as far as there are as many.
};

// Zipfian as YCSB's (Gray et al., "Quickly generating billion-record synthetic
// databases"), theta 0.99, with the popular keys scattered over the key space.
// Making one for a zipfian distribution costs time in proportion to `keys`.
class KeyChooser {
 public:
  KeyChooser(Distribution distribution, uint64_t keys);
  uint64_t Choose(FastRandom& random, size_t lane) const;

 private:
  Distribution distribution_;
  uint64_t keys_;
  double zeta_ = 0, alpha_ = 0, eta_ = 0, half_ = 0;
};

std::string KeyName(uint64_t key);  // "key-0000000042"
// `bytes` of fresh random bytes.
std::string RandomValue(FastRandom& random, size_t bytes);

}  // namespace fastpath::bench
