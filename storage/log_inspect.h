// What a log's files hold, for people: every segment, every group's part, a torn
// tail, damage. Where recovery refuses a damaged log, this tells what can still
// be read of it.
//
// Threads: the executor of the disk. Nothing on disk is changed here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "storage/log_files.h"

namespace fastpath::storage {

struct SegmentReport {
  std::string name;
  uint64_t file_bytes = 0;
  uint64_t generation = 0;  // 0: begins with no valid batch.
  uint64_t end_bytes = 0;   // Of its valid batches.
  uint64_t records = 0;
  size_t batches = 0;
  bool live = false;  // Part of the log; else waiting to be used again.
};

struct LogInspection {
  std::vector<SegmentReport> segments;  // By generation, then by name.
  // As of the last record of each group that could be read. If `damage` is set, what
  // of it is stale or missing is unknown.
  std::map<raft::GroupId, LogReplay::Group> groups;
  // A batch that was begun and is not whole: never durable, and cut by the next
  // start. Says where.
  std::optional<std::string> torn_tail;
  absl::Status damage;  // DataLoss or FailedPrecondition (a newer format): what JudgeLog said.
};

// An error: the files could not be read.
void InspectLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<LogInspection>)> done);

}  // namespace fastpath::storage
