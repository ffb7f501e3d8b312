#include "raft/progress.h"

#include <algorithm>

#include "raft/check.h"

namespace fastpath::raft {

void Inflight::Add(Index last, size_t bytes, Micros sent) {
  window_.push_back({last, bytes, sent});
  bytes_ += bytes;
}

void Inflight::Acknowledge(Index match) {
  auto first = window_.begin();
  for (; first != window_.end() && first->last <= match; ++first) bytes_ -= first->bytes;
  window_.erase(window_.begin(), first);
}

void Inflight::Clear() {
  window_.clear();
  bytes_ = 0;
}

void Follower::BecomeProbe(Index from) {
  FASTPATH_CHECK(from > match, "progress: probing acknowledged entries");
  state = State::kProbe;
  next = from;
  probe_sent = false;
  fetch_from = 0;
  verify = false;
  inflight.Clear();
}

void Follower::BecomeReplicate() {
  BecomeProbe(match + 1);
  state = State::kReplicate;
}

void Follower::BecomeSnapshot(Index floor) {
  BecomeProbe(next);
  state = State::kSnapshot;
  snapshot_floor = floor;
  snapshot_index = 0;
  retry_at = 0;
}

bool Follower::Acknowledge(Index index) {
  inflight.Acknowledge(index);
  if (index <= match) return false;
  match = index;
  next = std::max(next, match + 1);
  return true;
}

}  // namespace fastpath::raft
