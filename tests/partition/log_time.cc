#include "partition/log_time.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/partition/generators.h"

namespace fastpath {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;  // A wall clock's now.

// A leader at monotonic time 0 whose stamps begin at the median.
LogClock Leader(int64_t median = kStart) {
  LogClock clock;
  clock.BecomeLeader(0, median);
  return clock;
}

TEST(MedianWall, LowerMiddle) {
  EXPECT_EQ(MedianWall({5}), 5);
  EXPECT_EQ(MedianWall({9, 1}), 1);
  EXPECT_EQ(MedianWall({9, 1, 5}), 5);
  EXPECT_EQ(MedianWall({9, 1, 5, 7}), 5);
  EXPECT_EQ(MedianWall({-3, -3, 8, 8, 8}), 8);
}

TEST(MayLead, WithinHalfASecondOfTheMedian) {
  EXPECT_TRUE(MayLead(kStart, kStart));
  EXPECT_TRUE(MayLead(kStart + 500'000, kStart));
  EXPECT_TRUE(MayLead(kStart - 500'000, kStart));
  EXPECT_FALSE(MayLead(kStart + 500'001, kStart));
  EXPECT_FALSE(MayLead(kStart - 500'001, kStart));
}

// Case 30: a minority's clocks are off; someone always may lead, never they.
TEST(MayLead, AMinorityTenMinutesOffDoesNotLead) {
  for (const int64_t off : {600 * kSecond, -600 * kSecond}) {
    const int64_t median = MedianWall({kStart, kStart + 100'000, kStart + off});
    EXPECT_TRUE(MayLead(kStart, median));
    EXPECT_TRUE(MayLead(kStart + 100'000, median));
    EXPECT_FALSE(MayLead(kStart + off, median));
  }
}

TEST(LogClock, ANewLeaderStartsAtTheLaterOfLastStampAndMedian) {
  LogClock ahead(kStart + 5 * kSecond);
  ahead.BecomeLeader(77, kStart);
  EXPECT_EQ(ahead.Next(77, kStart), static_cast<uint64_t>(kStart + 5 * kSecond + 1));
  LogClock behind(kStart - 5 * kSecond);
  behind.BecomeLeader(77, kStart);
  EXPECT_EQ(behind.Next(77, kStart), static_cast<uint64_t>(kStart));
}

TEST(LogClock, FollowsTheMonotonicClock) {
  LogClock clock = Leader();
  EXPECT_EQ(clock.Next(3 * kSecond, kStart + 3 * kSecond),
            static_cast<uint64_t>(kStart + 3 * kSecond));
}

TEST(LogClock, StampsStrictlyIncreaseWithinOneMicrosecond) {
  LogClock clock = Leader();
  uint64_t last = clock.Next(10, kStart + 10);
  for (int i = 0; i < 100; ++i) {
    const uint64_t next = clock.Next(10, kStart + 10);
    EXPECT_EQ(next, last + 1);
    last = next;
  }
  EXPECT_EQ(clock.Next(5000, kStart + 5000), static_cast<uint64_t>(kStart + 5000))
      << "a burst must not push the clock itself ahead";
}

TEST(LogClock, AWallJumpSlewsByFivePercentOnly) {
  for (const int64_t jump : {3600 * kSecond, -3600 * kSecond}) {
    LogClock clock = Leader();
    const int64_t slewed = 10 * kSecond + (jump > 0 ? 500'000 : -500'000);
    EXPECT_EQ(clock.Next(10 * kSecond, kStart + 10 * kSecond + jump),
              static_cast<uint64_t>(kStart + slewed));
  }
}

TEST(LogClock, ManyShortStepsSlewAsFarAsOneLong) {
  LogClock clock = Leader();
  for (int64_t at = 1; at <= kSecond; at += 3) clock.Next(at, kStart + at + 3600 * kSecond);
  const int64_t now = static_cast<int64_t>(clock.Now(kSecond, kStart + kSecond + 3600 * kSecond));
  EXPECT_NEAR(now, kStart + kSecond + 50'000, 1);
}

TEST(LogClock, SlewIsNotSavedUpForLater) {
  LogClock clock = Leader();
  for (int i = 1; i <= 100; ++i) clock.Next(i * kSecond, kStart + i * kSecond);
  EXPECT_EQ(clock.Next(100 * kSecond + 20, kStart + 200 * kSecond),
            static_cast<uint64_t>(kStart + 100 * kSecond + 21));
}

TEST(LogClock, ReachesTheMedianAndStaysThere) {
  LogClock clock = Leader();
  const int64_t offset = 100'000;  // Within reach in two seconds.
  for (int i = 1; i <= 50; ++i) {
    clock.Next(i * kSecond / 10, kStart + i * kSecond / 10 + offset);
  }
  EXPECT_EQ(clock.Next(6 * kSecond, kStart + 6 * kSecond + offset),
            static_cast<uint64_t>(kStart + 6 * kSecond + offset));
}

TEST(LogClock, NowConsumesNothingAndNeverPassesNext) {
  LogClock clock = Leader();
  const uint64_t now = clock.Now(kSecond, kStart + kSecond);
  EXPECT_EQ(clock.Now(kSecond, kStart + kSecond), now);
  EXPECT_EQ(clock.last(), 0u);
  EXPECT_EQ(clock.Next(kSecond, kStart + kSecond), now);
  EXPECT_EQ(clock.Now(kSecond, kStart + kSecond), now);
}

TEST(LogClock, AFollowersNowRunsOnFromTheLastStamp) {
  LogClock clock;
  clock.Observe(kStart, 1000, kStart);
  EXPECT_EQ(clock.Now(1000, kStart), static_cast<uint64_t>(kStart));
  EXPECT_EQ(clock.Now(1000 + kSecond, kStart + kSecond), static_cast<uint64_t>(kStart + kSecond));
  clock.Observe(kStart - 1, 2000, kStart);
  EXPECT_EQ(clock.last(), static_cast<uint64_t>(kStart)) << "an old stamp changes nothing";
}

TEST(LogClock, BeforeAnyFreshStampNowIsWhatANewLeaderWouldStartAt) {
  LogClock clock(kStart);  // Restarted long after its last stamp.
  const int64_t wall = kStart + 1000 * kSecond;
  EXPECT_EQ(clock.Now(5, wall), static_cast<uint64_t>(wall));
  EXPECT_EQ(clock.Now(5, kStart - kSecond), static_cast<uint64_t>(kStart)) << "never below last";
  clock.Observe(kStart + kSecond, 10, wall);  // It catches up.
  EXPECT_EQ(clock.Now(10, wall), static_cast<uint64_t>(wall));
  clock.Observe(wall - kSecond / 5, 20, wall);  // Its leader says what time it is.
  EXPECT_EQ(clock.Now(20, wall), static_cast<uint64_t>(wall - kSecond / 5));
}

TEST(LogClock, AStampOfLongAgoDoesNotHoldARunningClock) {
  LogClock clock;
  clock.Observe(kStart, 0, kStart);
  const int64_t later = 60 * kSecond;
  clock.Observe(kStart + kSecond, later, kStart + later);
  EXPECT_EQ(clock.Now(later, kStart + later), static_cast<uint64_t>(kStart + later));
}

TEST(LogClock, ALeadersOwnStampsComingBackDoNotHoldItsClock) {
  LogClock clock = Leader();
  const uint64_t stamp = clock.Next(kSecond, kStart + kSecond);
  clock.Observe(stamp, 2 * kSecond, kStart + 2 * kSecond);
  EXPECT_EQ(clock.Next(2 * kSecond, kStart + 2 * kSecond),
            static_cast<uint64_t>(kStart + 2 * kSecond));
}

TEST(LogClock, AMonotonicClockThatStandsStillStillGivesStamps) {
  LogClock clock = Leader();
  const uint64_t first = clock.Next(50, kStart);
  EXPECT_GT(clock.Next(50, kStart), first);
  EXPECT_GT(clock.Next(40, kStart), first + 1) << "nor one read out of order";
}

// Whatever wall clocks do, stamps rise, and by no more than 5 % off the elapsed time.
TEST(LogClockProperty, NoWallClockCanMoveStamps) {
  model::Property([] {
    LogClock clock = Leader();
    uint64_t last = clock.Next(0, kStart);
    int64_t monotonic = 0;
    int64_t calls = 1;
    const auto steps = *rc::gen::container<std::vector<std::pair<int64_t, int64_t>>>(
        rc::gen::pair(rc::gen::inRange<int64_t>(0, kSecond),
                      rc::gen::inRange<int64_t>(kStart - 9999 * kSecond, kStart + 9999 * kSecond)));
    for (const auto& [elapsed, wall] : steps) {
      monotonic += elapsed;
      const uint64_t now = clock.Now(monotonic, wall);
      const uint64_t next = clock.Next(monotonic, wall);
      RC_ASSERT(now >= last);
      RC_ASSERT(next >= now);
      RC_ASSERT(next > last);
      last = next;
      ++calls;
      const int64_t since = static_cast<int64_t>(next) - kStart;
      RC_ASSERT(since >= monotonic - monotonic / kSlewDivisor - 1);
      RC_ASSERT(since <= monotonic + monotonic / kSlewDivisor + calls);
    }
  });
}

}  // namespace
}  // namespace fastpath
