// What each answer of a server means for the operation it answers, and how long
// to wait before the next try. Pure; thread-safe.
#pragma once

#include "client/internal/ports.h"
#include "partition/api.pb.h"

namespace fastpath::client::internal {

enum class Again { kNever, kAtOnce, kLater };

struct ErrorClass {
  Again again = Again::kNever;
  // The try may have taken effect, or may still.
  bool maybe_executed = false;
  // Settles the operation even after a try that may have been executed: the
  // session gives the stored answer, or the same request was never acceptable.
  bool settles = false;
  // The route may be wrong: do not ask this node for this group again unprompted.
  bool forget_leader = false;
  // Says more than DEADLINE does: told in its place, if nothing can have been executed or this
  // says itself that something may have been.
  bool told_at_deadline = false;
};
ErrorClass ClassOf(api::Code code);

// Redirects followed without a pause; then the operation backs off.
inline constexpr int kRedirectLimit = 4;
// INTERNAL answers before an operation is given up.
inline constexpr int kInternalLimit = 3;

// Why an operation waits: a busy server is given time, a missing leader is
// looked for until it is elected.
enum class Cause { kBusy, kRoute };

// Exponential in `attempt` (from 0), uniformly jittered over its upper half.
Micros BackoffMicros(Random& random, Cause cause, int attempt);
// The same for dialling a node again.
Micros RedialMicros(Random& random, int attempt);

}  // namespace fastpath::client::internal
