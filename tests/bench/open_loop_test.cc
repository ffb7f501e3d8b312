// The open loop must not omit what a stalled store makes others wait: time is
// simulated, the store is a fake that stalls.
#include "bench/open_loop.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace fastpath::bench {
namespace {

constexpr Nanos kMs = 1'000'000;
constexpr Nanos kSecond = 1000 * kMs;

// Ends operations one `service` after they began, but none between the stall's
// beginning and its end. Runs a whole plan on simulated time.
struct FakeStore {
  Nanos service = kMs / 10;
  Nanos stall_from = 0, stall_to = 0;
  Histogram from_begin;  // What a generator would see that counts from the real beginning.
  size_t most_in_flight = 0;

  Nanos EndOf(Nanos begun) const {
    const Nanos end = begun + service;
    return end >= stall_from && end < stall_to ? stall_to : end;
  }

  LoadResult Run(const OpenLoop::Plan& plan) {
    OpenLoop loop(plan);
    std::multimap<Nanos, std::pair<size_t, Nanos>> ends;  // -> lane, when it began
    Nanos now = plan.begin;
    while (now < plan.end) {
      while (const auto start = loop.StartDue(now)) {
        ends.insert({EndOf(now), {start->lane, now}});
        most_in_flight = std::max(most_in_flight, loop.in_flight());
      }
      now = loop.full() ? plan.end : loop.next_due();
      if (!ends.empty()) now = std::min(now, ends.begin()->first);
      End(loop, ends, now);
    }
    loop.Close();
    while (!ends.empty()) End(loop, ends, ends.begin()->first);
    EXPECT_EQ(loop.in_flight(), 0u);
    return loop.result();
  }

