#include "client/primitives/rate_limiter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/internal/buckets.h"
#include "client/internal/operations.h"

namespace fastpath::client {

using internal::Buckets;

RateLimiter::RateLimiter(Client& client, PrimitiveTable table, RateLimit limit, LogClockPtr clock)
    : client_(&client),
      table_(std::move(table)),
      limit_(limit),
      clock_(std::move(clock)),
      status_(Buckets::Check(limit)) {}

Operation<RateAnswer> RateLimiter::Take(std::string name, int64_t cost) {
  if (!status_.ok()) return internal::Refused<RateAnswer>(*client_, status_);
  if (cost < 1 || cost > limit_.limit) {
    return internal::Refused<RateAnswer>(
        *client_, absl::InvalidArgumentError("a call costs from 1 to all of the limit"));
  }
  return Operation<RateAnswer>([self = *this, name = std::move(name),
                                cost](Operation<RateAnswer>::Callback done) mutable {
    const int64_t sent = self.clock_->Monotonic();
    const int64_t now = self.clock_->Now();
    self.Write(name, cost, Buckets(self.limit_).At(now))
        .Then([self, sent, now, cost, done = std::move(done)](Result<WriteAnswer> written) mutable {
          if (written.ok()) self.clock_->Learn(written->version, sent);
          done(self.Judge(written, now, cost));
        });
  });
}

Result<RateAnswer> RateLimiter::Judge(const Result<WriteAnswer>& written, int64_t now_us,
                                      int64_t cost) const {
  if (!written.ok() && written.code() != api::CONDITION_FAILED) return written.failure();
  const std::optional<Item>& item = written.ok() ? written->item : written.failure().item;
  if (!item) return Failure{Outcome::kUnknown, api::INTERNAL, "the answer lacks the item", {}};
  const Buckets buckets(limit_);
  const int64_t bucket = buckets.At(now_us);
  const Buckets::Counts counts = Buckets::Read(*item, bucket);
  RateAnswer answer;
  answer.allowed = written.ok();
  answer.remaining = buckets.Remaining(counts, bucket);
  answer.reset_ms = buckets.StartMs(Buckets::Reset(counts, bucket));
  if (!answer.allowed) {
    const int64_t retry_ms = buckets.StartMs(buckets.Retry(counts, bucket, cost));
    answer.retry_after = Milliseconds(std::max<int64_t>(0, retry_ms - now_us / 1'000));
  }
  return answer;
}

Operation<WriteAnswer> RateLimiter::Write(const std::string& name, int64_t cost, int64_t bucket) {
  const Buckets buckets(limit_);
  const std::string key = absl::StrCat(name, "#", limit_.window.count(), "/", limit_.steps);
  Condition room;
  client::Update count;
  for (int64_t at = bucket; at < buckets.End(bucket); ++at) {
    const Path path = internal::Named(Buckets::Name(at));
    // Of a bucket without a count the comparison does not hold.
    room = std::move(room) && !(Attr(path) > limit_.limit - cost);
    count.Add(path, cost);
  }
  for (int64_t at = buckets.ForgetFirst(bucket); at < buckets.ForgetEnd(bucket); ++at) {
    count.Remove(internal::Named(Buckets::Name(at)));
  }
  count.Set(internal::Named(table_.ttl_attribute), buckets.ExpirySeconds(bucket));
  return client_->Update(Key(table_.name, key), count,
                         UpdateOptions(std::move(room))
                             .Return(api::UPDATED_NEW)
                             .ReturnItemOnFailure()
                             .Deadline(limit_.deadline));
}

}  // namespace fastpath::client
