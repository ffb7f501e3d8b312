// What every part of a node's logic works with. All of it outlives the parts.
#pragma once

#include "node/identity.h"
#include "node/metrics.h"
#include "node/options.h"
#include "node/transport.h"
#include "raft/ports.h"
#include "storage/engine.h"
#include "storage/raft_log.h"

namespace fastpath::node {

struct Environment {
  Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* executor = nullptr;
  storage::Engine* engine = nullptr;
  storage::RaftLog* log = nullptr;
  Transport* transport = nullptr;
  const NodeOptions* options = nullptr;
  const Identity* identity = nullptr;
  Metrics* metrics = nullptr;

  // Log or engine lack space: nothing new may begin here.
  bool disk_full() const { return log->full() || engine->full(); }
};

}  // namespace fastpath::node
