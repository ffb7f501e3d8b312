#include "client/internal/routing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "partition/model/key_range.h"

namespace fastpath::client::internal {
namespace {

bool HasRange(const api::GroupDescriptor& group) {
  return group.first_bucket() <= group.last_bucket();
}

absl::StatusOr<uint64_t> HashOfEncoded(std::string_view encoded) {
  absl::StatusOr<model::Value> value = model::DecodeValue(encoded);
  if (!value.ok()) return value.status();
  if (!value->is(model::Type::kString) && !value->is(model::Type::kNumber) &&
      !value->is(model::Type::kBinary)) {
    return absl::InvalidArgumentError("a partition key is of type S, N or B");
  }
  std::string part;
  model::AppendKeyPart(part, *value);
  return model::KeyHash(part);
}

}  // namespace

absl::Status Routing::Install(const api::Map& map) {
  if (map.cluster_id().empty()) {
    return absl::FailedPreconditionError("the node is not yet a member of a cluster");
  }
  if (known_ && map.cluster_id() != cluster_id_) {
    return absl::FailedPreconditionError("the node belongs to another cluster");
  }
  // A node that lags must not take back tables or nodes that we know.
  if (known_ && map.version() < version_) {
    for (const api::GroupDescriptor& group : map.groups()) Update(group);
    return absl::OkStatus();
  }
  std::map<uint32_t, api::GroupDescriptor> before = std::move(groups_);
  groups_.clear();
  for (const api::GroupDescriptor& group : map.groups()) {
    auto known = before.find(group.group());
    bool newer = known != before.end() && known->second.epoch() > group.epoch();
    api::GroupDescriptor& entry = groups_[group.group()] = newer ? known->second : group;
    if (entry.leader_node() == 0 && known != before.end()) {
      entry.set_leader_node(known->second.leader_node());
    }
  }
  addresses_.clear();
  for (const api::Node& node : map.nodes()) {
    if (!node.client_address().empty()) addresses_[node.id()] = node.client_address();
  }
  tables_.clear();
  for (const api::Table& table : map.tables()) tables_[table.name()] = table;
  cluster_id_ = map.cluster_id();
  version_ = map.version();
  known_ = true;
  IndexRanges();
  InheritStamps(before);
  return absl::OkStatus();
}

void Routing::IndexRanges() {
  by_bucket_.clear();
  for (const auto& [id, group] : groups_) {
    if (HasRange(group)) by_bucket_.push_back(&group);
  }
  std::sort(by_bucket_.begin(), by_bucket_.end(),
            [](const auto* a, const auto* b) { return a->first_bucket() < b->first_bucket(); });
}

// A split child continues its parent's stamps: what was read before the split
// must not be unread after it.
void Routing::InheritStamps(const std::map<uint32_t, api::GroupDescriptor>& before) {
  for (const auto& [id, group] : groups_) {
    if (stamps_.count(id) != 0 || !HasRange(group)) continue;
    for (const auto& [parent, old] : before) {
      bool overlaps =
          old.first_bucket() <= group.last_bucket() && group.first_bucket() <= old.last_bucket();
      if (HasRange(old) && overlaps) SawStamp(id, Stamp(parent));
    }
  }
  std::erase_if(stamps_, [&](const auto& entry) { return groups_.count(entry.first) == 0; });
}

bool Routing::Update(const api::GroupDescriptor& descriptor) {
  auto found = groups_.find(descriptor.group());
  if (found == groups_.end()) return true;
  api::GroupDescriptor& known = found->second;
  if (descriptor.epoch() < known.epoch()) return false;
  bool moved = known.first_bucket() != descriptor.first_bucket() ||
               known.last_bucket() != descriptor.last_bucket();
  known = descriptor;
  if (moved) IndexRanges();
  return moved;
}

void Routing::AddTable(const api::Table& table) { tables_[table.name()] = table; }

const api::GroupDescriptor* Routing::Group(uint32_t group) const {
  auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const api::GroupDescriptor* Routing::GroupOfHash(uint64_t hash) const {
  uint32_t bucket = static_cast<uint32_t>(hash >> 48);
  auto after = std::upper_bound(
      by_bucket_.begin(), by_bucket_.end(), bucket,
      [](uint32_t b, const api::GroupDescriptor* g) { return b < g->first_bucket(); });
  if (after == by_bucket_.begin()) return nullptr;
  const api::GroupDescriptor* group = *(after - 1);
  return bucket <= group->last_bucket() ? group : nullptr;
}

const std::string* Routing::AddressOf(uint32_t node) const {
  auto found = addresses_.find(node);
  return found == addresses_.end() ? nullptr : &found->second;
}

const api::Table* Routing::Table(std::string_view name) const {
  auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

void Routing::ForgetLeader(uint32_t group, uint32_t node) {
  auto found = groups_.find(group);
  if (found != groups_.end() && found->second.leader_node() == node) {
    found->second.set_leader_node(0);
  }
}

void Routing::ForgetNode(uint32_t node) {
  for (auto& [id, group] : groups_) {
    if (group.leader_node() == node) group.set_leader_node(0);
  }
}

uint64_t Routing::Stamp(uint32_t group) const {
  auto found = stamps_.find(group);
  return found == stamps_.end() ? 0 : found->second;
}

void Routing::SawStamp(uint32_t group, uint64_t stamp) {
  if (stamp == 0) return;
  uint64_t& known = stamps_[group];
  known = std::max(known, stamp);
}

absl::StatusOr<uint64_t> Routing::HashOf(const api::Request& request) const {
  if (request.has_get()) return HashOfEncoded(request.get().key().partition());
  if (request.has_query()) return HashOfEncoded(request.query().partition());
  if (request.has_scan()) return model::FirstHashOfScan(request.scan());
  if (request.has_transact_write()) return HashOf(request.transact_write());
  if (request.has_transact_get()) {
    const api::TransactGetRequest& get = request.transact_get();
    if (get.items().empty()) return absl::InvalidArgumentError("a transaction without items");
    return HashOfEncoded(get.items(0).key().partition());
  }
  const api::WriteRequest& write = request.write();
  if (write.has_update()) return HashOfEncoded(write.update().key().partition());
  if (write.has_delete_()) return HashOfEncoded(write.delete_().key().partition());
  return HashOfPut(write.table(), write.put());
}

absl::StatusOr<uint64_t> Routing::HashOf(const api::TransactWriteRequest& write) const {
  if (!write.token().empty()) return model::TokenHash(write.token());
  if (write.items().empty()) return absl::InvalidArgumentError("a transaction without items");
  const api::TransactItem& first = write.items(0);
  if (first.has_update()) return HashOfEncoded(first.update().key().partition());
  if (first.has_delete_()) return HashOfEncoded(first.delete_().key().partition());
  if (first.has_check()) return HashOfEncoded(first.check().key().partition());
  return HashOfPut(first.table(), first.put());
}

absl::StatusOr<uint64_t> Routing::HashOfPut(const std::string& name, const api::Put& put) const {
  const api::Table* table = Table(name);
  if (table == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("there is no table \"", name, "\""));
  }
  const std::string& key = table->partition_key().name();
  std::string_view encoded = model::FindEncoded(put.item(), key);
  if (encoded.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the item lacks the partition key \"", key, "\""));
  }
  return HashOfEncoded(encoded);
}

}  // namespace fastpath::client::internal
