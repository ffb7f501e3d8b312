#include <algorithm>

#include "partition/catalog.h"
#include "partition/command_version.h"
#include "partition/limits.h"
#include "partition/model/key.h"
#include "partition/require.h"
#include "partition/write.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

constexpr char kFormat = 1;  // Never-change; of both rows.

std::string SpaceSuffix(storage::SpaceId space) {
  std::string suffix;
  storage::PutBig32(suffix, space);
  return suffix;
}

// What groups know of a table; the rest is meta's.
api::Table GroupsTable(const api::Table& table) {
  api::Table known = table;
  known.set_state(api::ACTIVE);
  known.clear_deletion_protection();
  known.clear_ttl_change();
  known.clear_tags();
  return known;
}

bool SpaceBefore(const api::Table& table, storage::SpaceId space) { return table.space() < space; }

}  // namespace

storage::BucketRange BucketsOf(const api::GroupDescriptor& descriptor) {
  if (descriptor.first_bucket() > descriptor.last_bucket()) {
    return {.empty = true};
  }
  Require(descriptor.last_bucket() <= UINT16_MAX, "a range of buckets");
  return {static_cast<storage::Bucket>(descriptor.first_bucket()),
          static_cast<storage::Bucket>(descriptor.last_bucket()), false};
}

void SetMembers(const raft::Configuration& configuration, api::GroupDescriptor& descriptor) {
  auto fill = [](const std::vector<raft::Member>& from, auto* to) {
    to->Clear();
    for (const raft::Member& member : from) {
      api::Member* added = to->Add();
      added->set_replica(member.replica);
      added->set_node(member.node);
    }
  };
  fill(configuration.voters, descriptor.mutable_voters());
  fill(configuration.learners, descriptor.mutable_learners());
}

raft::Configuration ConfigurationOf(const api::GroupDescriptor& descriptor) {
  auto members = [](const auto& from) {
    std::vector<raft::Member> to;
    for (const api::Member& member : from) {
      to.push_back({member.replica(), member.node()});
    }
    std::sort(to.begin(), to.end());
    return to;
  };
  return {members(descriptor.voters()), {}, members(descriptor.learners())};
}

Catalog::Catalog(const api::GroupDescriptor& descriptor, uint32_t version)
    : group_(descriptor.group()),
      epoch_(descriptor.epoch()),
      version_(version),
      buckets_(BucketsOf(descriptor)) {}

const api::Table* Catalog::FindTable(std::string_view name) const {
  auto found = by_name_.find(absl::string_view(name.data(), name.size()));
  return found == by_name_.end() ? nullptr : &tables_[found->second];
}

const api::Table* Catalog::FindSpace(storage::SpaceId space) const {
  auto found = std::lower_bound(tables_.begin(), tables_.end(), space, SpaceBefore);
  return found == tables_.end() || found->space() != space ? nullptr : &*found;
}

std::vector<storage::KeyRange> Catalog::ranges() const {
  std::vector<storage::SpaceId> spaces;
  for (const api::Table& table : tables_) {
    spaces.push_back(table.space());
  }
  return storage::Ranges(group_, buckets_, spaces);
}

storage::KeyRange Catalog::DataRange(storage::SpaceId space) const {
  Require(!buckets_.empty, "a group with a range");
  constexpr int kBelowBucket = 48;
  const uint64_t first = uint64_t{buckets_.first} << kBelowBucket;
  std::string end =
      buckets_.last == UINT16_MAX
          ? storage::DataKey(space + 1, 0, {}, {})
          : storage::DataKey(space, uint64_t{buckets_.last + 1u} << kBelowBucket, {}, {});
  return {storage::DataKey(space, first, {}, {}), std::move(end)};
}

api::GroupDescriptor Catalog::Descriptor(const raft::Configuration& configuration) const {
  api::GroupDescriptor descriptor;
  descriptor.set_group(group_);
  descriptor.set_epoch(epoch_);
  descriptor.set_first_bucket(buckets_.empty ? 1 : buckets_.first);
  descriptor.set_last_bucket(buckets_.empty ? 0 : buckets_.last);
  SetMembers(configuration, descriptor);
  return descriptor;
}

void Catalog::SetTable(const api::Table& table, Stamp stamp, storage::WriteBatch& batch,
                       command::Outcome& outcome) {
  if (buckets_.empty || table.space() == 0 || table.space() == UINT32_MAX) {
    return Refuse(outcome, api::INVALID, "no table of a data group");
  }
  if (table.state() == api::DELETING) {
    return Drop(table.space(), batch);
  }
  if (absl::Status valid = model::ValidateTable(table); !valid.ok()) {
    return Refuse(outcome, api::INVALID, ToStd(valid.message()));
  }
  if (dropped_.contains(table.space())) {
    return Refuse(outcome, api::TABLE_NOT_FOUND, "the table was deleted");
  }
  if (const api::Table* known = FindSpace(table.space());
      known != nullptr && (known->revision() > 0 || table.revision() > 0)) {
    return Update(*known, table, stamp, batch, outcome);
  }
  api::Table known = GroupsTable(table);
  PutTable(known, batch);
  Insert(std::move(known));
}

