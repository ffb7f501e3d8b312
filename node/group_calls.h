// Calls to whoever leads a group, for steps that may be repeated: a call whose answer is
// lost, or that met no leader, goes out again after a pause.
//
// Threads: the shard's executor. What it is made of outlives it; callbacks that are owed
// when it dies are dropped.
#pragma once

#include "node/directory.h"
#include "node/environment.h"
#include "node/lifetime.h"

namespace fastpath::node {

class GroupCalls {
 public:
  GroupCalls(const Environment& environment, Directory* directory)
      : env_(environment), directory_(directory) {}

  // The data group that owns a bucket. Nothing: not known here.
  std::optional<raft::GroupId> GroupOf(storage::Bucket bucket) const;

  // `done` runs once, later: with the leader's answer, whose status is OK or REFUSED, or
  // DeadlineExceeded.
  void Call(raft::GroupId group, peer::Call call, Micros deadline, Answered done);

 private:
  struct Pending;
  void Try(std::shared_ptr<Pending> pending);
  void Heard(const std::shared_ptr<Pending>& pending, absl::StatusOr<peer::Answer> answer);

  const Environment env_;
  Directory* directory_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
