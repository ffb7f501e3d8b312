// N replicas of one group on a simulated network, disks, engines and clocks,
// with every safety property of Raft checked as things happen. Scripts and the
// randomised test drive it; nothing happens by itself.
//
// The disk loses on a crash what was not synced; the engine is a persisted image
// behind the applied state, as the state machine's store is in production.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "raft/raft.h"

namespace fastpath::raft {

// What the properties are checked against: everything that ever happened.
class Checker {
 public:
  // Every violation ends up here; the test fails and prints the seed.
  std::vector<std::string> violations;

  struct Committed {
    Term term = 0;
    uint64_t hash = 0;
    Term committed_in = 0;  // The term of the leader that first committed it.
    uint64_t digest = 0;    // Of the state after it.
  };

  void Fail(std::string what);
  void Bootstrap(const SnapshotMeta& start);
  void OnLeader(const Raft& raft);  // Election safety, completeness.
  // Log matching, of entries that reached a disk or another replica.
  void OnEntry(const Entry& entry, Term previous_term);
  void OnCommit(const Raft& raft, bool led, Index index, Term entry_term);  // State-machine safety.
  void OnApply(ReplicaId replica, const Entry& entry, uint64_t digest);
  void OnVote(Term term, ReplicaId voter, ReplicaId candidate);

  Index max_committed() const { return committed_.size() - 1; }
  const Committed& committed(Index index) const { return committed_[index]; }

 private:
  std::vector<Committed> committed_{1};
  std::unordered_map<Term, ReplicaId> leaders_;
  std::map<std::pair<Term, ReplicaId>, ReplicaId> votes_;
  struct Known {
    uint64_t hash;
    Term previous_term;
  };
  std::unordered_map<uint64_t, Known> entries_;  // By index << 32 | term.
};

uint64_t HashOf(const Entry& entry);
// The state after `entry`: a chain over everything applied.
uint64_t NextDigest(uint64_t digest, const Entry& entry);

struct SimSnapshot {
  SnapshotMeta meta;
  uint64_t digest = 0;
};

struct SimNode {
  ReplicaId id = 0;
  double rate = 1.0;  // Of its clock.
  Micros offset = 0;
  bool initial_member = false;
  bool paused = false;  // No ticks and no deliveries: a stopped process.

  // On disk.
  HardState hard_state;
  Index start_index = 0;
  Term start_term = 0;
  std::vector<Entry> log;  // From start_index + 1.
  SimSnapshot engine;      // The persisted image of the state machine.
  bool ever_started = false;

  // In memory; gone after a crash.
  std::unique_ptr<Raft> raft;
  struct Write {
    uint64_t ticket = 0;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
    std::vector<Message> messages;
  };
  std::deque<Write> writes;
  std::deque<Entry> to_apply;
  SimSnapshot state;  // Applied.
  Index seen_commit = 0;
  bool was_leader = false;
  Term seen_term = 0;
  bool was_quiet = false;
  Term leader_checked = 0;
  std::deque<Fetch> fetches;
  std::deque<ReplicaId> snapshots;      // Offers to these.
  std::map<uint64_t, Index> reads;      // Asked, with the commit index of then.
  std::optional<SimSnapshot> incoming;  // Received, waiting to be installed.
  ReplicaId incoming_from = 0;

  Index disk_last() const { return start_index + log.size(); }
  std::optional<Term> disk_term(Index index) const;
};

struct Envelope {
  Message message;
  uint64_t id = 0;
};

struct SimCounts {
  uint64_t elections = 0, commits = 0, snapshots = 0, joint = 0, truncations = 0, transfers = 0;
  uint64_t reads = 0, lease_reads = 0, crashes = 0, fetches = 0, learners = 0;
  uint64_t quiet = 0;
  void Add(const SimCounts& other);
};

class SimCluster {
 public:
  struct Setup {
    size_t nodes = 3;
    Configuration initial;
    Options options;         // id, node, seed and fresh are filled in.
    SnapshotMeta bootstrap;  // Where the initial members' logs start; configuration ignored.
    uint64_t seed = 1;
  };
  explicit SimCluster(Setup setup);

  SimNode& node(ReplicaId id) { return *nodes_[id - 1]; }
  size_t size() const { return nodes_.size(); }
  bool alive(ReplicaId id) { return node(id).raft != nullptr; }
  Micros NowOf(const SimNode& node) const {
    return node.offset + static_cast<Micros>(static_cast<double>(now) * node.rate);
  }

  Micros now = 0;  // Global time.
  std::vector<Envelope> network;
  // Decides about every message sent: false drops it.
  std::function<bool(const Message&)> admit;
  std::function<void(const std::string&)> trace;  // Scripts show what happens.
  Checker checker;
  SimCounts counts;

  void Start(ReplicaId id);
  void Crash(ReplicaId id, size_t writes_that_reached_disk);
  void Tick(ReplicaId id);
  void Deliver(size_t position, bool keep);
  absl::StatusOr<Index> Propose(ReplicaId id, std::string payload);
  // All before the outputs are drained, as one batch of events.
  absl::Status ProposeBatch(ReplicaId id, const std::vector<std::string>& payloads);
  absl::Status Change(ReplicaId id, Configuration target);
  absl::Status Transfer(ReplicaId id, ReplicaId target);
  void Read(ReplicaId id, uint64_t read);
  void Campaign(ReplicaId id);
  void Wake(ReplicaId id, bool leader_gone);
  bool Sync(ReplicaId id);  // One write becomes durable.
  bool Apply(ReplicaId id, size_t limit);
  void Persist(ReplicaId id);  // The engine flushes.
  void Compact(ReplicaId id, Index through);
  bool ServeFetch(ReplicaId id);
  bool SendSnapshot(ReplicaId id, bool arrives);
  bool InstallSnapshot(ReplicaId id, bool crash_before_log_reset);
  // Everything that can happen without time passing, until nothing can.
  void Settle(const std::function<bool(const Message&)>& deliverable);
  void CheckLeases();

 private:
  void Drain(SimNode& node);
  void Process(SimNode& node, Output output);
  void WriteToDisk(SimNode& node, const SimNode::Write& write);
  void Send(SimNode& node, std::vector<Addressed>& messages);
  void Transmit(SimNode& node, Message message);
  void Observe(SimNode& node);
  void CheckClaim(const SimNode& node, const Message& message);
  void CheckDurableQuorum(const SimNode& leader, Index index);
  void Trace(const SimNode& node, const std::string& what);
  Message TakeFromNetwork(size_t position, bool keep);

  Setup setup_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  uint64_t next_envelope_ = 1;
};

std::string Describe(const Message& message);
std::string Describe(const Configuration& configuration);
const char* RoleName(Role role);

}  // namespace fastpath::raft
