#include "partition/expression/rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/model/encoded.h"

namespace fastpath::expression {

using model::Type;

bool HasOrder(Type type) {
  return type == Type::kString || type == Type::kNumber || type == Type::kBinary;
}
bool IsText(Type type) { return type == Type::kString || type == Type::kBinary; }
bool IsNumber(Type type) { return type == Type::kNumber; }
bool IsList(Type type) { return type == Type::kList; }
bool IsSet(Type type) {
  return type == Type::kStringSet || type == Type::kNumberSet || type == Type::kBinarySet;
}
bool IsAddable(Type type) { return IsNumber(type) || IsSet(type); }

absl::string_view ComparatorText(api::Comparator op) {
  switch (op) {
    case api::EQ:
      return "=";
    case api::NE:
      return "<>";
    case api::LT:
      return "<";
    case api::LE:
      return "<=";
    case api::GT:
      return ">";
    case api::GE:
      return ">=";
    default:
      return "";
  }
}

std::string WrongOperandType(absl::string_view function, std::string_view encoded_value) {
  return absl::StrCat("Incorrect operand type for operator or function; operator or function: ",
                      function, ", operand type: ", ToAbsl(TypeName(TypeOf(encoded_value))));
}

std::string WrongActionOperand(absl::string_view action, std::string_view encoded_value) {
  static constexpr std::pair<Type, absl::string_view> kNames[] = {
      {Type::kString, "STRING"}, {Type::kNumber, "NUMBER"}, {Type::kBinary, "BINARY"},
      {Type::kBool, "BOOLEAN"},  {Type::kNull, "NULL"},     {Type::kList, "LIST"},
      {Type::kMap, "MAP"}};
  const Type type = TypeOf(encoded_value);
  absl::string_view name = ToAbsl(TypeName(type));
  for (const auto& [known, word] : kNames) {
    if (known == type) name = word;
  }
  return absl::StrCat("Incorrect operand type for operator or function; operator: ", action,
                      ", operand type: ", name);
}

std::string WrongOperandCount(absl::string_view function, size_t count) {
  return absl::StrCat(
      "Incorrect number of operands for operator or function; operator or function: ", function,
      ", number of operands: ", count);
}

std::string NeedsPath(absl::string_view function) {
  return absl::StrCat("Operator or function requires a document path; operator or function: ",
                      function);
}

bool IsTypeName(std::string_view name) {
  for (int type = 1; model::IsType(type); ++type) {
    if (TypeName(static_cast<Type>(type)) == name) return true;
  }
  return false;
}

bool SamePath(const api::Path& one, const api::Path& other) {
  return std::equal(one.steps().begin(), one.steps().end(), other.steps().begin(),
                    other.steps().end(), [](const api::Step& a, const api::Step& b) {
                      return a.kind_case() == b.kind_case() && a.name() == b.name() &&
                             a.index() == b.index();
                    });
}

std::string BoundsError(std::string_view encoded_low, std::string_view encoded_high) {
  if (TypeOf(encoded_low) != TypeOf(encoded_high)) {
    return "The BETWEEN operator requires same data type for lower and upper bounds";
  }
  api::Condition descends;  // low > high
  descends.mutable_comparison()->set_op(api::GT);
  descends.mutable_comparison()->mutable_left()->set_value(std::string(encoded_low));
  descends.mutable_comparison()->mutable_right()->set_value(std::string(encoded_high));
  if (!Holds(descends, model::Item())) return "";
  return "The BETWEEN operator requires upper bound to be greater than or equal to lower bound";
}

bool IsKeyAttribute(const api::Table& table, std::string_view name) {
  return name == table.partition_key().name() ||
         (!table.sort_key().name().empty() && name == table.sort_key().name());
}

std::string UpdatesKey(absl::string_view name) {
  return absl::StrCat("One or more parameter values were invalid: Cannot update attribute ", name,
                      ". This attribute is part of the key");
}

absl::Status CheckAttributeName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("an empty attribute name");
  if (name.size() > model::kAttributeNameLimitBytes) {
    return absl::InvalidArgumentError("an attribute name over 65,535 bytes");
  }
  if (!model::IsUtf8(name)) {
    return absl::InvalidArgumentError("an attribute name that is not UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace fastpath::expression
