// Trees as text that parses to them again, with placeholders for every value and
// for the names that cannot stand in a text. Of trees that their validator
// accepts, and that compare no path with itself; a list of one condition is printed as
// that condition.
//
//   Printer printer;
//   std::string text = printer.Condition(tree);
//   Placeholders placeholders = printer.placeholders();
//
// Equal trees give equal texts. Not thread-safe: it numbers the placeholders.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "partition/api.pb.h"
#include "partition/expression/key_condition.h"
#include "partition/expression/parse.h"
#include "partition/expression/placeholders.h"

namespace fastpath::expression {

class Printer {
 public:
  std::string Condition(const api::Condition& condition);  // Or a filter.
  std::string Update(const api::UpdateTree& update);
  std::string Projection(const Paths& paths);
  std::string Key(const KeyCondition& condition, const api::Table& table);

  // Of everything printed so far.
  Placeholders placeholders() const;

 private:
  // What a condition stands in decides whether it needs parentheses.
  enum class Inside { kNothing, kAny, kAllOrNot };
  std::string Part(const api::Condition& condition, Inside inside);
  std::string List(const api::Conditions& conditions, std::string_view op, Inside inside);
  std::string Operand(const api::Operand& operand);
  std::string Right(const api::SetValue& value, bool inside_right);
  std::string Sum(const api::SetValue::Binary& sum, std::string_view op, bool inside_right);
  std::string Change(const api::ValueAction& action);
  std::string Path(const api::Path& path);
  std::string Name(const std::string& name);
  std::string Value(const std::string& encoded);

  std::map<std::string, std::string> names_;   // Name -> placeholder.
  std::map<std::string, std::string> values_;  // Encoded -> placeholder.
};

}  // namespace fastpath::expression
