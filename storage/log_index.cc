#include "storage/log_index.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"

namespace fastpath::storage {

const GroupLog* LogIndex::Find(raft::GroupId group) const {
  auto found = by_id_.find(group);
  return found == by_id_.end() ? nullptr : found->second;
}

GroupLog& LogIndex::Of(raft::GroupId group) {
  GroupLog*& log = by_id_[group];
  if (log == nullptr) log = &groups_[group];
  return *log;
}

void LogIndex::Add(raft::GroupId group, const EntryPlace& place) {
  ++live_[place.generation][group];
  live_bytes_ += place.record.bytes;
}

void LogIndex::Drop(raft::GroupId group, const EntryPlace& place) {
  auto groups = live_.find(place.generation);
  auto count = groups->second.find(group);
  if (--count->second == 0) groups->second.erase(count);
  if (groups->second.empty()) live_.erase(groups);
  live_bytes_ -= place.record.bytes;
}

void LogIndex::SetState(raft::GroupId group, const raft::HardState& state, uint64_t generation) {
  GroupLog& log = Of(group);
  log.state = state;
  log.state_generation = generation;
}

void LogIndex::Append(raft::GroupId group, raft::Index index, const EntryPlace& place) {
  GroupLog& log = Of(group);
  FASTPATH_CHECK(index > log.start.index, "an entry below the log's start");
  FASTPATH_CHECK(index <= log.last() + 1, "a hole in a group's log");
  while (log.last() >= index) {
    Drop(group, log.entries.back());
    log.entries.pop_back();
  }
  log.entries.push_back(place);
  Add(group, place);
}

void LogIndex::Reset(raft::GroupId group, const raft::LogWrite::Position& start,
                     uint64_t generation) {
  GroupLog& log = Of(group);
  for (const EntryPlace& place : log.entries) Drop(group, place);
  log.entries.clear();
  log.start = start;
  StartWritten(group, generation);
}

void LogIndex::Destroy(raft::GroupId group) {
  auto found = groups_.find(group);
  if (found == groups_.end()) return;
  for (const EntryPlace& place : found->second.entries) Drop(group, place);
  by_id_.erase(group);
  groups_.erase(found);
}

bool LogIndex::IsAt(raft::GroupId group, raft::Index index, const EntryPlace& place) const {
  const GroupLog* log = Find(group);
  if (log == nullptr || index <= log->start.index || index > log->last()) return false;
  const EntryPlace& now = log->at(index);
  return now.generation == place.generation && now.record.offset == place.record.offset;
}

void LogIndex::Move(raft::GroupId group, raft::Index index, const EntryPlace& place) {
  GroupLog& log = groups_.at(group);
  EntryPlace& now = log.entries[index - log.start.index - 1];
  Drop(group, now);
  now = place;
  Add(group, place);
}

void LogIndex::Truncate(raft::GroupId group, raft::Index index) {
  auto found = by_id_.find(group);
  if (found == by_id_.end()) return;
  GroupLog& log = *found->second;
  while (!log.entries.empty() && log.start.index < index) {
    log.start = {log.start.index + 1, log.entries.front().term};
    Drop(group, log.entries.front());
    log.entries.pop_front();
  }
}

void LogIndex::StartWritten(raft::GroupId group, uint64_t generation) {
  GroupLog& log = groups_.at(group);
  log.written_start = log.start.index;
  log.start_generation = generation;
}

void LogIndex::Restore(raft::GroupId group, GroupLog log) {
  for (const EntryPlace& place : log.entries) Add(group, place);
  const auto [restored, fresh] = groups_.emplace(group, std::move(log));
  FASTPATH_CHECK(fresh, "a group is restored once");
  by_id_[group] = &restored->second;
}

std::vector<LogIndex::LiveEntry> LogIndex::LiveIn(uint64_t generation) const {
  std::vector<LiveEntry> live;
  auto found = live_.find(generation);
  if (found == live_.end()) return live;
  for (const auto& [group, count] : found->second) {
    const GroupLog& log = groups_.at(group);
    raft::Index index = log.start.index;
    for (const EntryPlace& place : log.entries) {
      ++index;
      if (place.generation == generation) live.push_back({group, index, place});
    }
  }
  std::sort(live.begin(), live.end(), [](const LiveEntry& a, const LiveEntry& b) {
    return a.place.record.offset < b.place.record.offset;
  });
  return live;
}

}  // namespace fastpath::storage
