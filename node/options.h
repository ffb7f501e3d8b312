// What a node is told by its operator, and its limits. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partition/command_version.h"
#include "raft/raft.h"
#include "storage/raft_log.h"

namespace fastpath::node {

struct Limits {
  size_t requests_per_connection = 4096;  // Beyond: OVERLOADED at once.
  size_t requests = 32768;                // In flight on this node.
  size_t request_bytes = 256u << 20;      // Of those requests' frames.
  size_t pages = 256;                     // Of queries, scans and exports, being read.
  // Of all replies that their clients do not take, and of frames that are not
  // whole yet. Past the first, requests are refused and connections with replies
  // in wait are not read; past the second, who sends more of one is cut off.
  size_t reply_bytes = 256u << 20;
  size_t partial_bytes = 256u << 20;
  size_t connections = 10000;
  size_t peer_connections = 1024;
  // Writes are refused while the oldest one in flight is older than this: then
  // more of them only wait longer.
  Micros write_age_us = 1'000'000;
  size_t writes_at_least = 256;  // In flight, whatever their age.
  // Unsent replies of one connection: requests are refused past the first,
  // the connection ends past the second.
  size_t reply_soft_bytes = 8u << 20;
  size_t reply_hard_bytes = 32u << 20;
  size_t peer_buffer_bytes = 64u << 20;  // Raft messages to one node beyond it are dropped.
  size_t snapshots_out = 16;
  size_t snapshots_in = 16;
  size_t snapshot_chunk_bytes = 256u << 10;
  size_t snapshot_window = 4;  // Chunks unanswered.
  // The engine is flushed when this much was logged since it last persisted.
  uint64_t flush_log_bytes = 256u << 20;
};

struct NodeOptions {
  std::string client_listen = "127.0.0.1:7400";
  std::string peer_listen = "127.0.0.1:7401";
  // What others are told to connect to; empty: where we listen.
  std::string client_advertise;
  std::string peer_advertise;
  std::string http_advertise;
  std::vector<std::string> seeds;  // Peer addresses of nodes to join.
  bool bootstrap = false;          // Create a cluster; implied without seeds.
  uint32_t groups = 16;            // Data groups of a new cluster.
  uint32_t replication_factor = 3;
  // The highest that this program applies; less in tests of upgrades.
  uint32_t command_version = partition::kCommandVersion;
  Limits limits;
  // Timeouts and limits; ids and seed are filled in per replica.
  raft::Options raft = {.quiet_after = 2'000'000};
  storage::RaftLog::Options log;
};

}  // namespace fastpath::node
