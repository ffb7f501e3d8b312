// What a program knows of log time, by which items expire (DESIGN 5 "Log time"): a
// clock of each group that follows the median wall clock of its replicas. The
// version of a write is the log time at which it was applied, so an answer tells
// what time it is there. Until the first one the program's own wall clock must do;
// from then on that clock does not matter, however wrong it is.
//
// One serves any number of primitives, and should: what one learns, all know.
// Groups differ from each other as the clocks of their nodes do (milliseconds, at
// most 500 of them while all is well).
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace fastpath::client {

// Microseconds; callable on any thread. Tests bring their own.
struct TimeSource {
  std::function<int64_t()> wall;       // Since the Unix epoch; may jump.
  std::function<int64_t()> monotonic;  // Never back; counts suspended time, too.
};
TimeSource SystemTime();

class LogClock {
 public:
  explicit LogClock(TimeSource source = SystemTime());

  // Log time now, as far as is known; microseconds since the Unix epoch.
  int64_t Now() const;
  // The program's own time, by which grants end.
  int64_t Monotonic() const { return source_.monotonic(); }
  // A write that was sent at `sent` (Monotonic) is answered, now, with this version.
  void Learn(uint64_t version, int64_t sent);

 private:
  const TimeSource source_;
  mutable std::mutex mutex_;
  bool known_ = false;
  int64_t offset_ = 0;  // Log time - Monotonic.
  int64_t error_ = 0;   // How much less it may have been, when it was learned:
  int64_t learned_ = 0;
};

using LogClockPtr = std::shared_ptr<LogClock>;

}  // namespace fastpath::client
