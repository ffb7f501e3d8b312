// What reads and writes cost, in DynamoDB's units; sizes are its item sizes
// (codec.h). Nothing costs one unit. Thread-safe: no state.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fastpath::model {

inline constexpr uint64_t kReadUnitBytes = 4096;
inline constexpr uint64_t kWriteUnitBytes = 1024;

// An eventual read costs half of a strong one.
inline uint64_t ReadHalfUnits(uint64_t bytes, bool eventual) {
  const uint64_t units = std::max<uint64_t>(1, (bytes + kReadUnitBytes - 1) / kReadUnitBytes);
  return eventual ? units : 2 * units;
}
inline uint64_t WriteUnits(uint64_t bytes) {
  return std::max<uint64_t>(1, (bytes + kWriteUnitBytes - 1) / kWriteUnitBytes);
}

}  // namespace fastpath::model
