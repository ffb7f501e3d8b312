#include "node/gateway/shape.h"

#include <algorithm>
#include <bitset>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fastpath::node::gateway {
namespace {

using Kind = Shape::Kind;
using dom::element_type;

constexpr size_t kMembersLimit = 64;
constexpr size_t kViolationsTold = 10;

Shape Of(Kind kind) {
  Shape shape;
  shape.kind = kind;
  return shape;
}

bool IsTableNameText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
  });
}

std::string_view Token(const dom::element& value) {
  switch (value.type()) {
    case element_type::STRING:
      return "STRING_VALUE";
    case element_type::BOOL:
      return TruthOf(value) ? "TRUE_VALUE" : "FALSE_VALUE";
    default:
      return "NUMBER_VALUE";
  }
}

bool IsNumber(const dom::element& value) {
  const element_type type = value.type();
  return type == element_type::INT64 || type == element_type::UINT64 ||
         type == element_type::DOUBLE;
}

const char* JavaName(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "String";
    case Kind::kInteger:
      return "Integer";
    case Kind::kDouble:
      return "Double";
    case Kind::kBoolean:
      return "Boolean";
    default:
      return "";
  }
}

// ---------------------------------------------------------------------- types

std::optional<Error> CheckType(const dom::element& value, const Shape& shape);

std::optional<Error> WrongType(const dom::element& value, Kind wanted) {
  const char* scalar = JavaName(wanted);
  if (value.is_object()) {
    return SerializationError("Start of structure or map found where not expected");
  }
  if (value.is_array()) {
    return SerializationError(
        *scalar != 0 ? absl::StrCat("Unrecognized collection type class java.lang.", scalar)
                     : "Start of list found where not expected");
  }
  if (*scalar == 0) return SerializationError("Unexpected field type");
  return SerializationError(
      absl::StrCat(std::string(Token(value)), " cannot be converted to ", scalar));
}

std::optional<Error> CheckTexts(const dom::element& value) {
  if (!value.is_array()) return WrongType(value, Kind::kList);
  for (const dom::element text : ArrayOf(value)) {
    if (!text.is_string() && !text.is_null()) return WrongType(text, Kind::kText);
  }
  return std::nullopt;
}

std::optional<Error> CheckAttributeValue(const dom::element& value) {
  if (!value.is_object()) return WrongType(value, Kind::kStructure);
  static const Shape any = AttributeValue();
  static const Shape list = ListOf(AttributeValue());
  static const Shape map = MapOf(AttributeValue());
  for (const dom::key_value_pair field : ObjectOf(value)) {
    const std::string_view type = field.key;
    if (field.value.is_null()) continue;
    std::optional<Error> wrong;
    if (type == "S" || type == "N" || type == "B") {
      if (!field.value.is_string()) wrong = WrongType(field.value, Kind::kText);
    } else if (type == "BOOL" || type == "NULL") {
      if (!field.value.is_bool()) wrong = WrongType(field.value, Kind::kBoolean);
    } else if (type == "SS" || type == "NS" || type == "BS") {
      wrong = CheckTexts(field.value);
    } else if (type == "M") {
      wrong = CheckType(field.value, map);
    } else if (type == "L") {
      wrong = CheckType(field.value, list);
    }
    if (wrong) return wrong;
  }
  return std::nullopt;
}

const Member* FindMember(const Shape& shape, std::string_view name) {
  for (const Member& member : shape.members) {
    if (name == member.name) return &member;
  }
  return nullptr;
}

std::optional<Error> CheckType(const dom::element& value, const Shape& shape) {
  switch (shape.kind) {
    case Kind::kText:
      return value.is_string() ? std::nullopt : WrongType(value, shape.kind);
    case Kind::kInteger:
    case Kind::kDouble:
      return IsNumber(value) ? std::nullopt : WrongType(value, shape.kind);
    case Kind::kBoolean:
      return value.is_bool() ? std::nullopt : WrongType(value, shape.kind);
    case Kind::kAttributeValue:
      return CheckAttributeValue(value);
    case Kind::kList:
      if (!value.is_array()) return WrongType(value, shape.kind);
      for (const dom::element member : ArrayOf(value)) {
        if (member.is_null()) continue;
        if (auto wrong = CheckType(member, shape.element[0])) return wrong;
      }
      return std::nullopt;
    case Kind::kMap:
    case Kind::kStructure:
      if (!value.is_object()) return WrongType(value, shape.kind);
      for (const dom::key_value_pair field : ObjectOf(value)) {
        if (field.value.is_null()) continue;
        const Member* member = shape.kind == Kind::kMap ? nullptr : FindMember(shape, field.key);
        if (shape.kind == Kind::kStructure && member == nullptr) continue;
        const Shape& wanted = member != nullptr ? member->shape : shape.element[0];
        if (auto wrong = CheckType(field.value, wanted)) return wrong;
      }
      return std::nullopt;
  }
  return std::nullopt;
}

