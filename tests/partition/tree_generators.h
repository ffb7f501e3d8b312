// Random expression trees, such as their validators accept and texts can say.
#pragma once

#include <rapidcheck.h>

#include <string>
#include <utility>
#include <vector>

#include "partition/expression/key_condition.h"
#include "partition/expression/rules.h"
#include "tests/partition/generators.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {

inline api::Path AnyPath() {
  api::Path path;
  const int steps = *rc::gen::inRange(1, 4);
  for (int i = 0; i < steps; ++i) {
    if (i > 0 && *rc::gen::arbitrary<bool>()) {
      path.add_steps()->set_index(*rc::gen::element<uint32_t>(0, 1, 10, UINT32_MAX));
    } else {
      path.add_steps()->set_name(*rc::gen::element<std::string>(
          "a", "Zip_9", "name", "SIZE", "in", "a.b", "0", "_x", "size(a)", " ", "\xc3\xa9", ":v"));
    }
  }
  return path;
}

inline std::string AnyValue(TypePredicate fits) {
  const auto value = rc::gen::suchThat(
      model::ValueGen(1), [fits](const Value& value) { return !fits || fits(value.type()); });
  return model::EncodeValue(*value);
}

inline api::Operand AnyOperand(TypePredicate fits = nullptr) {
  api::Operand operand;
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      *operand.mutable_path() = AnyPath();
      break;
    case 1:
      *operand.mutable_size() = AnyPath();
      break;
    default:
      operand.set_value(AnyValue(fits));
  }
  return operand;
}

// Which is not the path that it is compared with.
inline api::Operand AnyOther(const api::Operand& first, TypePredicate fits = nullptr) {
  api::Operand other = AnyOperand(fits);
  if (first.has_path() && other.has_path() && SamePath(first.path(), other.path())) {
    other.mutable_path()->add_steps()->set_index(0);
  }
  return other;
}

inline bool IsString(model::Type type) { return type == model::Type::kString; }

inline api::Condition AnyTest() {
  switch (*rc::gen::inRange(0, 8)) {
    case 0: {
      const auto op = static_cast<api::Comparator>(*rc::gen::inRange(1, 7));
      const TypePredicate fits = op == api::EQ || op == api::NE ? nullptr : HasOrder;
      const api::Operand left = AnyOperand(fits);
      return Is(left, op, AnyOther(left, fits));
    }
    case 1: {
      const api::Operand operand = AnyOperand(HasOrder);
      return IsBetween(operand, Of(N("-1")), AnyOther(operand, IsNumber));
    }
    case 2: {
      const api::Operand operand = AnyOperand();
      std::vector<api::Operand> list;
      const int count = *rc::gen::inRange(1, 4);
      for (int i = 0; i < count; ++i) list.push_back(AnyOther(operand));
      return IsIn(operand, list);
    }
    case 3: {
      api::Condition condition;
      *condition.mutable_exists() = AnyPath();
      return condition;
    }
    case 4: {
      api::Condition condition;
      *condition.mutable_not_exists() = AnyPath();
      return condition;
    }
    case 5: {
      api::Condition condition = HasType("a", *rc::gen::element<std::string>("S", "NULL", "BS"));
      *condition.mutable_type()->mutable_path() = AnyPath();
      return condition;
    }
    case 6: {
      const api::Operand operand = AnyOperand(IsString);
      return Begins(operand, AnyOther(operand, IsString));
    }
    default: {
      const api::Operand operand = AnyOperand();
      return Has(operand, AnyOther(operand));
    }
  }
}

inline api::Condition AnyCondition(int depth) {
  const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 5);
  if (kind < 2) return AnyTest();
  if (kind == 2) return Not(AnyCondition(depth - 1));
  std::vector<api::Condition> list;
  const int count = *rc::gen::inRange(2, 4);
  for (int i = 0; i < count; ++i) list.push_back(AnyCondition(depth - 1));
  return kind == 3 ? All(list) : Any(list);
}

inline api::SetValue AnyRight(int depth, TypePredicate fits) {
  switch (depth == 0 ? 0 : *rc::gen::inRange(0, 6)) {
    case 1:
      return Plus(AnyRight(depth - 1, IsNumber), AnyRight(depth - 1, IsNumber));
    case 2:
      return Minus(AnyRight(depth - 1, IsNumber), AnyRight(depth - 1, IsNumber));
    case 3:
      return Append(AnyRight(depth - 1, IsList), AnyRight(depth - 1, IsList));
    case 4: {
      api::SetValue value = IfAbsent("a", AnyRight(depth - 1, nullptr));
      *value.mutable_if_not_exists()->mutable_path() = AnyPath();
      return value;
    }
    default: {
      api::Operand operand;
      if (*rc::gen::arbitrary<bool>()) {
        *operand.mutable_path() = AnyPath();
      } else {
        operand.set_value(AnyValue(fits));
      }
      return To(std::move(operand));
    }
  }
}

// Each path in an attribute of its own: none overlap.
inline api::UpdateTree AnyUpdate() {
  api::UpdateTree update;
  const int actions = *rc::gen::inRange(1, 6);
  for (int i = 0; i < actions; ++i) {
    api::Path path = AnyPath();
    path.mutable_steps(0)->set_name("t" + std::to_string(i) +
                                    *rc::gen::element<std::string>("", "."));
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        *update.add_set()->mutable_path() = std::move(path);
        *update.mutable_set()->rbegin()->mutable_value() = AnyRight(3, nullptr);
        break;
      case 1:
        *update.add_remove() = std::move(path);
        break;
      case 2:
        *update.add_add()->mutable_path() = std::move(path);
        update.mutable_add()->rbegin()->set_value(AnyValue(IsAddable));
        break;
      default:
        *update.add_delete_()->mutable_path() = std::move(path);
        update.mutable_delete_()->rbegin()->set_value(AnyValue(IsSet));
    }
  }
  return update;
}

}  // namespace fastpath::expression
