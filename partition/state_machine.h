// One replica's state machine: applies a group's committed commands to the
// engine, and answers reads from it.
//
// A batch of entries is evaluated through an overlay over one MultiGet and
// written as one atomic batch with the applied row (DESIGN 3.5), so data,
// sessions, TTL index, tables, descriptor and applied index move together.
// Equal logs give equal states (DESIGN 3.4): nothing here reads a clock.
//
// Threads: the executor of its engine and group. Ownership: engine and executor
// outlive it; completions after its destruction do nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/command.pb.h"
#include "partition/command_version.h"
#include "partition/limits.h"
#include "partition/txn/records.h"
#include "partition/value_header.h"
#include "raft/ports.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

inline constexpr size_t kHoldersLimit = 1000;  // Told at a time.

class StateMachine : public raft::StateMachine {
 public:
  struct Listeners {
    // For every command applied, in order, after its effects can be read.
    std::function<void(raft::Index, raft::Term, const command::Outcome&)> outcome;
    // The group's own state that others follow changed: tables, descriptor
    // range, or (meta) the map.
    std::function<void()> catalog_changed;
    // An applied write moved the expiry of the item with this data key (seconds; 0: never, or
    // there is no item). Once per item and batch; of what a Purge took out it may say nothing.
    std::function<void(std::string_view data_key, uint64_t from, uint64_t to)> expiry_moved;
    // A digest asked for by a Digest command is ready.
    std::function<void(raft::Index, uint64_t digest)> digest;
  };

