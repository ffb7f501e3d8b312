// The leader's view of one follower: what it holds, what may be sent next and
// how much is on its way. Pure bookkeeping; replication.cc decides with it.
//
//   kProbe      one append at a time until the logs are known to agree
//   kReplicate  optimistic: next runs ahead of match inside the window
//   kSnapshot   its next entry is compacted: nothing is appended until it
//               acknowledges the snapshot, or the transfer failed
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "raft/types.h"

namespace fastpath::raft {

// Appends sent and not yet acknowledged.
class Inflight {
 public:
  void Add(Index last, size_t bytes, Micros sent);
  void Acknowledge(Index match);  // Frees what ends at or below `match`.
  void Clear();
  bool empty() const { return window_.empty(); }
  bool Full(size_t limit, size_t limit_bytes) const {
    return window_.size() >= limit || bytes_ >= limit_bytes;
  }
  Micros oldest_sent() const { return window_.front().sent; }  // REQUIRES: !empty().

 private:
  struct Sent {
    Index last;
    size_t bytes;
    Micros sent;
  };
  absl::InlinedVector<Sent, 4> window_;  // Short: inflight_limit at most.
  size_t bytes_ = 0;
};

struct Follower {
  enum class State : uint8_t { kProbe, kReplicate, kSnapshot };

  Member member;
  State state = State::kProbe;
  Index match = 0;           // Durably holds the leader's log through here. match < next.
  Index next = 1;            // The first entry to send.
  Index commit_sent = 0;     // The follower was told of commits through here.
  uint64_t acked_round = 0;  // The latest round it answered in this term.
  uint64_t beat_round = 0;   // The latest round it was sent a heartbeat for.
  Micros last_active = 0;    // When it last answered; the leader's start at first.
  bool answered = false;     // Has answered at all in this term.
  bool probe_sent = false;   // kProbe: waiting for its answer, or for a sign that it was lost.
  Micros probe_sent_at = 0;
  Index fetch_from = 0;      // A Fetch from here is under way; 0: none.
  bool verify = false;       // Send an empty append to learn whether appends were lost.
  Index snapshot_floor = 0;  // kSnapshot: the log is kept from here for its return.
  Index snapshot_index = 0;  // kSnapshot: what was sent; 0 while it is on its way.
  Micros retry_at = 0;       // kSnapshot: probe again then; 0 while the transfer runs.
  Inflight inflight;

  void BecomeProbe(Index from);
  void BecomeReplicate();
  void BecomeSnapshot(Index floor);
  // An acknowledgement through `index`. True if it is news.
  bool Acknowledge(Index index);
};

}  // namespace fastpath::raft
