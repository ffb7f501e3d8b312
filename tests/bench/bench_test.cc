// The load generator's parts: a benchmark that measures wrongly is worse than none.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "bench/histogram.h"
#include "bench/keys.h"
#include "bench/load.h"

namespace fastpath::bench {
namespace {

TEST(Histogram, EmptyIsZero) {
  Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.Quantile(0.5), 0u);
  EXPECT_EQ(h.mean(), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (uint64_t v = 1; v <= 100; ++v) h.Record(v);
  EXPECT_EQ(h.Quantile(0.5), 50u);
  EXPECT_EQ(h.Quantile(0.99), 99u);
  EXPECT_EQ(h.Quantile(1), 100u);
  EXPECT_EQ(h.Quantile(0), 1u);
  EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(Histogram, QuantilesAreWithinOneSixtyFourth) {
  FastRandom random(1);
  Histogram h;
  std::vector<uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t v = random.Next() >> (random.Next() % 60);
    values.push_back(v);
    h.Record(v);
  }
  std::sort(values.begin(), values.end());
  for (double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const uint64_t exact =
        values[static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1];
    EXPECT_GE(h.Quantile(q), exact) << q;
    EXPECT_LE(h.Quantile(q) - exact, exact / 64 + 1) << q;
  }
  EXPECT_EQ(h.max(), values.back());
}

TEST(Histogram, ExtremesFit) {
  Histogram h;
  h.Record(0);
  h.Record(UINT64_MAX);
  EXPECT_EQ(h.Quantile(0.5), 0u);
  EXPECT_EQ(h.Quantile(1), UINT64_MAX);
}

TEST(Histogram, MergeIsAsIfRecordedInOne) {
  Histogram a, b, both;
  for (uint64_t v : {5u, 500u, 50'000u}) {
    a.Record(v);
    both.Record(v);
  }
  for (uint64_t v : {7u, 70'000'000u}) {
    b.Record(v);
    both.Record(v);
  }
  a.Merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.max(), both.max());
  for (double q : {0.2, 0.4, 0.6, 0.8, 1.0}) EXPECT_EQ(a.Quantile(q), both.Quantile(q));
}

std::map<uint64_t, int> Draw(Distribution distribution, uint64_t keys, int draws) {
  KeyChooser chooser(distribution, keys);
  FastRandom random(3);
  std::map<uint64_t, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[chooser.Choose(random, 0)];
  return counts;
}

TEST(KeyChooser, UniformTouchesAllAlike) {
  const auto counts = Draw(Distribution::kUniform, 100, 100'000);
  ASSERT_EQ(counts.size(), 100u);
  for (auto [key, count] : counts) {
    EXPECT_LT(key, 100u);
    EXPECT_NEAR(count, 1000, 200) << key;
  }
}

TEST(KeyChooser, OwnGivesEachLaneItsKey) {
  FastRandom random(1);
  const KeyChooser chooser(Distribution::kOwn, 64);
  for (size_t lane = 0; lane < 64; ++lane) EXPECT_EQ(chooser.Choose(random, lane), lane);
  EXPECT_EQ(chooser.Choose(random, 64), 0u);
  EXPECT_EQ(KeyChooser(Distribution::kOwn, 1).Choose(random, 63), 0u);
}

TEST(KeyChooser, ZipfianHasHotKeysInItsRange) {
  const auto counts = Draw(Distribution::kZipfian, 100'000, 200'000);
  std::vector<int> sorted;
  for (auto [key, count] : counts) {
    EXPECT_LT(key, 100'000u);
    sorted.push_back(count);
  }
  std::sort(sorted.rbegin(), sorted.rend());
  // The most popular of 100,000 keys has a share of 1 / zeta(0.99), about 7.8 %.
  EXPECT_NEAR(sorted[0] / 200'000.0, 0.078, 0.01);
  EXPECT_NEAR(sorted[1] / 200'000.0, 0.039, 0.006);
}

TEST(KeyName, IsFixedInLengthAndUnique) {
  EXPECT_EQ(KeyName(0), "key-0000000000");
  EXPECT_EQ(KeyName(42), "key-0000000042");
  EXPECT_EQ(KeyName(9'999'999'999), "key-9999999999");
}

TEST(RandomValue, HasItsLengthAndNoPattern) {
  FastRandom random(5);
  for (size_t bytes : {0u, 1u, 7u, 8u, 256u, 1000u}) {
    EXPECT_EQ(RandomValue(random, bytes).size(), bytes);
  }
  std::set<std::string> values;
  for (int i = 0; i < 100; ++i) values.insert(RandomValue(random, 16));
  EXPECT_EQ(values.size(), 100u);
  std::array<int, 256> bytes{};
  for (unsigned char c : RandomValue(random, 256'000)) ++bytes[c];
  for (int count : bytes) EXPECT_NEAR(count, 1000, 200);
}

// Of one lane, the first operation of which ends well, and the second long after all is measured.
class Stalling : public Target {
 public:
  void Listen(Listener* listener) override { listener_ = listener; }
  void Begin(size_t, const Operation&) override { ++begun_; }
  void Poll(Clock::time_point until) override {
    if (begun_ == 1) return listener_->Ended(0, Ending::kOk, "");
    std::this_thread::sleep_until(std::min(until, gives_up_));
    if (Clock::now() >= gives_up_) listener_->Ended(0, Ending::kUnknown, "no answer");
  }

 private:
  Listener* listener_ = nullptr;
  int begun_ = 0;
  const Clock::time_point gives_up_ = Clock::now() + std::chrono::milliseconds(100);
};

TEST(ClosedLoop, WhatFailsAfterTheMeasuredTimeFailsTheRun) {
  Stalling target;
  LoadOptions options;
  options.in_flight = 1;
  options.warmup = std::chrono::milliseconds(0);
  options.measure = std::chrono::milliseconds(10);
  const LoadResult result = RunClosed(options, target);
  EXPECT_EQ(result.unknown, 1u);
  EXPECT_EQ(result.first_failure, "no answer");
  EXPECT_EQ(result.writes_done, 0u);
}

}  // namespace
}  // namespace fastpath::bench
