// Leases in a simulated cluster: one holder at a time by the world's clock, fences
// that only grow, through deaths of holders and leaders, and with clocks that are wrong.
#include "client/primitives/lease.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/primitives/simulated.h"

namespace fastpath::client {
namespace {

using sim::kSecond;
constexpr Micros kHour = 3'600 * kSecond;

LeaseOptions For(int64_t seconds) { return LeaseOptions().Duration(std::chrono::seconds(seconds)); }

Leases LeasesOf(Program& program, int64_t seconds) {
  return Leases(*program.client, kItems, For(seconds), program.clock);
}

// Until the name can be had; the world's time of the answer.
LeaseAnswer AcquireAtLast(SimulatedCluster& cluster, Leases& leases, const std::string& name) {
  for (int attempt = 0; attempt < 300; ++attempt) {
    const auto answer = cluster.Run(leases.Acquire(name, "taker"));
    EXPECT_TRUE(answer.ok()) << answer.message();
    if (!answer.ok() || answer->held) return answer.ok() ? *answer : LeaseAnswer{};
    cluster.RunFor(kSecond / 10);
  }
  ADD_FAILURE() << "never free";
  return {};
}

TEST(Lease, IsHeldByOneAndTellsTheOthersWhoAndUntilWhen) {
  SimulatedCluster cluster(1);
  Leases a = LeasesOf(cluster.Add("a"), 10), b = LeasesOf(cluster.Add("b"), 10);
  const auto got = cluster.Run(a.Acquire("name", "host a"));
  ASSERT_TRUE(got.ok() && got->held) << got.message();
  EXPECT_TRUE(a.Holds(got->grant));
  const auto refused = cluster.Run(b.Acquire("name", "host b"));
  ASSERT_TRUE(refused.ok()) << refused.message();
  EXPECT_FALSE(refused->held);
  EXPECT_EQ(refused->holder, "host a");
  EXPECT_EQ(refused->expires_s, got->expires_s);
  EXPECT_TRUE(cluster.Run(b.Acquire("another", "host b"))->held);
}

TEST(Lease, AReleaseFreesItAtOnceAndOnlyTheHolderCan) {
  SimulatedCluster cluster(2);
  Leases a = LeasesOf(cluster.Add("a"), 600), b = LeasesOf(cluster.Add("b"), 600);
  const LeaseGrant first = cluster.Run(a.Acquire("name", "a"))->grant;
  LeaseGrant forged = first;
  forged.token = NewToken();
  EXPECT_FALSE(*cluster.Run(b.Release(forged)));
  EXPECT_FALSE(cluster.Run(b.Renew(forged))->held);
  EXPECT_FALSE(cluster.Run(b.Acquire("name", "b"))->held);
  EXPECT_TRUE(*cluster.Run(a.Release(first)));
  EXPECT_FALSE(*cluster.Run(a.Release(first))) << "it is not its any more";
  const auto second = cluster.Run(b.Acquire("name", "b"));
  ASSERT_TRUE(second->held);
  EXPECT_GT(second->grant.fence, first.fence);
  EXPECT_FALSE(cluster.Run(a.Renew(first))->held) << "not the one that came after";
  EXPECT_FALSE(*cluster.Run(a.Release(first)));
}

TEST(Lease, ADeadHoldersExpiresAndNotBeforeItsTime) {
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    SimulatedCluster cluster(seed);
    Leases a = LeasesOf(cluster.Add("a"), 5), b = LeasesOf(cluster.Add("b"), 5);
    const LeaseGrant first = cluster.Run(a.Acquire("name", "a"))->grant;
    const int64_t began = cluster.Now();
    const LeaseAnswer second = AcquireAtLast(cluster, b, "name");
    EXPECT_FALSE(a.Holds(first)) << "taken while its holder counts on it";
    EXPECT_LT(cluster.Now() - began, 9 * kSecond) << "a tenth and two seconds more";
    EXPECT_GT(second.grant.fence, first.fence);
    EXPECT_FALSE(cluster.Run(a.Renew(first))->held);
  }
}

TEST(Lease, RenewalKeepsItUnderTheSameFence) {
  SimulatedCluster cluster(3);
  Leases a = LeasesOf(cluster.Add("a"), 4), b = LeasesOf(cluster.Add("b"), 4);
  LeaseGrant grant = cluster.Run(a.Acquire("name", "a"))->grant;
  const uint64_t fence = grant.fence;
  for (int round = 0; round < 12; ++round) {
    cluster.RunFor(2 * kSecond);
    const auto renewed = cluster.Run(a.Renew(grant));
    ASSERT_TRUE(renewed.ok() && renewed->held) << round;
    EXPECT_GT(renewed->grant.until_us, grant.until_us);
    grant = renewed->grant;
    EXPECT_EQ(grant.fence, fence);
    EXPECT_FALSE(cluster.Run(b.Acquire("name", "b"))->held);
  }
}

// The token says that it is the same attempt.
TEST(Lease, AnAcquireWhoseOutcomeWasUnknownIsRepeatedWithItsToken) {
  SimulatedCluster cluster(4);
  Program& program = cluster.Add("a");
  Leases a = LeasesOf(program, 10);
  const std::string token = NewToken();
  const auto first = cluster.Run(a.Acquire("name", "a", token));
  ASSERT_TRUE(first->held);
  cluster.RunFor(kSecond);
  const auto again = cluster.Run(a.Acquire("name", "a", token));
  ASSERT_TRUE(again->held);
  EXPECT_GT(again->grant.fence, first->grant.fence);
  EXPECT_FALSE(cluster.Run(a.Acquire("name", "a"))->held) << "another attempt";
}

// Whatever wall clocks say, holder's or taker's: the first answer shows it.
TEST(Lease, WrongWallClocksNeitherEndItEarlyNorKeepItLong) {
  const std::vector<int64_t> offsets = {-kHour, -6 * kSecond, -3 * kSecond, 3 * kSecond, kHour};
  for (const int64_t holders : offsets) {
    for (const int64_t takers : {-kHour, kHour}) {
      SCOPED_TRACE(absl::StrCat(holders, " ", takers));
      SimulatedCluster cluster(5);
      Program& holder = cluster.Add("a");
      Program& taker = cluster.Add("b");
      holder.wall_offset = holders;
      taker.wall_offset = takers;
      Leases a = LeasesOf(holder, 5), b = LeasesOf(taker, 5);
      const auto first = cluster.Run(a.Acquire("name", "a"));
      ASSERT_TRUE(first->held);
      EXPECT_GT(first->grant.until_us, holder.host->Now() + 2 * kSecond) << "of no use";
      const int64_t began = cluster.Now();
      const LeaseAnswer second = AcquireAtLast(cluster, b, "name");
      EXPECT_FALSE(a.Holds(first->grant));
      EXPECT_GT(second.grant.fence, first->grant.fence);
      EXPECT_LT(cluster.Now() - began, 20 * kSecond) << "kept for too long";
    }
  }
}

// The write that was to correct a wrong expiry never came through: the record is the
// holder's own, and lasts for as long as the clock was wrong.
TEST(Lease, ARecordThatAWrongClockLeftIsCorrectedByItsHolder) {
  SimulatedCluster cluster(8);
  Program& holder = cluster.Add("a");
  Leases a = LeasesOf(holder, 5), b = LeasesOf(cluster.Add("b"), 5);
  const auto leave = [&](const std::string& name, const std::string& token) {
    const int64_t expires_s = (cluster.TrueWall() + kHour) / kSecond;
    return cluster.Run(holder.client->Put(
        kItems,
        MakeItem({{"key", name}, {"token", token}, {"holder", "a"}, {"expires", expires_s}})));
  };
  const std::string token = NewToken();
  ASSERT_TRUE(leave("name", token).ok());
  ASSERT_TRUE(cluster.Run(a.Acquire("name", "a", token))->held);
  const int64_t began = cluster.Now();
  EXPECT_TRUE(AcquireAtLast(cluster, b, "name").held);
  EXPECT_LT(cluster.Now() - began, 20 * kSecond);

  LeaseGrant grant = cluster.Run(a.Acquire("another", "a"))->grant;
  ASSERT_TRUE(leave("another", grant.token).ok());
  const auto renewed = cluster.Run(a.Renew(grant));
  ASSERT_TRUE(renewed.ok() && renewed->held);
  EXPECT_GT(renewed->grant.until_us, grant.until_us);
  EXPECT_TRUE(AcquireAtLast(cluster, b, "another").held);
}

// The first write shows that the clock is wrong; whatever becomes of the second, there is a record.
TEST(Lease, WhatRefusesTheSecondWriteOfAClaimDoesNotUndoTheFirst) {
  SimulatedCluster cluster(8);
  Program& holder = cluster.Add("a");
  holder.wall_offset = kHour;
  Leases a = LeasesOf(holder, 5);
  int writes = 0;
  cluster.simulation().fabric().Meddle([&](sim::HostId, sim::HostId to, std::string& frame) {
    api::Reply reply;
    if (to != holder.host->host() || !reply.ParseFromString(frame)) return;
    if (!reply.has_write() || ++writes != 2) return;
    reply.clear_write();
    reply.set_code(api::INVALID);
    frame = reply.SerializeAsString();
  });
  const auto acquired = cluster.Run(a.Acquire("name", "a"));
  cluster.simulation().fabric().Meddle(nullptr);
  ASSERT_EQ(writes, 2);
  ASSERT_FALSE(acquired.ok());
  EXPECT_EQ(acquired.failure().outcome, Outcome::kUnknown);
}

// Who is behind takes a good record for one that lasts too long: it must not end it.
TEST(Lease, AWrongClockShortensNoRecordOfItsOwn) {
  SimulatedCluster cluster(9);
  Program& behind = cluster.Add("a2");
  behind.wall_offset = -kHour;
  Leases a = LeasesOf(cluster.Add("a"), 10), a2 = LeasesOf(behind, 10);
  Leases b = LeasesOf(cluster.Add("b"), 10);
  const std::string token = NewToken();
  const LeaseGrant grant = cluster.Run(a.Acquire("name", "a", token))->grant;
  EXPECT_TRUE(cluster.Run(a2.Acquire("name", "a", token))->held);
  AcquireAtLast(cluster, b, "name");
  EXPECT_FALSE(a.Holds(grant)) << "taken while its holder counts on it";
}

// A renewal that was given up arrives after a later one was answered. It must not
// bring the expiry forward that the holder now counts on.
TEST(Lease, ALateRenewalShortensNothing) {
  SimulatedCluster cluster(6);
  Program& holder = cluster.Add("a", std::chrono::seconds(2));
  Leases a = LeasesOf(holder, 20), b = LeasesOf(cluster.Add("b"), 20);
  LeaseGrant grant = cluster.Run(a.Acquire("name", "a"))->grant;
  cluster.RunFor(kSecond);
  // Held back on its way: as a frame in a queue of the network.
  for (size_t node = 0; node < 3; ++node) {
    cluster.simulation().fabric().Block(holder.host->host(),
                                        cluster.simulation().cluster().host(node));
  }
  const auto late = cluster.Run(a.Renew(grant));
  EXPECT_TRUE(late.unknown()) << late.message();
  // The same holder by another connection: another client of its, with the same clock.
  Program& other = cluster.Add("a2");
  Leases a2(*other.client, kItems, For(20), holder.clock);
  cluster.RunFor(4 * kSecond);
  const auto renewed = cluster.Run(a2.Renew(grant));
  ASSERT_TRUE(renewed.ok() && renewed->held);
  grant = renewed->grant;
  cluster.simulation().fabric().UnblockAll();
  cluster.RunFor(kSecond);
  const LeaseAnswer next = AcquireAtLast(cluster, b, "name");
  EXPECT_FALSE(a.Holds(grant)) << "taken while its holder counts on it";
  EXPECT_GT(next.grant.fence, grant.fence);
}

// Programs that take, hold, renew, release or forget one name, again and again.
class Rival : public Busy {
 public:
  struct Held {
    int64_t from = 0, to = 0;  // The world's time.
    uint64_t fence = 0;
    std::string token;
  };

