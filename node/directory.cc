#include "node/directory.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace fastpath::node {

Directory::Directory(const Environment& environment, const Shard* shard)
    : env_(environment), shard_(shard) {}

const api::Map& Directory::Base() const {
  const Replica* meta = shard_->Find(raft::kMetaGroup);
  if (meta == nullptr || meta->machine() == nullptr) return heard_;
  const api::Map& own = meta->machine()->map();
  return own.version() >= heard_.version() ? own : heard_;
}

void Directory::Update(const api::Map& map) {
  if (map.version() <= heard_.version() && !heard_.cluster_id().empty()) return;
  if (const absl::Status valid = ValidateMap(map); !valid.ok()) {
    spdlog::warn("map_refused reason=\"{}\"", std::string(valid.message()));
    return;
  }
  heard_ = map;
  storage::WriteBatch batch;
  batch.Put(MapKey(), map.SerializeAsString());
  // Lost at a crash, or refused by a stalled engine: then the seeds help.
  env_.engine->Write(std::move(batch), [](absl::Status) {});
}

void Directory::LoadStored(std::function<void()> done) {
  env_.engine->Get(MapKey(),
                   lifetime_.Guard([this, done = std::move(done)](
                                       absl::StatusOr<std::optional<std::string>> row) {
                     api::Map map;
                     if (row.ok() && row->has_value() && map.ParseFromString(**row) &&
                         ValidateMap(map).ok()) {
                       heard_ = std::move(map);
                     }
                     done();
                   }));
}

void Directory::SetLeader(raft::GroupId group, raft::NodeId node) { leaders_[group] = node; }

const api::Node* Directory::FindNode(raft::NodeId id) const {
  for (const api::Node& node : Base().nodes()) {
    if (node.id() == id) return &node;
  }
  for (const api::Node& node : heard_.nodes()) {
    if (node.id() == id) return &node;
  }
  const auto learned = learned_.find(id);
  return learned == learned_.end() ? nullptr : &learned->second;
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
  for (const api::GroupDescriptor& descriptor : Base().groups()) {
    if (descriptor.group() == group) best = descriptor;
  }
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
