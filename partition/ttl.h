// When items expire, and the index that finds them again.
//
// A table's TTL attribute holds an N: seconds since the Unix epoch, as in
// DynamoDB. Another type, a value that is no time, or one more than five years
// before the write (likely no time either) mean that the item does not expire.
// Whether an item counts as expired is judged by log time alone, so replicas
// agree (DESIGN 3.11).
//
// Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

// Moves an item's row of the index from one expiry to another; 0: no row.
//   key := ttl key (storage/keys.h); the value is empty
// Rows of dropped tables stay until they are purged: they name a space that is
// never used again.
void MoveExpiry(std::string_view data_key, uint64_t from_seconds, uint64_t to_seconds,
                storage::WriteBatch& batch);

}  // namespace fastpath::partition
