// Many groups take turns on one thread, and each finds its state gone from the
// processor's caches. Where a batch says which groups come next, they are fetched
// at once instead of one miss after the other.
#pragma once

#include <cstddef>

namespace fastpath::raft {

inline constexpr size_t kCacheLineBytes = 64;

// Starts to bring the object into the cache; does not wait.
inline void PrefetchLines(const void* object, size_t bytes) {
  const char* const begin = static_cast<const char*>(object);
  for (size_t at = 0; at < bytes; at += kCacheLineBytes) __builtin_prefetch(begin + at);
}

}  // namespace fastpath::raft
