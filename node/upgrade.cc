#include "node/upgrade.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "node/replica.h"

namespace fastpath::node {

void Upgrade::Look(Replica& replica) {
  if (replica.machine() == nullptr) return;
  const uint32_t version = replica.machine()->version();
  if (version >= env_.options->command_version || !replica.serving()) return;
  if (under_way_.contains(replica.group())) return;
  const uint32_t known = KnownToAll(replica.raft().configuration());
  if (known > version) Propose(replica, known);
}

uint32_t Upgrade::KnownToAll(const raft::Configuration& members) const {
  uint32_t known = env_.options->command_version;
  for (const auto* some : {&members.voters, &members.outgoing, &members.learners}) {
    for (const raft::Member& member : *some) {
      if (member.node == env_.identity->node) continue;
      known = std::min(known, env_.transport->CommandVersion(member.node));
    }
  }
  return known;
}

void Upgrade::Propose(Replica& replica, uint32_t version) {
  const raft::GroupId group = replica.group();
  spdlog::info("group_upgrade group={} from={} to={}", group, replica.machine()->version(),
               version);
  under_way_.insert(group);
  command::Command command;
  command.mutable_set_version()->set_version(version);
  replica.Propose(&command, lifetime_.Guard([this, group](const Proposed& proposed) {
    under_way_.erase(group);
    if (proposed.code == api::OK) return;
    spdlog::debug("group_upgrade_put_off group={} reason=\"{}\"", group, proposed.message);
  }));
}

}  // namespace fastpath::node
