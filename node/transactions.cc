#include "node/transactions.h"

#include <algorithm>
#include <utility>

#include "partition/limits.h"

namespace fastpath::node {
namespace {

using partition::TransactCoordinator;
using Do = TransactCoordinator::Do;

constexpr size_t kJobLimit = 10'000;
constexpr size_t kForgetBatch = 64;
constexpr Micros kRetry_us = 20'000;
constexpr Micros kAdoptAgain_us = 200'000;
constexpr Micros kResolveTry_us = 10'000'000;

}  // namespace

struct Transactions::Job {
  Job(TransactCoordinator machine, uint64_t its_number)
      : coordinator(std::move(machine)), number(its_number) {}

  TransactCoordinator coordinator;
  const uint64_t number;  // Tells it from a later job of the same transaction.
  raft::GroupId group = 0;
  std::string id;
  storage::Bucket place = 0;
  Micros deadline = 0;
  command::Command begin;
  std::vector<Part> parts;
  partition::Stamp stamp = 0;      // Of the last step at the place.
  std::vector<ReplyDone> clients;  // None: it was adopted, or has answered.
};

Transactions::Transactions(const Environment& environment, Shard* shard, Directory* directory)
    : env_(environment),
      shard_(shard),
      calls_(environment, directory),
      settler_(environment, shard, &calls_, [this](const std::string& id) {
        const auto job = jobs_.find(id);
        if (job != jobs_.end()) Run(*job->second, job->second->coordinator.Expired());
      }) {}

Transactions::~Transactions() = default;

Transactions::Job* Transactions::Find(const std::string& id, uint64_t number) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() || found->second->number != number ? nullptr : found->second.get();
}

// -------------------------------------------------------------------- a client's

void Transactions::Write(Replica& replica, const api::TransactWriteRequest& request,
                         Micros deadline, ReplyDone done) {
  if (replica.RefusedUnlessServing(done)) return;
  Admitted admitted;
  if (auto refusal = replica.machine()->AdmitTransact(request, &admitted)) {
    return replica.Refuse(refusal->code, refusal->message, done);
  }
  if (replica.RefusedAsTooFarAhead(request.session(), done)) return;
  const auto known = jobs_.find(admitted.id);
  // One that was adopted, or has answered, answers nobody any more.
  if (known != jobs_.end() && !known->second->clients.empty()) {
    known->second->clients.push_back(std::move(done));
    return;
  }
  if (known != jobs_.end() || replica.machine()->FindTransact(admitted.id) != nullptr) {
    return replica.Refuse(api::NOT_READY, "the transaction is being finished", done);
  }
  if (jobs_.size() >= kJobLimit) {
    return replica.Refuse(api::OVERLOADED, "too many transactions are under way", done);
  }
  Job planned(TransactCoordinator({}, {}), 0);
  planned.deadline = deadline;
  if (!Plan(replica, request, std::move(admitted), planned)) {
    return replica.Refuse(api::NOT_READY, "the map has no group for an item", done);
  }
  auto job = std::make_unique<Job>(std::move(planned.coordinator), ++last_job_);
  job->group = planned.group;
  job->id = planned.id;
  job->place = planned.place;
  job->deadline = deadline;
  job->begin = std::move(planned.begin);
  job->parts = std::move(planned.parts);
  job->clients.push_back(std::move(done));
  Job& placed = *jobs_.emplace(job->id, std::move(job)).first->second;
  Begin(placed);
}

// Divides the items by group. False: one's group is not known.
bool Transactions::Plan(const Replica& replica, const api::TransactWriteRequest& request,
                        Admitted admitted, Job& job) const {
  job.group = replica.group();
  job.id = admitted.id;
  job.place = admitted.place;
  command::Transact& transact = *job.begin.mutable_transact();
  transact.set_id(admitted.id);
  transact.set_place(admitted.place);
  command::Transact::Begin& begin = *transact.mutable_begin();
  *begin.mutable_session() = request.session();
  begin.set_token(request.token());
  begin.set_fingerprint(admitted.fingerprint);
  std::vector<int> own;
  std::map<raft::GroupId, Part> parts;
  std::vector<storage::Bucket> elsewhere;
  for (size_t i = 0; i < admitted.writes.size(); ++i) {
    const auto group = calls_.GroupOf(admitted.buckets[i]);
    if (!group) return false;
    if (*group == job.group) {
      own.push_back(static_cast<int>(i));
      *begin.add_writes() = std::move(admitted.writes[i]);
      continue;
    }
    Part& part = parts[*group];
    part.group = *group;
    part.items.push_back(static_cast<int>(i));
    if (!part.prepare.has_session()) *part.prepare.mutable_session() = request.session();
    *part.prepare.add_writes() = std::move(admitted.writes[i]);
    elsewhere.push_back(admitted.buckets[i]);
  }
  std::sort(elsewhere.begin(), elsewhere.end());
  elsewhere.erase(std::unique(elsewhere.begin(), elsewhere.end()), elsewhere.end());
  for (const storage::Bucket bucket : elsewhere) begin.add_elsewhere(bucket);
  std::vector<std::vector<int>> items;
  for (auto& [group, part] : parts) {
    items.push_back(part.items);
    job.parts.push_back(std::move(part));
  }
  job.coordinator = TransactCoordinator(std::move(own), std::move(items));
  return true;
}