  Rival(SimulatedCluster& cluster, Program& program)
      : Busy(cluster, program), leases_(LeasesOf(program, 3)) {}
  const std::vector<Held>& held() const { return held_; }

 private:
  void Act() override {
    testing::SimRandom& random = cluster_.random();
    if (!leases_.Holds(grant_)) {
      leases_.Acquire("name", "rival").Then([this](Result<LeaseAnswer> answer) { Got(answer); });
    } else if (const uint64_t roll = random.Below(10); roll < 6) {
      leases_.Renew(grant_).Then([this](Result<LeaseAnswer> answer) { Got(answer); });
    } else if (roll < 8) {
      held_.back().to = std::min(held_.back().to, cluster_.Now());
      const LeaseGrant given_back = std::exchange(grant_, {});
      leases_.Release(given_back).Then([this](Result<bool>) { Later(100'000); });
    } else {  // It dies: what it had is nobody's until it expires.
      held_.back().to = std::min(held_.back().to, cluster_.Now());
      grant_ = {};
      Later(1 * kSecond);
    }
  }
  void Got(const Result<LeaseAnswer>& answer) {
    if (answer.ok() && answer->held) {
      const bool renewed = !grant_.token.empty() && grant_.token == answer->grant.token;
      grant_ = answer->grant;
      const int64_t until = cluster_.Now() + grant_.until_us - program_.host->Now();
      if (renewed && !held_.empty() && held_.back().to >= cluster_.Now()) {
        held_.back().to = until;
      } else if (until > cluster_.Now()) {  // Else the answer came too late to be of use.
        held_.push_back({cluster_.Now(), until, grant_.fence, grant_.token});
      }
    } else if (answer.ok()) {
      grant_ = {};
    }
    Later(LaterThan(200'000, 800'000));
  }

  Leases leases_;
  LeaseGrant grant_;
  std::vector<Held> held_;
};

class LeaseRivals : public ::testing::TestWithParam<uint64_t> {};

TEST_P(LeaseRivals, NeverTwoAtOnceAndFencesOnlyGrowThroughKillsAndWrongClocks) {
  SimulatedCluster cluster(GetParam());
  for (size_t node = 0; node < 3; ++node) {
    cluster.simulation().cluster().SetDrift(node, node == GetParam() % 3 ? -20'000 : 20'000);
  }
  std::deque<Rival> rivals;
  for (int i = 0; i < 4; ++i) {
    Program& program = cluster.Add(absl::StrCat("rival", i), std::chrono::seconds(3));
    program.wall_offset = static_cast<int64_t>(cluster.random().Below(20'000'000)) - 10'000'000;
    rivals.emplace_back(cluster, program);
  }
  Begin(rivals);
  cluster.KillLeadersFor(60 * kSecond);
  Finish(cluster, rivals);
  std::vector<Rival::Held> all;
  int holders = 0;
  for (const Rival& rival : rivals) {
    holders += !rival.held().empty();
    all.insert(all.end(), rival.held().begin(), rival.held().end());
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_GE(all[i].from, all[i - 1].to) << "two at once, number " << i;
    // A renewal that came through after its holder had given up hope is the same grant.
    if (all[i].token == all[i - 1].token) continue;
    EXPECT_GT(all[i].fence, all[i - 1].fence) << "number " << i;
  }
  EXPECT_GT(all.size(), 8u);
  EXPECT_GT(holders, 1);
  for (size_t node = 0; node < 3; ++node) cluster.simulation().cluster().SetDrift(node, 0);
  cluster.ExpectAllIsWell();
}
INSTANTIATE_TEST_SUITE_P(Seeds, LeaseRivals, ::testing::Range<uint64_t>(1, 5));

TEST(Lease, ATableWhoseNamesAreItsOwnIsRefused) {
  SimulatedCluster cluster(7);
  Program& program = cluster.Add("a");
  Leases wrong(*program.client, PrimitiveTable("items", "token"), {}, program.clock);
  const auto refused = cluster.Run(wrong.Acquire("name", "a"));
  EXPECT_TRUE(refused.refused());
  EXPECT_EQ(refused.code(), api::INVALID);
}

}  // namespace
}  // namespace fastpath::client
