// What tests that script their own faults share: calm scenarios, the way into a
// busy cluster, and the way out of it to the verdict.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/simulation.h"

namespace fastpath::sim {

inline constexpr Micros kSecond = 1'000'000;

// As drawn, but nothing goes wrong by itself, and clients are busy.
Scenario Calm(uint64_t seed);

// All replicas placed, clients at work for a while.
void StartBusy(Simulation& simulation);
// Heals, waits, compares digests, judges; a test failure for each problem.
Report ExpectAllIsWell(Simulation& simulation);

// A node that leads this group; none: no node says so.
std::optional<size_t> LeaderOf(Simulation& simulation, uint32_t group);
// Whether every group is led, and by other nodes than this one.
bool LedByOthers(Simulation& simulation, size_t node, uint32_t groups);

// One strong write and one strong read by a client that meets no fault. The code is the reply's.
client::internal::Answer PutOnce(Simulation& simulation, const std::string& key,
                                 Micros deadline = 5 * kSecond);
client::internal::Answer GetOnce(Simulation& simulation, const std::string& key,
                                 Micros deadline = 5 * kSecond);
bool Ok(const client::internal::Answer& answer);

}  // namespace fastpath::sim
