#include <algorithm>
#include <cstring>
#include <optional>

#include "partition/expression/evaluate.h"
#include "partition/expression/path.h"
#include "partition/expression/prepared.h"
#include "partition/expression/walk.h"
#include "partition/model/codec.h"

namespace fastpath::expression {
namespace {

// A value inside a constant is only compared, by contains(): this many cost what an operand does.
constexpr size_t kValuesPerOperand = 16;

using model::Item;
using model::Number;
using model::Type;
using model::Value;

// How many bytes, members, elements or entries; nothing for types without size.
std::optional<Value> SizeOf(const Value& value) {
  const auto count = [](size_t size) { return Value::Num(static_cast<int64_t>(size)); };
  switch (value.type()) {
    case Type::kString:
    case Type::kBinary:
      return count(value.text().size());
    case Type::kStringSet:
    case Type::kBinarySet:
      return count(value.strings().size());
    case Type::kNumberSet:
      return count(value.numbers().size());
    case Type::kList:
      return count(value.list().size());
    case Type::kMap:
      return count(value.map().size());
    case Type::kNumber:
    case Type::kBool:
    case Type::kNull:
      return std::nullopt;
  }
  return std::nullopt;
}

// What a condition is judged on.
struct Scope {
  const Item& item;
  const Constants* constants = nullptr;  // Those of the condition; null: they are decoded as met.
};

const Value* FindConstant(const Constants& constants, const api::Operand& operand) {
  const auto found = constants.find(&operand);
  return found == constants.end() ? nullptr : &found->second;
}

// An operand's value: in the item, among the constants, or its own.
class Resolved {
 public:
  Resolved(const api::Operand& operand, const Scope& scope) {
    switch (operand.kind_case()) {
      case api::Operand::kPath:
        value_ = FindPath(operand.path(), scope.item);
        return;
      case api::Operand::kValue: {
        if (scope.constants != nullptr) {
          value_ = FindConstant(*scope.constants, operand);
          return;
        }
        absl::StatusOr<Value> value = model::DecodeValue(operand.value());
        if (value.ok()) own_ = *std::move(value);
        break;
      }
      case api::Operand::kSize: {
        const Value* sized = FindPath(operand.size(), scope.item);
        if (sized != nullptr) own_ = SizeOf(*sized);
        break;
      }
      case api::Operand::KIND_NOT_SET:
        break;
    }
    if (own_.has_value()) value_ = &*own_;
  }
  Resolved(const Resolved&) = delete;
  Resolved& operator=(const Resolved&) = delete;

  const Value* get() const { return value_; }

