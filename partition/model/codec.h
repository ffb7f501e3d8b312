// The bytes of values and items: on the wire, in the log and on disk the same.
// Canonical: equal values have equal bytes, and decoding refuses anything else
// (unsorted, duplicate, non-minimal), so bytes can be compared and hashed.
// Never-change; the grammar stands in codec.cc. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/model/value.h"

namespace fastpath::model {

// DynamoDB's limits.
inline constexpr size_t kItemLimitBytes = 400u << 10;
inline constexpr size_t kPartitionKeyLimitBytes = 2048;
inline constexpr size_t kSortKeyLimitBytes = 1024;
inline constexpr int kDepthLimit = 32;
inline constexpr size_t kAttributeNameLimitBytes = 65535;

void EncodeValue(std::string& out, const Value& value);
std::string EncodeValue(const Value& value);
std::string EncodeItem(const Item& item);

// The whole input must be one value or item. InvalidArgument: what is wrong and
// at which byte or attribute path.
absl::StatusOr<Value> DecodeValue(std::string_view bytes);
absl::StatusOr<Item> DecodeItem(std::string_view bytes);

// Checks what DecodeItem checks without building the item: layout, canonical
// order, UTF-8 of names and strings, non-empty sets, depth.
absl::Status ValidateItem(std::string_view bytes);
absl::Status ValidateValue(std::string_view bytes);

// One attribute's encoded value out of an encoded item, without decoding the
// rest; an empty view if absent. Requires a valid item.
std::string_view FindEncoded(std::string_view item, std::string_view name);

// Of a value and all that are inside it, members of sets included: what decoding it builds.
// Requires a valid value.
size_t CountValues(std::string_view bytes);

// DynamoDB's item size: names and values as its documentation counts them.
size_t ValueSizeBytes(const Value& value);
size_t ItemSizeBytes(const Item& item);
size_t EncodedItemSizeBytes(std::string_view item);  // Requires a valid item.

}  // namespace fastpath::model
