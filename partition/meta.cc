#include "partition/meta.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "partition/catalog.h"
#include "partition/limits.h"
#include "partition/model/key.h"
#include "partition/write.h"

namespace fastpath::partition {

namespace {

std::string BusyMessage(const api::Table& table) {
  const char* what = table.state() == api::CREATING   ? "created"
                     : table.state() == api::UPDATING ? "updated"
                                                      : "deleted";
  return absl::StrCat("Table is being ", what, ": ", table.name());
}

using Tags = google::protobuf::RepeatedPtrField<api::Tag>;

// By key; of two with one key the later counts.
api::TagList TagsOf(const Tags& first, const Tags& then) {
  std::map<std::string, std::string> by_key;
  for (const Tags* tags : {&first, &then}) {
    for (const api::Tag& tag : *tags) {
      by_key[tag.key()] = tag.value();
    }
  }
  api::TagList list;
  for (const auto& [key, value] : by_key) {
    list.add_tags()->set_key(key);
    list.mutable_tags()->rbegin()->set_value(value);
  }
  return list;
}

api::TagList Without(const Tags& tags,
                     const google::protobuf::RepeatedPtrField<std::string>& keys) {
  api::TagList list;
  for (const api::Tag& tag : tags) {
    if (std::find(keys.begin(), keys.end(), tag.key()) == keys.end()) {
      *list.add_tags() = tag;
    }
  }
  return list;
}

}  // namespace

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
    case command::Command::kUpdateTable:
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
    case command::Command::kUpdateTable:
      changed = UpdateTable(command.update_table().change(), batch, outcome);
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
  absl::Status valid = model::ValidateTable(asked);
  if (valid.ok()) {
    valid = model::ValidateTags(asked.tags());
  }
  if (!valid.ok()) {
    Refuse(outcome, api::INVALID, ToStd(valid.message()));
    return false;
  }
  if (const api::Table* known = FindTable(asked.name())) {
    const bool usable = known->state() == api::ACTIVE || known->state() == api::UPDATING;
    Refuse(outcome, usable ? api::TABLE_EXISTS : api::TABLE_BUSY,
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
  table->clear_revision();
  table->clear_ttl_change();
  table->clear_tags();
  PutTable(*table, batch);
  if (!asked.tags().empty()) {
    SetTags(table->space(), TagsOf(asked.tags(), {}), batch);
  }
  *outcome.mutable_table() = *table;
  *outcome.mutable_table()->mutable_tags() = tags(table->space()).tags();
  return true;
}

bool Meta::UpdateTable(const api::UpdateTableRequest& change, storage::WriteBatch& batch,
                       command::Outcome& outcome) {
  api::Table* table = FindTable(change.name());
  if (table == nullptr) {
    Refuse(outcome, api::TABLE_NOT_FOUND, TableNotFoundMessage(change.name()));
    return false;
  }
  bool changed = false;
  if (table->state() == api::CREATING || table->state() == api::DELETING) {
    Refuse(outcome, api::TABLE_BUSY, BusyMessage(*table));
  } else if (change.has_deletion_protection()) {
    changed = change.deletion_protection() != table->deletion_protection();
    table->set_deletion_protection(change.deletion_protection());
    PutTable(*table, batch);
  } else if (change.has_ttl()) {
    changed = ChangeTtl(change.ttl().attribute(), *table, batch, outcome);
  } else {
    ChangeTags(change, *table, batch, outcome);
  }
  *outcome.mutable_table() = *table;
  *outcome.mutable_table()->mutable_tags() = tags(table->space()).tags();
  return changed;
}

bool Meta::ChangeTtl(const std::string& attribute, api::Table& table, storage::WriteBatch& batch,
                     command::Outcome& outcome) {
  if (attribute == table.ttl_attribute()) {
    return false;
  }
  if (table.state() != api::ACTIVE) {
    Refuse(outcome, api::TABLE_BUSY, BusyMessage(table));
    return false;
  }
  api::Table now = table;
  now.set_ttl_attribute(attribute);
  if (absl::Status valid = model::ValidateTable(now); !valid.ok()) {
    Refuse(outcome, api::INVALID, ToStd(valid.message()));
    return false;
  }
  now.set_revision(table.revision() + 1);
  now.set_state(api::UPDATING);
  table = std::move(now);
  PutTable(table, batch);
  return true;
}

void Meta::ChangeTags(const api::UpdateTableRequest& change, const api::Table& table,
                      storage::WriteBatch& batch, command::Outcome& outcome) {
  api::TagList now = tags(table.space());
  if (change.has_tag()) {
    now = TagsOf(now.tags(), change.tag().tags());
  } else if (change.has_untag()) {
    now = Without(now.tags(), change.untag().keys());
  } else {
    return Refuse(outcome, api::INVALID, "update_table: no change is asked for");
  }
  absl::Status valid = model::ValidateTags(change.tag().tags());
  if (valid.ok()) {
    valid = model::ValidateTags(now.tags());
  }
  if (!valid.ok()) {
    return Refuse(outcome, api::INVALID, ToStd(valid.message()));
  }
  SetTags(table.space(), std::move(now), batch);
}

const api::TagList& Meta::tags(storage::SpaceId space) const {
  static const api::TagList* const kNone = new api::TagList;
  const auto found = tags_.find(space);
  return found == tags_.end() ? *kNone : *found->second;
}

bool Meta::DeleteTable(const std::string& name, storage::WriteBatch& batch,
                       command::Outcome& outcome) {
  api::Table* table = FindTable(name);
  if (table == nullptr) {
    Refuse(outcome, api::TABLE_NOT_FOUND, TableNotFoundMessage(name));
    return false;
  }
  const bool changes = table->state() == api::ACTIVE && !table->deletion_protection();
  if (table->state() == api::CREATING || table->state() == api::UPDATING) {
    Refuse(outcome, api::TABLE_BUSY, BusyMessage(*table));
  } else if (table->deletion_protection()) {
    Refuse(outcome, api::INVALID,
           absl::StrCat("Resource cannot be deleted as it is currently protected against deletion. "
                        "Disable deletion protection first: Table: ",
                        name));
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
    if (settled.revision() != table.revision()) {
      break;  // Of before its latest change.
    }
    if (settled.state() == api::ACTIVE &&
        (table.state() == api::CREATING || table.state() == api::UPDATING)) {
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
