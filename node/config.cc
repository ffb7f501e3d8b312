#include "node/config.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/host_port.h"
#include "node/text_file.h"
#include "node/version.h"
#include "partition/map.h"

namespace fastpath::node {
namespace {

constexpr int64_t kEngineMinBytes = 1 << 20;
constexpr int64_t kSegmentMinBytes = 1 << 20;
constexpr int64_t kSegmentMaxBytes = 1 << 30;
constexpr int64_t kCatchupMinBytes = 1 << 20;

absl::Status At(const std::string& file, const toml::source_region& where,
                const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", where.begin.line, ": ", what));
}

using Setter = std::function<absl::Status(const toml::node&)>;  // Says what is wrong, not where.

Setter Text(std::string& out) {
  return [&out](const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value) return absl::InvalidArgumentError("must be a string");
    out = *value;
    return absl::OkStatus();
  };
}

Setter Flag(bool& out) {
  return [&out](const toml::node& node) {
    const auto value = node.value_exact<bool>();
    if (!value) return absl::InvalidArgumentError("must be true or false");
    out = *value;
    return absl::OkStatus();
  };
}

template <typename T>
Setter Number(T& out, int64_t low, int64_t high, int64_t unit = 1) {
  return [&out, low, high, unit](const toml::node& node) {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < low || *value > high) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be a whole number from ", low, " to ", high));
    }
    out = static_cast<T>(*value * unit);
    return absl::OkStatus();
  };
}

Setter TextList(std::vector<std::string>& out) {
  return [&out](const toml::node& node) {
    const absl::Status bad = absl::InvalidArgumentError("must be a list of strings");
    if (!node.is_array()) return bad;
    out.clear();
    for (const toml::node& element : *node.as_array()) {
      const auto value = element.value_exact<std::string>();
      if (!value) return bad;
      out.push_back(*value);
    }
    return absl::OkStatus();
  };
}

