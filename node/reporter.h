// Tells the leader of meta, soon after every change and regularly, that this
// node lives, where it is, and how the groups are that it leads; takes the map
// and the leaders of other groups from the answer. Finds meta's leader by what
// it hosts, by what it last heard, by trying meta's members, by the seeds.
//
// Threads: the shard's executor.
#pragma once

#include "node/directory.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/shard.h"

namespace fastpath::node {

class Reporter {
 public:
  Reporter(const Environment& environment, const Shard* shard, Directory* directory,
           const api::Node* self);

  void Changed();  // Report soon.
  void Tick();
  // A map was taken from an answer at least once, or meta lives here.
  bool informed() const { return informed_; }

 private:
  void Report();
  raft::NodeId NextTarget();
  void Answered(absl::StatusOr<peer::Answer> answer);

  const Environment env_;
  const Shard* shard_;
  Directory* directory_;
  const api::Node* self_;
  bool in_flight_ = false;
  bool informed_ = false;
  bool again_ = false;
  Micros next_ = 0;
  Micros led_ = 0;            // Groups in the last report.
  raft::NodeId hint_ = 0;     // From an answer: who leads meta,
  std::string hint_address_;  // and where, should it be unknown here.
  size_t rotation_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
