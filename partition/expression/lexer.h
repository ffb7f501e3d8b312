// The text of an expression as tokens.
//
//   word   := letter (letter | digit | "_")*      attribute names, keywords, functions
//   name   := "#" (letter | digit | "_")+         stands for an attribute name
//   value  := ":" (letter | digit | "_")+         stands for a value
//   number := digit+                              in indexes only
//   symbol := "=" "<>" "<" "<=" ">" ">=" "+" "-" "(" ")" "[" "]" "." ","
//
// Letters are ASCII's; blanks, tabs and line ends separate tokens and mean
// nothing else. Internal to partition/expression. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace fastpath::expression {

struct Token {
  enum class Kind { kEnd, kWord, kName, kValue, kNumber, kSymbol, kUnknown };

  bool is(Kind wanted) const { return kind == wanted; }
  bool is(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }

  Kind kind = Kind::kEnd;
  std::string_view text;  // Into the expression's.
  size_t at = 0;          // The first byte's offset.
};

// The last token is kEnd. What begins no token is kUnknown: one byte, or a whole
// character of UTF-8.
std::vector<Token> Tokenize(std::string_view text);

// Whether an attribute's name may stand in the text as it is: a word that is not
// reserved.
bool IsPlainName(std::string_view name);

}  // namespace fastpath::expression
