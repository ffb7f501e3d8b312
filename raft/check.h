// Broken invariants stop the process with a message; Release keeps the checks.
// An outcome a caller can handle is an absl::Status instead.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace fastpath::raft {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition,
                                     const std::string& message) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s: %s\n", file, line, condition, message.c_str());
  std::abort();
}

}  // namespace fastpath::raft

// `message` is evaluated only on failure.
#define FASTPATH_CHECK(condition, message)                                      \
  do {                                                                          \
    if (!(condition)) [[unlikely]] {                                            \
      ::fastpath::raft::CheckFailed(__FILE__, __LINE__, #condition, (message)); \
    }                                                                           \
  } while (false)
