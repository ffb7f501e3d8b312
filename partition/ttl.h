// When items expire, and the index that finds them again.
//
// A table's TTL attribute holds an N: seconds since the Unix epoch, as in
// DynamoDB. Another type, a value that is no time, or one more than five years
// before the write (likely no time either) mean that the item does not expire.
// Whether an item counts as expired is judged by log time alone, so replicas
// agree (DESIGN 3.11).
//
// A table's TTL attribute may change. From the moment that a group's log says so,
// every item there is judged by the new attribute, although the headers of those
// written before it still hold the old expiry until they are rewritten (Retime):
// ExpiryRule sees to that. What had expired by that moment stays gone.
//
// Thread-safe: values and functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/model/value.h"
#include "partition/value_header.h"
#include "storage/engine.h"

namespace fastpath::partition {

inline constexpr uint64_t kOldestExpirySeconds = 5ull * 365 * 24 * 3600;  // Before the write.

// Seconds; 0: does not expire. `stamp` is the writing command's.
uint64_t ExpirySeconds(const api::Table& table, const model::Item& item, Stamp stamp);
// The same out of an encoded item, which is valid.
uint64_t ExpirySeconds(const api::Table& table, std::string_view item, Stamp stamp);

// Tells the expiry that holds for a row of one table in one group. Value type,
// good for every row that is read after it was made, also if the change ends
// meanwhile.
class ExpiryRule {
 public:
  ExpiryRule() = default;  // The header says it.
  // `table` as the group has it.
  explicit ExpiryRule(const api::Table& table);

  // Whether headers may say something else.
  bool under_way() const { return change_at_ != 0; }
  // What the header of `item` should say.
  uint64_t ExpiryOf(const ValueHeader& header, std::string_view item) const;
  // Consumes a row's header, and gives it with the expiry that holds. DataLoss: not
  // a header of a known format.
  absl::StatusOr<ValueHeader> TakeHeader(std::string_view& row) const;
  // Up to when the TTL index may be trusted.
  Stamp IndexTrustedUntil(Stamp now) const { return under_way() ? change_at_ : now; }

 private:
  Stamp change_at_ = 0;  // 0: no change under way.
  std::string attribute_;
};

// Moves an item's row of the index from one expiry to another; 0: no row.
//   key := ttl key (storage/keys.h); the value is empty
// Rows of dropped tables stay until they are purged: they name a space that is
// never used again.
void MoveExpiry(std::string_view data_key, uint64_t from_seconds, uint64_t to_seconds,
                storage::WriteBatch& batch);

}  // namespace fastpath::partition
