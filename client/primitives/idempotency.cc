#include "client/primitives/idempotency.h"

#include <algorithm>
#include <utility>

#include "client/internal/claim.h"
#include "client/internal/operations.h"
#include "client/primitives/random.h"

namespace fastpath::client {
namespace {

constexpr char kHash[] = "hash";
constexpr char kToken[] = "token";
constexpr char kState[] = "state";
constexpr char kResult[] = "result";
constexpr char kStarted[] = "started";
constexpr char kDone[] = "done";

bool Is(const Item& record, const char* attribute, const Value& value) {
  const Value* there = record.Find(attribute);
  return there != nullptr && *there == value;
}

bool IsStarted(const Item& record, const std::string& token) {
  return Is(record, kToken, Value::String(token)) && Is(record, kState, Value::String(kStarted));
}

std::optional<Value> ResultOf(const Item& record) {
  const Value* result = record.Find(kResult);
  return result == nullptr ? std::nullopt : std::optional<Value>(*result);
}

}  // namespace

Idempotency::Idempotency(Client& client, PrimitiveTable table, IdempotencyOptions options,
                         LogClockPtr clock)
    : client_(&client),
      table_(std::move(table)),
      options_(options),
      clock_(std::move(clock)),
      status_(table_.Check({kHash, kToken, kState, kResult})) {
  if (status_.ok() && (options.in_progress <= Milliseconds(0) || options.keep <= Milliseconds(0))) {
    status_ = absl::InvalidArgumentError("in_progress and keep are at least 1 ms");
  }
}

Operation<BeginAnswer> Idempotency::Begin(std::string key, std::string request_hash,
                                          std::string token) {
  if (!status_.ok()) return internal::Refused<BeginAnswer>(*client_, status_);
  if (token.empty()) token = NewToken();
  return Operation<BeginAnswer>([self = *this, key = std::move(key), hash = std::move(request_hash),
                                 token = std::move(token)](
                                    Operation<BeginAnswer>::Callback done) mutable {
    const auto write = [self, key, hash, token](int64_t expires_s, int64_t replaced_s) mutable {
      return self.PutStarted(key, hash, token, expires_s, replaced_s);
    };
    const auto own_expiry = [self, token](const Item& record) {
      return IsStarted(record, token) ? internal::IntegerAt(record, self.table_.ttl_attribute) : 0;
    };
    internal::Claim(self.clock_, self.options_.in_progress, own_expiry, write,
                    [self, key, hash, token,
                     done = std::move(done)](Result<internal::Claimed> claimed) mutable {
                      if (!claimed.ok()) return done(self.TheOther(claimed.failure(), hash));
                      BeginAnswer answer;
                      answer.owner = {key, token, claimed->answer.version, claimed->until_us};
                      answer.expires_s = claimed->expires_s;
                      done(std::move(answer));
                    });
  });
}

Operation<WriteAnswer> Idempotency::PutStarted(const std::string& key, const std::string& hash,
                                               const std::string& token, int64_t expires_s,
                                               int64_t replaced_s) {
  const Item record = MakeItem({{table_.partition_key, key},
                                {kHash, Binary(hash)},
                                {kToken, token},
                                {kState, kStarted},
                                {table_.ttl_attribute, expires_s}});
  const Condition ours = Attr(kToken) == token && Attr(kState) == kStarted &&
                         Attr(kHash) == Binary(hash) &&
                         internal::Lasts(table_.ttl_attribute, expires_s, replaced_s);
  return client_->Put(table_.name, record,
                      PutOptions(AttrNotExists(internal::Named(table_.partition_key)) || ours)
                          .ReturnItemOnFailure()
                          .Deadline(options_.deadline));
}

// The record that was in the way says how far it is.
Result<BeginAnswer> Idempotency::TheOther(const Failure& refusal, const std::string& hash) const {
  if (refusal.code != api::CONDITION_FAILED || !refusal.item) return refusal;
  const Item& record = *refusal.item;
  BeginAnswer answer;
  answer.expires_s = internal::IntegerAt(record, table_.ttl_attribute);
  if (!Is(record, kHash, Value::Binary(hash))) {
    answer.state = BeginState::kMismatch;
  } else if (Is(record, kState, Value::String(kDone))) {
    answer.state = BeginState::kDone;
    answer.result = ResultOf(record);
  } else {
    answer.state = BeginState::kInProgress;
  }
  return answer;
}

Operation<FinishAnswer> Idempotency::Finish(IdempotencyOwner owner, Literal result) {
  if (!status_.ok()) return internal::Refused<FinishAnswer>(*client_, status_);
  return Operation<FinishAnswer>(
      [self = *this, owner = std::move(owner),
       result = std::move(result)](Operation<FinishAnswer>::Callback done) mutable {
        // Not before the Begin, whatever this program's clock says.
        const int64_t now = std::max(self.clock_->Now(), static_cast<int64_t>(owner.begun));
        client::Update finish;
        finish.Set(kState, kDone)
            .Set(kResult, result.value())
            .Set(internal::Named(self.table_.ttl_attribute),
                 internal::ExpiryAfter(now, self.options_.keep));
        const int64_t sent = self.clock_->Monotonic();
        self.client_
            ->Update(Key(self.table_.name, owner.key), finish,
                     UpdateOptions(Attr(kToken) == owner.token && Attr(kState) == kStarted)
                         .ReturnItemOnFailure()
                         .Deadline(self.options_.deadline))
            .Then([self, token = owner.token, result = result.value(), sent,
                   done = std::move(done)](Result<WriteAnswer> written) mutable {
              if (!written.ok()) return done(self.NotFinished(written.failure(), token));
              self.clock_->Learn(written->version, sent);
              done(FinishAnswer{true, std::move(result)});
            });
      });
}

Result<FinishAnswer> Idempotency::NotFinished(const Failure& refusal,
                                              const std::string& token) const {
  if (refusal.code != api::CONDITION_FAILED) return refusal;
  if (!refusal.item || !Is(*refusal.item, kState, Value::String(kDone))) return FinishAnswer{};
  return FinishAnswer{Is(*refusal.item, kToken, Value::String(token)), ResultOf(*refusal.item)};
}

Operation<bool> Idempotency::Abandon(IdempotencyOwner owner) {
  if (!status_.ok()) return internal::Refused<bool>(*client_, status_);
  const Condition ours = Attr(kToken) == owner.token && Attr(kState) == kStarted;
  return internal::Then<bool>(
      client_->Delete(Key(table_.name, owner.key), DeleteOptions(ours).Deadline(options_.deadline)),
      internal::WhetherOurs);
}

}  // namespace fastpath::client
