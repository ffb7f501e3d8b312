//   update  := section+                               each keyword at most once
//   section := "SET" set ("," set)*        set    := path "=" value
//            | "REMOVE" path ("," path)*
//            | "ADD" change ("," change)*  change := path placeholder
//            | "DELETE" change ("," change)*
//   value   := operand (("+" | "-") operand)*         from the left
//   operand := path | placeholder | "(" value ")"
//            | "if_not_exists" "(" path "," value ")"
//            | "list_append" "(" value "," value ")"
//
// Keywords in any case, functions as they stand.
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

constexpr std::array<std::string_view, 6> kOfConditions = {
    "attribute_exists", "attribute_not_exists",
    "attribute_type",   "begins_with",
    "contains",         "size"};

// The right sides of SET.
class SetParser {
 public:
  explicit SetParser(Cursor& cursor) : cursor_(cursor) {}

  struct Parsed {
    Token begin;
    api::SetValue tree;
    int height = 1;
  };
  bool Value(Parsed& out);

 private:
  bool Operand(Parsed& out);
  bool Function(Parsed& out);
  bool Arguments(const Token& function, std::vector<Parsed>& out);
  bool IfNotExists(const Token& function, std::vector<Parsed> arguments, Parsed& out);
  bool ListAppend(const Token& function, std::vector<Parsed> arguments, Parsed& out);
  bool Join(const Token& op, Parsed left, Parsed right, api::SetValue::Binary& to, Parsed& out);
  bool CheckType(const Parsed& side, TypePredicate fits, absl::string_view function);

  Cursor& cursor_;
};

bool SetParser::Value(Parsed& out) {
  if (!Operand(out)) return false;
  while (cursor_.Peek().is("+") || cursor_.Peek().is("-")) {
    const Token op = cursor_.Take();
    Parsed left = std::exchange(out, {});
    Parsed right;
    if (!cursor_.CountOperator(op) || !Operand(right)) return false;
    const absl::string_view text = ToAbsl(op.text);
    if (!CheckType(left, IsNumber, text) || !CheckType(right, IsNumber, text)) return false;
    api::SetValue::Binary& to = op.is("+") ? *out.tree.mutable_plus() : *out.tree.mutable_minus();
    if (!Join(op, std::move(left), std::move(right), to, out)) return false;
  }
  return true;
}

bool SetParser::Operand(Parsed& out) {
  out.begin = cursor_.Peek();
  if (cursor_.Peek().is("(")) {
    const Token begin = cursor_.Take();
    if (!cursor_.Enter(begin) || !Value(out)) return false;
    out.begin = begin;
    cursor_.Leave();
    return cursor_.Expect(")");
  }
  if (out.begin.is(Token::Kind::kValue)) {
    return cursor_.Value(*out.tree.mutable_operand()->mutable_value());
  }
  if (out.begin.is(Token::Kind::kWord) && cursor_.Peek(1).is("(")) return Function(out);
  return cursor_.Path(*out.tree.mutable_operand()->mutable_path());
}

bool SetParser::Function(Parsed& out) {
  const Token function = cursor_.Peek();
  const absl::string_view name = ToAbsl(function.text);
  for (const std::string_view keyword : {"SET", "REMOVE", "ADD", "DELETE"}) {
    if (cursor_.IsKeyword(keyword)) return cursor_.SyntaxError();
  }
  if (std::find(kOfConditions.begin(), kOfConditions.end(), function.text) != kOfConditions.end()) {
    return cursor_.Fail(
        function,
        absl::StrCat("The function is not allowed in an update expression; function: ", name));
  }
  const bool append = function.text == "list_append";
  if (!append && function.text != "if_not_exists") {
    return cursor_.Fail(function, absl::StrCat("Invalid function name; function: ", name));
  }
  cursor_.Take();
  std::vector<Parsed> arguments;
  if (!cursor_.CountOperator(function) || !Arguments(function, arguments)) return false;
  if (arguments.size() != 2) {
    return cursor_.Fail(function, WrongOperandCount(name, arguments.size()));
  }
  return append ? ListAppend(function, std::move(arguments), out)
                : IfNotExists(function, std::move(arguments), out);
}

bool SetParser::Arguments(const Token& function, std::vector<Parsed>& out) {
  if (!cursor_.Enter(function) || !cursor_.Expect("(")) return false;
  do {
    out.emplace_back();
    if (!Value(out.back())) return false;
  } while (cursor_.Skip(","));
  cursor_.Leave();
  return cursor_.Expect(")");
}

bool SetParser::IfNotExists(const Token& function, std::vector<Parsed> arguments, Parsed& out) {
  if (!arguments[0].tree.operand().has_path()) {
    return cursor_.Fail(arguments[0].begin, NeedsPath(ToAbsl(function.text)));
  }
  api::SetValue::IfNotExists& to = *out.tree.mutable_if_not_exists();
  *to.mutable_path() = std::move(*arguments[0].tree.mutable_operand()->mutable_path());
  *to.mutable_otherwise() = std::move(arguments[1].tree);
  out.height = arguments[1].height + 1;
  return cursor_.CheckHeight(function, out.height);
}

