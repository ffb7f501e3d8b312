#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "partition/model/encoded.h"
#include "partition/model/key.h"

namespace fastpath::model {
namespace {

constexpr size_t kTableNameMinBytes = 3;
constexpr size_t kTableNameMaxBytes = 255;
constexpr size_t kKeyNameMaxBytes = 255;
constexpr int kTagsLimit = 50;
constexpr size_t kTagKeyLimit = 128;
constexpr size_t kTagValueLimit = 256;

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

bool IsTableNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

bool IsTagCharacter(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || absl::ascii_isalnum(c) ||
         absl::string_view(" +-=._:/@").find(c) != absl::string_view::npos;
}

absl::Status CheckAttributeName(absl::string_view what, const std::string& name) {
  if (name.empty() || name.size() > kKeyNameMaxBytes) {
    return Invalid(absl::StrCat(what, " must be between 1 and ", kKeyNameMaxBytes,
                                " bytes long, and is ", name.size()));
  }
  if (!IsUtf8(name)) return Invalid(absl::StrCat(what, " is not UTF-8"));
  return absl::OkStatus();
}

absl::Status CheckKeyAttribute(absl::string_view what, const api::KeyAttribute& attribute) {
  absl::Status status = CheckAttributeName(absl::StrCat(what, "'s name"), attribute.name());
  if (!status.ok()) return status;
  if (attribute.type() != api::S && attribute.type() != api::N && attribute.type() != api::B) {
    return Invalid(absl::StrCat(what, " ", attribute.name(), " must be of type S, N or B"));
  }
  return absl::OkStatus();
}

// In characters; "aws:" is reserved in every case. Which letters of other alphabets
// DynamoDB takes is not told apart: all are taken.
absl::Status CheckTagText(absl::string_view what, const std::string& text, size_t least,
                          size_t most) {
  if (!IsUtf8(text)) return Invalid(absl::StrCat(what, " is not UTF-8"));
  const size_t characters = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  if (characters < least || characters > most) {
    return Invalid(absl::StrCat(what, " must have between ", least, " and ", most,
                                " characters, and has ", characters));
  }
  if (!std::all_of(text.begin(), text.end(), IsTagCharacter)) {
    return Invalid(absl::StrCat(what, " may hold letters, digits, spaces and + - = . _ : / @"));
  }
  if (absl::StartsWithIgnoreCase(text, "aws:")) {
    return Invalid(absl::StrCat(what, " may not begin with aws:"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateTags(const google::protobuf::RepeatedPtrField<api::Tag>& tags) {
  if (tags.size() > kTagsLimit) {
    return Invalid(absl::StrCat("a table has at most ", kTagsLimit, " tags"));
  }
  std::set<std::string_view> keys;
  for (const api::Tag& tag : tags) {
    if (!keys.insert(tag.key()).second) {
      return Invalid(absl::StrCat("the tag key ", tag.key(), " is given twice"));
    }
    if (absl::Status status = CheckTagText("a tag's key", tag.key(), 1, kTagKeyLimit);
        !status.ok()) {
      return status;
    }
    if (absl::Status status = CheckTagText("a tag's value", tag.value(), 0, kTagValueLimit);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateTable(const api::Table& table) {
  const std::string& name = table.name();
  if (name.size() < kTableNameMinBytes || name.size() > kTableNameMaxBytes ||
      !std::all_of(name.begin(), name.end(), IsTableNameCharacter)) {
    return absl::InvalidArgumentError(
        "Invalid table/index name. Table/index names must be between 3 and 255 characters long, "
        "and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'");
  }
  absl::Status status = CheckKeyAttribute("the partition key", table.partition_key());
  if (!status.ok()) return status;
  const api::KeyAttribute& sort = table.sort_key();
  if (sort.name().empty() && sort.type() != api::KEY_TYPE_UNSPECIFIED) {
    return Invalid("the sort key has a type but no name");
  }
  if (!sort.name().empty()) {
    if (status = CheckKeyAttribute("the sort key", sort); !status.ok()) return status;
    if (sort.name() == table.partition_key().name()) {
      return Invalid("the partition key and the sort key have the same name");
    }
  }
  if (table.ttl_attribute().empty()) return absl::OkStatus();
  return CheckAttributeName("the TTL attribute's name", table.ttl_attribute());
}

}  // namespace fastpath::model
