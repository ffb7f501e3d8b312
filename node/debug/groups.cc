// The groups of a stopped store: as flushed, or with the log's rest applied.
#include <algorithm>
#include <utility>

#include "node/debug/debug.h"
#include "storage/keys.h"

namespace fastpath::node::debug {
namespace {

constexpr size_t kAtOnce = 1024;  // Entries.

absl::StatusOr<std::vector<GroupState>> Flushed(storage::Engine* engine) {
  std::vector<GroupState> groups;
  for (uint64_t from = 0; from <= UINT32_MAX;) {
    absl::StatusOr<storage::ScanResult> rows = absl::InternalError("no answer");
    engine->Scan({storage::AppliedKey(static_cast<raft::GroupId>(from)),
                  std::string(1, static_cast<char>(storage::KeyKind::kGroup) + 1)},
                 {.limit_rows = 1}, [&](auto result) { rows = std::move(result); });
    if (!rows.ok()) return rows.status();
    if (rows->rows.empty()) break;
    const uint64_t group = storage::GetBig(std::string_view(rows->rows[0].first).substr(1, 4));
    GroupState state{static_cast<raft::GroupId>(group), absl::InternalError("no answer")};
    partition::StateMachine::Load(state.group, engine, {},
                                  [&](auto machine) { state.machine = std::move(machine); });
    groups.push_back(std::move(state));
    from = group + 1;
  }
  return groups;
}

// A start would drop such a log: an installed snapshot is past it.
bool Disagrees(const storage::LogReplay::Group& log, const storage::AppliedRow& applied) {
  if (applied.index == log.start.index) return applied.term != log.start.term;
  const auto found = log.entries.find(applied.index);
  return found == log.entries.end() || found->second.second.term != applied.term;
}

absl::Status Apply(const storage::LogReplay::Group& log, raft::Index until,
                   partition::StateMachine& machine) {
  if (Disagrees(log, machine.applied())) return absl::OkStatus();
  const raft::Index end = std::min(until, log.state.commit);
  while (machine.applied().index < end) {
    std::vector<raft::Entry> entries;
    for (auto at = log.entries.upper_bound(machine.applied().index);
         at != log.entries.end() && at->first <= end && entries.size() < kAtOnce; ++at) {
      entries.push_back(at->second.second);
    }
    if (entries.empty()) break;
    absl::Status applied = absl::InternalError("no answer");
    machine.Apply(std::move(entries), [&](absl::Status status) { applied = std::move(status); });
    if (!applied.ok()) return applied;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<GroupState>> LoadGroups(StoppedStore& store, storage::Engine* engine,
                                                   const Options& options) {
  absl::StatusOr<std::vector<GroupState>> groups = Flushed(engine);
  if (!groups.ok() || !options.replay) return groups;
  absl::StatusOr<storage::LogInspection> log = store.InspectLog();
  if (!log.ok()) return log.status();
  if (!log->damage.ok()) return log->damage;
  for (GroupState& group : *groups) {
    const auto found = log->groups.find(group.group);
    if (!group.machine.ok() || found == log->groups.end()) continue;
    absl::Status applied = Apply(found->second, options.until, **group.machine);
    if (!applied.ok()) group.machine = std::move(applied);
  }
  return groups;
}

}  // namespace fastpath::node::debug
