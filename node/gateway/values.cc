#include "node/gateway/values.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/gateway/call.h"
#include "partition/model/check.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"

namespace fastpath::node::gateway {
namespace {

using model::Value;

constexpr char kEmptyValue[] =
    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
constexpr char kManyTypes[] =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
    "supported datatypes";
constexpr char kTooDeep[] =
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
    "beyond supported limit";
constexpr char kMismatch[] = "The provided key element does not match the schema";
constexpr char kNullIsTrue[] =
    "One or more parameter values were invalid: Null attribute value types must have the value of "
    "true";

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }
absl::Status Wrong(absl::string_view what) {
  return Invalid(absl::StrCat("One or more parameter values were invalid: ", what));
}

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusOr<std::string> ReadBinary(const dom::element& json) {
  std::string bytes;
  const std::string_view text = ViewOf(json);
  // Padded and without blanks, which the library does not insist on.
  const bool strict =
      text.size() % 4 == 0 && text.find_first_of(" \t\r\n") == std::string_view::npos;
  if (!strict || !absl::Base64Unescape(ToAbsl(text), &bytes)) {
    return absl::OutOfRangeError("Invalid base64 encoding of a binary value");
  }
  return bytes;
}

// DynamoDB's words for a set with a member twice.
absl::Status Duplicates(const dom::array& members) {
  std::vector<std::string> shown;
  for (const dom::element member : members) shown.emplace_back(ViewOf(member));
  return Wrong(
      absl::StrCat("Input collection [", absl::StrJoin(shown, ", "), "] contains duplicates."));
}

absl::StatusOr<Value> ReadNumbers(const dom::array& members) {
  if (members.size() == 0) return Wrong("An number set  may not be empty");
  std::vector<model::Number> numbers;
  for (const dom::element member : members) {
    if (member.is_null()) return Invalid(kEmptyValue);
    auto number = model::Number::Parse(ViewOf(member));
    if (!number.ok()) return number.status();
    numbers.push_back(*number);
  }
  Value set = Value::NumberSet(std::move(numbers));
  if (set.numbers().size() != members.size())
    return Invalid("Input collection contains duplicates");
  return set;
}

absl::StatusOr<Value> ReadStrings(const dom::array& members, bool binary) {
  if (members.size() == 0) {
    return Wrong(binary ? "Binary sets should not be empty" : "An string set  may not be empty");
  }
  std::vector<std::string> strings;
  for (const dom::element member : members) {
    if (member.is_null()) return Invalid(kEmptyValue);
    if (!binary) {
      strings.emplace_back(ViewOf(member));
      continue;
    }
    auto bytes = ReadBinary(member);
    if (!bytes.ok()) return bytes.status();
    strings.push_back(*std::move(bytes));
  }
  Value set = binary ? Value::BinarySet(std::move(strings)) : Value::StringSet(std::move(strings));
  if (set.strings().size() != members.size()) return Duplicates(members);
  return set;
}

absl::StatusOr<Value> Read(const dom::element& json, int depth);

absl::StatusOr<model::AttributeMap> ReadMembers(const dom::object& json, int depth) {
  std::vector<model::AttributeMap::Entry> entries;
  for (const dom::key_value_pair field : json) {
    if (field.value.is_null()) continue;
    auto value = Read(field.value, depth);
    if (!value.ok()) return value.status();
    entries.emplace_back(std::string(field.key), *std::move(value));
  }
  return model::AttributeMap(std::move(entries));
}

absl::StatusOr<Value> ReadList(const dom::array& json, int depth) {
  std::vector<Value> list;
  for (const dom::element member : json) {
    if (member.is_null()) return Invalid(kEmptyValue);
    auto value = Read(member, depth);
    if (!value.ok()) return value.status();
    list.push_back(*std::move(value));
  }
  return Value::List(std::move(list));
}

absl::StatusOr<Value> ReadTyped(std::string_view type, const dom::element& json, int depth) {
  if (type == "S") return Value::String(std::string(ViewOf(json)));
  if (type == "N") {
    auto number = model::Number::Parse(ViewOf(json));
    if (!number.ok()) return number.status();
    return Value::Num(*number);
  }
  if (type == "B") {
    auto bytes = ReadBinary(json);
    if (!bytes.ok()) return bytes.status();
    return Value::Binary(*std::move(bytes));
  }
  if (type == "BOOL") return Value::Bool(TruthOf(json));
  if (type == "NULL") {
    return TruthOf(json) ? absl::StatusOr<Value>(Value::Null()) : Invalid(kNullIsTrue);
  }
  if (type == "NS") return ReadNumbers(ArrayOf(json));
  if (type == "SS" || type == "BS") return ReadStrings(ArrayOf(json), type == "BS");
  if (depth == model::kDepthLimit) return Invalid(kTooDeep);  // Also with nothing inside.
  if (type == "L") return ReadList(ArrayOf(json), depth + 1);
  auto map = ReadMembers(ObjectOf(json), depth + 1);
  if (!map.ok()) return map.status();
  return Value::Map(*std::move(map));
}

bool IsTypeName(std::string_view name) {
  static constexpr std::string_view kTypes[] = {"S", "N", "B",  "BOOL", "NULL",
                                                "M", "L", "SS", "NS",   "BS"};
  for (const std::string_view type : kTypes) {
    if (type == name) return true;
  }
  return false;
}

absl::StatusOr<Value> Read(const dom::element& json, int depth) {
  dom::element content;
  std::string_view type;
  for (const dom::key_value_pair field : ObjectOf(json)) {
    if (field.value.is_null() || !IsTypeName(field.key)) continue;
    if (!type.empty()) return Invalid(kManyTypes);
    type = field.key;
    content = field.value;
  }
  if (type.empty()) return Invalid(kEmptyValue);
  return ReadTyped(type, content, depth);
}

absl::Status AddKeyPart(const model::Item& item, const api::KeyAttribute& attribute,
                        std::string& out) {
  const Value* value = item.Find(attribute.name());
  if (value == nullptr) return absl::FailedPreconditionError(kMismatch);
  const auto wanted = static_cast<model::Type>(attribute.type());
  if (!value->is(wanted)) return absl::FailedPreconditionError(kMismatch);
  model::EncodeValue(out, *value);
  return absl::OkStatus();
}

bool HasKeyPart(std::string_view item, const api::KeyAttribute& attribute) {
  const std::string_view value = model::FindEncoded(item, attribute.name());
  return !value.empty() && value[0] == static_cast<char>(attribute.type());
}
static_assert(static_cast<int>(model::Type::kString) == api::S &&
              static_cast<int>(model::Type::kNumber) == api::N &&
              static_cast<int>(model::Type::kBinary) == api::B);

void WriteEncoded(model::JsonWriter& json, const std::string& name, std::string_view encoded) {
  const auto value = model::DecodeValue(encoded);
  FASTPATH_MODEL_CHECK(value.ok());
  json.Name(name).Value(*value, model::Dialect::kTyped);
}

}  // namespace

