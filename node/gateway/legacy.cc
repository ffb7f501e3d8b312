#include "node/gateway/legacy.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/gateway/values.h"
#include "partition/expression/evaluate.h"
#include "partition/model/codec.h"

namespace fastpath::node::gateway {
namespace {

using model::Type;
using model::Value;
using KeySort = expression::KeyCondition::Sort;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// --------------------------------------------------------------------- comparisons

struct OperatorRule {
  std::string_view name;
  size_t least;  // Of arguments.
  size_t most;
  bool (*takes)(Type type);  // Of each argument.
};

bool Any(Type) { return true; }
bool Ordered(Type type) {
  return type == Type::kString || type == Type::kNumber || type == Type::kBinary;
}
bool Prefix(Type type) { return type == Type::kString || type == Type::kBinary; }

constexpr size_t kInLimit = 100;
constexpr OperatorRule kOperators[] = {
    {"EQ", 1, 1, Any},
    {"NE", 1, 1, Any},
    {"LE", 1, 1, Ordered},
    {"LT", 1, 1, Ordered},
    {"GE", 1, 1, Ordered},
    {"GT", 1, 1, Ordered},
    {"NOT_NULL", 0, 0, Any},
    {"NULL", 0, 0, Any},
    {"CONTAINS", 1, 1, Ordered},
    {"NOT_CONTAINS", 1, 1, Ordered},
    {"BEGINS_WITH", 1, 1, Prefix},
    {"IN", 1, kInLimit, Ordered},
    {"BETWEEN", 2, 2, Ordered},
};

struct Comparison {
  const OperatorRule* rule = nullptr;
  std::vector<Value> arguments;

