#include "node/replica.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/prefetch.h"

namespace fastpath::node {
namespace {

constexpr Micros kHandOverPause_us = 2'000'000;
constexpr Micros kClockAge_us = 20'000;
// A follower applies every tick, or when so many entries wait. Within a batch a
// session's answer is often recorded and dropped again, and then never written.
constexpr size_t kGatherEntries = 256;

raft::Options RaftOptions(const Environment& env, const Replica::Start& start) {
  raft::Options options = env.options->raft;
  options.group = start.group;
  options.id = start.id;
  options.node = env.identity->node;
  options.seed = env.random->Next();
  options.fresh = start.fresh;
  options.gather_entries = kGatherEntries;
  return options;
}

}  // namespace

Replica::Replica(const Environment& environment, Start start, Hooks hooks)
    : env_(environment),
      group_id_(start.group),
      id_(start.id),
      hooks_(std::move(hooks)),
      machine_(std::move(start.machine)),
      log_clock_(machine_ != nullptr ? machine_->applied().stamp : 0),
      group_(RaftOptions(environment, start), std::move(start.initial),
             {env_.clock, env_.log, this, env_.transport}, GroupHooks()),
      membership_(&group_, env_.clock, [this] { return machine_->descriptor().epoch(); }) {}

Replica::~Replica() {
  if (slot_ != nullptr) slot_->replica = nullptr;
}

partition::StateMachine::Listeners Replica::ListenersOf(const std::shared_ptr<Slot>& slot) {
  return {.outcome =
              [slot](raft::Index index, raft::Term term, const command::Outcome& outcome) {
                if (slot->replica != nullptr) slot->replica->OnOutcome(index, term, outcome);
              },
          .catalog_changed =
              [slot] {
                if (slot->replica != nullptr) slot->replica->hooks_.changed();
              },
          .expiry_moved =
              [slot](std::string_view data_key, uint64_t from, uint64_t to) {
                if (slot->replica != nullptr)
                  slot->replica->hooks_.expiry_moved(data_key, from, to);
              },
          .digest = [](raft::Index, uint64_t) {}};
}

void Replica::LoadMachine(raft::GroupId group, storage::Engine* engine, std::shared_ptr<Slot> slot,
                          absl::AnyInvocable<void(Machine)> done) {
  partition::StateMachine::Load(group, engine, ListenersOf(slot), std::move(done));
}

void Replica::BindSlot(std::shared_ptr<Slot> slot) {
  if (slot_ != nullptr) slot_->replica = nullptr;
  slot_ = std::move(slot);
  slot_->replica = this;
}

raft::Group::Hooks Replica::GroupHooks() {
  return {.dirty = [this] { hooks_.dirty(); },
          .read_done = [this](uint64_t id, bool ok) { ReadDone(id, ok); },
          .snapshot_wanted =
              [this](const raft::SnapshotOffer& offer) { hooks_.snapshot_wanted(offer); },
          .role_changed = [this] { RoleChanged(); },
          .configuration_changed = [this] { hooks_.changed(); },
          .failed = [this](absl::Status why) { Failed(std::move(why)); }};
}

// --------------------------------------------------------------------- events

void Replica::Step(raft::Message message) {
  if (!stopped()) group_.Step(std::move(message));
}

void Replica::Prefetch(int stage) const {
  if (stage == 0) return raft::PrefetchLines(this, sizeof(*this));
  group_.Prefetch(stage - 1);
}

void Replica::Pump() {
  if (stopped()) return;
  group_.Pump();
  membership_.Advance();
}

void Replica::Tick() {
  if (stopped()) return;
  const Micros now = env_.clock->Monotonic();
  if (now >= raft().next_deadline()) {
    RefreshClock(now);
    if (leader() && !MayLead(0)) HandOverIfSkewed();
    if (leader() && env_.disk_full()) HandOverIfFull();
    // Without ticks a follower never campaigns: one with a wrong clock must not.
    if (leader() || MayLead(0)) group_.Tick();
  }
  membership_.Advance();
  group_.ApplyGathered();
  if (!stamp_reads_.empty()) RunWaitingReads();
}

void Replica::RoleChanged() {
  const bool leads = leader();
  if (was_leader_ && (!leads || raft().term() != leader_term_)) {
    serving_ = false;
    FailProposals(api::UNKNOWN, "leadership was lost before the answer was known");
    FailReads();
    membership_.LostLeadership();
  }
  if (leads && (!was_leader_ || raft().term() != leader_term_)) {
    leader_term_ = raft().term();
    ready_index_ = raft().last_index();
    ++env_.metrics->elections_won;
  }
  was_leader_ = leads;
  hooks_.changed();
}

void Replica::Failed(absl::Status why) {
  if (stopped()) return;
  failure_ = why;
  serving_ = false;
  FailProposals(api::UNKNOWN, "the replica stopped");
  FailReads();
  membership_.LostLeadership();
  // What only this group's bytes are to blame for stops only this group.
  const bool group_only = absl::IsDataLoss(why) || absl::IsUnimplemented(why);
  spdlog::error("replica_stopped group={} replica={} reason=\"{}\"", group_id_, id_,
                std::string(why.message()));
  if (!group_only) hooks_.node_failed(std::move(why));
}

void Replica::Apply(std::vector<raft::Entry> entries, absl::AnyInvocable<void(absl::Status)> done) {
  if (machine_ == nullptr) {
    // Raft gives entries only after the log's start, which a snapshot sets.
    return std::move(done)(absl::DataLossError("entries committed before any snapshot"));
  }
  env_.metrics->entries_applied += entries.size();
  ++env_.metrics->apply_batches;
  machine_->Apply(std::move(entries),
                  lifetime_.Guard([this, done = std::move(done)](absl::Status status) mutable {
                    std::move(done)(status);
                    if (status.ok()) AfterApply();
                  }));
}

void Replica::AfterApply() {
  if (stopped()) return;  // While the apply was under way.
  const storage::AppliedRow& applied = machine_->applied();
  ObserveApplied();
  DropOverwritten(applied.index);
  if (leader() && !serving_ && applied.index >= ready_index_ && raft().committed_in_term()) {
    const Micros now = env_.clock->Monotonic();
    log_clock_.BecomeLeader(now, MedianWall(now));
    serving_ = true;
    hooks_.changed();
  }
  RunWaitingReads();
  CheckRemoved();
}

void Replica::CheckRemoved() {
  if (removed_) return;
  const raft::Configuration& members = machine_->applied().configuration;
  const auto has = [&](const std::vector<raft::Member>& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const raft::Member& m) { return m.replica == id_; });
  };
  if (has(members.voters) || has(members.outgoing) || has(members.learners)) {
    was_member_ = true;
    return;
  }
  if (!was_member_) return;
  removed_ = true;
  hooks_.removed();
}

