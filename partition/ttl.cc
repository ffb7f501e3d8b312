#include "partition/ttl.h"

#include "partition/model/codec.h"
#include "partition/require.h"
#include "storage/keys.h"

namespace fastpath::partition {

namespace {

uint64_t ExpirySeconds(const model::Value& value, Stamp stamp) {
  int64_t seconds = 0;
  if (!value.is(model::Type::kNumber) || !value.number().ToInt64(seconds) || seconds <= 0 ||
      static_cast<uint64_t>(seconds) > kMaxExpirySeconds) {
    return 0;
  }
  const uint64_t expiry = static_cast<uint64_t>(seconds);
  return expiry + kOldestExpirySeconds < stamp / kMicrosPerSecond ? 0 : expiry;
}

uint64_t ExpirySeconds(std::string_view attribute, std::string_view item, Stamp stamp) {
  std::string_view encoded = attribute.empty() ? attribute : model::FindEncoded(item, attribute);
  if (encoded.empty()) {
    return 0;
  }
  absl::StatusOr<model::Value> value = model::DecodeValue(encoded);
  return value.ok() ? ExpirySeconds(*value, stamp) : 0;
}

}  // namespace

uint64_t ExpirySeconds(const api::Table& table, const model::Item& item, Stamp stamp) {
  if (table.ttl_attribute().empty()) {
    return 0;
  }
  const model::Value* value = item.Find(table.ttl_attribute());
  return value == nullptr ? 0 : ExpirySeconds(*value, stamp);
}

uint64_t ExpirySeconds(const api::Table& table, std::string_view item, Stamp stamp) {
  return ExpirySeconds(table.ttl_attribute(), item, stamp);
}

ExpiryRule::ExpiryRule(const api::Table& table) {
  if (table.ttl_change().under_way()) {
    change_at_ = table.ttl_change().at();
    attribute_ = table.ttl_attribute();
  }
}

uint64_t ExpiryRule::ExpiryOf(const ValueHeader& header, std::string_view item) const {
  // Written since, or gone by then: whether an earlier expiry is the old attribute's or the
  // new one's makes no difference.
  if (!under_way() || header.version > change_at_ || header.ExpiredAt(change_at_)) {
    return header.expiry_seconds;
  }
  return ExpirySeconds(attribute_, item, change_at_);
}

absl::StatusOr<ValueHeader> ExpiryRule::TakeHeader(std::string_view& row) const {
  absl::StatusOr<ValueHeader> header = TakeValueHeader(row);
  if (header.ok() && under_way()) {
    header->expiry_seconds = ExpiryOf(*header, row);
  }
  return header;
}

void MoveExpiry(std::string_view data_key, uint64_t from_seconds, uint64_t to_seconds,
                storage::WriteBatch& batch) {
  if (from_seconds == to_seconds) {
    return;
  }
  std::optional<storage::DataKeyParts> parts = storage::ParseDataKey(data_key);
  Require(parts.has_value(), "an item's key is a data key");
  const storage::Bucket bucket = storage::BucketOf(parts->hash);
  if (from_seconds != 0) {
    batch.Delete(storage::TtlKey(bucket, from_seconds, data_key));
  }
  if (to_seconds != 0) {
    batch.PutNew(storage::TtlKey(bucket, to_seconds, data_key), {});  // An item has one row.
  }
}

}  // namespace fastpath::partition
