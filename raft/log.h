// One replica's log as the protocol sees it: the terms of all entries as
// compact runs, the configurations in it, and the payloads of a bounded tail.
// Entries that are neither durable nor applied are always in memory; older
// ones are evicted when every follower has them, or past `memory_limit_bytes`,
// and read back from the log store.
//
//   start        mem_first                durable             last
//     | compacted .. | evicted ... | in memory ...................|
//
// Threads: the owner's. Pure: no I/O.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "raft/types.h"

namespace fastpath::raft {

class Log {
 public:
  // `entries` follow `start` without holes and are durable.
  Log(SnapshotMeta start, std::vector<Entry> entries, size_t memory_limit_bytes);

  Index start_index() const { return start_index_; }  // Compacted through here.
  Index first_index() const { return start_index_ + 1; }
  Index last_index() const { return last_index_; }
  Term last_term() const { return runs_.empty() ? start_term_ : runs_.back().term; }
  // Known from start_index() to last_index().
  std::optional<Term> TermAt(Index index) const;
  bool Matches(Index index, Term term) const { return TermAt(index) == term; }
  // The highest index <= `index` whose term is <= `term`: where two logs may
  // still agree. Not searched below start_index().
  Index AgreementBound(Index index, Term term) const;

  // REQUIRES: entry.index == last_index() + 1; its term is not below last_term().
  void Append(Entry entry);
  // Drops `index` and what follows. REQUIRES: index > durable-and-applied part.
  void TruncateFrom(Index index);
  // Starts anew after a snapshot.
  void Reset(const SnapshotMeta& start);
  // Forgets entries up to `index`. REQUIRES: start_index() <= index <= last_index().
  void CompactTo(Index index);
  // Entries up to `through` may be evicted (durable and applied): past the limit, and
  // at once up to `unneeded`, which nobody is going to ask for.
  void Evict(Index through, Index unneeded);

  bool InMemory(Index index) const { return index >= mem_first_ && index <= last_index_; }
  Index mem_first() const { return mem_first_; }
  const Entry& At(Index index) const { return tail_[index - mem_first_]; }
  // Appends [from, through] to `out`, stopping once `limit_bytes` are reached
  // but after at least one. Returns the bytes. REQUIRES: in memory.
  size_t CopyTo(Index from, Index through, size_t limit_bytes, std::vector<Entry>& out) const;

  // The latest configuration, and the one in force at an index.
  const Configuration& configuration() const { return configurations_.back().configuration; }
  Index configuration_index() const { return configurations_.back().index; }
  const Configuration& ConfigurationAt(Index index) const;

  // The lowest index such that at most about `bytes` of entries follow it.
  Index BytesBack(size_t bytes) const;
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Run {
    Index first;
    Term term;
  };
  struct Dated {
    Index index;
    Configuration configuration;
  };
  struct Sample {  // `total_bytes` of entries were ever appended through `index`.
    Index index;
    uint64_t total_bytes;
  };

  static size_t Cost(const Entry& entry);

  size_t memory_limit_bytes_;
  Index start_index_;
  Term start_term_;
  Index last_index_;
  Index mem_first_;
  size_t memory_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  std::deque<Entry> tail_;             // [mem_first_, last_index_].
  std::vector<Run> runs_;              // Ascending; the first covers start_index_ + 1.
  std::vector<Dated> configurations_;  // Ascending; the first is in force at the start.
  std::deque<Sample> samples_;         // One per kSampleBytes or so.
};

}  // namespace fastpath::raft
