// Expressions from text, as DynamoDB's, into the trees of api.proto. Each is also
// what its validator of evaluate.h accepts.
//
//   stock >= :q AND (attribute_exists(#t) OR NOT size(a.b[3]) IN (:x, :y))
//   SET stock = stock - :q, seen = if_not_exists(seen, :zero) + :one REMOVE draft
//   a.b[3].c, #t
//
// Errors are InvalidArgument in DynamoDB's words, and name the token they are
// about and its first byte's offset in the text, at their end:
//   Invalid UpdateExpression: Syntax error; token: "=", near: "a = = :v", at: 8
// The grammars stand in parse_*.cc. Pure; thread-safe but for `placeholders`.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/expression/placeholders.h"

namespace fastpath::expression {

inline constexpr size_t kTextLimitBytes = 4096;

absl::StatusOr<api::Condition> ParseCondition(std::string_view text, Placeholders& placeholders);

// A condition on what a query or scan found. With `queried`, the table of a
// query, its key attributes are refused: they belong in the key condition.
absl::StatusOr<api::Condition> ParseFilter(std::string_view text, Placeholders& placeholders,
                                           const api::Table* queried = nullptr);

// With `table`, its key attributes are refused as what is changed; without, that
// is left to who knows the table.
absl::StatusOr<api::UpdateTree> ParseUpdate(std::string_view text, Placeholders& placeholders,
                                            const api::Table* table = nullptr);

using Paths = google::protobuf::RepeatedPtrField<api::Path>;
absl::StatusOr<Paths> ParseProjection(std::string_view text, Placeholders& placeholders);

}  // namespace fastpath::expression
