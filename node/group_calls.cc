#include "node/group_calls.h"

#include <algorithm>
#include <utility>

namespace fastpath::node {
namespace {

constexpr Micros kTryTimeout_us = 1'000'000;
constexpr Micros kPause_us = 5'000;
constexpr Micros kPauseLimit_us = 100'000;

}  // namespace

struct GroupCalls::Pending {
  raft::GroupId group = 0;
  peer::Call call;
  Micros deadline = 0;
  Micros pause = kPause_us;
  Answered done;
};

std::optional<raft::GroupId> GroupCalls::GroupOf(storage::Bucket bucket) const {
  for (const api::GroupDescriptor& group : directory_->Base().groups()) {
    if (group.first_bucket() <= bucket && bucket <= group.last_bucket()) return group.group();
  }
  return std::nullopt;
}

void GroupCalls::Call(raft::GroupId group, peer::Call call, Micros deadline, Answered done) {
  auto pending = std::make_shared<Pending>();
  pending->group = group;
  pending->call = std::move(call);
  pending->deadline = deadline;
  pending->done = std::move(done);
  Try(std::move(pending));
}

void GroupCalls::Try(std::shared_ptr<Pending> pending) {
  const Micros now = env_.clock->Monotonic();
  const raft::NodeId leader = directory_->LeaderOf(pending->group);
  auto heard = lifetime_.Guard([this, pending](absl::StatusOr<peer::Answer> answer) mutable {
    Heard(pending, std::move(answer));
  });
  if (leader == 0 || now >= pending->deadline) {
    env_.executor->Post([heard]() mutable { heard(absl::UnavailableError("no known leader")); });
    return;
  }
  const Micros timeout = std::min(kTryTimeout_us, pending->deadline - now);
  env_.transport->Call(leader, pending->call, timeout, heard);
}

void GroupCalls::Heard(const std::shared_ptr<Pending>& pending,
                       absl::StatusOr<peer::Answer> answer) {
  if (answer.ok() && (answer->status() == peer::OK || answer->status() == peer::REFUSED)) {
    return std::move(pending->done)(std::move(answer));
  }
  const Micros now = env_.clock->Monotonic();
  if (now + pending->pause >= pending->deadline) {
    return std::move(pending->done)(absl::DeadlineExceededError("the group's leader is silent"));
  }
  env_.executor->At(now + pending->pause, lifetime_.Guard([this, pending] { Try(pending); }));
  pending->pause = std::min(2 * pending->pause, kPauseLimit_us);
}

}  // namespace fastpath::node
