#include "partition/expression/print.h"

#include "absl/strings/str_cat.h"
#include "partition/expression/lexer.h"
#include "partition/expression/rules.h"
#include "partition/model/check.h"
#include "partition/model/codec.h"

namespace fastpath::expression {
namespace {

template <typename List, typename Print>
std::string Join(const List& list, absl::string_view separator, Print print) {
  std::string text;
  for (const auto& element : list) {
    if (!text.empty()) absl::StrAppend(&text, separator);
    text += print(element);
  }
  return text;
}

std::string Parenthesised(const std::string& text) { return absl::StrCat("(", text, ")"); }

}  // namespace

std::string Printer::Name(const std::string& name) {
  if (IsPlainName(name)) return name;
  return names_.emplace(name, absl::StrCat("#n", names_.size())).first->second;
}

std::string Printer::Value(const std::string& encoded) {
  return values_.emplace(encoded, absl::StrCat(":v", values_.size())).first->second;
}

std::string Printer::Path(const api::Path& path) {
  std::string text;
  for (const api::Step& step : path.steps()) {
    if (step.kind_case() == api::Step::kIndex) {
      absl::StrAppend(&text, "[", step.index(), "]");
    } else {
      absl::StrAppend(&text, text.empty() ? "" : ".", Name(step.name()));
    }
  }
  return text;
}

std::string Printer::Operand(const api::Operand& operand) {
  switch (operand.kind_case()) {
    case api::Operand::kPath:
      return Path(operand.path());
    case api::Operand::kValue:
      return Value(operand.value());
    case api::Operand::kSize:
      return absl::StrCat("size(", Path(operand.size()), ")");
    case api::Operand::KIND_NOT_SET:
      break;
  }
  FASTPATH_MODEL_CHECK(false && "an empty operand");
}

// ----------------------------------------------------------------- conditions

std::string Printer::Condition(const api::Condition& condition) {
  return Part(condition, Inside::kNothing);
}

std::string Printer::List(const api::Conditions& conditions, std::string_view op, Inside inside) {
  const bool any = op == " OR ";
  if (conditions.list_size() == 1) return Part(conditions.list(0), inside);
  const Inside member = any ? Inside::kAny : Inside::kAllOrNot;
  const std::string text =
      Join(conditions.list(), ToAbsl(op),
           [this, member](const api::Condition& part) { return Part(part, member); });
  const bool binds = inside == Inside::kNothing || (inside == Inside::kAny && !any);
  return binds ? text : Parenthesised(text);
}

std::string Printer::Part(const api::Condition& condition, Inside inside) {
  switch (condition.kind_case()) {
    case api::Condition::kComparison: {
      const api::Comparison& comparison = condition.comparison();
      const std::string left = Operand(comparison.left());
      return absl::StrCat(left, " ", ComparatorText(comparison.op()), " ",
                          Operand(comparison.right()));
    }
    case api::Condition::kBetween: {
      const std::string operand = Operand(condition.between().operand());
      const std::string low = Operand(condition.between().low());
      return absl::StrCat(operand, " BETWEEN ", low, " AND ", Operand(condition.between().high()));
    }
    case api::Condition::kIn: {
      const std::string operand = Operand(condition.in().operand());
      const auto print = [this](const api::Operand& member) { return Operand(member); };
      return absl::StrCat(operand, " IN (", Join(condition.in().list(), ", ", print), ")");
    }
    case api::Condition::kExists:
      return absl::StrCat("attribute_exists(", Path(condition.exists()), ")");
    case api::Condition::kNotExists:
      return absl::StrCat("attribute_not_exists(", Path(condition.not_exists()), ")");
    case api::Condition::kType: {
      const std::string path = Path(condition.type().path());
      const auto type = model::Value::String(condition.type().type());
      return absl::StrCat("attribute_type(", path, ", ", Value(model::EncodeValue(type)), ")");
    }
    case api::Condition::kBeginsWith: {
      const std::string operand = Operand(condition.begins_with().operand());
      return absl::StrCat("begins_with(", operand, ", ", Operand(condition.begins_with().prefix()),
                          ")");
    }
    case api::Condition::kContains: {
      const std::string operand = Operand(condition.contains().operand());
      return absl::StrCat("contains(", operand, ", ", Operand(condition.contains().element()), ")");
    }
    case api::Condition::kAll:
      return List(condition.all(), " AND ", inside);
    case api::Condition::kAny:
      return List(condition.any(), " OR ", inside);
    case api::Condition::kNot:
      return absl::StrCat("NOT ", Part(condition.not_(), Inside::kAllOrNot));
    case api::Condition::KIND_NOT_SET:
      break;
  }
  FASTPATH_MODEL_CHECK(false && "an empty condition");
}

std::string Printer::Key(const KeyCondition& condition, const api::Table& table) {
  using Sort = KeyCondition::Sort;
  const std::string partition = Name(table.partition_key().name());
  std::string text = absl::StrCat(partition, " = ", Value(condition.partition));
  if (condition.sort == Sort::kAny) return text;
  const std::string sort = Name(table.sort_key().name());
  const std::string bound = Value(condition.bounds[0]);
  absl::StrAppend(&text, " AND ");
  switch (condition.sort) {
    case Sort::kBetween:
      return absl::StrCat(text, sort, " BETWEEN ", bound, " AND ", Value(condition.bounds[1]));
    case Sort::kBeginsWith:
      return absl::StrCat(text, "begins_with(", sort, ", ", bound, ")");
    case Sort::kLess:
      return absl::StrCat(text, sort, " < ", bound);
    case Sort::kLessOrEqual:
      return absl::StrCat(text, sort, " <= ", bound);
    case Sort::kGreater:
      return absl::StrCat(text, sort, " > ", bound);
    case Sort::kGreaterOrEqual:
      return absl::StrCat(text, sort, " >= ", bound);
    case Sort::kEqual:
    case Sort::kAny:
      break;
  }
  return absl::StrCat(text, sort, " = ", bound);
}

// -------------------------------------------------------------------- updates

std::string Printer::Sum(const api::SetValue::Binary& sum, std::string_view op, bool inside_right) {
  const std::string left = Right(sum.left(), false);
  const std::string text = absl::StrCat(left, ToAbsl(op), Right(sum.right(), true));
  return inside_right ? Parenthesised(text) : text;
}

// `inside_right`: of + or -, where a sum would otherwise belong to the left one.
std::string Printer::Right(const api::SetValue& value, bool inside_right) {
  switch (value.kind_case()) {
    case api::SetValue::kOperand:
      return Operand(value.operand());
    case api::SetValue::kPlus:
      return Sum(value.plus(), " + ", inside_right);
    case api::SetValue::kMinus:
      return Sum(value.minus(), " - ", inside_right);
    case api::SetValue::kListAppend: {
      const std::string left = Right(value.list_append().left(), false);
      return absl::StrCat("list_append(", left, ", ", Right(value.list_append().right(), false),
                          ")");
    }
    case api::SetValue::kIfNotExists: {
      const std::string path = Path(value.if_not_exists().path());
      return absl::StrCat("if_not_exists(", path, ", ",
                          Right(value.if_not_exists().otherwise(), false), ")");
    }
    case api::SetValue::KIND_NOT_SET:
      break;
  }
  FASTPATH_MODEL_CHECK(false && "an empty value");
}

std::string Printer::Change(const api::ValueAction& action) {
  const std::string path = Path(action.path());
  return absl::StrCat(path, " ", Value(action.value()));
}

std::string Printer::Update(const api::UpdateTree& update) {
  std::string text;
  const auto section = [&text](absl::string_view keyword, const std::string& actions) {
    if (!actions.empty()) absl::StrAppend(&text, text.empty() ? "" : " ", keyword, " ", actions);
  };
  const auto change = [this](const api::ValueAction& action) { return Change(action); };
  section("SET", Join(update.set(), ", ", [this](const api::SetAction& action) {
            const std::string path = Path(action.path());
            return absl::StrCat(path, " = ", Right(action.value(), false));
          }));
  section("REMOVE",
          Join(update.remove(), ", ", [this](const api::Path& path) { return Path(path); }));
  section("ADD", Join(update.add(), ", ", change));
  section("DELETE", Join(update.delete_(), ", ", change));
  return text;
}

std::string Printer::Projection(const Paths& paths) {
  return Join(paths, ", ", [this](const api::Path& path) { return Path(path); });
}

Placeholders Printer::placeholders() const {
  Placeholders out;
  for (const auto& [name, placeholder] : names_) {
    FASTPATH_MODEL_CHECK(out.AddName(placeholder, name).ok());
  }
  for (const auto& [encoded, placeholder] : values_) {
    FASTPATH_MODEL_CHECK(out.AddValue(placeholder, *model::DecodeValue(encoded)).ok());
  }
  return out;
}

}  // namespace fastpath::expression
