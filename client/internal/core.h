// The client as a pure event machine on ports: routes every request, sends it,
// tries again by error class under one session, and ends each operation exactly
// once with ok, refused or unknown. No thread, lock, clock or socket: the io
// folder runs it on a loop of its own, a simulation on simulated ports.
//
// How an operation goes:
//   Call -> (waiting: too many in flight) -> route -> (waiting: map or dial) -> sent
//     -> answer -> done
//     -> answer "elsewhere", "later"; lost connection; no answer in time -> route again
//   at its deadline: refused if no try can have been executed, otherwise unknown.
//
// Threads: the executor's one. Ownership: the ports outlive the core. It can be
// destroyed at any time outside its own callbacks; unfinished operations are then
// dropped without a word: Stop() first to end them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/internal/links.h"
#include "client/internal/ports.h"
#include "client/internal/retry.h"
#include "client/internal/routing.h"
#include "client/internal/session.h"
#include "client/internal/wakeups.h"
#include "client/options.h"
#include "client/result.h"
#include "partition/api.pb.h"

namespace fastpath::client::internal {

// What became of a call. `reply` is the server's, or its code and message are ours.
struct Answer {
  Outcome outcome = Outcome::kUnknown;
  api::Reply reply;
};

// Certainly no effect, in our own words.
Answer Refused(api::Code code, std::string_view message);

// Who should answer.
struct Target {
  enum class Kind { kKey, kGroup, kNode, kAny };
  Kind kind = Kind::kAny;
  uint32_t id = 0;

  static Target Key() {
    return {Kind::kKey, 0};
  }  // By the key of a write or read, or a scan's place.
  static Target Group(uint32_t id) { return {Kind::kGroup, id}; }  // The group's leader.
  static Target Node(uint32_t id) { return {Kind::kNode, id}; }
  static Target Any() { return {Kind::kAny, 0}; }
};

class Core {
 public:
  using Done = absl::AnyInvocable<void(Answer)>;

  Core(Options options, Ports ports);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // `request` has its `op`; id, deadline, route, session and min_stamp are ours. A session that
  // it has already (client, sequence, and in not_after how long from now it is remembered) is
  // kept: then the caller says what counts as one, on whichever cores.
  // A put's item is a valid encoded item. `timeout` 0: the default. `done` runs
  // once, later, never inside this call; it may Call again. `pause`: the first
  // try waits this long.
  void Call(api::Request request, Target target, Micros timeout, Done done, Micros pause = 0);

  // Ends every operation: refused if it was never sent, otherwise unknown. Later
  // calls are refused with SHUTTING_DOWN.
  void Stop();
  // For what is refused without a call: `done` runs later, never inside this one.
  void EndLater(Done done, Answer answer);
  // When a call of so long a timeout (0: the default) ends at the latest, by our monotonic clock.
  Micros DeadlineAfter(Micros timeout) const;

  // A table that a server just told us of.
  void LearnTable(const api::Table& table) { routing_.AddTable(table); }
  // As last heard of it; null: never. Valid during the call.
  const api::Table* FindTable(std::string_view name) const { return routing_.Table(name); }
  const Options& options() const { return options_; }
  const Ports& ports() const { return ports_; }

  size_t in_flight() const { return in_flight_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Op;
  using OpId = uint64_t;

  // core.cc: admission, ends, time.
  bool HasRoom(const Op& op) const;
  // `waits`: it has to wait for room.
  std::optional<Failure> WhyNot(const Op& op, bool waits) const;
  void Admit(Op& op);
  void AdmitWaiting();
  void Finish(OpId id, Answer answer);
  void FinishLater(Op& op, api::Code code, std::string message);
  void GiveUp(OpId id, api::Code code, std::string_view why);
  void SetWake(Op& op, Micros at);
  void ArmTimer();
  void OnTimer();
  void Wake(Op& op, Micros now);
  void LeaveSilent(Op& op, Micros now);
  void TryTimedOut(Op& op, Micros now);
  Op* Find(OpId id);
  // Sorted, so that nothing depends on the order of a hash table.
  std::vector<OpId> OpsWhere(const std::function<bool(const Op&)>& matches) const;

  // route.cc: who to ask.
  void Try(OpId id);
  bool RouteKey(Op& op);
  // Each gives an address that is not down, or nothing.
  std::string PickAddress(Op& op, Micros now);
  std::string PickReplica(const api::GroupDescriptor& group, Op& op, Micros now);
  std::string PickNode(uint32_t node, Op& op, Micros now);
  std::string PickAny(Op& op, Micros now);
  void SendVia(Op& op, const std::string& address);
  void Send(Op& op, Link& link);
  void StampSession(Op& op, Micros now);
  void WaitForMap(Op& op, bool of_leader = false);
  void RefreshMap();
  void AskLeadersMap();
  void AskForMap(OpId id, api::Request request, Target target, Done done);
  void GoOnWithMap(const std::set<OpId>& waiting, const Answer& answer);

  // hear.cc: what answers and breaks mean.
  void OnOpened(Link& link);
  void OnFrame(Link& link, std::string_view frame);
  void OnClosed(Link& link);
  void OnReply(Op& op, bool current, api::Reply reply);
  void Learn(const Op& op, bool current, const api::Reply& reply);
  void OnError(Op& op, api::Reply reply);
  void Retry(Op& op, const ErrorClass& error, const api::Reply& reply);
  bool Redirected(Op& op, const api::Reply& reply);
  void RetryLater(Op& op, Cause cause, std::string why);
  bool RenewSession(Op& op);

  const Options options_;
  const Ports ports_;
  Routing routing_;
  Session session_;
  LogTime log_time_;
  Links links_;
  Wakeups wakeups_;
  TimerId timer_ = 0;
  Micros timer_at_ = 0;

  absl::flat_hash_map<OpId, std::unique_ptr<Op>> ops_;
  OpId next_id_ = 1;
  size_t in_flight_ = 0;
  size_t in_flight_bytes_ = 0;
  std::set<OpId> waiting_;  // For room, oldest first.
  size_t waiting_bytes_ = 0;

  OpId refresh_ = 0;         // The one under way; 0: none.
  Micros refreshed_at_ = 0;  // When the last refresh ended, 0: never.
  std::set<OpId> want_map_;
  OpId leaders_refresh_ = 0;
  std::set<OpId> want_leaders_map_;  // Not yet asked for.
  uint64_t any_cursor_;              // Spreads requests that any node can answer.
  bool stopped_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace fastpath::client::internal
