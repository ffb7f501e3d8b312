#include "partition/limits.h"

#include <algorithm>

#include "partition/model/codec.h"

namespace fastpath::partition {

namespace {

// Levels of nesting, as the codec counts them: a scalar attribute has none.
int Depth(const model::Value& value) {
  int inner = 0;
  if (value.is(model::Type::kMap)) {
    for (const auto& [name, element] : value.map()) {
      inner = std::max(inner, Depth(element));
    }
    return inner + 1;
  }
  if (value.is(model::Type::kList)) {
    for (const model::Value& element : value.list()) {
      inner = std::max(inner, Depth(element));
    }
    return inner + 1;
  }
  return 0;
}

}  // namespace

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

std::optional<Refusal> CheckUpdated(const api::UpdateTree& update, const model::Item& item) {
  if (model::ItemSizeBytes(item) > model::kItemLimitBytes) {
    return Refusal{api::TOO_LARGE, std::string(kUpdatedTooLargeMessage)};
  }
  // Only SET puts one document inside another.
  if (update.set_size() > 0) {
    for (const auto& [name, value] : item) {
      if (Depth(value) > model::kDepthLimit) {
        return Refusal{api::INVALID, std::string(kTooDeepMessage)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace fastpath::partition
