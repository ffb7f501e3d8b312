// The real Clock and Random. Thread-safe.
#pragma once

#include <random>

#include "raft/ports.h"

namespace fastpath::node {

class SystemClock final : public Clock {
 public:
  Micros Monotonic() override;
  Micros Wall() override;
};

// Seeded from the operating system. One thread.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace fastpath::node
