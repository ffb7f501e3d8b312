// Typed items, as DynamoDB's: S, N, B, BOOL, NULL, M, L, SS, NS, BS. Value
// types, canonical by construction: map entries and set members are sorted and
// unique. Copies are deep; thread-safe as values are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "partition/model/number.h"

namespace fastpath::model {

// Never-change values: they are stored.
enum class Type : uint8_t {
  kString = 1,
  kNumber = 2,
  kBinary = 3,
  kBool = 4,
  kNull = 5,
  kMap = 6,
  kList = 7,
  kStringSet = 8,
  kNumberSet = 9,
  kBinarySet = 10,
};
std::string_view TypeName(Type type);  // "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"

class Value;

// Attributes by name, sorted by name's bytes, names unique.
class AttributeMap {
 public:
  using Entry = std::pair<std::string, Value>;
  AttributeMap() = default;
  // Sorted here, in one go; of equal names the last counts.
  explicit AttributeMap(std::vector<Entry> entries);
  const Value* Find(std::string_view name) const;
  Value* Find(std::string_view name);
  // Inserts or replaces. Cheap past the last name; before it, all after it move.
  void Set(std::string name, Value value);
  // A name's new value; none: it goes. The name is copied where it is new.
  using Change = std::pair<std::string_view, std::optional<Value>>;
  // All of them, with names of which none is twice, in one go over the attributes.
  void Apply(std::vector<Change> changes);
  size_t size() const;
  bool empty() const;
  std::vector<Entry>::const_iterator begin() const;
  std::vector<Entry>::const_iterator end() const;
  bool operator==(const AttributeMap& other) const;

 private:
  void EraseAt(std::vector<size_t>& places);

  std::vector<Entry> entries_;
};
using Item = AttributeMap;

class Value {
 public:
  Value();  // NULL.
  static Value String(std::string text);
  static Value Num(Number number);
  static Value Num(int64_t number);
  static Value Binary(std::string bytes);
  static Value Bool(bool value);
  static Value Null();
  static Value Map(AttributeMap map);
  static Value List(std::vector<Value> list);
  // Sorted and made unique here; the codec and admission refuse duplicates.
  static Value StringSet(std::vector<std::string> members);
  static Value NumberSet(std::vector<Number> members);
  static Value BinarySet(std::vector<std::string> members);

  Type type() const { return type_; }
  bool is(Type type) const { return type_ == type; }
  // Each requires the matching type.
  const std::string& text() const;  // S and B.
  const Number& number() const;
  bool boolean() const;
  const AttributeMap& map() const;
  AttributeMap& map();
  const std::vector<Value>& list() const;
  std::vector<Value>& list();
  const std::vector<std::string>& strings() const;  // SS and BS.
  const std::vector<Number>& numbers() const;

  bool operator==(const Value& other) const;  // Type and content; sets as sets.

 private:
  Type type_ = Type::kNull;
  std::variant<std::monostate, bool, std::string, Number, AttributeMap, std::vector<Value>,
               std::vector<std::string>, std::vector<Number>>
      data_;
};

}  // namespace fastpath::model
