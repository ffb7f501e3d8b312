// The shared segment log: one append-only, group-committed log per store for
// the entries and hard states of all its groups (DESIGN 1, 3.1-3.3, 5 "Log").
//
// Writes that arrive while a sync is under way form the next batch; a batch is
// one write and one fdatasync into a preallocated, recycled segment, and its
// completions are run together. The bodies of entries are found again by
// (segment, offset) kept in memory per group; payloads are not kept.
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
    uint64_t batch_limit_bytes = 16u
                                 << 20;  // One group commit; at least one write whatever its size.
    uint64_t queue_limit_bytes = 256u
                                 << 20;  // Beyond: writes fail with ResourceExhausted... see Write.
    // Live groups are rewritten out of the oldest segment when the log holds
    // more than this many segments.
    size_t rewrite_above_segments = 8;
    size_t spare_segments = 2;  // Recycled ones kept for reuse.
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

  // Groups whose live entries lie in the oldest segments: flush what they wait
  // for. Bytes of the segments in use.
  virtual uint64_t used_bytes() const = 0;
  virtual uint64_t syncs() const = 0;         // Group commits so far.
  virtual uint64_t queued_bytes() const = 0;  // Accepted, not yet durable.
};

}  // namespace fastpath::storage
