#include "tests/sim/sim_cluster.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/value_header.h"
#include "raft/check.h"

namespace fastpath::sim {
namespace {

std::string NameOf(size_t node) { return absl::StrCat("node", node + 1); }
std::string ClientAddress(size_t node) { return NameOf(node) + ":7400"; }
std::string PeerAddress(size_t node) { return NameOf(node) + ":7401"; }

}  // namespace

// A process: made at each start, destroyed in the reverse order at its death.
struct Running {
  Running(testing::SimLoop* loop, const testing::SimClock* clock, uint64_t seed)
      : executor(loop, clock), random(seed) {}

  testing::SimExecutor executor;
  testing::SimRandom random;
  std::unique_ptr<Network> client_network;
  std::unique_ptr<Network> peer_network;
  std::unique_ptr<storage::Disk> disk;
  std::unique_ptr<storage::Engine> engine;
  std::unique_ptr<node::Node> node;
};

struct SimCluster::Machine {
  Machine(testing::SimLoop* loop, HostId host, uint64_t seed)
      : host(host), clock(loop), random(seed) {
    ReplaceDisk();
  }

  void ReplaceDisk() {
    disk = std::make_unique<storage::SimDisk>(&random);
    store = std::make_unique<storage::SimStore>();
  }

  HostId host;
  testing::SimClock clock;
  testing::SimRandom random;  // What the disk does.
  std::unique_ptr<storage::SimDisk> disk;
  std::unique_ptr<storage::SimStore> store;
  std::unique_ptr<Running> running;
  bool joins = false;  // Even the first one, once its disk was lost.
  uint64_t starts = 0;
  uint64_t snapshots_installed = 0;  // By processes that are gone.
  uint64_t fell_asleep = 0;
  uint64_t purged_items = 0;
  uint32_t command_version = partition::kCommandVersion;
};

SimCluster::SimCluster(const Scenario& scenario, testing::SimLoop* loop, Fabric* fabric,
                       Trace* trace)
    : scenario_(scenario), loop_(loop), fabric_(fabric), trace_(trace), executor_(loop) {
  // Nodes log as ever; hundreds of runs of it help nobody.
  if (std::getenv("FASTPATH_LOG") == nullptr) spdlog::set_level(spdlog::level::off);
  for (size_t i = 0; i < scenario.nodes; ++i) {
    machines_.push_back(std::make_unique<Machine>(loop, fabric->AddHost(NameOf(i)),
                                                  HashBytes("machine", scenario.seed * 16 + i)));
    SlowDisk(i, 0);
  }
}

SimCluster::~SimCluster() {
  for (size_t i = 0; i < machines_.size(); ++i) Kill(i, Death::kProcess);
}

HostId SimCluster::host(size_t node) const { return machines_[node]->host; }
bool SimCluster::up(size_t node) const { return machines_[node]->running != nullptr; }

std::vector<std::string> SimCluster::client_endpoints() const {
  std::vector<std::string> endpoints;
  for (size_t i = 0; i < machines_.size(); ++i) endpoints.push_back(ClientAddress(i));
  return endpoints;
}

node::NodeOptions SimCluster::OptionsFor(size_t node) const {
  node::NodeOptions options;
  options.client_listen = ClientAddress(node);
  options.peer_listen = PeerAddress(node);
  if (node == 0 && !machines_[node]->joins) {
    options.bootstrap = true;
  } else {
    options.seeds = {PeerAddress(node == 0 ? 1 : 0)};
  }
  options.groups = scenario_.groups;
  options.command_version = machines_[node]->command_version;
  options.limits.snapshot_chunk_bytes = scenario_.chunk_bytes;
  options.limits.flush_log_bytes = scenario_.flush_log_bytes;
  options.raft.append_limit_bytes = scenario_.append_bytes;
  options.raft.inflight_limit = scenario_.inflight;
  options.raft.quiet_after = scenario_.quiet_after;
  options.raft.memory_limit_bytes = scenario_.raft_memory_bytes;
  options.raft.catchup_limit_bytes = scenario_.catchup_bytes;
  options.raft.catchup_floor_bytes = scenario_.catchup_bytes / 4;
  options.log.segment_bytes = scenario_.segment_bytes;
  options.log.rewrite_above_segments = scenario_.rewrite_above_segments;
  options.log.queue_limit_bytes = scenario_.log_queue_bytes;
  return options;
}

void SimCluster::UseProgram(size_t number, uint32_t command_version) {
  machines_[number]->command_version = command_version;
}

void SimCluster::Start(size_t number) {
  Machine& machine = *machines_[number];
  if (machine.running) return;
  trace_->Event(loop_->Now(), "start", number);
  fabric_->PowerOn(machine.host);
  const uint64_t seed =
      HashBytes(absl::StrCat("process", number, "/", ++machine.starts), scenario_.seed);
  machine.running = std::make_unique<Running>(loop_, &machine.clock, seed);
  Running& running = *machine.running;
  running.client_network = fabric_->Attach(machine.host, &running.executor, false);
  running.peer_network = fabric_->Attach(machine.host, &running.executor, true);
  running.disk = machine.disk->Attach(&running.executor, &machine.clock);
  running.engine = storage::OpenSimEngine(machine.store.get(),
                                          {.flush_after_batches = scenario_.flush_after_batches,
                                           .random = &machine.random,
                                           .late_read_one_in = scenario_.late_read_one_in,
                                           .stall_one_in = scenario_.stall_one_in},
                                          &running.executor);
  running.node = std::make_unique<node::Node>(
      OptionsFor(number),
      node::Ports{&machine.clock, &running.random, &running.executor, running.client_network.get(),
                  running.peer_network.get(), running.disk.get(), running.engine.get()},
      node::Node::Callbacks{.ready = [] {},
                            .failed = [this, number](absl::Status why) { Failed(number, why); }});
  running.node->Start();
}

// A node that cannot go on ends its process; the nemesis does nothing that allows it to.
void SimCluster::Failed(size_t number, const absl::Status& why) {
  failures_.push_back(absl::StrCat("node ", number + 1, " stopped: ", std::string(why.message())));
  executor_.Post([this, number] { Kill(number, Death::kProcess); });
}

void SimCluster::Kill(size_t number, Death death) {
  Machine& machine = *machines_[number];
  if (!machine.running) return;
  fabric_->Kill(machine.host, death);
  NoteFailedReplicas(number);
  Running& running = *machine.running;
  machine.snapshots_installed += running.node->metrics().snapshots_installed;
  machine.fell_asleep += running.node->metrics().fell_asleep;
  machine.purged_items += running.node->metrics().purged_items;
  running.node.reset();
  running.engine.reset();
  running.disk.reset();
  running.peer_network.reset();
  running.client_network.reset();
  machine.running.reset();
  if (death == Death::kProcess) return;  // The kernel still has what it was given.
  machine.disk->PowerCut(machine.random.Below(100) < scenario_.torn_percent
                             ? storage::SimDisk::Unsynced::kTorn
                             : storage::SimDisk::Unsynced::kLost);
}

void SimCluster::NoteFailedReplicas(size_t number) {
  const api::StatusResult status = StatusOf(number);
  for (const api::ReplicaStatus& replica : status.replicas()) {
    if (replica.failure().empty()) continue;
    failures_.push_back(absl::StrCat("node ", number + 1, ", group ", replica.group(),
                                     " stopped: ", replica.failure()));
  }
}

api::StatusResult SimCluster::StatusOf(size_t number) const {
  api::StatusResult status;
  if (machines_[number]->running) machines_[number]->running->node->FillStatus(&status);
  return status;
}

size_t SimCluster::SomeLeader(testing::SimRandom& random) const {
  std::vector<size_t> leaders;
  for (size_t number = 0; number < machines_.size(); ++number) {
    const api::StatusResult status = StatusOf(number);
    for (const api::ReplicaStatus& replica : status.replicas()) {
      if (replica.group() != raft::kMetaGroup && replica.role() == "leader") {
        leaders.push_back(number);
      }
    }
  }
  return leaders.empty() ? random.Below(size()) : leaders[random.Below(leaders.size())];
}

void SimCluster::Pause(size_t node) {
  trace_->Event(loop_->Now(), "pause", node);
  machines_[node]->running->executor.Pause();
}

void SimCluster::Resume(size_t node) {
  if (machines_[node]->running) machines_[node]->running->executor.Resume();
}

void SimCluster::SlowDisk(size_t node, Micros extra) {
  machines_[node]->disk->set_latency(scenario_.disk_min + extra, scenario_.disk_max + extra);
}

void SimCluster::SetClock(size_t node, Micros wall_offset) {
  trace_->Event(loop_->Now(), "clock", node, static_cast<uint64_t>(wall_offset));
  machines_[node]->clock.set_wall_offset(wall_offset);
}

void SimCluster::SetDrift(size_t node, int64_t ppm) {
  trace_->Event(loop_->Now(), "drift", node, static_cast<uint64_t>(ppm));
  machines_[node]->clock.set_drift_ppm(ppm);
}

void SimCluster::FillDisk(size_t node) {
  trace_->Event(loop_->Now(), "fill-disk", node);
  disk(node).set_capacity_bytes(disk(node).used_bytes());
  store(node).set_no_space(true);
}

void SimCluster::FreeDisk(size_t node) {
  trace_->Event(loop_->Now(), "free-disk", node);
  disk(node).set_capacity_bytes(UINT64_MAX);
  store(node).set_no_space(false);
}

storage::SimDisk& SimCluster::disk(size_t node) { return *machines_[node]->disk; }
storage::SimStore& SimCluster::store(size_t node) { return *machines_[node]->store; }

void SimCluster::LoseDisk(size_t node) {
  FASTPATH_CHECK(!up(node), "the machine is down while its disk is changed");
  trace_->Event(loop_->Now(), "lose-disk", node);
  machines_[node]->ReplaceDisk();
  machines_[node]->joins = true;
  SlowDisk(node, 0);
}

std::string SimCluster::Describe() const {
  std::string out;
  for (size_t number = 0; number < machines_.size(); ++number) {
    const api::StatusResult status = StatusOf(number);
    absl::StrAppend(&out, "  ", NameOf(number), up(number) ? "" : " is down", ", id ",
                    status.node(), "\n");
    for (const api::ReplicaStatus& replica : status.replicas()) {
      absl::StrAppend(&out, "    ", replica.ShortDebugString(), "\n");
    }
  }
  return out;
}

NodeCounts SimCluster::counts() const {
  NodeCounts counts;
  for (const auto& machine : machines_) {
    counts.starts += machine->starts;
    counts.snapshots_installed += machine->snapshots_installed;
    counts.fell_asleep += machine->fell_asleep;
    counts.purged_items += machine->purged_items;
    if (!machine->running) continue;
    counts.snapshots_installed += machine->running->node->metrics().snapshots_installed;
    counts.fell_asleep += machine->running->node->metrics().fell_asleep;
    counts.purged_items += machine->running->node->metrics().purged_items;
    counts.purge_pages += machine->running->node->metrics().purge_pages;
    counts.purge_rows += machine->running->node->metrics().purge_rows;
    counts.raft_messages += machine->running->node->transport().counters().messages_out;
    counts.entries_applied += machine->running->node->metrics().entries_applied;
  }
  return counts;
}

std::vector<storage::KeyValue> SimCluster::Rows(size_t number, storage::KeyKind first,
                                                storage::KeyKind end) const {
  const auto key_of = [](storage::KeyKind kind) { return std::string(1, static_cast<char>(kind)); };
  storage::ScanOptions all;
  all.limit_rows = all.limit_bytes = SIZE_MAX;
  std::optional<std::vector<storage::KeyValue>> rows;
  machines_[number]->running->engine->Scan(
      {key_of(first), key_of(end)}, all,
      [&rows](absl::StatusOr<storage::ScanResult> page) { rows = std::move(page->rows); });
  FASTPATH_CHECK(rows.has_value(), "an engine that answers at once");
  return *std::move(rows);
}

size_t SimCluster::ExpiringRows(size_t number) const {
  size_t expiring = 0;
  for (const auto& [key, value] :
       Rows(number, storage::KeyKind::kData, storage::KeyKind::kTransaction)) {
    if (key[0] == static_cast<char>(storage::KeyKind::kTtl)) ++expiring;
    if (key[0] != static_cast<char>(storage::KeyKind::kData)) continue;
    std::string_view rest = value;
    const auto header = partition::TakeValueHeader(rest);
    FASTPATH_CHECK(header.ok(), "an item's row");
    if (header->expiry_seconds != 0) ++expiring;
  }
  return expiring;
}

size_t SimCluster::TransactionRows(size_t number) const {
  return Rows(number, storage::KeyKind::kTransaction, storage::KeyKind::kStream).size();
}

uint64_t SimCluster::Hash() const {
  uint64_t hash = 0;
  for (const auto& machine : machines_) {
    for (const std::string& name : machine->disk->names()) {
      hash = HashBytes(machine->disk->contents(name), HashBytes(name, hash));
    }
    for (const auto& [key, value] : machine->store->image()) {
      hash = HashBytes(value, HashBytes(key, hash));
    }
  }
  return hash;
}

}  // namespace fastpath::sim
