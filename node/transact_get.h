// Transact-gets: the items of several groups as of one moment, without a lock (DESIGN 5
// "Transactions"). Every group is read strongly, and then again: if no item was held by a
// transaction and none has changed, what was read is how all of them were between the two.
// Otherwise it is read again, until the deadline.
//
// Threads: the shard's executor. What it is made of outlives it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "node/group_calls.h"
#include "node/shard.h"

namespace fastpath::node {

class TransactGets {
 public:
  TransactGets(const Environment& environment, Shard* shard, GroupCalls* calls)
      : env_(environment), shard_(shard), calls_(calls) {}

  // `request` is read during the call only. `deadline`: monotonic. `done` runs once, maybe
  // inline.
  void Get(Replica& replica, const api::TransactGetRequest& request, Micros deadline,
           ReplyDone done);
  // Another coordinator's look at a group that is led here.
  void Read(const peer::TransactRead& read, Answerer answer);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;

  bool Plan(Replica& replica, const api::TransactGetRequest& request, Job& job);
  void Round(const JobPtr& job);
  void Heard(const JobPtr& job, size_t part, absl::StatusOr<peer::Answer> answer);
  void Judge(const JobPtr& job);
  void Finish(const JobPtr& job, api::Code code, const std::string& why);
  void Answer(const JobPtr& job);
  void End(Job& job);

  const Environment env_;
  Shard* shard_;
  GroupCalls* calls_;
  size_t under_way_ = 0;
  size_t held_bytes_ = 0;  // Of items that were looked at, over all jobs.
  Lifetime lifetime_;
};

}  // namespace fastpath::node
