// Everything that a condition looks at, in order: what stands alone as a path, and operands.
// Internal to partition/expression. Thread-safe: no state.
#pragma once

#include "absl/functional/function_ref.h"
#include "partition/api.pb.h"

namespace fastpath::expression {

// Of a valid tree, so one that is not too deep.
void Walk(const api::Condition& condition, absl::FunctionRef<void(const api::Path&)> path,
          absl::FunctionRef<void(const api::Operand&)> operand);

}  // namespace fastpath::expression
