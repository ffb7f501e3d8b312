// A cluster of real fastpathd processes on free loopback ports, in a temporary
// folder, for one test.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "partition/api.pb.h"
#include "tests/fault/process.h"

namespace fastpath::fault {

struct ClusterOptions {
  std::string name;  // Of its folder.
  int nodes = 3;
  int groups = 8;
  std::vector<std::string> folders;  // Each node's data; empty: below the cluster's own.
  std::string config;                // Of every node, as a TOML file holds it.
  std::vector<std::string> prefix;   // Before every server's command: limits it lives in.
  bool shim = false;                 // Each node's syncs obey SetShim.
};

// Nodes are numbered from 0. One thread, except where said.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options);

  void StartAll();  // Node 0 bootstraps at its first start.
  void Start(int node);
  void Kill(int node) { nodes_[node]->process.Kill(); }
  // What disk_shim.cc says; "" ends it. Requires options.shim.
  void SetShim(int node, const std::string& orders) const;
  void KillAll();  // Signals all before it waits for any.
  Process& process(int node) { return nodes_[node]->process; }

  // Until every group has a leader and all its replicas; a test failure with the
  // nodes' last log lines if that does not come.
  void WaitUntilServing(std::chrono::seconds limit = std::chrono::seconds(60));

  int client_port(int node) const { return nodes_[node]->client_port; }
  int peer_port(int node) const { return nodes_[node]->peer_port; }
  int http_port(int node) const { return nodes_[node]->http_port; }
  int gateway_port(int node) const { return nodes_[node]->gateway_port; }
  std::string peer_address(int node) const;
  std::vector<std::string> endpoints() const;  // "127.0.0.1:port"
  std::string log(int node) const;             // What the node printed so far.
  std::string folder(int node) const;
  const std::string& path() const { return folder_.path(); }

  // `fastpath --endpoints ... arguments...`. Any thread.
  CommandResult Fastpath(std::vector<std::string> arguments) const;
  std::vector<std::string> ServerCommand(int node) const;

  // From the nodes themselves. -1 if for a second no node says it leads the group.
  int LeaderOf(uint32_t group) const;
  int LeaderSeen(uint32_t group) const;  // The same, each node asked once.
  api::Map Map() const;                  // Empty if no node answers.
  // The group that the key with this text as partition key belongs to.
  uint32_t GroupOf(const std::string& partition_key) const;

 private:
  struct Node {
    Process process;
    int client_port = 0, peer_port = 0, http_port = 0, gateway_port = 0;
    bool started_before = false;
  };
  std::string ShimFile(int node) const;

  ClusterOptions options_;
  TemporaryFolder folder_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

// Asks again and again; false: not within the limit.
bool WaitFor(const std::function<bool()>& done, std::chrono::seconds limit);

std::string ServerProgram();   // fastpathd
std::string CommandProgram();  // fastpath

}  // namespace fastpath::fault
