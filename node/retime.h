// Gives the items of a table whose TTL attribute changed their new expiry, group by
// group, in those that this node leads: reads the table's rows in short pages, names
// those whose header is of before in replicated Retime commands, and ends with one
// that says the group is through. Reads, conditions and purges are exact meanwhile
// (partition/ttl.h): this only moves the work off their way, so it may be late.
//
// A new leader begins at the first row again: what is rewritten already is only read.
// One command is under way per group, and a pass reads few pages while users ask much.
//
// Threads: the shard's executor. The environment outlives it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "node/background.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "partition/command.pb.h"

namespace fastpath::node {

class Replica;

class Retime {
 public:
  using Find = std::function<Replica*(raft::GroupId)>;  // Null: no longer here.

  Retime(const Environment& environment, Find find);
  ~Retime();

  // The group's role, readiness or tables may have changed.
  void Changed(raft::GroupId group);

 private:
  struct Job;  // One table of one led group.

  Job* Living(raft::GroupId group, uint64_t id);
  void Wake();
  void Pass();
  void PostLook(Job& job);
  void Look(Job& job);
  void Looked(Job& job, const storage::ScanResult& page);
  void Propose(Job& job);
  void Retry(Job& job);

  const Environment env_;
  const Find find_;
  std::map<raft::GroupId, std::unique_ptr<Job>> jobs_;
  uint64_t last_job_ = 0;
  raft::GroupId next_group_ = 0;  // The next pass starts here.
  size_t budget_ = 0;             // Pages left of this pass.
  Users users_;
  bool waking_ = false;
  TimerId timer_{};
  Lifetime lifetime_;
};

}  // namespace fastpath::node
