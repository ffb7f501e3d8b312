#include "partition/limits.h"

#include "partition/model/codec.h"

namespace fastpath::partition {

std::string TableNotFoundMessage(std::string_view table) {
  return "Requested resource not found: Table: " + std::string(table) + " not found";
}

std::optional<Refusal> CheckItem(std::string_view encoded) {
  if (absl::Status valid = model::ValidateItem(encoded); !valid.ok()) {
    return Refusal{api::INVALID, ToStd(valid.message())};
  }
  if (model::EncodedItemSizeBytes(encoded) > model::kItemLimitBytes) {
    return Refusal{api::TOO_LARGE, std::string(kItemTooLargeMessage)};
  }
  return std::nullopt;
}

}  // namespace fastpath::partition
