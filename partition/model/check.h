// Broken invariants stop the process with a message (STYLE 10). For the pure
// half of partition/ only.
#pragma once

namespace fastpath::model {

[[noreturn]] void Fail(const char* condition, const char* file, int line);

}  // namespace fastpath::model

#define FASTPATH_MODEL_CHECK(condition)                \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::fastpath::model::Fail(#condition, __FILE__, __LINE__))
