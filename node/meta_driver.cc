#include "node/meta_driver.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace fastpath::node {
namespace {

constexpr Micros kDrive_us = 100'000;
constexpr Micros kDriveSoon_us = 2'000;
constexpr Micros kAlive_us = 2'000'000;     // Since its last report a node counts as living.
constexpr Micros kSettleIn_us = 1'500'000;  // A new leader first hears everybody.
constexpr Micros kCallTimeout_us = 5'000'000;
constexpr Micros kAddTimeout_us = 70'000'000;
constexpr Micros kAddPause_us = 500'000;
constexpr Micros kMoveWait_us = 2'000'000;
constexpr size_t kAddsAtOnce = 32;
// A plan looks at every group: no more often than leaves most of the time to others.
constexpr Micros kPlanPerGroup_us = 10;
constexpr Micros kSettleRetry_us = 200'000;

}  // namespace

MetaDriver::MetaDriver(const Environment& environment, Shard* shard, Directory* directory)
    : env_(environment), shard_(shard), directory_(directory) {}

Replica* MetaDriver::Meta() const {
  Replica* meta = shard_->Find(raft::kMetaGroup);
  return meta != nullptr && meta->serving() ? meta : nullptr;
}

void MetaDriver::NotLeader(Answerer& answer) const {
  peer::Answer reply;
  reply.set_status(peer::NOT_LEADER);
  reply.set_message("this node does not lead the meta group");
  const raft::NodeId leader = directory_->LeaderOf(raft::kMetaGroup);
  reply.set_leader_node(leader);
  if (const api::Node* node = directory_->FindNode(leader)) {
    reply.set_leader_address(node->peer_address());
  }
  std::move(answer)(std::move(reply));
}

// ------------------------------------------------------------ nodes, reports

void MetaDriver::Join(const peer::Join& join, Answerer answer) {
  Replica* meta = Meta();
  if (meta == nullptr) return NotLeader(answer);
  command::Command command;
  *command.mutable_register_node()->mutable_node() = join.node();
  command.mutable_register_node()->mutable_node()->set_id(0);
  meta->Propose(
      &command,
      lifetime_.Guard([this, answer = std::move(answer)](const Proposed& proposed) mutable {
        if (proposed.code != api::OK) return NotLeader(answer);
        peer::Answer reply;
        if (proposed.outcome->code() != api::OK) {
          reply.set_status(peer::REFUSED);
          reply.set_message(proposed.outcome->message());
        } else {
          *reply.mutable_join()->mutable_map() = directory_->Compose();
          reply.mutable_join()->set_node(static_cast<uint32_t>(proposed.outcome->id()));
          reply.mutable_join()->set_cluster_id(env_.identity->cluster_id);
        }
        std::move(answer)(std::move(reply));
      }));
}

void MetaDriver::Report(raft::NodeId from, const peer::Report& report, Answerer answer) {
  Replica* meta = Meta();
  if (meta == nullptr || from == 0 || from != report.node().id()) return NotLeader(answer);
  heard_[from] = env_.clock->Monotonic();
  std::erase_if(leaders_, [&](const auto& entry) { return entry.second == from; });
  for (const api::GroupDescriptor& descriptor : report.led()) {
    leaders_[descriptor.group()] = from;
    directory_->SetLeader(descriptor.group(), from);
    TakeDescriptor(*meta, descriptor);
    const auto moving = moving_.find(descriptor.group());
    if (moving != moving_.end() && moving->second.first == from) moving_.erase(moving);
  }
  Register(*meta, report.node());
  peer::Answer reply;
  peer::ReportResult* result = reply.mutable_report();
  const api::Map& map = meta->machine()->map();
  if (map.version() > report.map_version()) *result->mutable_map() = map;
  for (const auto& [group, node] : leaders_) {
    api::GroupDescriptor* leader = result->add_leaders();
    leader->set_group(group);
    leader->set_leader_node(node);
  }
  std::move(answer)(std::move(reply));
  DriveSoon();
}

void MetaDriver::Register(Replica& meta, const api::Node& node) {
  for (const api::Node& known : meta.machine()->map().nodes()) {
    if (known.id() == node.id() && known.SerializeAsString() == node.SerializeAsString()) return;
  }
  if (!registering_.insert(node.id()).second) return;
  command::Command command;
  *command.mutable_register_node()->mutable_node() = node;
  meta.Propose(&command, lifetime_.Guard([this, id = node.id()](const Proposed& proposed) {
    registering_.erase(id);
    if (proposed.code == api::OK && proposed.outcome->code() != api::OK) {
      spdlog::warn("node_refused node={} reason=\"{}\"", id, proposed.outcome->message());
    }
  }));
}

