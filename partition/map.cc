#include "partition/map.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "partition/model/check.h"

namespace fastpath {
namespace {

bool OwnsNothing(const api::GroupDescriptor& descriptor) {
  return descriptor.first_bucket() > descriptor.last_bucket();
}

bool MakesSense(const api::GroupDescriptor& descriptor) {
  if (descriptor.group() == kMetaGroup) return OwnsNothing(descriptor);
  return OwnsNothing(descriptor) || descriptor.last_bucket() < kBuckets;
}

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("invalid map: ", what));
}

absl::Status ValidateGroups(const api::Map& map) {
  std::set<uint32_t> ids;
  std::vector<const api::GroupDescriptor*> owners;
  for (const api::GroupDescriptor& group : map.groups()) {
    if (!ids.insert(group.group()).second) {
      return Invalid(absl::StrCat("group ", group.group(), " occurs twice"));
    }
    if (!MakesSense(group)) {
      return Invalid(absl::StrCat("group ", group.group(), " has buckets ", group.first_bucket(),
                                  " to ", group.last_bucket()));
    }
    if (!OwnsNothing(group)) owners.push_back(&group);
  }
  if (ids.count(kMetaGroup) == 0) return Invalid("no meta group");
  std::sort(owners.begin(), owners.end(),
            [](const auto* a, const auto* b) { return a->first_bucket() < b->first_bucket(); });
  uint32_t next = 0;
  for (const api::GroupDescriptor* group : owners) {
    if (group->first_bucket() != next) {
      return Invalid(absl::StrCat(
          group->first_bucket() > next ? "no group owns bucket " : "two groups own bucket ",
          std::min(next, group->first_bucket())));
    }
    next = group->last_bucket() + 1;
  }
  if (next != kBuckets) return Invalid(absl::StrCat("no group owns bucket ", next));
  return absl::OkStatus();
}

// Whether `fresh` says more than `known` about the same group.
bool IsNewer(const api::GroupDescriptor& fresh, const api::GroupDescriptor& known) {
  if (fresh.epoch() != known.epoch()) return fresh.epoch() > known.epoch();
  return fresh.leader_node() != 0 && fresh.leader_node() != known.leader_node();
}

}  // namespace

api::Map InitialMap(uint32_t data_groups) {
  FASTPATH_MODEL_CHECK(data_groups >= 1 && data_groups <= kDataGroupLimit);
  api::Map map;
  map.set_version(1);
  api::GroupDescriptor* meta = map.add_groups();
  meta->set_group(kMetaGroup);
  meta->set_epoch(1);
  meta->set_first_bucket(1);
  meta->set_last_bucket(0);
  for (uint32_t i = 0; i < data_groups; ++i) {
    api::GroupDescriptor* group = map.add_groups();
    group->set_group(i + 1);
    group->set_epoch(1);
    group->set_first_bucket(i * kBuckets / data_groups);
    group->set_last_bucket((i + 1) * kBuckets / data_groups - 1);
  }
  return map;
}

absl::Status ValidateMap(const api::Map& map) {
  std::set<uint32_t> nodes;
  for (const api::Node& node : map.nodes()) {
    if (node.id() == 0 || !nodes.insert(node.id()).second) {
      return Invalid(absl::StrCat("node ", node.id(), " occurs twice or is 0"));
    }
  }
  std::set<std::string> names;
  std::set<uint32_t> spaces;
  for (const api::Table& table : map.tables()) {
    if (!names.insert(table.name()).second || !spaces.insert(table.space()).second) {
      return Invalid(
          absl::StrCat("table ", table.name(), " or its space ", table.space(), " occurs twice"));
    }
  }
  return ValidateGroups(map);
}

const api::GroupDescriptor* FindGroup(const api::Map& map, uint32_t group) {
  const auto found = std::lower_bound(
      map.groups().begin(), map.groups().end(), group,
      [](const api::GroupDescriptor& known, uint32_t wanted) { return known.group() < wanted; });
  return found != map.groups().end() && found->group() == group ? &*found : nullptr;
}

absl::StatusOr<RoutingTable> RoutingTable::Create(api::Map map) {
  if (absl::Status status = ValidateMap(map); !status.ok()) return status;
  RoutingTable table;
  table.map_ = std::move(map);
  table.Index();
  return table;
}

