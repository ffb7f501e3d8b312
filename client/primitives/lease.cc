#include "client/primitives/lease.h"

#include <utility>

#include "client/internal/claim.h"
#include "client/internal/operations.h"

namespace fastpath::client {
namespace {

constexpr char kToken[] = "token";
constexpr char kHolder[] = "holder";

}  // namespace

Leases::Leases(Client& client, PrimitiveTable table, LeaseOptions options, LogClockPtr clock)
    : client_(&client),
      table_(std::move(table)),
      options_(options),
      clock_(std::move(clock)),
      status_(table_.Check({kToken, kHolder})) {
  if (status_.ok() && options.duration <= Milliseconds(0)) {
    status_ = absl::InvalidArgumentError("a lease lasts at least 1 ms");
  }
}

Operation<LeaseAnswer> Leases::Acquire(std::string name, std::string holder, std::string token) {
  if (!status_.ok()) return internal::Refused<LeaseAnswer>(*client_, status_);
  if (token.empty()) token = NewToken();
  LeaseGrant grant{std::move(name), std::move(token), std::move(holder)};
  return Operation<LeaseAnswer>(
      [self = *this, grant = std::move(grant)](Operation<LeaseAnswer>::Callback done) mutable {
        const auto write = [self, grant](int64_t expires_s, int64_t replaced_s) mutable {
          return self.Put(grant, expires_s, replaced_s);
        };
        internal::Claim(
            self.clock_, self.options_.duration, self.ExpiryOf(grant), write,
            [self, grant, done = std::move(done)](Result<internal::Claimed> claimed) mutable {
              if (!claimed.ok()) return done(self.OfAnother(claimed.failure()));
              grant.fence = claimed->answer.version;
              grant.until_us = claimed->until_us;
              done(LeaseAnswer{true, grant, grant.holder, claimed->expires_s});
            });
      });
}

Operation<LeaseAnswer> Leases::Renew(LeaseGrant grant) {
  if (!status_.ok()) return internal::Refused<LeaseAnswer>(*client_, status_);
  return Operation<LeaseAnswer>(
      [self = *this, grant = std::move(grant)](Operation<LeaseAnswer>::Callback done) mutable {
        const auto write = [self, grant](int64_t expires_s, int64_t replaced_s) mutable {
          return self.Extend(grant, expires_s, replaced_s);
        };
        internal::Claim(
            self.clock_, self.options_.duration, self.ExpiryOf(grant), write,
            [self, grant, done = std::move(done)](Result<internal::Claimed> claimed) mutable {
              if (!claimed.ok()) return done(self.NotRenewed(grant, claimed.failure()));
              grant.until_us = claimed->until_us;
              done(LeaseAnswer{true, grant, grant.holder, claimed->expires_s});
            });
      });
}

Operation<bool> Leases::Release(const LeaseGrant& grant) {
  if (!status_.ok()) return internal::Refused<bool>(*client_, status_);
  return internal::Then<bool>(
      client_->Delete(Key(table_.name, grant.name),
                      DeleteOptions(Attr(kToken) == grant.token).Deadline(options_.deadline)),
      internal::WhetherOurs);
}

std::function<int64_t(const Item&)> Leases::ExpiryOf(const LeaseGrant& grant) const {
  return [ttl = table_.ttl_attribute, token = grant.token](const Item& record) {
    return internal::TextAt(record, kToken) == token ? internal::IntegerAt(record, ttl) : 0;
  };
}

Operation<WriteAnswer> Leases::Put(const LeaseGrant& grant, int64_t expires_s, int64_t replaced_s) {
  const Item record = MakeItem({{table_.partition_key, grant.name},
                                {kToken, grant.token},
                                {kHolder, grant.holder},
                                {table_.ttl_attribute, expires_s}});
  const Condition free = AttrNotExists(internal::Named(table_.partition_key));
  const Condition ours =
      Attr(kToken) == grant.token && internal::Lasts(table_.ttl_attribute, expires_s, replaced_s);
  return client_->Put(table_.name, record,
                      PutOptions(free || ours).ReturnItemOnFailure().Deadline(options_.deadline));
}

Operation<WriteAnswer> Leases::Extend(const LeaseGrant& grant, int64_t expires_s,
                                      int64_t replaced_s) {
  const Condition ours =
      Attr(kToken) == grant.token && internal::Lasts(table_.ttl_attribute, expires_s, replaced_s);
  return client_->Update(Key(table_.name, grant.name),
                         Update().Set(internal::Named(table_.ttl_attribute), expires_s),
                         UpdateOptions(ours).ReturnItemOnFailure().Deadline(options_.deadline));
}

// Ours it is if only its expiry was in the way, which is later already.
Result<LeaseAnswer> Leases::NotRenewed(const LeaseGrant& grant, const Failure& refusal) const {
  Result<LeaseAnswer> answer = OfAnother(refusal);
  if (answer.ok() && refusal.item && internal::TextAt(*refusal.item, kToken) == grant.token) {
    answer->held = true;
    answer->grant = grant;
  }
  return answer;
}

Result<LeaseAnswer> Leases::OfAnother(const Failure& refusal) const {
  if (refusal.code != api::CONDITION_FAILED) return refusal;
  LeaseAnswer answer;
  if (!refusal.item) return answer;
  answer.holder = internal::TextAt(*refusal.item, kHolder);
  answer.expires_s = internal::IntegerAt(*refusal.item, table_.ttl_attribute);
  return answer;
}

}  // namespace fastpath::client
