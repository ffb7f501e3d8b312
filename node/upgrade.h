// Raises the command version of the groups led here, as etcd does its cluster's: once every
// member's node has said in its handshake that it knows more than the group's version, which is
// then put into the group's log. So the nodes of a running cluster are replaced one by one by
// newer ones, in any order, and what is new works once the last is there. It never goes back: who
// knows less than a group has that both are members of is refused (Transport), for its replicas
// would stop; who is to join, if it knows less than any group here has.
//
// A node that is down counts with what it last said while this process runs, and holds the
// version back if it said nothing.
//
// Threads: the shard's executor. The environment outlives it.
#pragma once

#include <cstdint>
#include <set>

#include "node/environment.h"
#include "node/lifetime.h"
#include "raft/types.h"

namespace fastpath::node {

class Replica;

class Upgrade {
 public:
  explicit Upgrade(const Environment& environment) : env_(environment) {}

  // At a replica that lives here; about once a second.
  void Look(Replica& replica);

 private:
  // What this node and every member's know; 0: one of them has not said.
  uint32_t KnownToAll(const raft::Configuration& members) const;
  void Propose(Replica& replica, uint32_t version);

  const Environment env_;
  std::set<raft::GroupId> under_way_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
