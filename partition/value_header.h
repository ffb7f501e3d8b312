// What stands before an item's bytes in its row. Never-change; a new layout
// needs a new format byte.
//
//   value  := u8(format = 1) version:u64be varint(expiry) u8(flags) item
//   expiry := seconds since the Unix epoch; 0: the item does not expire
//   flags  := bit 0: a transaction holds the item (its lock row tells more);
//             the others are 0
//
// So one Get answers a read. The version is the stamp of the command that wrote
// the item: stamps strictly increase within a group, and a split child starts
// above its parent, so a key never sees a version twice, also after a delete.
//
// Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fastpath::partition {

using Stamp = uint64_t;  // Log time, microseconds.

inline constexpr uint64_t kMicrosPerSecond = 1'000'000;
// 9999-12-31T23:59:59Z. Keeps every expiry inside a Stamp.
inline constexpr uint64_t kMaxExpirySeconds = 253'402'300'799;
static_assert(kMaxExpirySeconds < UINT64_MAX / kMicrosPerSecond);

struct ValueHeader {
  Stamp version = 0;
  uint64_t expiry_seconds = 0;  // At most kMaxExpirySeconds.
  bool locked = false;

  bool ExpiredAt(Stamp stamp) const {
    return expiry_seconds != 0 && expiry_seconds * kMicrosPerSecond <= stamp;
  }
  bool operator==(const ValueHeader&) const = default;
};

void AppendValueHeader(std::string& out, const ValueHeader& header);
// Consumes the header from the front; what remains is the item. DataLoss: not a
// header of a known format.
absl::StatusOr<ValueHeader> TakeValueHeader(std::string_view& value);

}  // namespace fastpath::partition