absl::StatusOr<bool> RoutingTable::Update(api::Map map) {
  if (map.version() <= map_.version()) return false;
  if (absl::Status status = ValidateMap(map); !status.ok()) return status;
  for (api::GroupDescriptor& group : *map.mutable_groups()) {
    const api::GroupDescriptor* known = FindGroup(group.group());
    if (known == nullptr) continue;
    if (known->epoch() > group.epoch()) {
      group = *known;
    } else if (group.leader_node() == 0) {
      group.set_leader_node(known->leader_node());
    }
  }
  map_ = std::move(map);
  Index();
  return true;
}

bool RoutingTable::Update(const api::GroupDescriptor& descriptor) {
  if (!MakesSense(descriptor)) return false;
  api::GroupDescriptor* known = MutableGroup(descriptor.group());
  if (known != nullptr && !IsNewer(descriptor, *known)) return false;
  const bool elsewhere = known == nullptr || known->first_bucket() != descriptor.first_bucket() ||
                         known->last_bucket() != descriptor.last_bucket();
  if (known == nullptr) known = map_.add_groups();
  *known = descriptor;
  if (elsewhere) Index();
  return true;
}

bool RoutingTable::SetLeader(uint32_t group, uint32_t node) {
  api::GroupDescriptor* known = MutableGroup(group);
  if (known == nullptr) return false;
  known->set_leader_node(node);
  return true;
}

const api::GroupDescriptor* RoutingTable::ForBucket(uint32_t bucket) const {
  // The last one that begins at or before it. While a split is half known,
  // ranges may overlap or leave gaps: then this one or none is right.
  auto after = std::upper_bound(
      by_bucket_.begin(), by_bucket_.end(), bucket,
      [this](uint32_t key, int at) { return key < map_.groups(at).first_bucket(); });
  if (after == by_bucket_.begin()) return nullptr;
  const api::GroupDescriptor& group = map_.groups(*(after - 1));
  return bucket <= group.last_bucket() ? &group : nullptr;
}

const api::GroupDescriptor* RoutingTable::ForHash(uint64_t hash) const {
  return ForBucket(BucketOfHash(hash));
}

const api::GroupDescriptor* RoutingTable::FindGroup(uint32_t group) const {
  auto it = groups_.find(group);
  return it == groups_.end() ? nullptr : &map_.groups(it->second);
}

api::GroupDescriptor* RoutingTable::MutableGroup(uint32_t group) {
  auto it = groups_.find(group);
  return it == groups_.end() ? nullptr : map_.mutable_groups(it->second);
}

const api::Table* RoutingTable::FindTable(std::string_view name) const {
  auto it = tables_.find(absl::string_view(name.data(), name.size()));
  return it == tables_.end() ? nullptr : &map_.tables(it->second);
}

const api::Table* RoutingTable::FindSpace(uint32_t space) const {
  auto it = spaces_.find(space);
  return it == spaces_.end() ? nullptr : &map_.tables(it->second);
}

const api::Node* RoutingTable::FindNode(uint32_t id) const {
  auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &map_.nodes(it->second);
}

void RoutingTable::Index() {
  std::sort(map_.mutable_groups()->pointer_begin(), map_.mutable_groups()->pointer_end(),
            [](const auto* a, const auto* b) { return a->group() < b->group(); });
  by_bucket_.clear();
  groups_.clear();
  tables_.clear();
  spaces_.clear();
  nodes_.clear();
  for (int i = 0; i < map_.groups_size(); ++i) {
    groups_[map_.groups(i).group()] = i;
    if (!OwnsNothing(map_.groups(i))) by_bucket_.push_back(i);
  }
  std::stable_sort(by_bucket_.begin(), by_bucket_.end(), [this](int a, int b) {
    return map_.groups(a).first_bucket() < map_.groups(b).first_bucket();
  });
  for (int i = 0; i < map_.tables_size(); ++i) {
    tables_[map_.tables(i).name()] = i;
    spaces_[map_.tables(i).space()] = i;
  }
  for (int i = 0; i < map_.nodes_size(); ++i) nodes_[map_.nodes(i).id()] = i;
}

}  // namespace fastpath
