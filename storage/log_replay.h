// Applies a log's records in order and yields what each group's log holds.
//
// Copies out of old segments arrive late, after entries that follow them, so
// holes are judged at the end only.
//
// Threads: one owner.
#pragma once

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "storage/log_index.h"
#include "storage/raft_log.h"

namespace fastpath::storage {

class LogReplay {
 public:
  struct Group {
    raft::HardState state;
    uint64_t state_generation = 0;
    raft::LogWrite::Position start;
    uint64_t start_generation = 0;
    std::map<raft::Index, std::pair<EntryPlace, raft::Entry>> entries;
  };

  // `record` lies at `place` in the segment of `generation`.
  void Apply(Record record, uint64_t generation, RecordPlace place);

  // DataLoss: a group's entries have a hole. Finish checks it too.
  absl::Status CheckHoles() const;
  absl::Status Finish(LogIndex& index, std::map<raft::GroupId, RaftLog::Recovered>& groups);
  // As they are, holes and all.
  std::map<raft::GroupId, Group> TakeGroups() { return std::move(groups_); }

 private:
  std::map<raft::GroupId, Group> groups_;
};

}  // namespace fastpath::storage
