// Idempotency in a simulated cluster: one owner at a time, one result for all, through
// deaths of owners and leaders, and with clocks that are wrong.
#include "client/primitives/idempotency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/primitives/simulated.h"

namespace fastpath::client {
namespace {

using sim::kSecond;
constexpr Micros kHour = 3'600 * kSecond;

Idempotency OnceOf(Program& program, int64_t in_progress_s, int64_t keep_s = 3'600) {
  return Idempotency(*program.client, kItems,
                     IdempotencyOptions()
                         .InProgress(std::chrono::seconds(in_progress_s))
                         .Keep(std::chrono::seconds(keep_s)),
                     program.clock);
}

TEST(Idempotency, TheFirstDoesItOthersWaitAndThenGetItsResult) {
  SimulatedCluster cluster(1);
  Idempotency a = OnceOf(cluster.Add("a"), 30), b = OnceOf(cluster.Add("b"), 30);
  const auto begun = cluster.Run(a.Begin("key", "hash"));
  ASSERT_TRUE(begun.ok()) << begun.message();
  EXPECT_EQ(begun->state, BeginState::kStarted);
  const auto meanwhile = cluster.Run(b.Begin("key", "hash"));
  ASSERT_TRUE(meanwhile.ok()) << meanwhile.message();
  EXPECT_EQ(meanwhile->state, BeginState::kInProgress);
  EXPECT_EQ(meanwhile->expires_s, begun->expires_s);
  EXPECT_FALSE(meanwhile->result.has_value());
  const auto finished = cluster.Run(a.Finish(begun->owner, Map({{"receipt", 12}})));
  ASSERT_TRUE(finished.ok()) << finished.message();
  EXPECT_TRUE(finished->stored);
  for (Idempotency* each : {&a, &b}) {
    const auto after = cluster.Run(each->Begin("key", "hash"));
    ASSERT_EQ(after->state, BeginState::kDone);
    EXPECT_EQ(after->result, Map({{"receipt", 12}}).value());
    EXPECT_GT(after->expires_s, begun->expires_s) << "a result stays longer";
  }
}

TEST(Idempotency, AnotherRequestUnderTheSameKeyIsAMismatch) {
  SimulatedCluster cluster(2);
  Idempotency a = OnceOf(cluster.Add("a"), 30), b = OnceOf(cluster.Add("b"), 30);
  const auto begun = cluster.Run(a.Begin("key", "hash"));
  EXPECT_EQ(cluster.Run(b.Begin("key", "other"))->state, BeginState::kMismatch);
  ASSERT_TRUE(cluster.Run(a.Finish(begun->owner, "done"))->stored);
  const auto after = cluster.Run(b.Begin("key", "other"));
  EXPECT_EQ(after->state, BeginState::kMismatch);
  EXPECT_FALSE(after->result.has_value());
}

TEST(Idempotency, RepeatsOfTheOwnersCallsSayTheSame) {
  SimulatedCluster cluster(3);
  Idempotency a = OnceOf(cluster.Add("a"), 30);
  const std::string token = NewToken();
  ASSERT_EQ(cluster.Run(a.Begin("key", "hash", token))->state, BeginState::kStarted);
  const auto again = cluster.Run(a.Begin("key", "hash", token));
  ASSERT_EQ(again->state, BeginState::kStarted);
  EXPECT_EQ(cluster.Run(a.Begin("key", "other", token))->state, BeginState::kMismatch);
  EXPECT_TRUE(cluster.Run(a.Finish(again->owner, "first"))->stored);
  const auto repeated = cluster.Run(a.Finish(again->owner, "second"));
  EXPECT_TRUE(repeated->stored);
  EXPECT_EQ(repeated->result, Value::String("first"));
  EXPECT_FALSE(*cluster.Run(a.Abandon(again->owner))) << "what is done stays done";
  EXPECT_EQ(cluster.Run(a.Begin("key", "hash", token))->state, BeginState::kDone);
}

// The write that was to correct a wrong expiry never came through.
TEST(Idempotency, ARecordThatAWrongClockLeftIsCorrectedByItsOwner) {
  SimulatedCluster cluster(8);
  Program& owner = cluster.Add("a");
  Idempotency a = OnceOf(owner, 5), b = OnceOf(cluster.Add("b"), 5);
  const std::string token = NewToken();
  const int64_t expires_s = (cluster.TrueWall() + kHour) / kSecond;
  ASSERT_TRUE(cluster
                  .Run(owner.client->Put(kItems, MakeItem({{"key", "key"},
                                                           {"hash", Binary("hash")},
                                                           {"token", token},
                                                           {"state", "started"},
                                                           {"expires", expires_s}})))
                  .ok());
  const auto begun = cluster.Run(a.Begin("key", "hash", token));
  EXPECT_EQ(begun->state, BeginState::kStarted);
  cluster.RunFor(20 * kSecond);
  EXPECT_EQ(cluster.Run(b.Begin("key", "hash"))->state, BeginState::kStarted);
}

TEST(Idempotency, AnAbandonedKeyIsFreeAtOnce) {
  SimulatedCluster cluster(4);
  Idempotency a = OnceOf(cluster.Add("a"), 600), b = OnceOf(cluster.Add("b"), 600);
  const auto first = cluster.Run(a.Begin("key", "hash"));
  EXPECT_TRUE(*cluster.Run(a.Abandon(first->owner)));
  const auto second = cluster.Run(b.Begin("key", "hash"));
  EXPECT_EQ(second->state, BeginState::kStarted);
  EXPECT_FALSE(*cluster.Run(a.Abandon(first->owner))) << "not its any more";
  EXPECT_FALSE(cluster.Run(a.Finish(first->owner, "late"))->stored);
  EXPECT_TRUE(cluster.Run(b.Finish(second->owner, "done"))->stored);
}

// Until then it is the owner's; after it, another's, and the first cannot finish any more.
TEST(Idempotency, ADeadOwnersKeyIsFreedByExpiry) {
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    SimulatedCluster cluster(seed);
    Program& program = cluster.Add("a");
    Idempotency a = OnceOf(program, 5), b = OnceOf(cluster.Add("b"), 5);
    const auto first = cluster.Run(a.Begin("key", "hash"));
    const int64_t began = cluster.Now();
    auto second = cluster.Run(b.Begin("key", "hash"));
    while (second->state == BeginState::kInProgress && cluster.Now() < began + 20 * kSecond) {
      cluster.RunFor(kSecond / 10);
      second = cluster.Run(b.Begin("key", "hash"));
    }
    ASSERT_EQ(second->state, BeginState::kStarted);
    EXPECT_GE(program.host->Now(), first->owner.until_us);
    EXPECT_LT(cluster.Now() - began, 9 * kSecond);
    const auto lost = cluster.Run(a.Finish(first->owner, "first"));
    ASSERT_TRUE(lost.ok());
    EXPECT_FALSE(lost->stored);
    EXPECT_FALSE(lost->result.has_value());
    EXPECT_TRUE(cluster.Run(b.Finish(second->owner, "second"))->stored);
    const auto told = cluster.Run(a.Finish(first->owner, "first"));
    EXPECT_FALSE(told->stored);
    EXPECT_EQ(told->result, Value::String("second"));
  }
}

TEST(Idempotency, AResultGoesWhenItsTimeIsOver) {
  SimulatedCluster cluster(5);
  Idempotency a = OnceOf(cluster.Add("a"), 2, 5);
  const auto first = cluster.Run(a.Begin("key", "hash"));
  ASSERT_TRUE(cluster.Run(a.Finish(first->owner, 1))->stored);
  cluster.RunFor(4 * kSecond);
  EXPECT_EQ(cluster.Run(a.Begin("key", "hash"))->state, BeginState::kDone);
  cluster.RunFor(4 * kSecond);
  EXPECT_EQ(cluster.Run(a.Begin("key", "hash"))->state, BeginState::kStarted);
}

TEST(Idempotency, WrongWallClocksChangeNothing) {
  for (const int64_t offset : {-kHour, -8 * kSecond, 8 * kSecond, kHour}) {
    SCOPED_TRACE(offset);
    SimulatedCluster cluster(6);
    Program& wrong = cluster.Add("a");
    wrong.wall_offset = offset;
    Idempotency a = OnceOf(wrong, 5, 600), b = OnceOf(cluster.Add("b"), 5, 600);
    const auto first = cluster.Run(a.Begin("key", "hash"));
    ASSERT_EQ(first->state, BeginState::kStarted);
    EXPECT_EQ(cluster.Run(b.Begin("key", "hash"))->state, BeginState::kInProgress);
    // A program that knows nothing of log time yet finishes, elsewhere.
    Program& another = cluster.Add("a2");
    another.wall_offset = offset;
    Idempotency a2 = OnceOf(another, 5, 600);
    ASSERT_TRUE(cluster.Run(a2.Finish(first->owner, "done"))->stored);
    cluster.RunFor(30 * kSecond);
    EXPECT_EQ(cluster.Run(b.Begin("key", "hash"))->state, BeginState::kDone);
  }
}

// Programs that all have to do the same pieces of work, and sometimes die over it.
class Worker : public Busy {
 public:
  struct Owned {
    std::string key;
    int64_t from = 0, to = 0;
  };
  static constexpr int kKeys = 6;

