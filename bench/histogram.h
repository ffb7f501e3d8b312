// Counts latencies with a bounded relative error and no allocation on the way,
// in the manner of HdrHistogram: buckets grow by powers of two, each cut into
// 64, so a value is known within 1/64. One thread; Merge joins threads' counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fastpath::bench {

class Histogram {
 public:
  void Record(uint64_t nanoseconds);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }  // Exact.
  double mean() const;                   // 0 if empty.
  // The smallest recorded value, rounded up to its bucket's end (and never over
  // max), that at least `fraction` of all values do not exceed. 0 if empty.
  uint64_t Quantile(double fraction) const;

 private:
  static constexpr int kSubBits = 6;
  static constexpr int kSub = 1 << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSub;
  static size_t BucketOf(uint64_t value);
  static uint64_t LastOf(size_t bucket);  // The largest value in it.

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace fastpath::bench