// ---------------------------------------------------------------- constraints

// As the service shows a value.
std::string Shown(const dom::element& value) {
  switch (value.type()) {
    case element_type::STRING:
      return std::string(ViewOf(value));
    case element_type::BOOL:
      return TruthOf(value) ? "true" : "false";
    case element_type::NULL_VALUE:
      return "null";
    case element_type::ARRAY: {
      std::vector<std::string> parts;
      for (const dom::element member : ArrayOf(value)) {
        parts.push_back(Shown(member));
      }
      return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
    }
    case element_type::OBJECT: {
      std::vector<std::string> parts;
      for (const dom::key_value_pair field : ObjectOf(value)) {
        parts.push_back(absl::StrCat(std::string(field.key), "=", Shown(field.value)));
      }
      return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
    }
    default:
      return simdjson::to_string(value);
  }
}

// "TableName" is told as "tableName".
std::string Camel(std::string_view name) {
  std::string text(name);
  if (!text.empty()) text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  return text;
}

// Where a value is. Only what is told becomes a path: a key of megabytes may have a million
// members below it.
struct Place {
  const Place* above = nullptr;  // Null: the parameters themselves.
  const char* member = nullptr;  // Of a structure;
  std::string_view key = {};     // or of a map;
  size_t number = 0;             // or of a list, from 1.
};

std::string PathOf(const Place& place) {
  if (place.above == nullptr) return "";
  std::string path = PathOf(*place.above);
  if (place.member != nullptr) {
    return absl::StrCat(path, path.empty() ? "" : ".", Camel(place.member));
  }
  if (place.number > 0) return absl::StrCat(path, ".", place.number, ".member");
  return absl::StrCat(path, ".", std::string(place.key), ".member");
}

class Constraints {
 public:
  void Check(const dom::element& value, const Shape& shape, const Place& place) {
    switch (shape.kind) {
      case Kind::kText:
        return CheckText(value, shape, place);
      case Kind::kInteger:
      case Kind::kDouble:
        return CheckRange(value, shape, place, IntegerOf(value), "value");
      case Kind::kList:
        return CheckList(value, shape, place);
      case Kind::kMap:
        return CheckMap(value, shape, place);
      case Kind::kStructure:
        return CheckStructure(value, shape, place);
      case Kind::kBoolean:
      case Kind::kAttributeValue:
        return;
    }
  }

  std::optional<Error> Verdict() const {
    if (violations_.empty()) return std::nullopt;
    return ValidationError(absl::StrCat(violations_.size(), " validation error",
                                        violations_.size() == 1 ? "" : "s",
                                        " detected: ", absl::StrJoin(violations_, "; ")));
  }

 private:
  void Violation(const dom::element* value, const Place& place, absl::string_view what) {
    if (violations_.size() == kViolationsTold) return;
    const std::string shown = value == nullptr ? "null" : absl::StrCat("'", Shown(*value), "'");
    violations_.push_back(absl::StrCat("Value ", shown, " at '", PathOf(place),
                                       "' failed to satisfy constraint: ", what));
  }
  void Missing(const Place& place) { Violation(nullptr, place, "Member must not be null"); }

  void CheckRange(const dom::element& value, const Shape& shape, const Place& place, int64_t size,
                  absl::string_view of) {
    if (size < shape.least) {
      Violation(&value, place,
                absl::StrCat("Member must have ", of, " greater than or equal to ", shape.least));
    }
    if (size > shape.most) {
      Violation(&value, place,
                absl::StrCat("Member must have ", of, " less than or equal to ", shape.most));
    }
  }

