// Short ways to write expression trees and values in tests.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "partition/api.pb.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"

namespace fastpath::expression {

using model::Item;
using model::Number;
using model::Value;

inline Value S(std::string text) { return Value::String(std::move(text)); }
inline Value N(std::string_view text) { return Value::Num(*Number::Parse(text)); }
inline Value B(std::string bytes) { return Value::Binary(std::move(bytes)); }
inline Value SS(std::vector<std::string> members) { return Value::StringSet(std::move(members)); }
inline Value BS(std::vector<std::string> members) { return Value::BinarySet(std::move(members)); }
inline Value NS(std::vector<std::string> members) {
  std::vector<Number> numbers;
  for (const std::string& member : members) numbers.push_back(*Number::Parse(member));
  return Value::NumberSet(std::move(numbers));
}
inline Value L(std::vector<Value> list) { return Value::List(std::move(list)); }
inline Item I(std::vector<std::pair<std::string, Value>> entries) {
  Item item;
  for (auto& [name, value] : entries) item.Set(name, std::move(value));
  return item;
}
inline Value M(std::vector<std::pair<std::string, Value>> entries) {
  return Value::Map(I(std::move(entries)));
}

// "a.b[2].c"
inline api::Path P(std::string_view text) {
  api::Path path;
  while (!text.empty()) {
    if (text[0] == '[') {
      const size_t end = text.find(']');
      path.add_steps()->set_index(std::stoul(std::string(text.substr(1, end - 1))));
      text.remove_prefix(end + 1);
    } else {
      if (text[0] == '.') text.remove_prefix(1);
      const size_t end = std::min(text.find_first_of(".["), text.size());
      path.add_steps()->set_name(std::string(text.substr(0, end)));
      text.remove_prefix(end);
    }
  }
  return path;
}

inline api::Operand At(std::string_view path) {
  api::Operand operand;
  *operand.mutable_path() = P(path);
  return operand;
}
inline api::Operand Of(const Value& value) {
  api::Operand operand;
  operand.set_value(model::EncodeValue(value));
  return operand;
}
inline api::Operand SizeAt(std::string_view path) {
  api::Operand operand;
  *operand.mutable_size() = P(path);
  return operand;
}

inline api::Condition Is(api::Operand left, api::Comparator op, api::Operand right) {
  api::Condition condition;
  condition.mutable_comparison()->set_op(op);
  *condition.mutable_comparison()->mutable_left() = std::move(left);
  *condition.mutable_comparison()->mutable_right() = std::move(right);
  return condition;
}
inline api::Condition IsBetween(api::Operand operand, api::Operand low, api::Operand high) {
  api::Condition condition;
  *condition.mutable_between()->mutable_operand() = std::move(operand);
  *condition.mutable_between()->mutable_low() = std::move(low);
  *condition.mutable_between()->mutable_high() = std::move(high);
  return condition;
}
inline api::Condition IsIn(api::Operand operand, const std::vector<api::Operand>& list) {
  api::Condition condition;
  *condition.mutable_in()->mutable_operand() = std::move(operand);
  for (const api::Operand& member : list) *condition.mutable_in()->add_list() = member;
  return condition;
}
inline api::Condition Exists(std::string_view path) {
  api::Condition condition;
  *condition.mutable_exists() = P(path);
  return condition;
}
inline api::Condition Absent(std::string_view path) {
  api::Condition condition;
  *condition.mutable_not_exists() = P(path);
  return condition;
}
inline api::Condition HasType(std::string_view path, std::string type) {
  api::Condition condition;
  *condition.mutable_type()->mutable_path() = P(path);
  condition.mutable_type()->set_type(std::move(type));
  return condition;
}
inline api::Condition Begins(api::Operand operand, api::Operand prefix) {
  api::Condition condition;
  *condition.mutable_begins_with()->mutable_operand() = std::move(operand);
  *condition.mutable_begins_with()->mutable_prefix() = std::move(prefix);
  return condition;
}
inline api::Condition Has(api::Operand operand, api::Operand element) {
  api::Condition condition;
  *condition.mutable_contains()->mutable_operand() = std::move(operand);
  *condition.mutable_contains()->mutable_element() = std::move(element);
  return condition;
}
inline api::Condition All(const std::vector<api::Condition>& list) {
  api::Condition condition;
  condition.mutable_all();
  for (const api::Condition& part : list) *condition.mutable_all()->add_list() = part;
  return condition;
}
inline api::Condition Any(const std::vector<api::Condition>& list) {
  api::Condition condition;
  condition.mutable_any();
  for (const api::Condition& part : list) *condition.mutable_any()->add_list() = part;
  return condition;
}
inline api::Condition Not(api::Condition inner) {
  api::Condition condition;
  *condition.mutable_not_() = std::move(inner);
  return condition;
}

inline api::SetValue To(api::Operand operand) {
  api::SetValue value;
  *value.mutable_operand() = std::move(operand);
  return value;
}
inline api::SetValue To(const Value& value) { return To(Of(value)); }
inline api::SetValue Plus(api::SetValue left, api::SetValue right) {
  api::SetValue value;
  *value.mutable_plus()->mutable_left() = std::move(left);
  *value.mutable_plus()->mutable_right() = std::move(right);
  return value;
}
inline api::SetValue Minus(api::SetValue left, api::SetValue right) {
  api::SetValue value;
  *value.mutable_minus()->mutable_left() = std::move(left);
  *value.mutable_minus()->mutable_right() = std::move(right);
  return value;
}
inline api::SetValue Append(api::SetValue left, api::SetValue right) {
  api::SetValue value;
  *value.mutable_list_append()->mutable_left() = std::move(left);
  *value.mutable_list_append()->mutable_right() = std::move(right);
  return value;
}
inline api::SetValue IfAbsent(std::string_view path, api::SetValue otherwise) {
  api::SetValue value;
  *value.mutable_if_not_exists()->mutable_path() = P(path);
  *value.mutable_if_not_exists()->mutable_otherwise() = std::move(otherwise);
  return value;
}

// Update().Set("a", To(N("1"))).Remove("b")
class Update {
 public:
  Update& Set(std::string_view path, api::SetValue value) {
    *tree_.add_set()->mutable_path() = P(path);
    *tree_.mutable_set()->rbegin()->mutable_value() = std::move(value);
    return *this;
  }
  Update& Remove(std::string_view path) {
    *tree_.add_remove() = P(path);
    return *this;
  }
  Update& Add(std::string_view path, const Value& value) {
    Fill(*tree_.add_add(), path, value);
    return *this;
  }
  Update& Delete(std::string_view path, const Value& value) {
    Fill(*tree_.add_delete_(), path, value);
    return *this;
  }
  const api::UpdateTree& tree() const { return tree_; }

 private:
  static void Fill(api::ValueAction& action, std::string_view path, const Value& value) {
    *action.mutable_path() = P(path);
    action.set_value(model::EncodeValue(value));
  }

  api::UpdateTree tree_;
};

}  // namespace fastpath::expression
