#include <algorithm>

#include "absl/strings/str_cat.h"
#include "partition/model/encoded.h"
#include "partition/model/key.h"

namespace fastpath::model {
namespace {

constexpr size_t kTableNameMinBytes = 3;
constexpr size_t kTableNameMaxBytes = 255;
constexpr size_t kKeyNameMaxBytes = 255;

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

bool IsTableNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
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

}  // namespace

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
