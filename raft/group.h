// One replica of one group: Raft wired to its log store, state machine and
// transport in the order that durability demands. Everything that owns a Raft
// in production owns it through this class, so the order stands in one place:
// messages that claim something wait for the sync, only durable entries are
// applied, reads wait for apply.
//
// Threads: the owner's executor only. The ports outlive the group; destroying
// the group while writes are in flight is safe: their completions do nothing.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "raft/ports.h"
#include "raft/raft.h"

namespace fastpath::raft {

class Group {
 public:
  struct Ports {
    Clock* clock = nullptr;
    LogStore* log = nullptr;
    StateMachine* state_machine = nullptr;
    Transport* transport = nullptr;
  };
  // Called from inside Pump() or completions; must not destroy the group.
  struct Hooks {
    // There is output to drain: call Pump() at the end of this batch of events.
    // Called once until the next Pump().
    std::function<void()> dirty;
    // A read asked for by Read(): ok when state at its point is applied. A group
    // that fails leaves its reads unanswered; `failed` says so.
    std::function<void(uint64_t id, bool ok)> read_done;
    std::function<void(const SnapshotOffer&)> snapshot_wanted;
    std::function<void()> role_changed;
    std::function<void()> configuration_changed;
    // The log failed to sync, apply failed, or corruption: the group has
    // stopped and says nothing more.
    std::function<void(absl::Status)> failed;
  };

  // Pump() once after construction: entries that were committed before a restart
  // may wait to be applied. No hook is called from here.
  Group(Options options, InitialState initial, Ports ports, Hooks hooks);
  ~Group();

  // Feeds; each may make the group dirty.
  void Step(Message message);
  void Tick();
  // Applies what a follower let gather (Options::gather_entries): call it every
  // few milliseconds, and when somebody waits for this replica's state.
  void ApplyGathered();
  absl::StatusOr<Index> Propose(Payload payload);
  absl::StatusOr<Index> ChangeConfiguration(Configuration target);
  void Read(uint64_t id);
  absl::Status TransferLeadership(ReplicaId target);
  void Campaign();
  void Wake(bool leader_gone);  // See Raft::Wake.
  void SnapshotSent(ReplicaId to, Index index, bool ok);

  // Installing a snapshot on this replica: between BeginInstall and
  // FinishInstall nothing is applied, voted or acknowledged, and messages are
  // dropped. The owner in between waits for install_ready (no Apply and no log
  // write under way; may run before BeginInstall returns), ingests the state,
  // then FinishInstall resets the log durably and acknowledges. AbortInstall
  // goes on as before. False: the snapshot brings nothing new, another install
  // is under way, or the group has failed.
  bool BeginInstall(const SnapshotMeta& meta, std::function<void()> install_ready);
  void FinishInstall(const SnapshotMeta& meta);
  void AbortInstall();

  // The engine holds everything up to `index` durably: the log may be cut
  // there, except for what the followers' catch-up still wants
  // (Options::catchup_limit_bytes).
  void Persisted(Index index);

  void Pump();

  // Soon an event comes: fetches into the cache what most of them touch, first
  // this (0), then what it points to (1).
  void Prefetch(int stage) const;

  const Raft& raft() const;
  // Highest index whose effects can be read.
  Index applied() const;
  bool failed() const;
  // Something is committed that ApplyGathered() would apply.
  bool gathered() const;
  // Quiet, and nothing is under way or gathered: needs a Tick at raft()'s next deadline only.
  bool idle() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fastpath::raft
