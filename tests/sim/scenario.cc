#include "tests/sim/scenario.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fastpath::sim {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint64_t Between(uint64_t low, uint64_t high) { return low + random_.Below(high - low + 1); }
  // Spread evenly over the orders of magnitude between them.
  uint64_t Scaled(uint64_t low, uint64_t high) {
    uint64_t top = low;
    while (top < high && random_.Below(3) != 0) top *= 2;
    return Between(low, top < high ? top : high);
  }
  bool Coin() { return random_.Below(2) == 0; }
  uint32_t MaybeUpTo(uint32_t high) { return Coin() ? 0 : static_cast<uint32_t>(Between(1, high)); }

 private:
  testing::SimRandom random_;
};

FabricOptions DrawFabric(Dice& dice) {
  FabricOptions fabric;
  fabric.latency_min = static_cast<Micros>(dice.Between(50, 1'000));
  fabric.latency_max = fabric.latency_min + static_cast<Micros>(dice.Scaled(100, 20'000));
  fabric.late_ppm = dice.MaybeUpTo(5'000);
  fabric.break_ppm = dice.MaybeUpTo(1'000);
  fabric.vanish_ppm = dice.MaybeUpTo(50'000);
  fabric.duplicate_ppm = dice.MaybeUpTo(50'000);
  fabric.reorder_ppm = dice.MaybeUpTo(50'000);
  fabric.give_up_after = static_cast<Micros>(dice.Between(1'000'000, 10'000'000));
  fabric.connect_timeout = static_cast<Micros>(dice.Between(500'000, 3'000'000));
  return fabric;
}

}  // namespace

const char* FaultName(Fault fault) {
  static constexpr const char* kNames[kFaults] = {
      "crash", "crash-leader", "power-cut", "power-cut-all", "isolate", "one-way", "bridge",
      "flap",  "slow-links",   "slow-disk", "clock-jump",    "pause",   "reset",   "half-open"};
  return kNames[static_cast<size_t>(fault)];
}

Scenario Draw(uint64_t seed) {
  Dice dice(HashBytes("scenario", seed));
  Scenario s;
  s.seed = seed;
  s.groups = static_cast<uint32_t>(dice.Between(1, 4));
  s.clients = static_cast<uint32_t>(dice.Between(2, 4));
  s.lanes = static_cast<uint32_t>(dice.Between(1, 3));
  s.registers = static_cast<uint32_t>(dice.Between(1, 4));
  s.counters = static_cast<uint32_t>(dice.Between(1, 3));
  s.think_max = static_cast<Micros>(dice.Between(20'000, 300'000));
  s.deadline = static_cast<Micros>(dice.Between(1'000'000, 6'000'000));
  s.cold_key_percent = dice.MaybeUpTo(40);
  s.faults_for = static_cast<Micros>(dice.Between(8'000'000, 25'000'000));
  s.fault_every = static_cast<Micros>(dice.Between(300'000, 3'000'000));
  s.fault_max = static_cast<Micros>(dice.Between(500'000, 6'000'000));
  for (uint32_t& weight : s.weights) weight = dice.MaybeUpTo(5);
  s.weights[static_cast<size_t>(Fault::kCrash)] += 1;
  s.fabric = DrawFabric(dice);
  s.disk_min = static_cast<Micros>(dice.Between(10, 200));
  s.disk_max = s.disk_min + static_cast<Micros>(dice.Scaled(100, 20'000));
  s.torn_percent = dice.MaybeUpTo(100);
  s.segment_bytes = dice.Scaled(16 << 10, 256 << 10);
  s.rewrite_above_segments = static_cast<uint32_t>(dice.Between(2, 6));
  s.flush_log_bytes = dice.Scaled(16 << 10, 512 << 10);
  s.flush_after_batches = dice.MaybeUpTo(200);
  s.late_read_one_in = dice.MaybeUpTo(20);
  // Never every write: none would ever be taken.
  s.stall_one_in = dice.Coin() ? 0 : static_cast<uint32_t>(dice.Between(2, 200));
  s.raft_memory_bytes = dice.Scaled(1 << 10, 256 << 10);
  s.catchup_bytes = dice.Scaled(2 << 10, 256 << 10);
  s.append_bytes = dice.Scaled(1 << 10, 256 << 10);
  s.inflight = static_cast<uint32_t>(dice.Between(1, 64));
  s.chunk_bytes = dice.Scaled(256, 64 << 10);
  if (dice.Coin()) s.quiet_after = static_cast<Micros>(dice.Between(20'000, 500'000));
  // Most clusters have as many nodes as a group has replicas; in others every node lacks some
  // groups.
  if (dice.Between(1, 4) == 1) s.nodes = static_cast<uint32_t>(dice.Between(4, 5));
  return s;
}

uint32_t ReplicationFactor(const Scenario& scenario) { return std::min(scenario.nodes, 3u); }

std::string Describe(const Scenario& s) {
  std::string out = absl::StrCat(
      "seed=", s.seed, " nodes=", s.nodes, " groups=", s.groups, " clients=", s.clients,
      " lanes=", s.lanes, " registers=", s.registers, " counters=", s.counters,
      " think_max=", s.think_max, " deadline=", s.deadline,
      " expiring_percent=", s.expiring_percent, " cold_key_percent=", s.cold_key_percent);
  absl::StrAppend(&out, "\n  faults_for=", s.faults_for, " fault_every=", s.fault_every,
                  " fault_max=", s.fault_max, " weights:");
  for (size_t i = 0; i < kFaults; ++i) {
    if (s.weights[i] == 0) continue;
    absl::StrAppend(&out, " ", FaultName(static_cast<Fault>(i)), "=", s.weights[i]);
  }
  const FabricOptions& f = s.fabric;
  absl::StrAppend(&out, "\n  latency=", f.latency_min, "..", f.latency_max,
                  " late_ppm=", f.late_ppm, " break_ppm=", f.break_ppm,
                  " vanish_ppm=", f.vanish_ppm, " duplicate_ppm=", f.duplicate_ppm,
                  " reorder_ppm=", f.reorder_ppm, " give_up_after=", f.give_up_after,
                  " connect_timeout=", f.connect_timeout);
  absl::StrAppend(
      &out, "\n  disk=", s.disk_min, "..", s.disk_max, " torn_percent=", s.torn_percent,
      " segment_bytes=", s.segment_bytes, " rewrite_above_segments=", s.rewrite_above_segments,
      " flush_log_bytes=", s.flush_log_bytes, " flush_after_batches=", s.flush_after_batches,
      " late_read_one_in=", s.late_read_one_in, " stall_one_in=", s.stall_one_in);
  absl::StrAppend(&out, "\n  raft_memory_bytes=", s.raft_memory_bytes,
                  " catchup_bytes=", s.catchup_bytes, " append_bytes=", s.append_bytes,
                  " inflight=", s.inflight, " chunk_bytes=", s.chunk_bytes,
                  " quiet_after=", s.quiet_after);
  return out;
}

}  // namespace fastpath::sim
