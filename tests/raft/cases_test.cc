// The races that broke other systems, one test or more for each of the core's
// failure cases (1 to 11), named after the race. Besides what a test asserts,
// SimCluster checks every safety property throughout.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/raft/sim_cluster.h"

namespace fastpath::raft {
namespace {

std::vector<Member> Members(std::initializer_list<ReplicaId> ids) {
  std::vector<Member> members;
  for (ReplicaId id : ids) members.push_back({id, static_cast<NodeId>(id)});
  return members;
}

class Cases : public testing::Test {
 protected:
  void Make(size_t nodes, std::initializer_list<ReplicaId> voters,
            std::initializer_list<ReplicaId> learners = {}) {
    setup.nodes = nodes;
    setup.initial = {Members(voters), {}, Members(learners)};
    cluster = std::make_unique<SimCluster>(setup);
    cluster->admit = [this](const Message& m) { return !cut[m.from][m.to]; };
    for (ReplicaId id = 1; id <= nodes; ++id) cluster->Start(id);
  }
  void TearDown() override { EXPECT_EQ(cluster->checker.violations, std::vector<std::string>{}); }

  const Raft& raft(ReplicaId id) { return *cluster->node(id).raft; }
  void Settle() {
    cluster->Settle([](const Message&) { return true; });
  }
  void SettleOnly(const std::function<bool(const Message&)>& deliverable) {
    cluster->Settle(deliverable);
  }
  void Elect(ReplicaId id) {
    cluster->Campaign(id);
    Settle();
    ASSERT_TRUE(raft(id).is_leader());
  }
  void Wait(Micros micros) { cluster->now += micros; }
  // Time passes, timers fire, messages arrive.
  void Run(Micros micros) {
    const Micros until = cluster->now + micros;
    while (cluster->now < until) {
      cluster->now += 10'000;
      for (ReplicaId id = 1; id <= cluster->size(); ++id) {
        SimNode& node = cluster->node(id);
        if (node.raft == nullptr || node.paused) continue;
        if (node.raft->next_deadline() <= cluster->NowOf(node)) cluster->Tick(id);
      }
      Settle();
      cluster->CheckLeases();
    }
  }
  void Isolate(ReplicaId id) {
    for (ReplicaId other = 1; other <= cluster->size(); ++other)
      cut[id][other] = cut[other][id] = true;
  }
  void Heal() {
    for (auto& row : cut) std::fill(std::begin(row), std::end(row), false);
  }
  ReplicaId Leader() {
    ReplicaId best = 0;
    for (ReplicaId id = 1; id <= cluster->size(); ++id) {
      if (!cluster->alive(id) || !raft(id).is_leader()) continue;
      if (best == 0 || raft(id).term() > raft(best).term()) best = id;
    }
    return best;
  }
  size_t Count(MessageType type, ReplicaId from) {
    return std::count_if(cluster->network.begin(), cluster->network.end(), [&](const Envelope& e) {
      return e.message.type == type && e.message.from == from;
    });
  }
  // Delivers the oldest message of a link; false if there is none.
  bool Deliver(ReplicaId from, ReplicaId to, bool keep = false) {
    for (size_t i = 0; i < cluster->network.size(); ++i) {
      const Message& m = cluster->network[i].message;
      if (m.from != from || m.to != to) continue;
      cluster->Deliver(i, keep);
      return true;
    }
    return false;
  }

