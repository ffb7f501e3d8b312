#include "tests/sim/scripted.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/requests.h"

namespace fastpath::sim {

using client::internal::Answer;
using client::internal::Target;

Scenario Calm(uint64_t seed) {
  Scenario scenario = Draw(seed);
  scenario.nodes = 3;
  scenario.weights.fill(0);
  scenario.fabric = {};
  scenario.fabric.latency_max = 1'000;
  scenario.think_max = 30'000;
  scenario.disk_max = std::min<Micros>(scenario.disk_max, 2'000);
  return scenario;
}

void StartBusy(Simulation& simulation) {
  simulation.StartFirst();
  simulation.StartOthers();
  simulation.AwaitReplication();
  simulation.BeginClients();
  simulation.RunFor(2 * kSecond);
}

Report ExpectAllIsWell(Simulation& simulation) {
  simulation.Converge();
  simulation.Judge();
  const Report report = simulation.Finish();
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  if (!report.ok()) ADD_FAILURE() << report.replicas;
  EXPECT_GT(report.acknowledged, 0u);
  return report;
}

std::optional<size_t> LeaderOf(Simulation& simulation, uint32_t group) {
  std::optional<size_t> leader;
  uint64_t term = 0;
  for (size_t node = 0; node < simulation.cluster().size(); ++node) {
    const api::StatusResult status = simulation.cluster().StatusOf(node);
    for (const api::ReplicaStatus& replica : status.replicas()) {
      if (replica.group() != group || replica.role() != "leader" || replica.term() <= term)
        continue;
      leader = node;
      term = replica.term();
    }
  }
  return leader;
}

bool LedByOthers(Simulation& simulation, size_t node, uint32_t groups) {
  for (uint32_t group = 0; group <= groups; ++group) {
    const std::optional<size_t> leader = LeaderOf(simulation, group);
    if (!leader || *leader == node) return false;
  }
  return true;
}

Answer PutOnce(Simulation& simulation, const std::string& key, Micros deadline) {
  return simulation.Ask(Put(key, "scripted"), Target::Key(), deadline);
}

Answer GetOnce(Simulation& simulation, const std::string& key, Micros deadline) {
  return simulation.Ask(Get(kTable, key, /*eventual=*/false), Target::Key(), deadline);
}

bool Ok(const Answer& answer) { return answer.outcome == client::Outcome::kOk; }

}  // namespace fastpath::sim
