// What fuzz targets share. A target is one file that defines
// LLVMFuzzerTestOneInput; libFuzzer drives it (preset `fuzz`), and replay.cc
// feeds it its kept inputs in every other build.
//
// A target returns 0 for every input; what must not be aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace fastpath::fuzz {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes a target's own choices from the front of its input; zeros at its end.
inline uint8_t TakeByte(std::string_view& in) {
  if (in.empty()) return 0;
  const auto byte = static_cast<uint8_t>(in.front());
  in.remove_prefix(1);
  return byte;
}
inline uint32_t TakeShort(std::string_view& in) {
  const uint32_t low = TakeByte(in);
  return low | uint32_t{TakeByte(in)} << 8;
}
inline std::string_view TakeUpTo(std::string_view& in, size_t bytes) {
  const std::string_view taken = in.substr(0, bytes);
  in.remove_prefix(taken.size());
  return taken;
}

}  // namespace fastpath::fuzz
