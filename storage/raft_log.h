// The shared segment log: one append-only, group-committed log per store for
// the entries and hard states of all its groups (DESIGN 1, 3.1-3.3, 5 "Log").
//
// Writes that arrive while a sync is under way form the next batch; a batch is
// one write and one fdatasync into a preallocated, recycled segment, and its
// completions are run together. The bodies of entries are found again by
// (segment, offset) kept in memory per group; payloads are not kept.
//
// Any failed write or sync is final: every pending and later Write gets Aborted
// with its reason (DESIGN 3.2), and what was pending may or may not be found at
// the next Open. Only the queue limit and a full disk are milder; see Options and full().
//
// Threads: the executor it was opened with. Disk and executor outlive it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/ports.h"
#include "storage/disk.h"

namespace fastpath::storage {

class RaftLog : public raft::LogStore {
 public:
  struct Options {
    uint64_t segment_bytes = 64u << 20;  // Tests use small ones.
    // One group commit; at least one write whatever its size.
    uint64_t batch_limit_bytes = 16u << 20;
    // Of writes accepted and not yet durable. A write beyond it fails with
    // ResourceExhausted: certainly nothing of it is in the log, which goes on
    // for the other groups; but later writes of the same group fail alike, for
    // they would follow a hole. Owners bound themselves by queued_bytes(); this
    // is the last resort.
    uint64_t queue_limit_bytes = 256u << 20;
    // When the log holds more segments than this, and less than half of it is
    // live, the live records of the oldest segment are copied to the end. A
    // segment without live entries is given up at once.
    size_t rewrite_above_segments = 8;
    size_t spare_segments = 2;  // Recycled ones kept for reuse.
    // A batch that follows one of at least `busy_writes` begins no sooner than
    // this after it began: where much is written, waiting makes batches larger
    // and syncs fewer (PostgreSQL's commit_delay and commit_siblings). 0: never.
    Micros pace_us = 1000;
    size_t busy_writes = 8;
    // For the pace, and for the retries when the disk is full. Null: no pace, and
    // retried at every Write.
    Clock* clock = nullptr;
  };

  // What a group's log held at the open: its last hard state and its live
  // entries, payloads included.
  struct Recovered {
    raft::HardState hard_state;
    raft::LogWrite::Position start;  // The log begins after it.
    std::vector<raft::Entry> entries;
  };

  // Reads every segment. A torn tail is cut; corruption is DataLoss naming the
  // segment and offset, and nothing is changed on disk (DESIGN 3.3).
  static void Open(Disk* disk, Executor* executor, Options options,
                   absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<RaftLog>>)> done);
  ~RaftLog() override;

  // Hands over what Open found; empty afterwards.
  virtual std::map<raft::GroupId, Recovered> TakeRecovered() = 0;

  virtual uint64_t used_bytes() const = 0;  // Of the segments in use.
  // Made durable since the open, in all. What was written since the engine last
  // persisted something cannot be cut: flush the engine when that grows.
  virtual uint64_t written_bytes() const = 0;
  // There was no space for a next segment. Writes go on into what is left of
  // the current one, and then are held, not failed, until there is space: refuse
  // new proposals while this is true, so that the rest serves elections.
  virtual bool full() const = 0;
  virtual uint64_t syncs() const = 0;         // Group commits so far.
  virtual uint64_t queued_bytes() const = 0;  // Accepted, not yet durable.
};

}  // namespace fastpath::storage
