// A batch of reads or writes as single requests of the core, all at once under one
// deadline: each takes its own way to its group, is tried again by itself, and a
// write counts once under its own session. Before anything is sent, the batch is
// checked as a whole. Pure; on the core's thread.
#pragma once

#include <vector>

#include "client/internal/core.h"

namespace fastpath::client::internal {

struct BatchEnd {
  // Not OK: the batch was refused, and nothing of it was sent.
  Answer refusal{.outcome = Outcome::kOk};
  std::vector<Answer> answers;  // As its requests. Items past 16 MB, as they came: TOO_LARGE.
};
using BatchDone = absl::AnyInvocable<void(BatchEnd)>;

// `requests` are gets, or writes without conditions. `core` outlives the operation.
void RunBatch(Core& core, std::vector<api::Request> requests, Micros timeout, BatchDone done);

}  // namespace fastpath::client::internal
