#include "node/directory.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace fastpath::node {
namespace {

// All of the map is written anew for each change.
constexpr Micros kRemember_us = 1'000'000;

}  // namespace

Directory::Directory(const Environment& environment, const Shard* shard)
    : env_(environment), shard_(shard) {}

const api::Map& Directory::Base() const {
  const Replica* meta = shard_->Find(raft::kMetaGroup);
  if (meta == nullptr || meta->machine() == nullptr) return heard_;
  const api::Map& own = meta->machine()->map();
  return own.version() >= heard_.version() ? own : heard_;
}

bool Directory::NodesDiffer(const api::Map& map) const {
  api::Map nodes_before;
  api::Map nodes_now;
  *nodes_before.mutable_nodes() = heard_.nodes();
  *nodes_now.mutable_nodes() = map.nodes();
  return nodes_before.SerializeAsString() != nodes_now.SerializeAsString();
}

void Directory::Update(const api::Map& map) {
  if (map.version() <= heard_.version() && !heard_.cluster_id().empty()) return;
  if (const absl::Status valid = ValidateMap(map); !valid.ok()) {
    spdlog::warn("map_refused reason=\"{}\"", std::string(valid.message()));
    return;
  }
  const bool nodes_differ = NodesDiffer(map);
  heard_ = map;
  storage::WriteBatch batch;
  batch.Put(MapKey(), map.SerializeAsString());
  // Refused by a stalled engine or lost at a crash: then the seeds help, and
  // the peers that introduce themselves.
  env_.engine->Write(std::move(batch), [](absl::Status) {});
  if (nodes_differ) env_.engine->Flush([](absl::Status) {});
}

void Directory::Remember() {
  const Replica* meta = shard_->Find(raft::kMetaGroup);
  if (meta == nullptr || meta->machine() == nullptr) return;
  if (NodesDiffer(meta->machine()->map())) return Update(meta->machine()->map());
  if (remembering_) return;
  remembering_ = true;
  env_.executor->At(env_.clock->Monotonic() + kRemember_us, lifetime_.Guard([this] {
    remembering_ = false;
    const Replica* now = shard_->Find(raft::kMetaGroup);
    if (now != nullptr && now->machine() != nullptr) Update(now->machine()->map());
  }));
}

void Directory::LoadStored(std::function<void()> done) {
  env_.engine->Get(MapKey(), lifetime_.Guard([this, done = std::move(done)](
                                                 absl::StatusOr<std::optional<std::string>> row) {
    api::Map map;
    if (row.ok() && row->has_value() && map.ParseFromString(**row) && ValidateMap(map).ok()) {
      heard_ = std::move(map);
    }
    done();
  }));
}

void Directory::SetLeader(raft::GroupId group, raft::NodeId node) { leaders_[group] = node; }

const api::Node* Directory::FindNode(raft::NodeId id) const {
  const auto learned = learned_.find(id);
  if (learned != learned_.end()) return &learned->second;
  for (const api::Node& node : Base().nodes()) {
    if (node.id() == id) return &node;
  }
  for (const api::Node& node : heard_.nodes()) {
    if (node.id() == id) return &node;
  }
  return nullptr;
}

raft::NodeId Directory::LeaderOf(raft::GroupId group) const {
  const Replica* replica = shard_->Find(group);
  if (replica != nullptr && !replica->stopped() && replica->leader_node() != 0) {
    return replica->leader_node();
  }
  const auto found = leaders_.find(group);
  return found == leaders_.end() ? 0 : found->second;
}

std::optional<api::GroupDescriptor> Directory::Describe(raft::GroupId group) const {
  std::optional<api::GroupDescriptor> best;
  if (const api::GroupDescriptor* known = FindGroup(Base(), group)) best = *known;
  const Replica* replica = shard_->Find(group);
  if (replica != nullptr && replica->machine() != nullptr) {
    api::GroupDescriptor own = replica->Descriptor();
    if (!best || own.epoch() >= best->epoch()) best = std::move(own);
  }
  if (best) best->set_leader_node(LeaderOf(group));
  return best;
}

api::Map Directory::Compose() const {
  api::Map map = Base();
  for (api::GroupDescriptor& descriptor : *map.mutable_groups()) {
    if (auto fresh = Describe(descriptor.group())) descriptor = *std::move(fresh);
  }
  return map;
}

}  // namespace fastpath::node
