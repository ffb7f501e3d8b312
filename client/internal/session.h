// The client's side of "a write counts once" (DESIGN 5 "Sessions"): one identity
// per client, a sequence number per write, and the lowest one without an answer.
// Also the client's estimate of the servers' log time. Not thread-safe; pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>

#include "client/internal/ports.h"

namespace fastpath::client::internal {

class Session {
 public:
  explicit Session(Random& random);

  const std::string& id() const { return id_; }  // 16 random bytes.
  uint64_t Begin();                              // The next sequence, from 1.
  void Finish(uint64_t sequence);                // Once for each begun.
  // Every lower sequence is finished; no higher one than the lowest unfinished.
  uint64_t done_below() const { return base_; }

 private:
  std::string id_;
  uint64_t base_ = 1;
  std::deque<bool> finished_;  // [i] is sequence base_ + i; its front is false.
};

class LogTime {
 public:
  // A server said `log_time` (0: it did not) at our monotonic `now`.
  void Learn(uint64_t log_time, Micros now) {
    if (log_time == 0) return;
    offset_ = static_cast<int64_t>(log_time) - now;
    known_ = true;
  }
  bool known() const { return known_; }
  uint64_t At(Micros now) const {
    return static_cast<uint64_t>(std::max<int64_t>(0, offset_ + now));
  }

 private:
  bool known_ = false;
  int64_t offset_ = 0;
};

}  // namespace fastpath::client::internal