  void CheckText(const dom::element& value, const Shape& shape, const Place& place) {
    const std::string_view text = ViewOf(value);
    if (!shape.values.empty()) {
      if (std::find(shape.values.begin(), shape.values.end(), text) != shape.values.end()) return;
      const std::vector<std::string> names(shape.values.begin(), shape.values.end());
      return Violation(
          &value, place,
          absl::StrCat("Member must satisfy enum value set: [", absl::StrJoin(names, ", "), "]"));
    }
    if (shape.matches != nullptr && !shape.matches(text)) {
      Violation(&value, place,
                absl::StrCat("Member must satisfy regular expression pattern: ", shape.pattern));
    }
    CheckRange(value, shape, place, static_cast<int64_t>(text.size()), "length");
  }

  void CheckList(const dom::element& value, const Shape& shape, const Place& place) {
    CheckRange(value, shape, place, static_cast<int64_t>(ArrayOf(value).size()), "length");
    CheckMembers(value, shape, place);
  }

  void CheckMembers(const dom::element& value, const Shape& shape, const Place& place) {
    const Shape& wanted = shape.element[0];
    if (wanted.kind == Kind::kAttributeValue) return;
    size_t number = 0;
    for (const dom::element member : ArrayOf(value)) {
      CheckElement(member, wanted, Place{.above = &place, .number = ++number});
    }
  }

  void CheckMap(const dom::element& value, const Shape& shape, const Place& place) {
    const dom::object map = ObjectOf(value);
    const bool counted = shape.least > 0 || shape.most < std::numeric_limits<int64_t>::max();
    if (counted) {
      CheckRange(value, shape, place, static_cast<int64_t>(map.size()), "length");
    }
    if (shape.of_tables) CheckTableNames(value, map, place);
    const Shape& wanted = shape.element[0];
    if (wanted.kind == Kind::kAttributeValue) return;
    const bool lists = wanted.kind == Kind::kList;
    if (lists) CheckLengths(value, map, wanted, place);
    for (const dom::key_value_pair field : map) {
      const Place at{.above = &place, .key = field.key};
      if (lists && !field.value.is_null()) {
        CheckMembers(field.value, wanted, at);
      } else {
        CheckElement(field.value, wanted, at);
      }
    }
  }

  // Of lists as a map's values: told of the map.
  void CheckLengths(const dom::element& value, const dom::object& map, const Shape& list,
                    const Place& place) {
    for (const dom::key_value_pair field : map) {
      if (field.value.is_null()) continue;
      const auto size = static_cast<int64_t>(ArrayOf(field.value).size());
      if (size >= list.least && size <= list.most) continue;
      return Violation(
          &value, place,
          absl::StrCat("Map value must satisfy constraint: [Member must have length less than or "
                       "equal to ",
                       list.most, ", Member must have length greater than or equal to ", list.least,
                       "]"));
    }
  }

  void CheckElement(const dom::element& value, const Shape& shape, const Place& place) {
    if (value.is_null()) return Missing(place);
    Check(value, shape, place);
  }

  void CheckTableNames(const dom::element& value, const dom::object& map, const Place& place) {
    static const Shape name = TableName();
    for (const dom::key_value_pair field : map) {
      const auto size = static_cast<int64_t>(field.key.size());
      if (size >= name.least && size <= name.most && name.matches(field.key)) continue;
      return Violation(
          &value, place,
          absl::StrCat("Map keys must satisfy constraint: [Member must have length less than or "
                       "equal to ",
                       name.most, ", Member must have length greater than or equal to ", name.least,
                       ", Member must satisfy regular expression pattern: ", name.pattern, "]"));
    }
  }

  void CheckStructure(const dom::element& value, const Shape& shape, const Place& place) {
    std::bitset<kMembersLimit> present;
    for (const dom::key_value_pair field : ObjectOf(value)) {
      const Member* member = FindMember(shape, field.key);
      if (member == nullptr || field.value.is_null()) continue;
      present.set(static_cast<size_t>(member - shape.members.data()));
      Check(field.value, member->shape, Place{.above = &place, .member = member->name});
    }
    for (size_t i = 0; i < shape.members.size(); ++i) {
      const Member& member = shape.members[i];
      if (!member.shape.required || present.test(i)) continue;
      Missing(Place{.above = &place, .member = member.name});
    }
  }

