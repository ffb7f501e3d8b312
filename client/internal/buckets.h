// How a rate limit's item is laid out (client/primitives/rate_limiter.h): which buckets a
// call counts in, which are forgotten, and what counts say. Pure; thread-safe.
//
// A call in bucket t is added to the counts of t and the `steps` buckets after it, for
// which it is one of the calls of the last steps + 1 buckets. So the count of a bucket is
// all that the condition needs, although conditions cannot add; and since all buckets that
// a call is added to are checked, no order of arrival lets one exceed the limit.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "client/primitives/rate_limiter.h"

namespace fastpath::client::internal {

class Buckets {
 public:
  explicit Buckets(const RateLimit& limit);

  static absl::Status Check(const RateLimit& limit);

  int64_t At(int64_t now_us) const { return now_us / width_us_; }
  int64_t StartMs(int64_t bucket) const { return (bucket * width_us_ + 999) / 1'000; }
  // That hold a call of `bucket`: [bucket, End).
  int64_t End(int64_t bucket) const { return bucket + limit_.steps + 1; }
  // That nobody will ask for any more, as far as the item can have them: [first, end).
  int64_t ForgetFirst(int64_t bucket) const { return bucket - kept_ - forgotten_; }
  int64_t ForgetEnd(int64_t bucket) const { return bucket - kept_; }
  // The second after which nothing of a call in `bucket` counts, for anybody.
  int64_t ExpirySeconds(int64_t bucket) const;

  static std::string Name(int64_t bucket);
  // Counts of this bucket and later ones.
  static std::map<int64_t, int64_t> Read(const Item& item, int64_t from);

  // What they say to a caller in `bucket`. Absent ones are 0.
  using Counts = std::map<int64_t, int64_t>;
  int64_t Remaining(const Counts& counts, int64_t bucket) const;
  // The first bucket from which on nothing is counted.
  static int64_t Reset(const Counts& counts, int64_t bucket);
  // The first bucket after this one in which `cost` would be allowed.
  int64_t Retry(const Counts& counts, int64_t bucket, int64_t cost) const;

 private:
  int64_t Highest(const Counts& counts, int64_t bucket) const;

  const RateLimit limit_;
  int64_t width_us_;
  int64_t slack_us_;   // How much earlier than others a call may have been made, and still come.
  int64_t kept_;       // Buckets, for the slack.
  int64_t forgotten_;  // Buckets that can be there besides, until the item expires.
};

}  // namespace fastpath::client::internal
