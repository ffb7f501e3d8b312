// Keys of items: from typed values to order-preserving bytes and to the hash
// that places them. Never-change. Thread-safe: no state.
//
//   key part := type:u8 body     type 1 S, 2 N, 3 B: as model::Type
//   S, B     := bytes with 0x00 as 0x00 0xff, then 0x00 0x01
//   N        := Number::AppendOrdered
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/model/value.h"

namespace fastpath::model {

void AppendKeyPart(std::string& out, const Value& value);  // S, N or B.
absl::StatusOr<Value> TakeKeyPart(std::string_view& in);

// XXH64, seed 0, over the key part of the partition key: fixed for ever, fast
// on short keys, well mixed in its top bits (which choose the group), and
// specified with test vectors. 1 and 1.0 are one key part, so one hash.
uint64_t KeyHash(std::string_view partition_key_part);
// The place of a transaction's token, likewise: XXH64, seed 0, over its bytes.
uint64_t TokenHash(std::string_view token);
uint64_t XxHash64(std::string_view bytes, uint64_t seed);

// A key ready for storage.
struct EncodedKey {
  uint64_t hash = 0;
  std::string partition;  // Key parts.
  std::string sort;       // Empty in tables without a sort key.
};

// From a request's key, or out of an encoded item. InvalidArgument in DynamoDB's words:
// missing or extra key, wrong type, empty S or B, over 2,048 or 1,024 bytes.
absl::StatusOr<EncodedKey> EncodeKey(const api::Table& table, const api::Key& key);
absl::StatusOr<EncodedKey> KeyOfItem(const api::Table& table, std::string_view item);
// The parts one by one, from encoded values of requests; errors as EncodeKey's.
absl::StatusOr<std::string> EncodePartitionPart(const api::Table& table, std::string_view value);
absl::StatusOr<std::string> EncodeSortPart(const api::Table& table, std::string_view value);
// What the parts of all sort keys that begin with `value` begin with, and no others. S or B.
absl::StatusOr<std::string> EncodeSortPrefix(const api::Table& table, std::string_view value);
// The typed key of an item, for requests.
absl::StatusOr<api::Key> RequestKeyOfItem(const api::Table& table, const Item& item);

// A table name, key names and types, TTL attribute as DynamoDB allows them.
absl::Status ValidateTable(const api::Table& table);
// A table's tags: at most 50, keys of 1 to 128 characters, each once, values of at most
// 256, neither beginning with "aws:".
absl::Status ValidateTags(const google::protobuf::RepeatedPtrField<api::Tag>& tags);

}  // namespace fastpath::model
