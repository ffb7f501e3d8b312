#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/cluster_view.h"
#include "client/cli/commands.h"
#include "partition/placement.h"

namespace fastpath::client::cli {
namespace {

// For a node's answer about itself; a dead one must not hold up the picture.
std::chrono::milliseconds Patience(const Context& context) {
  return std::min(context.timeout(), std::chrono::milliseconds(2000));
}

// --------------------------------------------------------------------- status

void PrintStatusJson(const ClusterView& view) {
  JsonWriter json;
  json.BeginObject();
  json.Name("cluster_id").String(absl::BytesToHexString(view.map.cluster_id()));
  json.Name("map_version").Number(view.map.version());
  json.Name("nodes").BeginArray();
  for (const api::Node& node : view.map.nodes()) {
    auto status = view.nodes.find(node.id());
    json.BeginObject().Name("id").Number(node.id());
    json.Name("client_address").String(node.client_address());
    json.Name("peer_address").String(node.peer_address());
    json.Name("http_address").String(node.http_address());
    json.Name("reachable").Bool(status != view.nodes.end());
    json.Name("replaced").Bool(partition::IsReplaced(view.map, node));
    if (status != view.nodes.end()) {
      json.Name("version").String(status->second.version());
      json.Name("uptime_ms").Number(status->second.uptime_ms());
    }
    json.EndObject();
  }
  json.EndArray().Name("groups").BeginArray();
  for (const api::GroupDescriptor& group : view.map.groups()) {
    json.BeginObject().Name("group").Number(group.group());
    json.Name("epoch").Number(group.epoch());
    json.Name("first_bucket").Number(group.first_bucket());
    json.Name("last_bucket").Number(group.last_bucket());
    json.Name("leader_node").Number(view.LeaderNode(group.group()));
    json.Name("replicas").BeginArray();
    for (const api::Member& voter : group.voters()) {
      json.BeginObject().Name("node").Number(voter.node());
      json.Name("replica").Number(voter.replica());
      if (const api::ReplicaStatus* replica = view.Replica(voter.node(), group.group())) {
        json.Name("role").String(replica->role());
        json.Name("term").Number(replica->term());
        json.Name("commit").Number(replica->commit());
        json.Name("applied").Number(replica->applied());
        json.Name("last").Number(replica->last());
        json.Name("command_version").Number(replica->command_version());
        if (!replica->failure().empty()) json.Name("failure").String(replica->failure());
      }
      json.EndObject();
    }
    json.EndArray().EndObject();
  }
  PrintLine(json.EndArray().EndObject().text());
}

void PrintNodes(const ClusterView& view) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "CLIENTS", "PEERS", "HTTP", "VERSION", "UPTIME", "STATE"}};
  for (const api::Node& node : view.map.nodes()) {
    auto status = view.nodes.find(node.id());
    bool up = status != view.nodes.end();
    rows.push_back({absl::StrCat(node.id()), node.client_address(), node.peer_address(),
                    node.http_address(), up ? status->second.version() : "-",
                    up ? absl::StrCat(status->second.uptime_ms() / 1000, "s") : "-",
                    up                                      ? "up"
                    : partition::IsReplaced(view.map, node) ? "replaced"
                                                            : "unreachable"});
  }
  PrintColumns(rows);
}

// "1*:120 2:120 3:-": each replica's node, the leader's star, the applied index.
std::string ReplicasText(const ClusterView& view, const api::GroupDescriptor& group) {
  std::string text;
  uint32_t leader = view.LeaderNode(group.group());
  for (const api::Member& voter : group.voters()) {
    const api::ReplicaStatus* replica = view.Replica(voter.node(), group.group());
    absl::StrAppend(&text, text.empty() ? "" : "  ", voter.node(),
                    voter.node() == leader ? "*" : "", ":",
                    replica == nullptr ? "-" : absl::StrCat(replica->applied()));
    if (replica != nullptr && !replica->failure().empty()) {
      absl::StrAppend(&text, " (", replica->failure(), ")");
    }
  }
  return text;
}

