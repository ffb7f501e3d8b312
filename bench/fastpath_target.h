// Fastpath through its own client library. The client multiplexes: lanes are
// callers that share `connections` clients, each with a thread and one connection
// per node, as the callers inside one program would.
#pragma once

#include <string>
#include <vector>

#include "bench/target.h"

namespace fastpath::bench {

struct FastpathOptions {
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  size_t connections = 1;
  bool eventual = false;  // Reads that any replica may answer.
  bool count = false;     // Writes add 1 to a number instead of putting an item.
};

// The table's name is "bench".
absl::StatusOr<std::unique_ptr<Target>> MakeFastpath(const FastpathOptions& options, size_t lanes,
                                                     bool create);

}  // namespace fastpath::bench
