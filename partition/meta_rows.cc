#include <algorithm>

#include "partition/meta.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

// Never-change: the suffixes' kinds and the format of every value.
enum class Row : uint8_t {
  kCounters = 1,
  kNode = 2,
  kGroup = 3,
  kTable = 4,
  kIssued = 5,
  kTags = 6
};
constexpr char kFormat = 1;
constexpr size_t kIdBytes = 4;

std::string RowKey(Row row, std::initializer_list<uint32_t> ids) {
  std::string suffix(1, static_cast<char>(row));
  for (uint32_t id : ids) {
    storage::PutBig32(suffix, id);
  }
  return storage::GroupKey(raft::kMetaGroup, storage::GroupRow::kMeta, suffix);
}

std::string RowValue(const google::protobuf::MessageLite& message) {
  return std::string(1, kFormat) + message.SerializeAsString();
}

absl::Status Malformed() { return absl::DataLossError("meta row does not parse"); }

absl::Status Parse(std::string_view bytes, google::protobuf::MessageLite* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ? absl::OkStatus()
                                                                               : Malformed();
}

}  // namespace

void Meta::PutCounters(storage::WriteBatch& batch) const {
  std::string value(1, kFormat);
  raft::PutVarint(value, next_node_);
  raft::PutVarint(value, next_replica_);
  raft::PutVarint(value, next_space_);
  raft::PutVarint(value, map_.version());
  value += map_.cluster_id();
  batch.Put(RowKey(Row::kCounters, {}), std::move(value));
}

void Meta::PutNode(const api::Node& node, storage::WriteBatch& batch) const {
  batch.Put(RowKey(Row::kNode, {node.id()}), RowValue(node));
}

void Meta::PutGroup(const api::GroupDescriptor& group, storage::WriteBatch& batch) const {
  batch.Put(RowKey(Row::kGroup, {group.group()}), RowValue(group));
}

void Meta::PutTable(const api::Table& table, storage::WriteBatch& batch) const {
  batch.Put(RowKey(Row::kTable, {table.space()}), RowValue(table));
}

void Meta::PutIssued(const IssuedFor& who, const Issued& issued, storage::WriteBatch& batch) const {
  std::string value(1, kFormat);
  raft::PutVarint(value, issued.replica);
  raft::PutVarint(value, issued.epoch);
  batch.Put(RowKey(Row::kIssued, {who.first, who.second}), std::move(value));
}

void Meta::ForgetIssued(raft::GroupId group, storage::WriteBatch& batch) {
  for (auto issued = issued_.lower_bound({group, 0});
       issued != issued_.end() && issued->first.first == group;) {
    batch.Delete(RowKey(Row::kIssued, {group, issued->first.second}));
    issued = issued_.erase(issued);
  }
}

void Meta::DropTable(storage::SpaceId space, storage::WriteBatch& batch) {
  for (int i = 0; i < map_.tables_size(); ++i) {
    if (map_.tables(i).space() == space) {
      map_.mutable_tables()->DeleteSubrange(i, 1);
      batch.Delete(RowKey(Row::kTable, {space}));
      if (tags_.erase(space) > 0) {
        batch.Delete(RowKey(Row::kTags, {space}));
      }
      return;
    }
  }
}

void Meta::SetTags(storage::SpaceId space, api::TagList tags, storage::WriteBatch& batch) {
  if (tags.tags().empty()) {
    batch.Delete(RowKey(Row::kTags, {space}));
    tags_.erase(space);
    return;
  }
  batch.Put(RowKey(Row::kTags, {space}), RowValue(tags));
  tags_[space] = std::make_shared<const api::TagList>(std::move(tags));
}

void Meta::PutAll(storage::WriteBatch& batch) const {
  PutCounters(batch);
  for (const api::Node& node : map_.nodes()) {
    PutNode(node, batch);
  }
  for (const api::GroupDescriptor& group : map_.groups()) {
    PutGroup(group, batch);
  }
  for (const api::Table& table : map_.tables()) {
    PutTable(table, batch);
  }
  for (const auto& [who, issued] : issued_) {
    PutIssued(who, issued, batch);
  }
}

absl::Status Meta::Restore(std::string_view suffix, std::string_view value) {
  if (suffix.empty() || value.empty() || value[0] != kFormat) {
    return Malformed();
  }
  value.remove_prefix(1);
  switch (static_cast<Row>(suffix[0])) {
    case Row::kCounters:
      return RestoreCounters(value);
    case Row::kNode:
      return Parse(value, map_.add_nodes());
    case Row::kGroup:
      return Parse(value, map_.add_groups());
    case Row::kTable:
      return Parse(value, map_.add_tables());
    case Row::kIssued:
      return RestoreIssued(suffix.substr(1), value);
    case Row::kTags:
      return RestoreTags(suffix.substr(1), value);
  }
  return absl::DataLossError("meta row of an unknown kind");
}

absl::Status Meta::RestoreCounters(std::string_view value) {
  uint64_t node = 0;
  uint64_t space = 0;
  uint64_t version = 0;
  if (!raft::TakeVarint(value, node) || !raft::TakeVarint(value, next_replica_) ||
      !raft::TakeVarint(value, space) || !raft::TakeVarint(value, version)) {
    return Malformed();
  }
  next_node_ = static_cast<raft::NodeId>(node);
  next_space_ = static_cast<storage::SpaceId>(space);
  map_.set_version(version);
  map_.set_cluster_id(value.data(), value.size());
  return absl::OkStatus();
}

absl::Status Meta::RestoreTags(std::string_view suffix, std::string_view value) {
  if (suffix.size() != kIdBytes) {
    return Malformed();
  }
  auto tags = std::make_shared<api::TagList>();
  absl::Status parsed = Parse(value, tags.get());
  tags_[static_cast<storage::SpaceId>(storage::GetBig(suffix))] = std::move(tags);
  return parsed;
}

absl::Status Meta::RestoreIssued(std::string_view suffix, std::string_view value) {
  Issued issued;
  if (suffix.size() != 2 * kIdBytes || !raft::TakeVarint(value, issued.replica) ||
      !raft::TakeVarint(value, issued.epoch)) {
    return Malformed();
  }
  const auto group = static_cast<raft::GroupId>(storage::GetBig(suffix.substr(0, kIdBytes)));
  const auto node = static_cast<raft::NodeId>(storage::GetBig(suffix.substr(kIdBytes)));
  issued_[{group, node}] = issued;
  return absl::OkStatus();
}

}  // namespace fastpath::partition
