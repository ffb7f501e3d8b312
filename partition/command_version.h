// The versions of replicated commands (DESIGN 3.4). A group's version is in its own log: its
// leader proposes nothing that is newer, and raises it once every member's node knows more
// (node/upgrade.h). A command of a version, or with a field, that a replica does not know stops
// that replica.
#pragma once

#include <cstdint>

#include "partition/command.pb.h"

namespace fastpath::partition {

// The highest command version this binary can apply and propose.
inline constexpr uint32_t kCommandVersion = 4;
// The first that knows Purge.
inline constexpr uint32_t kPurgeVersion = 2;
// The first whose writes say what they cost, if asked.
inline constexpr uint32_t kCapacityVersion = 3;
// The first that knows tables' changes after their creation: UpdateTable, Retime,
// and the fields of api.Table since.
inline constexpr uint32_t kTableUpdateVersion = 3;
// The first that knows transactions.
inline constexpr uint32_t kTransactVersion = 4;

// Whether its version knows all that the command holds. Thread-safe.
bool OfItsVersion(const command::Command& command);

}  // namespace fastpath::partition
