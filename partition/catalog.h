// What a group knows about itself besides its items: its range and epoch, the
// finalised command version, and its tables. Each lies in group-local rows that
// move with the group:
//
//   descriptor row := u8(format = 1) varint(epoch) varint(version) u8(empty)
//                     first:u16be last:u16be
//   table row      := u8(format = 1) api.Table
//
// A dropped table leaves its row behind with nothing but space and DELETING, so
// that a late command of its creation cannot bring it back. The newest
// kDroppedTablesKept of them are kept. A table's row also says since when its TTL
// attribute is what it is, and whether items of before are still to be rewritten.
//
// Value type: commands work on a copy that takes effect once its rows are in
// the engine. Thread-safe as values are.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "partition/api.pb.h"
#include "partition/command.pb.h"
#include "partition/value_header.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

inline constexpr size_t kDroppedTablesKept = 1024;

class Catalog {
 public:
  Catalog() = default;
  explicit Catalog(raft::GroupId group) : group_(group) {}
  // A new group's, as its first descriptor says.
  Catalog(const api::GroupDescriptor& descriptor, uint32_t version);

  raft::GroupId group() const { return group_; }
  uint64_t epoch() const { return epoch_; }
  uint32_t version() const { return version_; }
  const storage::BucketRange& buckets() const { return buckets_; }
  bool Owns(storage::Bucket bucket) const {
    return !buckets_.empty && buckets_.first <= bucket && bucket <= buckets_.last;
  }

  const std::vector<api::Table>& tables() const { return tables_; }  // By space.
  const api::Table* FindTable(std::string_view name) const;
  const api::Table* FindSpace(storage::SpaceId space) const;
  std::vector<storage::KeyRange> ranges() const;
  // The items of one table in this group.
  storage::KeyRange DataRange(storage::SpaceId space) const;
  api::GroupDescriptor Descriptor(const raft::Configuration& configuration) const;

  // Commands: what they change here, and their rows into `batch`.
  void SetTable(const api::Table& table, Stamp stamp, storage::WriteBatch& batch,
                command::Outcome& outcome);
  // Every item of the table, if it is at this revision, has the expiry that holds.
  void Retimed(storage::SpaceId space, uint64_t revision, storage::WriteBatch& batch);
  // Requires a version that this binary knows.
  void SetVersion(uint32_t version, storage::WriteBatch& batch);
  void Reconfigured(storage::WriteBatch& batch);  // The group has other members.

  // Rows of a loading group. DataLoss: not such a row.
  absl::Status RestoreDescriptor(std::string_view value);
  absl::Status RestoreTable(std::string_view value);
  void PutDescriptor(storage::WriteBatch& batch) const;

 private:
  void Update(const api::Table& known, const api::Table& table, Stamp stamp,
              storage::WriteBatch& batch, command::Outcome& outcome);
  void PutTable(const api::Table& table, storage::WriteBatch& batch) const;
  void Insert(api::Table table);
  void Drop(storage::SpaceId space, storage::WriteBatch& batch);
  void Reindex();

  raft::GroupId group_ = 0;
  uint64_t epoch_ = 0;
  uint32_t version_ = 0;
  storage::BucketRange buckets_;
  std::vector<api::Table> tables_;
  std::set<storage::SpaceId> dropped_;
  absl::flat_hash_map<std::string, size_t> by_name_;  // Places in tables_.
};

// Conversions between the descriptor's fields and the storage room's range.
storage::BucketRange BucketsOf(const api::GroupDescriptor& descriptor);
void SetMembers(const raft::Configuration& configuration, api::GroupDescriptor& descriptor);
raft::Configuration ConfigurationOf(const api::GroupDescriptor& descriptor);

}  // namespace fastpath::partition
