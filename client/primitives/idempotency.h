// Work that is done once per key, however often it is asked for: the first caller
// does it, callers meanwhile are told so, callers after get the first one's result.
//
//   Idempotency once(client, PrimitiveTable("requests"));
//   auto begun = once.Begin("order-4711", hash_of_the_request).Wait();
//   if (begun.ok() && begun->state == BeginState::kStarted) {
//     ...the work...
//     auto finished = once.Finish(begun->owner, "receipt 12").Wait();
//   }
//
// Guarantee. From a Begin that answers kStarted until its record expires by log time
// (after `in_progress`, at most a tenth and two seconds later) or is abandoned, no
// other Begin of the key answers kStarted. Of all owners of a key only the one whose
// record it still is can finish; the result it stored is what every Begin of the key
// answers from then on, until `keep` is over. An owner that dies frees the key by
// expiry. What the work does elsewhere is not undone by that: an owner that may
// have outlived owner.until_us must not go on, or its effects must bear a repeat.
//
// Each call is one conditional write. Begin takes another only if an answer shows
// that this program's clock is far from log time (client/primitives/log_clock.h),
// or was when an earlier Begin of the same token wrote a record that lasts much too
// long; clocks of other programs do not matter.
//
// The item: {KEY: S, "hash": B, "token": S, "state": "started" or "done",
// TTL: N, "result": any value, once done}.
//
// Threads: any. Ownership: the client outlives operations; it is not moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/client.h"
#include "client/primitives/log_clock.h"
#include "client/primitives/random.h"
#include "client/primitives/table.h"

namespace fastpath::client {

struct IdempotencyOptions {
  IdempotencyOptions() {}
  IdempotencyOptions& InProgress(Milliseconds value) { return in_progress = value, *this; }
  IdempotencyOptions& Keep(Milliseconds value) { return keep = value, *this; }
  IdempotencyOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  Milliseconds in_progress = std::chrono::seconds(30);  // How long an owner has.
  Milliseconds keep = std::chrono::hours(24);           // How long a result stays.
  Milliseconds deadline{0};                             // Of a call; 0: the client's.
};

// The right to do the work of a key; a value, good for any Idempotency of the table.
struct IdempotencyOwner {
  std::string key;
  std::string token;
  uint64_t begun = 0;    // Log time of the Begin.
  int64_t until_us = 0;  // By LogClock::Monotonic of who began: certainly its own so long.
};

enum class BeginState {
  kStarted,     // The work is the caller's.
  kInProgress,  // Another has it, until `expires_s` if it does not finish.
  kDone,        // It was done: `result`.
  kMismatch,    // The key was used for another request, whose record expires at `expires_s`.
};
struct BeginAnswer {
  BeginState state = BeginState::kStarted;
  IdempotencyOwner owner;       // kStarted.
  std::optional<Value> result;  // kDone.
  int64_t expires_s = 0;        // Of the record: seconds since the Unix epoch, by log time.
};

struct FinishAnswer {
  bool stored = false;          // Ours is the result; true again if Finish is repeated.
  std::optional<Value> result;  // The key's: ours, or another owner's if it finished.
};

class Idempotency {
 public:
  Idempotency(Client& client, PrimitiveTable table, IdempotencyOptions options = {},
              LogClockPtr clock = std::make_shared<LogClock>());

  // `request_hash`: any bytes that say which request this is. `token` names one attempt
  // to own the key, and is drawn if empty (NewToken). To repeat a Begin whose outcome was unknown,
  // give both times the same one, or wait until its record expires.
  Operation<BeginAnswer> Begin(std::string key, std::string request_hash, std::string token = "");
  Operation<FinishAnswer> Finish(IdempotencyOwner owner, Literal result);
  // Frees the key; false: it was not this owner's any more.
  Operation<bool> Abandon(IdempotencyOwner owner);

 private:
  Operation<WriteAnswer> PutStarted(const std::string& key, const std::string& hash,
                                    const std::string& token, int64_t expires_s,
                                    int64_t replaced_s);
  Result<BeginAnswer> TheOther(const Failure& refusal, const std::string& hash) const;
  Result<FinishAnswer> NotFinished(const Failure& refusal, const std::string& token) const;

  Client* client_;
  PrimitiveTable table_;
  IdempotencyOptions options_;
  LogClockPtr clock_;
  absl::Status status_;
};

}  // namespace fastpath::client
