// What a transaction costs: twice what its items would by themselves, by table, as
// DynamoDB counts. Thread-safe: no state.
#pragma once

#include "google/protobuf/repeated_field.h"
#include "partition/api.pb.h"

namespace fastpath::partition {

inline constexpr uint64_t kTransactCost = 2;

// Adds one table's share to a list that is in order of name. `item` is of an item by
// itself; with `times` 1, of a part of the transaction.
inline void AddCapacity(const api::Capacity& item,
                        google::protobuf::RepeatedPtrField<api::Capacity>& sum,
                        uint64_t times = kTransactCost) {
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

}  // namespace fastpath::partition