// Who holds its items at the place is asked first; what stays held makes it a conflict.
void Transactions::Begin(Job& job) {
  const Replica* replica = shard_->Find(job.group);
  std::vector<Settler::Holder> holders;
  for (const command::Write& write : job.begin.transact().begin().writes()) {
    for (Settler::Holder& holder : replica->machine()->HoldersOf(write)) {
      holders.push_back(std::move(holder));
    }
  }
  if (holders.empty()) return Run(job, job.coordinator.Start());
  settler_.Settle(job.group, holders,
                  lifetime_.Guard([this, id = job.id, number = job.number](Settled) {
                    if (Job* living = Find(id, number)) Run(*living, living->coordinator.Start());
                  }));
}

void Transactions::Run(Job& job, const Actions& actions) {
  const std::string id = job.id;
  const uint64_t number = job.number;
  for (const TransactCoordinator::Action& action : actions) {
    // What was done before may have ended it.
    Job* living = Find(id, number);
    if (living == nullptr) return;
    switch (action.what) {
      case Do::kBegin:
        ProposeBegin(*living);
        break;
      case Do::kPrepare:
        Prepare(*living, action.part);
        break;
      case Do::kDecide:
        Decide(*living);
        break;
      case Do::kResolve:
        Resolve(*living, action.part);
        break;
      case Do::kAnswer:
        Reply(*living);
        break;
      case Do::kForget:
        forget_[living->group].push_back(id);
        if (forget_[living->group].size() >= kForgetBatch) FlushForget(living->group);
        break;
    }
  }
  Job* living = Find(id, number);
  if (living != nullptr && living->coordinator.done()) jobs_.erase(id);
}

// What is refused while this holds had no effect, and may go in again: there was no space, or
// leadership was being handed over, in vain maybe.
bool Transactions::Serves(raft::GroupId group) const {
  const Replica* replica = shard_->Find(group);
  return replica != nullptr && replica->serving();
}

// A step at the transaction's place. `done` gets the job if it still lives.
template <typename Done>
void Transactions::Propose(Job& job, command::Command* command, Done done) {
  Replica* replica = shard_->Find(job.group);
  if (replica == nullptr) return Lost(job.id, api::UNKNOWN, "the replica is gone");
  replica->Propose(command, lifetime_.Guard([this, id = job.id, number = job.number,
                                             done = std::move(done)](const Proposed& proposed) {
    done(Find(id, number), proposed);
  }));
}

void Transactions::ProposeBegin(Job& job) {
  Propose(job, &job.begin, [this, id = job.id](Job* living, const Proposed& proposed) {
    if (living == nullptr) return;
    if (proposed.code != api::OK) return Lost(id, proposed.code, proposed.message);
    living->stamp = proposed.stamp;
    Run(*living, living->coordinator.Begun(*proposed.outcome));
  });
}

void Transactions::Prepare(Job& job, size_t part) {
  peer::Call call;
  peer::TransactStep& step = *call.mutable_transact_step();
  step.set_group(job.parts[part].group);
  step.mutable_transact()->set_id(job.id);
  step.mutable_transact()->set_place(job.place);
  *step.mutable_transact()->mutable_prepare() = std::move(job.parts[part].prepare);
  calls_.Call(step.group(), std::move(call), job.deadline,
              lifetime_.Guard([this, id = job.id, number = job.number,
                               part](absl::StatusOr<peer::Answer> answer) {
                Job* living = Find(id, number);
                if (living == nullptr) return;
                command::Outcome outcome;
                if (answer.ok() && answer->has_transact_step()) {
                  outcome = answer->transact_step().outcome();
                } else {
                  outcome.set_code(api::OVERLOADED);
                  outcome.set_message("the item's group did not answer in time");
                }
                Run(*living, living->coordinator.Prepared(part, outcome));
              }));
}

