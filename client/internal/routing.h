// The client's copy of the cluster's map: key hash -> group -> node. A hint that
// servers correct (DESIGN 3.7): a stale route is refused with the descriptor to
// use instead. Not thread-safe; pure. Bounded by the map frame it came in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"

namespace fastpath::client::internal {

class Routing {
 public:
  // FailedPrecondition: the map of another cluster, or of none (a node that has
  // not joined yet); nothing changes. Descriptors that we know in a newer epoch stay.
  absl::Status Install(const api::Map& map);
  bool known() const { return known_; }

  // A server's fresher descriptor, with a leader hint (0 forgets ours). True if
  // its range is not the one we knew: the rest of the map is stale too.
  bool Update(const api::GroupDescriptor& descriptor);
  void AddTable(const api::Table& table);

  const api::GroupDescriptor* Group(uint32_t group) const;
  const api::GroupDescriptor* GroupOfHash(uint64_t hash) const;
  const std::string* AddressOf(uint32_t node) const;  // Clients' address.
  const api::Table* Table(std::string_view name) const;
  // The hash that places a read, a write, a scan or a transaction: by its token, or else its
  // first key. FailedPrecondition: needs the schema of a table that is not known.
  // InvalidArgument: no usable key.
  absl::StatusOr<uint64_t> HashOf(const api::Request& request) const;
  const std::map<uint32_t, std::string>& addresses() const { return addresses_; }

  void ForgetLeader(uint32_t group, uint32_t node);  // If it is the one we know.
  void ForgetNode(uint32_t node);                    // As the leader of any group.

  // The group's highest stamp seen, for eventual reads (DESIGN 3.6).
  uint64_t Stamp(uint32_t group) const;
  void SawStamp(uint32_t group, uint64_t stamp);

 private:
  absl::StatusOr<uint64_t> HashOfPut(const std::string& table, const api::Put& put) const;
  absl::StatusOr<uint64_t> HashOf(const api::TransactWriteRequest& write) const;
  void IndexRanges();
  void InheritStamps(const std::map<uint32_t, api::GroupDescriptor>& before);

  bool known_ = false;
  std::string cluster_id_;
  uint64_t version_ = 0;
  std::map<uint32_t, api::GroupDescriptor> groups_;
  std::map<uint32_t, std::string> addresses_;
  std::map<std::string, api::Table, std::less<>> tables_;
  std::map<uint32_t, uint64_t> stamps_;
  std::vector<const api::GroupDescriptor*> by_bucket_;  // Sorted by first_bucket; into groups_.
};

}  // namespace fastpath::client::internal
