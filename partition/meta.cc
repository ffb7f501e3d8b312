#include "partition/meta.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "partition/catalog.h"
#include "partition/limits.h"
#include "partition/model/key.h"
#include "partition/write.h"

namespace fastpath::partition {

Meta::Meta(const api::Map& map) : map_(map) {
  for (const api::Node& node : map.nodes()) {
    next_node_ = std::max(next_node_, node.id() + 1);
  }
  for (const api::Table& table : map.tables()) {
    next_space_ = std::max(next_space_, table.space() + 1);
  }
  for (api::GroupDescriptor& group : *map_.mutable_groups()) {
    group.clear_leader_node();
    for (const auto* members : {&group.voters(), &group.learners()}) {
      for (const api::Member& member : *members) {
        next_replica_ = std::max(next_replica_, member.replica() + 1);
      }
    }
  }
}

bool Meta::Understands(const command::Command& command) {
  switch (command.op_case()) {
    case command::Command::kCreateTable:
    case command::Command::kDeleteTable:
    case command::Command::kTableSettled:
    case command::Command::kRegisterNode:
    case command::Command::kIssueReplica:
    case command::Command::kSetDescriptor:
      return true;
    default:
      return false;
  }
}

bool Meta::Apply(const command::Command& command, raft::Index index, storage::WriteBatch& batch,
                 command::Outcome& outcome) {
  bool changed = false;
  switch (command.op_case()) {
    case command::Command::kCreateTable:
      changed = CreateTable(command.create_table().table(), command.stamp(), batch, outcome);
      break;
    case command::Command::kDeleteTable:
      changed = DeleteTable(command.delete_table().name(), batch, outcome);
      break;
    case command::Command::kTableSettled:
      changed = TableSettled(command.table_settled(), batch);
      break;
    case command::Command::kRegisterNode:
      changed = RegisterNode(command.register_node().node(), batch, outcome);
      break;
    case command::Command::kIssueReplica:
      changed = IssueReplica(command.issue_replica(), batch, outcome);
      break;
    case command::Command::kSetDescriptor:
      changed = SetDescriptor(command.set_descriptor().group(), batch, outcome);
      break;
    default:
      break;
  }
  if (changed) {
    map_.set_version(index);
    PutCounters(batch);
  }
  return changed;
}

void Meta::Reconfigured(const api::GroupDescriptor& own, raft::Index index,
                        storage::WriteBatch& batch) {
  command::Outcome outcome;
  if (SetDescriptor(own, batch, outcome)) {
    map_.set_version(index);
    PutCounters(batch);
  }
}

api::Table* Meta::FindTable(const std::string& name) {
  for (api::Table& table : *map_.mutable_tables()) {
    if (table.name() == name) {
      return &table;
    }
  }
  return nullptr;
}

api::GroupDescriptor* Meta::FindGroup(raft::GroupId group) {
  for (api::GroupDescriptor& descriptor : *map_.mutable_groups()) {
    if (descriptor.group() == group) {
      return &descriptor;
    }
  }
  return nullptr;
}

api::Node* Meta::FindNode(raft::NodeId id) {
  for (api::Node& node : *map_.mutable_nodes()) {
    if (node.id() == id) {
      return &node;
    }
  }
  return nullptr;
}

bool Meta::CreateTable(const api::Table& asked, Stamp stamp, storage::WriteBatch& batch,
                       command::Outcome& outcome) {
  if (absl::Status valid = model::ValidateTable(asked); !valid.ok()) {
    Refuse(outcome, api::INVALID, ToStd(valid.message()));
    return false;
  }
  if (const api::Table* known = FindTable(asked.name())) {
    Refuse(outcome, known->state() == api::ACTIVE ? api::TABLE_EXISTS : api::TABLE_BUSY,
           absl::StrCat("Table already exists: ", asked.name()));
    *outcome.mutable_table() = *known;
    return false;
  }
  if (map_.tables_size() >= kTablesLimit || next_space_ == UINT32_MAX) {
    Refuse(outcome, api::INVALID,
           absl::StrCat("the cluster holds its limit of ", kTablesLimit, " tables"));
    return false;
  }
  api::Table* table = map_.add_tables();
  *table = asked;
  table->set_space(next_space_++);
  table->set_state(api::CREATING);
  table->set_created(stamp);
  PutTable(*table, batch);
  *outcome.mutable_table() = *table;
  return true;
}

bool Meta::DeleteTable(const std::string& name, storage::WriteBatch& batch,
                       command::Outcome& outcome) {
  api::Table* table = FindTable(name);
  if (table == nullptr) {
    Refuse(outcome, api::TABLE_NOT_FOUND, TableNotFoundMessage(name));
    return false;
  }
  const bool changes = table->state() == api::ACTIVE;
  if (table->state() == api::CREATING) {
    Refuse(outcome, api::TABLE_BUSY, absl::StrCat("Table is being created: ", name));
  } else if (changes) {
    table->set_state(api::DELETING);
    PutTable(*table, batch);
  }
  *outcome.mutable_table() = *table;
  return changes;
}

bool Meta::TableSettled(const command::TableSettled& settled, storage::WriteBatch& batch) {
  for (api::Table& table : *map_.mutable_tables()) {
    if (table.space() != settled.space()) {
      continue;
    }
    if (settled.state() == api::ACTIVE && table.state() == api::CREATING) {
      table.set_state(api::ACTIVE);
      PutTable(table, batch);
      return true;
    }
    if (settled.state() == api::DELETING && table.state() == api::DELETING) {
      DropTable(settled.space(), batch);
      return true;
    }
    break;
  }
  return false;  // A repeat.
}

bool Meta::RegisterNode(const api::Node& node, storage::WriteBatch& batch,
                        command::Outcome& outcome) {
  if (node.incarnation().empty()) {
    Refuse(outcome, api::INVALID, "a node registers with its incarnation");
    return false;
  }
  api::Node* known = nullptr;
  for (api::Node& candidate : *map_.mutable_nodes()) {
    if (candidate.incarnation() == node.incarnation()) {
      known = &candidate;
    }
  }
  if (node.id() != 0 && (known == nullptr || known->id() != node.id())) {
    Refuse(outcome, api::INVALID, absl::StrCat("node ", node.id(), " is not of this incarnation"));
    return false;
  }
  if (known == nullptr) {
    if (map_.nodes_size() >= kNodesLimit) {
      Refuse(outcome, api::INVALID,
             absl::StrCat("the cluster holds its limit of ", kNodesLimit, " nodes"));
      return false;
    }
    known = map_.add_nodes();
    known->set_id(next_node_++);
  }
  outcome.set_id(known->id());
  api::Node now = node;
  now.set_id(known->id());
  if (now.SerializeAsString() == known->SerializeAsString()) {
    return false;
  }
  *known = std::move(now);
  PutNode(*known, batch);
  return true;
}

bool Meta::IssueReplica(const command::IssueReplica& ask, storage::WriteBatch& batch,
                        command::Outcome& outcome) {
  const api::GroupDescriptor* group = FindGroup(ask.group());
  if (group == nullptr || FindNode(ask.node()) == nullptr) {
    Refuse(outcome, api::INVALID,
           absl::StrCat("no group ", ask.group(), " or no node ", ask.node()));
    return false;
  }
  const IssuedFor who{ask.group(), ask.node()};
  auto known = issued_.find(who);
  if (known == issued_.end() || known->second.epoch != group->epoch()) {
    known = issued_.insert_or_assign(who, Issued{next_replica_++, group->epoch()}).first;
    PutIssued(who, known->second, batch);
    PutCounters(batch);
  }
  outcome.set_id(known->second.replica);
  return false;  // The map shows a replica once its group has it.
}

bool Meta::SetDescriptor(const api::GroupDescriptor& descriptor, storage::WriteBatch& batch,
                         command::Outcome& outcome) {
  api::GroupDescriptor* known = FindGroup(descriptor.group());
  if (known == nullptr) {
    Refuse(outcome, api::INVALID, absl::StrCat("no group ", descriptor.group()));
    return false;
  }
  if (descriptor.epoch() <= known->epoch()) {
    return false;
  }
  *known = descriptor;
  known->clear_leader_node();
  PutGroup(*known, batch);
  ForgetIssued(known->group(), batch);
  return true;
}

}  // namespace fastpath::partition
