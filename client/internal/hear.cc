// The core's half that hears: links that open and break, and what answers mean.
#include "absl/strings/str_cat.h"
#include "client/internal/core.h"
#include "client/internal/op.h"

namespace fastpath::client::internal {

void Core::OnOpened(Link& link) {
  for (OpId id : std::exchange(link.waiting, {})) {
    Op* op = Find(id);
    if (op != nullptr && op->state == Op::State::kDial && op->link == &link) Send(*op, link);
  }
}

void Core::OnClosed(Link& link) {
  link.waiting.clear();
  for (const auto& [node, address] : std::map(routing_.addresses())) {
    if (address == link.address) routing_.ForgetNode(node);
  }
  std::vector<OpId> ids = OpsWhere([&](const Op& op) {
    return op.link == &link && (op.state == Op::State::kSent || op.state == Op::State::kDial);
  });
  std::string why = absl::StrCat(link.address, ": ", link.error);
  for (OpId id : ids) {
    Op* op = Find(id);
    if (op == nullptr) continue;
    if (op->state == Op::State::kSent) op->maybe_executed = true;
    RetryLater(*op, Cause::kRoute, why);
  }
  if (!ids.empty()) RefreshMap();
}

void Core::OnFrame(Link& link, std::string_view frame) {
  api::Reply reply;
  if (!reply.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    links_.Break(link, "the answer is not in our protocol");
    return;
  }
  Op* op = Find(reply.id() >> 8);
  if (op == nullptr || op->tries == 0) return;  // An answer to a try of the past.
  bool current = reply.id() == op->frame_id() && op->state == Op::State::kSent;
  OnReply(*op, current, std::move(reply));
}

void Core::OnReply(Op& op, bool current, api::Reply reply) {
  // An earlier try's answer counts if it settles the operation; what else it
  // says is overtaken by the try that followed.
  if (!current && (!ClassOf(reply.code()).settles || op.rerouted)) return;
  if (reply.has_map()) {
    // Of another cluster not even the time counts.
    if (absl::Status status = routing_.Install(reply.map()); !status.ok()) {
      RetryLater(op, Cause::kRoute, std::string(status.message()));
      return;
    }
    links_.Retain([this](const std::string& address) {
      for (const auto& [node, known] : routing_.addresses()) {
        if (known == address) return true;
      }
      for (const std::string& endpoint : options_.endpoints) {
        if (endpoint == address) return true;
      }
      return false;
    });
  }
  Learn(op, current, reply);
  if (reply.code() != api::OK) {
    OnError(op, std::move(reply));
    return;
  }
  Finish(op.id, Answer{.outcome = Outcome::kOk, .reply = std::move(reply)});
}

void Core::Learn(const Op& op, bool current, const api::Reply& reply) {
  log_time_.Learn(reply.log_time(), ports_.clock->Monotonic());
  if (op.routed && op.target.kind == Target::Kind::kKey) {
    routing_.SawStamp(op.group, reply.stamp());
  }
  for (const api::GroupStamp& wrote : reply.transact_write().stamps()) {
    routing_.SawStamp(wrote.group(), wrote.stamp());
  }
  if (current && op.routed && ClassOf(reply.code()).forget_leader) {
    routing_.ForgetLeader(op.group, op.node);
  }
  if (reply.has_redirect() && routing_.Update(reply.redirect())) RefreshMap();
}

void Core::OnError(Op& op, api::Reply reply) {
  ErrorClass error = ClassOf(reply.code());
  if (reply.code() == api::SESSION_EXPIRED && RenewSession(op)) return;
  bool give_up = error.again == Again::kNever ||
                 (reply.code() == api::INTERNAL && ++op.internal_errors >= kInternalLimit);
  if (!give_up) {
    Retry(op, error, reply);
    return;
  }
  bool unknown = op.mutates && !error.settles && (op.maybe_executed || error.maybe_executed);
  Finish(op.id, Answer{.outcome = unknown ? Outcome::kUnknown : Outcome::kRefused,
                       .reply = std::move(reply)});
}

// The write was too late by log time because our estimate of it was off; no try
// of it was executed, so it may set out again.
bool Core::RenewSession(Op& op) {
  if (op.maybe_executed || op.session_renewed || !log_time_.known()) return false;
  op.session_renewed = true;
  op.stamped = false;
  op.state = Op::State::kBackoff;
  Try(op.id);
  return true;
}

void Core::Retry(Op& op, const ErrorClass& error, const api::Reply& reply) {
  if (error.maybe_executed) op.maybe_executed = true;
  if (error.told_at_deadline) op.at_deadline = reply.code();
  std::string why = absl::StrCat(op.link->address, ": ", api::Code_Name(reply.code()),
                                 reply.message().empty() ? "" : ": ", reply.message());
  if (error.again == Again::kAtOnce && op.redirects < kRedirectLimit && Redirected(op, reply)) {
    ++op.redirects;
    op.last_error = std::move(why);
    op.state = Op::State::kBackoff;
    op.link = nullptr;
    Try(op.id);
    return;
  }
  if (error.forget_leader) RefreshMap();
  RetryLater(op, error.forget_leader ? Cause::kRoute : Cause::kBusy, std::move(why));
}

// Whether the answer told us where to go instead; it is in routing_ already.
bool Core::Redirected(Op& op, const api::Reply& reply) {
  if (!reply.has_redirect() || !op.routed) return false;
  if (reply.code() == api::WRONG_GROUP) {
    op.hash.reset();  // It may have rested on a table's old key schema.
    return true;
  }
  const api::GroupDescriptor* group = routing_.Group(op.group);
  return group != nullptr && group->leader_node() != 0 && group->leader_node() != op.node;
}

void Core::RetryLater(Op& op, Cause cause, std::string why) {
  op.last_error = std::move(why);
  op.state = Op::State::kBackoff;
  op.link = nullptr;
  op.redirects = 0;
  Micros pause = BackoffMicros(*ports_.random, cause, op.backoffs++);
  SetWake(op, ports_.clock->Monotonic() + pause);
}

}  // namespace fastpath::client::internal
