// Proposals: stamped, numbered, and answered when applied.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/replica.h"
#include "partition/session.h"

namespace fastpath::node {
namespace {

constexpr size_t kHeldWritesLimit = 4096;  // Of one group.
constexpr Micros kHeldWriteWait_us = 2'000'000;
constexpr Micros kHeldWritePause_us = 1'000;
constexpr Micros kHeldWritePauseLimit_us = 50'000;

api::Code CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return api::NOT_LEADER;
    case absl::StatusCode::kResourceExhausted:
      return api::OVERLOADED;
    case absl::StatusCode::kInvalidArgument:
      return api::TOO_LARGE;
    default:
      return api::INTERNAL;
  }
}

}  // namespace

void Replica::Write(const api::WriteRequest& request, command::Command* scratch, ReplyDone done) {
  if (RefusedUnlessServing(done)) return;
  if (auto refusal = machine_->Admit(request, scratch->mutable_write())) {
    return Refuse(refusal->code, refusal->message, done);
  }
  if (RefusedAsTooFarAhead(request.session(), done)) return;
  auto holders = machine_->HoldersOf(scratch->write());
  if (holders.empty()) return ProposeWrite(scratch, std::move(done));
  if (held_writes_ >= kHeldWritesLimit) {
    return Refuse(api::CONFLICT, "a transaction holds the item, and too many writes wait", done);
  }
  ++held_writes_;
  auto held = std::make_shared<HeldWrite>();
  held->request = request;
  held->done = std::move(done);
  held->until = env_.clock->Monotonic() + kHeldWriteWait_us;
  held->pause = kHeldWritePause_us;
  SettleFirst(std::move(held), std::move(holders));
}

void Replica::SettleFirst(HeldWritePtr held, std::vector<partition::StateMachine::Holder> holders) {
  hooks_.settle(std::move(holders), lifetime_.Guard([this, held](Settled settled) {
    if (settled == Settled::kGone) return WriteAgain(held);
    // It is decided soon: transactions wait for nothing.
    const Micros now = env_.clock->Monotonic();
    env_.executor->At(now + held->pause, lifetime_.Guard([this, held] { WriteAgain(held); }));
    held->pause = std::min(2 * held->pause, kHeldWritePauseLimit_us);
  }));
}

void Replica::WriteAgain(HeldWritePtr held) {
  if (RefusedUnlessServing(held->done)) {
    --held_writes_;
    return;
  }
  command::Command command;
  auto refusal = machine_->Admit(held->request, command.mutable_write());
  if (!refusal) {
    auto holders = machine_->HoldersOf(command.write());
    if (!holders.empty() && env_.clock->Monotonic() < held->until) {
      return SettleFirst(std::move(held), std::move(holders));
    }
    if (!holders.empty()) refusal = {api::CONFLICT, "a transaction holds the item"};
  }
  --held_writes_;
  if (refusal) return Refuse(refusal->code, refusal->message, held->done);
  ProposeWrite(&command, std::move(held->done));
}

// A refusal by a state that lacks what was committed before would be final, and wrong.
bool Replica::RefusedUnlessServing(ReplyDone& done) const {
  if (Unusable(done)) return true;
  if (leader() && serving_) return false;
  if (leader()) {
    Refuse(api::NOT_READY, "the new leader is catching up", done);
  } else {
    NotLeader(done);
  }
  return true;
}

// Its client reckoned by a clock that is off; from the answer's log time it can reckon anew,
// which no INVALID would tell it to.
bool Replica::RefusedAsTooFarAhead(const api::Session& session, ReplyDone& done) const {
  const auto near = [&](partition::Stamp now) {
    return session.not_after() <= now + partition::kSessionHorizon;
  };
  if (near(machine_->applied().stamp) || near(LogNow())) return false;  // Mostly without a clock.
  Refuse(api::SESSION_EXPIRED, "the write's last moment is more than ten minutes ahead", done);
  return true;
}

void Replica::ProposeWrite(command::Command* command, ReplyDone done) {
  Propose(command, [this, done = std::move(done)](const Proposed& proposed) mutable {
    if (proposed.code == api::NOT_LEADER) return NotLeader(done);
    if (proposed.code != api::OK) return Refuse(proposed.code, proposed.message, done);
    api::Reply reply;
    reply.set_code(proposed.outcome->code());
    if (!proposed.outcome->message().empty()) reply.set_message(proposed.outcome->message());
    if (proposed.outcome->has_write()) *reply.mutable_write() = proposed.outcome->write();
    reply.set_stamp(proposed.stamp);
    reply.set_log_time(LogNow());
    std::move(done)(reply);
  });
}

