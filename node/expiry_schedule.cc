#include "node/expiry_schedule.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"

namespace fastpath::node {

ExpirySchedule::ExpirySchedule(const storage::BucketRange& buckets)
    : buckets_(buckets), bounds_(size_t{buckets.last} - buckets.first + 1, 0) {
  FASTPATH_CHECK(!buckets.empty, "a group with a range");
}

size_t ExpirySchedule::At(storage::Bucket bucket) const {
  FASTPATH_CHECK(buckets_.first <= bucket && bucket <= buckets_.last, "a bucket of the group");
  return size_t{bucket} - buckets_.first;
}

void ExpirySchedule::Note(Expiry expiry) {
  uint64_t& bound = bounds_[At(expiry.bucket)];
  bound = std::min(bound, expiry.seconds);
  if (!looking_.empty()) noted_.push_back(expiry);
}

void ExpirySchedule::Looking(std::vector<storage::Bucket> buckets) {
  looking_ = std::move(buckets);
  noted_.clear();
}

void ExpirySchedule::Looked(storage::Bucket last, const std::vector<Expiry>& found) {
  for (const storage::Bucket bucket : std::exchange(looking_, {})) {
    if (bucket <= last) bounds_[At(bucket)] = kNever;
  }
  for (const Expiry& expiry : found) Note(expiry);
  for (const Expiry& expiry : noted_) Note(expiry);
  noted_.clear();
}

std::optional<storage::Bucket> ExpirySchedule::NextDue(storage::Bucket from, uint64_t now) const {
  const auto due = [now](uint64_t bound) { return bound <= now; };
  const auto start = bounds_.begin() + static_cast<ptrdiff_t>(At(from));
  auto found = std::find_if(start, bounds_.end(), due);
  if (found == bounds_.end()) {
    found = std::find_if(bounds_.begin(), start, due);
    if (found == start) return std::nullopt;
  }
  return static_cast<storage::Bucket>(buckets_.first + (found - bounds_.begin()));
}

std::vector<storage::Bucket> ExpirySchedule::Due(storage::Bucket from, uint64_t now,
                                                 size_t limit) const {
  std::vector<storage::Bucket> due;
  for (size_t at = At(from); at < bounds_.size() && due.size() < limit; ++at) {
    if (bounds_[at] <= now) due.push_back(static_cast<storage::Bucket>(buckets_.first + at));
  }
  return due;
}

uint64_t ExpirySchedule::Earliest() const {
  return *std::min_element(bounds_.begin(), bounds_.end());
}

}  // namespace fastpath::node
