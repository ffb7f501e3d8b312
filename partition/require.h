// A broken invariant aborts the process with a message; it is never an outcome.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace fastpath::partition {

inline void Require(bool holds, const char* invariant) {
  if (holds) [[likely]] {
    return;
  }
  std::fprintf(stderr, "partition: broken invariant: %s\n", invariant);
  std::abort();
}

}  // namespace fastpath::partition