  Worker(SimulatedCluster& cluster, Program& program, int number)
      : Busy(cluster, program), once_(OnceOf(program, 2)), number_(number) {}
  const std::vector<Owned>& owned() const { return owned_; }
  const std::map<std::string, std::vector<std::string>>& results() const { return results_; }

 private:
  void Act() override {
    const std::string key = absl::StrCat("work", cluster_.random().Below(kKeys));
    once_.Begin(key, "hash").Then([this, key](Result<BeginAnswer> answer) {
      if (answer.ok() && answer->state == BeginState::kStarted) return Work(answer->owner);
      if (answer.ok() && answer->state == BeginState::kDone) {
        results_[key].push_back(answer->result->text());
      }
      Later(LaterThan(100'000, 500'000));
    });
  }
  void Work(const IdempotencyOwner& owner) {
    if (owner.until_us > program_.host->Now()) {
      owned_.push_back({owner.key, cluster_.Now(), owner.until_us});
    }
    if (!cluster_.random().OneIn(4)) return Later(kSecond);  // It dies: another must begin anew.
    const Micros takes = LaterThan(0, 2'500'000);            // Or too long.
    program_.host->executor().At(program_.host->Now() + takes, [this, owner] {
      if (!owned_.empty()) owned_.back().to = std::min(owned_.back().to, cluster_.Now());
      const std::string result = absl::StrCat("by ", number_, " at ", cluster_.Now());
      once_.Finish(owner, result).Then([this, owner](Result<FinishAnswer> finished) {
        if (finished.ok() && finished->result) {
          results_[owner.key].push_back(finished->result->text());
        }
        Later(300'000);
      });
    });
  }

  Idempotency once_;
  const int number_;
  std::vector<Owned> owned_;
  std::map<std::string, std::vector<std::string>> results_;
};

class IdempotentWork : public ::testing::TestWithParam<uint64_t> {};

TEST_P(IdempotentWork, HasOneOwnerAtATimeAndOneResultThroughKillsAndDeadOwners) {
  SimulatedCluster cluster(GetParam());
  std::deque<Worker> workers;
  for (int i = 0; i < 4; ++i) {
    Program& program = cluster.Add(absl::StrCat("worker", i), std::chrono::seconds(3));
    program.wall_offset = static_cast<int64_t>(cluster.random().Below(20'000'000)) - 10'000'000;
    workers.emplace_back(cluster, program, i);
  }
  Begin(workers);
  cluster.KillLeadersFor(60 * kSecond);
  Finish(cluster, workers);
  std::vector<Worker::Owned> all;
  std::map<std::string, std::string> first;
  size_t told = 0;
  for (const Worker& worker : workers) {
    all.insert(all.end(), worker.owned().begin(), worker.owned().end());
    for (const auto& [key, results] : worker.results()) {
      told += results.size();
      for (const std::string& result : results) {
        EXPECT_EQ(first.try_emplace(key, result).first->second, result) << "a second result";
      }
    }
  }
  EXPECT_GT(told, 20u);
  EXPECT_GT(all.size(), first.size()) << "no owner died";
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(a.key, a.from) < std::pair(b.key, b.from);
  });
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[i].key != all[i - 1].key) continue;
    EXPECT_GE(all[i].from, all[i - 1].to) << all[i].key << " has two owners at once";
  }
  cluster.ExpectAllIsWell();
}
INSTANTIATE_TEST_SUITE_P(Seeds, IdempotentWork, ::testing::Range<uint64_t>(1, 5));

}  // namespace
}  // namespace fastpath::client
