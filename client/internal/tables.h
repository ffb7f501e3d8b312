// Tables as a client wants them: created when every group has the table, deleted when
// none has it any more; waited for; measured. Pure; on the core's thread.
//
// Creating and deleting carry no session. Where an earlier try may have been executed and
// a later one finds the table there (or gone), the wish is fulfilled if what is
// there is what was asked for.
#pragma once

#include <set>
#include <string>

#include "client/internal/core.h"

namespace fastpath::client::internal {

// The answer's table is the created one, ACTIVE; `core` outlives the operation.
void CreateTable(Core& core, api::Table table, Micros timeout, Core::Done done);
// The answer's table is the deleted one, as it last was.
void DeleteTable(Core& core, std::string name, Micros timeout, Core::Done done);

// Asks again and again until the table is ACTIVE, which may not be there yet, or until
// it is gone. Never unknown: at its deadline DEADLINE, saying how the table was.
enum class Until { kActive, kGone };
void WaitForTable(Core& core, std::string name, Until until, Micros timeout, Core::Done done);

// Has `core` learn these tables from meta's leader, which has what was just created. `done`
// gets what to answer if it cannot be asked: refused, as nothing was sent.
void LearnTables(Core& core, std::set<std::string> names, Micros timeout,
                 absl::AnyInvocable<void(std::optional<Answer>)> done);

// What all groups hold of the table together, each group's leader being asked. The
// answer's table_size; refused if one of them did not answer.
void TableSize(Core& core, std::string name, Micros timeout, Core::Done done);

}  // namespace fastpath::client::internal
