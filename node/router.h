// Takes a client's request to the replica that can serve it, or says where it
// should go instead: NOT_LEADER and WRONG_GROUP carry the freshest descriptor
// this node has, with its leader.
//
// Threads: the shard's executor.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "node/directory.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/shard.h"
#include "node/transact_get.h"
#include "node/transactions.h"

namespace fastpath::node {

class Router {
 public:
  Router(const Environment& environment, Shard* shard, Directory* directory,
         Transactions* transactions, TransactGets* transact_gets);

  // `request` is read during the call only. `done` runs once, maybe inline, or
  // never if what served it dies: the server's deadline answers then.
  void Serve(const api::Request& request, ReplyDone done);
  // Meta's state or role changed: tables that are waited for may be settled.
  void MetaChanged();
  void StartDraining() { draining_ = true; }  // New writes are refused from now on.
  void FillStatus(api::StatusResult* status) const;
  // All groups known here have a known leader.
  bool LeadersKnown() const;

 private:
  struct TableWaiter {
    uint32_t space = 0;
    bool deleting = false;
    ReplyDone done;
  };

  void Write(const api::Request& request, ReplyDone done);
  void TransactWrite(const api::Request& request, ReplyDone done);
  Micros DeadlineOf(const api::Request& request) const;
  void CreateOrDelete(const api::Request& request, ReplyDone done);
  void UpdateTable(const api::UpdateTableRequest& update, ReplyDone done);
  void TableChanged(const Proposed& proposed, ReplyDone done);
  void DescribeTable(const api::DescribeTableRequest& describe, ReplyDone done);
  // Meta's leader here; null after having refused.
  Replica* RequireMeta(ReplyDone& done);
  // Answers from meta's state here once it is known to be the cluster's, as by a strong read.
  using MetaAnswer = absl::AnyInvocable<void(const Replica&, ReplyDone&)>;
  void FromMeta(ReplyDone done, MetaAnswer answer);
  void TableProposed(const Proposed& proposed, bool deleting, ReplyDone done);
  void Map(const api::MapRequest& request, ReplyDone done);
  void KnownMap(uint64_t newer_than, ReplyDone& done) const;
  void Status(ReplyDone done);
  void Transfer(const api::TransferRequest& request, ReplyDone done);
  // Null after having refused: not here.
  Replica* Require(raft::GroupId group, ReplyDone& done);
  void RefuseNotLeader(raft::GroupId group, ReplyDone& done) const;

  const Environment env_;
  Shard* shard_;
  Directory* directory_;
  Transactions* transactions_;
  TransactGets* transact_gets_;
  bool draining_ = false;
  Micros started_ = 0;
  std::vector<TableWaiter> table_waiters_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
