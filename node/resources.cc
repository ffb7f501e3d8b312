#include "node/resources.h"

#include <algorithm>

namespace fastpath::node {
namespace {

template <typename T>
void AtMost(T& limit, uint64_t bound) {
  limit = static_cast<T>(std::min<uint64_t>(limit, bound));
}

constexpr uint64_t kLeastTableBytes = 4u << 20;
// An entry of the largest size must still fit (raft/types.h).
constexpr uint64_t kLeastUncommittedBytes = 16u << 20;
constexpr uint64_t kLeastCacheBytes = 1u << 20;
// Of a group's log; more than a follower lacks that only restarts.
constexpr uint64_t kLeastCatchupBytes = 1u << 20;
constexpr uint64_t kLeastDescriptors = 16;
constexpr uint64_t kEnoughFiles = 4096;  // Hundreds of gigabytes: the engine may keep all open.

}  // namespace

void FitInto(const Resources& resources, Config& config) {
  const uint64_t memory = resources.memory_bytes;
  Limits& limits = config.node.limits;
  raft::Options& raft = config.node.raft;
  // Three generations of the table, and their keys' places.
  AtMost(config.engine.memtable_bytes, std::max(memory / 16, kLeastTableBytes));
  AtMost(config.engine.block_cache_bytes, memory / 8);
  // A request's bytes are also an entry, and messages to peers.
  AtMost(limits.request_bytes, memory / 16);
  AtMost(limits.reply_bytes, memory / 16);
  AtMost(limits.partial_bytes, memory / 16);
  AtMost(limits.peer_buffer_bytes, memory / 32);
  AtMost(config.gateway.held_bytes, memory / 16);
  AtMost(raft.uncommitted_limit_bytes, std::max(memory / 32, kLeastUncommittedBytes));
  AtMost(raft.memory_limit_bytes, std::max(memory / 256, kLeastCacheBytes));
  // A start reads what the log holds: what the engine has not persisted, and of each group
  // what a node that is gone lacks.
  AtMost(limits.flush_log_bytes, std::max(memory / 8, kLeastTableBytes));
  AtMost(raft.catchup_limit_bytes, std::max(memory / 64, kLeastCatchupBytes));

  // The rest: the log, peers, HTTP, sockets that are being closed.
  const uint64_t descriptors = resources.descriptors;
  AtMost(limits.connections, std::max(descriptors / 8 * 3, kLeastDescriptors));
  AtMost(limits.peer_connections, std::max(descriptors / 8, kLeastDescriptors));
  AtMost(config.gateway.connections, std::max(descriptors / 8, kLeastDescriptors));
  if (descriptors / 4 < kEnoughFiles) {
    config.engine.max_open_files = std::max(descriptors / 4, kLeastDescriptors);
  }
}

}  // namespace fastpath::node
