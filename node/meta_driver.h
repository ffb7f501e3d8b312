// What the node that leads meta does for the cluster: registers nodes, takes
// reports, settles tables in every group, and carries the planner's steps out.
// Does nothing elsewhere, and holds nothing that a new leader could not find out
// again from meta's state and the next reports.
//
// Threads: the shard's executor.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/directory.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/shard.h"
#include "partition/placement.h"

namespace fastpath::node {

class MetaDriver {
 public:
  MetaDriver(const Environment& environment, Shard* shard, Directory* directory);

  void Join(const peer::Join& join, Answerer answer);
  void Report(raft::NodeId from, const peer::Report& report, Answerer answer);
  // Meta's role or state changed.
  void Changed() { DriveSoon(); }
  void Tick();

 private:
  // One table on its way to ACTIVE, with its latest TTL attribute in every group, or to be gone.
  struct Settling {
    api::TableState state = api::TABLE_STATE_UNSPECIFIED;
    uint64_t revision = 0;
    std::set<raft::GroupId> done;
    std::set<raft::GroupId> asked;
    Micros retry_at = 0;
    bool proposed = false;
  };

  Replica* Meta() const;  // Null unless it leads and serves.
  void Drive();
  void DriveSoon();  // Once for all that comes meanwhile.
  void Forget();
  void SettleTables(Replica& meta);
  void SettleIn(const api::Table& table, raft::GroupId group);
  void Place(Replica& meta);
  bool MoveUnderWay(Micros now) const;
  void Carry(Replica& meta, const partition::AddReplica& step);
  void Carry(const partition::MoveLeader& step);
  void AskToAdd(const partition::AddReplica& step, uint64_t epoch, raft::ReplicaId replica);
  void Register(Replica& meta, const api::Node& node);
  void TakeDescriptor(Replica& meta, const api::GroupDescriptor& descriptor);
  void NotLeader(Answerer& answer) const;
  void LogTable(Replica& meta, Settling& settling, uint32_t space);

  const Environment env_;
  Shard* shard_;
  Directory* directory_;

  bool leading_ = false;
  Micros leading_since_ = 0;
  std::map<raft::NodeId, Micros> heard_;
  std::map<raft::GroupId, raft::NodeId> leaders_;
  std::map<raft::GroupId, uint64_t> descriptors_;  // Epochs being proposed.
  std::set<raft::NodeId> registering_;
  std::map<uint32_t, Settling> settling_;   // By space.
  std::map<raft::GroupId, Micros> adding_;  // Under way; or failed: until when to pause.
  std::map<raft::GroupId, std::pair<raft::NodeId, Micros>> moving_;  // Where to, and until when.
  Micros next_drive_ = 0;
  Micros next_plan_ = 0;
  bool drive_posted_ = false;
  // What the planner last had nothing to do for.
  struct Settled {
    uint64_t map_version = 0;
    std::vector<uint32_t> live_nodes;
    std::map<uint32_t, uint32_t> leaders;
    bool operator==(const Settled&) const = default;
  };
  std::optional<Settled> settled_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
