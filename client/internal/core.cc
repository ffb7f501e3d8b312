#include "client/internal/core.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "client/internal/op.h"
#include "partition/frame.h"
#include "partition/model/encoded.h"

namespace fastpath::client::internal {
namespace {

// What the core adds to a request: id, route, session.
constexpr size_t kEnvelopeBytes = 128;

Micros ToMicros(std::chrono::milliseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

bool Mutates(const api::Request& request) {
  return request.has_write() || request.has_transact_write() || request.has_create_table() ||
         request.has_delete_table() || request.has_update_table() || request.has_transfer();
}

// Names that are not UTF-8 make a frame that no server can read.
bool NamesTablesInUtf8(const api::Request& request) {
  const auto named = [](const auto& items) {
    return std::all_of(items.begin(), items.end(),
                       [](const auto& item) { return model::IsUtf8(item.table()); });
  };
  return model::IsUtf8(request.write().table()) && model::IsUtf8(request.get().table()) &&
         model::IsUtf8(request.query().table()) && model::IsUtf8(request.scan().table()) &&
         named(request.transact_write().items()) && named(request.transact_get().items());
}

}  // namespace

Answer Refused(api::Code code, std::string_view message) {
  Answer answer{.outcome = Outcome::kRefused};
  answer.reply.set_code(code);
  answer.reply.set_message(message.data(), message.size());
  return answer;
}

Core::Core(Options options, Ports ports)
    : options_(std::move(options)),
      ports_(ports),
      session_(*ports.random),
      links_(ports, {.opened = [this](Link& link) { OnOpened(link); },
                     .frame = [this](Link& link, std::string_view frame) { OnFrame(link, frame); },
                     .closed = [this](Link& link) { OnClosed(link); }}),
      wakeups_([this](const Wakeups::Entry& entry) {
        auto found = ops_.find(entry.id);
        return found != ops_.end() && found->second->wake_at == entry.at;
      }),
      any_cursor_(ports.random->Next()) {}

Core::~Core() {
  if (timer_ != 0) ports_.executor->Cancel(timer_);
}

void Core::Call(api::Request request, Target target, Micros timeout, Done done, Micros pause) {
  auto owned = std::make_unique<Op>();
  Op& op = *owned;
  op.id = next_id_++;
  op.request = std::move(request);
  op.target = target;
  op.done = std::move(done);
  op.bytes = op.request.ByteSizeLong();
  op.mutates = Mutates(op.request);
  if (op.counted() && !op.session().client().empty()) {
    op.remember = static_cast<Micros>(op.session().not_after());
  }
  op.started = ports_.clock->Monotonic();
  op.deadline = DeadlineAfter(timeout);
  op.try_timeout = ToMicros(options_.try_timeout);
  op.pause = pause;

  const bool waits = !waiting_.empty() || !HasRoom(op);
  if (std::optional<Failure> refusal = WhyNot(op, waits)) {
    EndLater(std::move(op.done), Refused(refusal->code, refusal->message));
    return;
  }
  ops_.emplace(op.id, std::move(owned));
  if (!waits) {
    Admit(op);
    return;
  }
  waiting_.insert(op.id);
  waiting_bytes_ += op.bytes;
  SetWake(op, op.deadline);
}

void Core::EndLater(Done done, Answer answer) {
  ports_.executor->Post([alive = std::weak_ptr<char>(alive_), done = std::move(done),
                         answer = std::move(answer)]() mutable {
    if (!alive.expired()) done(std::move(answer));
  });
}

Micros Core::DeadlineAfter(Micros timeout) const {
  if (timeout <= 0) timeout = ToMicros(options_.deadline);
  return ports_.clock->Monotonic() + std::min(timeout, ToMicros(kDeadlineLimit));
}

// The largest request has room alone.
bool Core::HasRoom(const Op& op) const {
  return in_flight_ < options_.max_in_flight &&
         (in_flight_ == 0 || in_flight_bytes_ + op.bytes <= options_.max_in_flight_bytes);
}

std::optional<Failure> Core::WhyNot(const Op& op, bool waits) const {
  auto refuse = [](api::Code code, std::string message) {
    return Failure{Outcome::kRefused, code, std::move(message), std::nullopt};
  };
  if (stopped_) return refuse(api::SHUTTING_DOWN, "the client is closed");
  if (!NamesTablesInUtf8(op.request)) {
    return refuse(api::INVALID, "a table's name that is not UTF-8");
  }
  if (op.bytes + kEnvelopeBytes > kClientFrameLimitBytes) {
    return refuse(api::TOO_LARGE, absl::StrCat("a request of ", op.bytes, " bytes is over ",
                                               kClientFrameLimitBytes));
  }
  if (waits && (waiting_.size() >= options_.max_waiting ||
                waiting_bytes_ + op.bytes > options_.max_waiting_bytes)) {
    return refuse(api::OVERLOADED,
                  absl::StrCat("the client has ", in_flight_, " operations in flight and ",
                               waiting_.size(), " waiting"));
  }
  return std::nullopt;
}

void Core::Admit(Op& op) {
  op.admitted = true;
  ++in_flight_;
  in_flight_bytes_ += op.bytes;
  if (op.counted() && !op.foreign()) op.sequence = session_.Begin();
  if (op.pause > 0) {
    op.state = Op::State::kBackoff;
    SetWake(op, ports_.clock->Monotonic() + op.pause);
    return;
  }
  Try(op.id);
}

void Core::AdmitWaiting() {
  while (!waiting_.empty()) {
    Op& op = *Find(*waiting_.begin());
    if (!HasRoom(op)) return;
    waiting_.erase(waiting_.begin());
    waiting_bytes_ -= op.bytes;
    Admit(op);
  }
}

void Core::Finish(OpId id, Answer answer) {
  auto found = ops_.find(id);
  if (found == ops_.end()) return;
  std::unique_ptr<Op> op = std::move(found->second);
  ops_.erase(found);
  want_map_.erase(id);
  want_leaders_map_.erase(id);
  if (op->sequence != 0) session_.Finish(op->sequence);
  if (op->admitted) {
    --in_flight_;
    in_flight_bytes_ -= op->bytes;
  } else if (waiting_.erase(id) != 0) {
    waiting_bytes_ -= op->bytes;
  }
  if (!stopped_) AdmitWaiting();
  op->done(std::move(answer));
}

// From inside Call, where `done` must not run yet.
void Core::FinishLater(Op& op, api::Code code, std::string message) {
  op.state = Op::State::kBackoff;
  op.link = nullptr;
  SetWake(op, op.deadline);
  ports_.executor->Post([this, alive = std::weak_ptr<char>(alive_), id = op.id, code,
                         message = std::move(message)]() mutable {
    if (alive.expired()) return;
    Op* op = Find(id);
    if (op == nullptr) return;
    Answer answer = Refused(code, message);
    if (op->mutates && op->maybe_executed) answer.outcome = Outcome::kUnknown;
    Finish(id, std::move(answer));
  });
}

void Core::GiveUp(OpId id, api::Code code, std::string_view why) {
  const Op& op = *Find(id);
  std::string message(why);
  const Op* map = op.state != Op::State::kMap ? nullptr
                  : want_map_.contains(id)    ? Find(refresh_)
                                              : Find(leaders_refresh_);
  const std::string& last =
      map != nullptr && !map->last_error.empty() ? map->last_error : op.last_error;
  if (!last.empty()) absl::StrAppend(&message, "; last: ", last);
  const bool sent = op.state == Op::State::kSent;
  const bool unknown = op.mutates && (op.maybe_executed || sent);
  if (code == api::DEADLINE && (!unknown || ClassOf(op.at_deadline).maybe_executed)) {
    code = op.at_deadline;
  }
  Answer answer = Refused(code, message);
  if (unknown) answer.outcome = Outcome::kUnknown;
  Finish(id, std::move(answer));
}

void Core::Stop() {
  stopped_ = true;
  for (OpId id : OpsWhere([](const Op&) { return true; })) {
    if (Find(id) != nullptr) GiveUp(id, api::SHUTTING_DOWN, "the client was closed");
  }
}

Core::Op* Core::Find(OpId id) {
  auto found = ops_.find(id);
  return found == ops_.end() ? nullptr : found->second.get();
}

std::vector<Core::OpId> Core::OpsWhere(const std::function<bool(const Op&)>& matches) const {
  std::vector<OpId> ids;
  for (const auto& [id, op] : ops_) {
    if (matches(*op)) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

// ----------------------------------------------------------------------- time

void Core::SetWake(Op& op, Micros at) {
  op.wake_at = std::min(at, op.deadline);
  wakeups_.Push({op.wake_at, op.id}, ops_.size());
  ArmTimer();
}

void Core::ArmTimer() {
  const Wakeups::Entry* top = wakeups_.Top();
  if (top == nullptr || (timer_ != 0 && timer_at_ <= top->at)) return;
  if (timer_ != 0) ports_.executor->Cancel(timer_);
  timer_at_ = top->at;
  timer_ = ports_.executor->At(timer_at_, [this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) OnTimer();
  });
}

void Core::OnTimer() {
  timer_ = 0;
  Micros now = ports_.clock->Monotonic();
  while (const Wakeups::Entry* top = wakeups_.Top()) {
    if (top->at > now) break;
    OpId id = top->id;
    wakeups_.Pop();
    Wake(*Find(id), now);
  }
  ArmTimer();
}

void Core::Wake(Op& op, Micros now) {
  if (now >= op.deadline) {
    LeaveSilent(op, now);
    GiveUp(op.id, api::DEADLINE,
           absl::StrCat("no answer within ", (op.deadline - op.started) / 1000, " ms"));
    return;
  }
  switch (op.state) {
    case Op::State::kBackoff:
      Try(op.id);
      return;
    case Op::State::kDial:
    case Op::State::kSent:
      TryTimedOut(op, now);
      return;
    case Op::State::kWaiting:
    case Op::State::kMap:
      SetWake(op, op.deadline);
      return;
  }
}

// An operation too short for a second try leaves word for those after it.
void Core::LeaveSilent(Op& op, Micros now) {
  const bool sent = op.state == Op::State::kSent;
  if (!(sent && op.link->heard_at < op.sent_at) && op.state != Op::State::kDial) return;
  if (op.routed) routing_.ForgetLeader(op.group, op.node);
  RefreshMap();
  Link& link = *op.link;
  const Micros silent = now - link.silent_since;
  if (silent >= ToMicros(options_.try_timeout)) {
    links_.Break(link, absl::StrCat("no answer within ", silent / 1000, " ms"));
  }
}

void Core::TryTimedOut(Op& op, Micros now) {
  ++op.timeouts;
  Link& link = *op.link;
  std::string why = absl::StrCat("no answer within ", (now - op.sent_at) / 1000, " ms");
  // A link on which nothing at all arrived is taken for dead; its closing
  // retries everything that it carried.
  if (op.state == Op::State::kDial || link.heard_at < op.sent_at) {
    links_.Break(link, std::move(why));
    return;
  }
  op.maybe_executed = true;
  op.last_error = absl::StrCat(link.address, ": ", why);
  // Another copy would only wait behind this one.
  if (link.channel->unsent() > 0) {
    SetWake(op, now + (op.try_timeout << std::min(op.timeouts, 4)));
    return;
  }
  op.state = Op::State::kBackoff;
  op.link = nullptr;
  if (op.routed) routing_.ForgetLeader(op.group, op.node);
  RefreshMap();
  Try(op.id);
}

}  // namespace fastpath::client::internal