  // Reads the group's rows. NotFound: the engine has no such group.
  static void Load(raft::GroupId group, storage::Engine* engine, Listeners listeners,
                   absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<StateMachine>>)> done);
  ~StateMachine() override = default;

  // --- raft
  // DataLoss: an entry that does not parse; Unimplemented: an unknown version
  // or field. Both stop the group.
  // void Apply(entries, done) override;

  virtual const storage::AppliedRow& applied() const = 0;  // Readable state; with the stamp.

  // --- what a leader does before proposing
  // Checks limits, types and trees, resolves the table, and checks that the key
  // is this group's. On success `out` is ready to be stamped and proposed.
  virtual std::optional<Refusal> Admit(const api::WriteRequest& request, command::Write* out) = 0;
  // The same for a transaction: its place is this group's, its items may be anywhere.
  struct AdmittedTransact {
    std::string id;
    storage::Bucket place = 0;
    uint64_t fingerprint = 0;
    std::vector<command::Write> writes;    // As the request's items,
    std::vector<storage::Bucket> buckets;  // and where they lie.
  };
  virtual std::optional<Refusal> AdmitTransact(const api::TransactWriteRequest& request,
                                               AdmittedTransact* out) = 0;
  // The command version to propose (DESIGN 3.4), finalised in this group's log.
  virtual uint32_t version() const = 0;

  // --- reads, of the applied state
  struct ReadPoint {
    // Log time now: items expired by it are hidden. For eventual reads the
    // replica's own estimate.
    Stamp now = 0;
  };
  struct GetAnswer {
    std::optional<Refusal> refusal;
    api::GetResult result;
    // An item was hidden whose expiry lies after the last applied stamp: a
    // strong read must commit a Time entry first and read again (DESIGN 5).
    bool needs_time_entry = false;
  };
  virtual void Get(const api::GetRequest& request, ReadPoint at,
                   absl::AnyInvocable<void(absl::StatusOr<GetAnswer>)> done) = 0;
  // Of one moment's state, which reads as of `stamp`.
  struct PageAnswer {
    std::optional<Refusal> refusal;
    api::PageResult result;
    bool needs_time_entry = false;  // As GetAnswer's; then the result is not whole.
    Stamp stamp = 0;
  };
  using GotPage = absl::AnyInvocable<void(absl::StatusOr<PageAnswer>)>;
  // ResourceExhausted: too many reads wait for the disk.
  virtual void Query(const api::QueryRequest& request, ReadPoint at, GotPage done) = 0;
  virtual void Scan(const api::ScanRequest& request, ReadPoint at, GotPage done) = 0;
  struct ExportAnswer {
    std::optional<Refusal> refusal;
    api::ExportResult result;
  };
  virtual void Export(const api::ExportRequest& request, ReadPoint at,
                      absl::AnyInvocable<void(absl::StatusOr<ExportAnswer>)> done) = 0;

  struct TableSizeAnswer {
    std::optional<Refusal> refusal;
    api::TableSizeResult result;
  };
  virtual void TableSize(const api::TableSizeRequest& request, ReadPoint at,
                         absl::AnyInvocable<void(absl::StatusOr<TableSizeAnswer>)> done) = 0;

  // --- transactions
  // Who holds an item that is asked for.
  struct Holder {
    std::string id;
    storage::Bucket place = 0;  // Of its record.
    // See Lock::OutlivedBy, and the like: the held item must not be shown as it is.
    bool outlived = false;
  };
  // Each once. A request that makes no sense: none.
  virtual std::vector<Holder> HoldersOf(const command::Write& write) const = 0;
  virtual std::vector<Holder> HoldersOf(const api::GetRequest& request, Stamp now) const = 0;
  virtual std::vector<Holder> HoldersOf(const api::TransactGetRequest& request,
                                        Stamp now) const = 0;
  // Of a page's range, at most kHoldersLimit. `from`: the row's key to look from, at first
  // empty; then where to look on, empty if that was all.
  virtual std::vector<Holder> HoldersOf(const api::QueryRequest& request, Stamp now,
                                        std::string* from) const = 0;
  virtual std::vector<Holder> HoldersOf(const api::ScanRequest& request, Stamp now,
                                        std::string* from) const = 0;
  // Whoever holds an item since before `stamp`, by id, from after this one; at most
  // kHoldersLimit.
  virtual std::vector<Holder> HoldersSince(Stamp stamp, const std::string& after) const = 0;
  // Null: none, or forgotten. Valid until the next Apply.
  virtual const TransactRecord* FindTransact(const std::string& id) const = 0;
  virtual const absl::btree_map<std::string, TransactRecord>& transacts() const = 0;

  // A transact-get's items, all of this group, with what must be the same when they are
  // read again: then nothing happened in between.
  struct Seen {
    Stamp version = 0;  // Of the row, expired or not; 0: there is none,
    Stamp removed = 0;  // and nothing in its bucket was removed after this.
    bool locked = false;
  };
  struct ObserveAnswer {
    std::optional<Refusal> refusal;
    std::vector<api::GetResult> items;
    std::vector<Seen> seen;
    bool needs_time_entry = false;
  };
  virtual void Observe(const api::TransactGetRequest& request, ReadPoint at,
                       absl::AnyInvocable<void(absl::StatusOr<ObserveAnswer>)> done) = 0;

  // --- catalog
  virtual const api::Table* FindTable(std::string_view name) const = 0;
  virtual const std::vector<api::Table>& tables() const = 0;
  virtual storage::BucketRange buckets() const = 0;
  virtual std::vector<storage::KeyRange> ranges() const = 0;  // Everything of this group.
  virtual storage::KeyRange DataRange(storage::SpaceId space) const = 0;  // A table's items in it.
  // Descriptor as of the applied state: range, epoch, members. leader_node is 0.
  virtual api::GroupDescriptor descriptor() const = 0;
  // Only in the meta group: the map as of the applied state.
  virtual const api::Map& map() const = 0;
  // Only in the meta group: a table's tags, by key.
  virtual const api::TagList& tags(storage::SpaceId space) const = 0;

  // --- digests
  // The last 16 are kept; of those ordered while two are being made there are none.
  virtual std::optional<uint64_t> digest_at(raft::Index index) const = 0;

  // --- snapshots
  // The applied state now: a view, its ranges and what raft calls the point.
  struct SnapshotPoint {
    raft::SnapshotMeta meta;
    storage::View view;
    std::vector<storage::KeyRange> ranges;
  };
  virtual SnapshotPoint Pin() = 0;
};

// Rows that make an engine hold a new group: used once at bootstrap (with a
// range) and never for replicas that are added later (they get a snapshot).
//   index 1, term 1: the log then starts after them.
void BootstrapGroup(const api::GroupDescriptor& descriptor, Stamp stamp, storage::WriteBatch& batch,
                    uint32_t version = kCommandVersion);
// The same for meta, with the first map: cluster id, first node, groups.
void BootstrapMeta(const api::Map& map, Stamp stamp, storage::WriteBatch& batch,
                   uint32_t version = kCommandVersion);

// The ranges that a snapshot of `group` will replace on its receiver; known from
// what the receiver has now and the sender's tables.
std::vector<storage::KeyRange> InstallRanges(raft::GroupId group, storage::BucketRange buckets,
                                             const std::vector<storage::SpaceId>& spaces);

}  // namespace fastpath::partition
