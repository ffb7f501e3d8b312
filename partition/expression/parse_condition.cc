//   condition := all ("OR" all)*
//   all       := negation ("AND" negation)*
//   negation  := "NOT" negation | "(" condition ")" | test   parentheses in parentheses
//                                                            alone are redundant
//   test      := operand ("=" | "<>" | "<" | "<=" | ">" | ">=") operand
//              | operand "BETWEEN" operand "AND" operand
//              | operand "IN" "(" operand ("," operand)* ")"
//              | "attribute_exists" "(" path ")"
//              | "attribute_not_exists" "(" path ")"
//              | "attribute_type" "(" path "," value ")"
//              | "begins_with" "(" operand "," operand ")"
//              | "contains" "(" operand "," operand ")"
//   operand   := path | value | "size" "(" path ")"
//   path      := attribute ("." attribute | "[" number "]")*
//   attribute := word | name                   a word that is not reserved
//
// Keywords in any case, functions as they stand. Operators of one kind in a row
// are one list; parentheses make it another's member.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "partition/expression/cursor.h"
#include "partition/expression/parse.h"
#include "partition/expression/path.h"

namespace fastpath::expression {
namespace {

constexpr std::array<std::string_view, 5> kKeywords = {"AND", "OR", "NOT", "BETWEEN", "IN"};
constexpr std::array<std::string_view, 5> kTests = {"attribute_exists", "attribute_not_exists",
                                                    "attribute_type", "begins_with", "contains"};
constexpr std::array<std::string_view, 2> kOfUpdates = {"if_not_exists", "list_append"};

template <size_t kSize>
bool IsOneOf(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

api::Comparator ComparatorOf(const Token& token) {
  for (int op = api::EQ; op <= api::GE; ++op) {
    const absl::string_view text = ComparatorText(static_cast<api::Comparator>(op));
    if (token.is(std::string_view(text.data(), text.size()))) {
      return static_cast<api::Comparator>(op);
    }
  }
  return api::COMPARATOR_UNSPECIFIED;
}

class ConditionParser {
 public:
  ConditionParser(Cursor& cursor, absl::string_view kind) : cursor_(cursor), kind_(kind) {}

  struct Parsed {
    api::Condition tree;
    int height = 1;
    bool parenthesised = false;  // All of it.
  };
  bool Condition(Parsed& out) { return Chain("OR", out); }

 private:
  struct Term {
    Token begin;
    api::Operand operand;
  };

  bool Chain(std::string_view keyword, Parsed& out);
  bool Negation(Parsed& out);
  bool Parenthesis(Parsed& out);
  bool Test(api::Condition& out);
  bool Comparison(Term left, api::Condition& out);
  bool Between(Term operand, api::Condition& out);
  bool In(Term operand, api::Condition& out);
  bool Function(api::Condition& out);
  bool TypeTest(const std::vector<Term>& arguments, const Token& function, api::TypeTest& out);

  bool Operand(Term& out);
  bool Size(Term& out);
  bool WrongFunction(const Token& function);
  bool Arguments(const Token& function, size_t count, std::vector<Term>& out);
  bool TakePath(const Term& argument, const Token& function, api::Path& out);
  // Of paths: one compared with itself says nothing of the item. `op`: as it is written.
  bool CheckDistinct(const Token& op, const Term& first, const Term& other);
  // Of a constant; of anything else only the item shows it.
  bool CheckType(const Term& term, TypePredicate fits, absl::string_view function);

  Cursor& cursor_;
  const absl::string_view kind_;
};

// ---------------------------------------------------------------------- logic

bool ConditionParser::Chain(std::string_view keyword, Parsed& out) {
  const bool any = keyword == "OR";
  const auto member = [this, any](Parsed& part) {
    return any ? Chain("AND", part) : Negation(part);
  };
  if (!member(out)) return false;
  if (!cursor_.IsKeyword(keyword)) return true;
  Parsed first = std::exchange(out, {});
  api::Conditions& list = any ? *out.tree.mutable_any() : *out.tree.mutable_all();
  *list.add_list() = std::move(first.tree);
  int height = first.height;
  while (cursor_.IsKeyword(keyword)) {
    const Token op = cursor_.Take();
    Parsed next;
    if (!cursor_.CountOperator(op) || !member(next)) return false;
    height = std::max(height, next.height);
    if (!cursor_.CheckHeight(op, height + 1)) return false;
    *list.add_list() = std::move(next.tree);
  }
  out.height = height + 1;
  return true;
}

bool ConditionParser::Negation(Parsed& out) {
  if (cursor_.Peek().is("(")) return Parenthesis(out);
  if (!cursor_.IsKeyword("NOT")) return Test(out.tree);
  const Token op = cursor_.Take();
  if (!cursor_.CountOperator(op) || !cursor_.Enter(op)) return false;
  Parsed inner;
  if (!Negation(inner)) return false;
  cursor_.Leave();
  *out.tree.mutable_not_() = std::move(inner.tree);
  out.height = inner.height + 1;
  return cursor_.CheckHeight(op, out.height);
}

bool ConditionParser::Parenthesis(Parsed& out) {
  const Token begin = cursor_.Take();
  if (!cursor_.Enter(begin) || !Condition(out)) return false;
  cursor_.Leave();
  if (!cursor_.Expect(")")) return false;
  if (out.parenthesised) return cursor_.Fail(begin, kRedundantParentheses);
  return out.parenthesised = true;
}

// ---------------------------------------------------------------------- tests

bool ConditionParser::Test(api::Condition& out) {
  const Token begin = cursor_.Peek();
  if (begin.is(Token::Kind::kWord) && cursor_.Peek(1).is("(") && IsOneOf(kTests, begin.text)) {
    return Function(out);
  }
  Term left;
  if (!Operand(left)) return false;
  const Token op = cursor_.Peek();
  const bool between = cursor_.IsKeyword("BETWEEN");
  const bool in = cursor_.IsKeyword("IN");
  if (!between && !in && ComparatorOf(op) == api::COMPARATOR_UNSPECIFIED) {
    return cursor_.SyntaxError();
  }
  if (!cursor_.CountOperator(op)) return false;
  if (between) return Between(std::move(left), out);
  return in ? In(std::move(left), out) : Comparison(std::move(left), out);
}

bool ConditionParser::Comparison(Term left, api::Condition& out) {
  const Token token = cursor_.Take();
  const api::Comparator op = ComparatorOf(token);
  Term right;
  if (!Operand(right) || !CheckDistinct(token, left, right)) return false;
  if (op != api::EQ && op != api::NE) {
    const absl::string_view text = ComparatorText(op);
    if (!CheckType(left, HasOrder, text) || !CheckType(right, HasOrder, text)) return false;
  }
  out.mutable_comparison()->set_op(op);
  *out.mutable_comparison()->mutable_left() = std::move(left.operand);
  *out.mutable_comparison()->mutable_right() = std::move(right.operand);
  return true;
}

bool ConditionParser::Between(Term operand, api::Condition& out) {
  const Token op = cursor_.Take();
  Term low;
  Term high;
  if (!Operand(low) || !cursor_.ExpectKeyword("AND") || !Operand(high)) return false;
  if (!CheckDistinct(op, operand, low) || !CheckDistinct(op, operand, high)) return false;
  for (const Term* term : {&operand, &low, &high}) {
    if (!CheckType(*term, HasOrder, "BETWEEN")) return false;
  }
  if (low.operand.has_value() && high.operand.has_value()) {
    const std::string error = BoundsError(low.operand.value(), high.operand.value());
    if (!error.empty()) return cursor_.Fail(op, error);
  }
  *out.mutable_between()->mutable_operand() = std::move(operand.operand);
  *out.mutable_between()->mutable_low() = std::move(low.operand);
  *out.mutable_between()->mutable_high() = std::move(high.operand);
  return true;
}

bool ConditionParser::In(Term operand, api::Condition& out) {
  const Token op = cursor_.Take();
  if (!cursor_.Expect("(")) return false;
  do {
    Term member;
    if (!Operand(member) || !CheckDistinct(op, operand, member)) return false;
    if (out.in().list_size() == kInOperandLimit) {
      return cursor_.Fail(member.begin, absl::StrCat("The IN operator is provided with over ",
                                                     kInOperandLimit, " operands"));
    }
    *out.mutable_in()->add_list() = std::move(member.operand);
  } while (cursor_.Skip(","));
  *out.mutable_in()->mutable_operand() = std::move(operand.operand);
  return cursor_.Expect(")");
}

bool ConditionParser::Function(api::Condition& out) {
  const Token function = cursor_.Take();
  const bool unary = function.text == kTests[0] || function.text == kTests[1];
  std::vector<Term> arguments;
  if (!cursor_.CountOperator(function)) return false;
  if (!Arguments(function, unary ? 1 : 2, arguments)) return false;
  if (function.text == "attribute_exists") {
    return TakePath(arguments[0], function, *out.mutable_exists());
  }
  if (function.text == "attribute_not_exists") {
    return TakePath(arguments[0], function, *out.mutable_not_exists());
  }
  if (function.text == "attribute_type") {
    return TypeTest(arguments, function, *out.mutable_type());
  }
  if (!CheckDistinct(function, arguments[0], arguments[1])) return false;
  if (function.text == "contains") {
    *out.mutable_contains()->mutable_operand() = std::move(arguments[0].operand);
    *out.mutable_contains()->mutable_element() = std::move(arguments[1].operand);
    return true;
  }
  for (const Term& term : arguments) {
    if (!CheckType(term, IsText, "begins_with")) return false;
  }
  *out.mutable_begins_with()->mutable_operand() = std::move(arguments[0].operand);
  *out.mutable_begins_with()->mutable_prefix() = std::move(arguments[1].operand);
  return true;
}

bool ConditionParser::TypeTest(const std::vector<Term>& arguments, const Token& function,
                               api::TypeTest& out) {
  if (!TakePath(arguments[0], function, *out.mutable_path())) return false;
  const Term& type = arguments[1];
  if (!type.operand.has_value()) {
    return cursor_.Fail(type.begin,
                        "The type must be an expression attribute value; operator or function: "
                        "attribute_type");
  }
  const auto is_string = [](model::Type is) { return is == model::Type::kString; };
  if (!CheckType(type, is_string, "attribute_type")) return false;
  out.set_type(model::DecodeValue(type.operand.value())->text());
  return IsTypeName(out.type()) || cursor_.Fail(type.begin, kWrongTypeName);
}

// ------------------------------------------------------------------- operands

bool ConditionParser::Operand(Term& out) {
  out.begin = cursor_.Peek();
  if (out.begin.is(Token::Kind::kValue)) {
    std::string& value = *out.operand.mutable_value();
    return cursor_.Value(value) && cursor_.CountValues(out.begin, value);
  }
  if (out.begin.is(Token::Kind::kWord) && cursor_.Peek(1).is("(")) {
    return out.begin.text == "size" ? Size(out) : WrongFunction(out.begin);
  }
  return cursor_.Path(*out.operand.mutable_path());
}

bool ConditionParser::Size(Term& out) {
  const Token function = cursor_.Take();
  std::vector<Term> arguments;
  return cursor_.CountOperator(function) && Arguments(function, 1, arguments) &&
         TakePath(arguments[0], function, *out.operand.mutable_size());
}

// Keywords before a parenthesis are no functions, but out of place.
bool ConditionParser::WrongFunction(const Token& function) {
  for (const std::string_view keyword : kKeywords) {
    if (cursor_.IsKeyword(keyword)) return cursor_.SyntaxError();
  }
  const absl::string_view name = ToAbsl(function.text);
  if (IsOneOf(kOfUpdates, function.text)) {
    return cursor_.Fail(function, absl::StrCat("The function is not allowed in a ", kind_,
                                               " expression; function: ", name));
  }
  if (IsOneOf(kTests, function.text)) {
    return cursor_.Fail(function,
                        absl::StrCat("The function is not allowed to be used this way in an "
                                     "expression; function: ",
                                     name));
  }
  return cursor_.Fail(function, absl::StrCat("Invalid function name; function: ", name));
}

bool ConditionParser::Arguments(const Token& function, size_t count, std::vector<Term>& out) {
  if (!cursor_.Enter(function) || !cursor_.Expect("(")) return false;
  do {
    out.emplace_back();
    if (!Operand(out.back())) return false;
  } while (cursor_.Skip(","));
  cursor_.Leave();
  if (!cursor_.Expect(")")) return false;
  if (out.size() == count) return true;
  return cursor_.Fail(function, WrongOperandCount(ToAbsl(function.text), out.size()));
}

bool ConditionParser::TakePath(const Term& argument, const Token& function, api::Path& out) {
  if (!argument.operand.has_path()) {
    return cursor_.Fail(argument.begin, NeedsPath(ToAbsl(function.text)));
  }
  out = argument.operand.path();
  return true;
}

bool ConditionParser::CheckDistinct(const Token& op, const Term& first, const Term& other) {
  const bool same = first.operand.has_path() && other.operand.has_path() &&
                    SamePath(first.operand.path(), other.operand.path());
  if (!same) return true;
  return cursor_.Fail(
      other.begin,
      absl::StrCat("The first operand must be distinct from the remaining operands "
                   "for this operator or function; operator: ",
                   ToAbsl(op.text), ", first operand: ", PathText(first.operand.path())));
}

bool ConditionParser::CheckType(const Term& term, TypePredicate fits, absl::string_view function) {
  if (!term.operand.has_value() || fits(TypeOf(term.operand.value()))) return true;
  return cursor_.Fail(term.begin, WrongOperandType(function, term.operand.value()));
}

absl::StatusOr<api::Condition> ParseWhole(Cursor& cursor, absl::string_view kind) {
  ConditionParser::Parsed parsed;
  const bool ok =
      cursor.status().ok() && ConditionParser(cursor, kind).Condition(parsed) && cursor.ExpectEnd();
  if (!ok) return cursor.status();
  return std::move(parsed.tree);
}

}  // namespace

absl::StatusOr<api::Condition> ParseCondition(std::string_view text, Placeholders& placeholders) {
  Cursor cursor("ConditionExpression", {kKeywords.begin(), kKeywords.end()}, text, placeholders);
  return ParseWhole(cursor, "condition");
}

absl::StatusOr<api::Condition> ParseFilter(std::string_view text, Placeholders& placeholders,
                                           const api::Table* queried) {
  Cursor cursor("FilterExpression", {kKeywords.begin(), kKeywords.end()}, text, placeholders);
  cursor.ForbidKeysOf(queried);
  return ParseWhole(cursor, "filter");
}

}  // namespace fastpath::expression
