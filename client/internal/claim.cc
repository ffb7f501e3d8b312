#include "client/internal/claim.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/internal/operations.h"

namespace fastpath::client::internal {
namespace {

constexpr int64_t kSecond_us = 1'000'000;
// How much further log time is than the owner's clock says when both began together:
// slew (5 %) and drift together are below a tenth, and a new leader starts at the
// median wall clock, which log time is within 500 ms of unless wall clocks jumped.
constexpr int64_t kRunsFastDivisor = 10;
constexpr int64_t kLift_us = kSecond_us;

int64_t ToMicros(Milliseconds duration) { return int64_t{duration.count()} * 1'000; }

int64_t LogTimeFor(int64_t owned_us) { return owned_us + owned_us / kRunsFastDivisor + kLift_us; }
int64_t OwnedFor(int64_t log_us) {
  return (log_us - kLift_us) * kRunsFastDivisor / (kRunsFastDivisor + 1);
}

struct Claiming {
  int64_t wanted() const { return LogTimeFor(duration_us); }
  // More than anybody counts on.
  bool TooLong(int64_t lasts) const { return lasts > 2 * wanted() + kSecond_us; }

  LogClockPtr clock;
  int64_t duration_us = 0;
  OwnExpiry own_expiry;
  WriteRecord write;
  absl::AnyInvocable<void(Result<Claimed>)> done;
  bool rewritten = false;  // The owner's own record, with the expiry that it had.
};

void Write(std::unique_ptr<Claiming> claiming, int64_t expires_s, int64_t replaced_s);

void Attempt(std::unique_ptr<Claiming> claiming, int64_t replaced_s) {
  const int64_t expires_s =
      ExpiryAfter(claiming->clock->Now(), Milliseconds((claiming->wanted() + 999) / 1'000));
  Write(std::move(claiming), expires_s, replaced_s);
}

// The owner's own record that was in the way lasts too long, unless our clock is wrong. It is
// written with the expiry that it has, which shortens nothing: the answer says which it is.
void OnRefusal(std::unique_ptr<Claiming> claiming, Failure refusal) {
  const bool in_the_way = refusal.code == api::CONDITION_FAILED && refusal.item;
  const int64_t expires_s = in_the_way ? claiming->own_expiry(*refusal.item) : 0;
  const int64_t lasts = expires_s * kSecond_us - claiming->clock->Now();
  if (!claiming->TooLong(lasts) || std::exchange(claiming->rewritten, true)) {
    return claiming->done(std::move(refusal));
  }
  Write(std::move(claiming), expires_s, 0);
}

void Write(std::unique_ptr<Claiming> claiming, int64_t expires_s, int64_t replaced_s) {
  const int64_t sent = claiming->clock->Monotonic();
  Operation<WriteAnswer> write = claiming->write(expires_s, replaced_s);
  std::move(write).Then([claiming = std::move(claiming), expires_s, replaced_s,
                         sent](Result<WriteAnswer> written) mutable {
    if (!written.ok()) {
      Failure failure = written.failure();
      // A first write took effect: whatever refused this one, there is a record of ours.
      if (replaced_s != 0 && failure.code != api::CONDITION_FAILED) {
        failure.outcome = Outcome::kUnknown;
      }
      return OnRefusal(std::move(claiming), std::move(failure));
    }
    claiming->clock->Learn(written->version, sent);
    const int64_t lasts = expires_s * kSecond_us - static_cast<int64_t>(written->version);
    const bool wrong = lasts < claiming->wanted() / 2 || claiming->TooLong(lasts);
    if (wrong && replaced_s == 0) return Attempt(std::move(claiming), expires_s);
    const int64_t owned = std::clamp<int64_t>(OwnedFor(lasts), 0, claiming->duration_us);
    claiming->done(Claimed{*std::move(written), expires_s, sent + owned});
  });
}

}  // namespace

Condition Lasts(const std::string& ttl_attribute, int64_t expires_s, int64_t replaced_s) {
  const Attr expires(Named(ttl_attribute));
  return expires <= expires_s || expires == replaced_s;
}

void Claim(LogClockPtr clock, Milliseconds duration, OwnExpiry own_expiry, WriteRecord write,
           absl::AnyInvocable<void(Result<Claimed>)> done) {
  auto claiming = std::make_unique<Claiming>(Claiming{std::move(clock), ToMicros(duration),
                                                      std::move(own_expiry), std::move(write),
                                                      std::move(done)});
  Attempt(std::move(claiming), 0);
}

int64_t ExpiryAfter(int64_t now_us, Milliseconds duration) {
  return (now_us + ToMicros(duration) + kSecond_us - 1) / kSecond_us;
}

}  // namespace fastpath::client::internal
