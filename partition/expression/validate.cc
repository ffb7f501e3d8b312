#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/expression/path.h"
#include "partition/expression/rules.h"
#include "partition/model/codec.h"

namespace fastpath::expression {
namespace {

// The text of an expression is at most 4 KB; a tree has none. Each operand may
// cost reading a whole attribute.
constexpr int kOperandLimit = 2048;

absl::Status Wrong(absl::string_view place, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", what));
}

absl::Status CheckName(absl::string_view place, const std::string& name) {
  const absl::Status status = CheckAttributeName(name);
  return status.ok() ? status : Wrong(place, status.message());
}

absl::Status CheckPath(absl::string_view place, const api::Path& path) {
  if (path.steps().empty()) return Wrong(place, "an empty path");
  if (path.steps_size() > kPathStepLimit) {
    return Wrong(place, absl::StrCat("a path of over ", kPathStepLimit, " steps"));
  }
  for (int i = 0; i < path.steps_size(); ++i) {
    const api::Step& step = path.steps(i);
    if (step.kind_case() == api::Step::KIND_NOT_SET) return Wrong(place, "an empty step");
    if (step.kind_case() == api::Step::kIndex) {
      if (i == 0) return Wrong(place, "a path must begin with a name");
      continue;
    }
    if (absl::Status status = CheckName(place, step.name()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckValue(absl::string_view place, const std::string& value) {
  const absl::Status status = model::ValidateValue(value);
  return status.ok() ? status : Wrong(place, status.message());
}

// Of a constant operand; what a path leads to is known only at evaluation.
absl::Status CheckType(absl::string_view place, const std::string& value, TypePredicate fits,
                       absl::string_view function) {
  if (fits(TypeOf(value))) return absl::OkStatus();
  return Wrong(place, WrongOperandType(function, value));
}

// Counts over a whole tree what single nodes cannot bound.
class Budget {
 public:
  absl::Status TakeOperator(absl::string_view place) {
    if (++operators_ <= kOperatorLimit) return absl::OkStatus();
    return Wrong(place, kTooManyOperators);
  }
  absl::Status TakeOperand(absl::string_view place) {
    if (++operands_ <= kOperandLimit) return absl::OkStatus();
    return Wrong(place, absl::StrCat("too many operands; limit: ", kOperandLimit));
  }
  absl::Status TakeValues(absl::string_view place, const std::string& constant) {
    values_ += model::CountValues(constant);
    if (values_ <= kConstantValueLimit) return absl::OkStatus();
    return Wrong(place, kTooManyValues);
  }

 private:
  int operators_ = 0;
  int operands_ = 0;
  size_t values_ = 0;
};

// ---------------------------------------------------------------- conditions

class ConditionValidator {
 public:
  absl::Status Check(const std::string& place, const api::Condition& condition, int depth);

 private:
  // `fits`: what a constant must be; null for anything.
  absl::Status Operand(const std::string& place, const api::Operand& operand, TypePredicate fits,
                       absl::string_view function);
  absl::Status Comparison(const std::string& place, const api::Comparison& comparison);
  absl::Status Between(const std::string& place, const api::Between& between);
  absl::Status In(const std::string& place, const api::In& in);
  absl::Status TypeTest(const std::string& place, const api::TypeTest& test);
  absl::Status BeginsWith(const std::string& place, const api::BeginsWith& begins_with);
  absl::Status Contains(const std::string& place, const api::Contains& contains);
  absl::Status List(const std::string& place, const api::Conditions& conditions, int depth);

  Budget budget_;
};

absl::Status ConditionValidator::Check(const std::string& place, const api::Condition& condition,
                                       int depth) {
  if (depth > kExpressionDepthLimit) {
    // The place is as deep as the tree: its beginning says enough.
    return Wrong("condition", absl::StrCat("nested over ", kExpressionDepthLimit, " deep"));
  }
  const bool is_list = condition.has_all() || condition.has_any();
  if (!is_list) {
    if (absl::Status status = budget_.TakeOperator(place); !status.ok()) return status;
  }
  switch (condition.kind_case()) {
    case api::Condition::kComparison:
      return Comparison(place + ".comparison", condition.comparison());
    case api::Condition::kBetween:
      return Between(place + ".between", condition.between());
    case api::Condition::kIn:
      return In(place + ".in", condition.in());
    case api::Condition::kExists:
      return CheckPath(place + ".exists", condition.exists());
    case api::Condition::kNotExists:
      return CheckPath(place + ".not_exists", condition.not_exists());
    case api::Condition::kType:
      return TypeTest(place + ".type", condition.type());
    case api::Condition::kBeginsWith:
      return BeginsWith(place + ".begins_with", condition.begins_with());
    case api::Condition::kContains:
      return Contains(place + ".contains", condition.contains());
    case api::Condition::kAll:
      return List(place + ".all", condition.all(), depth);
    case api::Condition::kAny:
      return List(place + ".any", condition.any(), depth);
    case api::Condition::kNot:
      return Check(place + ".not", condition.not_(), depth + 1);
    case api::Condition::KIND_NOT_SET:
      break;
  }
  return Wrong(place, "an empty condition");
}

absl::Status ConditionValidator::Operand(const std::string& place, const api::Operand& operand,
                                         TypePredicate fits, absl::string_view function) {
  if (absl::Status status = budget_.TakeOperand(place); !status.ok()) return status;
  switch (operand.kind_case()) {
    case api::Operand::kPath:
      return CheckPath(place + ".path", operand.path());
    case api::Operand::kSize: {
      const absl::Status status = budget_.TakeOperator(place);
      return status.ok() ? CheckPath(place + ".size", operand.size()) : status;
    }
    case api::Operand::kValue: {
      absl::Status status = CheckValue(place + ".value", operand.value());
      if (status.ok()) status = budget_.TakeValues(place + ".value", operand.value());
      if (!status.ok() || fits == nullptr) return status;
      return CheckType(place + ".value", operand.value(), fits, function);
    }
    case api::Operand::KIND_NOT_SET:
      break;
  }
  return Wrong(place, "an empty operand");
}

absl::Status ConditionValidator::Comparison(const std::string& place,
                                            const api::Comparison& comparison) {
  const absl::string_view op = ComparatorText(comparison.op());
  if (op.empty()) return Wrong(place + ".op", "an unknown comparator");
  const bool any_type = comparison.op() == api::EQ || comparison.op() == api::NE;
  const TypePredicate fits = any_type ? nullptr : HasOrder;
  absl::Status status = Operand(place + ".left", comparison.left(), fits, op);
  if (!status.ok()) return status;
  return Operand(place + ".right", comparison.right(), fits, op);
}

absl::Status ConditionValidator::Between(const std::string& place, const api::Between& between) {
  for (const auto& [part, operand] :
       {std::pair{".operand", &between.operand()}, std::pair{".low", &between.low()},
        std::pair{".high", &between.high()}}) {
    absl::Status status = Operand(place + part, *operand, HasOrder, "BETWEEN");
    if (!status.ok()) return status;
  }
  if (between.low().kind_case() != api::Operand::kValue ||
      between.high().kind_case() != api::Operand::kValue) {
    return absl::OkStatus();
  }
  const std::string error = BoundsError(between.low().value(), between.high().value());
  return error.empty() ? absl::OkStatus() : Wrong(place, error);
}

absl::Status ConditionValidator::In(const std::string& place, const api::In& in) {
  if (in.list().empty()) return Wrong(place + ".list", "no operands");
  if (in.list_size() > kInOperandLimit) {
    return Wrong(place + ".list", absl::StrCat("over ", kInOperandLimit, " operands"));
  }
  absl::Status status = Operand(place + ".operand", in.operand(), nullptr, "IN");
  for (int i = 0; status.ok() && i < in.list_size(); ++i) {
    status = Operand(absl::StrCat(place, ".list[", i, "]"), in.list(i), nullptr, "IN");
  }
  return status;
}

absl::Status ConditionValidator::TypeTest(const std::string& place, const api::TypeTest& test) {
  if (absl::Status status = CheckPath(place + ".path", test.path()); !status.ok()) return status;
  return IsTypeName(test.type()) ? absl::OkStatus() : Wrong(place, kWrongTypeName);
}

absl::Status ConditionValidator::BeginsWith(const std::string& place,
                                            const api::BeginsWith& begins_with) {
  absl::Status status = Operand(place + ".operand", begins_with.operand(), IsText, "begins_with");
  if (!status.ok()) return status;
  return Operand(place + ".prefix", begins_with.prefix(), IsText, "begins_with");
}

absl::Status ConditionValidator::Contains(const std::string& place, const api::Contains& contains) {
  if (contains.operand().has_path() && contains.element().has_path() &&
      SamePath(contains.operand().path(), contains.element().path())) {
    return Wrong(place, "the path and the operand of contains must be distinct");
  }
  absl::Status status = Operand(place + ".operand", contains.operand(), nullptr, "contains");
  if (!status.ok()) return status;
  return Operand(place + ".element", contains.element(), nullptr, "contains");
}

absl::Status ConditionValidator::List(const std::string& place, const api::Conditions& conditions,
                                      int depth) {
  if (conditions.list().empty()) return Wrong(place, "no conditions");
  for (int i = 0; i < conditions.list_size(); ++i) {
    const std::string part = absl::StrCat(place, "[", i, "]");
    absl::Status status;
    if (i > 0) status = budget_.TakeOperator(part);  // The AND or OR before it.
    if (status.ok()) status = Check(part, conditions.list(i), depth + 1);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// ------------------------------------------------------------------- updates

class SetValueValidator {
 public:
  absl::Status Check(const std::string& place, const api::SetValue& value, int depth) {
    if (depth > kExpressionDepthLimit) {
      return Wrong("update", absl::StrCat("nested over ", kExpressionDepthLimit, " deep"));
    }
    if (value.kind_case() == api::SetValue::kOperand) return Operand(place, value.operand());
    if (absl::Status status = budget_.TakeOperator(place); !status.ok()) return status;
    switch (value.kind_case()) {
      case api::SetValue::kPlus:
        return Binary(place + ".plus", value.plus(), IsNumber, "+", depth);
      case api::SetValue::kMinus:
        return Binary(place + ".minus", value.minus(), IsNumber, "-", depth);
      case api::SetValue::kListAppend:
        return Binary(place + ".list_append", value.list_append(), IsList, "list_append", depth);
      case api::SetValue::kIfNotExists: {
        const std::string part = place + ".if_not_exists";
        absl::Status status = CheckPath(part + ".path", value.if_not_exists().path());
        if (!status.ok()) return status;
        return Check(part + ".otherwise", value.if_not_exists().otherwise(), depth + 1);
      }
      case api::SetValue::kOperand:
      case api::SetValue::KIND_NOT_SET:
        break;
    }
    return Wrong(place, "an empty value");
  }

 private:
  absl::Status Operand(const std::string& place, const api::Operand& operand) {
    if (absl::Status status = budget_.TakeOperand(place); !status.ok()) return status;
    switch (operand.kind_case()) {
      case api::Operand::kPath:
        return CheckPath(place + ".path", operand.path());
      case api::Operand::kValue:
        return CheckValue(place + ".value", operand.value());
      case api::Operand::kSize:
        return Wrong(place, "The function is not allowed in an update expression; function: size");
      case api::Operand::KIND_NOT_SET:
        break;
    }
    return Wrong(place, "an empty operand");
  }

  absl::Status Binary(const std::string& place, const api::SetValue::Binary& binary,
                      TypePredicate fits, absl::string_view function, int depth) {
    for (const auto& [part, side] :
         {std::pair{".left", &binary.left()}, std::pair{".right", &binary.right()}}) {
      absl::Status status = Check(place + part, *side, depth + 1);
      if (status.ok() && side->operand().kind_case() == api::Operand::kValue) {
        status = CheckType(place + part, side->operand().value(), fits, function);
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  Budget budget_;
};

class UpdateValidator {
 public:
  explicit UpdateValidator(const api::Table& table) : table_(table) {}

  absl::Status Check(const api::UpdateTree& update) {
    absl::Status status;
    for (int i = 0; status.ok() && i < update.set_size(); ++i) {
      const std::string place = absl::StrCat("update.set[", i, "]");
      status = Target(place + ".path", update.set(i).path());
      if (status.ok()) status = values_.Check(place + ".value", update.set(i).value(), 1);
    }
    for (int i = 0; status.ok() && i < update.remove_size(); ++i) {
      status = Target(absl::StrCat("update.remove[", i, "]"), update.remove(i));
    }
    for (int i = 0; status.ok() && i < update.add_size(); ++i) {
      status = Action(absl::StrCat("update.add[", i, "]"), update.add(i), IsAddable, "ADD");
    }
    for (int i = 0; status.ok() && i < update.delete__size(); ++i) {
      status = Action(absl::StrCat("update.delete[", i, "]"), update.delete_(i), IsSet, "DELETE");
    }
    return status;
  }

 private:
  // What an action changes: not the key, and nothing that another one changes.
  absl::Status Target(const std::string& place, const api::Path& path) {
    if (target_count_ == kPathLimit) {
      return Wrong(place, absl::StrCat("too many paths; limit: ", kPathLimit));
    }
    if (absl::Status status = CheckPath(place, path); !status.ok()) return status;
    const std::string& name = path.steps(0).name();
    if (IsKeyAttribute(table_, name)) return absl::InvalidArgumentError(UpdatesKey(name));
    const absl::Status status = targets_.Insert(path, target_count_++);
    return status.ok() ? status : Wrong(place, status.message());
  }

  absl::Status Action(const std::string& place, const api::ValueAction& action, TypePredicate fits,
                      absl::string_view function) {
    absl::Status status = Target(place + ".path", action.path());
    if (status.ok()) status = CheckValue(place + ".value", action.value());
    if (status.ok()) status = CheckType(place + ".value", action.value(), fits, function);
    return status;
  }

  const api::Table& table_;
  SetValueValidator values_;
  PathTree targets_;
  int target_count_ = 0;
};

}  // namespace

absl::Status ValidateCondition(const api::Condition& condition) {
  return ConditionValidator().Check("condition", condition, 1);
}

absl::Status ValidateUpdate(const api::Table& table, const api::UpdateTree& update) {
  return UpdateValidator(table).Check(update);
}

absl::Status TooManyPaths() {
  return Wrong("projection", absl::StrCat("too many paths; limit: ", kPathLimit));
}

absl::Status ValidateProjection(const google::protobuf::RepeatedPtrField<api::Path>& paths) {
  if (paths.size() > kPathLimit) return TooManyPaths();
  PathTree tree;
  for (int i = 0; i < paths.size(); ++i) {
    const std::string place = absl::StrCat("projection[", i, "]");
    absl::Status status = CheckPath(place, paths[i]);
    if (status.ok()) {
      status = tree.Insert(paths[i], i);
      if (!status.ok()) status = Wrong(place, status.message());
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace fastpath::expression
