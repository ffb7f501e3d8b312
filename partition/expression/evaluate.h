// What conditions, updates and projections do to an item, on the trees of
// api.proto. Pure and deterministic: part of what replicas must agree on, so a
// change of behaviour needs a new command version. Thread-safe: no state.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/model/value.h"

namespace fastpath::expression {

// Of one update or projection; each is sorted in among the rest.
inline constexpr int kPathLimit = 2048;
// Of a projection that has more.
absl::Status TooManyPaths();

// Limits as DynamoDB's: 300 operators in all, 100 operands of IN, depth 32; and
// 2,048 operands, and as many paths, for its limit on an expression's text.
// InvalidArgument: a malformed tree, named by its place ("update.set[2].path").
absl::Status ValidateCondition(const api::Condition& condition);
// Also: overlapping or equal paths, key attributes of `table`, operand types.
absl::Status ValidateUpdate(const api::Table& table, const api::UpdateTree& update);
// A query's filter: also no key attributes of `table`.
absl::Status ValidateQueryFilter(const api::Table& table, const api::Condition& filter);
absl::Status ValidateProjection(const google::protobuf::RepeatedPtrField<api::Path>& paths);

// `item` is empty if there is none. A path that is absent, or operands of
// unequal type, make a comparison false, never an error; but NE is "not EQ", and
// so true of them. An empty condition holds. size() of a string is its bytes.
bool Holds(const api::Condition& condition, const model::Item& item);

// Every right side sees the item as it was before; so do indexes into lists:
// what is removed closes up, what is set past the end is appended. `item` has its
// key attributes already. Errors in DynamoDB's words: InvalidArgument (type
// mismatch, invalid document path, nesting over kDepthLimit), OutOfRange (number
// overflow), ResourceExhausted (the item would be over kItemLimitBytes). On an
// error the item is unchanged. `updated`, if given, gets what UPDATED_NEW returns:
// the parts that the update's paths now lead to, wherever its lists moved them.
absl::Status Apply(const api::UpdateTree& update, model::Item& item,
                   model::Item* updated = nullptr);

// What UPDATED_OLD returns: the parts of `item` before the update that its paths
// name. As with Project, elements chosen from a list close up, and what is absent
// is left out.
model::Item Touched(const api::UpdateTree& update, const model::Item& item);

model::Item Project(const google::protobuf::RepeatedPtrField<api::Path>& paths,
                    const model::Item& item);

}  // namespace fastpath::expression
