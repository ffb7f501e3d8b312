// What this process may use. For main only.
#pragma once

#include "node/resources.h"

namespace fastpath::node {

// Raises the descriptor limit as far as allowed, and reads what then holds:
// descriptors, and the least of the machine's memory, the address space limit
// and the control group's limit.
Resources TakeResources();

}  // namespace fastpath::node
