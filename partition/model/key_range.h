// Which keys a query or a scan is about, as ranges of bytes of key parts and of
// hashes, and from where its pages go on. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"

namespace fastpath::model {

// Of the keys with this hash, those whose parts, one after the other, lie in [begin, end).
struct KeyPartRange {
  uint64_t hash = 0;
  std::string begin;
  std::string end;
};

// The keys that a query names; `sort` may be null. InvalidArgument, in DynamoDB's words: wrong
// types, values that no key can have, bounds of BETWEEN turned around, a condition on the sort
// key of a table without one.
absl::StatusOr<KeyPartRange> RangeOfQuery(const api::Table& table, std::string_view partition,
                                          const api::SortCondition* sort);

// A key's parts as a request's key. InvalidArgument: not the parts of a key of `table`.
absl::StatusOr<api::Key> RequestKeyOfParts(const api::Table& table, std::string_view parts);

// DynamoDB's.
inline constexpr uint32_t kTotalSegmentsLimit = 1'000'000;

struct HashRange {
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;  // Inclusive.
};
// A segment's share of the hashes. InvalidArgument: no such segment, or too many. `total` 0: one.
absl::StatusOr<HashRange> HashesOfSegment(uint32_t segment, uint32_t total);
// Where a scan's request begins: the hash that routes it. InvalidArgument: malformed.
absl::StatusOr<uint64_t> FirstHashOfScan(const api::ScanRequest& request);

}  // namespace fastpath::model
