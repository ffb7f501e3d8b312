// Attribute values and items from DynamoDB's JSON, and encoded ones into it. The
// JSON passed its shape's check (shape.h): its types are right. Not thread-safe: simdjson's
// views last as long as the request's document.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/gateway/shape.h"
#include "partition/api.pb.h"
#include "partition/model/json.h"
#include "partition/model/value.h"

namespace fastpath::node::gateway {

// {"S": "text"} and its like. InvalidArgument: as DynamoDB refuses it; OutOfRange: a
// SerializationException (base64).
absl::StatusOr<model::Value> ReadValue(const dom::element& json);
// A map of those.
absl::StatusOr<model::Item> ReadItem(const dom::element& json);

// Encoded, as the protocol has it, and valid.
absl::StatusOr<std::string> ReadEncodedItem(const dom::element& json);

// The attributes of a table's key, all of them and no others. FailedPrecondition: they do not match
// the schema, or their types do not (the schema known here may be of the past).
absl::StatusOr<api::Key> KeyOf(const model::Item& attributes, const api::Table& table);
// Whether an encoded item has the table's key; otherwise FailedPrecondition, likewise.
absl::Status CheckKeyOf(std::string_view item, const api::Table& table);
// Likewise of a batch's put: what is missing or of another type is told as of a key by itself.
absl::Status CheckKeyOfBatched(std::string_view item, const api::Table& table);

// A valid encoded item. Writes the object.
void WriteItem(model::JsonWriter& json, std::string_view encoded);
// A key that a server told, by its table's attribute names.
void WriteKey(model::JsonWriter& json, const api::Key& key, const api::Table& table);

}  // namespace fastpath::node::gateway
