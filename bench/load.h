// Puts a load on a target. Closed loop: every lane always has an operation
// outstanding, so the rate follows from the latency. Open loop: operations arrive
// by themselves at a given rate (open_loop.h). Blocking; the caller's thread polls.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/histogram.h"
#include "bench/keys.h"
#include "bench/target.h"

namespace fastpath::bench {

struct LoadOptions {
  uint64_t keys = 100'000;
  Distribution distribution = Distribution::kUniform;
  size_t value_bytes = 256;
  size_t in_flight = 64;  // Lanes used; an open loop never has more outstanding.
  double read_share = 0;
  double rate = 0;          // Arrivals a second of an open loop; 0 means a closed one.
  bool poisson = true;      // Arrivals at random, or else at equal distances.
  bool watch_host = false;  // Of an open loop: tell what met no stall of the machine.
  std::chrono::milliseconds warmup{2000};
  std::chrono::milliseconds measure{10'000};
  uint64_t seed = 1;
};

struct LoadResult {
  double seconds = 0;
  // Closed loop: operations begun and ended within the measured time, and failures of what was
  // begun in it, however late. Open loop: every operation that should have begun in it, from when
  // it should have begun; what was not begun by its end counts with its age then.
  Histogram writes, reads;
  Histogram undisturbed_writes, undisturbed_reads;  // With watch_host: no stall was met.
  uint64_t writes_done = 0, reads_done = 0;         // Ended well within the measured time.
  uint64_t unsent = 0;   // Open loop: not begun by the end of the measured time.
  uint64_t missing = 0;  // Reads that found nothing.
  uint64_t refused = 0;  // Certainly without effect; not in the histograms.
  uint64_t unknown = 0;
  std::string first_failure;

  void Merge(const LoadResult& other);  // All but `seconds`.
  // Counts an ending that is not kOk.
  void CountFailure(Ending ending, std::string_view why);
  double writes_per_second() const { return static_cast<double>(writes_done) / seconds; }
  double reads_per_second() const { return static_cast<double>(reads_done) / seconds; }
};

// Writes every key once over `lanes` lanes. Unavailable: the first failure.
absl::Status Fill(const LoadOptions& options, Target& target, size_t lanes);

// The target has at least options.in_flight lanes.
LoadResult RunClosed(const LoadOptions& options, Target& target);
// PermissionDenied with watch_host and no right to real-time priority.
absl::StatusOr<LoadResult> RunOpen(const LoadOptions& options, Target& target);

}  // namespace fastpath::bench
