// FASTPATH_CHECK(condition, why): a broken invariant stops the process, in
// every build, with the place and the reason.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FASTPATH_CHECK(condition, why)                                                            \
  do {                                                                                            \
    if (!(condition)) [[unlikely]] {                                                              \
      std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", __FILE__, __LINE__, #condition, why); \
      std::abort();                                                                               \
    }                                                                                             \
  } while (false)
