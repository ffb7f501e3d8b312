// The inside of Raft: one class whose bodies are split by theme.
//   raft.cc         construction, time, dispatch, Take(), views
//   election.cc     pre-votes, votes, roles, leadership transfer
//   replication.cc  appends, acknowledgements, commits, snapshots, fetches
//   reads.cc        rounds, ReadIndex, leases, check-quorum
//   membership.cc   configurations
//   quiet.cc        groups that nobody uses
//
// Events only change state; what follows from it is gathered in Take(), so that
// one batch of events makes one append per follower, one write, one round.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "raft/check.h"
#include "raft/log.h"
#include "raft/progress.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace fastpath::raft {

inline constexpr Index kNever = UINT64_MAX;
// Read rounds on their way at once; further reads wait for one of them.
inline constexpr size_t kReadRoundsLimit = 4;
inline constexpr size_t kSplitMixIncrement = 0x9e3779b97f4a7c15u;

struct Raft::Impl {
  Impl(Options options_in, InitialState initial, Micros now);

  // --- raft.cc
  void Advance(Micros now) { now_ = now > now_ ? now : now_; }
  void Tick();
  void TickLeader();
  void Step(Message message);
  bool Acceptable(const Message& message) const;
  bool StepTerm(const Message& message);  // False: the message ends here.
  void Dispatch(Message& message);
  bool HasOutput() const;
  Output Take();
  void TakeDurable(Output& output);
  void TakeCommitted(Output& output);
  Micros next_deadline() const;
  void Synced(uint64_t ticket);

  Message Make(MessageType type, ReplicaId to) const;
  NodeId NodeOf(ReplicaId replica) const;
  void SendNow(Message message);                   // A leader's; claims nothing.
  void SendAfterSync(Message message);             // Claims something.
  void Reply(const Message& to, Message message);  // After sync, to the sender's node.

  // --- election.cc
  void ResetElectionTimer();
  uint64_t NextRandom();
  void BecomeFollower(Term term, ReplicaId leader, NodeId leader_node);
  void BecomeLeader();
  bool Promotable() const;  // May campaign.
  // A lease that this replica helped to grant may still be alive.
  bool LeasePromised() const;
  bool VotesWithheld() const;
  void StartPreVote();
  void StartElection(bool force);
  void RequestVotes(MessageType type, Term term, bool force);
  void RecordVote(ReplicaId from, bool granted);
  void DecideElection();
  bool UpToDate(const Message& message) const;
  void OnPreVote(const Message& message);
  void OnVote(const Message& message);
  void OnVoteReply(const Message& message);
  void OnTimeoutNow(const Message& message);
  void Campaign();
  absl::Status TransferLeadership(ReplicaId target);
  void ContinueTransfer();  // Sends TimeoutNow once the target holds everything.
  void SendTimeoutNow(ReplicaId target);
  void AbortTransfer();

  // --- replication.cc
  absl::StatusOr<Index> Propose(Payload payload);
  Index AppendOwn(EntryKind kind, Payload payload);
  void TruncateLog(Index from);
  void Evict();
  void AppendToLog(Entry entry);
  void OnAppend(Message& message);
  void OnHeartbeat(const Message& message);
  void HeardFromLeader(const Message& message);
  void OnAppendReply(const Message& message);
  void OnRejection(Follower& follower, const Message& message);
  void OnHeartbeatReply(const Message& message);
  void Answered(Follower& follower, const Message& message);
  void Replicate();
  bool ReplicateTo(Follower& follower);
  bool SendAppend(Follower& follower);  // False: nothing more can go now.
  void SendEntries(Follower& follower, Term previous_term, std::vector<Entry> entries);
  void AcknowledgeAppend(const Message& message, Index index);
  void AppendFromLeader(std::vector<Entry> entries, size_t skip);
  void OfferSnapshot(Follower& follower);
  void SendHeartbeat(Follower& follower, uint64_t round);
  void SetCommit(Index index);
  void MaybeCommit();
  Follower* Find(ReplicaId replica);
  const Follower* Find(ReplicaId replica) const;
  void Applied(Index index);
  void Fetched(const Fetch& fetch, std::vector<Entry> entries);
  void SnapshotSent(ReplicaId to, Index index, bool ok);
  void RetrySnapshots();
  bool WantsSnapshot(const SnapshotMeta& meta) const;
  void Restored(const SnapshotMeta& meta);
  Index CompactableTo(Index persisted) const;

