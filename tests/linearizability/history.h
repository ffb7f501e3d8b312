// Histories as JSON lines, one operation each, so that any checker can judge
// them. Pure.
//
//   {"process":1,"key":"a","op":"cas","args":{"expect":"1","value":"2"},
//    "result":{"swapped":true},"call_ns":100,"return_ns":200,"outcome":"ok"}
//
//   op      args                             result
//   get     {}                               {"value":S|null}
//   put     {"value":S}                      {}
//   cas     {"expect":S|null,"value":S|null} {"swapped":bool}
//   incr    {"delta":N}                      {"value":N}   the new value
//   delete  {}                               {"existed":bool}
//
// outcome: ok, fail (certainly no effect), info (unknown). A result is written
// and required for ok only. null is "no item".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/linearizability/checker.h"

namespace fastpath::linearizability {

std::string FormatOperation(const Operation& op);  // One line, without its end.

// InvalidArgument names the line and what is wrong with it. Empty lines are
// skipped. Transactions are refused: they are not per key.
absl::StatusOr<std::vector<Operation>> ParseHistory(std::string_view text);

}  // namespace fastpath::linearizability
