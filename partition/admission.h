// What a leader checks before a write may enter the log: everything that does
// not depend on the item's state. Apply trusts what was admitted.
//
// Thread-safe: no state.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/catalog.h"
#include "partition/command.pb.h"
#include "partition/limits.h"
#include "partition/model/key.h"
#include "partition/state_machine.h"

namespace fastpath::partition {

// On success `out` holds the write, without a stamp.
std::optional<Refusal> AdmitWrite(const Catalog& catalog, const api::WriteRequest& request,
                                  command::Write* out);

// The same for a transaction: its place is this group's, its items may be anywhere.
std::optional<Refusal> AdmitTransact(const Catalog& catalog,
                                     const api::TransactWriteRequest& request,
                                     StateMachine::AdmittedTransact* out);

// A table that reads and writes may use. The pointer lives as long as the catalog.
std::optional<Refusal> FindActiveTable(const Catalog& catalog, std::string_view name,
                                       const api::Table** table);
// A key of `table` that this group owns.
std::optional<Refusal> LocateKey(const Catalog& catalog, const api::Table& table,
                                 const api::Key& key, model::EncodedKey* out);

// The key of the item that a write is for: of its table, any group's.
absl::StatusOr<model::EncodedKey> KeyOfWrite(const api::Table& table, const command::Write& write);

}  // namespace fastpath::partition
