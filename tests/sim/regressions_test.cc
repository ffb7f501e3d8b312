// Runs that once went wrong, titled by what was seen.
#include <gtest/gtest.h>

#include "tests/sim/simulation.h"

namespace fastpath::sim {
namespace {

constexpr Micros kSecond = 1'000'000;

void ExpectAllIsWell(const Report& report) {
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
}

TEST(Regressions, AQuietClusterWorks) {
  Scenario scenario;
  scenario.seed = 1;
  scenario.weights[static_cast<size_t>(Fault::kReset)] = 1;
  ExpectAllIsWell(Simulation(scenario).Run());
}

}  // namespace
}  // namespace fastpath::sim
