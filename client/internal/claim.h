// A record that is somebody's until it expires, as leases and begun work are: when
// to let it expire, and until when its owner may count on it.
//
// It expires by log time, so no two owners' clocks are ever compared. The owner
// counts by its own monotonic clock, from before it sent the write: the answer's
// version says how long the record lasts from there by log time, which may run a
// twentieth fast, and be lifted by a new leader.
//
// Threads: as Operation's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "client/client.h"
#include "client/primitives/log_clock.h"

namespace fastpath::client::internal {

struct Claimed {
  WriteAnswer answer;
  int64_t expires_s = 0;  // Of the record, by log time.
  int64_t until_us = 0;   // Of the owner, by LogClock::Monotonic.
};

// Writes a record that expires then, in the place of none or of the owner's own, if
// that Lasts().
using WriteRecord = std::function<Operation<WriteAnswer>(int64_t expires_s, int64_t replaced_s)>;

// When the record that was in the way expires if it is the owner's own; 0: it is none of its.
using OwnExpiry = std::function<int64_t(const Item& record)>;

// Of a record of the owner's own: no write puts an earlier expiry in the place of a later
// one that somebody counts on, also not one that arrives late. `replaced_s`: of the record
// that nobody counts on; 0: none.
Condition Lasts(const std::string& ttl_attribute, int64_t expires_s, int64_t replaced_s);

// Writes the record so that its owner has it for `duration`. Writes a second time if the
// first answer shows that this program's clock was so wrong that the record lasts much too
// long, or not at all; also if an earlier call did not come to that, and left its own record
// to last much too long.
void Claim(LogClockPtr clock, Milliseconds duration, OwnExpiry own_expiry, WriteRecord write,
           absl::AnyInvocable<void(Result<Claimed>)> done);

// The second in which something that is to last from now on for `duration` may expire.
int64_t ExpiryAfter(int64_t now_us, Milliseconds duration);

}  // namespace fastpath::client::internal