void Transactions::Decide(Job& job) {
  command::Command command;
  command::Transact& transact = *command.mutable_transact();
  transact.set_id(job.id);
  transact.set_place(job.place);
  transact.mutable_decide()->set_commit(job.coordinator.commit());
  *transact.mutable_decide()->mutable_result() = job.coordinator.result();
  Propose(job, &command,
          [this, id = job.id, number = job.number](Job* living, const Proposed& proposed) {
            if (living == nullptr) return;
            if (proposed.code != api::OK && Serves(living->group)) {
              env_.executor->At(env_.clock->Monotonic() + kRetry_us,
                                lifetime_.Guard([this, id, number] {
                                  if (Job* job = Find(id, number)) Decide(*job);
                                }));
              return;
            }
            if (proposed.code != api::OK) return Lost(id, api::UNKNOWN, "leadership was lost");
            living->stamp = proposed.stamp;
            Run(*living, living->coordinator.Decided(proposed.outcome->state()));
          });
}

void Transactions::Resolve(Job& job, size_t part) {
  peer::Call call;
  peer::TransactStep& step = *call.mutable_transact_step();
  step.set_group(job.parts[part].group);
  step.mutable_transact()->set_id(job.id);
  step.mutable_transact()->mutable_resolve()->set_commit(job.coordinator.commit());
  calls_.Call(step.group(), std::move(call), env_.clock->Monotonic() + kResolveTry_us,
              lifetime_.Guard([this, id = job.id, number = job.number,
                               part](absl::StatusOr<peer::Answer> answer) {
                Job* living = Find(id, number);
                if (living == nullptr) return;
                if (!answer.ok() || !answer->has_transact_step()) {
                  return ResolveLater(id, number, part);
                }
                api::GroupStamp stamp;
                stamp.set_group(living->parts[part].group);
                stamp.set_stamp(answer->transact_step().stamp());
                Run(*living, living->coordinator.Resolved(part, stamp));
              }));
}

// Its group is silent, or its leader's program is too old for the step.
void Transactions::ResolveLater(const std::string& id, uint64_t number, size_t part) {
  env_.executor->At(env_.clock->Monotonic() + kRetry_us, lifetime_.Guard([this, id, number, part] {
    if (Job* job = Find(id, number)) Resolve(*job, part);
  }));
}

void Transactions::Reply(Job& job) {
  Replica* replica = shard_->Find(job.group);
  if (replica == nullptr) return;
  const TransactCoordinator& coordinator = job.coordinator;
  for (ReplyDone& done : std::exchange(job.clients, {})) {
    if (coordinator.code() != api::OK && coordinator.code() != api::TRANSACTION_CANCELLED) {
      replica->Refuse(coordinator.code(), coordinator.message(), done);
      continue;
    }
    api::Reply reply;
    reply.set_code(coordinator.code());
    reply.set_message(coordinator.message());
    *reply.mutable_transact_write() = coordinator.result();
    reply.set_stamp(job.stamp);
    reply.set_log_time(replica->LogNow());
    std::move(done)(reply);
  }
}

// It goes on, if at all, under another leader.
void Transactions::Lost(const std::string& id, api::Code code, const std::string& why) {
  auto found = jobs_.extract(id);
  if (found.empty()) return;
  Replica* replica = shard_->Find(found.mapped()->group);
  for (ReplyDone& done : found.mapped()->clients) {
    if (replica != nullptr && (code != api::NOT_LEADER || !replica->RefusedUnlessServing(done))) {
      replica->Refuse(code == api::NOT_LEADER ? api::NOT_READY : code, why, done);
    }
  }
}

// ---------------------------------------------------------------- other nodes'

