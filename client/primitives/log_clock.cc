#include "client/primitives/log_clock.h"

#include <time.h>

#include <chrono>
#include <utility>

namespace fastpath::client {
namespace {

// Log time is slewed by at most a twentieth: so an older offset loses its worth.
constexpr int64_t kSlewDivisor = 20;

int64_t Wall() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

int64_t SinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

TimeSource SystemTime() { return {Wall, SinceBoot}; }

LogClock::LogClock(TimeSource source) : source_(std::move(source)) {}

int64_t LogClock::Now() const {
  const int64_t monotonic = Monotonic();
  std::lock_guard lock(mutex_);
  return known_ ? offset_ + monotonic : source_.wall();
}

// It was applied at some moment since it was sent: an answer that took long (a try
// was lost, and the session gave the stored answer) tells little.
void LogClock::Learn(uint64_t version, int64_t sent) {
  const int64_t now = Monotonic();
  const int64_t error = now - sent;
  std::lock_guard lock(mutex_);
  if (known_ && error > error_ + (now - learned_) / kSlewDivisor) return;
  known_ = true;
  offset_ = static_cast<int64_t>(version) - sent;
  error_ = error;
  learned_ = now;
}

}  // namespace fastpath::client
