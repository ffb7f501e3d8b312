// The vocabulary of the consensus layer: ids, entries, configurations and
// messages. Plain values; copy and move freely, from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fastpath::raft {

using NodeId = uint32_t;     // A server process with one identity; issued by meta, from 1.
using GroupId = uint32_t;    // A Raft group; 0 is meta.
using ReplicaId = uint64_t;  // One replica of one group; issued by meta, never reused; 0 = none.
using Term = uint64_t;
using Index = uint64_t;
using Micros = int64_t;  // Monotonic (CLOCK_BOOTTIME) microseconds of one node.

inline constexpr GroupId kMetaGroup = 0;

// A log entry is at most 8 MiB (DESIGN 3.10).
inline constexpr size_t kMaxEntryBytes = 8u << 20;

// Immutable and shared: serialised once by its proposer, then referenced by the
// log, the transport and apply. Never null inside an Entry that is in memory.
using Payload = std::shared_ptr<const std::string>;

// Never-change values: they are written to disk and to the wire.
enum class EntryKind : uint8_t {
  kNoop = 0,           // A new leader's first entry; empty payload.
  kCommand = 1,        // Opaque to raft; goes to the state machine.
  kConfiguration = 2,  // An encoded Configuration (raft/codec.h).
};

struct Entry {
  Term term = 0;
  Index index = 0;
  EntryKind kind = EntryKind::kCommand;
  Payload payload;
};

// What must survive a restart besides the entries. `commit` is a hint: it may
// lag behind what was known, never lead it.
struct HardState {
  Term term = 0;
  ReplicaId vote = 0;
  Index commit = 0;
  bool operator==(const HardState&) const = default;
};

struct Member {
  ReplicaId replica = 0;
  NodeId node = 0;
  auto operator<=>(const Member&) const = default;
};

// Who counts. Joint while `outgoing` is not empty: then every decision needs a
// majority of `voters` and one of `outgoing`. Members are sorted by replica and
// a replica is in `voters` or `learners`, not both. A configuration takes
// effect when it is appended, and is rolled back if its entry is truncated
// (Ongaro's dissertation, section 4.3).
struct Configuration {
  std::vector<Member> voters;
  std::vector<Member> outgoing;
  std::vector<Member> learners;
  bool joint() const { return !outgoing.empty(); }
  bool operator==(const Configuration&) const = default;
};

// The point a log starts after: everything up to it is in the state machine.
struct SnapshotMeta {
  Index index = 0;
  Term term = 0;
  Configuration configuration;
  bool operator==(const SnapshotMeta&) const = default;
};

// Never-change values: they are written to the wire.
enum class MessageType : uint8_t {
  kPreVote = 1,
  kPreVoteReply = 2,
  kVote = 3,
  kVoteReply = 4,
  kAppend = 5,
  kAppendReply = 6,
  kHeartbeat = 7,
  kHeartbeatReply = 8,
  kTimeoutNow = 9,
  kQuiet = 10,
  // The snapshot's data travels by the owner's own stream (node/); when it is
  // installed the follower answers with kAppendReply at the snapshot's index.
};

struct Message {
  MessageType type = MessageType::kHeartbeat;
  GroupId group = 0;
  ReplicaId from = 0;
  ReplicaId to = 0;
  Term term = 0;      // The sender's term (pre-vote: the term it would start).
  Index index = 0;    // Append: previous index. Vote, TimeoutNow, Quiet: last index. AppendReply:
                      // match, or the rejected previous index.
  Term log_term = 0;  // Append: term at `index`. Vote, TimeoutNow, Quiet: term of the last entry.
                      // AppendReply rejected: term at `hint`.
  Index commit = 0;   // The leader's commit index, never past what the receiver is known to hold in
                      // a heartbeat.
  Index hint = 0;     // AppendReply rejected: where the logs may agree.
  uint64_t round = 0;  // Heartbeat and append rounds, echoed in replies: confirms reads and leases.
  bool reject = false;
  bool force = false;    // Vote during a leadership transfer: ignore leader stickiness.
  NodeId from_node = 0;  // Lets a receiver answer a sender that is not in its configuration.
  std::vector<Entry> entries;
};

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

}  // namespace fastpath::raft