  bool is(std::string_view name) const { return rule->name == name; }
};

absl::StatusOr<std::vector<Value>> ReadList(const std::optional<dom::element>& list) {
  std::vector<Value> values;
  if (!list) return values;
  for (const dom::element member : ArrayOf(*list)) {
    if (member.is_null()) return Wrong("a value of AttributeValueList is null");
    auto value = ReadValue(member);
    if (!value.ok()) return value.status();
    values.push_back(*std::move(value));
  }
  return values;
}

absl::Status CheckIn(const std::vector<Value>& members) {
  for (const Value& member : members) {
    if (member.type() == members[0].type()) continue;
    return Wrong("AttributeValues inside AttributeValueList must all be of the same type");
  }
  return absl::OkStatus();
}

absl::Status CheckBetween(const std::vector<Value>& bounds) {
  if (bounds[0].type() != bounds[1].type()) {
    return Wrong("AttributeValues inside AttributeValueList must be of same type");
  }
  const bool ordered = bounds[0].is(Type::kNumber) ? bounds[0].number() <= bounds[1].number()
                                                   : bounds[0].text() <= bounds[1].text();
  if (ordered) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "The BETWEEN condition was provided a range where the lower bound is greater than the upper "
      "bound");
}

absl::StatusOr<Comparison> Compare(std::string_view name, std::vector<Value> arguments) {
  Comparison comparison{nullptr, std::move(arguments)};
  for (const OperatorRule& rule : kOperators) {
    if (rule.name == name) comparison.rule = &rule;
  }
  const OperatorRule& rule = *comparison.rule;  // The shape allows no other names.
  const size_t count = comparison.arguments.size();
  if (count < rule.least || count > rule.most) {
    return Wrong(absl::StrCat("Invalid number of argument(s) for the ", ToAbsl(name),
                              " ComparisonOperator"));
  }
  for (const Value& value : comparison.arguments) {
    if (rule.takes(value.type())) continue;
    return Wrong(absl::StrCat("ComparisonOperator ", ToAbsl(name), " is not valid for ",
                              ToAbsl(model::TypeName(value.type())), " AttributeValue type"));
  }
  absl::Status bad;
  if (comparison.is("BETWEEN")) bad = CheckBetween(comparison.arguments);
  if (comparison.is("IN")) bad = CheckIn(comparison.arguments);
  if (!bad.ok()) return bad;
  return comparison;
}

// --------------------------------------------------------------------- as trees

api::Path PathOf(std::string_view attribute) {
  api::Path path;
  path.add_steps()->set_name(attribute.data(), attribute.size());
  return path;
}

api::Operand OperandOf(const Value& value) {
  api::Operand operand;
  model::EncodeValue(*operand.mutable_value(), value);
  return operand;
}

api::Operand OperandOf(std::string_view attribute) {
  api::Operand operand;
  *operand.mutable_path() = PathOf(attribute);
  return operand;
}

api::Condition Compared(std::string_view attribute, api::Comparator op, const Value& value) {
  api::Condition tree;
  tree.mutable_comparison()->set_op(op);
  *tree.mutable_comparison()->mutable_left() = OperandOf(attribute);
  *tree.mutable_comparison()->mutable_right() = OperandOf(value);
  return tree;
}

api::Condition Contains(std::string_view attribute, const Value& value) {
  api::Condition tree;
  *tree.mutable_contains()->mutable_operand() = OperandOf(attribute);
  *tree.mutable_contains()->mutable_element() = OperandOf(value);
  return tree;
}

api::Condition Exists(std::string_view attribute, bool exists) {
  api::Condition tree;
  (exists ? *tree.mutable_exists() : *tree.mutable_not_exists()) = PathOf(attribute);
  return tree;
}

api::Condition TreeOf(std::string_view attribute, const Comparison& comparison) {
  static constexpr std::pair<std::string_view, api::Comparator> kComparators[] = {
      {"EQ", api::EQ}, {"NE", api::NE}, {"LE", api::LE},
      {"LT", api::LT}, {"GE", api::GE}, {"GT", api::GT}};
  const std::vector<Value>& arguments = comparison.arguments;
  for (const auto& [name, op] : kComparators) {
    if (comparison.is(name)) return Compared(attribute, op, arguments[0]);
  }
  if (comparison.is("NOT_NULL")) return Exists(attribute, true);
  if (comparison.is("NULL")) return Exists(attribute, false);
  if (comparison.is("CONTAINS")) return Contains(attribute, arguments[0]);
  api::Condition tree;
  if (comparison.is("NOT_CONTAINS")) {  // Of an attribute that is there.
    *tree.mutable_all()->add_list() = Exists(attribute, true);
    *tree.mutable_all()->add_list()->mutable_not_() = Contains(attribute, arguments[0]);
  } else if (comparison.is("BEGINS_WITH")) {
    *tree.mutable_begins_with()->mutable_operand() = OperandOf(attribute);
    *tree.mutable_begins_with()->mutable_prefix() = OperandOf(arguments[0]);
  } else if (comparison.is("BETWEEN")) {
    *tree.mutable_between()->mutable_operand() = OperandOf(attribute);
    *tree.mutable_between()->mutable_low() = OperandOf(arguments[0]);
    *tree.mutable_between()->mutable_high() = OperandOf(arguments[1]);
  } else {
    *tree.mutable_in()->mutable_operand() = OperandOf(attribute);
    for (const Value& value : arguments) *tree.mutable_in()->add_list() = OperandOf(value);
  }
  return tree;
}

absl::StatusOr<std::optional<api::Condition>> Joined(std::vector<api::Condition> trees,
                                                     const dom::object& parameters, bool given) {
  const std::string_view joined_by = TextOf(parameters, "ConditionalOperator");
  if (!joined_by.empty() && !given) {
    return absl::InvalidArgumentError(
        "ConditionalOperator cannot be used without Filter or Expected");
  }
  if (!joined_by.empty() && trees.size() < 2) {
    return absl::InvalidArgumentError(
        "ConditionalOperator can only be used when Filter or Expected has two or more elements");
  }
  if (trees.empty()) return std::optional<api::Condition>();
  if (trees.size() == 1) return std::optional<api::Condition>(std::move(trees[0]));
  api::Condition all;
  api::Conditions& list = joined_by == "OR" ? *all.mutable_any() : *all.mutable_all();
  for (api::Condition& tree : trees) *list.add_list() = std::move(tree);
  return std::optional<api::Condition>(std::move(all));
}

// --------------------------------------------------------------------- Expected

absl::StatusOr<api::Condition> ExpectedByValue(std::string_view attribute,
                                               const dom::object& expected) {
  const auto value = Find(expected, "Value");
  const bool asked = Find(expected, "Exists").has_value();
  const bool exists = FlagOf(expected, "Exists", true);
  const auto about = [&](absl::string_view what) {
    return Wrong(absl::StrCat(what, " for Attribute: ", ToAbsl(attribute)));
  };
  if (Find(expected, "AttributeValueList")) {
    return about("AttributeValueList can only be used with a ComparisonOperator");
  }
  if (!exists) {
    if (value) return about("Value cannot be used when Exists is false");
    return Exists(attribute, false);
  }
  if (!value) {
    return about(absl::StrCat("Value must be provided when Exists is ", asked ? "true" : "null"));
  }
  auto read = ReadValue(*value);
  if (!read.ok()) return read.status();
  return Compared(attribute, api::EQ, *read);
}

absl::StatusOr<api::Condition> ExpectedByOperator(std::string_view attribute,
                                                  const dom::object& expected) {
  const std::string_view name = TextOf(expected, "ComparisonOperator");
  const auto value = Find(expected, "Value");
  const auto list = Find(expected, "AttributeValueList");
  const auto about = [&](absl::string_view what) {
    return Wrong(absl::StrCat(what, " for Attribute: ", ToAbsl(attribute)));
  };
  if (Find(expected, "Exists")) {
    return about("Exists and ComparisonOperator cannot be used together");
  }
  if (value) return about("Value cannot be used together with ComparisonOperator");
  if (!list && name != "NULL" && name != "NOT_NULL") {
    return about(
        absl::StrCat("AttributeValueList must be used with ComparisonOperator: ", ToAbsl(name)));
  }
  auto arguments = ReadList(list);
  if (!arguments.ok()) return arguments.status();
  auto comparison = Compare(name, *std::move(arguments));
  if (!comparison.ok()) return comparison.status();
  return TreeOf(attribute, *comparison);
}

absl::StatusOr<Comparison> ReadComparison(const dom::element& json) {
  const dom::object condition = ObjectOf(json);
  auto arguments = ReadList(Find(condition, "AttributeValueList"));
  if (!arguments.ok()) return arguments.status();
  return Compare(TextOf(condition, "ComparisonOperator"), *std::move(arguments));
}

// --------------------------------------------------------------------- keys

absl::Status CheckKeyType(const api::KeyAttribute& attribute, const Comparison& comparison) {
  for (const Value& value : comparison.arguments) {
    if (static_cast<int>(value.type()) == static_cast<int>(attribute.type())) continue;
    return absl::FailedPreconditionError(
        "One or more parameter values were invalid: Condition parameter type does not match schema "
        "type");
  }
  return absl::OkStatus();
}

absl::StatusOr<KeySort> SortOf(const Comparison& comparison) {
  static constexpr std::pair<std::string_view, KeySort> kSorts[] = {
      {"EQ", KeySort::kEqual},
      {"LE", KeySort::kLessOrEqual},
      {"LT", KeySort::kLess},
      {"GE", KeySort::kGreaterOrEqual},
      {"GT", KeySort::kGreater},
      {"BETWEEN", KeySort::kBetween},
      {"BEGINS_WITH", KeySort::kBeginsWith}};
  for (const auto& [name, sort] : kSorts) {
    if (comparison.is(name)) return sort;
  }
  return absl::InvalidArgumentError(
      "Attempted conditional constraint is not an indexable operation");
}

}  // namespace

