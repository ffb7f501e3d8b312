// Who serves what, as one version of api::Map says: hash -> group -> replicas.
// An index, not an authority: a group's own descriptor is (DESIGN 3.7), so a
// route may be stale, and the group that refuses it sends its descriptor, which
// Update takes in. Pure; one owner at a time; pointers are valid until the next
// change of the table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"

namespace fastpath {

inline constexpr uint32_t kBuckets = 1u << 16;  // Never-change: stored keys begin with them.
inline constexpr uint32_t kMetaGroup = 0;
inline constexpr uint32_t kDataGroupLimit = 1024;

inline uint32_t BucketOfHash(uint64_t hash) { return static_cast<uint32_t>(hash >> 48); }

// The first map of a cluster: meta and `data_groups` groups with ids from 1, the
// buckets split evenly, epoch 1, no members yet. Requires 1..kDataGroupLimit.
api::Map InitialMap(uint32_t data_groups);

// Data groups own every bucket exactly once, meta exists and owns none, and no
// id or name occurs twice. InvalidArgument: what is wrong.
absl::Status ValidateMap(const api::Map& map);

// A group of a map whose groups are in order of id, as meta keeps them. Null:
// not there.
const api::GroupDescriptor* FindGroup(const api::Map& map, uint32_t group);

class RoutingTable {
 public:
  RoutingTable() = default;  // Knows nothing.
  // InvalidArgument: as ValidateMap.
  static absl::StatusOr<RoutingTable> Create(api::Map map);

  // Takes a whole map if its version is higher; descriptors already known with
  // a higher epoch stay. False: nothing changed. InvalidArgument: as ValidateMap.
  absl::StatusOr<bool> Update(api::Map map);
  // Takes one descriptor if its epoch is higher, or equal with another leader
  // hint. False: nothing changed, also when the descriptor makes no sense.
  bool Update(const api::GroupDescriptor& descriptor);
  // Remembers who leads; 0: unknown. False: no such group.
  bool SetLeader(uint32_t group, uint32_t node);

  // The data group that owns a bucket. Null: not known; ask for a newer map.
  const api::GroupDescriptor* ForBucket(uint32_t bucket) const;
  const api::GroupDescriptor* ForHash(uint64_t hash) const;
  const api::GroupDescriptor* FindGroup(uint32_t group) const;
  const api::Table* FindTable(std::string_view name) const;
  const api::Table* FindSpace(uint32_t space) const;
  const api::Node* FindNode(uint32_t id) const;

  // As of the last Update; its groups are in order of id.
  const api::Map& map() const { return map_; }

 private:
  void Index();
  api::GroupDescriptor* MutableGroup(uint32_t group);

  api::Map map_;
  std::vector<int> by_bucket_;  // Positions in map_.groups of data groups, by first bucket.
  absl::flat_hash_map<uint32_t, int> groups_;
  absl::flat_hash_map<std::string, int> tables_;
  absl::flat_hash_map<uint32_t, int> spaces_;
  absl::flat_hash_map<uint32_t, int> nodes_;
};

}  // namespace fastpath
