//   key   := part ("AND" part)*
//   part  := "(" key ")" | test   parentheses in parentheses alone are redundant
//   test  := attribute ("=" | "<" | "<=" | ">" | ">=") value
//          | attribute "BETWEEN" value "AND" value
//          | "begins_with" "(" attribute "," value ")"
#include "partition/expression/key_condition.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/expression/cursor.h"
#include "partition/expression/parse.h"

namespace fastpath::expression {
namespace {

using Sort = KeyCondition::Sort;

constexpr std::array<std::string_view, 5> kKeywords = {"AND", "OR", "NOT", "BETWEEN", "IN"};

std::optional<Sort> ComparisonOf(const Token& token) {
  constexpr std::array<std::pair<std::string_view, Sort>, 5> kComparisons = {
      {{"=", Sort::kEqual},
       {"<", Sort::kLess},
       {"<=", Sort::kLessOrEqual},
       {">", Sort::kGreater},
       {">=", Sort::kGreaterOrEqual}}};
  for (const auto& [text, sort] : kComparisons) {
    if (token.is(text)) return sort;
  }
  return std::nullopt;
}

class KeyParser {
 public:
  KeyParser(Cursor& cursor, const api::Table& table) : cursor_(cursor), table_(table) {}

  bool Whole(KeyCondition& out);

 private:
  // `parenthesised`: whether all of it is.
  bool Key(KeyCondition& out, bool& parenthesised);
  bool Part(KeyCondition& out, bool& parenthesised);
  bool Test(KeyCondition& out);
  bool BeginsWith(KeyCondition& out);
  // Which key the attribute is; its type.
  bool Attribute(const api::KeyAttribute*& out);
  bool NoKey(const Token& attribute);
  bool Bound(const api::KeyAttribute& key, std::vector<std::string>& bounds);
  bool Between(const api::KeyAttribute& key, std::vector<std::string>& bounds);
  bool WrongOperator();
  bool Take(const Token& begin, const api::KeyAttribute& key, Sort sort,
            std::vector<std::string> bounds, KeyCondition& out);

