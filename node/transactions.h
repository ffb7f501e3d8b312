// Transactions whose place is in a group that this node leads: takes each through its steps
// (partition/txn/coordinator.h), answers its client, and adopts what a leader before this
// one left. Also carries out the steps that other nodes ask for in groups led here.
//
// A transaction whose items and place are all in one group is one command and needs none of
// this. At the end of leadership its jobs are dropped: their clients are told UNKNOWN and ask
// the next leader with the same session.
//
// Threads: the shard's executor. What it is made of outlives it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/group_calls.h"
#include "node/settle.h"
#include "node/shard.h"
#include "partition/txn/coordinator.h"

namespace fastpath::node {

class Transactions {
 public:
  Transactions(const Environment& environment, Shard* shard, Directory* directory);
  ~Transactions();

  // `request` is read during the call only. `deadline`: monotonic; what is not decided by
  // then is aborted. `done` runs once, maybe inline, or never: the server's deadline answers.
  void Write(Replica& replica, const api::TransactWriteRequest& request, Micros deadline,
             ReplyDone done);
  // A step of another coordinator's, in a group led here. Answered when applied.
  void Step(const peer::TransactStep& step, Answerer answer);

  Settler& settler() { return settler_; }
  GroupCalls& calls() { return calls_; }
  // The group's role or readiness may have changed.
  void Changed(raft::GroupId group);
  void Tick();  // Every 20 ms or so.

 private:
  // The part of a transaction that is another group's.
  struct Part {
    raft::GroupId group = 0;
    std::vector<int> items;
    command::Transact::Prepare prepare;
  };
  struct Job;
  using Actions = partition::TransactCoordinator::Actions;
  using Admitted = partition::StateMachine::AdmittedTransact;

  bool Plan(const Replica& replica, const api::TransactWriteRequest& request, Admitted admitted,
            Job& job) const;
  void Begin(Job& job);
  Job* Find(const std::string& id, uint64_t number);
  bool Serves(raft::GroupId group) const;
  void Run(Job& job, const Actions& actions);
  void ProposeBegin(Job& job);
  void Prepare(Job& job, size_t part);
  void Decide(Job& job);
  void Resolve(Job& job, size_t part);
  void ResolveLater(const std::string& id, uint64_t number, size_t part);
  void Reply(Job& job);
  void Lost(const std::string& id, api::Code code, const std::string& why);
  template <typename Done>
  void Propose(Job& job, command::Command* command, Done done);
  void Adopt(Replica& replica);
  void AdoptLater(raft::GroupId group);
  void FlushForget(raft::GroupId group);
  void ProposeStep(const peer::TransactStep& step, Answerer answer);

  const Environment env_;
  Shard* shard_;
  GroupCalls calls_;
  Settler settler_;
  std::map<std::string, std::unique_ptr<Job>> jobs_;  // By id.
  uint64_t last_job_ = 0;
  std::map<raft::GroupId, raft::Term> adopted_;  // Groups served, and since which term.
  std::map<raft::GroupId, std::vector<std::string>> forget_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
