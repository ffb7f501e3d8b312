// A closed loop over the client library: a fixed number of operations is always
// in flight, and each that ends starts the next. So the rate follows from the
// latency, and an overloaded server is not hidden by a queue in the generator.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/histogram.h"
#include "bench/keys.h"

namespace fastpath::bench {

struct LoadOptions {
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  std::string table = "bench";
  uint64_t keys = 100'000;
  Distribution distribution = Distribution::kUniform;
  size_t value_bytes = 256;
  // Clients, each with its own thread and one connection per node.
  int connections = 1;
  int in_flight = 64;  // Over all connections.
  double read_share = 0;
  bool eventual = false;  // The reads'.
  std::chrono::milliseconds warmup{2000};
  std::chrono::milliseconds measure{10'000};
  uint64_t seed = 1;
};

// Operations begun and ended within the measured time.
struct LoadResult {
  double seconds = 0;
  Histogram writes, reads;
  uint64_t missing = 0;  // Reads that found nothing.
  uint64_t refused = 0;  // Certainly without effect; not in the histograms.
  uint64_t unknown = 0;
  std::string first_failure;

  double writes_per_second() const { return static_cast<double>(writes.count()) / seconds; }
  double reads_per_second() const { return static_cast<double>(reads.count()) / seconds; }
};

// Makes the table if it is not there, and an item for every key. Blocking.
absl::Status Prepare(const LoadOptions& options);

// Runs the load. Blocking. InvalidArgument: options that the client refuses.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options);

}  // namespace fastpath::bench
