// Reads one page of a table's items, in key order or backward: what queries,
// scans and exports have in common.
//
// The page is read in pieces from one pinned view, so it is one moment's state,
// and each piece costs the executor little: other work runs in between.
// However few items pass the filter, a page looks at a bounded number of rows.
//
// Threads: the engine's executor. Ownership: the engine outlives the reading;
// the state machine that began it need not.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/value_header.h"
#include "storage/engine.h"

namespace fastpath::partition {

// DynamoDB's page: items examined, before the filter, by its item size.
inline constexpr uint64_t kPageLimitBytes = 1u << 20;
// Of encoded items returned; with one item more, inside a client frame.
inline constexpr size_t kPageResultLimitBytes = 2u << 20;
// Of rows looked at, those that have expired included.
inline constexpr size_t kPageRowsLimit = 20'000;
inline constexpr size_t kPageRowsLimitBytes = 4u << 20;

struct PageSpec {
  api::Table table;
  storage::KeyRange range;  // What remains of it.
  bool reverse = false;
  uint64_t limit_items = UINT64_MAX;  // Examined.
  uint64_t limit_bytes = kPageLimitBytes;
  bool one_at_least = true;  // Even if the first item is over limit_bytes.
  size_t limit_result_bytes = kPageResultLimitBytes;
  api::Condition filter;  // Validated; used if `filtered`.
  bool filtered = false;
  google::protobuf::RepeatedPtrField<api::Path> projection;
  bool count_only = false;
  // What expired by `now` is hidden; if not by `applied` too, the last applied
  // stamp, a strong reader must commit a Time entry first: the page then ends at once.
  Stamp now = 0;
  Stamp applied = 0;
  bool strong = false;
};

struct Page {
  api::PageResult result;  // Without keys: those are the caller's to name.
  std::string last_row;    // The last row looked at; empty: none.
  bool more = false;       // Rows may remain past it.
  bool needs_time_entry = false;
};

// `view` is what `spec.applied` is the stamp of. ResourceExhausted: too many
// reads wait for the disk; DataLoss: a row is damaged.
void ReadPage(storage::Engine* engine, storage::View view, PageSpec spec,
              absl::AnyInvocable<void(absl::StatusOr<Page>)> done);

}  // namespace fastpath::partition
