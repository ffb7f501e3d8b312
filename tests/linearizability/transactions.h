// Judges small histories of transactions on a few keys for strict serializability: is there
// an order of all of them, each between its call and its return, in which every read saw
// what the ones before it left? By Wing and Gong's search, with Lowe's memory of what was
// tried: for histories of some hundred transactions of which a few overlap.
//
// Pure. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fastpath::linearizability {

struct Transaction {
  int64_t call = 0;
  int64_t returned = 0;  // INT64_MAX: nobody knows whether and when it took effect.
  // What it saw, if it took effect; null: no item. A write that depends on nothing sees nothing.
  std::map<std::string, std::optional<std::string>> reads;
  std::map<std::string, std::optional<std::string>> writes;  // Null: deletes.
};

// Those that certainly had no effect are left out. All keys begin without an item.
bool StrictlySerializable(const std::vector<Transaction>& history);

}  // namespace fastpath::linearizability
