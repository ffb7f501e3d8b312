// What a program asks of many items: queries of one partition key's, scans of a
// table's, a page at a time.
//
//   client.Query("log", "device-7", SortKey().BeginsWith("2024-"))
//   client.Query("log", "device-7",
//                QueryOptions(SortKey() >= 100).Reverse().Limit(10).Filter(Attr("level") ==
//                "error"))
//   client.Scan("log", ScanOptions().Segment(0, 4).CountOnly())
//
// A page ends at the limit, or at 1 MB of items, or earlier, and may be empty; only one without
// `last_key` is the last. client/pages.h goes from page to page.
//
// Value types. Options have constructors and are no aggregates, as those of client.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/expression.h"
#include "client/item.h"
#include "partition/api.pb.h"

namespace fastpath::client {

// A condition on the sort key. Without one: all items of the partition key.
class SortCondition {
 public:
  SortCondition() = default;
  explicit SortCondition(api::SortCondition proto) : present_(true), proto_(std::move(proto)) {}

  bool present() const { return present_; }
  const api::SortCondition& proto() const { return proto_; }

 private:
  bool present_ = false;
  api::SortCondition proto_;
};

// The sort key, whatever its name. Of S and B by bytes, of N by value.
class SortKey {
 public:
  SortCondition BeginsWith(const Literal& prefix) const;                 // S or B.
  SortCondition Between(const Literal& low, const Literal& high) const;  // Inclusive.

  friend SortCondition operator==(const SortKey& key, const Literal& value);
  friend SortCondition operator<(const SortKey& key, const Literal& value);
  friend SortCondition operator<=(const SortKey& key, const Literal& value);
  friend SortCondition operator>(const SortKey& key, const Literal& value);
  friend SortCondition operator>=(const SortKey& key, const Literal& value);
};

// What a query asks of the keys as DynamoDB's text, which says their names:
//
//   KeyCondition::Parse("id = :id AND begins_with(ts, :day)", table, placeholders)
//
// InvalidArgument: as of other texts. Its values are of the keys' types.
struct KeyCondition {
  static absl::StatusOr<KeyCondition> Parse(std::string_view text, const api::Table& table,
                                            Placeholders& shared);
  static absl::StatusOr<KeyCondition> Parse(std::string_view text, const api::Table& table,
                                            const Names& names, const Values& values);

  Value partition;
  SortCondition sort;
};

struct QueryOptions {
  using Milliseconds = std::chrono::milliseconds;
  QueryOptions() {}
  QueryOptions(SortCondition where) : sort(std::move(where)) {}  // NOLINT: implicit
  QueryOptions& Reverse(bool value = true) { return reverse = value, *this; }
  QueryOptions& Limit(uint32_t value) { return limit = value, *this; }
  QueryOptions& Filter(client::Condition value) { return filter = std::move(value), *this; }
  QueryOptions& Projection(std::vector<Path> paths) { return projection = std::move(paths), *this; }
  QueryOptions& CountOnly(bool value = true) { return count_only = value, *this; }
  QueryOptions& StartAfter(std::optional<Key> key) { return start_after = std::move(key), *this; }
  QueryOptions& Eventual(bool value = true) { return eventual = value, *this; }
  QueryOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  QueryOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  SortCondition sort;
  bool reverse = false;            // From the highest sort key down.
  uint32_t limit = 0;              // Items examined, before the filter; 0: the page's own limit.
  client::Condition filter;        // Not on key attributes.
  std::vector<Path> projection;    // Empty: whole items.
  bool count_only = false;         // No items, only how many.
  std::optional<Key> start_after;  // The last page's last_key; there need not be such an item.
  bool eventual = false;           // As GetOptions::eventual; otherwise the page is linearizable.
  bool return_capacity = false;
  Milliseconds deadline{0};  // Of the page; 0: the client's.
};

struct ScanOptions {
  using Milliseconds = std::chrono::milliseconds;
  ScanOptions() {}
  // One of `total` parts of the table that together are all of it: for scans in parallel.
  ScanOptions& Segment(uint32_t value, uint32_t total) {
    return segment = value, total_segments = total, *this;
  }
  ScanOptions& Limit(uint32_t value) { return limit = value, *this; }
  ScanOptions& Filter(client::Condition value) { return filter = std::move(value), *this; }
  ScanOptions& Projection(std::vector<Path> paths) { return projection = std::move(paths), *this; }
  ScanOptions& CountOnly(bool value = true) { return count_only = value, *this; }
  ScanOptions& StartAfter(std::optional<Key> key) { return start_after = std::move(key), *this; }
  ScanOptions& Eventual(bool value = true) { return eventual = value, *this; }
  ScanOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  ScanOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  uint32_t segment = 0;
  uint32_t total_segments = 1;  // At most 1,000,000.
  uint32_t limit = 0;
  client::Condition filter;
  std::vector<Path> projection;
  bool count_only = false;
  std::optional<Key> start_after;
  // Otherwise each group's part of the page is linearizable; groups are read one after the other.
  bool eventual = false;
  bool return_capacity = false;
  Milliseconds deadline{0};
};

struct Page {
  std::vector<Item> items;                // That passed the filter; none if only counted.
  uint32_t count = 0;                     // How many passed.
  uint32_t scanned_count = 0;             // How many were examined.
  std::optional<Key> last_key;            // Where the next page goes on; none: this is the last.
  std::optional<api::Capacity> capacity;  // If asked for.
};

}  // namespace fastpath::client