// ----------------------------------------------------------------------- time

void Replica::RefreshClock(Micros now) const {
  clock_read_at_ = now;
  const raft::Configuration& members = raft().configuration();
  std::vector<int64_t> offsets;
  const auto add = [&](const std::vector<raft::Member>& list) {
    for (const raft::Member& member : list) {
      if (member.node == env_.identity->node) {
        offsets.push_back(0);
      } else if (const auto offset = env_.transport->ClockOffset_us(member.node)) {
        offsets.push_back(*offset);
      }
    }
  };
  add(members.voters);
  const int64_t median_offset_us = offsets.empty() ? 0 : fastpath::MedianWall(std::move(offsets));
  median_ahead_us_ = env_.clock->Wall() + median_offset_us - now;
}

int64_t Replica::MedianWall(Micros now) const {
  if (clock_read_at_ <= now - kClockAge_us) RefreshClock(now);
  return now + median_ahead_us_;
}

int64_t Replica::OwnOffset_us() const {
  return env_.clock->Wall() - env_.clock->Monotonic() - median_ahead_us_;
}

bool Replica::MayLead(int64_t offset_us) const {
  return fastpath::MayLead(OwnOffset_us() + offset_us, 0);
}

void Replica::HandOverIfSkewed() {
  const Micros now = env_.clock->Monotonic();
  if (now < next_hand_over_) return;
  next_hand_over_ = now + kHandOverPause_us;
  spdlog::warn("clock_skewed group={} offset_ms={}", group_id_, OwnOffset_us() / 1000);
  StepAside();
}

void Replica::ObserveApplied() {
  const Micros now = env_.clock->Monotonic();
  log_clock_.Observe(machine_->applied().stamp, now, MedianWall(now));
}

partition::Stamp Replica::LogNow() const {
  const Micros now = env_.clock->Monotonic();
  return log_clock_.Now(now, MedianWall(now));
}

// ----------------------------------------------------------------- leadership

absl::Status Replica::TransferTo(raft::NodeId node) {
  for (const raft::Member& voter : raft().configuration().voters) {
    if (voter.node != node) continue;
    const auto offset = env_.transport->ClockOffset_us(node);
    if (offset && !MayLead(*offset)) {
      return absl::FailedPreconditionError(absl::StrCat("the clock of node ", node, " is off"));
    }
    if (env_.transport->DiskFull(node)) {
      return absl::FailedPreconditionError(absl::StrCat("the disk of node ", node, " is full"));
    }
    return group_.TransferLeadership(voter.replica);
  }
  return absl::InvalidArgumentError(absl::StrCat("node ", node, " has no voter of this group"));
}

