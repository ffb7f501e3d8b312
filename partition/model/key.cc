#include "partition/model/key.h"

#include "absl/strings/str_cat.h"
#include "partition/model/check.h"
#include "partition/model/codec.h"
#include "partition/model/encoded.h"

namespace fastpath::model {
namespace {

constexpr char kEscape = '\x00';
constexpr char kEscapedZero = '\xff';
constexpr char kTerminator = '\x01';
static_assert(static_cast<uint8_t>(kTerminator) < static_cast<uint8_t>(kEscapedZero),
              "a key sorts before its extensions by zero bytes");

// Type byte and body, as in the codec: S and B are their content, N is ordered.
void AppendPart(std::string& out, Type type, std::string_view body) {
  out.push_back(static_cast<char>(type));
  if (type == Type::kNumber) {
    out.append(body);
    return;
  }
  for (size_t begin = 0;;) {
    const size_t zero = body.find(kEscape, begin);
    out.append(body.substr(begin, zero - begin));
    if (zero == std::string_view::npos) break;
    out.push_back(kEscape);
    out.push_back(kEscapedZero);
    begin = zero + 1;
  }
  out.push_back(kEscape);
  out.push_back(kTerminator);
}

bool TakeText(std::string_view& in, std::string& text) {
  for (;;) {
    const size_t zero = in.find(kEscape);
    if (zero == std::string_view::npos || zero + 1 == in.size()) return false;
    text.append(in.substr(0, zero));
    const char next = in[zero + 1];
    in.remove_prefix(zero + 2);
    if (next == kTerminator) return true;
    if (next != kEscapedZero) return false;
    text.push_back(kEscape);
  }
}

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

absl::Status SchemaMismatch() {
  return absl::InvalidArgumentError("The provided key element does not match the schema");
}

Type KeyModelType(api::KeyType type) {
  switch (type) {
    case api::S:
      return Type::kString;
    case api::N:
      return Type::kNumber;
    case api::B:
      return Type::kBinary;
    default:
      FASTPATH_MODEL_CHECK(false && "a table without valid key types");
  }
}

absl::string_view NameOf(Type type) {
  const std::string_view name = TypeName(type);
  return {name.data(), name.size()};
}

bool HasSortKey(const api::Table& table) { return !table.sort_key().name().empty(); }

enum class Role { kPartition, kSort };

// DynamoDB's limits count the value's own bytes, not the escaped ones.
absl::Status CheckContent(const api::KeyAttribute& attribute, Role role, Type type,
                          std::string_view body) {
  if (type == Type::kNumber) return absl::OkStatus();
  if (body.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        "cannot contain an empty ",
        type == Type::kString ? "string" : "binary", " value. Key: ", attribute.name()));
  }
  if (role == Role::kPartition && body.size() > kPartitionKeyLimitBytes) {
    return Invalid("Size of hashkey has exceeded the maximum size limit of 2048 bytes");
  }
  if (role == Role::kSort && body.size() > kSortKeyLimitBytes) {
    return Invalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
  }
  return absl::OkStatus();
}
static_assert(kPartitionKeyLimitBytes == 2048 && kSortKeyLimitBytes == 1024);  // The words.

// From a whole encoded value out of a request's key.
absl::Status AppendRequestPart(const api::KeyAttribute& attribute, Role role,
                               std::string_view value, std::string& out) {
  if (absl::Status status = ValidateValue(value); !status.ok()) return status;
  Type type;
  std::string_view body;
  FASTPATH_MODEL_CHECK(TakeValue(value, type, body));
  if (type != KeyModelType(attribute.type())) return SchemaMismatch();
  if (absl::Status status = CheckContent(attribute, role, type, body); !status.ok()) return status;
  AppendPart(out, type, body);
  return absl::OkStatus();
}

// From an attribute of an item; `value` is empty if there is none.
absl::Status AppendItemPart(const api::KeyAttribute& attribute, Role role, std::string_view value,
                            std::string& out) {
  if (value.empty())
    return Invalid(absl::StrCat("Missing the key ", attribute.name(), " in the item"));
  Type type;
  std::string_view body;
  if (!TakeValue(value, type, body)) return absl::InvalidArgumentError("malformed item");
  const Type expected = KeyModelType(attribute.type());
  if (type != expected) {
    return Invalid(absl::StrCat("Type mismatch for key ", attribute.name(),
                                " expected: ", NameOf(expected), " actual: ", NameOf(type)));
  }
  if (absl::Status status = CheckContent(attribute, role, type, body); !status.ok()) return status;
  AppendPart(out, type, body);
  return absl::OkStatus();
}

}  // namespace