  SimCluster::Setup setup;
  std::unique_ptr<SimCluster> cluster;
  bool cut[10][10] = {};
};

bool IsElection(const Message& m) {
  return m.type == MessageType::kPreVote || m.type == MessageType::kPreVoteReply ||
         m.type == MessageType::kVote || m.type == MessageType::kVoteReply;
}

// --- 1

// Two candidates of one term ask the same voter, which crashes between its vote
// for the first and the reply.
class Case01 : public Cases {
 protected:
  void VoteThenCrash(size_t writes_that_reached_disk) {
    Make(3, {1, 2, 3});
    cluster->Campaign(1);
    cluster->Campaign(3);
    ASSERT_TRUE(Deliver(1, 2) && Deliver(3, 2));  // Pre-votes: both are fine.
    ASSERT_TRUE(Deliver(2, 1) && Deliver(2, 3));
    cluster->network.clear();
    ASSERT_EQ(raft(1).role(), Role::kCandidate);
    ASSERT_EQ(raft(3).role(), Role::kCandidate);
    EXPECT_EQ(Count(MessageType::kVote, 1), 0u) << "the own vote first";
    cluster->Sync(1);
    cluster->Sync(3);
    ASSERT_TRUE(Deliver(1, 2));
    EXPECT_EQ(raft(2).hard_state().vote, 1u);
    EXPECT_EQ(Count(MessageType::kVoteReply, 2), 0u) << "not before it is on disk";
    cluster->Crash(2, writes_that_reached_disk);
    cluster->Start(2);
    Wait(1'300'000);
    ASSERT_TRUE(Deliver(3, 2));
    cluster->Sync(2);
  }
};

TEST_F(Case01, Case01_CrashBeforeTheVoteWasSynced) {
  VoteThenCrash(0);
  EXPECT_EQ(cluster->node(2).hard_state.vote, 3u) << "it never told anybody of the first";
}

TEST_F(Case01, Case01_CrashBetweenTheSyncedVoteAndItsReply) {
  VoteThenCrash(1);
  EXPECT_EQ(cluster->node(2).hard_state.vote, 1u);
  ASSERT_TRUE(Deliver(2, 3));
  EXPECT_FALSE(raft(3).is_leader());
}

// --- 2

TEST_F(Cases, Case02_NoChangeBeforeTheTermCommitted) {
  Make(4, {1, 2, 3});
  cluster->Campaign(1);
  SettleOnly(IsElection);
  ASSERT_TRUE(raft(1).is_leader());
  EXPECT_EQ(cluster->Change(1, {Members({1, 2, 4}), {}, {}}).code(),
            absl::StatusCode::kFailedPrecondition);
  Settle();
  EXPECT_TRUE(cluster->Change(1, {Members({1, 2, 4}), {}, {}}).ok());
}

// A leader's change reaches nobody, its successor makes another from the same
// configuration, the first returns: adds and removals in all combinations.
TEST_F(Cases, Case02_ConcurrentAddsAndRemovalsNeverSplitTheGroup) {
  const Configuration add5{Members({1, 2, 3, 4, 5}), {}, {}};
  const Configuration add6{Members({1, 2, 3, 4, 6}), {}, {}};
  const Configuration remove1{Members({2, 3, 4}), {}, {}};
  const Configuration remove4{Members({1, 2, 3}), {}, {}};
  const std::pair<Configuration, Configuration> pairs[] = {
      {add5, remove1}, {remove4, add6}, {add5, add6}, {remove4, remove1}};
  for (const auto& [first, second] : pairs) {
    Heal();
    Make(6, {1, 2, 3, 4});
    Elect(1);
    Isolate(1);
    ASSERT_TRUE(cluster->Change(1, first).ok());
    EXPECT_TRUE(raft(1).configuration().joint());
    Run(3'000'000);
    const ReplicaId successor = Leader();
    ASSERT_NE(successor, 1u);
    ASSERT_NE(successor, 0u);
    ASSERT_TRUE(cluster->Change(successor, second).ok());
    Run(1'000'000);
    Heal();
    Run(3'000'000);
    const ReplicaId leader = Leader();
    ASSERT_NE(leader, 0u);
    EXPECT_EQ(raft(leader).configuration(), second);
    for (const Member& m : second.voters) EXPECT_EQ(raft(m.replica).configuration(), second);
    EXPECT_TRUE(cluster->Propose(leader, "after").ok());
    Settle();
    EXPECT_EQ(raft(leader).commit(), raft(leader).last_index());
    EXPECT_EQ(cluster->checker.violations, std::vector<std::string>{});
  }
}

// --- 3

TEST_F(Cases, Case03_AnUncommittedConfigurationRollsBack) {
  Make(4, {1, 2, 3});
  Elect(1);
  const Configuration before = raft(1).configuration();
  Isolate(1);
  ASSERT_TRUE(cluster->Change(1, {Members({1, 4}), {}, {}}).ok());
  while (cluster->Sync(1)) {
  }
  EXPECT_EQ(raft(1).configuration().voters, Members({1, 4})) << "in force from its append";
  Run(3'000'000);
  EXPECT_EQ(raft(1).configuration().voters, Members({1, 4}));
  Heal();
  Run(2'000'000);
  EXPECT_EQ(raft(1).configuration(), before);
  EXPECT_GT(cluster->counts.truncations, 0u);
  EXPECT_NE(Leader(), 0u);
}

// Half the old voters and half the new ones have the joint configuration when
// the leader is cut off: neither half alone elects anybody.
TEST_F(Cases, Case03_NeitherHalfOfAJointConfigurationDecidesAlone) {
  Make(6, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Change(1, {Members({4, 5, 6}), {}, {}}).ok());
  SettleOnly([](const Message& m) {
    return m.type != MessageType::kAppendReply || (m.reject && m.from >= 4);
  });
  for (ReplicaId a = 1; a <= 3; ++a) {
    for (ReplicaId b = 4; b <= 6; ++b) cut[a][b] = cut[b][a] = true;
  }
  cluster->network.clear();
  const Index before = cluster->checker.max_committed();
  Run(6'000'000);
  EXPECT_EQ(Leader(), 0u);
  EXPECT_EQ(cluster->checker.max_committed(), before);
  Heal();
  Run(4'000'000);
  ASSERT_NE(Leader(), 0u);
  EXPECT_EQ(raft(Leader()).configuration().voters, Members({4, 5, 6}));
}

// Only the replica that was left out has the final configuration.
TEST_F(Cases, Case03_AReplicaLeftOutByAnUncommittedConfigurationStillStands) {
  Make(4, {2, 3});
  Elect(2);
  ASSERT_TRUE(cluster->Change(2, {Members({3, 4}), {}, {}}).ok());
  SettleOnly([](const Message& m) { return m.entries.empty() || m.entries.back().index <= 2; });
  ASSERT_EQ(raft(2).configuration().voters, Members({3, 4}));
  ASSERT_FALSE(raft(2).configuration().joint());
  ASSERT_TRUE(raft(3).configuration().joint());
  cluster->network.clear();
  cluster->Crash(2, 9);
  cluster->Start(2);
  Run(6'000'000);
  ASSERT_NE(Leader(), 0u);
  EXPECT_NE(Leader(), 2u);
  EXPECT_EQ(raft(Leader()).configuration().voters, Members({3, 4}));
}

// The leader of one crashed with a joint configuration that nobody else knows.
TEST_F(Cases, Case03_ReplicasThatNeverHeardOfTheGroupElectItsOnlyMember) {
  Make(3, {1});
  Elect(1);
  cut[1][2] = cut[1][3] = true;
  ASSERT_TRUE(cluster->Change(1, {Members({1, 2, 3}), {}, {}}).ok());
  while (cluster->Sync(1)) {
  }
  cluster->Crash(1, 0);
  Heal();
  cluster->Start(1);
  Run(4'000'000);
  EXPECT_EQ(Leader(), 1u);
  EXPECT_EQ(raft(2).configuration().voters, Members({1, 2, 3}));
}

// --- 4

TEST_F(Cases, Case04_TheLeaderRemovesItself) {
  Make(3, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Change(1, {Members({2, 3}), {}, {}}).ok());
  Settle();
  EXPECT_FALSE(raft(1).is_leader());
  ASSERT_NE(Leader(), 0u) << "handed over at once";
  const Term term = raft(Leader()).term();
  Run(5'000'000);
  EXPECT_EQ(raft(Leader()).term(), term) << "the removed one disturbs nobody";
  EXPECT_TRUE(cluster->Propose(Leader(), "x").ok());
}

TEST_F(Cases, Case04_TheLeaderOfTwoRemovesItself) {
  Make(2, {1, 2});
  Elect(1);
  ASSERT_TRUE(cluster->Change(1, {Members({2}), {}, {}}).ok());
  Run(3'000'000);
  EXPECT_EQ(Leader(), 2u);
  EXPECT_TRUE(cluster->Propose(2, "x").ok());
  Settle();
  EXPECT_EQ(raft(2).commit(), raft(2).last_index());
}

// The removed leader is gone before the other knew that it was alone.
TEST_F(Cases, Case04_TheLeaderOfTwoRemovesItselfAndDiesBeforeItCouldHandOver) {
  Make(2, {1, 2});
  Elect(1);
  ASSERT_TRUE(cluster->Change(1, {Members({2}), {}, {}}).ok());
  SettleOnly([](const Message& m) { return m.type != MessageType::kTimeoutNow; });
  cluster->network.clear();
  cluster->Crash(1, 0);
  Run(3'000'000);
  EXPECT_EQ(Leader(), 2u);
}

// --- 5

TEST_F(Cases, Case05_LearnersNeverCount) {
  Make(5, {1, 2, 3}, {4, 5});
  Elect(1);
  cut[2][1] = cut[3][1] = true;
  const Index before = raft(1).commit();
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  Settle();
  for (const Raft::Progress& p : raft(1).progress()) {
    if (!p.voter) {
      EXPECT_EQ(p.match, raft(1).last_index());
    }
  }
  EXPECT_EQ(raft(1).commit(), before) << "three of five have it, one of three voters";
  cut[1][2] = cut[1][3] = cut[2][3] = cut[3][2] = true;
  Run(4'000'000);
  EXPECT_EQ(Leader(), 0u) << "learners answer, learners would vote: nobody leads";
  EXPECT_EQ(raft(4).role(), Role::kFollower);
}

TEST_F(Cases, Case05_RemovedReplicasNeverCount) {
  Make(5, {1, 2, 3, 4, 5});
  Elect(1);
  ASSERT_TRUE(cluster->Change(1, {Members({1, 2, 3}), {}, {}}).ok());
  Settle();
  cut[2][1] = cut[3][1] = true;
  const Index before = raft(1).commit();
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  Message forged;  // As if a removed replica had it.
  forged.type = MessageType::kAppendReply;
  forged.to = 1;
  forged.term = raft(1).term();
  forged.index = raft(1).last_index();
  for (ReplicaId removed : {4, 5}) {
    forged.from = removed;
    cluster->network.push_back({forged, 0});
  }
  Settle();
  EXPECT_EQ(raft(1).commit(), before);
}

// --- 6

TEST_F(Cases, Case06_NoReadBeforeTheTermsFirstCommit) {
  Make(3, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  SettleOnly([](const Message& m) { return m.type != MessageType::kHeartbeat; });
  const Index committed = raft(1).commit();
  ASSERT_LT(raft(2).commit(), committed) << "its successor does not know";
  cluster->network.clear();
  cluster->Crash(1, 0);
  Wait(700'000);
  cluster->Campaign(2);
  SettleOnly(IsElection);
  ASSERT_TRUE(raft(2).is_leader());
  cluster->Read(2, 1);
  SettleOnly([](const Message& m) {
    return m.type == MessageType::kHeartbeat || m.type == MessageType::kHeartbeatReply;
  });
  EXPECT_TRUE(raft(2).lease_valid(cluster->NowOf(cluster->node(2))));
  EXPECT_EQ(raft(2).LeaseRead(cluster->NowOf(cluster->node(2))), std::nullopt);
  EXPECT_EQ(cluster->node(2).reads.size(), 1u) << "still waiting";
  Settle();
  EXPECT_TRUE(cluster->node(2).reads.empty());
  EXPECT_GE(*raft(2).LeaseRead(cluster->NowOf(cluster->node(2))), committed);
}

// --- 7

TEST_F(Cases, Case07_PausedLeaderServesNoStaleRead) {
  Make(3, {1, 2, 3});
  Elect(1);
  cluster->node(1).paused = true;
  Run(3'000'000);
  const ReplicaId successor = Leader();
  ASSERT_NE(successor, 1u);
  ASSERT_TRUE(cluster->Propose(successor, "new").ok());
  Settle();
  cluster->node(1).paused = false;
  ASSERT_TRUE(raft(1).is_leader()) << "it does not know yet";
  EXPECT_EQ(raft(1).LeaseRead(cluster->NowOf(cluster->node(1))), std::nullopt);
  cluster->Read(1, 1);
  EXPECT_EQ(cluster->node(1).reads.size(), 1u) << "not granted from its own state";
  const uint64_t granted = cluster->counts.reads;
  Settle();
  EXPECT_EQ(cluster->counts.reads, granted);
  EXPECT_TRUE(cluster->node(1).reads.empty()) << "failed";
}

TEST_F(Cases, Case07_AnswersThatWaitedOutAPauseRenewNoLease) {
  Make(3, {1, 2, 3});
  Elect(1);
  Wait(100'000);
  cluster->Tick(1);
  ASSERT_TRUE(Deliver(1, 2) && Deliver(1, 3));  // Answered now, read after the pause.
  cluster->node(1).paused = true;
  Run(3'000'000);
  ASSERT_NE(Leader(), 1u);
  ASSERT_TRUE(cluster->Propose(Leader(), "new").ok());
  Settle();
  cluster->node(1).paused = false;
  while (Deliver(2, 1) || Deliver(3, 1)) cluster->CheckLeases();
  EXPECT_EQ(raft(1).LeaseRead(cluster->NowOf(cluster->node(1))), std::nullopt);
}

TEST_F(Cases, Case07_RepeatedAcknowledgementsConfirmNoNewerRead) {
  Make(3, {1, 2, 3});
  Elect(1);
  Wait(560'000);  // No lease: a read needs its round.
  cluster->Read(1, 1);
  ASSERT_TRUE(Deliver(1, 2));
  ASSERT_TRUE(Deliver(2, 1, /*keep=*/true));
  EXPECT_TRUE(cluster->node(1).reads.empty());
  Wait(560'000);
  cluster->Read(1, 2);
  ASSERT_TRUE(Deliver(2, 1));  // The same answer again.
  EXPECT_EQ(cluster->node(1).reads.size(), 1u);
  Settle();
  EXPECT_TRUE(cluster->node(1).reads.empty());
}

TEST_F(Cases, Case07_ALeaseEndsBeforeAnybodyElseCanLead) {
  Make(3, {1, 2, 3});
  cluster->node(1).rate = 0.95;  // The leader's clock is slow, the others' are fast.
  cluster->node(2).rate = 1.05;
  cluster->node(3).rate = 1.05;
  Elect(1);
  Run(1'000'000);
  Isolate(1);
  for (int i = 0; i < 300 && Leader() == 1; ++i) Run(10'000);
  ASSERT_NE(Leader(), 1u);
  EXPECT_EQ(raft(1).LeaseRead(cluster->NowOf(cluster->node(1))), std::nullopt);
}

TEST_F(Cases, Case07_ATransferEndsTheLeaseAndALateTimeoutNowIsIgnored) {
  Make(3, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Transfer(1, 2).ok());
  ASSERT_EQ(Count(MessageType::kTimeoutNow, 1), 1u);
  EXPECT_FALSE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  Message late;
  for (const Envelope& e : cluster->network) {
    if (e.message.type == MessageType::kTimeoutNow) late = e.message;
  }
  cluster->admit = [](const Message& m) { return m.type != MessageType::kTimeoutNow; };
  cluster->network.clear();
  Run(1'150'000);
  EXPECT_FALSE(raft(1).lease_valid(cluster->NowOf(cluster->node(1)))) << "not before it gives up";
  Run(500'000);
  EXPECT_TRUE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  cluster->network.push_back({late, 0});
  Settle();
  EXPECT_EQ(raft(2).role(), Role::kFollower);
  EXPECT_TRUE(raft(1).is_leader());
}

// A follower that restarts forgets that it promised not to vote.
TEST_F(Cases, Case07_ARestartedVoterSitsOutTheLeaseItHelpedToGrant) {
  Make(3, {1, 2, 3});
  Elect(1);
  Wait(100'000);
  cluster->Tick(1);
  ASSERT_TRUE(Deliver(1, 2));
  ASSERT_TRUE(Deliver(2, 1));
  ASSERT_TRUE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  cluster->network.clear();
  Isolate(1);
  cluster->Crash(2, 0);
  cluster->Start(2);
  cluster->Crash(3, 0);
  cluster->Start(3);
  for (int i = 0; i < 120; ++i) {
    Run(10'000);
    EXPECT_EQ(raft(2).role(), Role::kFollower);
    EXPECT_EQ(raft(3).role(), Role::kFollower);
  }
  Run(2'000'000);
  EXPECT_NE(Leader(), 1u);
}

// 3 lost sight of the leader long ago; 2 has just helped to renew its lease.
TEST_F(Cases, Case07_ARestartedVoterElectsNobodyWhileTheLeaseMayLive) {
  Make(3, {1, 2, 3});
  Elect(1);
  cut[1][3] = cut[3][1] = cut[2][3] = cut[3][2] = true;
  Run(1'000'000);
  ASSERT_TRUE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  cluster->network.clear();
  Heal();
  cut[1][2] = cut[2][1] = cut[1][3] = cut[3][1] = true;
  cluster->Crash(2, 0);
  cluster->Start(2);
  cluster->Campaign(3);
  Settle();
  EXPECT_FALSE(raft(3).is_leader());
  EXPECT_TRUE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  Run(3'000'000);
  EXPECT_NE(Leader(), 1u);
}

TEST_F(Cases, Case07_ALaterTermDoesNotEndThePromiseToTheLeader) {
  Make(3, {1, 2, 3});
  Elect(1);
  Run(200'000);
  SimNode& node = cluster->node(2);
  Message later;  // 2 forgets who leads.
  later.type = MessageType::kAppendReply;
  later.from = 3;
  later.to = 2;
  later.term = 5;
  later.reject = true;
  cluster->network.push_back({later, 0});
  ASSERT_TRUE(Deliver(3, 2));
  ASSERT_EQ(raft(2).leader(), 0u);
  Message vote = later;
  vote.type = MessageType::kVote;
  vote.index = 100;
  vote.log_term = 4;
  vote.reject = false;
  for (Term term : {5, 6}) {
    vote.term = term;
    cluster->network.push_back({vote, 0});
    ASSERT_TRUE(Deliver(3, 2));
    EXPECT_EQ(node.raft->hard_state().vote, 0u) << term;
  }
  ASSERT_TRUE(raft(1).lease_valid(cluster->NowOf(cluster->node(1))));
  Wait(700'000);
  cluster->network.push_back({vote, 0});
  ASSERT_TRUE(Deliver(3, 2));
  EXPECT_EQ(node.raft->hard_state().vote, 3u) << "the promise has run out";
}

// --- 8

TEST_F(Cases, Case08_AFollowerThatHearsNothingCausesNoElections) {
  Make(3, {1, 2, 3});
  Elect(1);
  cut[1][3] = cut[2][3] = true;  // It can still ask for votes.
  Run(10'000'000);
  EXPECT_EQ(Leader(), 1u);
  EXPECT_EQ(raft(1).term(), 1u);
  EXPECT_EQ(raft(3).term(), 1u);
  Heal();
  Run(1'000'000);
  EXPECT_EQ(Leader(), 1u);
  EXPECT_EQ(raft(3).leader(), 1u);
}

TEST_F(Cases, Case08_ALeaderThatHearsNothingMakesWay) {
  Make(3, {1, 2, 3});
  Elect(1);
  cut[2][1] = cut[3][1] = true;  // Its heartbeats still hold the others back.
  Run(4'000'000);
  ASSERT_NE(Leader(), 0u);
  EXPECT_NE(Leader(), 1u);
  EXPECT_TRUE(cluster->Propose(Leader(), "x").ok());
  Settle();
  EXPECT_EQ(raft(Leader()).commit(), raft(Leader()).last_index());
}

TEST_F(Cases, Case08_ABridgeKeepsOneLeader) {
  Make(3, {1, 2, 3});
  Elect(1);
  cut[1][2] = cut[2][1] = true;  // 3 reaches both.
  Run(15'000'000);
  const ReplicaId leader = Leader();
  ASSERT_NE(leader, 0u);
  EXPECT_LE(raft(leader).term(), 2u) << "no storm";
  ASSERT_TRUE(cluster->Propose(leader, "x").ok());
  Settle();
  EXPECT_EQ(raft(leader).commit(), raft(leader).last_index());
}

TEST_F(Cases, Case08_AReplicaOfALaterTermIsNotLockedOut) {
  Make(3, {1, 2, 3});
  Elect(1);
  // 3 stood by order of a transfer whose votes were all lost.
  cut[3][1] = cut[3][2] = true;
  ASSERT_TRUE(cluster->Transfer(1, 3).ok());
  ASSERT_TRUE(Deliver(1, 3));
  ASSERT_EQ(raft(3).term(), 2u);
  Heal();
  Run(4'000'000);
  ASSERT_NE(Leader(), 0u);
  EXPECT_EQ(raft(3).leader(), Leader());
  EXPECT_GE(raft(Leader()).term(), 2u);
}

// --- 9

// Figure 8 of the Raft paper, letter by letter.
TEST_F(Cases, Case09_EntriesOfEarlierTermsAreNotCommittedByCounting) {
  setup.options.append_limit_bytes = 1;  // One entry a message.
  Make(5, {1, 2, 3, 4, 5});
  Elect(1);
  cut[1][3] = cut[1][4] = cut[1][5] = true;  // (a) x reaches 2 only.
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  Settle();
  const Index x = raft(1).last_index();
  const Index committed = raft(1).commit();
  ASSERT_LT(committed, x);
  cluster->Crash(1, 9);
  Heal();
  Wait(700'000);  // (b) 5 leads with the votes of 3 and 4, has an entry of its own.
  cut[5][2] = true;
  cluster->Campaign(5);
  SettleOnly(IsElection);
  ASSERT_TRUE(raft(5).is_leader());
  cluster->network.clear();
  cluster->Crash(5, 9);
  Heal();
  cluster->Start(1);  // (c) 1 leads again and brings x to 3 and 4.
  Wait(1'300'000);
  for (int i = 0; i < 2; ++i) {  // The first time it learns of 5's term.
    cluster->Campaign(1);
    SettleOnly(IsElection);
  }
  ASSERT_TRUE(raft(1).is_leader());
  SettleOnly([&](const Message& m) {  // What follows x arrives only where it is rejected.
    const bool up_to_x = m.entries.empty() || m.entries.back().index <= x;
    return m.from != 2 && m.to != 2 && (up_to_x || !raft(m.to).term_at(x));
  });
  EXPECT_EQ(cluster->node(3).disk_term(x), 1u);
  EXPECT_EQ(cluster->node(4).disk_term(x), 1u);
  EXPECT_EQ(raft(1).commit(), committed) << "on a majority, but of an earlier term";
  cluster->network.clear();
  cluster->Crash(1, 9);
  cluster->Start(5);  // (d) 5 leads and overwrites it.
  Wait(1'900'000);
  for (int i = 0; i < 2; ++i) {
    cluster->Campaign(5);
    Settle();
  }
  ASSERT_TRUE(raft(5).is_leader());
  EXPECT_EQ(raft(3).term_at(x), 2u);
  EXPECT_GT(cluster->counts.truncations, 0u);
}

// --- 10

class Case10 : public Cases {
 protected:
  // 3 lacks what 1 has compacted; a first snapshot is on offer.
  void Lag() {
    Make(3, {1, 2, 3});
    Elect(1);
    Isolate(3);
    ProposeMany(10);
    cluster->Persist(1);
    cluster->Compact(1, raft(1).applied());
    Heal();
    Wait(100'000);
    cluster->Tick(1);
    while (cluster->node(1).snapshots.empty()) {
      if (!Deliver(1, 3) && !Deliver(3, 1)) break;
    }
    ASSERT_EQ(cluster->node(1).snapshots.size(), 1u);
  }
  void ProposeMany(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(cluster->Propose(1, absl::StrCat("v", i)).ok());
    SettleOnly([](const Message& m) { return m.from != 3 && m.to != 3; });
  }
  void ExpectCaughtUp() {
    Run(6'000'000);
    EXPECT_EQ(raft(3).applied(), raft(1).applied());
    EXPECT_EQ(cluster->node(3).state.digest, cluster->node(1).state.digest);
  }
};

TEST_F(Case10, Case10_TheLogIsCutWhileASnapshotTravels) {
  Lag();
  ASSERT_TRUE(cluster->SendSnapshot(1, true));
  const std::optional<SimSnapshot> travelling = std::exchange(cluster->node(3).incoming, {});
  ProposeMany(10);
  cluster->Persist(1);
  cluster->Compact(1, raft(1).applied());
  cluster->node(3).incoming = travelling;
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  EXPECT_LT(raft(3).applied(), raft(1).first_index() - 1);
  ExpectCaughtUp();
  EXPECT_EQ(cluster->counts.snapshots, 2u);
}

TEST_F(Case10, Case10_TwoSnapshotsInQuickSuccession) {
  Lag();
  ASSERT_TRUE(cluster->SendSnapshot(1, true));
  const SimSnapshot first = *cluster->node(3).incoming;
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  cluster->node(3).incoming = first;  // Again, before it even acknowledged.
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  EXPECT_EQ(cluster->counts.snapshots, 1u) << "it brings nothing new";
  ProposeMany(5);
  SimSnapshot second = cluster->node(1).state;
  ASSERT_GT(second.meta.index, first.meta.index);
  cluster->node(3).incoming = second;
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  EXPECT_EQ(raft(3).applied(), second.meta.index);
  cluster->node(3).incoming = first;  // The older one last.
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  EXPECT_EQ(raft(3).applied(), second.meta.index);
  ExpectCaughtUp();
}

// Nobody else is there with whom anything could be committed, and a later snapshot be wanted.
TEST_F(Case10, Case10_AnInstallOfWhichNoWordCameBackIsFoundOut) {
  Lag();
  cluster->Crash(2, 0);
  cluster->node(3).incoming = cluster->node(1).state;
  ASSERT_TRUE(cluster->SendSnapshot(1, false)) << "as its sender takes it";
  Isolate(3);
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  Settle();
  Heal();
  const Index before = raft(1).commit();
  ASSERT_TRUE(cluster->Propose(1, "after").ok());
  Run(6'000'000);
  EXPECT_GT(raft(1).commit(), before);
  ExpectCaughtUp();
}

TEST_F(Case10, Case10_CrashBeforeTheInstall) {
  Lag();
  ASSERT_TRUE(cluster->SendSnapshot(1, true));
  cluster->Crash(3, 0);
  cluster->Start(3);
  ExpectCaughtUp();
}

TEST_F(Case10, Case10_CrashBetweenTheInstallAndTheLogReset) {
  Lag();
  ASSERT_TRUE(cluster->SendSnapshot(1, true));
  const Index index = cluster->node(3).incoming->meta.index;
  ASSERT_TRUE(cluster->InstallSnapshot(3, /*crash_before_log_reset=*/true));
  ASSERT_LT(cluster->node(3).disk_last(), index);
  cluster->Start(3);
  EXPECT_EQ(raft(3).applied(), index);
  EXPECT_EQ(raft(3).last_index(), index) << "the old log is discarded";
  ExpectCaughtUp();
}

TEST_F(Case10, Case10_CrashAfterTheInstall) {
  Lag();
  ASSERT_TRUE(cluster->SendSnapshot(1, true));
  const Index index = cluster->node(3).incoming->meta.index;
  ASSERT_TRUE(cluster->InstallSnapshot(3, false));
  cluster->Crash(3, 0);
  cluster->Start(3);
  EXPECT_EQ(raft(3).applied(), index);
  ExpectCaughtUp();
}

// An acknowledged suffix may have counted: a late snapshot must not discard it.
TEST_F(Case10, Case10_ALateSnapshotDoesNotDiscardAcknowledgedEntries) {
  Make(3, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Propose(1, "a").ok());
  SettleOnly([](const Message& m) { return m.to != 3 || !m.entries.empty(); });
  const SimSnapshot snapshot = cluster->node(1).state;
  ASSERT_GT(snapshot.meta.index, raft(3).commit());
  ASSERT_TRUE(cluster->Propose(1, "b").ok());
  SettleOnly([](const Message& m) { return m.to != 3 || !m.entries.empty(); });
  const Index last = raft(3).last_index();
  ASSERT_GT(last, snapshot.meta.index);
  EXPECT_FALSE(raft(3).WantsSnapshot(snapshot.meta));
  cluster->node(3).incoming = snapshot;
  cluster->InstallSnapshot(3, false);
  EXPECT_EQ(raft(3).last_index(), last);
}

// --- 11

TEST_F(Cases, Case11_OldAndDuplicatedMessagesInAnyOrderChangeNothing) {
  Make(3, {1, 2, 3});
  std::vector<Message> history;
  cluster->admit = [&](const Message& m) {
    history.push_back(m);
    return !cut[m.from][m.to];
  };
  Elect(1);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(cluster->Propose(1, absl::StrCat("a", i)).ok());
  Settle();
  ASSERT_TRUE(cluster->Transfer(1, 2).ok());
  Settle();
  ASSERT_EQ(Leader(), 2u);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(cluster->Propose(2, absl::StrCat("b", i)).ok());
  Run(300'000);
  const Term term = raft(2).term();
  const Index last = raft(2).last_index();
  const std::vector<Message> all = history;
  for (size_t stride : {1, 7, 11}) {  // Forwards, and twice shuffled.
    for (size_t i = 0; i < all.size(); ++i) {
      cluster->network.push_back({all[i * stride % all.size()], 0});
    }
    Settle();
  }
  EXPECT_EQ(Leader(), 2u);
  for (ReplicaId id = 1; id <= 3; ++id) {
    EXPECT_EQ(raft(id).term(), term);
    EXPECT_EQ(raft(id).last_index(), last);
    EXPECT_EQ(raft(id).commit(), last);
  }
}

TEST_F(Cases, Case11_MessagesToOthersAreDropped) {
  Make(3, {1, 2, 3});
  Elect(1);
  Message m;
  m.type = MessageType::kHeartbeat;
  m.term = 99;
  m.from = 2;
  m.to = 3;
  SimNode& node = cluster->node(1);
  node.raft->Step(cluster->now, m);
  m.to = 1;
  m.group = 7;
  node.raft->Step(cluster->now, m);
  m.group = 0;
  m.from = 1;
  node.raft->Step(cluster->now, m);
  EXPECT_EQ(node.raft->term(), 1u);
  EXPECT_TRUE(node.raft->is_leader());
}

TEST_F(Cases, Case11_MalformedAppendsAreDropped) {
  Make(3, {1, 2, 3});
  Elect(1);
  SimNode& node = cluster->node(2);
  const Index last = node.raft->last_index();
  Message m;
  m.type = MessageType::kAppend;
  m.term = 1;
  m.from = 1;
  m.to = 2;
  m.index = last;
  m.log_term = 1;
  const Payload payload = std::make_shared<const std::string>("x");
  const Entry good{1, last + 1, EntryKind::kCommand, payload};
  Entry hole = good, future = good, no_payload = good, bad_configuration = good, term0 = good;
  hole.index = last + 2;
  future.term = 2;
  no_payload.payload = nullptr;
  bad_configuration.kind = EntryKind::kConfiguration;
  term0.term = 0;
  for (const Entry& entry : {hole, future, no_payload, bad_configuration, term0}) {
    m.entries = {entry};
    node.raft->Step(cluster->now, m);
    EXPECT_EQ(node.raft->last_index(), last);
  }
  m.entries = {good};
  node.raft->Step(cluster->now, m);
  EXPECT_EQ(node.raft->last_index(), last + 1);
  node.raft->Take();
}

TEST_F(Cases, Case11_TransfersUnderLoadLoseNothing) {
  Make(3, {1, 2, 3});
  Elect(1);
  size_t accepted = 0;
  for (int round = 0; round < 30; ++round) {
    const ReplicaId from = Leader();
    ASSERT_NE(from, 0u);
    const ReplicaId to = from % 3 + 1;
    for (int i = 0; i < 5; ++i) accepted += cluster->Propose(from, "before").ok();
    ASSERT_TRUE(cluster->Transfer(from, to).ok());
    accepted += cluster->Propose(from, "during").ok();
    Settle();
    ASSERT_EQ(Leader(), to) << "round " << round;
    for (int i = 0; i < 5; ++i) accepted += cluster->Propose(to, "after").ok();
    Run(20'000);
  }
  EXPECT_EQ(accepted, 300u) << "refused only while handing over";
  // Accepted ones, and a no-op for each of 31 terms.
  EXPECT_EQ(raft(1).applied(), accepted + 31);
}

// The own disk hangs: appends are acknowledged by others, but nothing is applied.
// Asked while the group slept, and again before anybody answered the write that woke it.
TEST_F(Cases, MembersOfAGroupThatSleptCountAsActiveUntilTheyHadTimeToAnswer) {
  setup.options.quiet_after = 200'000;
  setup.options.quiet_repeat = 10'000'000;
  Make(3, {1, 2, 3});
  Elect(1);
  Run(5'000'000);
  ASSERT_TRUE(raft(1).quiet());
  const auto active = [&] {
    const auto all = raft(1).progress();
    return std::count_if(all.begin(), all.end(), [](const auto& member) { return member.active; });
  };
  EXPECT_EQ(active(), 2);
  Isolate(1);
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  EXPECT_FALSE(raft(1).quiet());
  EXPECT_EQ(active(), 2);
  Run(setup.options.election_timeout_min);
  EXPECT_EQ(active(), 0) << "they had";
}

TEST_F(Cases, ALeaderWhoseDiskHangsMakesWay) {
  Make(3, {1, 2, 3});
  Elect(1);
  ASSERT_TRUE(cluster->Propose(1, "x").ok());
  for (int i = 0; i < 250 && Leader() == 1; ++i) {
    cluster->now += 10'000;
    for (ReplicaId id = 1; id <= 3; ++id) {
      if (raft(id).next_deadline() <= cluster->now) cluster->Tick(id);
      while (Deliver(1, id) || Deliver(id, 1)) {
      }
      if (id != 1) {
        while (cluster->Sync(id)) {
        }
      }
    }
  }
  EXPECT_FALSE(raft(1).is_leader());
}

}  // namespace
}  // namespace fastpath::raft
