#include "tests/fault/cluster.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "partition/model/key.h"
#include "tests/fault/raw_client.h"

namespace fastpath::fault {
namespace {

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

std::string LastLines(const std::string& text, size_t bytes = 3000) {
  return text.size() <= bytes ? text : text.substr(text.size() - bytes);
}

}  // namespace

std::string ServerProgram() { return std::string(FASTPATH_BIN_DIR) + "/fastpathd"; }
std::string CommandProgram() { return std::string(FASTPATH_BIN_DIR) + "/fastpath"; }

Cluster::Cluster(ClusterOptions options) : options_(options), folder_(options.name) {
  for (int i = 0; i < options_.nodes; ++i) {
    auto node = std::make_unique<Node>();
    node->client_port = FreePort();
    node->peer_port = FreePort();
    node->http_port = FreePort();
    node->gateway_port = FreePort();
    nodes_.push_back(std::move(node));
  }
  if (!options_.config.empty()) std::ofstream(folder_.path() + "/node.toml") << options_.config;
}

std::string Cluster::peer_address(int node) const { return Loopback(peer_port(node)); }

std::string Cluster::folder(int node) const {
  if (!options_.folders.empty()) return options_.folders[node];
  return absl::StrCat(folder_.path(), "/node", node + 1);
}

std::string Cluster::ShimFile(int node) const {
  return absl::StrCat(folder_.path(), "/shim", node + 1);
}

void Cluster::SetShim(int node, const std::string& orders) const {
  std::ofstream(ShimFile(node)) << orders;
}

std::string Cluster::log(int node) const {
  return ReadFile(absl::StrCat(folder_.path(), "/node", node + 1, ".log"));
}

std::vector<std::string> Cluster::endpoints() const {
  std::vector<std::string> all;
  for (const auto& node : nodes_) all.push_back(Loopback(node->client_port));
  return all;
}

std::vector<std::string> Cluster::ServerCommand(int node) const {
  const Node& n = *nodes_[node];
  std::vector<std::string> command;
  if (options_.shim) {
    command = {"/usr/bin/env", absl::StrCat("LD_PRELOAD=", FASTPATH_DISK_SHIM),
               absl::StrCat("FASTPATH_DISK_SHIM=", ShimFile(node))};
  }
  const std::vector<std::string> server = {ServerProgram(),
                                           "--data",
                                           folder(node),
                                           "--client-listen",
                                           Loopback(n.client_port),
                                           "--peer-listen",
                                           Loopback(n.peer_port),
                                           "--http-listen",
                                           Loopback(n.http_port),
                                           "--gateway-listen",
                                           Loopback(n.gateway_port)};
  command.insert(command.end(), options_.prefix.begin(), options_.prefix.end());
  command.insert(command.end(), server.begin(), server.end());
  if (!options_.config.empty()) {
    command.insert(command.end(), {"--config", folder_.path() + "/node.toml"});
  }
  if (node == 0 && !n.started_before) {
    command.insert(command.end(), {"--bootstrap", "--groups", std::to_string(options_.groups)});
    return command;
  }
  for (int i = 0; i < options_.nodes; ++i) {
    if (i != node) command.insert(command.end(), {"--seed", peer_address(i)});
  }
  return command;
}

void Cluster::Start(int node) {
  Node& n = *nodes_[node];
  n.process.Start(ServerCommand(node), absl::StrCat(folder_.path(), "/node", node + 1, ".log"));
  n.started_before = true;
}

void Cluster::StartAll() {
  for (int i = 0; i < options_.nodes; ++i) Start(i);
}

void Cluster::KillAll() {
  for (auto& node : nodes_) node->process.Signal(SIGKILL);
  for (auto& node : nodes_) node->process.Kill();
}

CommandResult Cluster::Fastpath(std::vector<std::string> arguments) const {
  std::string all;
  for (const std::string& endpoint : endpoints())
    absl::StrAppend(&all, all.empty() ? "" : ",", endpoint);
  arguments.insert(arguments.begin(), {CommandProgram(), "--endpoints", all});
  return RunCommand(arguments, std::chrono::minutes(5));
}

void Cluster::WaitUntilServing(std::chrono::seconds limit) {
  const CommandResult result = Fastpath({"--timeout", absl::StrCat(limit.count()), "cluster",
                                         "wait", "--nodes", absl::StrCat(options_.nodes)});
  if (result.code == 0) return;
  std::string logs;
  for (int i = 0; i < options_.nodes; ++i) {
    absl::StrAppend(&logs, "--- node ", i + 1, process(i).running() ? "" : " (ended)", "\n",
                    LastLines(log(i)));
  }
  FAIL() << "not serving within " << limit.count() << " s: " << result.output << "\n" << logs;
}

// The nodes are asked one after the other: leadership that is handed over meanwhile, as the planner
// does once a node is back, may be seen nowhere. What lasts is not that.
int Cluster::LeaderOf(uint32_t group) const {
  const auto end = Clock::now() + std::chrono::seconds(1);
  int leader = LeaderSeen(group);
  while (leader < 0 && Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    leader = LeaderSeen(group);
  }
  return leader;
}

int Cluster::LeaderSeen(uint32_t group) const {
  int leader = -1;
  uint64_t term = 0;
  for (int i = 0; i < options_.nodes; ++i) {
    api::Request request;
    request.set_id(1);
    request.mutable_status();
    const auto reply = Ask(client_port(i), request, std::chrono::seconds(1));
    if (!reply) continue;
    for (const api::ReplicaStatus& replica : reply->status().replicas()) {
      // A deposed leader may still think it leads; the higher term knows better.
      if (replica.group() == group && replica.role() == "leader" && replica.term() > term) {
        leader = i;
        term = replica.term();
      }
    }
  }
  return leader;
}

api::Map Cluster::Map() const {
  for (int i = 0; i < options_.nodes; ++i) {
    api::Request request;
    request.set_id(1);
    request.mutable_map();
    const auto reply = Ask(client_port(i), request, std::chrono::seconds(1));
    if (reply && reply->has_map()) return reply->map();
  }
  return {};
}

uint32_t Cluster::GroupOf(const std::string& partition_key) const {
  std::string part;
  model::AppendKeyPart(part, model::Value::String(partition_key));
  const uint32_t bucket = static_cast<uint32_t>(model::KeyHash(part) >> 48);
  const api::Map map = Map();
  for (const api::GroupDescriptor& group : map.groups()) {
    if (group.first_bucket() <= bucket && bucket <= group.last_bucket()) return group.group();
  }
  ADD_FAILURE() << "no group holds bucket " << bucket;
  return 0;
}

bool WaitFor(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace fastpath::fault
