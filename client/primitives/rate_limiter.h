// Rate limits that many programs share: check and count in one step.
//
//   RateLimiter limiter(client, PrimitiveTable("limits"),
//                       RateLimit::Sliding(100, std::chrono::minutes(1)));
//   auto taken = limiter.Take("user-7").Wait();
//   if (taken.ok() && !taken->allowed) ...try again after taken->retry_after...
//
// A call that is rejected is not counted. Each call is one conditional update.
//
// Guarantee. Time is cut into buckets; a call counts in the one in which it was made, by
// the caller's clock.
// - Fixed(limit, window): a bucket is a window, from a multiple of its length since the
//   Unix epoch on. In each at most `limit` are allowed, exactly. (So up to twice the limit
//   around the end of one.)
// - Sliding(limit, window, steps): a bucket is a window / steps. A log of buckets, not a
//   weighted estimate: in any steps + 1 buckets in a row at most `limit` are allowed, exactly.
//   So at most `limit` in every span as long as the window, wherever it begins; the price is
//   that a call counts up to window / steps longer than the window.
// Callers' clocks: the programs' wall clocks until their first allowed call, from then on log time
// (client/primitives/log_clock.h). While they are at most `max_skew` apart the above is
// exact, in whatever order calls arrive. A clock that is further off counts in buckets
// of its own time: then each of the two camps may get up to the limit, and one that is ahead
// may make the others' buckets be forgotten. Nothing is ever rejected for longer than a
// window and the error of such a clock. The same holds for a call whose outcome was unknown: it may
// take effect late, and counts as of when it was made.
//
// The item: {KEY: S ("NAME#WINDOW_MS/STEPS", 0 steps: fixed), TTL: N, "bNUMBER": N for each
// bucket: calls allowed in it and the `steps` buckets before it}. It expires when nothing of it
// counts any more.
//
// Threads: any. Ownership: the client outlives operations; it is not moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "client/client.h"
#include "client/primitives/log_clock.h"
#include "client/primitives/table.h"

namespace fastpath::client {

struct RateLimit {
  static RateLimit Fixed(int64_t limit, Milliseconds window) { return {limit, window, 0}; }
  static RateLimit Sliding(int64_t limit, Milliseconds window, int64_t steps = 10) {
    return {limit, window, steps};
  }
  RateLimit& Deadline(Milliseconds value) { return deadline = value, *this; }

  RateLimit(int64_t limit, Milliseconds window, int64_t steps)
      : limit(limit), window(window), steps(steps) {}

  int64_t limit;        // 1 to 1E15.
  Milliseconds window;  // With `steps`: a bucket is 50 ms to 366 days.
  int64_t steps;        // 0: fixed; 2 to 60.
  Milliseconds max_skew{250};
  // Of a call. Short: counts are kept so much longer, since a call may be that late.
  Milliseconds deadline{1'000};
};

struct RateAnswer {
  bool allowed = false;
  int64_t remaining = 0;  // How much more would be allowed now.
  // When all of the limit is there again if nothing more is allowed; of a fixed window, its
  // end. Milliseconds since the Unix epoch, by the caller's clock as above.
  int64_t reset_ms = 0;
  // Rejected: this call can be allowed no earlier than after this.
  Milliseconds retry_after{0};
};

class RateLimiter {
 public:
  RateLimiter(Client& client, PrimitiveTable table, RateLimit limit,
              LogClockPtr clock = std::make_shared<LogClock>());

  // `cost`: counts as so many calls, 1 to the limit; all or none are allowed.
  Operation<RateAnswer> Take(std::string name, int64_t cost = 1);

 private:
  Operation<WriteAnswer> Write(const std::string& name, int64_t cost, int64_t bucket);
  Result<RateAnswer> Judge(const Result<WriteAnswer>& written, int64_t now_us, int64_t cost) const;

  Client* client_;
  PrimitiveTable table_;
  RateLimit limit_;
  LogClockPtr clock_;
  absl::Status status_;
};

}  // namespace fastpath::client
