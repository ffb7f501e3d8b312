// The logic of an open loop: operations arrive by a schedule that knows nothing of
// how the store does, as users do, and an operation's latency runs from when it
// should have begun. So a stall counts for everybody who would have met it, and
// not once per lane ("coordinated omission" is the opposite: a generator that
// politely stops asking while the store stalls).
//
// Pure: time is an argument, on any one thread at a time. Arrivals that find no
// lane free wait in order; they need no memory, because the schedule is only drawn
// further when the next one begins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/keys.h"
#include "bench/load.h"
#include "bench/stalls.h"

namespace fastpath::bench {

class OpenLoop {
 public:
  struct Plan {
    double rate = 0;  // Arrivals a second, over 0.
    bool poisson = true;
    Nanos begin = 0, measure_from = 0, end = 0;  // What arrives in the last two is measured.
    double read_share = 0;
    size_t lanes = 1;
    uint64_t seed = 1;
    bool keep = false;  // Every measured operation, for LeaveOut: 24 bytes each.
  };
  struct Start {
    size_t lane = 0;
    bool read = false;
  };

  explicit OpenLoop(const Plan& plan);

  // The next arrival, if it is due and a lane is free: begin it there now.
  std::optional<Start> StartDue(Nanos now);
  // When the next operation arrives; plan().end if none will.
  Nanos next_due() const { return std::min(due_, plan_.end); }
  bool full() const { return free_.empty(); }  // Nothing begins until a lane ends.
  void Ended(size_t lane, Nanos now, Ending ending, std::string_view why);
  // Call once at plan().end: what was due and did not begin is counted as unsent,
  // with its age. What is in flight may still end.
  void Close();
  // Once all has ended, with plan().keep: counts what did not meet any of these in the
  // result's undisturbed ones.
  void LeaveOut(const std::vector<Stall>& disturbed);

  const Plan& plan() const { return plan_; }
  size_t in_flight() const { return plan_.lanes - free_.size(); }
  const LoadResult& result() const { return result_; }  // Without `seconds`.

 private:
  struct Lane {
    Nanos intended = 0;
    bool read = false;
  };

  bool Measured(Nanos time) const { return time >= plan_.measure_from && time < plan_.end; }
  void Record(bool read, Nanos intended, Nanos latency);
  void DrawNext();

  const Plan plan_;
  FastRandom random_;
  double due_exact_;  // Fractions of nanoseconds add up.
  Nanos due_;
  bool due_read_ = false;
  std::vector<Lane> lanes_;
  std::vector<size_t> free_;  // The last to end is used first: fewer warm connections.
  struct Kept {
    Nanos intended = 0, latency = 0;
    bool read = false;
  };
  std::vector<Kept> kept_;
  LoadResult result_;
};

}  // namespace fastpath::bench
