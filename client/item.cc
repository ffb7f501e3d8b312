#include "client/item.h"

#include <cstdio>
#include <cstdlib>

#include "partition/model/codec.h"

namespace fastpath::client {
namespace {

[[noreturn]] void Abort(std::string_view what, std::string_view text) {
  std::fprintf(stderr, "fastpath client: %.*s: \"%.*s\"\n", static_cast<int>(what.size()),
               what.data(), static_cast<int>(text.size()), text.data());
  std::abort();
}

model::AttributeMap ToMap(std::initializer_list<Attribute> attributes) {
  model::AttributeMap map;
  for (const Attribute& attribute : attributes) map.Set(attribute.name, attribute.value.value());
  return map;
}

}  // namespace

Value Literal::Unsigned(uint64_t number) { return Decimal(std::to_string(number)).value(); }

Literal Decimal(std::string_view digits) {
  absl::StatusOr<model::Number> number = model::Number::Parse(digits);
  if (!number.ok()) Abort("not a number", digits);
  return *number;
}

Literal Binary(std::string bytes) { return Value::Binary(std::move(bytes)); }

Literal Map(std::initializer_list<Attribute> attributes) { return Value::Map(ToMap(attributes)); }

Literal List(std::initializer_list<Literal> values) {
  std::vector<Value> list;
  for (const Literal& value : values) list.push_back(value.value());
  return Value::List(std::move(list));
}

Literal StringSet(std::initializer_list<std::string> members) {
  return Value::StringSet(std::vector<std::string>(members));
}

Literal NumberSet(std::initializer_list<Literal> members) {
  std::vector<model::Number> numbers;
  for (const Literal& member : members) {
    if (!member.value().is(model::Type::kNumber)) {
      Abort("a number set holds numbers, not", model::TypeName(member.value().type()));
    }
    numbers.push_back(member.value().number());
  }
  return Value::NumberSet(std::move(numbers));
}

Literal BinarySet(std::initializer_list<std::string> members) {
  return Value::BinarySet(std::vector<std::string>(members));
}

Item MakeItem(std::initializer_list<Attribute> attributes) { return ToMap(attributes); }

Key::Key(std::string table, Literal partition)
    : table(std::move(table)), partition(std::move(partition).value()) {}

Key::Key(std::string table, Literal partition, Literal sort)
    : table(std::move(table)),
      partition(std::move(partition).value()),
      sort(std::move(sort).value()) {}

api::Key Key::ToProto() const {
  api::Key key;
  model::EncodeValue(*key.mutable_partition(), partition);
  if (sort) model::EncodeValue(*key.mutable_sort(), *sort);
  return key;
}

}  // namespace fastpath::client
