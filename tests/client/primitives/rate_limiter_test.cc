// Rate limits in a simulated cluster: never more than the limit in what is counted
// together, by the clocks of the callers, and what an answer tells comes true.
#include "client/primitives/rate_limiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/internal/buckets.h"
#include "tests/client/primitives/simulated.h"

namespace fastpath::client {
namespace {

using sim::kSecond;
constexpr Micros kHour = 3'600 * kSecond;

RateLimiter LimiterOf(Program& program, RateLimit limit) {
  return RateLimiter(*program.client, kItems, limit, program.clock);
}
Milliseconds Seconds(int64_t seconds) { return std::chrono::seconds(seconds); }

void GoTo(SimulatedCluster& cluster, int64_t wall_us) {
  ASSERT_GT(wall_us, cluster.TrueWall());
  cluster.RunFor(wall_us - cluster.TrueWall());
}

TEST(RateLimiter, AFixedWindowAllowsItsLimitAndTellsWhenItEnds) {
  SimulatedCluster cluster(1);
  RateLimiter limiter = LimiterOf(cluster.Add("a"), RateLimit::Fixed(3, Seconds(10)));
  const int64_t window = cluster.TrueWall() / (10 * kSecond) + 1;
  GoTo(cluster, window * 10 * kSecond + kSecond);
  for (int i = 1; i <= 3; ++i) {
    const auto taken = cluster.Run(limiter.Take("user"));
    ASSERT_TRUE(taken.ok()) << taken.message();
    EXPECT_TRUE(taken->allowed);
    EXPECT_EQ(taken->remaining, 3 - i);
    EXPECT_EQ(taken->reset_ms, (window + 1) * 10'000);
  }
  for (int i = 0; i < 5; ++i) {
    const auto taken = cluster.Run(limiter.Take("user"));
    ASSERT_TRUE(taken.ok()) << taken.message();
    EXPECT_FALSE(taken->allowed);
    EXPECT_EQ(taken->remaining, 0);
    EXPECT_EQ(taken->reset_ms, (window + 1) * 10'000);
    EXPECT_NEAR(static_cast<double>(taken->retry_after.count()), 9'000, 200);
  }
  EXPECT_TRUE(cluster.Run(limiter.Take("another user"))->allowed);
  GoTo(cluster, (window + 1) * 10 * kSecond + 10'000);
  EXPECT_EQ(cluster.Run(limiter.Take("user"))->remaining, 2) << "rejected calls do not count";
}

TEST(RateLimiter, ACostIsAllowedWholeOrNotAtAll) {
  SimulatedCluster cluster(2);
  RateLimiter limiter = LimiterOf(cluster.Add("a"), RateLimit::Sliding(10, Seconds(60)));
  EXPECT_EQ(cluster.Run(limiter.Take("user", 7))->remaining, 3);
  const auto much = cluster.Run(limiter.Take("user", 4));
  EXPECT_FALSE(much->allowed);
  EXPECT_EQ(much->remaining, 3);
  EXPECT_EQ(cluster.Run(limiter.Take("user", 3))->remaining, 0);
  EXPECT_EQ(cluster.Run(limiter.Take("user", 11)).code(), api::INVALID);
  EXPECT_EQ(cluster.Run(limiter.Take("user", 0)).code(), api::INVALID);
}

// What was rejected is allowed at the time that the rejection told, and no earlier.
TEST(RateLimiter, ASlidingWindowFreesWhatItCountedStepByStep) {
  SimulatedCluster cluster(3);
  RateLimiter limiter = LimiterOf(cluster.Add("a"), RateLimit::Sliding(4, Seconds(10)));
  GoTo(cluster, (cluster.TrueWall() / kSecond + 1) * kSecond + 10'000);  // A bucket's beginning.
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(cluster.Run(limiter.Take("user"))->allowed);
    if (i < 3) cluster.RunFor(2 * kSecond);  // At 0, 2, 4 and 6 s.
  }
  for (int freed = 0; freed < 4; ++freed) {
    const auto rejected = cluster.Run(limiter.Take("user"));
    ASSERT_FALSE(rejected->allowed);
    const int64_t retry = cluster.TrueWall() + rejected->retry_after.count() * 1'000;
    GoTo(cluster, retry - 50'000);
    EXPECT_FALSE(cluster.Run(limiter.Take("user"))->allowed) << freed;
    GoTo(cluster, retry + 50'000);
    EXPECT_TRUE(cluster.Run(limiter.Take("user"))->allowed) << freed;
  }
  const auto last = cluster.Run(limiter.Take("user"));
  EXPECT_FALSE(last->allowed);
  GoTo(cluster, last->reset_ms * 1'000 + 50'000);
  const auto all = cluster.Run(limiter.Take("user", 4));
  EXPECT_TRUE(all->allowed) << "all of it is there again";
}

TEST(RateLimiter, ItemsStaySmallAndGoWhenNothingCounts) {
  SimulatedCluster cluster(4);
  Program& program = cluster.Add("a");
  RateLimiter limiter = LimiterOf(program, RateLimit::Sliding(1'000, Seconds(2)));
  const auto item = [&] {
    return cluster.Run(program.client->Get(Key(kItems, "user#2000/10")))->item;
  };
  size_t most = 0;
  for (int i = 0; i < 60; ++i) {  // Gaps of all sizes, also as long as the item lasts.
    ASSERT_TRUE(cluster.Run(limiter.Take("user"))->allowed);
    most = std::max(most, item()->size());
    cluster.RunFor(static_cast<Micros>(cluster.random().Below(4'500'000)));
  }
  EXPECT_LE(most, 20u) << "key, expiry, and what still counts for somebody";
  cluster.RunFor(6 * kSecond);
  EXPECT_FALSE(item().has_value());
}

// Takes as fast as it can, and notes by whose clock what was allowed.
class Taker : public Busy {
 public:
  Taker(SimulatedCluster& cluster, Program& program, RateLimit limit)
      : Busy(cluster, program), limiter_(LimiterOf(program, limit)) {}
  const std::vector<int64_t>& allowed() const { return allowed_; }
  uint64_t rejected() const { return rejected_; }
  uint64_t failed() const { return failed_; }

 private:
  void Act() override {
    const int64_t asked = program_.clock->Now();
    limiter_.Take("all").Then([this, asked](Result<RateAnswer> taken) {
      if (taken.ok() && taken->allowed) allowed_.push_back(asked);
      rejected_ += taken.ok() && !taken->allowed;
      failed_ += !taken.ok();
      Later(LaterThan(0, 60'000));
    });
  }

  RateLimiter limiter_;
  std::vector<int64_t> allowed_;
  uint64_t rejected_ = 0;
  uint64_t failed_ = 0;
};

class RateLimits : public ::testing::TestWithParam<uint64_t> {
 protected:
  // Four programs with clocks up to 100 ms wrong, while leaders die; when each allowed
  // call was asked for, sorted.
  std::vector<int64_t> Run(RateLimit limit) {
    SimulatedCluster cluster(GetParam());
    std::deque<Taker> takers;
    for (int i = 0; i < 4; ++i) {
      Program& program = cluster.Add(absl::StrCat("taker", i));
      program.wall_offset = static_cast<int64_t>(cluster.random().Below(200'000)) - 100'000;
      takers.emplace_back(cluster, program, limit);
    }
    Begin(takers);
    cluster.KillLeadersFor(40 * kSecond);
    Finish(cluster, takers);
    std::vector<int64_t> allowed;
    uint64_t rejected = 0, failed = 0;
    for (const Taker& taker : takers) {
      allowed.insert(allowed.end(), taker.allowed().begin(), taker.allowed().end());
      rejected += taker.rejected();
      failed += taker.failed();
    }
    EXPECT_GT(rejected, 100u);
    EXPECT_GT(failed, 0u) << "no leader was missed";
    std::sort(allowed.begin(), allowed.end());
    cluster.ExpectAllIsWell();
    return allowed;
  }
};

TEST_P(RateLimits, NoSpanAsLongAsASlidingWindowHasMoreThanItsLimit) {
  constexpr int64_t kLimit = 20;
  const auto allowed = Run(RateLimit::Sliding(kLimit, Seconds(4)));
  for (size_t i = kLimit; i < allowed.size(); ++i) {
    EXPECT_GT(allowed[i] - allowed[i - kLimit], 4 * kSecond) << i;
  }
  EXPECT_GT(allowed.size(), 5u * kLimit) << "of at least nine";
}

TEST_P(RateLimits, NoFixedWindowHasMoreThanItsLimit) {
  constexpr int64_t kLimit = 20;
  std::map<int64_t, int64_t> windows;
  for (const int64_t asked : Run(RateLimit::Fixed(kLimit, Seconds(4)))) {
    ++windows[asked / (4 * kSecond)];
  }
  for (const auto& [window, count] : windows) EXPECT_LE(count, kLimit) << window;
  EXPECT_GT(windows.size(), 6u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RateLimits, ::testing::Range<uint64_t>(1, 4));

// Only its first call can be in another time than the others'.
TEST(RateLimiter, AClockThatIsAnHourWrongIsSetRightByItsFirstAnswer) {
  for (const int64_t offset : {-kHour, kHour}) {
    SCOPED_TRACE(offset);
    SimulatedCluster cluster(5);
    Program& wrong = cluster.Add("a");
    wrong.wall_offset = offset;
    const RateLimit limit = RateLimit::Sliding(5, Seconds(60));
    RateLimiter a = LimiterOf(wrong, limit), b = LimiterOf(cluster.Add("b"), limit);
    EXPECT_TRUE(cluster.Run(a.Take("user"))->allowed);
    EXPECT_NEAR(static_cast<double>(wrong.clock->Now() - cluster.TrueWall()), 0, 100'000);
    int allowed = 0;
    for (int i = 0; i < 5; ++i) {
      allowed += cluster.Run(a.Take("user"))->allowed;
      allowed += cluster.Run(b.Take("user"))->allowed;
    }
    EXPECT_EQ(allowed, 5);
  }
}

TEST(RateLimiter, SettingsThatMakeNoSenseAreRefused) {
  SimulatedCluster cluster(6);
  Program& program = cluster.Add("a");
  for (const RateLimit& limit :
       {RateLimit::Fixed(0, Seconds(1)), RateLimit::Sliding(1, Seconds(1), 1),
        RateLimit::Sliding(1, Seconds(1), 61), RateLimit::Sliding(1, Milliseconds(400), 10),
        RateLimit::Fixed(1, Seconds(1)).Deadline(Seconds(60))}) {
    EXPECT_EQ(cluster.Run(LimiterOf(program, limit).Take("user")).code(), api::INVALID);
  }
}

// ------------------------------------------------------------------ the arithmetic

TEST(Buckets, TellWhenACostFitsAgain) {
  const internal::Buckets buckets(RateLimit::Sliding(10, Seconds(4), 4));
  // 6 calls in bucket 100, 4 in 102: counts of each and the four before it.
  const internal::Buckets::Counts counts = {{100, 6},  {101, 6}, {102, 10}, {103, 10},
                                            {104, 10}, {105, 4}, {106, 4}};
  EXPECT_EQ(buckets.Remaining(counts, 102), 0);
  EXPECT_EQ(buckets.Remaining(counts, 105), 6);
  EXPECT_EQ(buckets.Retry(counts, 102, 1), 105);
  EXPECT_EQ(buckets.Retry(counts, 102, 6), 105);
  EXPECT_EQ(buckets.Retry(counts, 102, 7), 107);
  EXPECT_EQ(internal::Buckets::Reset(counts, 102), 107);
  EXPECT_EQ(internal::Buckets::Reset({}, 102), 102);
}

TEST(Buckets, ReadOnlyCountsOfTheirOwn) {
  const Item item = MakeItem({{"key", "k"}, {"b7", 1}, {"b9", 3}, {"bx", 4}, {"b10", "text"}});
  EXPECT_EQ(internal::Buckets::Read(item, 8), (internal::Buckets::Counts{{9, 3}}));
}

}  // namespace
}  // namespace fastpath::client
