#include "client/internal/buckets.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fastpath::client::internal {
namespace {

constexpr int64_t kSecond_us = 1'000'000;
constexpr int64_t kLimitMax = 1'000'000'000'000'000;
constexpr int64_t kStepsMax = 60;
constexpr Milliseconds kNarrowest{50};
constexpr Milliseconds kWidest = std::chrono::hours(24 * 366);
constexpr Milliseconds kSlackMax = std::chrono::seconds(10);

int64_t Up(int64_t dividend, int64_t divisor) { return (dividend + divisor - 1) / divisor; }
int64_t ToMicros(Milliseconds duration) { return int64_t{duration.count()} * 1'000; }

}  // namespace

// The item lasts until steps + 1 buckets, the slack and a rest of a second are over: so
// much older may the counts be that a call finds. Those of calls that came late within
// the slack are older by as much again.
Buckets::Buckets(const RateLimit& limit)
    : limit_(limit),
      width_us_(Up(ToMicros(limit.window), std::max<int64_t>(limit.steps, 1))),
      slack_us_(ToMicros(limit.max_skew + limit.deadline)),
      kept_(Up(slack_us_, width_us_)),
      forgotten_(limit.steps + 3 + Up(2 * slack_us_ + kSecond_us, width_us_)) {}

absl::Status Buckets::Check(const RateLimit& limit) {
  const auto wrong = [](absl::string_view why) { return absl::InvalidArgumentError(why); };
  if (limit.limit < 1 || limit.limit > kLimitMax) return wrong("the limit is 1 to 1E15");
  if (limit.steps != 0 && (limit.steps < 2 || limit.steps > kStepsMax)) {
    return wrong("a sliding window has 2 to 60 steps");
  }
  const Milliseconds bucket = limit.window / std::max<int64_t>(limit.steps, 1);
  if (bucket < kNarrowest || bucket > kWidest) {
    return wrong("a step of the window is 50 ms to 366 days");
  }
  if (limit.deadline <= Milliseconds(0) || limit.max_skew < Milliseconds(0) ||
      limit.deadline + limit.max_skew > kSlackMax) {
    return wrong("deadline and max_skew together are 1 ms to 10 s");
  }
  return absl::OkStatus();
}

int64_t Buckets::ExpirySeconds(int64_t bucket) const {
  return Up(End(bucket) * width_us_ + slack_us_, kSecond_us);
}

std::string Buckets::Name(int64_t bucket) { return absl::StrCat("b", bucket); }

Buckets::Counts Buckets::Read(const Item& item, int64_t from) {
  Counts counts;
  for (const auto& [name, value] : item) {
    int64_t bucket = 0, count = 0;
    if (name.empty() || name[0] != 'b' || !absl::SimpleAtoi(name.substr(1), &bucket)) continue;
    if (bucket < from || !value.is(model::Type::kNumber)) continue;
    if (value.number().ToInt64(count)) counts[bucket] = count;
  }
  return counts;
}

int64_t Buckets::Highest(const Counts& counts, int64_t bucket) const {
  int64_t highest = 0;
  for (auto at = counts.lower_bound(bucket); at != counts.end() && at->first < End(bucket); ++at) {
    highest = std::max(highest, at->second);
  }
  return highest;
}

int64_t Buckets::Remaining(const Counts& counts, int64_t bucket) const {
  return std::max<int64_t>(0, limit_.limit - Highest(counts, bucket));
}

int64_t Buckets::Reset(const Counts& counts, int64_t bucket) {
  return counts.empty() ? bucket : std::max(bucket, counts.rbegin()->first + 1);
}

int64_t Buckets::Retry(const Counts& counts, int64_t bucket, int64_t cost) const {
  int64_t retry = bucket + 1;
  // Only where a count falls out of the span can it become enough.
  for (const auto& [counted, count] : counts) {
    if (Remaining(counts, retry) >= cost) break;
    retry = std::max(retry, counted + 1);
  }
  return retry;
}

}  // namespace fastpath::client::internal
