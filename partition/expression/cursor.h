// What the parsers of all expressions share: a place in the tokens, the first
// error, paths, values and the limits. Parsing functions answer false once there
// is an error. Internal to partition/expression; lives for one parse.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "partition/api.pb.h"
#include "partition/expression/lexer.h"
#include "partition/expression/placeholders.h"
#include "partition/expression/rules.h"

namespace fastpath::expression {

class Cursor {
 public:
  // `parameter`: the expression as DynamoDB calls it, "UpdateExpression"; also
  // how errors begin. `keywords`, upper case: words of its grammar, no names.
  // The arguments outlive the cursor. Check status() before parsing: an empty
  // text, or one over 4 KB, is an error already.
  Cursor(std::string_view parameter, std::vector<std::string_view> keywords, std::string_view text,
         Placeholders& placeholders);

  const absl::Status& status() const { return status_; }

  // --- tokens
  const Token& Peek(size_t ahead = 0) const;
  Token Take();                                    // The end is not passed.
  bool Skip(std::string_view symbol);              // Takes it if it is next.
  bool SkipKeyword(std::string_view keyword);      // Likewise.
  bool IsKeyword(std::string_view keyword) const;  // Whether it is next.
  bool Expect(std::string_view symbol);            // Takes it, or is an error.
  bool ExpectKeyword(std::string_view keyword);
  bool ExpectEnd();

  // --- errors: always false. Each ends with the token and its offset.
  bool Fail(const Token& token, absl::string_view words);  // "Invalid ...Expression: words".
  bool FailPlainly(const Token& token, absl::string_view words);
  bool SyntaxError();  // At the next token.

  // --- operands
  bool Path(api::Path& out);
  bool Value(std::string& out);  // A placeholder's, encoded.
  // No path may begin with a key attribute of `table`, which outlives the cursor.
  void ForbidKeysOf(const api::Table* table) { forbidden_ = table; }

  // --- limits
  bool CountOperator(const Token& token);
  bool CountValues(const Token& token, const std::string& constant);  // Encoded; of a condition.
  bool CheckHeight(const Token& token, int height);  // Of the tree that begins or joins there.
  // Parentheses and NOTs that are open; every Enter that was true has its Leave.
  bool Enter(const Token& token);
  void Leave() { --nesting_; }

 private:
  bool PathName(api::Path& out);
  bool PathIndex(api::Path& out);
  bool CheckUsed(const Token& placeholder);
  bool IsAnyKeyword(std::string_view word) const;

  const std::string_view parameter_;
  const std::vector<std::string_view> keywords_;
  const std::string_view text_;
  Placeholders& placeholders_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  absl::Status status_;
  const api::Table* forbidden_ = nullptr;
  int operators_ = 0;
  size_t values_ = 0;
  int nesting_ = 0;
};

}  // namespace fastpath::expression