void MetaDriver::TakeDescriptor(Replica& meta, const api::GroupDescriptor& descriptor) {
  const raft::GroupId group = descriptor.group();
  const api::GroupDescriptor* known = FindGroup(meta.machine()->map(), group);
  if (known != nullptr && known->epoch() >= descriptor.epoch()) return;
  const auto under_way = descriptors_.find(group);
  if (under_way != descriptors_.end() && under_way->second >= descriptor.epoch()) return;
  descriptors_[group] = descriptor.epoch();
  command::Command command;
  *command.mutable_set_descriptor()->mutable_group() = descriptor;
  command.mutable_set_descriptor()->mutable_group()->set_leader_node(0);
  meta.Propose(&command,
               lifetime_.Guard([this, group](const Proposed&) { descriptors_.erase(group); }));
}

// ---------------------------------------------------------------------- drive

void MetaDriver::Tick() {
  if (env_.clock->Monotonic() >= next_drive_) Drive();
}

void MetaDriver::DriveSoon() {
  if (drive_posted_) return;
  drive_posted_ = true;
  const Micros soon = env_.clock->Monotonic() + kDriveSoon_us;
  env_.executor->At(std::max(soon, next_plan_), lifetime_.Guard([this] {
    drive_posted_ = false;
    Drive();
  }));
}

void MetaDriver::Forget() {
  leading_ = false;
  heard_.clear();
  leaders_.clear();
  descriptors_.clear();
  registering_.clear();
  settling_.clear();
  adding_.clear();
  moving_.clear();
  settled_.reset();
}

void MetaDriver::Drive() {
  const Micros now = env_.clock->Monotonic();
  next_drive_ = now + kDrive_us;
  Replica* meta = Meta();
  if (meta == nullptr) {
    if (leading_) Forget();
    return;
  }
  if (!leading_) {
    leading_ = true;
    leading_since_ = now;
  }
  SettleTables(*meta);
  Place(*meta);
}

// --------------------------------------------------------------------- tables

void MetaDriver::SettleTables(Replica& meta) {
  const api::Map& map = meta.machine()->map();
  const Micros now = env_.clock->Monotonic();
  std::set<uint32_t> unsettled;
  for (const api::Table& table : map.tables()) {
    if (table.state() == api::ACTIVE) continue;
    unsettled.insert(table.space());
    Settling& settling = settling_[table.space()];
    if (settling.state != table.state() || settling.revision != table.revision()) {
      settling = {.state = table.state(), .revision = table.revision()};
    }
    size_t data_groups = 0;
    const bool retry = now >= settling.retry_at;
    if (retry) settling.retry_at = now + kSettleRetry_us;
    for (const api::GroupDescriptor& group : map.groups()) {
      if (group.group() == raft::kMetaGroup) continue;
      ++data_groups;
      if (retry && !settling.done.contains(group.group())) SettleIn(table, group.group());
    }
    if (settling.done.size() == data_groups && !settling.proposed) {
      LogTable(meta, settling, table.space());
    }
  }
  std::erase_if(settling_, [&](const auto& entry) { return !unsettled.contains(entry.first); });
}

void MetaDriver::SettleIn(const api::Table& table, raft::GroupId group) {
  const raft::NodeId leader = directory_->LeaderOf(group);
  if (leader == 0 || !settling_[table.space()].asked.insert(group).second) return;
  peer::Call call;
  call.mutable_propose_table()->set_group(group);
  *call.mutable_propose_table()->mutable_table() = table;
  call.mutable_propose_table()->mutable_table()->clear_deletion_protection();
  env_.transport->Call(
      leader, std::move(call), kCallTimeout_us,
      lifetime_.Guard([this, group, space = table.space(), state = table.state(),
                       revision = table.revision()](absl::StatusOr<peer::Answer> answer) {
        const auto found = settling_.find(space);
        if (found == settling_.end()) return;
        Settling& settling = found->second;
        if (settling.state != state || settling.revision != revision) return;
        settling.asked.erase(group);
        if (!answer.ok() || answer->status() != peer::OK) return;
        settling.done.insert(group);
        DriveSoon();
      }));
}

void MetaDriver::LogTable(Replica& meta, Settling& settling, uint32_t space) {
  settling.proposed = true;
  command::Command command;
  command.mutable_table_settled()->set_space(space);
  command.mutable_table_settled()->set_state(settling.state == api::DELETING ? api::DELETING
                                                                             : api::ACTIVE);
  command.mutable_table_settled()->set_revision(settling.revision);
  meta.Propose(&command, lifetime_.Guard([this, space](const Proposed& result) {
    const auto found = settling_.find(space);
    if (result.code != api::OK && found != settling_.end()) found->second.proposed = false;
  }));
}

// ------------------------------------------------------------------ placement

