// Reads records back from their places, verified: neighbours in one read.
//
// Threads: the log's executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "storage/log_index.h"
#include "storage/log_segments.h"

namespace fastpath::storage {

// The bodies at `places`, in order. The segments' files are kept open for it.
// DataLoss: a damaged record, with segment and offset.
void ReadRecords(const LogSegments& segments, const std::vector<EntryPlace>& places,
                 absl::AnyInvocable<void(absl::StatusOr<std::vector<std::string>>)> done);

}  // namespace fastpath::storage