absl::StatusOr<std::optional<api::Condition>> ReadExpected(const dom::object& parameters) {
  std::vector<api::Condition> trees;
  const auto expected = Find(parameters, "Expected");
  if (expected) {
    for (const dom::key_value_pair field : ObjectOf(*expected)) {
      if (field.value.is_null()) continue;
      const dom::object one = ObjectOf(field.value);
      auto tree = Find(one, "ComparisonOperator") ? ExpectedByOperator(field.key, one)
                                                  : ExpectedByValue(field.key, one);
      if (!tree.ok()) return tree.status();
      trees.push_back(*std::move(tree));
    }
  }
  return Joined(std::move(trees), parameters, expected.has_value());
}

absl::StatusOr<std::optional<api::Condition>> ReadFilter(const dom::object& parameters,
                                                         std::string_view parameter,
                                                         const api::Table* queried) {
  std::vector<api::Condition> trees;
  const auto filter = Find(parameters, parameter);
  if (filter) {
    for (const dom::key_value_pair field : ObjectOf(*filter)) {
      if (field.value.is_null()) continue;
      auto comparison = ReadComparison(field.value);
      if (!comparison.ok()) return comparison.status();
      const bool is_key = queried != nullptr && (field.key == queried->partition_key().name() ||
                                                 field.key == queried->sort_key().name());
      if (is_key) {
        return absl::InvalidArgumentError(
            absl::StrCat("QueryFilter can only contain non-primary key attributes: Primary key "
                         "attribute: ",
                         ToAbsl(field.key)));
      }
      trees.push_back(TreeOf(field.key, *comparison));
    }
  }
  return Joined(std::move(trees), parameters, filter.has_value());
}