bool SetParser::ListAppend(const Token& function, std::vector<Parsed> arguments, Parsed& out) {
  for (const Parsed& side : arguments) {
    if (!CheckType(side, IsList, "list_append")) return false;
  }
  return Join(function, std::move(arguments[0]), std::move(arguments[1]),
              *out.tree.mutable_list_append(), out);
}

bool SetParser::Join(const Token& op, Parsed left, Parsed right, api::SetValue::Binary& to,
                     Parsed& out) {
  out.begin = left.begin;
  out.height = std::max(left.height, right.height) + 1;
  *to.mutable_left() = std::move(left.tree);
  *to.mutable_right() = std::move(right.tree);
  return cursor_.CheckHeight(op, out.height);
}

bool SetParser::CheckType(const Parsed& side, TypePredicate fits, absl::string_view function) {
  const std::string& value = side.tree.operand().value();  // Empty if it is no constant.
  if (value.empty() || fits(TypeOf(value))) return true;
  return cursor_.Fail(side.begin, WrongOperandType(function, value));
}

class UpdateParser {
 public:
  UpdateParser(Cursor& cursor, const api::Table* table) : cursor_(cursor), table_(table) {}

  bool Update(api::UpdateTree& out);

 private:
  bool Section(std::string_view keyword, api::UpdateTree& out);
  bool Action(std::string_view keyword, api::UpdateTree& out);
  bool Set(api::SetAction& out);
  bool Change(api::ValueAction& out, TypePredicate fits, absl::string_view action);
  // `out` is where the path stays.
  bool Target(api::Path& out);

  Cursor& cursor_;
  const api::Table* const table_;
  PathTree targets_;
  int target_count_ = 0;
};

bool UpdateParser::Update(api::UpdateTree& out) {
  std::vector<std::string_view> missing = {"SET", "REMOVE", "ADD", "DELETE"};
  while (!cursor_.Peek().is(Token::Kind::kEnd)) {
    const auto next = std::find_if(missing.begin(), missing.end(), [this](std::string_view word) {
      return cursor_.IsKeyword(word);
    });
    if (next != missing.end()) {
      const std::string_view keyword = *next;
      missing.erase(next);
      if (!Section(keyword, out)) return false;
      continue;
    }
    for (const std::string_view keyword : {"SET", "REMOVE", "ADD", "DELETE"}) {
      if (!cursor_.IsKeyword(keyword)) continue;
      return cursor_.Fail(cursor_.Peek(),
                          absl::StrCat("The \"", ToAbsl(keyword),
                                       "\" section can only be used once in an update "
                                       "expression;"));
    }
    return cursor_.SyntaxError();
  }
  return true;
}

bool UpdateParser::Section(std::string_view keyword, api::UpdateTree& out) {
  cursor_.Take();
  do {
    if (!Action(keyword, out)) return false;
  } while (cursor_.Skip(","));
  return true;
}

bool UpdateParser::Action(std::string_view keyword, api::UpdateTree& out) {
  if (keyword == "SET") return Set(*out.add_set());
  if (keyword == "REMOVE") return Target(*out.add_remove());
  if (keyword == "ADD") return Change(*out.add_add(), IsAddable, "ADD");
  return Change(*out.add_delete_(), IsSet, "DELETE");
}

bool UpdateParser::Set(api::SetAction& out) {
  SetParser::Parsed value;
  if (!Target(*out.mutable_path()) || !cursor_.Expect("=")) return false;
  if (!SetParser(cursor_).Value(value)) return false;
  *out.mutable_value() = std::move(value.tree);
  return true;
}

bool UpdateParser::Change(api::ValueAction& out, TypePredicate fits, absl::string_view action) {
  if (!Target(*out.mutable_path())) return false;
  const Token value = cursor_.Peek();
  if (!cursor_.Value(*out.mutable_value())) return false;
  return fits(TypeOf(out.value())) || cursor_.Fail(value, WrongActionOperand(action, out.value()));
}

bool UpdateParser::Target(api::Path& out) {
  const Token begin = cursor_.Peek();
  if (!cursor_.Path(out)) return false;
  const std::string& name = out.steps(0).name();
  if (table_ != nullptr && IsKeyAttribute(*table_, name)) {
    return cursor_.FailPlainly(begin, UpdatesKey(name));
  }
  const absl::Status status = targets_.Insert(out, target_count_++);
  return status.ok() || cursor_.Fail(begin, status.message());
}

}  // namespace

absl::StatusOr<api::UpdateTree> ParseUpdate(std::string_view text, Placeholders& placeholders,
                                            const api::Table* table) {
  Cursor cursor("UpdateExpression", {"SET", "REMOVE", "ADD", "DELETE"}, text, placeholders);
  api::UpdateTree update;
  const bool ok = cursor.status().ok() && UpdateParser(cursor, table).Update(update);
  if (!ok) return cursor.status();
  return update;
}

}  // namespace fastpath::expression
