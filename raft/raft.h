// The Raft protocol as a pure state machine: no I/O, clock, thread or lock.
// The owner feeds events in, then drains Take(). Equal options, log and events
// yield equal outputs, so any simulated failure replays from its seed.
//
// Follows Ongaro's dissertation: pre-vote (9.6), check-quorum (6.2), leadership
// transfer (3.10), joint consensus (4.3), ReadIndex and leases (6.4).
//
// Time is an argument: every event carries `now` of the node's CLOCK_BOOTTIME,
// which must not go backwards between calls.
//
// Threads: one owner at a time. Errors: a Status is an outcome the caller
// handles; a broken invariant aborts the process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/types.h"

namespace fastpath::raft {

struct Options {
  GroupId group = 0;
  ReplicaId id = 0;
  NodeId node = 0;
  uint64_t seed = 0;  // The only randomness: election timeouts.
  Micros heartbeat_interval = 100'000;
  Micros election_timeout_min = 600'000;  // Timeouts are drawn from [min, max).
  Micros election_timeout_max = 1'200'000;
  Micros lease_duration = 540'000;  // election_timeout_min less the drift bound (10 %).
  // A leader that nobody read from for so long, nor wrote to for a heartbeat
  // interval, and whose members all hold all, goes quiet (raft/quiet.cc). 0: never;
  // else whoever owns a quiet replica must watch the other nodes and call Wake().
  Micros quiet_after = 0;
  // A quiet leader says so again this often; a quiet follower that hears nothing
  // for two and a half of them wakes.
  Micros quiet_repeat = 10'000'000;
  size_t append_limit_bytes = 1u << 20;  // Entries in one append message.
  size_t inflight_limit = 64;            // Unanswered appends per follower.
  size_t inflight_limit_bytes = 8u << 20;
  // Proposed and not yet applied here. Past it: ResourceExhausted; a follower
  // past it ignores appends until it has applied some.
  size_t uncommitted_limit_bytes = 64u << 20;
  // Durable and applied entries kept in memory for followers that lack them; small, for
  // there may be a thousand groups. What is older is read from the log.
  size_t memory_limit_bytes = 256u << 10;
  // A follower lets committed entries gather for one larger Apply until there are
  // this many, or Group::ApplyGathered(). 0: they are applied at once.
  size_t gather_entries = 0;
  size_t gather_bytes = 1u << 20;
  size_t read_limit = 1u << 16;  // Reads waiting for a round; past it they fail at once.
  // The log kept behind the last entry: for known laggards up to the limit
  // (past it they get a snapshot), and by everyone down to the floor: small, for
  // a thousand groups keep it, and what is kept cannot be written over.
  size_t catchup_limit_bytes = 64u << 20;
  size_t catchup_floor_bytes = 128u << 10;
  // True for a replica that starts for the first time and so never voted: it
  // need not sit out the first maximum election timeout.
  bool fresh = false;
};

// What a replica finds on disk at its start.
struct InitialState {
  HardState hard_state;
  // The log starts after it. The configuration is as of `snapshot.index`, or of
  // any later applied index: configurations in `entries` supersede it.
  SnapshotMeta snapshot;
  std::vector<Entry> entries;  // From snapshot.index + 1, without holes.
  Index applied = 0;           // At least snapshot.index, at most the last entry.
};

// A strong read may be served once applied >= index; ids come from Read().
struct ReadGrant {
  uint64_t id = 0;
  Index index = 0;
};

// Entries a follower needs that are no longer in memory: read them from the log
// and hand them to Fetched(), or none if they cannot be read.
struct Fetch {
  ReplicaId to = 0;
  Index from = 0;
  Index through = 0;
  size_t limit_bytes = 0;
};

// A follower whose next entry is below the log's start: stream it a snapshot,
// then tell SnapshotSent().
struct SnapshotOffer {
  ReplicaId to = 0;
  NodeId node = 0;
};

struct Addressed {
  NodeId node = 0;
  Message message;
};

struct Output {                         // Work owed to the world, in this order:
  std::optional<HardState> hard_state;  // 1. Persist atomically with `entries`,
  std::vector<Entry> entries;           //    which replace any stored suffix.
  std::vector<Addressed> messages_now;  //    May leave before 1: a leader's appends, heartbeats,
                                        //    and answers to heartbeats.
  std::vector<Addressed> messages_after_sync;  // 2. Claims: votes, acknowledgements.
  std::vector<Entry> committed;        // 3. Apply; locally durable; continues the last batch.
  std::vector<ReadGrant> reads;        // 4. Serve once applied >= grant.index.
  std::vector<uint64_t> reads_failed;  //    Not the leader any more: retry elsewhere.
  std::vector<Fetch> fetches;
  std::vector<SnapshotOffer> snapshots;
  bool role_changed = false;           // Role, term or leader differ from the last Take().
  bool configuration_changed = false;  // The configuration in force differs from the last Take().
  // Set when anything is not yet durable, be it handed out here or by an earlier
  // output: the owner calls Synced(sync_ticket) after syncing everything handed
  // out so far and only then lets messages_after_sync go. 0: they may go now.
  uint64_t sync_ticket = 0;
};

class Raft {
 public:
  // Votes and pre-votes are withheld for one maximum election timeout after
  // `now` unless options.fresh (a lease granted before the restart may live).
  Raft(Options options, InitialState initial, Micros now);
  ~Raft();
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  // --- events
  void Tick(Micros now);                   // At or after next_deadline().
  Micros next_deadline() const;            // Monotonic time at which Tick has something to do.
  void Step(Micros now, Message message);  // Foreign or malformed messages are dropped.

