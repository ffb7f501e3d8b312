// What the machine gives a node, and limits that fit into it: a node bounds
// itself before the kernel does.
//
// Thread-safe: no state.
#pragma once

#include <cstdint>

#include "node/config.h"

namespace fastpath::node {

struct Resources {
  uint64_t memory_bytes = UINT64_MAX;
  uint64_t descriptors = UINT64_MAX;
};

// Lowers every limit of `config` that could take more than its share. Shares
// add up to less than the whole: what is held in memory more than once (a
// write on its way through log, peers and state) counts as often.
void FitInto(const Resources& resources, Config& config);

}  // namespace fastpath::node
