// What reads and writes cost, in DynamoDB's units; sizes are its item sizes
// (codec.h). Nothing costs one unit. Thread-safe: no state.
#pragma once

#include <algorithm>
#include <cstdint>

#include "google/protobuf/repeated_field.h"
#include "partition/api.pb.h"

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

// A transaction costs twice what its items would by themselves.
inline constexpr uint64_t kTransactCost = 2;

// Adds `times` one table's share to a list that is in order of name.
inline void AddCapacity(const api::Capacity& item,
                        google::protobuf::RepeatedPtrField<api::Capacity>& sum,
                        uint64_t times = 1) {
  int at = 0;
  while (at < sum.size() && sum.Get(at).table() < item.table()) {
    ++at;
  }
  if (at == sum.size() || sum.Get(at).table() != item.table()) {
    sum.Add()->set_table(item.table());
    for (int i = sum.size() - 1; i > at; --i) {
      sum.SwapElements(i, i - 1);
    }
  }
  api::Capacity& share = *sum.Mutable(at);
  share.set_read_half_units(share.read_half_units() + times * item.read_half_units());
  share.set_write_units(share.write_units() + times * item.write_units());
}

}  // namespace fastpath::model
