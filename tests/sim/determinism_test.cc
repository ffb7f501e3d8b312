// A run is a function of its seed: whatever a run shows can be shown again.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/simulation.h"

namespace fastpath::sim {
namespace {

Report RunSeed(uint64_t seed) { return Simulation(Draw(seed)).Run(); }

TEST(Determinism, TheSameSeedGivesTheSameTrace) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const Report first = RunSeed(seed);
    const Report second = RunSeed(seed);
    EXPECT_EQ(first.hash, second.hash) << Describe(Draw(seed));
    EXPECT_EQ(first.events, second.events) << Describe(Draw(seed));
    EXPECT_EQ(first.problems, second.problems) << Describe(Draw(seed));
  }
}

TEST(Determinism, AnotherSeedGivesAnotherTrace) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 6; ++seed) hashes.insert(RunSeed(seed).hash);
  EXPECT_EQ(hashes.size(), 6u);
}

}  // namespace
}  // namespace fastpath::sim
