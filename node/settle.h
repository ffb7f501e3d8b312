// Ends what a transaction left in a group that this node leads: when a request meets a held
// item, whoever keeps the transaction's record is asked, and what was decided is applied
// here (DESIGN 5: a dead coordinator is finished by whoever meets its locks). Also the other
// side, which answers; and a sweep for locks that nobody meets.
//
// Threads: the shard's executor. What it is made of outlives it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "node/group_calls.h"
#include "node/shard.h"

namespace fastpath::node {

class Settler {
 public:
  using Holder = partition::StateMachine::Holder;
  // `hurry`: a transaction of this node's that a reader must not wait for.
  Settler(const Environment& environment, Shard* shard, GroupCalls* calls,
          std::function<void(const std::string& id)> hurry);

  // `done` runs once, later; may be null. One whose item's time is over is ended, not left
  // pending.
  void Settle(raft::GroupId group, const std::vector<Holder>& holders, SettledDone done);
  // Asked by another node, or this one: how is it, at the place that this node leads?
  void Answer(const peer::TransactState& question, Answerer answer);
  void Tick();

 private:
  using Key = std::pair<raft::GroupId, std::string>;
  struct Waiting {
    Holder holder;
    Micros until = 0;
    std::vector<std::function<void(Settled)>> done;
    size_t before = 0;  // Of `done`: those who waited when it was last asked.
  };

  void Ask(const Key& key);
  void Heard(const Key& key, absl::StatusOr<peer::Answer> answer);
  void Resolve(const Key& key, bool commit);
  void Pending(const Key& key);
  void Finish(const Key& key, Settled settled);
  void AnswerConfirmed(const peer::TransactState& question, Answerer answer);

  const Environment env_;
  Shard* shard_;
  GroupCalls* calls_;
  const std::function<void(const std::string&)> hurry_;
  std::map<Key, Waiting> waiting_;
  std::map<raft::GroupId, std::string> swept_;  // Up to whom, where a sweep did not meet all.
  Micros next_sweep_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
