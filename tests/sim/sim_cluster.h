// The servers of a run: real nodes on simulated machines. A machine keeps its
// disk and its engine's persisted image; a node is the process on it and may
// die at any moment.
//
// Threads: one. Ownership: loop, fabric and trace outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"
#include "storage/sim_disk.h"
#include "storage/sim_engine.h"
#include "tests/sim/fabric.h"
#include "tests/sim/scenario.h"
#include "tests/support/sim_executor.h"

namespace fastpath::sim {

// What happened inside the nodes over the run, over all their lives.
struct NodeCounts {
  uint64_t starts = 0;
  uint64_t snapshots_installed = 0;
  uint64_t fell_asleep = 0;
  uint64_t purged_items = 0;
  uint64_t purge_pages = 0;  // By the nodes that run.
  uint64_t purge_rows = 0;
  uint64_t raft_messages = 0;  // Sent by the nodes that run.
  uint64_t entries_applied = 0;
};

class SimCluster {
 public:
  SimCluster(const Scenario& scenario, testing::SimLoop* loop, Fabric* fabric, Trace* trace);
  ~SimCluster();

  size_t size() const { return machines_.size(); }
  HostId host(size_t node) const;
  std::vector<std::string> client_endpoints() const;

  // The first node bootstraps the cluster, the others join it. Does nothing to
  // one that runs.
  void Start(size_t node);
  void Kill(size_t node, Death death);  // Does nothing to one that is down.
  bool up(size_t node) const;
  void Pause(size_t node);
  void Resume(size_t node);
  // Added to every disk operation that syncs; 0 ends it.
  void SlowDisk(size_t node, Micros extra);
  void SetClock(size_t node, Micros wall_offset);
  // The monotonic clock runs fast or slow from now on; 0 ends it.
  void SetDrift(size_t node, int64_t ppm);
  // No space for the log nor for the engine, until it is freed.
  void FillDisk(size_t node);
  void FreeDisk(size_t node);
  // For faults that a test plans itself.
  storage::SimDisk& disk(size_t node);
  storage::SimStore& store(size_t node);
  // The machine gets an empty disk, and joins anew at its next start. Requires that it is down.
  void LoseDisk(size_t node);
  // What the node's next start runs: a program that knows commands up to this version.
  void UseProgram(size_t node, uint32_t command_version);

  // A node that leads a data group, or any if none does.
  size_t SomeLeader(testing::SimRandom& random) const;

  // Why nodes or replicas stopped by themselves: nothing here is expected.
  const std::vector<std::string>& failures() const { return failures_; }
  // For a test that brought them about: they are forgotten.
  std::vector<std::string> TakeFailures() { return std::exchange(failures_, {}); }
  // Of a replica that stopped and whose node still runs, too.
  void NoteFailedReplicas(size_t node);
  api::StatusResult StatusOf(size_t node) const;  // Empty of one that is down.
  // Every replica's state, for whoever looks into a failed run.
  std::string Describe() const;
  NodeCounts counts() const;
  // Items of a running node that will expire or have, and rows of the index to
  // them. Requires a scenario without late reads.
  size_t ExpiringRows(size_t node) const;
  // Of transactions: their records and tokens. Requires the same.
  size_t TransactionRows(size_t node) const;
  // Of every machine's disk and persisted image.
  uint64_t Hash() const;

 private:
  struct Machine;
  node::NodeOptions OptionsFor(size_t node) const;
  std::vector<storage::KeyValue> Rows(size_t node, storage::KeyKind first,
                                      storage::KeyKind end) const;
  void Failed(size_t node, const absl::Status& why);

  const Scenario& scenario_;
  testing::SimLoop* loop_;
  Fabric* fabric_;
  Trace* trace_;
  testing::SimExecutor executor_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::string> failures_;
};

}  // namespace fastpath::sim
