#include "bench/stalls.h"

#include <gtest/gtest.h>

#include "bench/host_watch.h"
#include "bench/open_loop.h"

namespace fastpath::bench {
namespace {

TEST(Stalls, AsMuchTimeAgainIsLeftOutAfterEachAndWhatOverlapsIsOne) {
  const std::vector<Stall> disturbed = Disturbed({{100, 110}, {10, 20}, {15, 35}, {40, 41}});
  ASSERT_EQ(disturbed.size(), 2u);
  EXPECT_EQ(disturbed[0].from, 10);
  EXPECT_EQ(disturbed[0].to, 55) << "the longest, and what began within its time after";
  EXPECT_EQ(disturbed[1].from, 100);
  EXPECT_EQ(disturbed[1].to, 120);
}

TEST(Stalls, AnOperationMeetsWhatItOverlaps) {
  const std::vector<Stall> disturbed = {{10, 20}, {40, 50}};
  EXPECT_FALSE(Met(disturbed, 0, 9));
  EXPECT_TRUE(Met(disturbed, 0, 10));
  EXPECT_TRUE(Met(disturbed, 12, 13));
  EXPECT_TRUE(Met(disturbed, 20, 30));
  EXPECT_FALSE(Met(disturbed, 21, 39));
  EXPECT_TRUE(Met(disturbed, 21, 60)) << "one lies within it";
  EXPECT_FALSE(Met(disturbed, 51, 60));
  EXPECT_FALSE(Met({}, 0, 100));
}

TEST(Stalls, AnOpenLoopTellsWhatMetNoneBesideAll) {
  constexpr Nanos kMs = 1'000'000;
  OpenLoop::Plan plan;
  plan.rate = 1000;
  plan.poisson = false;
  plan.end = 100 * kMs;
  plan.read_share = 1;
  plan.keep = true;
  OpenLoop loop(plan);
  // Each takes 0.1 ms, but 5 ms those that should begin from 50 to 60 ms on.
  for (Nanos now = 0; now < plan.end; now = loop.next_due()) {
    while (const auto start = loop.StartDue(now)) {
      const bool slow = now >= 50 * kMs && now < 60 * kMs;
      loop.Ended(start->lane, now + (slow ? 5 * kMs : kMs / 10), Ending::kOk, "");
    }
  }
  loop.Close();
  loop.LeaveOut(Disturbed({{50 * kMs, 60 * kMs}}));
  EXPECT_EQ(loop.result().reads.max(), static_cast<uint64_t>(5 * kMs));
  EXPECT_EQ(loop.result().undisturbed_reads.max(), static_cast<uint64_t>(kMs / 10));
  // 50 to 70 ms are left out: 21 of 99, as both ends count.
  EXPECT_EQ(loop.result().reads.count() - loop.result().undisturbed_reads.count(), 21u);
}

TEST(HostWatch, WatchesOrSaysThatItMayNot) {
  auto watch = HostWatch::Start();
  if (!watch.ok()) {
    EXPECT_EQ(watch.status().code(), absl::StatusCode::kPermissionDenied) << watch.status();
    return;
  }
  for (const Stall& stall : (*watch)->Stop()) EXPECT_LT(stall.from, stall.to);
}

}  // namespace
}  // namespace fastpath::bench
