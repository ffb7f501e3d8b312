#include "node/settle.h"

#include <memory>
#include <utility>

namespace fastpath::node {
namespace {

constexpr Micros kAskTimeout_us = 2'000'000;
constexpr Micros kAskAgain_us = 2'000;
constexpr Micros kSweep_us = 1'000'000;
// A transaction that lives holds its items for a few round trips.
constexpr partition::Stamp kOld_us = 5'000'000;

}  // namespace

Settler::Settler(const Environment& environment, Shard* shard, GroupCalls* calls,
                 std::function<void(const std::string&)> hurry)
    : env_(environment), shard_(shard), calls_(calls), hurry_(std::move(hurry)) {}

// ------------------------------------------------------------------- the asker

void Settler::Settle(raft::GroupId group, const std::vector<Holder>& holders, SettledDone done) {
  struct Sum {
    size_t missing = 0;
    Settled worst = Settled::kGone;
    SettledDone done;
  };
  auto sum = std::make_shared<Sum>();
  sum->missing = holders.size();
  sum->done = std::move(done);
  for (const Holder& holder : holders) {
    const Key key{group, holder.id};
    const bool asked = waiting_.contains(key);
    Waiting& waiting = waiting_[key];
    if (!asked) waiting = {.holder = holder, .until = env_.clock->Monotonic() + kAskTimeout_us};
    waiting.holder.outlived = waiting.holder.outlived || holder.outlived;
    waiting.done.push_back([sum](Settled settled) {
      sum->worst = std::max(sum->worst, settled);
      if (--sum->missing == 0 && sum->done) std::move(sum->done)(sum->worst);
    });
    if (!asked) Ask(key);
  }
}

void Settler::Ask(const Key& key) {
  Waiting& waiting = waiting_.at(key);
  waiting.before = waiting.done.size();
  const auto place = calls_->GroupOf(waiting.holder.place);
  if (!place) {
    env_.executor->Post(lifetime_.Guard([this, key] { Finish(key, Settled::kUnknown); }));
    return;
  }
  peer::Call call;
  peer::TransactState& question = *call.mutable_transact_state();
  question.set_group(*place);
  question.set_id(key.second);
  question.set_place(waiting.holder.place);
  question.set_end(waiting.holder.outlived);
  calls_->Call(*place, std::move(call), waiting.until,
               lifetime_.Guard([this, key](absl::StatusOr<peer::Answer> answer) {
                 Heard(key, std::move(answer));
               }));
}

void Settler::Heard(const Key& key, absl::StatusOr<peer::Answer> answer) {
  if (!answer.ok() || answer->status() != peer::OK) return Finish(key, Settled::kUnknown);
  const command::TransactState state = answer->transact_state().state();
  if (state != command::PENDING) return Resolve(key, state == command::COMMITTED);
  const Waiting& waiting = waiting_.at(key);
  if (!waiting.holder.outlived) return Pending(key);
  const Micros again = env_.clock->Monotonic() + kAskAgain_us;
  if (again >= waiting.until) return Finish(key, Settled::kUnknown);
  env_.executor->At(again, lifetime_.Guard([this, key] { Ask(key); }));
}

// Who came after the question may have seen since that it was decided: for them it is asked again.
void Settler::Pending(const Key& key) {
  Waiting& waiting = waiting_.at(key);
  if (waiting.before == waiting.done.size()) return Finish(key, Settled::kPending);
  std::vector<std::function<void(Settled)>> later(waiting.done.begin() + waiting.before,
                                                  waiting.done.end());
  auto earlier = std::exchange(waiting.done, std::move(later));
  earlier.resize(waiting.before);
  waiting.until = env_.clock->Monotonic() + kAskTimeout_us;
  Ask(key);
  for (auto& done : earlier) done(Settled::kPending);
}

// A transaction without a record is a late Prepare's: all its groups have resolved it.
void Settler::Resolve(const Key& key, bool commit) {
  Replica* replica = shard_->Find(key.first);
  if (replica == nullptr) return Finish(key, Settled::kUnknown);
  ++env_.metrics->transactions_settled;
  command::Command command;
  command.mutable_transact()->set_id(key.second);
  command.mutable_transact()->mutable_resolve()->set_commit(commit);
  replica->Propose(&command, lifetime_.Guard([this, key](const Proposed& proposed) {
    Finish(key, proposed.code == api::OK ? Settled::kGone : Settled::kUnknown);
  }));
}

void Settler::Finish(const Key& key, Settled settled) {
  auto found = waiting_.extract(key);
  if (found.empty()) return;
  for (auto& done : found.mapped().done) done(settled);
}

void Settler::Tick() {
  const Micros now = env_.clock->Monotonic();
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweep_us;
  for (const auto& [group, replica] : shard_->replicas()) {
    if (!replica->serving()) continue;
    const partition::Stamp log_now = replica->LogNow();
    std::string& swept = swept_[group];
    const auto old = replica->machine()->HoldersSince(log_now - std::min(log_now, kOld_us), swept);
    swept = old.size() < partition::kHoldersLimit ? std::string() : old.back().id;
    if (!old.empty()) Settle(group, old, nullptr);
  }
}

// --------------------------------------------------------------- the other side

void Settler::Answer(const peer::TransactState& question, Answerer answer) {
  Replica* replica = shard_->Find(question.group());
  if (replica == nullptr || !replica->serving()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  replica->Confirm(
      lifetime_.Guard([this, question, answer = std::move(answer)](api::Reply& reply) mutable {
        if (reply.code() != api::OK) return AnswerCall(answer, peer::NOT_LEADER, reply.message());
        AnswerConfirmed(question, std::move(answer));
      }));
}

void Settler::AnswerConfirmed(const peer::TransactState& question, Answerer answer) {
  const Replica* replica = shard_->Find(question.group());
  if (replica == nullptr || replica->machine() == nullptr) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  const storage::BucketRange buckets = replica->machine()->buckets();
  if (buckets.empty || question.place() < buckets.first || question.place() > buckets.last) {
    return AnswerCall(answer, peer::NOT_LEADER, "the transaction's place is not in the group");
  }
  const partition::TransactRecord* record = replica->machine()->FindTransact(question.id());
  peer::Answer reply;
  reply.mutable_transact_state()->set_state(record == nullptr ? command::NO_TRANSACTION
                                                              : record->state);
  if (record != nullptr && record->state == command::PENDING && question.end()) {
    hurry_(question.id());
  }
  std::move(answer)(std::move(reply));
}

}  // namespace fastpath::node
