// Creating and deleting tables as a client wants it: ended when every group has
// the table, or has it no more. Pure; on the core's thread.
//
// These writes carry no session. Where an earlier try may have been executed and
// a later one finds the table there (or gone), the wish is fulfilled if what is
// there is what was asked for.
#pragma once

#include "client/internal/core.h"

namespace fastpath::client::internal {

// The answer's table is the created one, ACTIVE; `core` outlives the operation.
void CreateTable(Core& core, api::Table table, Micros timeout, Core::Done done);
// The answer's table is the deleted one, as it last was.
void DeleteTable(Core& core, std::string name, Micros timeout, Core::Done done);

}  // namespace fastpath::client::internal
