#include "partition/log_time.h"

#include <algorithm>
#include <cstdlib>

#include "partition/model/check.h"

namespace fastpath {

int64_t MedianWall(std::vector<int64_t> walls_us) {
  FASTPATH_MODEL_CHECK(!walls_us.empty());
  auto middle = walls_us.begin() + (walls_us.size() - 1) / 2;
  std::nth_element(walls_us.begin(), middle, walls_us.end());
  return *middle;
}

bool MayLead(int64_t own_wall_us, int64_t median_wall_us) {
  return std::abs(own_wall_us - median_wall_us) <= kLeaderSkewLimit_us;
}

LogClock::Reading LogClock::Start(int64_t monotonic_us, int64_t median_wall_us) const {
  const uint64_t median = static_cast<uint64_t>(std::max<int64_t>(median_wall_us, 0));
  return {std::max(last_, median), monotonic_us, 0};
}

LogClock::Reading LogClock::Advance(int64_t monotonic_us, int64_t median_wall_us) const {
  if (!reading_.has_value()) return Start(monotonic_us, median_wall_us);
  const int64_t elapsed = monotonic_us - reading_->monotonic_us;
  if (elapsed <= 0) return *reading_;
  const int64_t expected = static_cast<int64_t>(reading_->stamp) + elapsed;
  const int64_t credit = reading_->slew_credit + elapsed;
  const int64_t slew_limit = credit / kSlewDivisor;
  const int64_t slew = std::clamp(median_wall_us - expected, -slew_limit, slew_limit);
  // Only what was too short to spend is kept: slewing must not be saved up for
  // a jump when the median moves.
  return {static_cast<uint64_t>(expected + slew), monotonic_us, credit % kSlewDivisor};
}

void LogClock::Observe(uint64_t stamp, int64_t monotonic_us, int64_t median_wall_us) {
  if (stamp <= last_) return;  // A leader's own stamps come back: its clock runs on.
  const bool fresh = stamp + kLeaderSkewLimit_us >= Now(monotonic_us, median_wall_us);
  last_ = stamp;
  if (fresh) reading_ = Reading{stamp, monotonic_us, 0};
}

void LogClock::BecomeLeader(int64_t monotonic_us, int64_t median_wall_us) {
  reading_ = Start(monotonic_us, median_wall_us);
}

uint64_t LogClock::Next(int64_t monotonic_us, int64_t median_wall_us) {
  reading_ = Advance(monotonic_us, median_wall_us);
  last_ = std::max(last_ + 1, reading_->stamp);
  return last_;
}

uint64_t LogClock::Now(int64_t monotonic_us, int64_t median_wall_us) const {
  return std::max(last_, Advance(monotonic_us, median_wall_us).stamp);
}

}  // namespace fastpath
