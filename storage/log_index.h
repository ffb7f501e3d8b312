// Where the live part of every group's log lies, and which segments it holds:
// kept in memory, moved on as batches are formed.
//
// Threads: one owner.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "raft/ports.h"
#include "storage/log_format.h"

namespace fastpath::storage {

struct EntryPlace {
  raft::Term term = 0;
  uint64_t generation = 0;
  RecordPlace record;
};

struct GroupLog {
  raft::HardState state;
  uint64_t state_generation = 0;  // Of the record that says so; 0: none.
  raft::LogWrite::Position start;
  raft::Index written_start = 0;   // start.index by the log's records: at most start.index.
  uint64_t start_generation = 0;   // Of the record that says written_start; 0: none.
  std::deque<EntryPlace> entries;  // Of start.index + 1 and on.

  raft::Index last() const { return start.index + entries.size(); }
  const EntryPlace& at(raft::Index index) const { return entries[index - start.index - 1]; }
};

class LogIndex {
 public:
  LogIndex() = default;
  LogIndex(LogIndex&&) = default;
  LogIndex& operator=(LogIndex&&) = default;
  const GroupLog* Find(raft::GroupId group) const;
  const std::map<raft::GroupId, GroupLog>& groups() const { return groups_; }

  void SetState(raft::GroupId group, const raft::HardState& state, uint64_t generation);
  // Replaces any suffix from `index` on. Aborts on a hole.
  void Append(raft::GroupId group, raft::Index index, const EntryPlace& place);
  void Reset(raft::GroupId group, const raft::LogWrite::Position& start, uint64_t generation);
  void Destroy(raft::GroupId group);
  // A live entry was copied to `place`.
  void Move(raft::GroupId group, raft::Index index, const EntryPlace& place);
  // Forgets entries up to `index`, at most all there are.
  void Truncate(raft::GroupId group, raft::Index index);
  // The log's records now say what `start` says.
  void StartWritten(raft::GroupId group, uint64_t generation);

  // A whole group as recovery found it.
  void Restore(raft::GroupId group, GroupLog log);

  bool has_live(uint64_t generation) const { return live_.contains(generation); }
  uint64_t live_bytes() const { return live_bytes_; }  // Of entries' records.
  struct LiveEntry {
    raft::GroupId group = 0;
    raft::Index index = 0;
    EntryPlace place;
  };
  // In the order of their offsets.
  std::vector<LiveEntry> LiveIn(uint64_t generation) const;
  // Whether the entry is live and lies where `place` says.
  bool IsAt(raft::GroupId group, raft::Index index, const EntryPlace& place) const;

 private:
  void Add(raft::GroupId group, const EntryPlace& place);
  void Drop(raft::GroupId group, const EntryPlace& place);

  GroupLog& Of(raft::GroupId group);  // Made if need be.

  std::map<raft::GroupId, GroupLog> groups_;
  absl::flat_hash_map<raft::GroupId, GroupLog*> by_id_;  // The same, for finding.
  // Entries by generation; no zeros.
  std::map<uint64_t, absl::btree_map<raft::GroupId, uint64_t>> live_;
  uint64_t live_bytes_ = 0;
};

}  // namespace fastpath::storage
