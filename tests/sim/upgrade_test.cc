// Nodes are replaced one by one by newer programs while clients write (DESIGN 3.4): nothing stops,
// what is new works once the last node knows it, and who is too old is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "partition/command_version.h"
#include "tests/sim/bank.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;
using partition::kCommandVersion;
using partition::kTransactVersion;

constexpr uint64_t kSeeds = 6;
constexpr uint32_t kOld = kTransactVersion - 1;

// Of the replicas on the nodes that run, as many as there must be.
bool AllHaveVersion(Simulation& simulation, uint32_t version, uint32_t groups) {
  size_t replicas = 0;
  for (size_t node = 0; node < simulation.cluster().size(); ++node) {
    const api::StatusResult status = simulation.cluster().StatusOf(node);
    for (const api::ReplicaStatus& replica : status.replicas()) {
      if (replica.command_version() != version) return false;
      ++replicas;
    }
  }
  return replicas == simulation.cluster().size() * (groups + 1);
}

// Of items that lie in several groups.
Answer TryTransaction(Simulation& simulation, Micros deadline) {
  std::vector<api::TransactItem> items;
  for (int i = 0; i < 6; ++i) items.push_back(TransactPut("upgraded" + std::to_string(i), "new"));
  return simulation.Ask(TransactWrite(std::move(items)), Target::Key(), deadline);
}

TEST(Upgrade, NodesAreReplacedOneByOneWhileClientsWrite) {
  int while_mixed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.groups = 4;
    Simulation simulation(scenario);
    SimCluster& cluster = simulation.cluster();
    for (size_t node = 0; node < cluster.size(); ++node) cluster.UseProgram(node, kOld);
    StartBusy(simulation);
    EXPECT_TRUE(AllHaveVersion(simulation, kOld, scenario.groups));
    EXPECT_EQ(TryTransaction(simulation, kSecond).reply.code(), api::UNIMPLEMENTED);

    testing::SimRandom random(seed);
    const size_t first = random.Below(3);
    for (size_t i = 0; i < cluster.size(); ++i) {
      const size_t node = (first + i) % cluster.size();
      simulation.RunFor(3 * kSecond);
      EXPECT_TRUE(AllHaveVersion(simulation, kOld, scenario.groups)) << i << " nodes are new";
      cluster.Kill(node, random.Below(2) == 0 ? Death::kProcess : Death::kPower);
      simulation.RunFor(static_cast<Micros>(random.Below(2 * kSecond)));
      cluster.UseProgram(node, kCommandVersion);
      cluster.Start(node);
    }
    // Groups get there one after the other: transactions meet some that are not yet there.
    for (int i = 0; i < 400 && !AllHaveVersion(simulation, kCommandVersion, scenario.groups); ++i) {
      const Answer answer = TryTransaction(simulation, kSecond / 20);
      while_mixed += answer.reply.code() != api::UNIMPLEMENTED ? 1 : 0;
      simulation.RunFor(kSecond / 50);
    }
    EXPECT_TRUE(AllHaveVersion(simulation, kCommandVersion, scenario.groups));
    const Answer now = TryTransaction(simulation, 10 * kSecond);
    EXPECT_TRUE(Ok(now)) << now.reply.ShortDebugString();
    ExpectAllIsWell(simulation);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(while_mixed, 0) << "no transaction met groups of different versions";
}

TEST(Upgrade, AnOlderProgramIsRefusedUntilItIsReplaced) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    Simulation simulation(scenario);
    SimCluster& cluster = simulation.cluster();
    StartBusy(simulation);
    cluster.Kill(2, Death::kProcess);
    cluster.LoseDisk(2);
    cluster.UseProgram(2, kOld);
    cluster.Start(2);
    simulation.RunFor(10 * kSecond);
    EXPECT_EQ(cluster.StatusOf(2).replicas_size(), 0) << "it was let in";

    cluster.Kill(2, Death::kProcess);
    cluster.UseProgram(2, kCommandVersion);
    cluster.Start(2);
    EXPECT_TRUE(simulation.WaitFor(
        [&] { return AllHaveVersion(simulation, kCommandVersion, scenario.groups); },
        60 * kSecond));
    ExpectAllIsWell(simulation);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace fastpath::sim
