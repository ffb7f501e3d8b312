// The configuration of a server process: a TOML file, overridden by flags.
//
//   data = "/var/lib/fastpath"
//   groups = 16                    # of a new cluster
//   replication_factor = 3
//   bootstrap = false
//   seeds = ["10.0.0.1:7401"]
//   log_level = "warn"
//   [listen]     client, peer, http, gateway = "host:port"; no gateway: ""
//   [advertise]  client, peer, http = "host:port"
//   [limits]     requests, requests_per_connection, connections, request_bytes
//   [engine]     memtable_bytes, block_cache_bytes
//   [log]        segment_bytes
//   [raft]       heartbeat_ms, election_min_ms, election_max_ms, quiet_ms, catchup_limit_bytes
//   [gateway]    keys_file, insecure_no_auth, connections, held_bytes, request_ms, idle_ms
//   [gateway.access_keys]  ID = "secret"
//
// Whatever is not listed here is an error that names the key and its line.
// Pure but for reading the named file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/access_keys.h"
#include "node/options.h"
#include "storage/engine.h"

namespace fastpath::node {

// DynamoDB's API over HTTP.
struct GatewayConfig {
  std::string listen = "127.0.0.1:7403";  // Empty: there is none.
  std::string keys_file;                  // More access keys: access_keys.h.
  AccessKeys access_keys;
  bool insecure_no_auth = false;  // On loopback only.
  size_t connections = 10000;
  size_t held_bytes = 256u << 20;  // Of all connections' requests and answers.
  int64_t request_us = 30'000'000;
  int64_t idle_us = 60'000'000;
};

struct Config {
  std::string data;
  std::string http_listen = "127.0.0.1:7402";
  std::string log_level = "warn";
  NodeOptions node;
  storage::RocksOptions engine;
  GatewayConfig gateway;
};

// `file` names the text in errors: "node.toml:3: unknown key \"sedes\"".
absl::Status ApplyToml(std::string_view text, const std::string& file, Config& config);

// The same of a file. NotFound: it cannot be read.
absl::Status ApplyTomlFile(const std::string& file, Config& config);

// Limits that hold whatever the source: addresses, counts, timeouts.
absl::Status Validate(const Config& config);

// A command line. `exit_code` is set when the process should end at once, with
// `output` on stdout (0: help, version) or stderr.
struct CommandLine {
  Config config;
  std::optional<int> exit_code;
  std::string output;
};
CommandLine ParseCommandLine(int argc, const char* const* argv);

}  // namespace fastpath::node
