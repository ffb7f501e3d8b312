// Which keys a query is about, from text:
//
//   id = :id AND (ts BETWEEN :from AND :to)
//
// Pure; thread-safe but for `placeholders`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/expression/placeholders.h"

namespace fastpath::expression {

// Values are encoded, as the protocol has them.
struct KeyCondition {
  enum class Sort {
    kAny,
    kEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kBetween,
    kBeginsWith
  };

  std::string partition;  // Equal to this.
  Sort sort = Sort::kAny;
  std::vector<std::string> bounds;  // None of kAny, low and high of kBetween, else one.
};

// Equality of `table`'s partition key, and at most one condition on its sort key,
// in either order. Values are of the keys' types; their lengths are not looked
// at. Errors as parse.h's.
absl::StatusOr<KeyCondition> ParseKeyCondition(std::string_view text, Placeholders& placeholders,
                                               const api::Table& table);

// What it asks of the sort key, for a request; nothing of kAny.
std::optional<api::SortCondition> SortConditionOf(const KeyCondition& key);

}  // namespace fastpath::expression
