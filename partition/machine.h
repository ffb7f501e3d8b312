// The implementation behind StateMachine; for this room's sources only.
//
// Apply works in chunks: as many entries as fit the limits, up to and including
// the first that is no plain write, transaction step, time, purge or retime. A chunk is parsed in
// an arena, its items and recorded answers are read by one MultiGet, it is evaluated in order on
// the overlay, and written as one batch with the applied row. What reads see (applied row, catalog,
// meta) changes once that write is done.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "google/protobuf/arena.h"
#include "partition/catalog.h"
#include "partition/meta.h"
#include "partition/overlay.h"
#include "partition/page.h"
#include "partition/session.h"
#include "partition/state_machine.h"
#include "partition/txn/locks.h"
#include "partition/txn/records.h"

namespace fastpath::partition {

inline constexpr size_t kChunkEntriesLimit = 1024;
inline constexpr size_t kChunkLimitBytes = 4u << 20;    // Of payloads; at least one entry.
inline constexpr size_t kChunkDecodedBytes = 1u << 20;  // Of items kept decoded, encoded.
inline constexpr size_t kChunkRowsLimit = 2048;  // Items and locks read; the last entry's over it.
inline constexpr size_t kDigestsKept = 16;
inline constexpr size_t kDigestsAtOnce = 2;  // Each reads all that the group has.

class Machine final : public StateMachine {
 public:
  // As read by Load; rows are restored into the members below.
  struct Loaded {
    storage::AppliedRow applied;
    Catalog catalog;
    Meta meta;
    SessionTable sessions;
    LockTable locks;
    TransactTable transactions;
  };
  Machine(Loaded loaded, storage::Engine* engine, Listeners listeners);

  void Apply(std::vector<raft::Entry> entries,
             absl::AnyInvocable<void(absl::Status)> done) override;
  const storage::AppliedRow& applied() const override { return applied_; }
  std::optional<Refusal> Admit(const api::WriteRequest& request, command::Write* out) override;
  std::optional<Refusal> AdmitTransact(const api::TransactWriteRequest& request,
                                       AdmittedTransact* out) override;
  uint32_t version() const override { return catalog_.version(); }
  void Get(const api::GetRequest& request, ReadPoint at,
           absl::AnyInvocable<void(absl::StatusOr<GetAnswer>)> done) override;
  void Query(const api::QueryRequest& request, ReadPoint at, GotPage done) override;
  void Scan(const api::ScanRequest& request, ReadPoint at, GotPage done) override;
  void Export(const api::ExportRequest& request, ReadPoint at,
              absl::AnyInvocable<void(absl::StatusOr<ExportAnswer>)> done) override;
  void TableSize(const api::TableSizeRequest& request, ReadPoint at,
                 absl::AnyInvocable<void(absl::StatusOr<TableSizeAnswer>)> done) override;
  std::vector<Holder> HoldersOf(const command::Write& write) const override;
  std::vector<Holder> HoldersOf(const api::GetRequest& request, Stamp now) const override;
  std::vector<Holder> HoldersOf(const api::TransactGetRequest& request, Stamp now) const override;
  std::vector<Holder> HoldersOf(const api::QueryRequest& request, Stamp now,
                                std::string* from) const override;
  std::vector<Holder> HoldersOf(const api::ScanRequest& request, Stamp now,
                                std::string* from) const override;
  std::vector<Holder> HoldersSince(Stamp stamp, const std::string& after) const override;
  const TransactRecord* FindTransact(const std::string& id) const override {
    return transactions_.Find(id);
  }
  const absl::btree_map<std::string, TransactRecord>& transacts() const override {
    return transactions_.records();
  }
  void Observe(const api::TransactGetRequest& request, ReadPoint at,
               absl::AnyInvocable<void(absl::StatusOr<ObserveAnswer>)> done) override;
  const api::Table* FindTable(std::string_view name) const override {
    return catalog_.FindTable(name);
  }
  const std::vector<api::Table>& tables() const override { return catalog_.tables(); }
  storage::BucketRange buckets() const override { return catalog_.buckets(); }
  std::vector<storage::KeyRange> ranges() const override { return catalog_.ranges(); }
  storage::KeyRange DataRange(storage::SpaceId space) const override {
    return catalog_.DataRange(space);
  }
  api::GroupDescriptor descriptor() const override {
    return catalog_.Descriptor(applied_.configuration);
  }
  const api::Map& map() const override { return meta_.map(); }
  const api::TagList& tags(storage::SpaceId space) const override { return meta_.tags(space); }
  std::optional<uint64_t> digest_at(raft::Index index) const override;
  SnapshotPoint Pin() override;

