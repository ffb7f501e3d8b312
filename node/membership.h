// Brings a new replica into a group, on the group's leader: add it as learner,
// wait until it has caught up, promote it by joint consensus, wait until that is
// committed. Safe to repeat: what an earlier attempt or leader left is taken up
// where it stands. One change at a time; others wait in line.
//
// Threads: the shard's executor. Advance() after every pump and tick.
#pragma once

#include <deque>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "raft/group.h"

namespace fastpath::node {

class Membership {
 public:
  // FailedPrecondition: not the leader (any more). DeadlineExceeded: the new
  // replica does not catch up. ResourceExhausted: too many wait.
  using Done = absl::AnyInvocable<void(absl::Status)>;

  Membership(raft::Group* group, Clock* clock) : group_(group), clock_(clock) {}

  struct Addition {
    raft::Member member;
    raft::NodeId replaces = 0;  // Its replica goes as the new one becomes a voter. 0: none does.
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
  std::deque<Job> jobs_;
};

}  // namespace fastpath::node