void MetaDriver::Place(Replica& meta) {
  const Micros now = env_.clock->Monotonic();
  if (now < next_plan_) return DriveSoon();
  const api::Map& map = meta.machine()->map();
  next_plan_ = now + kPlanPerGroup_us * map.groups_size();
  partition::PlacementInput input;
  for (const auto& [node, when] : heard_) {
    if (when + kAlive_us >= now) input.live_nodes.push_back(node);
  }
  input.leaders = leaders_;
  input.leaders[raft::kMetaGroup] = env_.identity->node;
  Settled now_settled{map.version(), input.live_nodes, input.leaders};
  if (settled_ == now_settled) return;
  input.map = &map;
  input.replication_factor = env_.options->replication_factor;
  input.step_limit = map.groups_size() * 2;
  const bool may_move = now >= leading_since_ + kSettleIn_us && !MoveUnderWay(now);
  size_t under_way = 0;
  for (const auto& [group, until] : adding_) under_way += until > now + kAddPause_us;
  const std::vector<partition::PlacementStep> steps = partition::PlanPlacement(input);
  if (steps.empty()) settled_ = std::move(now_settled);
  for (const partition::PlacementStep& step : steps) {
    if (const auto* add = std::get_if<partition::AddReplica>(&step)) {
      const auto busy = adding_.find(add->group);
      if (busy != adding_.end() && busy->second > now) continue;
      if (under_way >= kAddsAtOnce) continue;
      ++under_way;
      Carry(meta, *add);
    } else if (may_move) {
      Carry(std::get<partition::MoveLeader>(step));
    }
  }
}

bool MetaDriver::MoveUnderWay(Micros now) const {
  for (const auto& [group, move] : moving_) {
    if (move.second > now) return true;
  }
  return false;
}

void MetaDriver::Carry(Replica& meta, const partition::AddReplica& step) {
  adding_[step.group] = env_.clock->Monotonic() + kAddTimeout_us;
  const uint64_t epoch = FindGroup(meta.machine()->map(), step.group)->epoch();
  command::Command command;
  command.mutable_issue_replica()->set_group(step.group);
  command.mutable_issue_replica()->set_node(step.node);
  meta.Propose(&command, lifetime_.Guard([this, step, epoch](const Proposed& proposed) {
    if (proposed.code != api::OK || proposed.outcome->code() != api::OK) {
      adding_[step.group] = env_.clock->Monotonic() + kAddPause_us;
      return;
    }
    AskToAdd(step, epoch, proposed.outcome->id());
  }));
}

void MetaDriver::AskToAdd(const partition::AddReplica& step, uint64_t epoch,
                          raft::ReplicaId replica) {
  peer::Call call;
  call.mutable_add_replica()->set_group(step.group);
  call.mutable_add_replica()->set_replica(replica);
  call.mutable_add_replica()->set_replaces(step.replaces);
  call.mutable_add_replica()->set_epoch(epoch);
  call.mutable_add_replica()->mutable_node()->set_id(step.node);
  if (const api::Node* node = directory_->FindNode(step.node)) {
    *call.mutable_add_replica()->mutable_node() = *node;
  }
  const raft::NodeId leader = directory_->LeaderOf(step.group);
  if (leader == 0) {
    adding_[step.group] = env_.clock->Monotonic() + kAddPause_us;
    return;
  }
  env_.transport->Call(
      leader, std::move(call), kAddTimeout_us,
      lifetime_.Guard([this, step, replica](absl::StatusOr<peer::Answer> answer) {
        const bool ok = answer.ok() && answer->status() == peer::OK;
        if (!ok) {
          adding_[step.group] = env_.clock->Monotonic() + kAddPause_us;
          spdlog::info("replica_not_added group={} node={} reason=\"{}\"", step.group, step.node,
                       answer.ok() ? answer->message() : std::string(answer.status().message()));
          return;
        }
        spdlog::info("replica_added group={} replica={} node={}", step.group, replica, step.node);
        if (Replica* meta = Meta()) TakeDescriptor(*meta, answer->add_replica().group());
        // The plan goes on when the descriptor is in the map: that calls Drive.
        adding_[step.group] = env_.clock->Monotonic() + kDrive_us;
      }));
}

void MetaDriver::Carry(const partition::MoveLeader& step) {
  const raft::NodeId leader = directory_->LeaderOf(step.group);
  if (leader == 0) return;
  moving_[step.group] = {step.to_node, env_.clock->Monotonic() + kMoveWait_us};
  peer::Call call;
  call.mutable_move_leader()->set_group(step.group);
  call.mutable_move_leader()->set_to_node(step.to_node);
  env_.transport->Call(leader, std::move(call), kCallTimeout_us,
                       lifetime_.Guard([this, step](absl::StatusOr<peer::Answer> answer) {
                         if (answer.ok() && answer->status() == peer::OK) return;
                         // Where it is refused the plan would be the same at once.
                         if (answer.ok() && answer->status() == peer::REFUSED) return;
                         moving_.erase(step.group);
                       }));
}

}  // namespace fastpath::node
