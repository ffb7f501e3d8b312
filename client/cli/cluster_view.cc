#include "client/cli/cluster_view.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"

namespace fastpath::client::cli {

const api::ReplicaStatus* ClusterView::Replica(uint32_t node, uint32_t group) const {
  auto found = nodes.find(node);
  if (found == nodes.end()) return nullptr;
  for (const api::ReplicaStatus& replica : found->second.replicas()) {
    if (replica.group() == group) return &replica;
  }
  return nullptr;
}

uint32_t ClusterView::LeaderNode(uint32_t group) const {
  uint32_t leader = 0;
  uint64_t term = 0;
  for (const auto& [node, status] : nodes) {
    const api::ReplicaStatus* replica = Replica(node, group);
    if (replica == nullptr || replica->role() != "leader" || replica->term() < term) continue;
    leader = node;
    term = replica->term();
  }
  return leader;
}

const api::ReplicaStatus* ClusterView::Leader(uint32_t group) const {
  uint32_t node = LeaderNode(group);
  return node == 0 ? nullptr : Replica(node, group);
}

Result<ClusterView> Look(Client& client, std::chrono::milliseconds patience) {
  Result<api::Map> map = client.ClusterMap().Wait();
  if (!map.ok()) return map.failure();
  ClusterView view{.map = *map};
  std::mutex mutex;
  std::condition_variable changed;
  int due = view.map.nodes_size();
  for (const api::Node& node : view.map.nodes()) {
    client.NodeStatus(node.id(), patience)
        .Then([&, id = node.id()](Result<api::StatusResult> status) {
          std::lock_guard lock(mutex);
          // At the address of one that was replaced another answers.
          if (status.ok() && status->node() == id) {
            view.nodes[id] = *std::move(status);
          } else {
            view.unreachable[id] = status.ok() ? "another node answers there" : status.message();
          }
          --due;
          changed.notify_one();
        });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return due == 0; });
  return view;
}

namespace {

std::string WhyGroupNotReady(const ClusterView& view, const api::GroupDescriptor& group,
                             size_t nodes) {
  std::string name = absl::StrCat("group ", group.group());
  const api::ReplicaStatus* leader = view.Leader(group.group());
  if (leader == nullptr) return absl::StrCat(name, " has no leader");
  size_t wanted = std::min<size_t>(3, nodes);
  if (static_cast<size_t>(group.voters_size()) < wanted) {
    return absl::StrCat(name, " has ", group.voters_size(), " of ", wanted, " replicas");
  }
  if (group.learners_size() > 0) return absl::StrCat(name, " has a learner");
  for (const api::Member& voter : group.voters()) {
    const api::ReplicaStatus* replica = view.Replica(voter.node(), group.group());
    std::string which = absl::StrCat(name, "'s replica on node ", voter.node());
    if (replica == nullptr) return absl::StrCat(which, " does not answer");
    if (!replica->failure().empty()) return absl::StrCat(which, ": ", replica->failure());
    if (replica->term() != leader->term() || replica->leader() != leader->replica()) {
      return absl::StrCat(which, " does not follow the leader");
    }
  }
  return "";
}

}  // namespace

std::string WhyNotReady(const ClusterView& view, size_t nodes) {
  size_t there = view.nodes.size();
  if (there < nodes) return absl::StrCat(there, " of ", nodes, " nodes answer");
  if (view.map.groups_size() == 0) return "there is no group yet";
  for (const api::GroupDescriptor& group : view.map.groups()) {
    std::string why = WhyGroupNotReady(view, group, nodes);
    if (!why.empty()) return why;
  }
  return "";
}

}  // namespace fastpath::client::cli