 private:
  // A row of the TTL index that purges name.
  struct IndexRow {
    explicit IndexRow(std::string key) : key(std::move(key)) {}
    const std::string key;
    bool stored = false;  // By now.
  };
  // What a Purge's item is to this group: kOrphan, of a table that it does not
  // know (any more); kForeign, not in its range, or no item at all.
  struct Doomed {
    enum class Kind : uint8_t { kForeign, kOrphan, kOwn };
    Kind kind = Kind::kForeign;
    const api::Table* table = nullptr;  // kOwn, as are these:
    storage::Bucket bucket = 0;
    IndexRow* row = nullptr;
  };
  // One write of a transaction's step.
  struct Part {
    const command::Write* write = nullptr;
    const api::Table* table = nullptr;      // Null if it is not known,
    std::optional<absl::Status> key_error;  // or its key is not of the table,
    Cell* cell = nullptr;                   // or null: not this group's.
  };
  // One entry of a chunk. Messages live in the chunk's arena.
  struct Step {
    raft::Term term = 0;
    raft::Index index = 0;
    raft::EntryKind kind = raft::EntryKind::kNoop;
    raft::Configuration configuration;          // kConfiguration
    const command::Command* command = nullptr;  // kCommand; and of its write:
    const api::Table* table = nullptr;          // Null if it is not known,
    std::optional<absl::Status> key_error;      // or its key is not of the table.
    storage::Bucket bucket = 0;
    Cell* cell = nullptr;
    std::vector<Doomed> doomed;  // As a Purge's items.
    std::vector<Cell*> retimed;  // A Retime's items that are this group's.
    std::vector<Part> parts;     // A Begin's or Prepare's writes.
    command::Outcome* outcome = nullptr;
  };
  struct Chunk {
    std::vector<Step> steps;
    Overlay overlay;
    SessionChanges session_changes;
    std::vector<std::string> record_keys;                    // Answers recorded before this chunk,
    absl::flat_hash_map<std::string, std::string> recorded;  // and their values.
    std::deque<IndexRow> index_rows;
    absl::flat_hash_map<std::string_view, IndexRow*> index_row_of;  // By key.
    // Of transactions that end here: the rows of locks from before this chunk, and the items
    // that they leave.
    std::vector<std::string> lock_keys;  // Data keys.
    absl::flat_hash_map<std::string, std::string> lock_values;
    std::deque<std::string> intended;
    raft::Index index = 0;  // After the chunk, as the next two.
    raft::Term term = 0;
    Stamp stamp = 0;
    // Of the chunk's last entry, if it changes them.
    std::optional<raft::Configuration> configuration;
    storage::WriteBatch rows;
    std::optional<Catalog> catalog;
    std::optional<Meta> meta;
    bool digest = false;
    size_t decoded_bytes = 0;  // See BoundDecoded.
  };
  // What an Apply works with. Handed on from machine to machine of a thread, so
  // that many groups that apply a little each find it in the cache.
  struct Work {
    Work();
    static std::unique_ptr<Work> Take();
    static void Give(std::unique_ptr<Work> work);
    static std::vector<std::unique_ptr<Work>>& Idle();
    void Clear();

    Chunk chunk;
    std::array<char, 16u << 10> arena_block;
    google::protobuf::Arena arena;
    std::string scratch;
  };
  // Where the running Apply is; two wait for the engine.
  enum class Phase {
    kIdle,
    kBuild,
    kRead,
    kReading,  // Waits.
    kEvaluate,
    kWrite,
    kWriting,  // Waits.
    kCommit,
    kFailed
  };

