// What an operation's parameters look like, as DynamoDB's service model tells it:
// types and constraints, checked before anything else looks at them. A value of another
// type is a SerializationException; constraints that do not hold are told all
// together, in one ValidationException:
//
//   2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member
//   must not be null; Value '0' at 'limit' failed to satisfy constraint: ...
//
// Shapes are built once and shared; thread-safe then.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "node/gateway/error.h"

namespace fastpath::node::gateway {

namespace dom = simdjson::dom;

struct Member;

struct Shape {
  enum class Kind : uint8_t {
    kText,
    kInteger,
    kBoolean,
    kDouble,
    kStructure,
    kList,
    kMap,
    kAttributeValue,
  };
  using Predicate = bool (*)(std::string_view);

  Kind kind = Kind::kText;
  bool required = false;
  int64_t least = std::numeric_limits<int64_t>::min();  // Of a number, or a length.
  int64_t most = std::numeric_limits<int64_t>::max();
  const char* pattern = nullptr;  // As it is told; `matches` decides.
  Predicate matches = nullptr;
  std::vector<std::string_view> values;  // Of an enumeration.
  std::vector<Member> members;           // Of a structure.
  bool of_tables = false;                // A map whose keys are tables' names.
  std::vector<Shape> element;            // One: of a list, or of a map's values.

  Shape Required() &&;
  Shape Between(int64_t low, int64_t high) &&;
  Shape AtLeast(int64_t low) &&;
  Shape Matching(const char* text, Predicate predicate) &&;
  Shape WithTableNames() &&;
};

struct Member {
  const char* name;
  Shape shape;
};

Shape Text();
Shape OneOf(std::vector<std::string_view> values);
Shape Integer();
Shape Double();
Shape Boolean();
Shape Structure(std::vector<Member> members);
Shape ListOf(Shape element);
Shape MapOf(Shape element);
Shape AttributeValue();

// Those that many operations have.
Shape TableName();
Shape AttributeMapShape();                                             // Name to AttributeValue.
Shape NamesShape();                                                    // ExpressionAttributeNames.
Shape CapacityShape();                                                 // ReturnConsumedCapacity
Shape ExpectedShape(), ConditionalOperatorShape(), ConditionsShape();  // Legacy.

// Whether `parameters` are so; the first type that is not, or all constraints.
std::optional<Error> Check(const dom::element& parameters, const Shape& shape);

// What a value that was checked to be one holds.
inline dom::object ObjectOf(const dom::element& value) { return value.get_object().value_unsafe(); }
inline dom::array ArrayOf(const dom::element& value) { return value.get_array().value_unsafe(); }
inline std::string_view ViewOf(const dom::element& text) {
  return text.get_string().value_unsafe();
}
inline bool TruthOf(const dom::element& value) { return value.get_bool().value_unsafe(); }

// A parameter; nothing if it is absent or null. Of one given more than once the last that is not
// null counts, so whatever Check found present is found.
std::optional<dom::element> Find(const dom::object& parameters, std::string_view name);
// Of parameters that were checked. Absent: empty, false, or `otherwise`.
std::string_view TextOf(const dom::object& parameters, std::string_view name);
bool FlagOf(const dom::object& parameters, std::string_view name, bool otherwise = false);
int64_t IntegerOf(const dom::object& parameters, std::string_view name, int64_t otherwise = 0);
int64_t IntegerOf(const dom::element& number);

}  // namespace fastpath::node::gateway
