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
  LogClockPtr clock;
  int64_t duration_us = 0;
  WriteRecord write;
  absl::AnyInvocable<void(Result<Claimed>)> done;
};

void Attempt(std::unique_ptr<Claiming> claiming, int64_t replaced_s) {
  const int64_t wanted = LogTimeFor(claiming->duration_us);
  const int64_t sent = claiming->clock->Monotonic();
  const int64_t expires_s =
      ExpiryAfter(claiming->clock->Now(), Milliseconds((wanted + 999) / 1'000));
  Operation<WriteAnswer> write = claiming->write(expires_s, replaced_s);
  std::move(write).Then([claiming = std::move(claiming), replaced_s, wanted, sent,
                         expires_s](Result<WriteAnswer> written) mutable {
    if (!written.ok()) return claiming->done(written.failure());
    claiming->clock->Learn(written->version, sent);
    const int64_t lasts = expires_s * kSecond_us - static_cast<int64_t>(written->version);
    const bool wrong = lasts < wanted / 2 || lasts > 2 * wanted + kSecond_us;
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

void Claim(LogClockPtr clock, Milliseconds duration, WriteRecord write,
           absl::AnyInvocable<void(Result<Claimed>)> done) {
  auto claiming = std::make_unique<Claiming>(
      Claiming{std::move(clock), ToMicros(duration), std::move(write), std::move(done)});
  Attempt(std::move(claiming), 0);
}

int64_t ExpiryAfter(int64_t now_us, Milliseconds duration) {
  return (now_us + ToMicros(duration) + kSecond_us - 1) / kSecond_us;
}

}  // namespace fastpath::client::internal