  // Appends a command. Returns its index; it is committed as (index, term())
  // or never. FailedPrecondition: not the leader, or leadership is being
  // handed over. ResourceExhausted: too much is uncommitted. InvalidArgument:
  // over kMaxEntryBytes.
  absl::StatusOr<Index> Propose(Micros now, Payload payload);

  // Moves to `target` by joint consensus; adding or removing learners only, or
  // nothing but promoting within `voters`, still goes through the joint step
  // when voters differ. The leader appends the final configuration by itself.
  // FailedPrecondition: not leader, a change is under way, or no entry of this
  // term is committed yet. InvalidArgument: no voters, or a replica twice.
  absl::StatusOr<Index> ChangeConfiguration(Micros now, Configuration target);

  // Asks for a linearizable read point: by lease at once, else by the next round
  // of answers. The answer, with `id`, comes in Output.reads or
  // Output.reads_failed (not the leader, leadership lost, or read_limit waiting
  // already). Ids are the caller's and unique.
  void Read(Micros now, uint64_t id);
  // The commit index at which a strong read may be served now by lease, if the
  // lease is held and an entry of this term is committed. Check lease_valid()
  // again after the state was read.
  std::optional<Index> LeaseRead(Micros now) const;
  bool lease_valid(Micros now) const;

  // Hands leadership to a voter that is up to date or soon will be. Gives up
  // after one maximum election timeout. The lease ends when TimeoutNow is sent.
  absl::Status TransferLeadership(Micros now, ReplicaId target);
  // Starts an election now instead of at its deadline. A lone voter leads at
  // once; others ask by pre-vote. Nothing happens while a leader was heard from
  // within the minimum election timeout or votes are withheld.
  void Campaign(Micros now);
  // A quiet replica's owner no longer hears a member's node, or that node has
  // started anew. `leader_gone`: the leader lived there; without it an election
  // is due soon, at a random time. A replica that is awake is not touched.
  void Wake(Micros now, bool leader_gone);
  // Starts the election timer anew: the owner is busy installing a snapshot.
  void Postpone(Micros now);

  // --- completions of work in Output
  void Synced(Micros now, uint64_t sync_ticket);  // All outputs up to this ticket are durable.
  void Applied(Index index);                      // Monotone.
  void Fetched(Micros now, const Fetch& fetch, std::vector<Entry> entries);
  // `ok` false: try again after a pause. The follower's own acknowledgement
  // decides when replication resumes.
  void SnapshotSent(Micros now, ReplicaId to, Index index, bool ok);

  // A follower's snapshot. Wants() is asked before data is accepted: false if
  // it would bring nothing new. Restored() is called after the state machine
  // and the log store were durably reset to it; the acknowledgement then is in
  // the next Output.
  bool WantsSnapshot(const SnapshotMeta& meta) const;
  void Restored(Micros now, const SnapshotMeta& meta);

  // The log store was told to forget entries up to `index` (<= applied).
  void Compacted(Index index);
  // The highest index <= `persisted` and applied() that may be forgotten while
  // the catch-up window stays. Below first_index(): nothing to do.
  Index CompactableTo(Index persisted) const;

  bool HasOutput() const;
  void Prefetch() const;  // Soon an event comes.
  Output Take();

  // --- views
  Role role() const;
  Term term() const;
  HardState hard_state() const;  // Current; what of it is durable the tickets say.
  ReplicaId id() const;
  ReplicaId leader() const;    // 0 if unknown.
  NodeId leader_node() const;  // 0 if unknown.
  Index commit() const;
  Index applied() const;
  Index first_index() const;  // The lowest the log still has; snapshot.index + 1.
  Index last_index() const;
  std::optional<Term> term_at(Index index) const;
  const Configuration& configuration() const;  // In force (latest appended).
  Index configuration_index() const;           // Its entry.
  bool is_leader() const { return role() == Role::kLeader; }
  bool quiet() const;              // Neither heartbeats nor election timers; no lease.
  bool committed_in_term() const;  // An entry of this term is committed (reads, membership).
  struct Progress {                // The leader's view of one member.
    Member member;
    bool voter = false;
    bool active =
        false;  // Answered within an election timeout, in which a quiet time does not count.
    bool needs_snapshot = false;
    Index match = 0;
    Index next = 0;
  };
  std::vector<Progress> progress() const;  // Empty unless leader.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fastpath::raft