absl::StatusOr<Value> ReadValue(const dom::element& json) { return Read(json, 0); }

absl::StatusOr<model::Item> ReadItem(const dom::element& json) {
  return ReadMembers(ObjectOf(json), 0);
}

absl::StatusOr<std::string> ReadEncodedItem(const dom::element& json) {
  auto item = ReadItem(json);
  if (!item.ok()) return item.status();
  std::string encoded = model::EncodeItem(*item);
  if (absl::Status bad = model::ValidateItem(encoded); !bad.ok()) return bad;
  return encoded;
}

absl::StatusOr<api::Key> KeyOf(const model::Item& attributes, const api::Table& table) {
  const size_t parts = table.sort_key().name().empty() ? 1 : 2;
  if (attributes.size() != parts) return absl::FailedPreconditionError(kMismatch);
  api::Key key;
  absl::Status status = AddKeyPart(attributes, table.partition_key(), *key.mutable_partition());
  if (status.ok() && parts == 2) {
    status = AddKeyPart(attributes, table.sort_key(), *key.mutable_sort());
  }
  if (!status.ok()) return status;
  return key;
}

absl::Status CheckKeyOf(std::string_view item, const api::Table& table) {
  return Suspect(model::KeyOfItem(table, item).status());
}

absl::Status CheckKeyOfBatched(std::string_view item, const api::Table& table) {
  const bool sorted = !table.sort_key().name().empty();
  if (!HasKeyPart(item, table.partition_key()) || (sorted && !HasKeyPart(item, table.sort_key()))) {
    return absl::FailedPreconditionError(kMismatch);
  }
  return CheckKeyOf(item, table);
}

void WriteItem(model::JsonWriter& json, std::string_view encoded) {
  const auto item = model::DecodeItem(encoded);
  FASTPATH_MODEL_CHECK(item.ok());
  json.Item(*item, model::Dialect::kTyped);
}

void WriteKey(model::JsonWriter& json, const api::Key& key, const api::Table& table) {
  json.BeginObject();
  WriteEncoded(json, table.partition_key().name(), key.partition());
  if (!key.sort().empty()) WriteEncoded(json, table.sort_key().name(), key.sort());
  json.EndObject();
}

}  // namespace fastpath::node::gateway