absl::StatusOr<expression::KeyCondition> ReadKeyConditions(const dom::element& conditions,
                                                           const api::Table& table) {
  const dom::object map = ObjectOf(conditions);
  if (map.size() == 0 || map.size() > 2) {
    return absl::InvalidArgumentError("Conditions can be of length 1 or 2 only");
  }
  expression::KeyCondition key;
  size_t used = 0;
  if (const auto json = Find(map, table.partition_key().name())) {
    ++used;
    auto comparison = ReadComparison(*json);
    if (!comparison.ok()) return comparison.status();
    if (!comparison->is("EQ")) {
      return absl::InvalidArgumentError("Query key condition not supported");
    }
    absl::Status bad = CheckKeyType(table.partition_key(), *comparison);
    if (!bad.ok()) return bad;
    key.partition = model::EncodeValue(comparison->arguments[0]);
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat("Query condition missed key schema element: ", table.partition_key().name()));
  }
  const auto sort =
      table.sort_key().name().empty() ? std::nullopt : Find(map, table.sort_key().name());
  if (sort) {
    ++used;
    auto comparison = ReadComparison(*sort);
    if (!comparison.ok()) return comparison.status();
    absl::Status bad = CheckKeyType(table.sort_key(), *comparison);
    if (!bad.ok()) return bad;
    auto kind = SortOf(*comparison);
    if (!kind.ok()) return kind.status();
    key.sort = *kind;
    for (const Value& value : comparison->arguments) {
      key.bounds.push_back(model::EncodeValue(value));
    }
  }
  if (used == map.size()) return key;
  if (table.sort_key().name().empty()) {
    return absl::FailedPreconditionError("Query key condition not supported");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("Query condition missed key schema element: ", table.sort_key().name()));
}

absl::StatusOr<api::UpdateTree> ReadAttributeUpdates(const dom::element& updates) {
  api::UpdateTree tree;
  for (const dom::key_value_pair field : ObjectOf(updates)) {
    if (field.value.is_null()) continue;
    const dom::object update = ObjectOf(field.value);
    const std::string_view action =
        Find(update, "Action") ? TextOf(update, "Action") : std::string_view("PUT");
    const auto json = Find(update, "Value");
    if (!json && action == "DELETE") {
      *tree.add_remove() = PathOf(field.key);
      continue;
    }
    if (!json) return Wrong("Only DELETE action is allowed when no attribute value is specified");
    auto value = ReadValue(*json);
    if (!value.ok()) return value.status();
    const bool set =
        value->is(Type::kStringSet) || value->is(Type::kNumberSet) || value->is(Type::kBinarySet);
    if (action == "PUT") {
      api::SetAction& put = *tree.add_set();
      *put.mutable_path() = PathOf(field.key);
      *put.mutable_value()->mutable_operand() = OperandOf(*value);
    } else if ((action == "DELETE" && set) ||
               (action == "ADD" && (set || value->is(Type::kNumber)))) {
      api::ValueAction& change = action == "ADD" ? *tree.add_add() : *tree.add_delete_();
      *change.mutable_path() = PathOf(field.key);
      model::EncodeValue(*change.mutable_value(), *value);
    } else {
      return Wrong(absl::StrCat(ToAbsl(action), " action is not supported for the type ",
                                ToAbsl(model::TypeName(value->type()))));
    }
  }
  return tree;
}

absl::Status ReadAttributesToGet(const dom::object& parameters, expression::Paths& paths) {
  const auto names = Find(parameters, "AttributesToGet");
  if (!names) return absl::OkStatus();
  if (ArrayOf(*names).size() > expression::kPathLimit) return expression::TooManyPaths();
  std::set<std::string_view> seen;
  for (const dom::element name : ArrayOf(*names)) {
    const std::string_view text = ViewOf(name);
    if (!seen.insert(text).second) {
      return Wrong(absl::StrCat("Duplicate value in attribute name: ", ToAbsl(text)));
    }
    *paths.Add() = PathOf(text);
  }
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