void Catalog::Update(const api::Table& known, const api::Table& table, Stamp stamp,
                     storage::WriteBatch& batch, command::Outcome& outcome) {
  if (table.revision() <= known.revision()) {
    return;  // A repeat, or a late one.
  }
  if (known.ttl_change().under_way()) {
    return Refuse(outcome, api::TABLE_BUSY, "its TTL attribute is changing");
  }
  api::Table now = GroupsTable(table);
  *now.mutable_ttl_change() = known.ttl_change();
  if (now.ttl_attribute() != known.ttl_attribute()) {
    now.mutable_ttl_change()->set_at(stamp);
    now.mutable_ttl_change()->set_under_way(true);
  }
  PutTable(now, batch);
  Insert(std::move(now));
}

void Catalog::Retimed(storage::SpaceId space, uint64_t revision, storage::WriteBatch& batch) {
  const api::Table* known = FindSpace(space);
  if (known == nullptr || known->revision() != revision || !known->ttl_change().under_way()) {
    return;
  }
  api::Table now = *known;
  now.mutable_ttl_change()->set_under_way(false);
  PutTable(now, batch);
  Insert(std::move(now));
}

void Catalog::Insert(api::Table table) {
  auto place = std::lower_bound(tables_.begin(), tables_.end(), table.space(), SpaceBefore);
  if (place != tables_.end() && place->space() == table.space()) {
    *place = std::move(table);
  } else {
    tables_.insert(place, std::move(table));
  }
  Reindex();
}

void Catalog::Drop(storage::SpaceId space, storage::WriteBatch& batch) {
  if (FindSpace(space) != nullptr) {
    tables_.erase(std::lower_bound(tables_.begin(), tables_.end(), space, SpaceBefore));
    Reindex();
    batch.DeleteRange(DataRange(space));
  }
  api::Table left;
  left.set_space(space);
  left.set_state(api::DELETING);
  PutTable(left, batch);
  dropped_.insert(space);
  if (dropped_.size() > kDroppedTablesKept) {
    batch.Delete(
        storage::GroupKey(group_, storage::GroupRow::kTable, SpaceSuffix(*dropped_.begin())));
    dropped_.erase(dropped_.begin());
  }
}

void Catalog::Reindex() {
  by_name_.clear();
  for (size_t i = 0; i < tables_.size(); ++i) {
    by_name_[tables_[i].name()] = i;
  }
}

void Catalog::SetVersion(uint32_t version, storage::WriteBatch& batch) {
  if (version > version_) {
    version_ = version;
    PutDescriptor(batch);
  }
}

void Catalog::Reconfigured(storage::WriteBatch& batch) {
  ++epoch_;
  PutDescriptor(batch);
}

void Catalog::PutDescriptor(storage::WriteBatch& batch) const {
  std::string value(1, kFormat);
  raft::PutVarint(value, epoch_);
  raft::PutVarint(value, version_);
  value.push_back(buckets_.empty ? 1 : 0);
  storage::PutBig16(value, buckets_.first);
  storage::PutBig16(value, buckets_.last);
  batch.Put(storage::GroupKey(group_, storage::GroupRow::kDescriptor), std::move(value));
}

absl::Status Catalog::RestoreDescriptor(std::string_view value) {
  constexpr size_t kRangeBytes = 5;
  uint64_t version = 0;
  if (value.empty() || value[0] != kFormat) {
    return absl::DataLossError("descriptor row of an unknown format");
  }
  value.remove_prefix(1);
  if (!raft::TakeVarint(value, epoch_) || !raft::TakeVarint(value, version) ||
      value.size() != kRangeBytes) {
    return absl::DataLossError("descriptor row cut short");
  }
  if (version > kCommandVersion) {
    return absl::UnimplementedError(absl::StrCat("the store has command version ", version,
                                                 ", this program knows up to ", kCommandVersion,
                                                 ": a newer one wrote it"));
  }
  version_ = static_cast<uint32_t>(version);
  buckets_.empty = value[0] != 0;
  buckets_.first = static_cast<storage::Bucket>(storage::GetBig(value.substr(1, 2)));
  buckets_.last = static_cast<storage::Bucket>(storage::GetBig(value.substr(3, 2)));
  return absl::OkStatus();
}

void Catalog::PutTable(const api::Table& table, storage::WriteBatch& batch) const {
  std::string value(1, kFormat);
  value += table.SerializeAsString();
  batch.Put(storage::GroupKey(group_, storage::GroupRow::kTable, SpaceSuffix(table.space())),
            std::move(value));
}

absl::Status Catalog::RestoreTable(std::string_view value) {
  api::Table table;
  if (value.empty() || value[0] != kFormat ||
      !table.ParseFromArray(value.data() + 1, static_cast<int>(value.size() - 1))) {
    return absl::DataLossError("table row does not parse");
  }
  if (table.state() == api::DELETING) {
    dropped_.insert(table.space());
  } else {
    Insert(std::move(table));
  }
  return absl::OkStatus();
}

}  // namespace fastpath::partition