  void End(OpenLoop& loop, std::multimap<Nanos, std::pair<size_t, Nanos>>& ends, Nanos now) {
    while (!ends.empty() && ends.begin()->first <= now) {
      const auto [lane, begun] = ends.begin()->second;
      from_begin.Record(static_cast<uint64_t>(now - begun));
      loop.Ended(lane, now, Ending::kOk, "");
      ends.erase(ends.begin());
    }
  }
};

OpenLoop::Plan TenSeconds(double rate, size_t lanes) {
  OpenLoop::Plan plan;
  plan.rate = rate;
  plan.poisson = false;
  plan.begin = 100 * kSecond;
  plan.measure_from = plan.begin + kSecond;
  plan.end = plan.measure_from + 10 * kSecond;
  plan.lanes = lanes;
  return plan;
}

TEST(OpenLoop, AStallCountsForAllWhoWouldHaveMetIt) {
  // 1,000/s for 10 s, all answered in 0.1 ms, but for one second of silence: a
  // tenth of all operations should have begun in it, and waited half a second on
  // average, though one lane was ever stuck.
  const OpenLoop::Plan plan = TenSeconds(1000, 1);
  FakeStore store;
  store.stall_from = plan.begin + 5 * kSecond;
  store.stall_to = plan.begin + 6 * kSecond;
  const LoadResult result = store.Run(plan);

  EXPECT_NEAR(static_cast<double>(result.writes.count()), 10'000, 1);
  EXPECT_EQ(result.unsent, 0u);
  EXPECT_NEAR(result.writes.mean() / kMs, 0.1 * 500, 10);
  EXPECT_NEAR(static_cast<double>(result.writes.Quantile(0.95)) / kMs, 550, 60);
  EXPECT_NEAR(static_cast<double>(result.writes.Quantile(0.99)) / kMs, 910, 60);
  EXPECT_NEAR(static_cast<double>(result.writes.max()) / kMs, 1000, 2);
  // What coordinated omission would have reported of the same second.
  EXPECT_LT(store.from_begin.Quantile(0.999), static_cast<uint64_t>(kMs));
}

TEST(OpenLoop, ManyLanesHideNothingEither) {
  const OpenLoop::Plan plan = TenSeconds(1000, 64);
  FakeStore store;
  store.stall_from = plan.begin + 5 * kSecond;
  store.stall_to = plan.begin + 6 * kSecond;
  const LoadResult result = store.Run(plan);
  EXPECT_NEAR(static_cast<double>(result.writes.Quantile(0.95)) / kMs, 500, 60);
  EXPECT_EQ(store.most_in_flight, 64u);
}

TEST(OpenLoop, PastSaturationWhatWasNotBegunIsCountedWithItsAge) {
  // One lane of 10 ms takes 100/s; 1,000/s are offered. Nine of ten never begin.
  const OpenLoop::Plan plan = TenSeconds(1000, 1);
  FakeStore store;
  store.service = 10 * kMs;
  const LoadResult result = store.Run(plan);
  EXPECT_NEAR(static_cast<double>(result.writes_done), 1000, 2);
  EXPECT_NEAR(static_cast<double>(result.writes.count()), 10'000, 1);  // Nobody is left out.
  EXPECT_NEAR(static_cast<double>(result.unsent), 9900, 110);
  EXPECT_GT(result.writes.Quantile(0.5), static_cast<uint64_t>(4 * kSecond));
}

TEST(OpenLoop, BelowSaturationLatencyIsTheServiceTime) {
  FakeStore store;
  const LoadResult result = store.Run(TenSeconds(1000, 4));
  EXPECT_EQ(result.unsent, 0u);
  EXPECT_EQ(result.writes.max(), static_cast<uint64_t>(store.service));
  EXPECT_NEAR(static_cast<double>(result.writes_done), 10'000, 1);
}

TEST(OpenLoop, PoissonArrivalsHaveTheirRateAndSpread) {
  OpenLoop::Plan plan = TenSeconds(10'000, 1000);
  plan.poisson = true;
  OpenLoop loop(plan);
  Histogram gaps;
  Nanos last = plan.begin;
  for (Nanos at = loop.next_due(); at < plan.end; at = loop.next_due()) {
    gaps.Record(static_cast<uint64_t>(at - last));
    last = at;
    const auto start = loop.StartDue(at);
    ASSERT_TRUE(start.has_value());
    loop.Ended(start->lane, at, Ending::kOk, "");
  }
  EXPECT_NEAR(static_cast<double>(gaps.count()), 110'000, 1500);
  // Exponential: the median is ln 2 of the mean, the 99th ln 100 of it.
  EXPECT_NEAR(static_cast<double>(gaps.Quantile(0.5)), 69'300, 3000);
  EXPECT_NEAR(static_cast<double>(gaps.Quantile(0.99)), 460'500, 20'000);
}

TEST(OpenLoop, FailuresAreCountedApart) {
  OpenLoop::Plan plan = TenSeconds(10, 1);
  plan.measure_from = plan.begin;
  plan.read_share = 1;
  OpenLoop loop(plan);
  const std::pair<Ending, const char*> endings[] = {{Ending::kMissing, ""},
                                                    {Ending::kRefused, "no"},
                                                    {Ending::kUnknown, "perhaps"},
                                                    {Ending::kOk, ""}};
  for (const auto& [ending, why] : endings) {
    const Nanos due = loop.next_due();
    EXPECT_FALSE(loop.StartDue(due - 1).has_value());
    const auto start = loop.StartDue(due);
    ASSERT_TRUE(start && start->read);
    EXPECT_TRUE(loop.full());
    loop.Ended(start->lane, due + kMs, ending, why);
  }
  EXPECT_EQ(loop.result().missing, 1u);
  EXPECT_EQ(loop.result().refused, 1u);
  EXPECT_EQ(loop.result().unknown, 1u);
  EXPECT_EQ(loop.result().first_failure, "no");
  EXPECT_EQ(loop.result().reads.count(), 1u);
}

}  // namespace
}  // namespace fastpath::bench
