#include "partition/placement.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace fastpath::partition {

namespace {

bool HasSuccessor(const api::Map& map, const api::Node& node) {
  if (node.peer_address().empty()) return false;
  return std::any_of(map.nodes().begin(), map.nodes().end(), [&](const api::Node& other) {
    return other.id() > node.id() && other.peer_address() == node.peer_address();
  });
}

std::vector<uint32_t> NodesOf(const api::GroupDescriptor& group) {
  std::vector<uint32_t> nodes;
  for (const api::Member& member : group.voters()) nodes.push_back(member.node());
  for (const api::Member& member : group.learners()) nodes.push_back(member.node());
  return nodes;
}

class Planner {
 public:
  explicit Planner(const PlacementInput& input) : input_(input) {
    for (const api::Node& node : input.map->nodes()) {
      if (std::binary_search(input.live_nodes.begin(), input.live_nodes.end(), node.id())) {
        replicas_[node.id()] = 0;
        led_[node.id()] = 0;
      }
    }
    for (const api::Node& node : input.map->nodes()) {
      if (!replicas_.contains(node.id()) && HasSuccessor(*input.map, node)) gone_.insert(node.id());
    }
    target_ = std::min<size_t>(input.replication_factor, input.map->nodes_size() - gone_.size());
    for (const api::GroupDescriptor& group : input.map->groups()) {
      groups_[group.group()] = &group;
      for (uint32_t node : NodesOf(group)) {
        if (replicas_.contains(node)) ++replicas_[node];
      }
      if (std::optional<uint32_t> leader = LeaderOf(group)) ++led_[*leader];
    }
  }

  std::vector<PlacementStep> Plan() {
    for (const auto& [id, group] : groups_) {
      if (steps_.size() < input_.step_limit) PlanAddition(*group);
    }
    CollectMoves();
    while (steps_.size() < input_.step_limit && PlanMove()) {
    }
    return std::move(steps_);
  }

 private:
  std::optional<uint32_t> LeaderOf(const api::GroupDescriptor& group) const {
    auto leader = input_.leaders.find(group.group());
    if (leader == input_.leaders.end() || !led_.contains(leader->second)) return std::nullopt;
    return leader->second;
  }

  size_t LivingVoters(const api::GroupDescriptor& group) const {
    return std::count_if(group.voters().begin(), group.voters().end(),
                         [&](const api::Member& voter) { return !gone_.contains(voter.node()); });
  }

  // A member's node that is gone, or 0.
  uint32_t GoneOf(const api::GroupDescriptor& group) const {
    for (const uint32_t node : NodesOf(group)) {
      if (gone_.contains(node)) return node;
    }
    return 0;
  }

  bool FullyReplicated(const api::GroupDescriptor& group) const {
    return LivingVoters(group) >= target_ && group.learners_size() == 0;
  }

  void PlanAddition(const api::GroupDescriptor& group) {
    if (group.voters_size() == 0 || LivingVoters(group) >= target_) return;
    // A learner is an addition under way: finish it before the next.
    for (const api::Member& learner : group.learners()) {
      const uint32_t node = learner.node();
      if (gone_.contains(node)) continue;
      if (replicas_.contains(node)) {
        steps_.push_back(AddReplica{group.group(), node, GoneOf(group)});
      }
      return;
    }
    const std::vector<uint32_t> taken = NodesOf(group);
    std::optional<uint32_t> emptiest;
    for (const auto& [node, replicas] : replicas_) {
      if (std::find(taken.begin(), taken.end(), node) == taken.end() &&
          (!emptiest.has_value() || replicas < replicas_[*emptiest])) {
        emptiest = node;
      }
    }
    if (emptiest.has_value()) {
      ++replicas_[*emptiest];
      steps_.push_back(AddReplica{group.group(), *emptiest, GoneOf(group)});
    }
  }

  // What could be moved from one node to another; ascending, taken from the back.
  void CollectMoves() {
    for (const auto& [id, group] : groups_) {
      const std::optional<uint32_t> leader = LeaderOf(*group);
      if (!leader.has_value() || !FullyReplicated(*group)) continue;
      for (const api::Member& voter : group->voters()) {
        if (voter.node() != *leader && led_.contains(voter.node())) {
          movable_[{*leader, voter.node()}].push_back(id);
        }
      }
    }
    for (auto& [pair, groups] : movable_) std::reverse(groups.begin(), groups.end());
  }

  // The move between the two nodes that differ most, if there is one that helps;
  // of the lowest group.
  bool PlanMove() {
    std::optional<MoveLeader> best;
    size_t best_gap = 2;  // A gap of one cannot be lowered.
    for (auto& [pair, groups] : movable_) {
      while (!groups.empty() && moved_.contains(groups.back())) groups.pop_back();
      const size_t from = led_[pair.first], to = led_[pair.second];
      if (groups.empty() || from < to + best_gap) continue;
      const bool lower = best.has_value() && groups.back() < best->group;
      if (best.has_value() && from == to + best_gap && !lower) continue;
      best_gap = from - to;
      best = MoveLeader{groups.back(), pair.second};
    }
    if (!best.has_value()) return false;
    --led_[*LeaderOf(*groups_[best->group])];
    ++led_[best->to_node];
    moved_.insert(best->group);
    steps_.push_back(*best);
    return true;
  }

  const PlacementInput& input_;
  size_t target_ = 0;
  std::set<uint32_t> gone_;
  std::map<uint32_t, const api::GroupDescriptor*> groups_;
  std::map<uint32_t, size_t> replicas_;  // By live node.
  std::map<uint32_t, size_t> led_;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint32_t>> movable_;  // By from and to.
  std::set<uint32_t> moved_;  // Each group moves once a plan.
  std::vector<PlacementStep> steps_;
};

}  // namespace

std::vector<PlacementStep> PlanPlacement(const PlacementInput& input) {
  return Planner(input).Plan();
}

bool IsReplaced(const api::Map& map, const api::Node& node) {
  return HasSuccessor(map, node) &&
         std::none_of(map.groups().begin(), map.groups().end(), [&](const auto& group) {
           const std::vector<uint32_t> nodes = NodesOf(group);
           return std::find(nodes.begin(), nodes.end(), node.id()) != nodes.end();
         });
}

}  // namespace fastpath::partition
