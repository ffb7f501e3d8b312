// DynamoDB's limits on items, and the words and codes of their refusals.
// Thread-safe: no state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "partition/api.pb.h"

namespace fastpath::partition {

// Why a request is refused: a code that is not OK, and words for its sender.
struct Refusal {
  api::Code code = api::OK;
  std::string message;
};

// Of a transaction.
inline constexpr int kTransactItemLimit = 100;
inline constexpr size_t kTransactLimitBytes = 4'000'000;
inline constexpr size_t kTokenLimitBytes = 36;

inline constexpr std::string_view kCancelledMessage =
    "Transaction cancelled, please refer cancellation reasons for specific reasons";
inline constexpr std::string_view kConditionFailedMessage = "The conditional request failed";
inline constexpr std::string_view kItemTooLargeMessage =
    "Item size has exceeded the maximum allowed size";

// Debian's absl::string_view is not std::string_view.
inline std::string ToStd(absl::string_view text) { return std::string(text.data(), text.size()); }

std::string TableNotFoundMessage(std::string_view table);

// An item given whole.
std::optional<Refusal> CheckItem(std::string_view encoded);

}  // namespace fastpath::partition
