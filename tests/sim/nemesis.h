// Makes things go wrong: draws faults by the scenario's weights, begins them,
// ends each after a drawn time, and counts what it did.
//
// Threads: one. Ownership: cluster and fabric outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/fabric.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_cluster.h"
#include "tests/support/sim_executor.h"

namespace fastpath::sim {

using FaultCounts = std::array<uint64_t, kFaults>;

class Nemesis {
 public:
  Nemesis(const Scenario& scenario, testing::SimLoop* loop, SimCluster* cluster, Fabric* fabric,
          std::vector<HostId> client_hosts, Trace* trace);

  void Begin();
  // Begins nothing more and heals everything: all nodes run, all links are good.
  void HealAll();
  // One fault of this kind, ended after `duration`. False: not possible now.
  bool Inflict(Fault fault, Micros duration);
  const FaultCounts& counts() const { return counts_; }

 private:
  using Heal = std::function<void()>;
  struct Pair {
    HostId from, to;
  };

  void Next();
  Fault DrawFault();
  Micros DrawDuration();
  // Begins it; null if it is not possible now.
  Heal Start(Fault fault, Micros duration);
  Heal Crash(size_t node, Death death);
  Heal PowerCutAll();
  Heal CutOff(std::vector<Pair> pairs);
  Heal Flap(std::vector<Pair> pairs);
  void Flip(std::vector<Pair> pairs, bool cut, std::shared_ptr<bool> going);
  Heal SlowLinks();
  Heal SlowDisk();
  Heal JumpClock();
  bool Placed();  // Every group has, or had, all its voters.
  Heal PauseOne();
  void After(Micros delay, Task task);

  size_t AnyNode() { return random_.Below(cluster_->size()); }
  std::vector<HostId> Others(size_t node);
  std::vector<Pair> Around(size_t node, bool out, bool in);

  const Scenario& scenario_;
  testing::SimLoop* loop_;
  SimCluster* cluster_;
  Fabric* fabric_;
  std::vector<HostId> client_hosts_;
  Trace* trace_;
  testing::SimRandom random_;
  testing::SimExecutor executor_;
  const size_t wrong_clock_;  // The node whose wall clock may jump.
  FaultCounts counts_{};
  bool placed_ = false;
  uint64_t era_ = 0;  // Moves on at HealAll: what was planned before is void.
};

}  // namespace fastpath::sim
