// Takes expired items out of the groups that this node leads, by replicated
// Purge commands. Items are invisible from their expiry on; this only gives
// their space back, so it may be late and never early: the command's stamp
// decides at apply (partition/purge.cc).
//
// What expires soon is known by name, as far as memory for it goes: from the
// writes applied here, and from looks at the TTL index, which take note of what
// expires soon after. Of the rest each group has a schedule of what expires next
// in which bucket, so a group with nothing to expire is not touched: one timer
// stands at the earliest expiry of all. What is due and has no name is looked up
// in the index in short pages, in the buckets that are due alone. Small commands,
// one under way per group, take it out. A budget per pass keeps it from the users'
// way: while they ask little, it is large.
//
// A dropped table's rows of the index are found by reading all of it once, after
// the drop; what a lost leader left of them goes when it expires.
//
// Threads: the shard's executor. The environment outlives it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node/background.h"
#include "node/environment.h"
#include "node/expiry_names.h"
#include "node/expiry_schedule.h"
#include "node/lifetime.h"
#include "partition/command.pb.h"

namespace fastpath::node {

class Replica;

class Purge {
 public:
  using Find = std::function<Replica*(raft::GroupId)>;  // Null: no longer here.

  Purge(const Environment& environment, Find find);
  ~Purge();

  // The group's role, readiness or tables may have changed.
  void Changed(raft::GroupId group);
  // A write that was applied here moved an item's expiry; 0: never, or there is no item.
  void Moved(raft::GroupId group, std::string_view data_key, uint64_t from_s, uint64_t to_s);

 private:
  struct Job;  // One led group's.

  Job* Living(raft::GroupId group, uint64_t id);
  void Wake(Micros at);
  void Pass();
  void Rearm();
  int64_t Allowance();

  void Begin(Job& job);  // If anything is due.
  void PostLook(Job& job, std::string from);
  void Look(Job& job, std::string from);
  void Looked(Job& job, const storage::ScanResult& page);
  void TakeDue(Job& job, const storage::ScanResult& page);
  void TakeOrphans(Job& job, const storage::ScanResult& page);
  void TakeNamed(Job& job);
  void Doom(Job& job, uint64_t expiry_s, std::string data_key);
  void GoOn(Job& job);
  void Propose(Job& job);
  void Retry(Job& job, Micros pause);

  const Environment env_;
  const Find find_;
  ExpiryNames::Budget names_;
  std::map<raft::GroupId, std::unique_ptr<Job>> jobs_;
  uint64_t last_job_ = 0;
  raft::GroupId next_group_ = 0;  // The next pass starts here.
  int64_t budget_ = 0;            // Left of this pass; negative: owed by the next.
  Users users_;
  Micros wake_at_ = 0;  // 0: no timer.
  TimerId timer_{};
  Lifetime lifetime_;
};

}  // namespace fastpath::node
