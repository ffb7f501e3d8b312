// What the clients of one run asked for and were told, and whether it can be
// explained: strong operations must be linearizable key by key; eventual reads
// must be monotonic and see their own client's writes; items with a time to
// live must go once and stay gone.
//
// Threads: one. Pure: times are the caller's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/ports.h"
#include "tests/linearizability/checker.h"

namespace fastpath::sim {

using linearizability::Kind;
using linearizability::Operation;
using linearizability::Outcome;

// An item as a read or a write's answer showed it.
struct Seen {
  bool found = false;
  std::string value;
  uint64_t version = 0;
};

class History {
 public:
  using Id = size_t;

  // --- strong operations; every kind of write
  // `now` never goes back; moments are made distinct.
  Id Call(Micros now, int64_t process, Operation operation);
  // Results are filled in by the caller; `version`: of the item written or read, 0 if none.
  void Return(Micros now, Id id, Outcome outcome, const Operation& result, uint64_t version);
  const Operation& at(Id id) const { return strong_[id]; }

  // --- eventual reads of one client, whose session they are part of
  Id CallEventual(Micros now, uint32_t client, const std::string& key);
  void ReturnEventual(Micros now, Id id, const Seen& seen);
  // What this client knows by an answer: later eventual reads may not show less.
  void Learn(uint32_t client, const std::string& key, const Seen& seen);

  // --- items with a time to live: each is put once, under a key of its own
  Id PutExpiring(Micros now, const std::string& key, Micros expires);
  void PutExpiringDone(Micros now, Id id, bool ok);
  struct ExpiringRead {
    Id item = 0;
    Micros called = 0;
    Micros returned = 0;
    bool found = false;
  };
  void ReadExpiring(ExpiringRead read) { expiring_reads_.push_back(read); }
  size_t expiring_items() const { return expiring_.size(); }
  const std::string& expiring_key(Id id) const { return expiring_[id].key; }

  // Some wall clock was wrong: then log time may fall behind (a leader that knows of two clocks
  // takes the earlier), so items may stay longer. They may still not go early, nor come back.
  void DistrustClocks() { clocks_right_ = false; }

  // --- the verdict: empty, or what cannot be explained
  std::vector<std::string> Check() const;
  // Keys that anything was written to, sorted.
  std::vector<std::string> Keys() const;
  size_t size() const { return strong_.size() + eventual_.size() + expiring_reads_.size(); }
  std::string AsLines() const;
  uint64_t Hash() const;

 private:
  struct Eventual {
    uint32_t client = 0;
    std::string key;
    Seen floor;  // What the client knew at the call.
    int64_t call_ns = 0;
    int64_t return_ns = 0;  // 0: no answer.
    Seen seen;
  };
  struct Expiring {
    std::string key;
    Micros expires = 0;
    Micros acknowledged = 0;  // 0: not.
  };

  int64_t Moment(Micros now);
  void CheckLinearizable(std::vector<std::string>& wrong) const;
  void CheckCounters(std::vector<std::string>& wrong) const;
  void CheckVersions(std::vector<std::string>& wrong) const;
  void CheckEventual(std::vector<std::string>& wrong) const;
  void CheckExpiring(std::vector<std::string>& wrong) const;
  std::optional<std::string> WhyImpossible(const Eventual& read) const;
  bool Written(const Eventual& read) const;
  bool DeletedSince(const Eventual& read) const;

  std::vector<Operation> strong_;
  std::vector<uint64_t> versions_;  // Of strong_'s answers.
  std::vector<Eventual> eventual_;
  std::map<std::pair<uint32_t, std::string>, Seen> known_;
  std::vector<Expiring> expiring_;
  std::vector<ExpiringRead> expiring_reads_;
  int64_t last_ns_ = 0;
  bool clocks_right_ = true;
};

// Log time follows the clocks of a majority, slewed at most 5 %: over a run's
// length, with one wrong clock at a time, it stays this near to the world's.
inline constexpr Micros kLogTimeTolerance = 3'000'000;

}  // namespace fastpath::sim