bool Replica::StepAside() {
  const raft::Raft::Progress* best = nullptr;
  const auto rank = [this](const raft::Raft::Progress& progress) {
    return std::make_pair(!env_.transport->DiskFull(progress.member.node), progress.match);
  };
  const auto all = raft().progress();
  for (const raft::Raft::Progress& progress : all) {
    if (!progress.voter || !progress.active || progress.member.replica == id_) continue;
    const auto offset = env_.transport->ClockOffset_us(progress.member.node);
    if (!offset || !MayLead(*offset)) continue;
    if (best == nullptr || rank(progress) > rank(*best)) best = &progress;
  }
  return best != nullptr && group_.TransferLeadership(best->member.replica).ok();
}

// ---------------------------------------------------------------------- space

bool Replica::MajorityHasSpace() const {
  if (env_.transport->full_disks() == 0 && !env_.disk_full()) return true;
  const auto all = raft().progress();
  const auto takes_entries = [&](const raft::Member& member) {
    if (member.node == env_.identity->node) return !env_.disk_full();
    return !env_.transport->DiskFull(member.node) &&
           std::any_of(all.begin(), all.end(), [&](const raft::Raft::Progress& progress) {
             return progress.member.replica == member.replica && progress.active;
           });
  };
  const auto most = [&](const std::vector<raft::Member>& voters) {
    const auto count = std::count_if(voters.begin(), voters.end(), takes_entries);
    return voters.empty() || static_cast<size_t>(count) * 2 > voters.size();
  };
  const raft::Configuration& members = raft().configuration();
  return most(members.voters) && most(members.outgoing);
}

// Where others have space writes can go on under one of them.
void Replica::HandOverIfFull() {
  const Micros now = env_.clock->Monotonic();
  if (now < next_hand_over_ || !MajorityHasSpace()) return;
  next_hand_over_ = now + kHandOverPause_us;
  spdlog::warn("disk_full group={}", group_id_);
  StepAside();
}

// ------------------------------------------------------------------ snapshots

bool Replica::WantsSnapshot(const raft::SnapshotMeta& meta) const {
  return !stopped() && raft().WantsSnapshot(meta);
}

void Replica::Install(const raft::SnapshotMeta& meta, std::unique_ptr<storage::Installer> installer,
                      std::function<void(absl::Status)> done) {
  // Shared: the group keeps `ready` until nothing is under way.
  std::shared_ptr<storage::Installer> shared = std::move(installer);
  const auto loaded = [this, meta, done](Machine machine) {
    if (!machine.ok()) {
      Failed(machine.status());
      return done(machine.status());
    }
    machine_ = *std::move(machine);
    replacing_ = false;
    ObserveApplied();
    group_.FinishInstall(meta);
    ++env_.metrics->snapshots_installed;
    hooks_.changed();
    done(absl::OkStatus());
  };
  const auto committed = [this, shared, loaded, done](absl::Status status) {
    if (absl::IsResourceExhausted(status)) {  // Nothing has changed: its sender tries again.
      replacing_ = false;
      group_.AbortInstall();
      return done(status);
    }
    if (!status.ok()) {
      hooks_.node_failed(status);
      return done(status);
    }
    auto slot = std::make_shared<Slot>();
    BindSlot(slot);
    LoadMachine(group_id_, env_.engine, std::move(slot), lifetime_.Guard(loaded));
  };
  const bool begun = group_.BeginInstall(meta, lifetime_.Guard([this, shared, committed] {
    replacing_ = true;
    shared->Commit(lifetime_.Guard(committed));
  }));
  if (!begun) done(absl::FailedPreconditionError("the snapshot brings nothing new"));
}

// ---------------------------------------------------------------------- views

api::GroupDescriptor Replica::Descriptor() const {
  api::GroupDescriptor descriptor = machine_->descriptor();
  descriptor.set_leader_node(leader_node());
  return descriptor;
}

void Replica::Describe(api::ReplicaStatus* status) const {
  static constexpr const char* kRoles[] = {"follower", "candidate", "candidate", "leader"};
  status->set_group(group_id_);
  status->set_replica(id_);
  status->set_role(kRoles[static_cast<int>(raft().role())]);
  for (const raft::Member& learner : raft().configuration().learners) {
    if (learner.replica == id_) status->set_role("learner");
  }
  status->set_term(raft().term());
  status->set_commit(raft().commit());
  status->set_applied(group_.applied());
  status->set_last(raft().last_index());
  status->set_leader(raft().leader());
  status->set_leader_node(leader_node());
  if (machine_ != nullptr) {
    status->set_stamp(machine_->applied().stamp);
    status->set_command_version(machine_->version());
  }
  if (stopped()) status->set_failure(std::string(failure_.message()));
}

}  // namespace fastpath::node
