#include "partition/expression/placeholders.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "partition/expression/lexer.h"
#include "partition/expression/rules.h"
#include "partition/frame.h"
#include "partition/model/codec.h"

namespace fastpath::expression {
namespace {

static_assert(kUsedLimitBytes == kClientFrameLimitBytes);

// The request's parameter, as DynamoDB calls it.
constexpr char kNames[] = "ExpressionAttributeNames";
constexpr char kValues[] = "ExpressionAttributeValues";

absl::Status Refused(absl::string_view parameter, absl::string_view why,
                     std::string_view placeholder) {
  constexpr size_t kShownBytes = 2 * kPlaceholderLimitBytes;
  return absl::InvalidArgumentError(
      absl::StrCat(parameter, " ", why, "; key: \"",
                   absl::Utf8SafeCEscape(ToAbsl(placeholder.substr(0, kShownBytes))), "\""));
}

bool IsOneToken(std::string_view text, Token::Kind kind) {
  const std::vector<Token> tokens = Tokenize(text.substr(0, kPlaceholderLimitBytes + 1));
  return tokens.size() == 2 && tokens[0].is(kind) && tokens[0].text == text;
}

template <typename Entries>
absl::Status CheckUsed(absl::string_view parameter, const Entries& entries) {
  std::vector<std::string> unused;
  for (const auto& [placeholder, entry] : entries) {
    if (!entry.used) unused.push_back(placeholder);
  }
  if (unused.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Value provided in ", parameter,
                                                 " unused in expressions: keys: {",
                                                 absl::StrJoin(unused, ", "), "}"));
}

}  // namespace

absl::Status Placeholders::Add(Entries& entries, std::string_view placeholder, std::string meaning,
                               size_t size_bytes) {
  const bool is_name = &entries == &names_;
  const absl::string_view parameter = is_name ? kNames : kValues;
  if (placeholder.size() > kPlaceholderLimitBytes) {
    return Refused(parameter, "contains invalid key: over 255 bytes", placeholder);
  }
  if (!IsOneToken(placeholder, is_name ? Token::Kind::kName : Token::Kind::kValue)) {
    return Refused(parameter, "contains invalid key: Syntax error", placeholder);
  }
  size_bytes_ += placeholder.size() + size_bytes;
  if (size_bytes_ > kSubstitutionLimitBytes) {
    return Refused(parameter, "exceeds the maximum size of all substitution variables, 2 MB",
                   placeholder);
  }
  const bool is_new = entries.emplace(std::string(placeholder), Entry{std::move(meaning)}).second;
  return is_new ? absl::OkStatus() : Refused(parameter, "contains a key twice", placeholder);
}

absl::Status Placeholders::AddName(std::string_view placeholder, std::string_view name) {
  if (absl::Status status = CheckAttributeName(name); !status.ok()) {
    return Refused(kNames, absl::StrCat("contains invalid value: ", status.message()), placeholder);
  }
  return Add(names_, placeholder, std::string(name), name.size());
}

absl::Status Placeholders::AddValue(std::string_view placeholder, const model::Value& value) {
  std::string encoded = model::EncodeValue(value);
  if (absl::Status status = model::ValidateValue(encoded); !status.ok()) {
    return Refused(kValues, absl::StrCat("contains invalid value: ", status.message()),
                   placeholder);
  }
  return Add(values_, placeholder, std::move(encoded), ValueSizeBytes(value));
}

const std::string* Placeholders::Use(Entries& entries, std::string_view placeholder) {
  const auto it = entries.find(placeholder);
  if (it == entries.end()) return nullptr;
  it->second.used = true;
  used_bytes_ += it->second.meaning.size();
  return &it->second.meaning;
}

const std::string* Placeholders::UseName(std::string_view placeholder) {
  return Use(names_, placeholder);
}

const std::string* Placeholders::UseValue(std::string_view placeholder) {
  return Use(values_, placeholder);
}

absl::Status Placeholders::CheckAllUsed() const {
  if (absl::Status status = CheckUsed(kNames, names_); !status.ok()) return status;
  return CheckUsed(kValues, values_);
}

}  // namespace fastpath::expression