Exit Status(Context& context) {
  Result<ClusterView> view = Look(context.client(), Patience(context));
  if (!view.ok()) return Report(context, view.failure());
  if (context.json) {
    PrintStatusJson(*view);
    return kOk;
  }
  PrintNodes(*view);
  PrintLine("");
  std::vector<std::vector<std::string>> rows = {
      {"GROUP", "BUCKETS", "LEADER", "TERM", "COMMIT", "REPLICAS (node:applied)"}};
  for (const api::GroupDescriptor& group : view->map.groups()) {
    const api::ReplicaStatus* leader = view->Leader(group.group());
    bool meta = group.first_bucket() > group.last_bucket();
    rows.push_back(
        {absl::StrCat(group.group()),
         meta ? "meta" : absl::StrCat(group.first_bucket(), "-", group.last_bucket()),
         leader == nullptr ? "none" : absl::StrCat("node ", view->LeaderNode(group.group())),
         leader == nullptr ? "-" : absl::StrCat(leader->term()),
         leader == nullptr ? "-" : absl::StrCat(leader->commit()), ReplicasText(*view, group)});
  }
  PrintColumns(rows);
  for (const auto& [node, why] : view->unreachable) {
    PrintError(absl::StrCat("node ", node, ": ", why));
  }
  return kOk;
}

// --------------------------------------------------------------------- digest

struct GroupDigests {
  uint64_t index = 0;
  std::map<uint32_t, uint64_t> by_node;

  bool equal() const {
    for (const auto& [node, digest] : by_node) {
      if (digest != by_node.begin()->second) return false;
    }
    return true;
  }
};

Result<GroupDigests> DigestGroup(Client& client, const api::GroupDescriptor& group) {
  Result<api::DigestResult> begun = client.BeginDigest(group.group()).Wait();
  if (!begun.ok()) return begun.failure();
  GroupDigests digests{.index = begun->index()};
  for (const api::Member& voter : group.voters()) {
    Result<api::DigestResult> one =
        client.ReplicaDigest(group.group(), voter.node(), digests.index).Wait();
    if (!one.ok()) {
      Failure failure = one.failure();
      failure.message = absl::StrCat("group ", group.group(), "'s replica on node ", voter.node(),
                                     ": ", failure.message);
      return failure;
    }
    digests.by_node[voter.node()] = one->digest();
  }
  return digests;
}

void PrintDigest(const Context& context, uint32_t group, const GroupDigests& digests) {
  if (context.json) {
    JsonWriter json;
    json.BeginObject().Name("group").Number(group).Name("index").Number(digests.index);
    json.Name("equal").Bool(digests.equal()).Name("digests").BeginObject();
    for (const auto& [node, digest] : digests.by_node) {
      json.Name(std::to_string(node)).String(absl::StrFormat("%016x", digest));
    }
    PrintLine(json.EndObject().EndObject().text());
    return;
  }
  std::string line = absl::StrCat("group ", group, " at ", digests.index, ":");
  for (const auto& [node, digest] : digests.by_node) {
    absl::StrAppend(&line, "  node ", node, " ", absl::StrFormat("%016x", digest));
  }
  PrintLine(absl::StrCat(line, digests.equal() ? absl::StrCat("  ", Green("equal")) : "  DIFFER"));
}

Exit Digest(Context& context) {
  Result<api::Map> map = context.client().ClusterMap().Wait();
  if (!map.ok()) return Report(context, map.failure());
  bool equal = true;
  Exit worst = kOk;
  for (const api::GroupDescriptor& group : map->groups()) {
    Result<GroupDigests> digests = DigestGroup(context.client(), group);
    if (!digests.ok()) {
      worst = Report(context, digests.failure());
      continue;
    }
    PrintDigest(context, group.group(), *digests);
    equal = equal && digests->equal();
  }
  if (!equal) PrintError("replicas differ");
  return equal ? worst : kRefused;
}

// --------------------------------------------------------------------- leader