 private:
  std::optional<Value> own_;
  const Value* value_ = nullptr;  // Null: absent.
};

bool Equal(const Value* left, const Value* right) {
  return left != nullptr && right != nullptr && *left == *right;
}

// Null where there is no order: absent, unequal types, or types without one.
std::optional<std::strong_ordering> Order(const Value* left, const Value* right) {
  if (left == nullptr || right == nullptr || left->type() != right->type()) return std::nullopt;
  switch (left->type()) {
    case Type::kString:
    case Type::kBinary:
      return left->text().compare(right->text()) <=> 0;  // By unsigned bytes.
    case Type::kNumber:
      return left->number() <=> right->number();
    default:
      return std::nullopt;
  }
}

bool Compare(api::Comparator op, const Value* left, const Value* right) {
  if (op == api::EQ) return Equal(left, right);
  if (op == api::NE) return !Equal(left, right);  // True of absent ones.
  const std::optional<std::strong_ordering> order = Order(left, right);
  if (!order.has_value()) return false;
  switch (op) {
    case api::LT:
      return *order < 0;
    case api::LE:
      return *order <= 0;
    case api::GT:
      return *order > 0;
    case api::GE:
      return *order >= 0;
    default:
      return false;
  }
}

bool IsBetween(const api::Between& between, const Scope& scope) {
  const Resolved operand(between.operand(), scope);
  const Resolved low(between.low(), scope);
  const Resolved high(between.high(), scope);
  return Compare(api::GE, operand.get(), low.get()) && Compare(api::LE, operand.get(), high.get());
}

bool IsIn(const api::In& in, const Scope& scope) {
  const Resolved operand(in.operand(), scope);
  for (const api::Operand& candidate : in.list()) {
    if (Equal(operand.get(), Resolved(candidate, scope).get())) return true;
  }
  return false;
}

bool HasType(const api::TypeTest& test, const Scope& scope) {
  const Value* value = FindPath(test.path(), scope.item);
  return value != nullptr && TypeName(value->type()) == test.type();
}

bool IsText(const Value* value) {
  return value != nullptr && (value->is(Type::kString) || value->is(Type::kBinary));
}

bool BeginsWith(const Value* value, const Value* prefix) {
  return IsText(value) && IsText(prefix) && value->type() == prefix->type() &&
         value->text().compare(0, prefix->text().size(), prefix->text()) == 0;
}

bool Contains(const Value* value, const Value* element) {
  if (value == nullptr || element == nullptr) return false;
  switch (value->type()) {
    case Type::kString:
    case Type::kBinary:
      // memmem is linear in the worst case; std::string::find is quadratic, and
      // both strings may be a client's.
      return element->type() == value->type() &&
             memmem(value->text().data(), value->text().size(), element->text().data(),
                    element->text().size()) != nullptr;
    case Type::kStringSet:
    case Type::kBinarySet: {
      const Type member = value->is(Type::kStringSet) ? Type::kString : Type::kBinary;
      return element->is(member) &&
             std::binary_search(value->strings().begin(), value->strings().end(), element->text());
    }
    case Type::kNumberSet:
      return element->is(Type::kNumber) &&
             std::binary_search(value->numbers().begin(), value->numbers().end(),
                                element->number());
    case Type::kList:
      return std::find(value->list().begin(), value->list().end(), *element) != value->list().end();
    default:
      return false;
  }
}

bool Judge(const api::Condition& condition, const Scope& scope) {
  const auto holds = [&scope](const api::Condition& part) { return Judge(part, scope); };
  switch (condition.kind_case()) {
    case api::Condition::kComparison: {
      const api::Comparison& comparison = condition.comparison();
      return Compare(comparison.op(), Resolved(comparison.left(), scope).get(),
                     Resolved(comparison.right(), scope).get());
    }
    case api::Condition::kBetween:
      return IsBetween(condition.between(), scope);
    case api::Condition::kIn:
      return IsIn(condition.in(), scope);
    case api::Condition::kExists:
      return FindPath(condition.exists(), scope.item) != nullptr;
    case api::Condition::kNotExists:
      return FindPath(condition.not_exists(), scope.item) == nullptr;
    case api::Condition::kType:
      return HasType(condition.type(), scope);
    case api::Condition::kBeginsWith:
      return BeginsWith(Resolved(condition.begins_with().operand(), scope).get(),
                        Resolved(condition.begins_with().prefix(), scope).get());
    case api::Condition::kContains:
      return Contains(Resolved(condition.contains().operand(), scope).get(),
                      Resolved(condition.contains().element(), scope).get());
    case api::Condition::kAll:
      return std::all_of(condition.all().list().begin(), condition.all().list().end(), holds);
    case api::Condition::kAny:
      return std::any_of(condition.any().list().begin(), condition.any().list().end(), holds);
    case api::Condition::kNot:
      return !Judge(condition.not_(), scope);
    case api::Condition::KIND_NOT_SET:
      return true;  // No condition.
  }
  return false;
}

}  // namespace

bool Holds(const api::Condition& condition, const Item& item) {
  return Judge(condition, Scope{item});
}

PreparedCondition::PreparedCondition(const api::Condition& condition) : condition_(condition) {
  const auto prepare = [this](const api::Operand& operand) {
    ++weight_;
    if (operand.kind_case() != api::Operand::kValue) return;
    absl::StatusOr<Value> value = model::DecodeValue(operand.value());
    if (!value.ok()) return;
    weight_ += model::CountValues(operand.value()) / kValuesPerOperand;
    constants_.emplace(&operand, *std::move(value));
  };
  Walk(
      condition, [this](const api::Path&) { ++weight_; }, prepare);
}

bool PreparedCondition::Holds(const Item& item) const {
  return Judge(condition_, Scope{item, &constants_});
}

}  // namespace fastpath::expression
