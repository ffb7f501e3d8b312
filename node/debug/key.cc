// An item's key from JSON: {"id":"a","n":1}, or typed {"n":{"N":"1"}}.
#include "partition/model/key.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "node/debug/debug.h"
#include "partition/model/codec.h"
#include "storage/keys.h"

namespace fastpath::node::debug {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// A plain number went through a double: only what that holds exactly is taken.
constexpr double kExactLimit = 9007199254740992.0;  // 2^53

absl::StatusOr<model::Value> TypedPart(const Struct& object) {
  const absl::Status bad =
      absl::InvalidArgumentError("a typed key part is {\"S\":..}, {\"N\":..} or {\"B\":..}");
  if (object.fields_size() != 1 || !object.fields().begin()->second.has_string_value()) return bad;
  const auto& [type, value] = *object.fields().begin();
  const std::string& text = value.string_value();
  if (type == "S") return model::Value::String(text);
  if (type == "N") {
    absl::StatusOr<model::Number> number = model::Number::Parse(text);
    if (!number.ok()) return number.status();
    return model::Value::Num(*number);
  }
  std::string bytes;
  if (type != "B" || !absl::Base64Unescape(text, &bytes)) return bad;
  return model::Value::Binary(std::move(bytes));
}

absl::StatusOr<model::Value> Part(const Value& value) {
  if (value.has_struct_value()) return TypedPart(value.struct_value());
  if (value.has_string_value()) return model::Value::String(value.string_value());
  if (!value.has_number_value()) {
    return absl::InvalidArgumentError("a key part is a string or a number");
  }
  const double number = value.number_value();
  if (std::trunc(number) != number || std::abs(number) > kExactLimit) {
    return absl::InvalidArgumentError("write such a number as {\"N\":\"...\"}");
  }
  return model::Value::Num(static_cast<int64_t>(number));
}

}  // namespace

absl::StatusOr<std::string> ItemKey(const api::Table& table, const std::string& json) {
  Struct object;
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--key is no JSON object: ", json));
  }
  const int wanted = table.sort_key().name().empty() ? 1 : 2;
  model::Item item;
  for (const std::string& name : {table.partition_key().name(), table.sort_key().name()}) {
    const auto found = object.fields().find(name);
    if (name.empty() || found == object.fields().end()) continue;
    absl::StatusOr<model::Value> part = Part(found->second);
    if (!part.ok())
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", part.status().message()));
    item.Set(name, *std::move(part));
  }
  if (object.fields_size() != wanted || static_cast<int>(item.size()) != wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("--key: a key of ", table.name(), " has ", table.partition_key().name(),
                     wanted == 2 ? absl::StrCat(" and ", table.sort_key().name()) : ""));
  }
  const absl::StatusOr<model::EncodedKey> key = model::KeyOfItem(table, model::EncodeItem(item));
  if (!key.ok()) return key.status();
  return storage::DataKey(table.space(), key->hash, key->partition, key->sort);
}

}  // namespace fastpath::node::debug
