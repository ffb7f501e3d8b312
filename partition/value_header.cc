#include "partition/value_header.h"

#include "partition/require.h"
#include "raft/codec.h"
#include "storage/keys.h"

namespace fastpath::partition {

namespace {

// Never-change: they are stored.
constexpr char kFormat = 1;
constexpr uint8_t kLockedFlag = 1;
constexpr size_t kVersionBytes = 8;

}  // namespace

void AppendValueHeader(std::string& out, const ValueHeader& header) {
  Require(header.expiry_seconds <= kMaxExpirySeconds, "expiry within its limit");
  out.push_back(kFormat);
  storage::PutBig64(out, header.version);
  raft::PutVarint(out, header.expiry_seconds);
  out.push_back(header.locked ? kLockedFlag : 0);
}

absl::StatusOr<ValueHeader> TakeValueHeader(std::string_view& value) {
  if (value.empty() || value[0] != kFormat) {
    return absl::DataLossError("item row of an unknown format");
  }
  value.remove_prefix(1);
  if (value.size() < kVersionBytes) {
    return absl::DataLossError("item row cut in its version");
  }
  ValueHeader header;
  header.version = storage::GetBig(value.substr(0, kVersionBytes));
  value.remove_prefix(kVersionBytes);
  if (!raft::TakeVarint(value, header.expiry_seconds) ||
      header.expiry_seconds > kMaxExpirySeconds) {
    return absl::DataLossError("item row with a bad expiry");
  }
  if (value.empty() || (static_cast<uint8_t>(value[0]) & ~kLockedFlag) != 0) {
    return absl::DataLossError("item row with unknown flags");
  }
  header.locked = value[0] != 0;
  value.remove_prefix(1);
  return header;
}

}  // namespace fastpath::partition