Setter Secrets(AccessKeys& out) {
  return [&out](const toml::node& node) {
    if (!node.is_table()) return absl::InvalidArgumentError("must be a table");
    for (const auto& [id, secret] : *node.as_table()) {
      const auto value = secret.value_exact<std::string>();
      if (!value) return absl::InvalidArgumentError("must hold strings");
      const absl::Status added = AddAccessKey(std::string(id.str()), *value, out);
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  };
}

std::map<std::string, Setter> Keys(Config& config) {
  constexpr int64_t kMany = int64_t{1} << 40;
  NodeOptions& node = config.node;
  return {
      {"data", Text(config.data)},
      {"groups", Number(node.groups, 1, kDataGroupLimit)},
      {"replication_factor", Number(node.replication_factor, 1, 7)},
      {"bootstrap", Flag(node.bootstrap)},
      {"seeds", TextList(node.seeds)},
      {"log_level", Text(config.log_level)},
      {"listen.client", Text(node.client_listen)},
      {"listen.peer", Text(node.peer_listen)},
      {"listen.http", Text(config.http_listen)},
      {"listen.gateway", Text(config.gateway.listen)},
      {"gateway.keys_file", Text(config.gateway.keys_file)},
      {"gateway.access_keys", Secrets(config.gateway.access_keys)},
      {"gateway.insecure_no_auth", Flag(config.gateway.insecure_no_auth)},
      {"gateway.connections", Number(config.gateway.connections, 1, kMany)},
      {"gateway.held_bytes", Number(config.gateway.held_bytes, 1 << 20, kMany)},
      {"gateway.request_ms", Number(config.gateway.request_us, 1, 3'600'000, 1000)},
      {"gateway.idle_ms", Number(config.gateway.idle_us, 1, 3'600'000, 1000)},
      {"advertise.client", Text(node.client_advertise)},
      {"advertise.peer", Text(node.peer_advertise)},
      {"advertise.http", Text(node.http_advertise)},
      {"limits.requests", Number(node.limits.requests, 1, kMany)},
      {"limits.requests_per_connection", Number(node.limits.requests_per_connection, 1, kMany)},
      {"limits.connections", Number(node.limits.connections, 1, kMany)},
      {"limits.request_bytes", Number(node.limits.request_bytes, 1, kMany)},
      {"engine.memtable_bytes", Number(config.engine.memtable_bytes, kEngineMinBytes, kMany)},
      {"engine.block_cache_bytes", Number(config.engine.block_cache_bytes, 0, kMany)},
      {"log.segment_bytes", Number(node.log.segment_bytes, kSegmentMinBytes, kSegmentMaxBytes)},
      {"raft.catchup_limit_bytes", Number(node.raft.catchup_limit_bytes, kCatchupMinBytes, kMany)},
      {"raft.heartbeat_ms", Number(node.raft.heartbeat_interval, 1, 10'000, 1000)},
      {"raft.election_min_ms", Number(node.raft.election_timeout_min, 10, 60'000, 1000)},
      {"raft.election_max_ms", Number(node.raft.election_timeout_max, 20, 120'000, 1000)},
      {"raft.quiet_ms", Number(node.raft.quiet_after, 0, 3'600'000, 1000)},
  };
}

absl::Status ApplyTable(const toml::table& table, const std::string& prefix,
                        const std::string& file, const std::map<std::string, Setter>& keys) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const auto known = keys.find(name);
    if (known != keys.end()) {
      const absl::Status set = known->second(node);
      if (set.ok()) continue;
      return At(file, node.source(), absl::StrCat("\"", name, "\" ", set.message()));
    }
    const auto section = keys.lower_bound(name + ".");
    const bool is_section = section != keys.end() && section->first.rfind(name + ".", 0) == 0;
    if (!is_section || !node.is_table()) {
      return At(file, key.source(), absl::StrCat("unknown key \"", name, "\""));
    }
    const absl::Status inner = ApplyTable(*node.as_table(), name + ".", file, keys);
    if (!inner.ok()) return inner;
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(const std::string& what, const std::string& address, bool may_be_empty) {
  if (address.empty() && may_be_empty) return absl::OkStatus();
  if (SplitHostPort(address)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": \"", address, "\" is not an address of the form host:port"));
}

// Of a checked address: who listens there hears this machine only.
bool IsLoopback(const std::string& address) {
  const std::string host = SplitHostPort(address)->host;
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckGateway(const GatewayConfig& gateway) {
  if (absl::Status bad = CheckAddress("listen.gateway", gateway.listen, true); !bad.ok()) {
    return bad;
  }
  if (!gateway.insecure_no_auth || gateway.listen.empty()) return absl::OkStatus();
  if (!IsLoopback(gateway.listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("gateway: insecure_no_auth lets everybody in, so it is refused beyond "
                     "loopback: listen.gateway is ",
                     gateway.listen));
  }
  if (!gateway.access_keys.empty() || !gateway.keys_file.empty()) {
    return absl::InvalidArgumentError(
        "gateway: insecure_no_auth and access keys exclude each other");
  }
  return absl::OkStatus();
}

// The file's secrets are for its owner, and his group.
absl::Status CheckSecrecy(const std::string& file, const Config& config) {
  struct stat info {};
  if (config.gateway.access_keys.empty() || stat(file.c_str(), &info) != 0) {
    return absl::OkStatus();
  }
  if ((info.st_mode & S_IRWXO) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(file, " holds access keys, and everybody may read it: chmod o= ", file));
}

}  // namespace

absl::Status ApplyToml(std::string_view text, const std::string& file, Config& config) {
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    return At(file, error.source(), std::string(error.description()));
  }
  return ApplyTable(table, "", file, Keys(config));
}

absl::Status ApplyTomlFile(const std::string& file, Config& config) {
  const auto text = ReadTextFile(file);
  return text.ok() ? ApplyToml(*text, file, config) : text.status();
}

absl::Status Validate(const Config& config) {
  const NodeOptions& node = config.node;
  if (config.data.empty()) return absl::InvalidArgumentError("data: no folder is given (--data)");
  const std::pair<const char*, const std::string*> listens[] = {
      {"listen.client", &node.client_listen},
      {"listen.peer", &node.peer_listen},
      {"listen.http", &config.http_listen}};
  for (const auto& [name, address] : listens) {
    if (absl::Status bad = CheckAddress(name, *address, false); !bad.ok()) return bad;
  }
  const std::pair<const char*, const std::string*> advertised[] = {
      {"advertise.client", &node.client_advertise},
      {"advertise.peer", &node.peer_advertise},
      {"advertise.http", &node.http_advertise}};
  for (const auto& [name, address] : advertised) {
    if (absl::Status bad = CheckAddress(name, *address, true); !bad.ok()) return bad;
  }
  for (const std::string& seed : node.seeds) {
    if (absl::Status bad = CheckAddress("seeds", seed, false); !bad.ok()) return bad;
  }
  if (absl::Status bad = CheckGateway(config.gateway); !bad.ok()) return bad;
  static const char* const kLevels[] = {"trace", "debug", "info", "warn", "error", "critical"};
  if (std::find(std::begin(kLevels), std::end(kLevels), config.log_level) == std::end(kLevels)) {
    return absl::InvalidArgumentError(absl::StrCat("log_level: \"", config.log_level,
                                                   "\" is not one of trace, debug, info, warn, "
                                                   "error, critical"));
  }
  const raft::Options& raft = node.raft;
  if (raft.election_timeout_min < 3 * raft.heartbeat_interval ||
      raft.election_timeout_max <= raft.election_timeout_min) {
    return absl::InvalidArgumentError(
        "raft: election_min_ms must be at least 3 heartbeat_ms, and below election_max_ms");
  }
  // Of all nodes alike: a leader's lease must have ended before any of its followers may vote,
  // however their clocks drift.
  constexpr Micros kDriftBound = 10;  // One in.
  const Micros shortest = raft.lease_duration * kDriftBound / (kDriftBound - 1);
  if (raft.election_timeout_min < shortest) {
    return absl::InvalidArgumentError(
        absl::StrCat("raft: election_min_ms must be at least ", shortest / 1000));
  }
  return absl::OkStatus();
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::string file;
  Config flags;  // Only what was given is taken from here.
  CLI::App app{"fastpathd: a node of a Fastpath cluster", "fastpathd"};
  app.set_version_flag("--version", absl::StrCat("fastpathd ", kVersion));
  app.add_option("--config", file, "TOML file; flags override it");
  app.footer("fastpathd debug log|state|digest reads a stopped node's files: see its --help.");
  const auto option = [&](const char* name, auto member, const char* help) {
    app.add_option(name, member(flags), help);
    return std::function<void(Config&)>([&app, &flags, name, member](Config& config) {
      if (app.count(name) > 0) member(config) = member(flags);
    });
  };
  std::vector<std::function<void(Config&)>> overrides = {
      option(
          "--data", [](Config& c) -> std::string& { return c.data; }, "folder of this node's data"),
      option(
          "--client-listen", [](Config& c) -> std::string& { return c.node.client_listen; },
          "where clients connect (default 127.0.0.1:7400)"),
      option(
          "--peer-listen", [](Config& c) -> std::string& { return c.node.peer_listen; },
          "where other nodes connect (default 127.0.0.1:7401)"),
      option(
          "--http-listen", [](Config& c) -> std::string& { return c.http_listen; },
          "metrics, health and status (default 127.0.0.1:7402)"),
      option(
          "--gateway-listen", [](Config& c) -> std::string& { return c.gateway.listen; },
          "DynamoDB's API over HTTP (default 127.0.0.1:7403; \"\": none)"),
      option(
          "--gateway-keys", [](Config& c) -> std::string& { return c.gateway.keys_file; },
          "file with a line \"ID SECRET\" per access key, readable by its owner only"),
      option(
          "--client-advertise", [](Config& c) -> std::string& { return c.node.client_advertise; },
          "what clients are told to connect to (default: where it listens)"),
      option(
          "--peer-advertise", [](Config& c) -> std::string& { return c.node.peer_advertise; },
          "what other nodes are told to connect to (default: where it listens)"),
      option(
          "--http-advertise", [](Config& c) -> std::string& { return c.node.http_advertise; },
          "what operators are told to ask (default: where it listens)"),
      option(
          "--log-level", [](Config& c) -> std::string& { return c.log_level; },
          "trace, debug, info, warn (default), error or critical"),
      option(
          "--groups", [](Config& c) -> uint32_t& { return c.node.groups; },
          "data groups of a new cluster (default 16)"),
      option(
          "--replication-factor", [](Config& c) -> uint32_t& { return c.node.replication_factor; },
          "replicas a group, as far as there are nodes (default 3)"),
      option(
          "--seed", [](Config& c) -> std::vector<std::string>& { return c.node.seeds; },
          "peer address of a node of the cluster to join; repeatable"),
  };
  app.add_flag("--bootstrap", flags.node.bootstrap,
               "create a new cluster if the data folder is empty (implied without seeds)");
  app.add_flag("--insecure-no-auth", flags.gateway.insecure_no_auth,
               "serve DynamoDB's API to everybody on this machine, without access keys");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    line.exit_code = app.exit(error, out, err) == 0 ? 0 : 2;
    line.output = out.str() + err.str();
    return line;
  }
  absl::Status status;
  if (!file.empty()) status = ApplyTomlFile(file, line.config);
  if (status.ok()) status = CheckSecrecy(file, line.config);
  for (const auto& apply : overrides) apply(line.config);
  if (flags.node.bootstrap) line.config.node.bootstrap = true;
  if (flags.gateway.insecure_no_auth) line.config.gateway.insecure_no_auth = true;
  if (status.ok()) status = Validate(line.config);
  GatewayConfig& gateway = line.config.gateway;
  if (status.ok() && !gateway.keys_file.empty()) {
    status = ReadAccessKeys(gateway.keys_file, gateway.access_keys);
  }
  if (status.ok() && line.config.node.groups - 1 >= kDataGroupLimit) {
    status =
        absl::InvalidArgumentError(absl::StrCat("groups: must be from 1 to ", kDataGroupLimit));
  }
  if (status.ok() && line.config.node.replication_factor == 0) {
    status = absl::InvalidArgumentError("replication_factor: must be at least 1");
  }
  if (!status.ok()) {
    line.exit_code = 2;
    line.output = absl::StrCat("fastpathd: ", status.message(), "\n");
  }
  return line;
}

}  // namespace fastpath::node