void Transactions::Step(const peer::TransactStep& step, Answerer answer) {
  Replica* replica = shard_->Find(step.group());
  if (replica == nullptr || !replica->serving()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  std::vector<Settler::Holder> holders;
  for (const command::Write& write : step.transact().prepare().writes()) {
    for (Settler::Holder& holder : replica->machine()->HoldersOf(write)) {
      if (holder.id != step.transact().id()) holders.push_back(std::move(holder));
    }
  }
  if (holders.empty()) return ProposeStep(step, std::move(answer));
  settler_.Settle(step.group(), holders,
                  lifetime_.Guard([this, step, answer = std::move(answer)](Settled) mutable {
                    ProposeStep(step, std::move(answer));
                  }));
}

void Transactions::ProposeStep(const peer::TransactStep& step, Answerer answer) {
  Replica* replica = shard_->Find(step.group());
  if (replica == nullptr) return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  command::Command command;
  *command.mutable_transact() = step.transact();
  replica->Propose(
      &command, lifetime_.Guard([answer = std::move(answer)](const Proposed& proposed) mutable {
        if (proposed.code != api::OK) {
          const bool busy = proposed.code == api::OVERLOADED;
          return AnswerCall(answer, busy ? peer::BUSY : peer::NOT_LEADER, proposed.message);
        }
        peer::Answer reply;
        *reply.mutable_transact_step()->mutable_outcome() = *proposed.outcome;
        reply.mutable_transact_step()->set_stamp(proposed.stamp);
        std::move(answer)(std::move(reply));
      }));
}

// ---------------------------------------------------------------------- leadership

void Transactions::Changed(raft::GroupId group) {
  Replica* replica = shard_->Find(group);
  const bool serves = Serves(group);
  const raft::Term term = serves ? replica->raft().term() : 0;
  const auto known = adopted_.find(group);
  if (known != adopted_.end() && known->second == term) return;
  std::vector<std::string> ours;
  for (const auto& [id, job] : jobs_) {
    if (job->group == group) ours.push_back(id);
  }
  // Those begun in this term stay: only an earlier term's are lost.
  if (known != adopted_.end()) {
    for (const std::string& id : ours) Lost(id, api::UNKNOWN, "leadership was lost");
    adopted_.erase(known);
    forget_.erase(group);
  }
  if (!serves) return;
  adopted_[group] = term;
  Adopt(*replica);
}

void Transactions::Adopt(Replica& replica) {
  bool all_known = true;
  for (const auto& [id, record] : replica.machine()->transacts()) {
    if (jobs_.contains(id)) continue;
    std::map<raft::GroupId, Part> parts;
    bool known = true;
    for (const storage::Bucket bucket : record.elsewhere) {
      const auto group = calls_.GroupOf(bucket);
      known = known && group.has_value();
      if (group) parts[*group].group = *group;
    }
    all_known = all_known && known;
    if (!known) continue;
    ++env_.metrics->transactions_adopted;
    auto job =
        std::make_unique<Job>(TransactCoordinator::Adopt(record.state, parts.size()), ++last_job_);
    job->group = replica.group();
    job->id = id;
    job->place = record.place;
    job->deadline = INT64_MAX;
    for (auto& [group, part] : parts) job->parts.push_back(std::move(part));
    Job& placed = *jobs_.emplace(id, std::move(job)).first->second;
    env_.executor->Post(lifetime_.Guard([this, id = id, number = placed.number] {
      if (Job* living = Find(id, number)) Run(*living, living->coordinator.Start());
    }));
  }
  if (!all_known) AdoptLater(replica.group());
}

// The map has no group for an item yet.
void Transactions::AdoptLater(raft::GroupId group) {
  env_.executor->At(env_.clock->Monotonic() + kAdoptAgain_us, lifetime_.Guard([this, group] {
    if (Serves(group)) Adopt(*shard_->Find(group));
  }));
}

void Transactions::FlushForget(raft::GroupId group) {
  auto ids = forget_.extract(group);
  Replica* replica = shard_->Find(group);
  if (ids.empty() || replica == nullptr) return;
  command::Command command;
  command::Transact::Forget& forget = *command.mutable_transact()->mutable_forget();
  for (const std::string& id : ids.mapped()) forget.add_ids(id);
  replica->Propose(
      &command,
      lifetime_.Guard([this, group, again = std::move(ids.mapped())](const Proposed& proposed) {
        // A next leader finds the records.
        if (proposed.code == api::OK || !Serves(group)) return;
        std::vector<std::string>& waiting = forget_[group];
        waiting.insert(waiting.end(), again.begin(), again.end());
      }));
}

void Transactions::Tick() {
  const Micros now = env_.clock->Monotonic();
  std::vector<std::string> late;
  for (const auto& [id, job] : jobs_) {
    if (job->deadline <= now) late.push_back(id);
  }
  for (const std::string& id : late) {
    const auto job = jobs_.find(id);
    if (job == jobs_.end()) continue;
    Job& living = *job->second;
    // Decided: who reads it asks, wherever it is not applied yet.
    if (living.coordinator.committed()) Reply(living);
    Run(living, living.coordinator.Expired());
  }
  std::vector<raft::GroupId> groups;
  for (const auto& [group, ids] : forget_) groups.push_back(group);
  for (const raft::GroupId group : groups) FlushForget(group);
  settler_.Tick();
}

}  // namespace fastpath::node
