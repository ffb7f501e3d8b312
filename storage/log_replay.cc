#include "storage/log_replay.h"

#include "absl/strings/str_cat.h"

namespace fastpath::storage {

void LogReplay::Apply(Record record, uint64_t generation, RecordPlace place) {
  if (record.kind == RecordKind::kDestroy) {
    groups_.erase(record.group);
    return;
  }
  Group& group = groups_[record.group];
  const raft::Index index = record.entry.index;
  const EntryPlace entry_place{record.entry.term, generation, place};
  switch (record.kind) {
    case RecordKind::kState:
      group.state = record.state;
      group.state_generation = generation;
      break;
    case RecordKind::kEntry:
      group.entries.erase(group.entries.lower_bound(index), group.entries.end());
      group.entries.emplace(index, std::pair(entry_place, std::move(record.entry)));
      break;
    case RecordKind::kKept:
      if (index > group.start.index) {
        group.entries.insert_or_assign(index, std::pair(entry_place, std::move(record.entry)));
      }
      break;
    case RecordKind::kReset:
      group.entries.clear();
      group.start = record.position;
      group.start_generation = generation;
      break;
    case RecordKind::kStart:
      group.entries.erase(group.entries.begin(), group.entries.upper_bound(record.position.index));
      group.start = record.position;
      group.start_generation = generation;
      break;
    case RecordKind::kDestroy:
      break;
  }
}

absl::Status LogReplay::CheckHoles() const {
  for (const auto& [id, group] : groups_) {
    raft::Index expected = group.start.index + 1;
    for (const auto& [at, entry] : group.entries) {
      if (at != expected++) {
        return absl::DataLossError(
            absl::StrCat("log corrupt: group ", id, " lacks entry ", expected - 1));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status LogReplay::Finish(LogIndex& index,
                               std::map<raft::GroupId, RaftLog::Recovered>& groups) {
  if (absl::Status holes = CheckHoles(); !holes.ok()) return holes;
  for (auto& [id, group] : groups_) {
    GroupLog log{.state = group.state,
                 .state_generation = group.state_generation,
                 .start = group.start,
                 .written_start = group.start.index,
                 .start_generation = group.start_generation};
    RaftLog::Recovered recovered{.hard_state = group.state, .start = group.start};
    for (auto& [at, entry] : group.entries) {
      log.entries.push_back(entry.first);
      recovered.entries.push_back(std::move(entry.second));
    }
    group.entries.clear();
    index.Restore(id, std::move(log));
    groups.emplace(id, std::move(recovered));
  }
  return absl::OkStatus();
}

}  // namespace fastpath::storage
