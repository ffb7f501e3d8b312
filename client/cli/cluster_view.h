// The cluster as its nodes describe it at one moment: the map, and what each
// node says of its replicas.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/context.h"

namespace fastpath::client::cli {

struct ClusterView {
  api::Map map;
  std::map<uint32_t, api::StatusResult> nodes;  // Those that answered.
  std::map<uint32_t, std::string> unreachable;  // The others, and why.

  const api::ReplicaStatus* Replica(uint32_t node, uint32_t group) const;
  // The replica that leads in the highest term; null: none says so.
  const api::ReplicaStatus* Leader(uint32_t group) const;
  uint32_t LeaderNode(uint32_t group) const;  // 0: none.
};

// Asks every node at once, each for at most `patience`.
Result<ClusterView> Look(Client& client, std::chrono::milliseconds patience);

// Why the cluster is not yet whole: every group has a leader that its voters
// follow in its term, with as many voters as `nodes` allow. Empty: it is.
std::string WhyNotReady(const ClusterView& view, size_t nodes);

}  // namespace fastpath::client::cli