  // --- reads.cc
  void Read(uint64_t id);
  void BeginRound();
  void AnnounceRound();  // Begins a round and sends heartbeats for it.
  void StartReads();
  void ConfirmRounds();
  void FailReads();
  bool DiskStalled() const;
  bool LeaseValid(Micros now) const;
  bool CommittedInTerm() const;
  void CheckQuorum();

  // --- quiet.cc
  bool MayGoQuiet() const;
  void GoQuiet();
  void SayQuiet();
  void Rise();  // A leader has something to send, which wakes the others.
  void Wake(bool leader_gone);
  void OnQuiet(const Message& message);

  // --- membership.cc
  absl::StatusOr<Index> ChangeConfiguration(Configuration target);
  Index AppendConfiguration(const Configuration& configuration);
  void ConfigurationChanged();
  void RebuildFollowers();
  void AfterCommit();  // Final configuration, stepping down when removed.

  const Options options;
  Micros now_;
  uint64_t random_;

  // Persistent state, and what of it was handed out.
  Term term_;
  ReplicaId vote_;
  Log log_;
  HardState handed_;    // Term and vote last handed out for persisting.
  Index persist_next_;  // The first entry not handed out for persisting.
  Index durable_;       // Entries known to be on disk.
  Term durable_term_;   // Term and vote known to be on disk are of this term.
  struct Ticket {
    uint64_t ticket;
    Index last;  // The log through here is covered; lowered by truncation.
    Term term;
    Micros since;
  };
  absl::InlinedVector<Ticket, 4> tickets_;  // Handed out, not yet Synced.
  uint64_t last_ticket_ = 0;

  Index commit_;
  Index emitted_;  // Handed out in Output.committed.
  Index applied_;
  size_t unapplied_bytes_ = 0;  // Entries in (applied_, last].

  Role role_ = Role::kFollower;
  ReplicaId leader_ = 0;
  NodeId leader_node_ = 0;
  Micros election_deadline_ = 0;
  Micros votes_withheld_until_;
  Micros lease_promised_until_;  // A live leader was heard from; no votes before.
  std::vector<std::pair<ReplicaId, bool>> votes_;
  // A leader or a follower that keeps no timers but a long one. Promises made
  // before run on; a leader's lease has ended.
  bool quiet_ = false;
  Micros quiet_deadline_ = 0;
  Micros risen_at_ = 0;  // When a leader was last woken.

  // Leader only.
  std::vector<Follower> followers_;  // Sorted by replica; everybody but this one.
  Micros heartbeat_deadline_ = 0;
  Micros quorum_deadline_ = 0;
  Micros quorum_since_ = 0;
  Micros last_read_ = 0;  // Asked of the leader, or woken by its owner.
  Micros last_write_ = 0;
  bool replicate_ = false;  // Followers may have something to be sent.
  ReplicaId transferee_ = 0;
  Micros transfer_deadline_ = 0;
  bool timeout_now_sent_ = false;  // Since the last heartbeat.
  // No lease before this index is committed. kNever from a TimeoutNow on; a
  // transfer given up appends a no-op and waits for it: a transferee that has
  // the no-op ignores a late TimeoutNow, one that lacks it wins no election.
  Index lease_blocked_until_ = 0;

  uint64_t round_ = 0;  // The round messages carry now; unique within the term.
  Micros round_started_ = 0;
  uint64_t announced_round_ = 0;  // Heartbeats go out for this one.
  struct RoundStart {
    uint64_t round;
    Micros started;
  };
  absl::InlinedVector<RoundStart, 4> rounds_;  // Not yet confirmed.
  uint64_t confirmed_round_ = 0;
  Micros lease_start_ = 0;
  bool lease_started_ = false;
  struct ReadBatch {
    uint64_t round;
    Index index;
    std::vector<uint64_t> ids;
  };
  std::deque<ReadBatch> read_batches_;
  std::vector<uint64_t> waiting_reads_;
  size_t reads_pending_ = 0;  // In both of the above.

  // Gathered for the next Take().
  std::vector<Addressed> messages_now_;
  std::vector<Addressed> messages_after_sync_;
  std::vector<ReadGrant> reads_;
  std::vector<uint64_t> reads_failed_;
  std::vector<Fetch> fetches_;
  std::vector<SnapshotOffer> snapshots_;
  Role taken_role_ = Role::kFollower;
  Term taken_term_;
  ReplicaId taken_leader_ = 0;
  bool configuration_changed_ = false;
};

}  // namespace fastpath::raft