void Replica::Propose(command::Command* command, ProposedDone done) {
  if (stopped() || machine_ == nullptr) {
    return std::move(done)({.code = api::NOT_READY, .message = "the replica is not usable"});
  }
  if (!leader()) return std::move(done)({.code = api::NOT_LEADER});
  if (!serving_) {
    return std::move(done)({.code = api::NOT_READY, .message = "the new leader is catching up"});
  }
  if (env_.disk_full()) {
    return std::move(done)(
        {.code = api::OVERLOADED, .message = "no space: the node's disk is full"});
  }
  if (!MajorityHasSpace()) {
    return std::move(done)(
        {.code = api::OVERLOADED, .message = "no space: the disk is full on a majority of nodes"});
  }
  command->set_version(machine_->version());
  if (!partition::OfItsVersion(*command)) {
    return std::move(done)(
        {.code = api::NOT_READY, .message = "the group's command version does not know this yet"});
  }
  const Micros now = env_.clock->Monotonic();
  const partition::Stamp stamp = log_clock_.Next(now, MedianWall(now));
  command->set_stamp(stamp);
  auto payload = std::make_shared<std::string>();
  command->SerializeToString(payload.get());
  const auto index = group_.Propose(std::move(payload));
  if (!index.ok()) {
    return std::move(done)(
        {.code = CodeOf(index.status()), .message = std::string(index.status().message())});
  }
  proposals_.push_back({*index, raft().term(), stamp, std::move(done)});
}

void Replica::OnOutcome(raft::Index index, raft::Term term, const command::Outcome& outcome) {
  if (proposals_.empty() || proposals_.front().index > index) return;
  DropOverwritten(index - 1);
  if (proposals_.empty() || proposals_.front().index != index) return;
  Proposal proposal = std::move(proposals_.front());
  proposals_.pop_front();
  if (proposal.term != term) return std::move(proposal.done)({.code = api::NOT_LEADER});
  std::move(proposal.done)({.outcome = &outcome, .stamp = proposal.stamp});
}

// What was proposed at an index that is applied without it is gone for good.
void Replica::DropOverwritten(raft::Index through) {
  while (!proposals_.empty() && proposals_.front().index <= through) {
    ProposedDone done = std::move(proposals_.front().done);
    proposals_.pop_front();
    std::move(done)({.code = api::NOT_LEADER});
  }
}

void Replica::FailProposals(api::Code code, const std::string& why) {
  auto failed = std::exchange(proposals_, {});
  for (Proposal& proposal : failed) std::move(proposal.done)({.code = code, .message = why});
}

// -------------------------------------------------------------------- replies

void Replica::Refuse(api::Code code, const std::string& why, ReplyDone& done) const {
  api::Reply reply;
  reply.set_code(code);
  reply.set_message(why);
  if (machine_ != nullptr) {
    if (code == api::WRONG_GROUP) *reply.mutable_redirect() = Descriptor();
    reply.set_stamp(machine_->applied().stamp);
    reply.set_log_time(LogNow());
  }
  std::move(done)(reply);
}

void Replica::NotLeader(ReplyDone& done) const {
  api::Reply reply;
  reply.set_code(api::NOT_LEADER);
  reply.set_message(leader_node() == 0
                        ? absl::StrCat("group ", group_id_, " has no known leader")
                        : absl::StrCat("group ", group_id_, " is led by node ", leader_node()));
  if (machine_ != nullptr) {
    *reply.mutable_redirect() = Descriptor();
    reply.set_log_time(LogNow());
  }
  std::move(done)(reply);
}

bool Replica::Unusable(ReplyDone& done) const {
  if (stopped()) {
    Refuse(api::NOT_READY, absl::StrCat("this replica of group ", group_id_, " has stopped"), done);
    return true;
  }
  if (machine_ == nullptr || replacing_) {
    Refuse(api::NOT_READY, absl::StrCat("group ", group_id_, " is still being copied here"), done);
    return true;
  }
  return false;
}

void Replica::Digest(const api::DigestRequest& request, ReplyDone done) {
  if (Unusable(done)) return;
  if (request.index() == 0) {
    command::Command command;
    command.mutable_digest();
    const raft::Index next = raft().last_index() + 1;
    return Propose(&command, [this, next, done = std::move(done)](const Proposed& result) mutable {
      if (result.code == api::NOT_LEADER) return NotLeader(done);
      if (result.code != api::OK) return Refuse(result.code, result.message, done);
      api::Reply reply;
      reply.mutable_digest()->set_index(next);
      std::move(done)(reply);
    });
  }
  const auto digest = machine_->digest_at(request.index());
  if (!digest) return Refuse(api::NOT_READY, "no digest at that index here (yet)", done);
  api::Reply reply;
  reply.mutable_digest()->set_index(request.index());
  reply.mutable_digest()->set_digest(*digest);
  std::move(done)(reply);
}

}  // namespace fastpath::node