Exit Leader(Context& context, const std::string& table, const std::string& text) {
  Exit exit = kOk;
  std::optional<Key> key = ParseKey(context, table, text, exit);
  if (!key) return exit;
  Result<ClusterView> view = Look(context.client(), Patience(context));
  if (!view.ok()) return Report(context, view.failure());
  const api::GroupDescriptor* group = GroupOf(view->map, *key);
  if (group == nullptr) {
    PrintError("the map has no group for the key");
    return kRefused;
  }
  uint32_t leader = view->LeaderNode(group->group());
  if (leader == 0) {
    PrintError(absl::StrCat("group ", group->group(), " has no leader now"));
    return kUnreachable;
  }
  for (const api::Node& node : view->map.nodes()) {
    if (node.id() != leader) continue;
    if (context.json) {
      JsonWriter json;
      json.BeginObject().Name("group").Number(group->group()).Name("node").Number(leader);
      json.Name("client_address").String(node.client_address());
      json.Name("peer_address").String(node.peer_address());
      json.Name("http_address").String(node.http_address());
      PrintLine(json.EndObject().text());
    } else {
      PrintLine(absl::StrCat("group ", group->group(), "  node ", leader, "  clients ",
                             node.client_address(), "  peers ", node.peer_address(), "  http ",
                             node.http_address()));
    }
    return kOk;
  }
  PrintError(absl::StrCat("node ", leader, " is not on the map"));
  return kRefused;
}

// ----------------------------------------------------------------------- wait

size_t LivingNodes(const api::Map& map) {
  return std::count_if(map.nodes().begin(), map.nodes().end(),
                       [&](const api::Node& node) { return !partition::IsReplaced(map, node); });
}

Exit WaitUntilReady(Context& context, size_t nodes) {
  auto deadline = std::chrono::steady_clock::now() + context.timeout();
  std::string why;
  while (true) {
    Result<ClusterView> view = Look(context.client(), Patience(context));
    if (view.ok()) {
      size_t wanted = nodes == 0 ? LivingNodes(view->map) : nodes;
      why = WhyNotReady(*view, wanted);
      if (why.empty()) {
        PrintLine(context.json ? "{\"ready\":true}"
                               : absl::StrCat("ready: ", view->nodes.size(), " nodes, ",
                                              view->map.groups_size(),
                                              " groups, every leader "
                                              "followed by its replicas"));
        return kOk;
      }
    } else {
      why = view.message();
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  PrintError(absl::StrCat("not ready: ", why));
  return kUnreachable;
}

// The servers say that they began; that the node leads is seen, not assumed.
Exit Transfer(Context& context, uint32_t group, uint32_t node) {
  auto deadline = std::chrono::steady_clock::now() + context.timeout();
  Result<Nothing> result = context.client().TransferLeader(group, node).Wait();
  if (!result.ok()) return Report(context, result.failure());
  while (true) {
    Result<ClusterView> view = Look(context.client(), Patience(context));
    if (view.ok() && view->LeaderNode(group) == node) break;
    if (std::chrono::steady_clock::now() >= deadline) {
      PrintError(absl::StrCat("group ", group, " is not yet led by node ", node));
      return kUnreachable;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  PrintLine(context.json ? "{\"transferred\":true}"
                         : absl::StrCat("group ", group, " is led by node ", node));
  return kOk;
}

}  // namespace

void AddClusterCommands(CLI::App& app, Context& context, Exit& exit) {
  CLI::App* cluster = app.add_subcommand("cluster", "Look at the cluster, and lead it");
  cluster->require_subcommand(1);
  cluster->fallthrough();
  cluster->add_subcommand("status", "Nodes, groups, leaders, applied indexes")->callback([&] {
    exit = Status(context);
  });
  cluster
      ->add_subcommand("digest",
                       "Compare every group's replicas at one index; exit code 1 if any differ")
      ->callback([&] { exit = Digest(context); });

  auto table = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  CLI::App* command = cluster->add_subcommand("leader", "Which node leads a key's group now");
  command->add_option("--table", *table, "The table")->required();
  command->add_option("--key", *key, "As for item get")->required();
  command->callback([&, table, key] { exit = Leader(context, *table, *key); });

  auto nodes = std::make_shared<size_t>(0);
  command = cluster->add_subcommand(
      "wait", "Until every group has a leader that its replicas follow; at most --timeout");
  command->add_option("--nodes", *nodes, "That so many nodes are there (default: the map's)");
  command->callback([&, nodes] { exit = WaitUntilReady(context, *nodes); });

  auto group = std::make_shared<uint32_t>(0);
  auto node = std::make_shared<uint32_t>(0);
  command = cluster->add_subcommand("transfer", "Hand a group's leadership to a node");
  command->add_option("group", *group, "The group")->required();
  command->add_option("node", *node, "The node")->required();
  command->callback([&, group, node] { exit = Transfer(context, *group, *node); });
}

}  // namespace fastpath::client::cli
