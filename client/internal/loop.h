// A thread that runs a core on real ports. The seam between the faces and the
// io folder, which implements it.
//
// Threads: Submit on any; everything of the core runs on the loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "client/internal/core.h"
#include "client/options.h"

namespace fastpath::client::internal {

class Loop {
 public:
  using Job = absl::AnyInvocable<void(Core*)>;

  virtual ~Loop() = default;
  // Runs `job` with the core, in order of submission. Wakes the thread once per
  // batch. After Stop, a job runs at once, on the caller's thread, without a core.
  virtual void Submit(Job job) = 0;
  // Stops the core, runs what that posts, and ends the thread. Not on it.
  virtual void Stop() = 0;
};

std::unique_ptr<Loop> StartLoop(Options options);
// Whether the calling thread is a loop's.
bool OnLoopThread();

}  // namespace fastpath::client::internal
