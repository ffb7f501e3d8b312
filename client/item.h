// Items and keys as a program writes them down:
//
//   MakeItem({{"id", "a1"}, {"stock", 3}, {"price", Decimal("12.50")},
//             {"tags", StringSet({"red", "blue"})}, {"size", Map({{"w", 2}, {"h", 3}})}})
//   Key("books", "a1")        Key("log", "device-7", 1700000000)
//
// Values that come from outside are parsed by model::Number and the codec, which
// answer errors. Value types; thread-safe as values are.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "partition/api.pb.h"
#include "partition/model/value.h"

namespace fastpath::client {

using model::Item;
using model::Value;

// Anything that reads as one value of an item.
class Literal {
 public:
  Literal(Value value) : value_(std::move(value)) {}                            // NOLINT: implicit
  Literal(model::Number number) : value_(Value::Num(number)) {}                 // NOLINT
  Literal(const char* text) : value_(Value::String(text)) {}                    // NOLINT
  Literal(std::string text) : value_(Value::String(std::move(text))) {}         // NOLINT
  Literal(std::string_view text) : value_(Value::String(std::string(text))) {}  // NOLINT
  Literal(std::nullptr_t) : value_(Value::Null()) {}                            // NOLINT
  template <std::same_as<bool> B>
  Literal(B value) : value_(Value::Bool(value)) {}  // NOLINT
  template <std::integral I>
  requires(!std::same_as<I, bool> && !std::same_as<I, char>) Literal(I number)
      : value_(FromInteger(number)) {}  // NOLINT
  // Binary floating point has no exact decimal form: use Decimal("0.1").
  template <std::floating_point F>
  Literal(F) = delete;

  const Value& value() const& { return value_; }
  Value&& value() && { return std::move(value_); }

 private:
  template <class I>
  static Value FromInteger(I number) {
    if constexpr (sizeof(I) == 8 && std::unsigned_integral<I>) return Unsigned(number);
    return Value::Num(static_cast<int64_t>(number));
  }
  static Value Unsigned(uint64_t number);

  Value value_;
};

// A number of up to 38 digits, for text in the program itself: what is not a
// number aborts with a message.
Literal Decimal(std::string_view digits);
Literal Binary(std::string bytes);

// With a constructor, as the options of client.h, and for their reason.
struct Attribute {
  Attribute(std::string name, Literal value) : name(std::move(name)), value(std::move(value)) {}
  std::string name;
  Literal value;
};
Literal Map(std::initializer_list<Attribute> attributes);
Literal List(std::initializer_list<Literal> values);
// A member given twice is one; an empty set is refused when it is used.
Literal StringSet(std::initializer_list<std::string> members);
Literal NumberSet(std::initializer_list<Literal> members);  // Numbers; others abort.
Literal BinarySet(std::initializer_list<std::string> members);

Item MakeItem(std::initializer_list<Attribute> attributes);

// Names one item of a table.
struct Key {
  Key(std::string table, Literal partition);
  Key(std::string table, Literal partition, Literal sort);

  std::string table;
  Value partition;
  std::optional<Value> sort;

  api::Key ToProto() const;
};

}  // namespace fastpath::client
