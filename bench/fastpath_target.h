// Fastpath through its own client library. The client multiplexes: lanes are
// callers that share `connections` clients, each with a thread and one connection
// per node, as the callers inside one program would.
#pragma once

#include <string>
#include <vector>

#include "bench/target.h"

namespace fastpath::bench {

// What a write is.
enum class Work {
  kPut,            // Of a whole item.
  kCount,          // Adds 1 to a number.
  kTransact,       // Puts two items of two groups, both or none.
  kTransactGroup,  // Puts two items of one group, both or none: one key of two tables.
};

struct FastpathOptions {
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  size_t connections = 1;
  bool eventual = false;  // Reads that any replica may answer.
  Work work = Work::kPut;
};

// The table's name is "bench"; kTransactGroup's other one is "bench2".
absl::StatusOr<std::unique_ptr<Target>> MakeFastpath(const FastpathOptions& options, size_t lanes,
                                                     bool create);

}  // namespace fastpath::bench
