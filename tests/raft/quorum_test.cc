#include "raft/quorum.h"

#include <map>

#include "gtest/gtest.h"

namespace fastpath::raft {
namespace {

std::vector<Member> Members(std::initializer_list<ReplicaId> ids) {
  std::vector<Member> members;
  for (ReplicaId id : ids) members.push_back({id, static_cast<NodeId>(id)});
  return members;
}

struct ValueCase {
  const char* name;
  std::initializer_list<ReplicaId> voters;
  std::initializer_list<ReplicaId> outgoing;
  std::map<ReplicaId, uint64_t> values;
  uint64_t expected;
};

TEST(Quorum, HighestValueEveryMajorityReached) {
  const ValueCase cases[] = {
      {"nobody decides nothing", {}, {}, {{1, 9}}, 0},
      {"one", {1}, {}, {{1, 5}}, 5},
      {"two need both", {1, 2}, {}, {{1, 5}, {2, 3}}, 3},
      {"three: the middle one", {1, 2, 3}, {}, {{1, 5}, {2, 3}, {3, 9}}, 5},
      {"three, one silent", {1, 2, 3}, {}, {{1, 5}, {2, 3}}, 3},
      {"three, two silent", {1, 2, 3}, {}, {{1, 5}}, 0},
      {"four need three", {1, 2, 3, 4}, {}, {{1, 9}, {2, 8}, {3, 7}, {4, 6}}, 7},
      {"five", {1, 2, 3, 4, 5}, {}, {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}}, 3},
      {"others do not count", {1, 2, 3}, {}, {{1, 1}, {2, 1}, {4, 9}, {5, 9}}, 1},
      {"joint: the lower half", {1, 2, 3}, {4, 5, 6}, {{1, 9}, {2, 9}, {4, 2}, {5, 3}}, 2},
      {"joint: the other half", {1, 2, 3}, {4, 5, 6}, {{1, 2}, {2, 3}, {4, 9}, {5, 9}}, 2},
      {"joint: overlap", {1, 2, 4}, {1, 2, 3}, {{1, 7}, {2, 6}}, 6},
      {"joint: outgoing silent", {1}, {2}, {{1, 7}}, 0},
      {"joint: incoming silent", {1}, {2}, {{2, 7}}, 0},
  };
  for (const ValueCase& c : cases) {
    Configuration configuration{Members(c.voters), Members(c.outgoing), {}};
    EXPECT_EQ(QuorumValue(configuration,
                          [&](ReplicaId id) {
                            auto at = c.values.find(id);
                            return at == c.values.end() ? uint64_t{0} : at->second;
                          }),
              c.expected)
        << c.name;
  }
}

struct VoteCase {
  const char* name;
  std::initializer_list<ReplicaId> voters;
  std::initializer_list<ReplicaId> outgoing;
  std::map<ReplicaId, int> votes;
  Tally expected;
};

TEST(Quorum, VotesAreWonLostOrPending) {
  const VoteCase cases[] = {
      {"nobody elects nobody", {}, {}, {{1, 1}}, Tally::kLost},
      {"one yes", {1}, {}, {{1, 1}}, Tally::kWon},
      {"one no", {1}, {}, {{1, -1}}, Tally::kLost},
      {"two, one yes", {1, 2}, {}, {{1, 1}}, Tally::kPending},
      {"two, one no", {1, 2}, {}, {{1, 1}, {2, -1}}, Tally::kLost},
      {"three, two yes", {1, 2, 3}, {}, {{1, 1}, {3, 1}}, Tally::kWon},
      {"three, split", {1, 2, 3}, {}, {{1, 1}, {2, -1}}, Tally::kPending},
      {"three, two no", {1, 2, 3}, {}, {{1, 1}, {2, -1}, {3, -1}}, Tally::kLost},
      {"four, two yes", {1, 2, 3, 4}, {}, {{1, 1}, {2, 1}}, Tally::kPending},
      {"four, two no lose", {1, 2, 3, 4}, {}, {{1, 1}, {3, -1}, {4, -1}}, Tally::kLost},
      {"others do not count", {1, 2, 3}, {}, {{1, 1}, {4, 1}, {5, 1}}, Tally::kPending},
      {"joint, one half", {1, 2}, {3, 4}, {{1, 1}, {2, 1}}, Tally::kPending},
      {"joint, both halves", {1, 2}, {2, 3}, {{1, 1}, {2, 1}, {3, 1}}, Tally::kWon},
      {"joint, incoming lost", {1}, {2, 3, 4}, {{1, -1}, {2, 1}, {3, 1}}, Tally::kLost},
      {"joint, outgoing lost", {1}, {2, 3}, {{1, 1}, {2, -1}}, Tally::kLost},
  };
  for (const VoteCase& c : cases) {
    Configuration configuration{Members(c.voters), Members(c.outgoing), Members({9})};
    EXPECT_EQ(QuorumVotes(configuration,
                          [&](ReplicaId id) {
                            auto at = c.votes.find(id);
                            return at == c.votes.end() ? 0 : at->second;
                          }),
              c.expected)
        << c.name;
  }
}

TEST(Quorum, AnyTwoMajoritiesMeet) {
  for (size_t size = 1; size <= kMaxVoters; ++size) {
    EXPECT_GT(2 * Majority(size), size);
    EXPECT_LE(Majority(size), size);
  }
}

TEST(Quorum, LoneVoterIsAloneAndNotJoint) {
  Configuration configuration{Members({1}), {}, Members({2})};
  EXPECT_TRUE(IsLoneVoter(configuration, 1));
  EXPECT_FALSE(IsLoneVoter(configuration, 2));
  configuration.outgoing = Members({1, 2});
  EXPECT_FALSE(IsLoneVoter(configuration, 1));
  EXPECT_TRUE(IsVoter(configuration, 2));
  EXPECT_FALSE(IsVoter(configuration, 3));
}

}  // namespace
}  // namespace fastpath::raft
