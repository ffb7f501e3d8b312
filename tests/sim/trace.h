// What happened in a run, folded into one number: two runs of one seed must
// agree on it, so anything that depends on addresses, threads, real clocks or
// the order of a hash table shows up as a difference.
//
// With FASTPATH_TRACE=1 in the environment every event is also printed to
// stderr: comparing two such outputs finds the first difference.
#pragma once

#include <cstdint>
#include <string_view>

#include "raft/ports.h"

namespace fastpath::sim {

// Not cryptographic; equal on every machine of one byte order.
uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0);

class Trace {
 public:
  Trace();
  // `kind` names the event, `who` is a host's number or another small id.
  void Event(Micros time, std::string_view kind, uint64_t who, uint64_t detail = 0);
  void Event(Micros time, std::string_view kind, uint64_t who, std::string_view bytes) {
    Event(time, kind, who, HashBytes(bytes));
  }
  uint64_t hash() const { return hash_; }
  uint64_t events() const { return events_; }

 private:
  bool print_;
  uint64_t hash_ = 0x9ae16a3b2f90404f;
  uint64_t events_ = 0;
};

}  // namespace fastpath::sim
