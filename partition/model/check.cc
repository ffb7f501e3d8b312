#include "partition/model/check.h"

#include <cstdio>
#include <cstdlib>

namespace fastpath::model {

void Fail(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace fastpath::model
