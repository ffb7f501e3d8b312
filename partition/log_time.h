// Log time (DESIGN 5): the stamps in a group's log. They follow the leader's
// monotonic clock, slewed toward the median wall clock of the group's replicas,
// and never go back, so expiry by stamp is the same on every replica and no
// jump of a wall clock can enter the log.
//
// Pure: callers read the clocks. All values are microseconds. One owner at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace fastpath {

// The slew is at most 1 / kSlewDivisor of the time elapsed: 5 %.
inline constexpr int64_t kSlewDivisor = 20;
// A node whose wall clock is further than this from the median does not lead.
inline constexpr int64_t kLeaderSkewLimit_us = 500'000;

// The median of the replicas' wall clocks, each brought to the same instant. Of
// an even number the lower middle one, so that some replica is the median itself
// and may lead. Requires at least one.
int64_t MedianWall(std::vector<int64_t> walls_us);
bool MayLead(int64_t own_wall_us, int64_t median_wall_us);

class LogClock {
 public:
  // `last`: the highest stamp applied so far; 0 in a new group.
  explicit LogClock(uint64_t last = 0) : last_(last) {}

  // A stamp from the log was applied here, now: on every replica, in log order. One of long
  // ago, as a restart or a replica that catches up applies them, does not tell the time.
  void Observe(uint64_t stamp, int64_t monotonic_us, int64_t median_wall_us);
  // This replica has become leader, having observed the stamps of its whole log:
  // starts at max(last stamp, median).
  void BecomeLeader(int64_t monotonic_us, int64_t median_wall_us);
  // The stamp of the next command: higher than all before. Only a leader's.
  uint64_t Next(int64_t monotonic_us, int64_t median_wall_us);
  // Log time now, by which reads hide what has expired: never below `last` and
  // never above what Next would give. Consumes nothing. Before any stamp told the
  // time here, what a new leader would start at.
  uint64_t Now(int64_t monotonic_us, int64_t median_wall_us) const;
  uint64_t last() const { return last_; }  // The highest stamp issued or observed.

 private:
  // Log time at one instant of the monotonic clock, before `last_` lifts it.
  struct Reading {
    uint64_t stamp = 0;
    int64_t monotonic_us = 0;
    int64_t slew_credit = 0;  // In 1 / kSlewDivisor us: what short steps could not spend.
  };
  Reading Start(int64_t monotonic_us, int64_t median_wall_us) const;
  Reading Advance(int64_t monotonic_us, int64_t median_wall_us) const;

  uint64_t last_ = 0;
  std::optional<Reading> reading_;  // Absent until the first fresh stamp or term.
};

}  // namespace fastpath
