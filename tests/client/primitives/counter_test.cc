// Counters through leader kills: every acknowledged addition counts exactly once,
// and a sum read meanwhile holds what it promises.
#include "client/primitives/counter.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/client/primitives/simulated.h"

namespace fastpath::client {
namespace {

using sim::kSecond;

int64_t Integer(const model::Number& number) {
  int64_t value = -1;
  EXPECT_TRUE(number.ToInt64(value));
  return value;
}

// A program that adds to one counter, again and again.
template <class C>
class Adder : public Busy {
 public:
  Adder(SimulatedCluster& cluster, Program& program, C counter, Micros pause = 20'000)
      : Busy(cluster, program), counter_(std::move(counter)), pause_(pause) {}

  int64_t acknowledged() const { return acknowledged_; }
  int64_t unknown() const { return unknown_; }
  C& counter() { return counter_; }

 private:
  void Act() override {
    counter_.Add().Then([this](auto added) {
      acknowledged_ += added.ok();
      unknown_ += added.unknown();
      Later(LaterThan(0, pause_));
    });
  }

  C counter_;
  const Micros pause_;
  int64_t acknowledged_ = 0;
  int64_t unknown_ = 0;
};

template <class C>
struct Sum {
  int64_t acknowledged = 0, unknown = 0;
  explicit Sum(const std::deque<Adder<C>>& adders) {
    for (const Adder<C>& adder : adders) {
      acknowledged += adder.acknowledged();
      unknown += adder.unknown();
    }
  }
};

class Counters : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Counters, OneKeyCountsExactlyOnceThroughLeaderKills) {
  SimulatedCluster cluster(GetParam());
  std::deque<Adder<Counter>> adders;
  for (int i = 0; i < 4; ++i) {
    Program& program = cluster.Add(absl::StrCat("adder", i));
    adders.emplace_back(cluster, program, Counter(*program.client, Key(kCounters, "hot")));
  }
  Begin(adders);
  cluster.KillLeadersFor(20 * kSecond);
  Finish(cluster, adders);
  const Sum sum(adders);
  EXPECT_GT(sum.acknowledged, 500);
  EXPECT_EQ(sum.unknown, 0) << "there was time to ask until the answer came";
  const auto read = cluster.Run(adders[0].counter().Read());
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(Integer(*read), sum.acknowledged);
  EXPECT_GT(cluster.kills(), 3u);
  cluster.ExpectAllIsWell();
}

// With deadlines so short that many end unknown: each of those counted once or not.
TEST_P(Counters, UnknownAdditionsCountAtMostOnce) {
  SimulatedCluster cluster(GetParam(), /*groups=*/1);  // Each kill is of the one that counts.
  std::deque<Adder<Counter>> adders;
  for (int i = 0; i < 4; ++i) {
    Program& program = cluster.Add(absl::StrCat("adder", i), std::chrono::milliseconds(300));
    adders.emplace_back(cluster, program, Counter(*program.client, Key(kCounters, "hot")),
                        /*pause=*/1'000);
  }
  Begin(adders);
  cluster.KillLeadersFor(15 * kSecond);
  Finish(cluster, adders);
  const Sum sum(adders);
  EXPECT_GT(sum.unknown, 0);
  cluster.RunFor(60 * kSecond);  // Longer than what is late may come.
  Program& reader = cluster.Add("reader");
  const auto read = cluster.Run(Counter(*reader.client, Key(kCounters, "hot")).Read());
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_GE(Integer(*read), sum.acknowledged);
  EXPECT_LE(Integer(*read), sum.acknowledged + sum.unknown);
  cluster.ExpectAllIsWell();
}

TEST_P(Counters, AShardedOneCountsExactlyOnceThroughLeaderKills) {
  constexpr uint32_t kShards = 8;
  SimulatedCluster cluster(GetParam(), /*groups=*/4);
  Program& reader = cluster.Add("reader");
  ShardedCounter watched(*reader.client, kCounters, "likes", kShards);
  std::deque<Adder<ShardedCounter>> adders;
  for (int i = 0; i < 4; ++i) {
    Program& program = cluster.Add(absl::StrCat("adder", i));
    adders.emplace_back(cluster, program,
                        ShardedCounter(*program.client, kCounters, "likes", kShards,
                                       [&cluster] { return cluster.random().Next(); }));
  }
  Begin(adders);
  int64_t last = 0;
  for (int round = 0; round < 8; ++round) {
    cluster.KillLeadersFor(kSecond);
    const int64_t before = Sum(adders).acknowledged;
    const auto read = cluster.Run(watched.Read());
    ASSERT_TRUE(read.ok()) << read.message();
    EXPECT_GE(Integer(*read), before) << "an acknowledged addition is missing";
    EXPECT_GE(Integer(*read), last) << "it went back";
    EXPECT_LE(Integer(*read), Sum(adders).acknowledged + 4) << "more than was asked for";
    last = Integer(*read);
  }
  Finish(cluster, adders);
  const Sum sum(adders);
  EXPECT_EQ(sum.unknown, 0);
  const auto read = cluster.Run(watched.Read());
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(Integer(*read), sum.acknowledged);
  std::set<std::string> used;
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    const auto got = cluster.Run(reader.client->Get(Key(kCounters, absl::StrCat("likes#", shard))));
    if (got.ok() && got->item) used.insert(got->item->Find("key")->text());
  }
  EXPECT_EQ(used.size(), kShards);
  cluster.ExpectAllIsWell();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Counters, ::testing::Range<uint64_t>(1, 4));

}  // namespace
}  // namespace fastpath::client
