// From the files of a log to its state: scan every segment, judge, replay the
// live part (log_scan.h says what is live), and copy the newest batch.
//
// Whether the newest batch was ever synced cannot be known: the last process
// may have died, or failed, in that very sync, and a later sync that succeeds
// proves nothing about pages the kernel has given up. So its records are
// written again as the first batch of a new segment, and a segment is never
// continued after a reopen. Nor is a file overwritten, before that is durable, on
// the word of the newest batch alone.
//
// Threads: the executor of the disk. Nothing on disk is changed here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/log_index.h"
#include "storage/log_segments.h"
#include "storage/raft_log.h"

namespace fastpath::storage {

struct RecoveredLog {
  LogIndex index;
  std::map<raft::GroupId, RaftLog::Recovered> groups;
  std::vector<Segment> live;              // Oldest first.
  std::vector<LogFile> free;              // May be overwritten at once.
  std::vector<LogFile> free_once_sealed;  // Once `seal` is durable.
  uint64_t next_number = 1;               // Of the next new file.
  uint64_t generation = 1;                // Of the segment to begin; `index` counts on it.
  std::string seal;                       // Its first batch.
};

void RecoverLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<RecoveredLog>)> done);

}  // namespace fastpath::storage
