#include "node/router.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/version.h"
#include "partition/known_fields.h"

namespace fastpath::node {
namespace {

constexpr size_t kTableWaiterLimit = 1000;
// A transaction holds its items no longer than this, however patient its client is.
constexpr Micros kTransactDeadline_us = 10'000'000;

void Refuse(ReplyDone& done, api::Code code, const std::string& why) {
  api::Reply reply;
  reply.set_code(code);
  reply.set_message(why);
  std::move(done)(reply);
}

constexpr char kUnknownField[] = "the request has a field that this server does not know";
constexpr char kOlderVersion[] = "the cluster's command version does not know this yet";

bool KnowsUpdates(const Replica& meta) {
  return meta.machine() != nullptr && meta.machine()->version() >= partition::kTableUpdateVersion;
}

// What a client may say of a table that it creates.
api::Table Definition(const api::Table& asked) {
  api::Table table = asked;
  table.clear_revision();
  table.clear_ttl_change();
  if (table.state() == api::UPDATING) table.clear_state();
  return table;
}

const api::Table* FindSpace(const api::Map& map, uint32_t space) {
  for (const api::Table& table : map.tables()) {
    if (table.space() == space) return &table;
  }
  return nullptr;
}

}  // namespace

Router::Router(const Environment& environment, Shard* shard, Directory* directory,
               Transactions* transactions, TransactGets* transact_gets)
    : env_(environment),
      shard_(shard),
      directory_(directory),
      transactions_(transactions),
      transact_gets_(transact_gets),
      started_(environment.clock->Monotonic()) {}

void Router::Serve(const api::Request& request, ReplyDone done) {
  switch (request.op_case()) {
    case api::Request::kWrite:
      return Write(request, std::move(done));
    case api::Request::kGet:
      if (Replica* replica = Require(request.group(), done)) {
        replica->Get(request.get(), std::move(done));
      }
      return;
    case api::Request::kQuery:
      if (Replica* replica = Require(request.group(), done)) {
        replica->Query(request.query(), std::move(done));
      }
      return;
    case api::Request::kScan:
      if (Replica* replica = Require(request.group(), done)) {
        replica->Scan(request.scan(), std::move(done));
      }
      return;
    case api::Request::kTransactWrite:
      return TransactWrite(request, std::move(done));
    case api::Request::kTransactGet:
      if (Replica* replica = Require(request.group(), done)) {
        transact_gets_->Get(*replica, request.transact_get(), DeadlineOf(request), std::move(done));
      }
      return;
    case api::Request::kExport:
      if (Replica* replica = Require(request.export_().group(), done)) {
        replica->Export(request.export_(), std::move(done));
      }
      return;
    case api::Request::kCreateTable:
    case api::Request::kDeleteTable:
      return CreateOrDelete(request, std::move(done));
    case api::Request::kUpdateTable:
      return UpdateTable(request.update_table(), std::move(done));
    case api::Request::kDescribeTable:
      return DescribeTable(request.describe_table(), std::move(done));
    case api::Request::kTableSize:
      if (Replica* replica = Require(request.table_size().group(), done)) {
        replica->TableSize(request.table_size(), std::move(done));
      }
      return;
    case api::Request::kMap:
      return Map(request.map(), std::move(done));
    case api::Request::kStatus:
      return Status(std::move(done));
    case api::Request::kDigest:
      if (Replica* replica = Require(request.digest().group(), done)) {
        replica->Digest(request.digest(), std::move(done));
      }
      return;
    case api::Request::kTransfer:
      return Transfer(request.transfer(), std::move(done));
    case api::Request::OP_NOT_SET:
      break;
  }
  Refuse(done, api::UNIMPLEMENTED, "this server does not know the operation");
}

Replica* Router::Require(raft::GroupId group, ReplyDone& done) {
  Replica* replica = shard_->Find(group);
  if (replica != nullptr) return replica;
  if (const auto why = shard_->refused().find(group); why != shard_->refused().end()) {
    api::Reply reply;
    reply.set_code(api::NOT_LEADER);
    reply.set_message(absl::StrCat("this node's replica of group ", group, " is corrupt"));
    if (auto descriptor = directory_->Describe(group)) {
      *reply.mutable_redirect() = *std::move(descriptor);
    }
    std::move(done)(reply);
    return nullptr;
  }
  RefuseNotLeader(group, done);
  return nullptr;
}

void Router::RefuseNotLeader(raft::GroupId group, ReplyDone& done) const {
  api::Reply reply;
  auto descriptor = directory_->Describe(group);
  if (directory_->Base().groups_size() == 0) {
    reply.set_code(api::NOT_READY);
    reply.set_message("this node does not know its cluster yet");
  } else if (!descriptor) {
    reply.set_code(api::WRONG_GROUP);
    reply.set_message(absl::StrCat("no group ", group, " is known here"));
  } else {
    reply.set_code(api::NOT_LEADER);
    reply.set_message(absl::StrCat("group ", group, " is not led by this node"));
    *reply.mutable_redirect() = *std::move(descriptor);
  }
  std::move(done)(reply);
}

void Router::Write(const api::Request& request, ReplyDone done) {
  if (draining_) return Refuse(done, api::SHUTTING_DOWN, "this node is shutting down");
  Replica* replica = Require(request.group(), done);
  if (replica == nullptr) return;
  // On the request's arena: dies with its batch.
  auto* command = google::protobuf::Arena::CreateMessage<command::Command>(request.GetArena());
  replica->Write(request.write(), command, std::move(done));
  if (request.GetArena() == nullptr) delete command;
}

void Router::TransactWrite(const api::Request& request, ReplyDone done) {
  if (draining_) return Refuse(done, api::SHUTTING_DOWN, "this node is shutting down");
  if (Replica* replica = Require(request.group(), done)) {
    transactions_->Write(*replica, request.transact_write(), DeadlineOf(request), std::move(done));
  }
}

Micros Router::DeadlineOf(const api::Request& request) const {
  const Micros asked = static_cast<Micros>(request.deadline_ms()) * 1000;
  return env_.clock->Monotonic() +
         (asked == 0 ? kTransactDeadline_us : std::min(asked, kTransactDeadline_us));
}

// --------------------------------------------------------------------- tables

void Router::CreateOrDelete(const api::Request& request, ReplyDone done) {
  if (draining_) return Refuse(done, api::SHUTTING_DOWN, "this node is shutting down");
  Replica* meta = RequireMeta(done);
  if (meta == nullptr) return;
  const api::Table& asked = request.create_table().table();
  if (!partition::FullyKnownTree(asked)) return Refuse(done, api::UNIMPLEMENTED, kUnknownField);
  if ((asked.deletion_protection() || !asked.tags().empty()) && !KnowsUpdates(*meta)) {
    return Refuse(done, api::UNIMPLEMENTED, kOlderVersion);
  }
  command::Command command;
  const bool deleting = request.has_delete_table();
  if (deleting) {
    command.mutable_delete_table()->set_name(request.delete_table().name());
  } else {
    *command.mutable_create_table()->mutable_table() = Definition(asked);
  }
  meta->Propose(
      &command,
      lifetime_.Guard([this, deleting, done = std::move(done)](const Proposed& proposed) mutable {
        TableProposed(proposed, deleting, std::move(done));
      }));
}

Replica* Router::RequireMeta(ReplyDone& done) {
  Replica* meta = shard_->Find(raft::kMetaGroup);
  if (meta != nullptr && meta->leader()) return meta;
  RefuseNotLeader(raft::kMetaGroup, done);
  return nullptr;
}

// Answers once meta has the change: a table whose TTL attribute changes is UPDATING.
void Router::UpdateTable(const api::UpdateTableRequest& update, ReplyDone done) {
  if (draining_) return Refuse(done, api::SHUTTING_DOWN, "this node is shutting down");
  Replica* meta = RequireMeta(done);
  if (meta == nullptr) return;
  if (!partition::FullyKnownTree(update)) return Refuse(done, api::UNIMPLEMENTED, kUnknownField);
  if (!KnowsUpdates(*meta)) {
    return Refuse(done, api::UNIMPLEMENTED, kOlderVersion);
  }
  command::Command command;
  *command.mutable_update_table()->mutable_change() = update;
  meta->Propose(&command,
                lifetime_.Guard([this, done = std::move(done)](const Proposed& proposed) mutable {
                  TableChanged(proposed, std::move(done));
                }));
}

void Router::TableChanged(const Proposed& proposed, ReplyDone done) {
  if (proposed.code == api::NOT_LEADER) return RefuseNotLeader(raft::kMetaGroup, done);
  if (proposed.code != api::OK) return Refuse(done, proposed.code, proposed.message);
  api::Reply reply;
  reply.set_code(proposed.outcome->code());
  reply.set_message(proposed.outcome->message());
  if (proposed.outcome->has_table()) *reply.mutable_table() = proposed.outcome->table();
  std::move(done)(reply);
}

void Router::FromMeta(ReplyDone done, MetaAnswer answer) {
  Replica* meta = RequireMeta(done);
  if (meta == nullptr) return;
  meta->Confirm(lifetime_.Guard(
      [this, done = std::move(done), answer = std::move(answer)](api::Reply& confirmed) mutable {
        const Replica* still = shard_->Find(raft::kMetaGroup);
        if (confirmed.code() != api::OK) return std::move(done)(confirmed);
        if (still == nullptr || still->machine() == nullptr) {
          return RefuseNotLeader(raft::kMetaGroup, done);
        }
        std::move(answer)(*still, done);
      }));
}

void Router::DescribeTable(const api::DescribeTableRequest& describe, ReplyDone done) {
  FromMeta(std::move(done), [this, name = describe.name()](const Replica& meta, ReplyDone& done) {
    for (const api::Table& table : meta.machine()->map().tables()) {
      if (table.name() != name) continue;
      api::Reply reply;
      *reply.mutable_table() = table;
      *reply.mutable_table()->mutable_tags() = meta.machine()->tags(table.space()).tags();
      return std::move(done)(reply);
    }
    Refuse(done, api::TABLE_NOT_FOUND, partition::TableNotFoundMessage(name));
  });
}

// Answers when every group has the table, or none any more.
void Router::TableProposed(const Proposed& proposed, bool deleting, ReplyDone done) {
  const bool begun = proposed.code == api::OK && proposed.outcome->code() == api::OK;
  if (begun && table_waiters_.size() < kTableWaiterLimit) {
    table_waiters_.push_back({proposed.outcome->table().space(), deleting, std::move(done)});
    return;
  }
  TableChanged(proposed, std::move(done));
}

void Router::MetaChanged() {
  if (table_waiters_.empty()) return;
  const Replica* meta = shard_->Find(raft::kMetaGroup);
  const bool leads = meta != nullptr && meta->leader();
  for (TableWaiter& waiter : std::exchange(table_waiters_, {})) {
    const api::Table* table = FindSpace(directory_->Base(), waiter.space);
    const bool usable =
        table != nullptr && (table->state() == api::ACTIVE || table->state() == api::UPDATING);
    const bool settled = table == nullptr || (!waiter.deleting && usable);
    // Without leadership the change still goes on, under the next leader.
    if (!settled && leads) {
      table_waiters_.push_back(std::move(waiter));
      continue;
    }
    api::Reply reply;
    if (table != nullptr) *reply.mutable_table() = *table;
    if (table == nullptr && !waiter.deleting) {
      reply.set_code(api::TABLE_NOT_FOUND);
      reply.set_message("the table was deleted meanwhile");
    }
    std::move(waiter.done)(reply);
  }
}

// ---------------------------------------------------------------------- admin

void Router::Map(const api::MapRequest& request, ReplyDone done) {
  if (!request.of_leader()) return KnownMap(request.newer_than(), done);
  FromMeta(std::move(done), [this, newer_than = request.newer_than()](
                                const Replica&, ReplyDone& done) { KnownMap(newer_than, done); });
}

void Router::KnownMap(uint64_t newer_than, ReplyDone& done) const {
  api::Reply reply;
  if (newer_than == 0 || directory_->version() > newer_than) {
    *reply.mutable_map() = directory_->Compose();
  }
  // Our own clock vouches for nothing.
  if (const Replica* meta = shard_->Find(raft::kMetaGroup);
      meta != nullptr && meta->machine() != nullptr) {
    reply.set_log_time(meta->LogNow());
  }
  std::move(done)(reply);
}

void Router::FillStatus(api::StatusResult* status) const {
  status->set_node(env_.identity->node);
  status->set_cluster_id(env_.identity->cluster_id);
  status->set_version(kVersion);
  status->set_uptime_ms(static_cast<uint64_t>(env_.clock->Monotonic() - started_) / 1000);
  for (const auto& [group, replica] : shard_->replicas()) {
    replica->Describe(status->add_replicas());
  }
  for (const auto& [group, why] : shard_->refused()) {
    api::ReplicaStatus* refused = status->add_replicas();
    refused->set_group(group);
    refused->set_role("refused");
    refused->set_failure(why);
  }
}

void Router::Status(ReplyDone done) {
  api::Reply reply;
  FillStatus(reply.mutable_status());
  std::move(done)(reply);
}

void Router::Transfer(const api::TransferRequest& request, ReplyDone done) {
  Replica* replica = Require(request.group(), done);
  if (replica == nullptr) return;
  if (!replica->leader()) return RefuseNotLeader(request.group(), done);
  if (request.node() == env_.identity->node) return Refuse(done, api::OK, "");
  const absl::Status begun = replica->TransferTo(request.node());
  if (!begun.ok()) return Refuse(done, api::INVALID, std::string(begun.message()));
  Refuse(done, api::OK, "");
}

bool Router::LeadersKnown() const {
  const api::Map& map = directory_->Base();
  return map.groups_size() > 0 &&
         std::all_of(map.groups().begin(), map.groups().end(), [&](const auto& group) {
           const Replica* here = shard_->Find(group.group());
           // A new leader takes writes only once it serves.
           if (here != nullptr && here->leader()) return here->serving();
           return directory_->LeaderOf(group.group()) != 0;
         });
}

}  // namespace fastpath::node
