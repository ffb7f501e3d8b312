#include "node/membership.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace fastpath::node {
namespace {

constexpr size_t kJobLimit = 16;
constexpr Micros kTimeout_us = 60'000'000;
// A learner this close to the end keeps up with it after its promotion.
constexpr raft::Index kCaughtUpEntries = 1000;

const raft::Member* OnNode(const std::vector<raft::Member>& members, raft::NodeId node) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const raft::Member& m) { return m.node == node; });
  return found == members.end() ? nullptr : &*found;
}

void Insert(std::vector<raft::Member>& members, raft::Member member) {
  members.insert(std::upper_bound(members.begin(), members.end(), member), member);
}

}  // namespace

void Membership::Add(Addition addition, Done done) {
  if (jobs_.size() >= kJobLimit) {
    return std::move(done)(absl::ResourceExhaustedError("too many membership changes wait"));
  }
  jobs_.push_back({addition, clock_->Monotonic() + kTimeout_us, std::move(done)});
  Advance();
}

void Membership::Advance() {
  while (!jobs_.empty()) {
    absl::Status result;
    if (!Step(jobs_.front(), result)) return;
    Finish(std::move(result));
  }
}

void Membership::Finish(absl::Status result) {
  Done done = std::move(jobs_.front().done);
  jobs_.pop_front();
  std::move(done)(std::move(result));
}

void Membership::LostLeadership() {
  while (!jobs_.empty()) Finish(absl::FailedPreconditionError("not the leader"));
}

bool Membership::Step(Job& job, absl::Status& result) {
  const raft::Raft& raft = group_->raft();
  if (!raft.is_leader()) {
    result = absl::FailedPreconditionError("not the leader");
    return true;
  }
  if (clock_->Monotonic() > job.deadline) {
    result = absl::DeadlineExceededError("the new replica does not catch up");
    return true;
  }
  const raft::Configuration& now = raft.configuration();
  const raft::Member added = job.addition.member;
  const raft::NodeId replaced = job.addition.replaces;
  // Every step waits until the one before is applied here: then it is committed.
  if (now.joint() || group_->applied() < raft.configuration_index()) return false;
  if (OnNode(now.voters, added.node) != nullptr) return true;

  raft::Configuration target = now;
  const raft::Member* learner = OnNode(now.learners, added.node);
  if (learner == nullptr) {
    if (job.addition.epoch != 0 && job.addition.epoch != epoch_()) {
      result = absl::AbortedError("the group's members are not those this was planned on");
      return true;
    }
    Insert(target.learners, added);
  } else {
    const raft::Member member = *learner;  // Maybe an earlier attempt's replica.
    if (!CaughtUp(member.replica)) return false;
    std::erase(target.learners, member);
    Insert(target.voters, member);
    const auto gone = [&](const raft::Member& m) { return replaced != 0 && m.node == replaced; };
    std::erase_if(target.voters, gone);
    std::erase_if(target.learners, gone);
  }
  // Refused until an entry of this term is committed: asked again at the next tick.
  const auto changed = group_->ChangeConfiguration(std::move(target));
  if (absl::IsInvalidArgument(changed.status())) {
    result = changed.status();
    return true;
  }
  return false;
}

bool Membership::CaughtUp(raft::ReplicaId replica) const {
  for (const raft::Raft::Progress& progress : group_->raft().progress()) {
    if (progress.member.replica != replica) continue;
    return progress.active && !progress.needs_snapshot && progress.match != 0 &&
           progress.match + kCaughtUpEntries >= group_->raft().last_index();
  }
  return false;
}

}  // namespace fastpath::node
