// Shard::Recover: from what the engine and the log hold to replicas that run.
#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node/shard.h"
#include "raft/codec.h"
#include "storage/keys.h"

namespace fastpath::node {
namespace {

using storage::AppliedRow;

raft::Index LastIndex(const storage::RaftLog::Recovered& log) {
  return log.entries.empty() ? log.start.index : log.entries.back().index;
}

// The term the log has at `index`; 0 if it has none.
raft::Term TermAt(const storage::RaftLog::Recovered& log, raft::Index index) {
  if (index == log.start.index) return log.start.term;
  if (index < log.start.index || index > LastIndex(log)) return 0;
  return log.entries[index - log.start.index - 1].term;
}

raft::ReplicaId MemberOn(const raft::Configuration& configuration, raft::NodeId node) {
  for (const auto* list :
       {&configuration.voters, &configuration.outgoing, &configuration.learners}) {
    for (const raft::Member& member : *list) {
      if (member.node == node) return member.replica;
    }
  }
  return 0;
}

// This node's replica: by the applied configuration, else by one in the log
// that the state has yet to reach.
raft::ReplicaId OwnReplica(const AppliedRow& applied, const storage::RaftLog::Recovered& log,
                           raft::NodeId node) {
  if (const raft::ReplicaId id = MemberOn(applied.configuration, node)) return id;
  for (auto entry = log.entries.rbegin(); entry != log.entries.rend(); ++entry) {
    if (entry->kind != raft::EntryKind::kConfiguration) continue;
    const auto configuration = raft::DecodeConfiguration(*entry->payload);
    if (!configuration.ok()) continue;
    if (const raft::ReplicaId id = MemberOn(*configuration, node)) return id;
  }
  return 0;
}

// DataLoss: state and log do not meet. `discard`: the log does not continue the
// state, which a snapshot put in place just before a crash (DESIGN 5).
absl::StatusOr<raft::InitialState> Join(const AppliedRow& applied, storage::RaftLog::Recovered log,
                                        bool& discard) {
  raft::InitialState initial;
  initial.hard_state = log.hard_state;
  initial.applied = applied.index;
  discard = TermAt(log, applied.index) != applied.term;
  if (discard && applied.index < log.start.index) {
    return absl::DataLossError(absl::StrCat("the log starts after ", log.start.index,
                                            " but the state ends at ", applied.index));
  }
  if (discard) {
    initial.snapshot = {applied.index, applied.term, applied.configuration};
    initial.hard_state.commit = applied.index;
    initial.hard_state.term = std::max(initial.hard_state.term, applied.term);
    return initial;
  }
  // Configurations in the log override this one, up to `applied` they end in it.
  initial.snapshot = {log.start.index, log.start.term, applied.configuration};
  initial.entries = std::move(log.entries);
  initial.hard_state.commit = std::max(initial.hard_state.commit, applied.index);
  initial.hard_state.term = std::max(initial.hard_state.term, applied.term);
  return initial;
}

}  // namespace

// Steps: destroyed rows, groups by their applied rows, then one group at a time.
struct Shard::Recovery : std::enable_shared_from_this<Shard::Recovery> {
  Recovery(Shard* shard_in, Recovered log_in, std::function<void(absl::Status)> done_in)
      : shard(shard_in), env(shard_in->env_), log(std::move(log_in)), done(std::move(done_in)) {}

  template <typename F>
  auto Guard(F f) {  // Ends with the shard; keeps the recovery alive.
    return shard->lifetime_.Guard(
        [self = shared_from_this(), f = std::move(f)](auto&&... args) mutable {
          f(std::forward<decltype(args)>(args)...);
        });
  }

  // With the next group. An engine may answer at once, and groups are many: the stack must not grow
  // with them.
  template <typename F>
  void GoOn(F f) {
    env.executor->Post(Guard(std::move(f)));
  }

