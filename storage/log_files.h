// A log's files read through a Disk: every segment scanned, and the live part's
// records replayed. What both recovery and inspection stand on.
//
// Threads: the executor of the disk. Nothing on disk is changed here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "storage/log_replay.h"
#include "storage/log_scan.h"
#include "storage/log_segments.h"

namespace fastpath::storage {

struct LogFiles {
  std::vector<LogFile> files;
  std::vector<SegmentScan> scans;  // Of files, in order.
  uint64_t next_number = 1;        // Of the next new file.
};

// One segment is in memory at a time.
void ScanLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<LogFiles>)> done);

// Applies the records of `chain`, in order. With `newest`, the bodies of the very
// last batch go there instead. DataLoss: a record that does not parse, or bytes
// that changed since they were scanned. The other arguments outlive `done`.
void ReplayLog(const LogFiles& log, const std::vector<LogVerdict::Part>& chain, LogReplay& replay,
               std::vector<std::string>* newest, Done done);

}  // namespace fastpath::storage
