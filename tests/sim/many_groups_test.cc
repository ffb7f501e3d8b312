// FAILURE-CASES 12 with whole nodes: hundreds of groups, most of which nobody
// uses at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

constexpr uint32_t kGroups = 200;

Scenario Many(uint64_t seed) {
  Scenario scenario = Calm(seed);
  scenario.groups = kGroups;
  scenario.quiet_after = 2 * kSecond;
  return scenario;
}

bool AllLed(Simulation& simulation) {
  for (uint32_t group = 0; group <= kGroups; ++group) {
    if (!LeaderOf(simulation, group)) return false;
  }
  return true;
}

TEST(ManyGroups, Case12_AllAreLedAgainAfterAPowerCutOfEveryNode) {
  Simulation simulation(Many(1));
  StartBusy(simulation);
  for (size_t node = 0; node < 3; ++node) simulation.cluster().Kill(node, Death::kPower);
  simulation.RunFor(kSecond);
  for (size_t node = 0; node < 3; ++node) simulation.cluster().Start(node);
  EXPECT_TRUE(simulation.WaitFor([&] { return AllLed(simulation); }, 10 * kSecond))
      << simulation.cluster().Describe();
  ExpectAllIsWell(simulation);
}

TEST(ManyGroups, Case12_OtherNodesLeadTheGroupsOfADeadOne) {
  Simulation simulation(Many(2));
  StartBusy(simulation);
  simulation.RunFor(5 * kSecond);  // Most groups are quiet by now.
  simulation.cluster().Kill(1, Death::kProcess);
  EXPECT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, 1, kGroups); }, 4 * kSecond))
      << simulation.cluster().Describe();
  simulation.cluster().Start(1);
  ExpectAllIsWell(simulation);
}

// Two appends, two acknowledgements, two words of the commit, two of going to
// sleep again: what wakes for one write costs no heartbeat.
TEST(ManyGroups, AWriteToAGroupAsleepCostsEightMessages) {
  constexpr int kWrites = 100;
  constexpr Micros kBetween = 150'000;
  Simulation simulation(Many(3));
  simulation.StartFirst();
  simulation.StartOthers();
  simulation.AwaitReplication();
  simulation.RunFor(10 * kSecond);
  const uint64_t before = simulation.cluster().counts().raft_messages;
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(Ok(PutOnce(simulation, absl::StrCat("key", i))));
    simulation.RunFor(kBetween);
  }
  const uint64_t sent = simulation.cluster().counts().raft_messages - before;
  EXPECT_GE(sent, 6u * kWrites);
  // The rest: sleepers that say so again every ten seconds.
  const uint64_t repeats = 2 * (kGroups + 1) * (kWrites * kBetween / (10 * kSecond) + 1);
  EXPECT_LE(sent, 8u * kWrites + repeats);
}

// What followers gathered of 200 groups is more than a reader may wait for: in a tick done in
// one go 141 entries are applied before anybody else has a turn.
TEST(ManyGroups, WhereSomebodyReadsNoTickIsDoneInOneGo) {
  Simulation simulation(Many(4));
  simulation.StartFirst();
  simulation.StartOthers();
  simulation.AwaitReplication();
  const auto written = std::make_shared<uint32_t>(0);
  simulation.Await(
      [&](client::internal::Core& core, client::internal::Core::Done done) {
        for (uint32_t i = 0; i < kGroups; ++i) {
          const std::string key = absl::StrCat("key", i);
          core.Call(Get(kTable, key, /*eventual=*/false), client::internal::Target::Key(),
                    5 * kSecond, [](client::internal::Answer) {});
          core.Call(Put(key, "value"), client::internal::Target::Key(), 5 * kSecond,
                    [written](client::internal::Answer answer) { *written += Ok(answer) ? 1 : 0; });
        }
        std::move(done)({});
      },
      kSecond);
  uint64_t most = 0, before = simulation.cluster().counts().entries_applied;
  for (const Micros end = simulation.loop().Now() + kSecond; simulation.loop().Now() < end;) {
    ASSERT_TRUE(simulation.loop().RunOne());
    const uint64_t now = simulation.cluster().counts().entries_applied;
    most = std::max(most, now - std::exchange(before, now));
  }
  EXPECT_EQ(*written, kGroups);
  EXPECT_GT(most, 1u);
  EXPECT_LE(most, 128u) << "of the second slice";
}

}  // namespace
}  // namespace fastpath::sim