  void ReadDestroyed() {
    const storage::KeyRange range{storage::StoreKey("destroyed/"), storage::StoreKey("destroyed0")};
    env.engine->Scan(range, {.limit_rows = 100'000, .limit_bytes = 16u << 20},
                     Guard([this](absl::StatusOr<storage::ScanResult> rows) {
                       if (!rows.ok()) return done(rows.status());
                       for (const auto& [key, value] : rows->rows) {
                         const auto group = static_cast<raft::GroupId>(
                             storage::GetBig(std::string_view(key).substr(key.size() - 4)));
                         shard->destroyed_[group] = DecodeDestroyed(value);
                       }
                       FindGroup(0);
                     }));
  }

  // Hops from one group's applied row to the next group's.
  void FindGroup(uint64_t from) {
    if (from > UINT32_MAX) return LoadNext();
    storage::KeyRange range{storage::AppliedKey(static_cast<raft::GroupId>(from)),
                            std::string(1, static_cast<char>(storage::KeyKind::kGroup) + 1)};
    env.engine->Scan(std::move(range), {.limit_rows = 1},
                     Guard([this](absl::StatusOr<storage::ScanResult> rows) {
                       if (!rows.ok()) return done(rows.status());
                       if (rows->rows.empty()) return LoadNext();
                       const auto& [key, value] = rows->rows.front();
                       const uint64_t group = storage::GetBig(std::string_view(key).substr(1, 4));
                       Found(static_cast<raft::GroupId>(group), key, value);
                       GoOn([this, group] { FindGroup(group + 1); });
                     }));
  }

  void Found(raft::GroupId group, const std::string& key, const std::string& value) {
    if (key != storage::AppliedKey(group)) return Refuse(group, "rows without an applied row");
    auto row = storage::DecodeAppliedRow(value);
    if (!row.ok()) return Refuse(group, std::string(row.status().message()));
    groups.emplace_back(group, *std::move(row));
  }

  void Refuse(raft::GroupId group, const std::string& why) {
    spdlog::error("replica_refused group={} reason=\"{}\"", group, why);
    shard->refused_[group] = why;
    log.erase(group);
  }

  void LoadNext() {
    if (next == groups.size()) return Finish();
    const auto& [group, applied] = groups[next];
    auto slot = std::make_shared<Replica::Slot>();
    Replica::LoadMachine(group, env.engine, slot, Guard([this, slot](Replica::Machine machine) {
                           const auto& [group, applied] = groups[next++];
                           const absl::Status started =
                               StartGroup(group, applied, slot, std::move(machine));
                           if (absl::IsDataLoss(started)) {
                             Refuse(group, std::string(started.message()));
                           } else if (!started.ok()) {
                             return done(started);
                           }
                           GoOn([this] { LoadNext(); });
                         }));
  }

  absl::Status StartGroup(raft::GroupId group, const AppliedRow& applied,
                          std::shared_ptr<Replica::Slot> slot, Replica::Machine machine) {
    if (!machine.ok()) return machine.status();
    auto node = log.extract(group);
    storage::RaftLog::Recovered found;
    if (!node.empty()) found = std::move(node.mapped());
    const raft::ReplicaId id = OwnReplica(applied, found, env.identity->node);
    if (id == 0) return absl::DataLossError("this node is no member of its own state");
    const bool fresh = found.hard_state == raft::HardState{};  // Never voted, never led.
    bool discard = false;
    auto initial = Join(applied, std::move(found), discard);
    if (!initial.ok()) return initial.status();
    if (discard) {
      env.log->Write({.group = group,
                      .hard_state = initial->hard_state,
                      .reset = raft::LogWrite::Position{applied.index, applied.term}},
                     Guard([this](absl::Status status) {
                       if (!status.ok()) shard->hooks_.node_failed(std::move(status));
                     }));
    }
    shard->StartReplica({group, id, *std::move(initial), fresh, *std::move(machine)},
                        std::move(slot));
    return absl::OkStatus();
  }

  void Finish() {
    for (auto& [group, recovered] : log) {
      if (shard->destroyed_.contains(group) && recovered.entries.empty()) continue;
      shard->unborn_[group] = recovered.hard_state;
    }
    done(absl::OkStatus());
  }

  Shard* shard;
  const Environment& env;
  Recovered log;
  std::function<void(absl::Status)> done;
  std::vector<std::pair<raft::GroupId, AppliedRow>> groups;
  size_t next = 0;
};

void Shard::Recover(Recovered log, std::function<void(absl::Status)> done) {
  std::make_shared<Recovery>(this, std::move(log), std::move(done))->ReadDestroyed();
}

}  // namespace fastpath::node