void AppendKeyPart(std::string& out, const Value& value) {
  if (value.is(Type::kNumber)) {
    out.push_back(static_cast<char>(Type::kNumber));
    value.number().AppendOrdered(out);
    return;
  }
  AppendPart(out, value.type(), value.text());  // text() requires S or B.
}

absl::StatusOr<Value> TakeKeyPart(std::string_view& in) {
  const auto malformed = [] { return absl::InvalidArgumentError("malformed key part"); };
  if (in.empty()) return malformed();
  const Type type = static_cast<Type>(in[0]);
  std::string_view rest = in.substr(1);
  Value value;
  if (type == Type::kNumber) {
    absl::StatusOr<Number> number = Number::TakeOrdered(rest);
    if (!number.ok()) return number.status();
    value = Value::Num(*number);
  } else if (type == Type::kString || type == Type::kBinary) {
    std::string text;
    if (!TakeText(rest, text)) return malformed();
    if (type == Type::kString && !IsUtf8(text)) return malformed();
    value = type == Type::kString ? Value::String(std::move(text)) : Value::Binary(std::move(text));
  } else {
    return malformed();
  }
  in = rest;
  return value;
}

uint64_t KeyHash(std::string_view partition_key_part) { return XxHash64(partition_key_part, 0); }

uint64_t TokenHash(std::string_view token) { return XxHash64(token, 0); }

absl::StatusOr<EncodedKey> EncodeKey(const api::Table& table, const api::Key& key) {
  if (key.partition().empty() || HasSortKey(table) == key.sort().empty()) return SchemaMismatch();
  EncodedKey encoded;
  absl::Status status = AppendRequestPart(table.partition_key(), Role::kPartition, key.partition(),
                                          encoded.partition);
  if (status.ok() && HasSortKey(table)) {
    status = AppendRequestPart(table.sort_key(), Role::kSort, key.sort(), encoded.sort);
  }
  if (!status.ok()) return status;
  encoded.hash = KeyHash(encoded.partition);
  return encoded;
}

absl::StatusOr<EncodedKey> KeyOfItem(const api::Table& table, std::string_view item) {
  EncodedKey encoded;
  const api::KeyAttribute& partition = table.partition_key();
  absl::Status status = AppendItemPart(partition, Role::kPartition,
                                       FindEncoded(item, partition.name()), encoded.partition);
  if (status.ok() && HasSortKey(table)) {
    const api::KeyAttribute& sort = table.sort_key();
    status = AppendItemPart(sort, Role::kSort, FindEncoded(item, sort.name()), encoded.sort);
  }
  if (!status.ok()) return status;
  encoded.hash = KeyHash(encoded.partition);
  return encoded;
}

absl::StatusOr<std::string> EncodePartitionPart(const api::Table& table, std::string_view value) {
  std::string part;
  absl::Status status = AppendRequestPart(table.partition_key(), Role::kPartition, value, part);
  if (!status.ok()) return status;
  return part;
}

absl::StatusOr<std::string> EncodeSortPart(const api::Table& table, std::string_view value) {
  std::string part;
  absl::Status status = AppendRequestPart(table.sort_key(), Role::kSort, value, part);
  if (!status.ok()) return status;
  return part;
}

absl::StatusOr<std::string> EncodeSortPrefix(const api::Table& table, std::string_view value) {
  absl::StatusOr<std::string> part = EncodeSortPart(table, value);
  if (part.ok() && table.sort_key().type() == api::N) {
    return absl::InvalidArgumentError("a number has no beginning");
  }
  if (part.ok()) part->resize(part->size() - 2);  // The escape and the terminator.
  return part;
}

absl::StatusOr<api::Key> RequestKeyOfItem(const api::Table& table, const Item& item) {
  const auto encode = [&item](const api::KeyAttribute& attribute, Role role,
                              std::string& out) -> absl::Status {
    const Value* value = item.Find(attribute.name());
    if (value != nullptr) EncodeValue(out, *value);
    std::string part;
    return AppendItemPart(attribute, role, out, part);
  };
  api::Key key;
  absl::Status status = encode(table.partition_key(), Role::kPartition, *key.mutable_partition());
  if (status.ok() && HasSortKey(table)) {
    status = encode(table.sort_key(), Role::kSort, *key.mutable_sort());
  }
  if (!status.ok()) return status;
  return key;
}

}  // namespace fastpath::model
