// Whether the machine itself stands still. A virtual machine's processors are taken
// away for milliseconds, about which the system under test can do nothing. A thread
// on each processor, before all others (SCHED_FIFO), asks to wake every half
// millisecond; when it is late, the processor was not there. Kernel work that
// nothing may interrupt looks the same, which is why little lateness is no stall.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/stalls.h"

namespace fastpath::bench {

// Threads: one for each processor from Start to Stop, and the owner's.
class HostWatch {
 public:
  // PermissionDenied without the right to real-time priority (CAP_SYS_NICE).
  static absl::StatusOr<std::unique_ptr<HostWatch>> Start();
  ~HostWatch();

  std::vector<Stall> Stop();  // Those of each processor since the start.

 private:
  struct Processor;
  HostWatch();

  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Processor>> processors_;
};

}  // namespace fastpath::bench
