#include "bench/open_loop.h"

#include <cmath>

#include "raft/check.h"

namespace fastpath::bench {

OpenLoop::OpenLoop(const Plan& plan)
    : plan_(plan), random_(plan.seed), due_exact_(0), due_(plan.begin), lanes_(plan.lanes) {
  FASTPATH_CHECK(plan.rate > 0 && plan.lanes > 0, "no load");
  FASTPATH_CHECK(plan.begin <= plan.measure_from && plan.measure_from < plan.end,
                 "the times are out of order");
  for (size_t lane = plan.lanes; lane > 0; --lane) free_.push_back(lane - 1);
  DrawNext();
}

void OpenLoop::DrawNext() {
  const double distance = 1e9 / plan_.rate;
  due_exact_ += plan_.poisson ? -std::log1p(-random_.Fraction()) * distance : distance;
  due_ = plan_.begin + static_cast<Nanos>(due_exact_);
  due_read_ = plan_.read_share > 0 && random_.Fraction() < plan_.read_share;
}

std::optional<OpenLoop::Start> OpenLoop::StartDue(Nanos now) {
  if (free_.empty() || due_ > now || due_ >= plan_.end || now >= plan_.end) return std::nullopt;
  const Start start{free_.back(), due_read_};
  free_.pop_back();
  lanes_[start.lane] = {due_, due_read_};
  DrawNext();
  return start;
}

void OpenLoop::Ended(size_t lane, Nanos now, Ending ending, std::string_view why) {
  free_.push_back(lane);
  const auto [intended, read] = lanes_[lane];
  if (ending != Ending::kOk) {
    if (Measured(intended)) result_.CountFailure(ending, why);
    return;
  }
  if (Measured(intended)) Record(read, intended, now - intended);
  if (Measured(now)) ++(read ? result_.reads_done : result_.writes_done);
}

void OpenLoop::Close() {
  for (; due_ < plan_.end; DrawNext()) {
    if (!Measured(due_)) continue;
    ++result_.unsent;
    Record(due_read_, due_, plan_.end - due_);
  }
}

void OpenLoop::Record(bool read, Nanos intended, Nanos latency) {
  (read ? result_.reads : result_.writes).Record(static_cast<uint64_t>(latency));
  if (plan_.keep) kept_.push_back({intended, latency, read});
}

void OpenLoop::LeaveOut(const std::vector<Stall>& disturbed) {
  for (const Kept& kept : kept_) {
    if (Met(disturbed, kept.intended, kept.intended + kept.latency)) continue;
    (kept.read ? result_.undisturbed_reads : result_.undisturbed_writes)
        .Record(static_cast<uint64_t>(kept.latency));
  }
}

}  // namespace fastpath::bench
