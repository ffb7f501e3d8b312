#include "client/internal/retry.h"

#include <algorithm>

namespace fastpath::client::internal {
namespace {

constexpr Micros kBackoffFirst = 4'000;
constexpr Micros kBusyLimit = 400'000;
constexpr Micros kRouteLimit = 100'000;
constexpr Micros kRedialFirst = 20'000;
constexpr Micros kRedialLimit = 250'000;

Micros Jittered(Random& random, Micros first, Micros limit, int attempt) {
  Micros top = std::min(limit, first << std::min(attempt, 16));
  return top / 2 + static_cast<Micros>(random.Next() % static_cast<uint64_t>(top / 2 + 1));
}

}  // namespace

ErrorClass ClassOf(api::Code code) {
  switch (code) {
    case api::OK:
    case api::CONDITION_FAILED:
    case api::INVALID:
    case api::TOO_LARGE:
    case api::TRANSACTION_CANCELLED:
    case api::TOKEN_MISMATCH:
      return {.settles = true};
    case api::NOT_LEADER:
    case api::WRONG_GROUP:
      return {.again = Again::kAtOnce, .forget_leader = true};
    case api::SHUTTING_DOWN:
    case api::NOT_READY:
      return {.again = Again::kLater, .forget_leader = true};
    case api::OVERLOADED:
      return {.again = Again::kLater};
    case api::SESSION_LIMIT:
    case api::CONFLICT:
      return {.again = Again::kLater, .told_at_deadline = true};
    case api::UNKNOWN:
    case api::DEADLINE:
      return {.again = Again::kLater, .maybe_executed = true};
    case api::IN_PROGRESS:  // What the token stands for may yet take effect.
      return {.again = Again::kLater, .maybe_executed = true, .told_at_deadline = true};
    case api::INTERNAL:
      return {.again = Again::kLater, .maybe_executed = true, .forget_leader = true};
    default:  // TABLE_*, SESSION_EXPIRED, UNIMPLEMENTED, and codes of newer servers.
      return {};
  }
}

Micros BackoffMicros(Random& random, Cause cause, int attempt) {
  Micros limit = cause == Cause::kBusy ? kBusyLimit : kRouteLimit;
  return Jittered(random, kBackoffFirst, limit, attempt);
}

Micros RedialMicros(Random& random, int attempt) {
  return Jittered(random, kRedialFirst, kRedialLimit, attempt);
}

}  // namespace fastpath::client::internal
