// What put, update, delete and check do to one item at apply: conditions, return
// values, versions, expiry and the limits that only the result can show.
// Deterministic: a change of behaviour needs a new command version.
//
// Thread-safe: no state.
#pragma once

#include "absl/status/status.h"
#include "partition/api.pb.h"
#include "partition/command.pb.h"
#include "partition/overlay.h"
#include "partition/value_header.h"

namespace fastpath::partition {

// Executes `write` on its item's cell; a check changes nothing. What comes out, refusals included,
// goes to `outcome`; on a refusal the cell is unchanged. DataLoss: the stored item is corrupt,
// which stops the group.
absl::Status ExecuteWrite(const api::Table& table, const command::Write& write, Stamp stamp,
                          Cell& cell, command::Outcome& outcome);

// Whether what becomes of the item, or the answer, depends on what it was. A put that asks nothing
// does not, but for the TTL index: in a table that never had a TTL attribute no item has a row
// there.
bool AsksForItem(const api::Table& table, const command::Write& write);

void Refuse(command::Outcome& outcome, api::Code code, std::string_view message);

}  // namespace fastpath::partition
