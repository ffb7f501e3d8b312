#include "node/io/clock.h"

#include <time.h>

namespace fastpath::node {
namespace {

Micros Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<Micros>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

uint64_t Seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) ^ device();
}

}  // namespace

Micros SystemClock::Monotonic() { return Read(CLOCK_BOOTTIME); }
Micros SystemClock::Wall() { return Read(CLOCK_REALTIME); }

SystemRandom::SystemRandom() : engine_(Seed()) {}

}  // namespace fastpath::node