  std::vector<std::string> violations_;
};

}  // namespace

Shape Shape::Required() && {
  required = true;
  return std::move(*this);
}
Shape Shape::Between(int64_t low, int64_t high) && {
  least = low;
  most = high;
  return std::move(*this);
}
Shape Shape::AtLeast(int64_t low) && {
  least = low;
  return std::move(*this);
}
Shape Shape::Matching(const char* text, Predicate predicate) && {
  pattern = text;
  matches = predicate;
  return std::move(*this);
}

Shape Shape::WithTableNames() && {
  of_tables = true;
  return std::move(*this);
}

Shape Text() { return Of(Kind::kText); }
Shape OneOf(std::vector<std::string_view> values) {
  Shape shape = Of(Kind::kText);
  shape.values = std::move(values);
  return shape;
}
Shape Integer() { return Of(Kind::kInteger); }
Shape Double() { return Of(Kind::kDouble); }
Shape Boolean() { return Of(Kind::kBoolean); }
Shape AttributeValue() { return Of(Kind::kAttributeValue); }
Shape Structure(std::vector<Member> members) {
  Shape shape = Of(Kind::kStructure);
  shape.members = std::move(members);
  return shape;
}
Shape ListOf(Shape element) {
  Shape shape = Of(Kind::kList);
  shape.element.push_back(std::move(element));
  return shape;
}
Shape MapOf(Shape element) {
  Shape shape = Of(Kind::kMap);
  shape.element.push_back(std::move(element));
  return shape;
}

Shape TableName() {
  return Text().Required().Between(3, 255).Matching("[a-zA-Z0-9_.-]+", IsTableNameText);
}
Shape AttributeMapShape() { return MapOf(AttributeValue()); }
Shape NamesShape() { return MapOf(Text()); }
Shape CapacityShape() { return OneOf({"INDEXES", "TOTAL", "NONE"}); }

Shape ConditionalOperatorShape() { return OneOf({"OR", "AND"}); }

namespace {

Shape ComparisonShape() {
  return OneOf({"IN", "NULL", "BETWEEN", "LT", "NOT_CONTAINS", "EQ", "GT", "NOT_NULL", "NE", "LE",
                "BEGINS_WITH", "GE", "CONTAINS"});
}

}  // namespace

Shape ExpectedShape() {
  return MapOf(Structure({{"Value", AttributeValue()},
                          {"Exists", Boolean()},
                          {"ComparisonOperator", ComparisonShape()},
                          {"AttributeValueList", ListOf(AttributeValue())}}));
}
Shape ConditionsShape() {
  return MapOf(Structure({{"ComparisonOperator", ComparisonShape().Required()},
                          {"AttributeValueList", ListOf(AttributeValue())}}));
}

std::optional<Error> Check(const dom::element& parameters, const Shape& shape) {
  if (auto wrong = CheckType(parameters, shape)) return wrong;
  Constraints constraints;
  constraints.Check(parameters, shape, Place());
  return constraints.Verdict();
}

std::optional<dom::element> Find(const dom::object& parameters, std::string_view name) {
  std::optional<dom::element> found;
  for (const dom::key_value_pair field : parameters) {
    if (field.key == name && !field.value.is_null()) found = field.value;
  }
  return found;
}

std::string_view TextOf(const dom::object& parameters, std::string_view name) {
  const auto found = Find(parameters, name);
  return found ? ViewOf(*found) : std::string_view();
}

bool FlagOf(const dom::object& parameters, std::string_view name, bool otherwise) {
  const auto found = Find(parameters, name);
  return found ? TruthOf(*found) : otherwise;
}

int64_t IntegerOf(const dom::element& number) {
  if (number.is_int64()) return number.get_int64().value_unsafe();
  if (number.is_uint64()) return std::numeric_limits<int64_t>::max();
  const double value = number.get_double().value_unsafe();
  constexpr double kLimit = 9e18;
  return static_cast<int64_t>(std::clamp(std::trunc(value), -kLimit, kLimit));
}

int64_t IntegerOf(const dom::object& parameters, std::string_view name, int64_t otherwise) {
  const auto found = Find(parameters, name);
  return found ? IntegerOf(*found) : otherwise;
}

}  // namespace fastpath::node::gateway