  void Advance();
  void BeginChunk();
  void FinishApply();
  void BuildChunk();
  absl::Status AddStep(const raft::Entry& entry, bool* last_of_chunk);
  absl::StatusOr<const command::Command*> Parse(const raft::Entry& entry);
  void LocateWrite(Step& step);
  void LocatePurge(Step& step);
  void LocateRetime(Step& step);
  void ReadChunk();
  void TakeRead(absl::StatusOr<std::vector<std::optional<std::string>>> rows);
  absl::Status TakeRows(std::vector<std::optional<std::string>> rows);
  void EvaluateChunk();
  absl::Status Evaluate(Step& step);
  absl::Status EvaluateCommand(Step& step);
  void EvaluatePurge(Step& step);
  bool PurgeOne(const command::Purge::Item& item, const Doomed& doomed, Stamp stamp);
  // Executes what has a session, or answers as before.
  absl::Status Once(Step& step, const api::Session& session,
                    absl::Status (Machine::*execute)(Step&));
  absl::Status AnswerRecorded(Step& step, const api::Session& session);
  absl::Status ExecuteOnce(Step& step);
  const std::string& RecordOf(const api::Session& session) const;
  void BoundDecoded(Cell& cell);
  void RecordOutcome(Step& step, const api::Session& session, storage::Bucket bucket);
  // --- transact.cc
  using Writes = google::protobuf::RepeatedPtrField<command::Write>;
  void LocateTransact(Step& step);
  void LocateParts(Step& step, const Writes& writes);
  void LocateHeld(const std::string& id);
  void LocateRecorded(const api::Session& session);
  absl::Status EvaluateTransact(Step& step);
  absl::Status BeginOnce(Step& step);
  bool RefuseByToken(Step& step);
  bool RefuseMisplaced(Step& step);
  void RecordBegun(const Step& step);
  Cell* Touch(const api::Table& table, std::string data_key, bool ask = true);
  bool RefuseBegun(Step& step);
  absl::Status PrepareOnce(Step& step);
  absl::Status Decide(Step& step);
  absl::Status AmendOutcome(Step& step);
  absl::Status Release(const std::string& id, bool commit, Stamp stamp);
  void Leave(const std::string& data_key, const Lock& lock, std::string_view item, Stamp stamp);
  void Forget(const command::Transact& transact);
  absl::StatusOr<bool> TryParts(Step& step, std::deque<Cell>& after);
  absl::StatusOr<api::Code> TryPart(const Step& step, const Part& part, Cell& after,
                                    api::TransactWriteResult& result);
  void LockParts(Step& step, std::deque<Cell>& after);
  absl::Status ExecuteParts(Step& step);
  // --- transact_read.cc
  std::vector<Holder> HoldersIn(storage::KeyRange range, Stamp now, std::string* from) const;
  std::vector<Holder> HolderOf(std::string_view data_key, Stamp now) const;
  bool Outlived(std::string_view data_key, const Lock& lock, Stamp now) const;
  Stamp RemovedBy(storage::Bucket bucket) const;
  void NoteRemovals();
  struct Observation;
  std::optional<Refusal> LookAt(const api::TransactGetItem& item, bool capacity,
                                Observation& look) const;
  absl::StatusOr<ObserveAnswer> Observed(Observation& look, ReadPoint at,
                                         const std::vector<std::optional<std::string>>& rows);
  void Reconfigure(const Step& step);
  void ChangeCatalog(Step& step);
  void ChangeMeta(Step& step);
  void WriteChunk();
  // The engine took nothing: goes back to `phase` when it may be asked again.
  void Retry(Phase phase);
  void CommitChunk();
  void TellExpiryMoves();
  void Fail(absl::Status why);
  void StartDigest();
  // A read that waited for the engine begins again if its table took another TTL
  // attribute meanwhile: its rows may be of before, the time it is judged at of after.
  struct Judged {
    storage::SpaceId space = 0;
    Stamp since = 0;
  };
  static Judged JudgedSince(const api::Table& table);
  bool StillJudged(const Judged& judged) const;
  // `applied`: the last applied stamp when the row was asked for, which is what it is of.
  absl::StatusOr<GetAnswer> AnswerOf(const api::GetRequest& request, ReadPoint at, Stamp applied,
                                     const ExpiryRule& rule, const std::optional<std::string>& row);
  // Of a page's answer, what only its request knows: where it goes on.
  using Finish = absl::AnyInvocable<void(const Page&, api::PageResult&)>;
  void StartPage(PageSpec spec, ReadPoint at, Finish finish, GotPage done);

  storage::Engine* const engine_;
  const Listeners listeners_;

  storage::AppliedRow applied_;
  Catalog catalog_;
  Meta meta_;
  SessionTable sessions_;              // Ahead of the engine by the running chunk.
  TransactTable transactions_;         // Likewise.
  LockTable locks_;                    // As of the last chunk;
  LockChanges lock_changes_{&locks_};  // the running one's.
  // When something was last removed in a bucket, as far as this machine was there: it is no
  // state, only what transact-gets compare.
  absl::flat_hash_map<storage::Bucket, Stamp> removed_;
  Stamp removed_before_ = 0;
  std::map<raft::Index, uint64_t> digests_;
  size_t digests_under_way_ = 0;

  Phase phase_ = Phase::kIdle;
  bool advancing_ = false;
  absl::Status failure_;
  std::vector<raft::Entry> entries_;
  size_t next_entry_ = 0;
  absl::AnyInvocable<void(absl::Status)> done_;
  std::unique_ptr<Work> work_;  // While an Apply runs.

  // Dies with the machine: completions that outlive it see that.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fastpath::partition
