#include "partition/expression/lexer.h"

#include <algorithm>

#include "partition/expression/reserved.h"

namespace fastpath::expression {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordPart(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

size_t LengthWhile(std::string_view text, size_t from, bool (*is)(char)) {
  const auto end = std::find_if_not(text.begin() + from, text.end(), is);
  return static_cast<size_t>(end - text.begin());
}

size_t SymbolLength(std::string_view text) {
  for (const std::string_view two : {"<>", "<=", ">="}) {
    if (text.substr(0, 2) == two) return 2;
  }
  return std::string_view("=<>+-()[].,").find(text[0]) == std::string_view::npos ? 0 : 1;
}

// With the continuation bytes of a UTF-8 character.
size_t CharacterLength(std::string_view text) {
  return LengthWhile(text, 1, [](char c) { return (c & 0xc0) == 0x80; });
}

// What `rest` begins with; it is not empty.
Token Next(std::string_view rest) {
  using Kind = Token::Kind;
  const char first = rest[0];
  if (IsLetter(first)) return {Kind::kWord, rest.substr(0, LengthWhile(rest, 1, IsWordPart))};
  if (IsDigit(first)) return {Kind::kNumber, rest.substr(0, LengthWhile(rest, 1, IsDigit))};
  if (first == '#' || first == ':') {
    const size_t length = LengthWhile(rest, 1, IsWordPart);
    const Kind kind = length == 1 ? Kind::kUnknown : first == '#' ? Kind::kName : Kind::kValue;
    return {kind, rest.substr(0, length)};
  }
  if (const size_t length = SymbolLength(rest); length > 0) {
    return {Kind::kSymbol, rest.substr(0, length)};
  }
  return {Kind::kUnknown, rest.substr(0, CharacterLength(rest))};
}

}  // namespace

std::vector<Token> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = LengthWhile(text, 0, IsBlank);
  while (at < text.size()) {
    Token token = Next(text.substr(at));
    token.at = at;
    at = LengthWhile(text, at + token.text.size(), IsBlank);
    tokens.push_back(token);
  }
  tokens.push_back({Token::Kind::kEnd, {}, text.size()});
  return tokens;
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && IsLetter(name[0]) && std::all_of(name.begin(), name.end(), IsWordPart) &&
         !IsReservedWord(name);
}

}  // namespace fastpath::expression
