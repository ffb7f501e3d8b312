// The planner, followed until it has nothing more to say.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "partition/placement.h"

namespace fastpath::partition {
namespace {

class Placement : public ::testing::Test {
 protected:
  void AddNodes(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t id = map_.nodes_size() + 1;
      map_.add_nodes()->set_id(id);
      live_.push_back(id);
    }
  }
  // Groups 0..count, all on node 1, led by it.
  void AddGroups(uint32_t count) {
    for (uint32_t id = 0; id <= count; ++id) {
      api::GroupDescriptor* group = map_.add_groups();
      group->set_group(id);
      group->add_voters()->set_node(1);
      leaders_[id] = 1;
    }
  }
  std::vector<PlacementStep> Plan(size_t step_limit = 16) {
    return PlanPlacement({&map_, live_, leaders_, 3, step_limit});
  }
  void CarryOut(const PlacementStep& step) {
    if (const auto* add = std::get_if<AddReplica>(&step)) {
      api::GroupDescriptor* group = map_.mutable_groups(add->group);
      for (const api::Member& member : group->voters()) {
        ASSERT_NE(member.node(), add->node) << "two replicas on one node";
      }
      group->clear_learners();
      group->add_voters()->set_node(add->node);
    } else {
      const auto& move = std::get<MoveLeader>(step);
      bool voter = false;
      for (const api::Member& member : map_.groups(move.group).voters()) {
        voter |= member.node() == move.to_node;
      }
      ASSERT_TRUE(voter);
      leaders_[move.group] = move.to_node;
    }
  }
  // False if it does not come to rest.
  bool Settle() {
    for (int round = 0; round < 100; ++round) {
      std::vector<PlacementStep> steps = Plan();
      if (steps.empty()) {
        return true;
      }
      for (const PlacementStep& step : steps) {
        CarryOut(step);
      }
    }
    return false;
  }
  std::map<uint32_t, int> Leads() {
    std::map<uint32_t, int> leads;
    for (uint32_t node : live_) {
      leads[node] = 0;
    }
    for (const auto& [group, node] : leaders_) {
      ++leads[node];
    }
    return leads;
  }

