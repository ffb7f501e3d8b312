// Brings a new replica into a group, on the group's leader: add it as learner,
// wait until it has caught up, promote it by joint consensus, wait until that is
// committed. Safe to repeat: what an earlier attempt or leader left is taken up
// where it stands. One change at a time; others wait in line.
//
// Threads: the shard's executor. Advance() after every pump and tick.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "raft/group.h"

namespace fastpath::node {

class Membership {
 public:
  // FailedPrecondition: not the leader (any more). DeadlineExceeded: the new
  // replica does not catch up. ResourceExhausted: too many wait. Aborted: the
  // members are others than those the addition was planned on.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  // Of the group's descriptor as applied here.
  using Epoch = absl::AnyInvocable<uint64_t() const>;

  Membership(raft::Group* group, Clock* clock, Epoch epoch)
      : group_(group), clock_(clock), epoch_(std::move(epoch)) {}

  struct Addition {
    raft::Member member;
    raft::NodeId replaces = 0;  // Its replica goes as the new one becomes a voter. 0: none does.
    // Nobody is added where the epoch is another by then: two leaders of meta in a row may
    // each have found one replica missing. 0: always.
    uint64_t epoch = 0;
  };
  void Add(Addition addition, Done done);
  void Advance();
  void LostLeadership();
  bool idle() const { return jobs_.empty(); }

 private:
  struct Job {
    Addition addition;
    Micros deadline = 0;
    Done done;
  };
  bool Step(Job& job, absl::Status& result);  // True: finished with `result`.
  bool CaughtUp(raft::ReplicaId replica) const;
  void Finish(absl::Status result);

  raft::Group* group_;
  Clock* clock_;
  Epoch epoch_;
  std::deque<Job> jobs_;
};

}  // namespace fastpath::node