  Cursor& cursor_;
  const api::Table& table_;
  bool has_partition_ = false;
  bool has_sort_ = false;
};

bool KeyParser::Whole(KeyCondition& out) {
  bool parenthesised = false;
  if (!Key(out, parenthesised) || !cursor_.ExpectEnd()) return false;
  return has_partition_ ||
         cursor_.FailPlainly(cursor_.Peek(),
                             absl::StrCat("Query condition missed key schema element: ",
                                          table_.partition_key().name()));
}

bool KeyParser::Key(KeyCondition& out, bool& parenthesised) {
  if (!Part(out, parenthesised)) return false;
  while (cursor_.SkipKeyword("AND")) {
    if (!Part(out, parenthesised)) return false;
    parenthesised = false;
  }
  return !cursor_.IsKeyword("OR") || WrongOperator();
}

bool KeyParser::Part(KeyCondition& out, bool& parenthesised) {
  parenthesised = cursor_.Peek().is("(");
  if (!parenthesised) return Test(out);
  const Token begin = cursor_.Take();
  bool again = false;
  if (!cursor_.Enter(begin) || !Key(out, again)) return false;
  cursor_.Leave();
  if (!cursor_.Expect(")")) return false;
  return !again || cursor_.Fail(begin, kRedundantParentheses);
}

bool KeyParser::Test(KeyCondition& out) {
  const Token begin = cursor_.Peek();
  if (cursor_.IsKeyword("NOT")) return WrongOperator();
  if (begin.is(Token::Kind::kWord) && cursor_.Peek(1).is("(")) {
    return begin.text == "begins_with" ? BeginsWith(out) : WrongOperator();
  }
  const api::KeyAttribute* key = nullptr;
  if (!Attribute(key)) return false;
  std::vector<std::string> bounds;
  if (cursor_.SkipKeyword("BETWEEN")) {
    return Between(*key, bounds) && Take(begin, *key, Sort::kBetween, std::move(bounds), out);
  }
  if (cursor_.Peek().is("<>") || cursor_.IsKeyword("IN")) return WrongOperator();
  const std::optional<Sort> sort = ComparisonOf(cursor_.Peek());
  if (!sort.has_value()) return cursor_.SyntaxError();
  cursor_.Take();
  return Bound(*key, bounds) && Take(begin, *key, *sort, std::move(bounds), out);
}

bool KeyParser::BeginsWith(KeyCondition& out) {
  cursor_.Take();
  const api::KeyAttribute* key = nullptr;
  if (!cursor_.Expect("(")) return false;
  const Token begin = cursor_.Peek();
  std::vector<std::string> bounds;
  if (!Attribute(key) || !cursor_.Expect(",")) return false;
  const Token prefix = cursor_.Peek();
  if (!Bound(*key, bounds) || !cursor_.Expect(")")) return false;
  if (!IsText(TypeOf(bounds[0]))) {
    return cursor_.Fail(prefix, WrongOperandType("begins_with", bounds[0]));
  }
  return Take(begin, *key, Sort::kBeginsWith, std::move(bounds), out);
}

bool KeyParser::Attribute(const api::KeyAttribute*& out) {
  const Token begin = cursor_.Peek();
  api::Path path;
  if (!cursor_.Path(path)) return false;
  if (path.steps_size() > 1) {
    return cursor_.Fail(begin,
                        "KeyConditionExpressions cannot have conditions on nested attributes");
  }
  const std::string& name = path.steps(0).name();
  if (!IsKeyAttribute(table_, name)) return NoKey(begin);
  out = name == table_.partition_key().name() ? &table_.partition_key() : &table_.sort_key();
  return true;
}

bool KeyParser::NoKey(const Token& attribute) {
  if (has_partition_ && has_sort_) {
    return cursor_.FailPlainly(attribute, "Conditions can be of length 1 or 2 only");
  }
  const std::string& sort_key = table_.sort_key().name();
  if (!has_partition_ || sort_key.empty()) {
    return cursor_.FailPlainly(attribute, "Query key condition not supported");
  }
  return cursor_.FailPlainly(attribute,
                             absl::StrCat("Query condition missed key schema element: ", sort_key));
}

bool KeyParser::Bound(const api::KeyAttribute& key, std::vector<std::string>& bounds) {
  const Token value = cursor_.Peek();
  if (!cursor_.Value(bounds.emplace_back())) return false;
  // KeyType has the same numbers as Type.
  if (static_cast<int>(TypeOf(bounds.back())) == static_cast<int>(key.type())) return true;
  return cursor_.FailPlainly(value,
                             "One or more parameter values were invalid: Condition parameter type "
                             "does not match schema type");
}

bool KeyParser::Between(const api::KeyAttribute& key, std::vector<std::string>& bounds) {
  if (!Bound(key, bounds) || !cursor_.ExpectKeyword("AND")) return false;
  const Token high = cursor_.Peek();
  if (!Bound(key, bounds)) return false;
  const std::string error = BoundsError(bounds[0], bounds[1]);
  return error.empty() || cursor_.Fail(high, error);
}

bool KeyParser::WrongOperator() {
  const Token& token = cursor_.Peek();
  return cursor_.FailPlainly(
      token, absl::StrCat("Invalid operator used in KeyConditionExpression: ", ToAbsl(token.text)));
}

bool KeyParser::Take(const Token& begin, const api::KeyAttribute& key, Sort sort,
                     std::vector<std::string> bounds, KeyCondition& out) {
  const bool partition = &key == &table_.partition_key();
  if (partition && sort != Sort::kEqual) {
    return cursor_.FailPlainly(begin, "Query key condition not supported");
  }
  if (partition ? has_partition_ : has_sort_) {
    return cursor_.Fail(begin, "KeyConditionExpressions must only contain one condition per key");
  }
  if (partition) {
    has_partition_ = true;
    out.partition = std::move(bounds[0]);
  } else {
    has_sort_ = true;
    out.sort = sort;
    out.bounds = std::move(bounds);
  }
  return true;
}

static_assert(static_cast<int>(model::Type::kString) == api::S);
static_assert(static_cast<int>(model::Type::kNumber) == api::N);
static_assert(static_cast<int>(model::Type::kBinary) == api::B);

}  // namespace

absl::StatusOr<KeyCondition> ParseKeyCondition(std::string_view text, Placeholders& placeholders,
                                               const api::Table& table) {
  Cursor cursor("KeyConditionExpression", {kKeywords.begin(), kKeywords.end()}, text, placeholders);
  KeyCondition condition;
  const bool ok = cursor.status().ok() && KeyParser(cursor, table).Whole(condition);
  if (!ok) return cursor.status();
  return condition;
}

std::optional<api::SortCondition> SortConditionOf(const KeyCondition& key) {
  api::SortCondition tree;
  switch (key.sort) {
    case Sort::kAny:
      return std::nullopt;
    case Sort::kEqual:
      tree.set_equal(key.bounds[0]);
      break;
    case Sort::kLess:
      tree.set_less(key.bounds[0]);
      break;
    case Sort::kLessOrEqual:
      tree.set_less_or_equal(key.bounds[0]);
      break;
    case Sort::kGreater:
      tree.set_greater(key.bounds[0]);
      break;
    case Sort::kGreaterOrEqual:
      tree.set_greater_or_equal(key.bounds[0]);
      break;
    case Sort::kBetween:
      tree.mutable_between()->set_low(key.bounds[0]);
      tree.mutable_between()->set_high(key.bounds[1]);
      break;
    case Sort::kBeginsWith:
      tree.set_begins_with(key.bounds[0]);
      break;
  }
  return tree;
}

}  // namespace fastpath::expression