  api::Map map_;
  std::vector<uint32_t> live_;
  std::map<uint32_t, uint32_t> leaders_;
};

TEST_F(Placement, OneNodeNeedsNothing) {
  AddNodes(1);
  AddGroups(4);
  EXPECT_TRUE(Plan().empty());
}

TEST_F(Placement, ThreeNodesEndWithThreeVotersEverywhereAndBalancedLeaders) {
  AddNodes(3);
  AddGroups(8);
  ASSERT_TRUE(Settle());
  for (const api::GroupDescriptor& group : map_.groups()) {
    EXPECT_EQ(group.voters_size(), 3);
  }
  for (const auto& [node, leads] : Leads()) {
    EXPECT_EQ(leads, 3) << node;
  }
}

TEST_F(Placement, FiveNodesShareReplicasAndLeaders) {
  AddNodes(5);
  AddGroups(14);
  ASSERT_TRUE(Settle());
  std::map<uint32_t, int> replicas;
  for (const api::GroupDescriptor& group : map_.groups()) {
    EXPECT_EQ(group.voters_size(), 3);
    for (const api::Member& member : group.voters()) {
      ++replicas[member.node()];
    }
  }
  for (uint32_t node : {2u, 3u, 4u, 5u}) {
    EXPECT_NEAR(replicas[node], 7.5, 1) << node;
  }
  for (const auto& [node, leads] : Leads()) {
    EXPECT_EQ(leads, 3) << node;
  }
}

TEST_F(Placement, AJoiningNodeGetsItsShareOfNewReplicas) {
  AddNodes(2);
  AddGroups(4);
  ASSERT_TRUE(Settle());
  EXPECT_EQ(map_.groups(1).voters_size(), 2);
  AddNodes(1);
  ASSERT_TRUE(Settle());
  EXPECT_EQ(map_.groups(1).voters_size(), 3);
}

TEST_F(Placement, ADeadNodeIsGivenNothing) {
  AddNodes(3);
  AddGroups(2);
  live_ = {1, 2};
  for (const PlacementStep& step : Plan()) {
    EXPECT_EQ(std::get<AddReplica>(step).node, 2u);
  }
  ASSERT_TRUE(Settle());
  EXPECT_EQ(map_.groups(1).voters_size(), 2);  // The third waits for its node.
}

// FAILURE-CASES 17: a lost disk comes back as another node, at the same address.
TEST_F(Placement, ASilentNodeWithASuccessorAtItsAddressIsReplaced) {
  AddNodes(3);
  AddGroups(4);
  ASSERT_TRUE(Settle());
  AddNodes(1);
  map_.mutable_nodes(1)->set_peer_address("b:1");
  map_.mutable_nodes(3)->set_peer_address("b:1");
  EXPECT_TRUE(Plan().empty()) << "it was heard from lately";
  live_ = {1, 3, 4};
  const std::vector<PlacementStep> plan = Plan();
  ASSERT_GE(plan.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(std::get<AddReplica>(plan[i]), (AddReplica{static_cast<uint32_t>(i), 4, 2}));
  }
}

TEST_F(Placement, ASilentNodeIsNotReplacedWithoutASuccessor) {
  AddNodes(3);
  AddGroups(4);
  ASSERT_TRUE(Settle());
  AddNodes(1);
  map_.mutable_nodes(1)->set_peer_address("b:1");
  map_.mutable_nodes(3)->set_peer_address("d:1");
  live_ = {1, 3, 4};
  for (const PlacementStep& step : Plan()) EXPECT_FALSE(std::holds_alternative<AddReplica>(step));
}

// Its row stays on the map; whoever counts nodes leaves it out.
TEST_F(Placement, ANodeIsReplacedOnceItsSuccessorHasAllItsReplicas) {
  AddNodes(3);
  AddGroups(2);
  ASSERT_TRUE(Settle());
  for (int i = 0; i < 3; ++i) {
    map_.mutable_nodes(i)->set_peer_address("host" + std::to_string(i));
  }
  EXPECT_FALSE(IsReplaced(map_, map_.nodes(2)));
  api::Node* successor = map_.add_nodes();
  successor->set_id(4);
  successor->set_peer_address(map_.nodes(2).peer_address());
  EXPECT_FALSE(IsReplaced(map_, map_.nodes(2))) << "it still has replicas";
  for (api::GroupDescriptor& group : *map_.mutable_groups()) {
    for (api::Member& voter : *group.mutable_voters()) {
      if (voter.node() == 3) voter.set_node(4);
    }
  }
  EXPECT_TRUE(IsReplaced(map_, map_.nodes(2)));
  EXPECT_FALSE(IsReplaced(map_, map_.nodes(3)));
  EXPECT_FALSE(IsReplaced(map_, map_.nodes(0)));
}

TEST_F(Placement, AnAdditionUnderWayIsFinishedFirst) {
  AddNodes(4);
  AddGroups(0);
  map_.mutable_groups(0)->add_learners()->set_node(4);
  EXPECT_EQ(Plan(), (std::vector<PlacementStep>{AddReplica{0, 4}}));
  live_ = {1, 2, 3};
  EXPECT_TRUE(Plan().empty());
}

TEST_F(Placement, LeadersStayWhereReplicasAreMissing) {
  AddNodes(3);
  AddGroups(5);
  for (const PlacementStep& step : Plan(100)) {
    EXPECT_TRUE(std::holds_alternative<AddReplica>(step));
  }
}

TEST_F(Placement, APlanKeepsItsLimitAndIsRepeatable) {
  AddNodes(3);
  AddGroups(50);
  EXPECT_EQ(Plan(5).size(), 5u);
  EXPECT_EQ(Plan(), Plan());
}

TEST_F(Placement, ADifferenceOfOneIsLeftAlone) {
  AddNodes(3);
  AddGroups(4);  // Five with meta: 2, 2, 1.
  ASSERT_TRUE(Settle());
  std::multiset<int> counts;
  for (const auto& [node, leads] : Leads()) {
    counts.insert(leads);
  }
  EXPECT_EQ(counts, (std::multiset<int>{1, 2, 2}));
}

}  // namespace
}  // namespace fastpath::partition
