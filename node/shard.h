// The groups that live on one executor: finds them, feeds them, pumps all that
// became dirty once per batch of events, ticks them, and makes and destroys
// replicas. One shard a node for now; nothing in it knows that.
//
// Threads: the executor's. The environment outlives it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/types/span.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/purge.h"
#include "node/replica.h"
#include "node/retime.h"
#include "node/snapshot_in.h"
#include "node/snapshot_out.h"
#include "node/upgrade.h"

namespace fastpath::node {

class Shard {
 public:
  struct Hooks {
    std::function<void(raft::GroupId)> changed;  // Posted, never inside a replica's call.
    std::function<void(absl::Status)> node_failed;
    // See Replica::Hooks.
    std::function<void(raft::GroupId, std::vector<partition::StateMachine::Holder>, SettledDone)>
        settle;
  };
  using Recovered = std::map<raft::GroupId, storage::RaftLog::Recovered>;

  Shard(const Environment& environment, Hooks hooks);
  ~Shard();

  // Builds the replicas of every group that the engine holds, from its applied
  // rows and the log. A group whose state or log is corrupt is reported and left
  // out (DESIGN 3.3); other errors fail the start.
  void Recover(Recovered log, std::function<void(absl::Status)> done);
  // Starts ticking.
  void Run();

  Replica* Find(raft::GroupId group) const;  // Null if not here.
  const std::map<raft::GroupId, std::unique_ptr<Replica>>& replicas() const { return replicas_; }
  // Groups found corrupt at the start, and why.
  const std::map<raft::GroupId, std::string>& refused() const { return refused_; }

  void Deliver(raft::NodeId from, raft::Message message);
  // These are about to be delivered.
  void Prefetch(absl::Span<const raft::Message> messages) const;
  // A node is silent, or another process: quiet groups that are led there, or led
  // here with a member there, wake; the latter a batch a tick.
  void PeerLost(raft::NodeId node);
  void Persisted(raft::GroupId group, raft::Index index);
  // The replica, made uninitialised if the group is new here. Null: destroyed,
  // superseded, or refused.
  Replica* Admit(raft::GroupId group, raft::ReplicaId id);

  SnapshotReceiver& snapshots_in() { return snapshots_in_; }
  const SnapshotSender& snapshots_out() const { return snapshots_out_; }

  // What a node must know of commands, or replicas that it shares with this one would stop: the
  // highest version of a group here that it is a member of; of a node to come (0), of any.
  uint32_t RequiredVersion(raft::NodeId node) const;

  // Makes a lone voter lead without waiting for its timeout.
  void CampaignAlone();

 private:
  struct Recovery;
  void StartReplica(Replica::Start start, std::shared_ptr<Replica::Slot> slot);
  Replica::Hooks HooksOf(raft::GroupId group);
  void MarkDirty(raft::GroupId group);
  void PumpAll();
  void Tick();
  struct Slice {
    Micros us = 0;
    size_t replicas = 0;
  };
  void GoOnTicking(Slice slice);
  bool ReadsCame();  // Since the last call.
  bool TickNext();
  void Sweep();
  void WakeSome();
  void Rouse(Replica& replica);
  void StopTicking(Replica& replica);
  void Hand(raft::Message message);
  bool HandNextNews();
  void HandAllNews();
  void FlushEngineIfLogIsLong(Micros now);
  void Destroy(raft::GroupId group);
  void WriteDestroyed(raft::GroupId group, storage::WriteBatch batch);
  void PostChanged(raft::GroupId group);

  const Environment env_;
  Hooks hooks_;
  std::map<raft::GroupId, std::unique_ptr<Replica>> replicas_;
  std::vector<Replica*> by_group_;  // The same, for Find.
  std::map<raft::GroupId, std::string> refused_;
  std::map<raft::GroupId, raft::ReplicaId> destroyed_;
  std::set<raft::GroupId> destroying_;
  // Hard states of groups that the log knows and the engine does not.
  std::map<raft::GroupId, raft::HardState> unborn_;

  std::vector<raft::GroupId> dirty_;
  // Only tell of commits; kept until the next tick, when what they commit is applied.
  std::vector<raft::Message> news_;
  std::vector<raft::Message> handing_;  // This tick's, from next_news_ on.
  size_t next_news_ = 0;
  // The group that is being pumped outside PumpAll, and whether it is dirty since.
  std::optional<raft::GroupId> in_hand_;
  bool in_hand_dirty_ = false;
  bool pump_posted_ = false;
  // Replicas that do not doze, each at its tick_slot, and when they next want a
  // tick at the latest: looking at a thousand replicas costs more than ticking few.
  struct Ticking {
    raft::GroupId group = 0;
    Micros due = 0;
  };
  std::vector<Ticking> ticking_;
  size_t next_slot_ = 0;  // Of this tick.
  Micros tick_at_ = 0;
  uint64_t reads_seen_ = 0;
  Micros next_sweep_ = 0;
  std::deque<raft::GroupId> waking_;  // Led here and quiet; a member was lost.
  bool flushing_ = false;
  Micros next_flush_check_ = 0;
  uint64_t persisted_at_bytes_ = 0;  // Log bytes written when the engine last persisted.
  std::set<raft::GroupId> changed_;
  SnapshotReceiver snapshots_in_;
  SnapshotSender snapshots_out_;
  Purge purge_;
  Retime retime_;
  Upgrade upgrade_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
