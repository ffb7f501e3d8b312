// Reading a log back, without I/O: what one segment file holds, and what all of
// them together amount to. This is where a torn tail is told from corruption.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/log_format.h"

namespace fastpath::storage {

struct SegmentScan {
  std::string name;
  // Every valid header at an aligned offset, of whatever generation, in order.
  std::vector<BatchHeader> headers;
  // The valid batches from offset 0 on, all of one generation, without a gap.
  std::vector<BatchHeader> batches;
  uint64_t end() const { return batches.empty() ? 0 : batches.back().end(); }
};

// True if the batch that begins `bytes` has all its records, undamaged. Hands
// each to `visit`, if given.
bool BatchIsWhole(const BatchHeader& header, std::string_view bytes,
                  const std::function<void(const TakenRecord&)>& visit = nullptr);

SegmentScan ScanSegment(std::string name, std::string_view bytes);

struct LogVerdict {
  struct Part {
    size_t scan = 0;  // Which of the scans.
    uint64_t generation = 0;
    uint64_t end = 0;  // Its batches from here on are not part of the log.
  };
  std::vector<Part> chain;       // The log, oldest first; empty: no log.
  uint64_t next_generation = 1;  // Never used before, as far as the files say.
};

// DataLoss: the log is corrupt, with segment and offset. FailedPrecondition:
// written by a newer version.
absl::StatusOr<LogVerdict> JudgeLog(const std::vector<SegmentScan>& scans);

}  // namespace fastpath::storage
