#include "client/internal/io/ports.h"

#include <time.h>

namespace fastpath::client::internal {
namespace {

Micros Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<Micros>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

Micros SystemClock::Monotonic() { return Read(CLOCK_BOOTTIME); }
Micros SystemClock::Wall() { return Read(CLOCK_REALTIME); }

// Session identities come from it: the whole state is seeded by the system.
SystemRandom::SystemRandom() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  engine_.seed(seed);
}

TimerId AsioExecutor::At(Micros monotonic, Work work) {
  TimerId id = next_++;
  asio::steady_timer& timer = timers_.emplace(id, io_).first->second;
  timer.expires_after(std::chrono::microseconds(monotonic - clock_.Monotonic()));
  timer.async_wait([this, id, work = std::move(work)](const asio::error_code&) mutable {
    // Cancelled after it was due, and already on its way to us.
    if (timers_.erase(id) != 0) work();
  });
  return id;
}

}  // namespace fastpath::client::internal
