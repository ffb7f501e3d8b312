#include "node/shard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "partition/map.h"
#include "storage/keys.h"

namespace fastpath::node {
namespace {

constexpr Micros kTick_us = 20'000;
constexpr Micros kFlushCheck_us = 1'000'000;
constexpr Micros kSweep_us = 1'000'000;  // Those that doze have deadlines of seconds.
constexpr size_t kWakeBatch = 64;
constexpr uint64_t kPeersShare = 4;  // Of the log's queue, for what peers send.
// Of a tick where somebody reads, before what came in meanwhile has its turn: this much first,
// then twice as much each time.
constexpr Micros kFirstSlice_us = 100;
constexpr size_t kFirstSliceReplicas = 64;
constexpr Op kReads[] = {Op::kGet, Op::kEventualGet, Op::kQuery, Op::kScan, Op::kTransactGet};
constexpr size_t kNewsAtOnce = 16;
constexpr size_t kNewsLimit = 8192;  // Kept until the next tick.

bool OnlyTellsOfCommit(const raft::Message& message) {
  return message.type == raft::MessageType::kHeartbeat && message.round == 0;
}

bool HasMemberOn(const raft::Configuration& members, raft::NodeId node) {
  const auto there = [node](const raft::Member& member) { return member.node == node; };
  return std::any_of(members.voters.begin(), members.voters.end(), there) ||
         std::any_of(members.outgoing.begin(), members.outgoing.end(), there) ||
         std::any_of(members.learners.begin(), members.learners.end(), there);
}

}  // namespace

Shard::Shard(const Environment& environment, Hooks hooks)
    : env_(environment),
      hooks_(std::move(hooks)),
      snapshots_in_(environment,
                    [this](raft::GroupId group, raft::ReplicaId id) { return Admit(group, id); }),
      snapshots_out_(environment, [this](raft::GroupId group) { return Find(group); }),
      purge_(environment, [this](raft::GroupId group) { return Find(group); }),
      retime_(environment, [this](raft::GroupId group) { return Find(group); }),
      upgrade_(environment) {}

Shard::~Shard() = default;

void Shard::Run() {
  Tick();
  CampaignAlone();
}

Replica* Shard::Find(raft::GroupId group) const {
  return group < by_group_.size() ? by_group_[group] : nullptr;
}

void Shard::StartReplica(Replica::Start start, std::shared_ptr<Replica::Slot> slot) {
  const raft::GroupId group = start.group;
  auto replica = std::make_unique<Replica>(env_, std::move(start), HooksOf(group));
  if (slot != nullptr) replica->BindSlot(std::move(slot));
  Rouse(*replica);
  if (by_group_.size() <= group) by_group_.resize(group + 1);
  by_group_[group] = replica.get();
  replicas_[group] = std::move(replica);
}

Replica::Hooks Shard::HooksOf(raft::GroupId group) {
  return {
      .dirty = [this, group] { MarkDirty(group); },
      .changed = [this, group] { PostChanged(group); },
      .expiry_moved = [this, group](std::string_view data_key, uint64_t from,
                                    uint64_t to) { purge_.Moved(group, data_key, from, to); },
      .settle =
          [this, group](std::vector<partition::StateMachine::Holder> holders, SettledDone done) {
            hooks_.settle(group, std::move(holders), std::move(done));
          },
      .removed =
          [this, group] {
            env_.executor->Post(lifetime_.Guard([this, group] { Destroy(group); }));
          },
      .node_failed = [this](absl::Status why) { hooks_.node_failed(std::move(why)); },
      .snapshot_wanted =
          [this, group](const raft::SnapshotOffer& offer) { snapshots_out_.Offer(group, offer); }};
}

void Shard::PostChanged(raft::GroupId group) {
  if (changed_.empty()) {
    env_.executor->Post(lifetime_.Guard([this] {
      for (const raft::GroupId changed : std::exchange(changed_, {})) {
        purge_.Changed(changed);
        retime_.Changed(changed);
        hooks_.changed(changed);
      }
    }));
  }
  changed_.insert(group);
}

// ------------------------------------------------------------------ the batch

void Shard::MarkDirty(raft::GroupId group) {
  if (in_hand_ == group) {
    in_hand_dirty_ = true;
    return;
  }
  dirty_.push_back(group);
  if (pump_posted_) return;
  pump_posted_ = true;
  env_.executor->Post(lifetime_.Guard([this] { PumpAll(); }));
}

void Shard::PumpAll() {
  pump_posted_ = false;
  for (const raft::GroupId group : std::exchange(dirty_, {})) {
    Replica* replica = Find(group);
    if (replica == nullptr) continue;
    replica->Pump();
    Rouse(*replica);
    if (replica->awaited()) HandAllNews();
  }
}

// After anything that may give the replica something to do, or make it lead.
void Shard::Rouse(Replica& replica) {
  if (replica.dozing()) return;
  const Micros due = replica.next_tick();
  if (replica.tick_slot == Replica::kNoTickSlot) {
    replica.tick_slot = ticking_.size();
    ticking_.push_back({replica.group(), due});
  } else {
    Micros& known = ticking_[replica.tick_slot].due;
    known = std::min(known, due);
  }
}

void Shard::StopTicking(Replica& replica) {
  const size_t slot = std::exchange(replica.tick_slot, Replica::kNoTickSlot);
  if (slot == Replica::kNoTickSlot) return;
  const Ticking last = ticking_.back();
  ticking_.pop_back();
  if (last.group == replica.group()) return;
  ticking_[slot] = last;
  Find(last.group)->tick_slot = slot;
}

// False: there is none that wants this tick.
bool Shard::TickNext() {
  while (next_slot_ < ticking_.size() && ticking_[next_slot_].due > tick_at_) ++next_slot_;
  if (next_slot_ >= ticking_.size()) return false;
  Replica& replica = *Find(ticking_[next_slot_].group);
  replica.Tick();
  if (replica.dozing()) {
    StopTicking(replica);
    ++env_.metrics->fell_asleep;
  } else {
    ticking_[next_slot_++].due = replica.next_tick();
  }
  return true;
}

void Shard::Sweep() {
  for (const auto& [group, replica] : replicas_) {
    if (replica->tick_slot == Replica::kNoTickSlot) replica->Tick();
    upgrade_.Look(*replica);
    Rouse(*replica);
  }
}

uint32_t Shard::RequiredVersion(raft::NodeId node) const {
  uint32_t required = 0;
  for (const auto& [group, replica] : replicas_) {
    if (replica->machine() == nullptr) continue;
    if (node != 0 && !HasMemberOn(replica->raft().configuration(), node)) continue;
    required = std::max(required, replica->machine()->version());
  }
  return required;
}

void Shard::PeerLost(raft::NodeId node) {
  for (const auto& [group, replica] : replicas_) {
    const raft::Raft& raft = replica->raft();
    if (!raft.quiet()) continue;
    if (!raft.is_leader() && raft.leader_node() == node) {
      replica->Wake(true);
      Rouse(*replica);
    } else if (raft.is_leader() && HasMemberOn(raft.configuration(), node)) {
      waking_.push_back(group);
    }
  }
}

void Shard::WakeSome() {
  for (size_t woken = 0; woken < kWakeBatch && !waking_.empty(); ++woken) {
    if (Replica* replica = Find(waking_.front())) {
      replica->Wake(false);
      Rouse(*replica);
    }
    waking_.pop_front();
  }
}

void Shard::Tick() {
  tick_at_ = env_.clock->Monotonic();
  WakeSome();
  if (tick_at_ >= next_sweep_) {
    next_sweep_ = tick_at_ + kSweep_us;
    Sweep();
  }
  handing_.swap(news_);
  next_slot_ = 0;
  GoOnTicking(ReadsCame() ? Slice{kFirstSlice_us, kFirstSliceReplicas}
                          : Slice{INT64_MAX, SIZE_MAX});
}

bool Shard::ReadsCame() {
  uint64_t reads = 0;
  for (const Op op : kReads) reads += env_.metrics->latency[static_cast<size_t>(op)].total();
  return reads != std::exchange(reads_seen_, reads);
}

// What followers gathered takes milliseconds to apply, and reads of the groups led here would
// wait. Where nobody reads it is one slice: what comes in meanwhile makes larger batches then.
void Shard::GoOnTicking(Slice slice) {
  const bool whole = slice.us == INT64_MAX;
  const Micros begin = env_.clock->Monotonic();
  for (size_t i = 0; i < slice.replicas; ++i) {
    if (!HandNextNews() && !TickNext()) {
      snapshots_in_.Tick();
      FlushEngineIfLogIsLong(tick_at_);
      env_.executor->At(tick_at_ + kTick_us, lifetime_.Guard([this] { Tick(); }));
      return;
    }
    if (!whole && env_.clock->Monotonic() - begin >= slice.us) break;
  }
  env_.executor->Yield(lifetime_.Guard(
      [this, next = Slice{2 * slice.us, 2 * slice.replicas}] { GoOnTicking(next); }));
}

// The log is cut where the engine is durable. The engine flushes by itself as it
// fills; this is for writes that fill the log and not the engine.
void Shard::FlushEngineIfLogIsLong(Micros now) {
  if (now < next_flush_check_ || flushing_) return;
  next_flush_check_ = now + kFlushCheck_us;
  const uint64_t uncuttable = env_.log->written_bytes() - persisted_at_bytes_;
  if (uncuttable <= env_.options->limits.flush_log_bytes) return;
  flushing_ = true;
  ++env_.metrics->engine_flushes;
  env_.engine->Flush(lifetime_.Guard([this](absl::Status status) {
    flushing_ = false;
    // A full disk or queue: nothing was lost, and it is tried again.
    if (status.ok() || absl::IsResourceExhausted(status)) return;
    hooks_.node_failed(std::move(status));
  }));
}

void Shard::CampaignAlone() {
  for (const auto& [group, replica] : replicas_) {
    const raft::Configuration& members = replica->raft().configuration();
    if (members.joint() || members.voters.size() != 1) continue;
    if (members.voters[0].replica == replica->id()) replica->raft_group().Campaign();
  }
}

void Shard::Persisted(raft::GroupId group, raft::Index index) {
  persisted_at_bytes_ = env_.log->written_bytes();
  if (Replica* replica = Find(group)) replica->Persisted(index);
}

// ------------------------------------------------------------- birth and death

void Shard::Deliver(raft::NodeId from, raft::Message message) {
  if (message.from_node != 0 && message.from_node != from) return;
  // A log that cannot write holds what it is given. Lost entries are sent again; a log whose queue
  // overflows ends the node.
  const uint64_t limit_bytes = env_.options->log.queue_limit_bytes / kPeersShare;
  if (!message.entries.empty() && env_.log->queued_bytes() > limit_bytes) return;
  if (OnlyTellsOfCommit(message)) {
    const Replica* replica = Find(message.group);
    if (replica != nullptr && !replica->awaited() && news_.size() < kNewsLimit) {
      news_.push_back(std::move(message));
      return;
    }
  }
  Hand(std::move(message));
}

void Shard::Prefetch(absl::Span<const raft::Message> messages) const {
  for (int stage = 0; stage < 3; ++stage) {
    for (const raft::Message& message : messages) {
      if (const Replica* replica = Find(message.group)) replica->Prefetch(stage);
    }
  }
}

// What it commits is applied in the same go. False: there is none.
bool Shard::HandNextNews() {
  if (next_news_ == handing_.size()) {
    handing_.clear();
    next_news_ = 0;
    return false;
  }
  if (next_news_ % kNewsAtOnce == 0) {
    Prefetch(absl::MakeConstSpan(handing_).subspan(next_news_, kNewsAtOnce));
  }
  const raft::GroupId group = handing_[next_news_].group;
  in_hand_ = group;
  Hand(std::move(handing_[next_news_++]));
  in_hand_dirty_ = false;
  if (Replica* replica = Find(group)) {
    replica->Pump();
    replica->Tick();
    Rouse(*replica);
  }
  in_hand_.reset();
  if (in_hand_dirty_) MarkDirty(group);
  return true;
}

void Shard::HandAllNews() {
  while (HandNextNews()) continue;
  handing_.swap(news_);
  while (HandNextNews()) continue;
}

void Shard::Hand(raft::Message message) {
  Replica* replica = Find(message.group);
  if (replica == nullptr || replica->id() != message.to) {
    replica = Admit(message.group, message.to);
  }
  if (replica == nullptr) return;
  replica->Step(std::move(message));
  Rouse(*replica);
}

Replica* Shard::Admit(raft::GroupId group, raft::ReplicaId id) {
  if (group > kDataGroupLimit || id == 0) return nullptr;
  if (refused_.contains(group) || destroying_.contains(group)) return nullptr;
  if (Replica* replica = Find(group)) {
    if (replica->id() == id) return replica;
    // Meta issues a node a second id for a group only when the first replica is
    // a member no more, so the higher id is the living one.
    if (replica->id() < id) Destroy(group);
    return nullptr;
  }
  const auto destroyed = destroyed_.find(group);
  if (destroyed != destroyed_.end() && id <= destroyed->second) return nullptr;
  Replica::Start start{.group = group, .id = id, .fresh = true};
  const auto unborn = unborn_.find(group);
  if (unborn != unborn_.end()) {
    start.initial.hard_state = unborn->second;
    start.initial.hard_state.commit = 0;
    start.fresh = false;
    unborn_.erase(unborn);
  }
  StartReplica(std::move(start), nullptr);
  return Find(group);
}

void Shard::Destroy(raft::GroupId group) {
  const auto found = replicas_.find(group);
  if (found == replicas_.end()) return;
  const std::unique_ptr<Replica> replica = std::move(found->second);
  StopTicking(*replica);
  by_group_[group] = nullptr;
  replicas_.erase(found);
  destroyed_[group] = replica->id();
  destroying_.insert(group);
  spdlog::info("replica_destroyed group={} replica={}", group, replica->id());
  storage::WriteBatch batch;
  batch.Put(DestroyedKey(group), EncodeDestroyed(replica->id()));
  if (replica->machine() != nullptr) {
    for (storage::KeyRange& range : replica->machine()->ranges()) {
      batch.DeleteRange(std::move(range));
    }
  }
  WriteDestroyed(group, std::move(batch));
  PostChanged(group);
}

// First the row is durable, then the log forgets: a crash in between leaves a
// log that the row says to ignore.
void Shard::WriteDestroyed(raft::GroupId group, storage::WriteBatch batch) {
  const auto forget = [this, group](absl::Status status) {
    if (!status.ok()) return hooks_.node_failed(std::move(status));
    env_.log->Write({.group = group, .destroy = true},
                    lifetime_.Guard([this, group](absl::Status durable) {
                      if (!durable.ok()) return hooks_.node_failed(std::move(durable));
                      destroying_.erase(group);
                    }));
  };
  storage::WriteBatch copy = batch;
  env_.engine->Write(
      std::move(copy), lifetime_.Guard([this, group, forget, batch](absl::Status status) {
        if (absl::IsUnavailable(status)) {
          env_.engine->WhenWritable(
              lifetime_.Guard([this, group, batch] { WriteDestroyed(group, batch); }));
          return;
        }
        if (!status.ok()) return hooks_.node_failed(std::move(status));
        env_.engine->Flush(lifetime_.Guard(forget));
      }));
}

}  // namespace fastpath::node
