// The parameters that DynamoDB had before expressions, into the same trees ("Legacy
// conditional parameters", Developer Guide).
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/gateway/shape.h"
#include "partition/api.pb.h"
#include "partition/expression/key_condition.h"
#include "partition/expression/parse.h"

namespace fastpath::node::gateway {

// Expected and ConditionalOperator. Nothing: there is no condition.
absl::StatusOr<std::optional<api::Condition>> ReadExpected(const dom::object& parameters);
// QueryFilter or ScanFilter, named `parameter`, and ConditionalOperator; nothing if absent.
// `queried`: a query's table, whose key attributes are refused.
absl::StatusOr<std::optional<api::Condition>> ReadFilter(const dom::object& parameters,
                                                         std::string_view parameter,
                                                         const api::Table* queried);
absl::StatusOr<expression::KeyCondition> ReadKeyConditions(const dom::element& conditions,
                                                           const api::Table& table);
absl::StatusOr<api::UpdateTree> ReadAttributeUpdates(const dom::element& updates);
absl::Status ReadAttributesToGet(const dom::object& parameters, expression::Paths& paths);

}  // namespace fastpath::node::gateway
