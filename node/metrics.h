// What the node counts. Plain numbers, bumped where things happen and read by
// whoever renders them (node/io for HTTP). Threads: the node's executor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "partition/api.pb.h"
#include "raft/types.h"

namespace fastpath::node {

// Latencies by powers of two from 32 us; the last bucket has no bound.
class LatencyHistogram {
 public:
  static constexpr size_t kBuckets = 20;
  static constexpr int64_t kFirst_us = 32;
  void Observe(int64_t micros);
  static int64_t bound_us(size_t bucket) { return kFirst_us << bucket; }
  const std::array<uint64_t, kBuckets>& counts() const { return counts_; }
  uint64_t sum_us() const { return sum_us_; }
  uint64_t total() const { return total_; }

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t sum_us_ = 0;
  uint64_t total_ = 0;
};

enum class Op : uint8_t {
  kWrite,
  kGet,
  kEventualGet,
  kExport,
  kTable,
  kMap,
  kAdmin,
  kUnknown,
  kQuery,
  kScan,
  kTransactWrite,
  kTransactGet
};
inline constexpr size_t kOps = 12;
const char* OpName(Op op);
Op OpOf(const api::Request& request);

struct Metrics {
  // By op, then by code.
  static constexpr size_t kCodes = api::Code_ARRAYSIZE;
  std::array<std::array<uint64_t, kCodes>, kOps> requests{};
  std::array<LatencyHistogram, kOps> latency;
  uint64_t client_bytes_in = 0;
  uint64_t client_bytes_out = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;
  uint64_t malformed_frames = 0;
  uint64_t overloaded = 0;

  uint64_t entries_applied = 0;
  uint64_t apply_batches = 0;
  uint64_t elections_won = 0;
  uint64_t read_index_reads = 0;
  // Pages of queries, scans and exports. Shared: a read may outlive its node by a callback.
  std::shared_ptr<uint64_t> pages_under_way = std::make_shared<uint64_t>(0);
  uint64_t fell_asleep = 0;           // Replicas whose group went quiet.
  uint64_t transactions_adopted = 0;  // Of a leader before this one.
  uint64_t transactions_settled = 0;  // Ended or finished here because a request met them.
  uint64_t snapshots_installed = 0;
  uint64_t snapshot_bytes_in = 0;
  uint64_t snapshot_bytes_out = 0;
  uint64_t engine_flushes = 0;

  uint64_t purged_items = 0;
  uint64_t purge_commands = 0;
  uint64_t purge_pages = 0;    // Of the TTL index, read,
  uint64_t purge_rows = 0;     // and the rows in them.
  uint64_t retimed_items = 0;  // Named to get the expiry of a new TTL attribute.
  uint64_t retime_commands = 0;
  uint64_t purge_backlog_s = 0;  // How long the oldest expired item of a led group waits.
};

}  // namespace fastpath::node
