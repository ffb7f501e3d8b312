// Everything that one simulated run is made of, drawn from its seed: sizes,
// speeds, and how often what goes wrong. Plain values; printed when a run fails.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/sim/fabric.h"

namespace fastpath::sim {

enum class Fault {
  kCrash,        // A process dies, and comes back.
  kCrashLeader,  // The same, of a node that leads a group.
  kPowerCut,     // A machine: nobody is told, unsynced writes are torn.
  kPowerCutAll,
  kIsolate,  // Cut off from everybody, both ways.
  kOneWay,   // Hears but is not heard, or the reverse.
  kBridge,   // Two nodes that only the third can reach.
  kFlap,     // A cut that comes and goes.
  kSlowLinks,
  kSlowDisk,   // Up to seconds for a sync.
  kClockJump,  // Wall clock only, up to 10 minutes either way, one node at a time.
  kPause,      // The process stands still, and goes on.
  kReset,      // A connection breaks,
  kHalfOpen,   // or one of its sides believes so.
};
inline constexpr size_t kFaults = 14;
const char* FaultName(Fault fault);

struct Scenario {
  uint64_t seed = 0;

  uint32_t nodes = 3;
  uint32_t groups = 2;
  uint32_t clients = 3;
  uint32_t lanes = 2;  // Operations at once, per client.
  uint32_t registers = 3;
  uint32_t counters = 2;
  Micros think_max = 100'000;
  Micros deadline = 3'000'000;     // Of an operation; at its end it may be unknown.
  uint32_t expiring_percent = 10;  // Of operations are on items that expire.
  uint32_t cold_key_percent = 10;  // Of writes go to ever new keys: volume for snapshots.

  Micros faults_for = 15'000'000;
  Micros fault_every = 1'500'000;  // Mean.
  Micros fault_max = 4'000'000;    // Longest one.
  std::array<uint32_t, kFaults> weights{};

  FabricOptions fabric;
  Micros disk_min = 20;
  Micros disk_max = 500;
  uint32_t torn_percent = 50;

  uint64_t segment_bytes = 64 << 10;
  uint32_t rewrite_above_segments = 4;
  uint64_t log_queue_bytes = 256u << 20;
  uint64_t flush_log_bytes = 128 << 10;
  uint32_t flush_after_batches = 50;
  uint32_t late_read_one_in = 0;
  uint32_t stall_one_in = 0;
  uint64_t raft_memory_bytes = 16 << 10;
  uint64_t catchup_bytes = 32 << 10;  // Log kept for a laggard; beyond it gets a snapshot.
  uint64_t append_bytes = 64 << 10;
  uint32_t inflight = 16;
  Micros quiet_after = 2'000'000;  // Groups left alone for so long go quiet.
  uint64_t chunk_bytes = 4 << 10;
};

Scenario Draw(uint64_t seed);
// Voters that every group is to have in the end.
uint32_t ReplicationFactor(const Scenario& scenario);
std::string Describe(const Scenario& scenario);

}  // namespace fastpath::sim
