#include "partition/expression/cursor.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "partition/expression/parse.h"
#include "partition/expression/reserved.h"
#include "partition/model/encoded.h"

namespace fastpath::expression {
namespace {

constexpr int kNestingLimit = 64;  // Bounds the parser's own recursion.

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// As it is, if messages can show that: they are printable UTF-8.
std::string Shown(std::string_view text) {
  const bool shows = model::IsUtf8(text) && std::none_of(text.begin(), text.end(), IsControl);
  return shows ? std::string(text) : absl::CHexEscape(ToAbsl(text));
}

std::string Shown(const Token& token) {
  return token.is(Token::Kind::kEnd) ? "<EOF>" : Shown(token.text);
}

}  // namespace

Cursor::Cursor(std::string_view parameter, std::vector<std::string_view> keywords,
               std::string_view text, Placeholders& placeholders)
    : parameter_(parameter),
      keywords_(std::move(keywords)),
      text_(text),
      placeholders_(placeholders) {
  const bool too_long = text.size() > kTextLimitBytes;
  if (!too_long) tokens_ = Tokenize(text);
  if (too_long) {
    Fail({Token::Kind::kUnknown, text.substr(kTextLimitBytes, 1), kTextLimitBytes},
         absl::StrCat("Expression size has exceeded the maximum allowed size; expression size: ",
                      text.size()));
  } else if (tokens_.size() == 1) {
    Fail(tokens_[0], "The expression can not be empty;");
  }
}

const Token& Cursor::Peek(size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

Token Cursor::Take() {
  const Token token = Peek();
  if (!token.is(Token::Kind::kEnd)) ++next_;
  return token;
}

bool Cursor::Skip(std::string_view symbol) {
  if (!Peek().is(symbol)) return false;
  Take();
  return true;
}

bool Cursor::IsKeyword(std::string_view keyword) const {
  return Peek().is(Token::Kind::kWord) && SameWord(Peek().text, keyword);
}

bool Cursor::SkipKeyword(std::string_view keyword) {
  if (!IsKeyword(keyword)) return false;
  Take();
  return true;
}

bool Cursor::Expect(std::string_view symbol) { return Skip(symbol) || SyntaxError(); }
bool Cursor::ExpectKeyword(std::string_view keyword) {
  return SkipKeyword(keyword) || SyntaxError();
}
bool Cursor::ExpectEnd() { return Peek().is(Token::Kind::kEnd) || SyntaxError(); }

bool Cursor::Fail(const Token& token, absl::string_view words) {
  return FailPlainly(token, absl::StrCat("Invalid ", ToAbsl(parameter_), ": ", words));
}

bool Cursor::FailPlainly(const Token& token, absl::string_view words) {
  if (status_.ok()) {
    const absl::string_view separator = words.empty() || words.back() != ';' ? "; " : " ";
    status_ = absl::InvalidArgumentError(
        absl::StrCat(words, separator, "token: \"", Shown(token), "\", at: ", token.at));
  }
  return false;
}

bool Cursor::SyntaxError() {
  const Token& token = Peek();
  const size_t from = next_ == 0 ? token.at : tokens_[next_ - 1].at;
  const size_t to = Peek(1).at + Peek(1).text.size();
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("Invalid ", ToAbsl(parameter_), ": Syntax error; token: \"", Shown(token),
                     "\", near: \"", Shown(text_.substr(from, to - from)), "\", at: ", token.at));
  }
  return false;
}

// ------------------------------------------------------------------- operands

bool Cursor::IsAnyKeyword(std::string_view word) const {
  return std::any_of(keywords_.begin(), keywords_.end(),
                     [word](std::string_view keyword) { return SameWord(word, keyword); });
}

bool Cursor::PathName(api::Path& out) {
  const Token& token = Peek();
  if (token.is(Token::Kind::kName)) {
    const std::string* name = placeholders_.UseName(token.text);
    if (name == nullptr) {
      return Fail(token,
                  absl::StrCat("An expression attribute name used in the document path is not "
                               "defined; attribute name: ",
                               ToAbsl(token.text)));
    }
    if (!CheckUsed(token)) return false;
    out.add_steps()->set_name(*name);
  } else if (token.is(Token::Kind::kWord) && !IsAnyKeyword(token.text)) {
    if (IsReservedWord(token.text)) {
      return Fail(token, absl::StrCat("Attribute name is a reserved keyword; reserved keyword: ",
                                      ToAbsl(token.text)));
    }
    out.add_steps()->set_name(std::string(token.text));
  } else {
    return SyntaxError();
  }
  Take();
  return true;
}

bool Cursor::PathIndex(api::Path& out) {
  const Token token = Peek();
  if (!token.is(Token::Kind::kNumber)) return SyntaxError();
  uint32_t index = 0;
  const auto [stop, error] =
      std::from_chars(token.text.data(), token.text.data() + token.text.size(), index);
  if (error != std::errc()) {
    return Fail(token, absl::StrCat("List index is not within the allowable range; index: [",
                                    ToAbsl(token.text), "]"));
  }
  out.add_steps()->set_index(index);
  Take();
  return Expect("]");
}

bool Cursor::Path(api::Path& out) {
  const Token begin = Peek();
  if (!PathName(out)) return false;
  if (forbidden_ != nullptr && IsKeyAttribute(*forbidden_, out.steps(0).name())) {
    return FailPlainly(begin, absl::StrCat("Filter Expression can only contain non-primary key "
                                           "attributes: Primary key attribute: ",
                                           out.steps(0).name()));
  }
  for (;;) {
    const bool more = Skip(".") ? PathName(out) : Skip("[") ? PathIndex(out) : false;
    if (!status_.ok()) return false;
    if (!more) break;
  }
  if (out.steps_size() > kPathStepLimit) {
    return Fail(begin, absl::StrCat("The document path has too many nesting elements; nesting "
                                    "element count: ",
                                    out.steps_size()));
  }
  return true;
}

bool Cursor::Value(std::string& out) {
  const Token& token = Peek();
  if (!token.is(Token::Kind::kValue)) return SyntaxError();
  const std::string* value = placeholders_.UseValue(token.text);
  if (value == nullptr) {
    return Fail(token, absl::StrCat("An expression attribute value used in expression is not "
                                    "defined; attribute value: ",
                                    ToAbsl(token.text)));
  }
  if (!CheckUsed(token)) return false;
  out = *value;
  Take();
  return true;
}

// --------------------------------------------------------------------- limits

// Before it is copied once more.
bool Cursor::CheckUsed(const Token& placeholder) {
  if (!placeholders_.used_too_much()) return true;
  return Fail(placeholder,
              absl::StrCat("the expressions of the request use names and values of over ",
                           kUsedLimitBytes, " bytes in all"));
}

bool Cursor::CountOperator(const Token& token) {
  return ++operators_ <= kOperatorLimit || Fail(token, kTooManyOperators);
}

bool Cursor::CountValues(const Token& token, const std::string& constant) {
  values_ += model::CountValues(constant);
  return values_ <= kConstantValueLimit || Fail(token, kTooManyValues);
}

bool Cursor::CheckHeight(const Token& token, int height) {
  if (height <= kExpressionDepthLimit) return true;
  return Fail(token, absl::StrCat("nested over ", kExpressionDepthLimit, " deep"));
}

bool Cursor::Enter(const Token& token) {
  if (nesting_ == kNestingLimit) {
    return Fail(token, absl::StrCat("over ", kNestingLimit, " parentheses and NOTs are open"));
  }
  ++nesting_;
  return true;
}

}  // namespace fastpath::expression
