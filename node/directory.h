// What this node knows of the cluster: the map as meta last told it, freshened
// by the replicas that live here and by hints on who leads. An index, not an
// authority (DESIGN 3.7).
//
// Threads: the shard's executor. The shard outlives it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "node/shard.h"
#include "partition/map.h"

namespace fastpath::node {

class Directory {
 public:
  Directory(const Environment& environment, const Shard* shard);

  // Takes a map if it is newer; remembers it in the store for the next start,
  // durably where its nodes differ.
  void Update(const api::Map& map);
  // The local meta replica's map, likewise; within a second if its nodes are the same.
  void Remember();
  void LoadStored(std::function<void()> done);
  // What a node says of itself, or meta of it: ahead of the map.
  void Learn(const api::Node& node) { learned_[node.id()] = node; }
  void SetLeader(raft::GroupId group, raft::NodeId node);

  // Of the map in use: the local meta replica's if there is one.
  uint64_t version() const { return Base().version(); }
  const api::Node* FindNode(raft::NodeId node) const;
  raft::NodeId LeaderOf(raft::GroupId group) const;  // 0 if unknown.
  // As fresh as this node can say, with leader hint.
  std::optional<api::GroupDescriptor> Describe(raft::GroupId group) const;
  // For clients: every descriptor freshened.
  api::Map Compose() const;
  // The map without this node's own view of leaders and members.
  const api::Map& Base() const;

 private:
  bool NodesDiffer(const api::Map& map) const;

  const Environment env_;
  const Shard* shard_;
  api::Map heard_;
  bool remembering_ = false;  // A timer stands for Remember.
  std::map<raft::NodeId, api::Node> learned_;
  std::map<raft::GroupId, raft::NodeId> leaders_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
