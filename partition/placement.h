// The planner: from what meta knows and what leaders report, the next steps
// toward "min(3, nodes) voters a group, on distinct nodes, leaders balanced".
// Pure: the same input gives the same steps, and steps are safe to repeat.
// The meta leader's node carries them out (node/), a few at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "partition/api.pb.h"

namespace fastpath::partition {

struct PlacementInput {
  const api::Map* map = nullptr;         // Descriptors by group, nodes.
  std::vector<uint32_t> live_nodes;      // Heard from lately; sorted.
  std::map<uint32_t, uint32_t> leaders;  // group -> node, as reported lately.
  uint32_t replication_factor = 3;
  size_t step_limit = 16;
};

// A replica id must be issued by meta first, then the group's leader is asked
// to bring it in as learner and promote it by joint consensus. Where the node
// already holds a learner of the group, that one is to be promoted.
//
// A node is gone for good if it is silent and a node that joined later has its
// address: its store was lost, or was refused and put away, and its successor
// came under a new identity. Wrongly judged, it costs a copy and no safety.
struct AddReplica {
  uint32_t group = 0;
  uint32_t node = 0;
  uint32_t replaces = 0;  // A node that is gone for good: its replica goes in the same change.
  bool operator==(const AddReplica&) const = default;
};
struct MoveLeader {
  uint32_t group = 0;
  uint32_t to_node = 0;
  bool operator==(const MoveLeader&) const = default;
};
using PlacementStep = std::variant<AddReplica, MoveLeader>;

// Additions first, one a group; leaders are moved only in groups that are fully
// replicated, and only to a node that leads at least two groups fewer, so moves
// come to an end. Only live nodes are given anything.
std::vector<PlacementStep> PlanPlacement(const PlacementInput& input);

// A node that is gone for good and whose replicas were all replaced. Its row
// stays on the map: its id is never another's. Its store, should it come back, is let in and has
// no replicas.
bool IsReplaced(const api::Map& map, const api::Node& node);

}  // namespace fastpath::partition
