// Fresh seeds for a minute. A failure prints its seed and scenario; set
// FASTPATH_SEED to run that one again, FASTPATH_SIM_SECONDS for another length.
#include <gtest/gtest.h>
#include <inttypes.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "tests/sim/simulation.h"

namespace fastpath::sim {
namespace {

struct Totals {
  uint64_t runs = 0, acknowledged = 0, unknown = 0, events = 0, snapshots = 0, starts = 0;
  Micros simulated = 0;
  FaultCounts faults{};

  void Add(const Report& report) {
    ++runs;
    acknowledged += report.acknowledged;
    unknown += report.unknown;
    events += report.events;
    snapshots += report.nodes.snapshots_installed;
    starts += report.nodes.starts;
    simulated += report.simulated;
    for (size_t i = 0; i < kFaults; ++i) faults[i] += report.faults[i];
  }
  void Print() const {
    std::cout << runs << " runs, " << simulated / 1'000'000 << " simulated seconds, " << events
              << " events, " << acknowledged << " writes acknowledged, " << unknown << " unknown, "
              << starts << " node starts, " << snapshots << " snapshots installed\nfaults:";
    for (size_t i = 0; i < kFaults; ++i) {
      std::cout << " " << FaultName(static_cast<Fault>(i)) << "=" << faults[i];
    }
    std::cout << std::endl;
  }
  uint64_t of(Fault fault) const { return faults[static_cast<size_t>(fault)]; }
};

// A run that ends the process leaves its seed behind.
volatile uint64_t running_seed = 0;
extern "C" void SayTheSeed(int signal) {
  std::fprintf(stderr, "FASTPATH_SEED=%" PRIu64 " ended the process\n", running_seed);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// True if the run showed nothing wrong.
bool RunOne(uint64_t seed, Totals& totals) {
  const Scenario scenario = Draw(seed);
  running_seed = seed;
  const Report report = Simulation(scenario).Run();
  totals.Add(report);
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  if (report.ok()) return true;
  ADD_FAILURE() << "FASTPATH_SEED=" << seed << " shows it again\n"
                << Describe(scenario) << "\n"
                << Summary(report) << "\n"
                << report.replicas;
  return false;
}

TEST(Random, FreshSeedsForAMinute) {
  Totals totals;
  if (const char* given = std::getenv("FASTPATH_SEED")) {
    RunOne(std::strtoull(given, nullptr, 10), totals);
    return totals.Print();
  }
  const char* seconds = std::getenv("FASTPATH_SIM_SECONDS");
  const auto start = std::chrono::steady_clock::now();
  const auto length = std::chrono::seconds(seconds == nullptr ? 60 : std::atoi(seconds));
  const uint64_t first = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                               std::chrono::microseconds(1));
  std::cout << "first seed " << first << std::endl;
  for (int signal : {SIGABRT, SIGSEGV}) std::signal(signal, SayTheSeed);
  for (uint64_t seed = first; std::chrono::steady_clock::now() - start < length; ++seed) {
    if (!RunOne(seed, totals)) break;
  }
  totals.Print();
  if (HasFailure()) return;
  // Runs in which nothing happens prove nothing.
  EXPECT_GT(totals.of(Fault::kCrash) + totals.of(Fault::kCrashLeader), 0u);
  EXPECT_GT(totals.of(Fault::kPowerCut) + totals.of(Fault::kPowerCutAll), 0u);
  EXPECT_GT(totals.of(Fault::kIsolate) + totals.of(Fault::kOneWay) + totals.of(Fault::kBridge), 0u);
  EXPECT_GT(totals.snapshots, 0u);
  EXPECT_GT(totals.acknowledged, 0u);
}

}  // namespace
}  // namespace fastpath::sim
