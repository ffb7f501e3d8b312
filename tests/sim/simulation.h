// One run, from a seed to a verdict: a cluster comes up, clients use it while
// things go wrong, everything is healed, and then all must come to rest, agree,
// and be explainable.
//
// The same scenario gives the same report, hash included. The parts can also be
// driven one by one, for a scenario that a regression test scripts.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/fabric.h"
#include "tests/sim/history.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_cluster.h"
#include "tests/sim/trace.h"

namespace fastpath::sim {

struct Report {
  uint64_t hash = 0;
  std::vector<std::string> problems;  // Empty: all is well.
  std::string replicas;               // As they were at the end.
  FaultCounts faults{};
  NodeCounts nodes;
  uint64_t acknowledged = 0;
  uint64_t unknown = 0;
  uint64_t frames_lost = 0;
  uint64_t events = 0;
  Micros simulated = 0;
  bool ok() const { return problems.empty(); }
};
std::string Summary(const Report& report);

class Simulation {
 public:
  explicit Simulation(Scenario scenario);
  ~Simulation();

  // Everything below in order.
  Report Run();

  // The first node and the tables, then the others. Each waits in simulated
  // time, and notes a problem if it takes too long.
  void StartFirst();
  void StartOthers();
  void AwaitReplication();
  void BeginClients();
  void RunFaults();
  // Heals; every operation must end, every group must have all its replicas.
  void Converge();
  // Reads every key, compares the replicas, judges the history.
  void Judge();
  Report Finish();

  testing::SimLoop& loop() { return loop_; }
  Fabric& fabric() { return fabric_; }
  SimCluster& cluster() { return *cluster_; }
  Nemesis& nemesis() { return *nemesis_; }
  History& history() { return history_; }
  // A call by a client of its own, which no fault meets on its side.
  client::internal::Answer Ask(api::Request request, client::internal::Target target,
                               Micros deadline);
  // The same, of what takes several calls.
  client::internal::Answer Await(
      const std::function<void(client::internal::Core&, client::internal::Core::Done)>& begin,
      Micros deadline);
  // False if it did not come to pass within the time.
  bool WaitFor(const std::function<bool()>& done, Micros at_most);
  void RunFor(Micros duration);
  void Problem(std::string what);

 private:
  void RunUntil(const std::function<bool()>& done);
  bool Create(const std::string& name, bool expiring);
  bool AllReplicated();
  void ReadBack(const std::string& key);
  void CompareReplicas(uint32_t group);
  // The nodes that hold them; a problem if they are not as many as they are to be.
  std::vector<uint32_t> VotersOf(uint32_t group);
  // False if some replica cannot say: then `why` does.
  bool DigestsAgree(uint32_t group, uint64_t index, std::string& why);

  const Scenario scenario_;
  testing::SimLoop loop_;
  Trace trace_;
  History history_;
  Fabric fabric_;
  std::unique_ptr<SimCluster> cluster_;
  std::unique_ptr<ClientHost> admin_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<Nemesis> nemesis_;
  std::vector<std::string> problems_;
};

}  // namespace fastpath::sim
