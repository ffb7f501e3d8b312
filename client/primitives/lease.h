// Leases: somebody has a name for a while, and nobody else.
//
//   Leases leases(client, PrimitiveTable("leases"));
//   auto got = leases.Acquire("compactor", "host 7").Wait();
//   if (got.ok() && got->held) {
//     ...until shortly before got->grant.until_us: renew, or stop...
//   }
//
// Guarantee. A grant is its holder's from the answer until `until_us` by its own
// monotonic clock: meanwhile nobody else is granted the name. That rests on no wall
// clock, neither the holder's nor a taker's: the record expires by log time, and
// nobody but the group's log judges whether it did. The holder counts `duration` from before
// it asked; the record lasts a tenth and a second longer. Two things can break this: a
// holder that works on past until_us (paused after it looked), and a new leader that
// lifts log time by more than a second, for which the wall clocks of most of a group's replicas
// that are up must be wrong, or have been until just now. Against both there is the fence: every
// grant has a higher one than all before it of the same name, also after expiry, release and
// deletion, because it is the version of the item, which is never used again. What is written to
// under a lease keeps the highest fence it has seen and refuses lower ones; an item of Fastpath's
// by
//   Update().Set("fence", grant.fence)..., AttrNotExists("fence") || Attr("fence") <= grant.fence
//
// A holder that dies frees the name by expiry: at most `duration`, a tenth of it and two
// seconds after its last renewal. Nothing of a lease is left behind.
//
// Each call is one conditional write. Acquire and Renew take another only if an answer shows
// that this program's clock is far from log time (client/primitives/log_clock.h), or was when
// an earlier call of the same token wrote a record that lasts much too long.
//
// The item: {KEY: S (the name), "token": S, "holder": S, TTL: N}.
//
// Threads: any. Ownership: the client outlives operations; it is not moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "client/client.h"
#include "client/primitives/log_clock.h"
#include "client/primitives/random.h"
#include "client/primitives/table.h"

namespace fastpath::client {

struct LeaseOptions {
  LeaseOptions() {}
  LeaseOptions& Duration(Milliseconds value) { return duration = value, *this; }
  LeaseOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  Milliseconds duration = std::chrono::seconds(10);
  Milliseconds deadline{0};  // Of a call; 0: the client's.
};

struct LeaseGrant {
  std::string name;
  std::string token;
  std::string holder;
  uint64_t fence = 0;
  int64_t until_us = 0;  // By LogClock::Monotonic.
};

struct LeaseAnswer {
  bool held = false;
  LeaseGrant grant;  // If held.
  // Otherwise whose it is, if anybody's, and when it is free if it is not renewed:
  // seconds since the Unix epoch, by log time.
  std::string holder;
  int64_t expires_s = 0;
};

class Leases {
 public:
  Leases(Client& client, PrimitiveTable table, LeaseOptions options = {},
         LogClockPtr clock = std::make_shared<LogClock>());

  // `holder` is for others to read. `token` names one attempt, and is drawn if empty
  // (NewToken): who repeats an Acquire whose outcome was unknown gives both times the same.
  Operation<LeaseAnswer> Acquire(std::string name, std::string holder, std::string token = "");
  // Another `duration` from now, under the same fence. Not held: it was lost, for good.
  // Of an unknown outcome the old grant holds on as it did. Renew with these Leases, or with
  // ones that share their clock.
  Operation<LeaseAnswer> Renew(LeaseGrant grant);
  // The name is free at once; false: it was lost before.
  Operation<bool> Release(const LeaseGrant& grant);

  // Whether the holder may still count on it.
  bool Holds(const LeaseGrant& grant) const { return clock_->Monotonic() < grant.until_us; }

 private:
  // Of its own record; 0: of another's.
  std::function<int64_t(const Item&)> ExpiryOf(const LeaseGrant& grant) const;
  Operation<WriteAnswer> Put(const LeaseGrant& grant, int64_t expires_s, int64_t replaced_s);
  Operation<WriteAnswer> Extend(const LeaseGrant& grant, int64_t expires_s, int64_t replaced_s);
  Result<LeaseAnswer> NotRenewed(const LeaseGrant& grant, const Failure& refusal) const;
  Result<LeaseAnswer> OfAnother(const Failure& refusal) const;

  Client* client_;
  PrimitiveTable table_;
  LeaseOptions options_;
  LogClockPtr clock_;
  absl::Status status_;
};

}  // namespace fastpath::client
