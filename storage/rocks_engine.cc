// The Engine port on RocksDB below a write-back table of our own (the Raft log is
// the WAL): one column family, Gets inline while they hit memory.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/snapshot.h"
#include "rocksdb/sst_file_manager.h"
#include "rocksdb/table.h"
#include "storage/engine.h"
#include "storage/install_check.h"
#include "storage/rocks_install.h"
#include "storage/rocks_log.h"
#include "storage/rocks_scan.h"
#include "storage/rocks_status.h"
#include "storage/worker_pool.h"
#include "storage/write_layers.h"
#include "storage/write_out.h"

namespace fastpath::storage {
namespace {

constexpr size_t kReadThreads = 2;
constexpr size_t kReadQueueLimit = 4096;         // Reads that wait for the disk.
constexpr size_t kMaintenanceQueueLimit = 1024;  // Flushes and install steps.
constexpr size_t kFrozenGenerations = 2;         // Wait to be written out; then writes wait.
constexpr size_t kFrozenWhileFull = 4;           // The same, while the disk has no space.
constexpr size_t kCachedScanRows = 128;          // Longer scans leave the block cache as it is.

class RocksEngine;

// Outlived by callbacks; `engine` is read and cleared on the executor only.
struct Token {
  RocksEngine* engine = nullptr;
};

class RocksViews;

struct RocksView : PinnedView {
  explicit RocksView(RocksViews* owner);
  ~RocksView() override;
  void Release();
  RocksViews* owner;  // Null once released.
  const LayerView layers;
  const rocksdb::Snapshot* const snapshot;
};

// Those that are alive. A scan under way may outlive its engine by a callback:
// then the engine's end releases them.
class RocksViews {
 public:
  RocksViews(rocksdb::DB* db, WriteLayers* layers) : db(db), layers(layers) {}
  ~RocksViews() {
    while (!live.empty()) (*live.begin())->Release();
  }
  rocksdb::DB* const db;
  WriteLayers* const layers;
  absl::flat_hash_set<RocksView*> live;
};

RocksView::RocksView(RocksViews* owner)
    : owner(owner), layers(owner->layers->Pin()), snapshot(owner->db->GetSnapshot()) {
  owner->live.insert(this);
}
RocksView::~RocksView() { Release(); }
void RocksView::Release() {
  if (owner == nullptr) return;
  owner->db->ReleaseSnapshot(snapshot);
  owner->layers->Unpin(layers.at);
  owner->live.erase(this);
  owner = nullptr;
}

rocksdb::ReadOptions MemoryOnly() {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}

rocksdb::Options RocksDbOptions(const RocksOptions& options) {
  rocksdb::Options out;
  if (options.env != nullptr) out.env = options.env;
  out.create_if_missing = true;
  out.max_background_jobs = 2;
  // Its memtable stays empty; closing is a crash to us.
  out.avoid_flush_during_shutdown = true;
  out.max_open_files = options.max_open_files == 0 ? -1 : static_cast<int>(options.max_open_files);
  out.bytes_per_sync = 1u << 20;
  out.info_log_level = rocksdb::WARN_LEVEL;
  // Without it a full disk is never recovered from.
  out.sst_file_manager.reset(rocksdb::NewSstFileManager(out.env));
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  out.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // In pages of 4 KiB: whole, a filter of a million keys is larger than a shard of the cache,
  // and every Get would read all of it.
  table.partition_filters = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

absl::Status NoSpaceForInstall() {
  return absl::ResourceExhaustedError("install: the disk is full");
}

// An install by files that waits for its turn. Who claims it first answers it:
// the step that puts it in place, or a disk found full.
struct FileCommit {
  bool Claim() { return !claimed.exchange(true); }
  std::shared_ptr<InstallFiles> files;
  std::optional<std::pair<raft::GroupId, raft::Index>> applied;
  Done done;
  std::atomic<bool> claimed = false;
};

class RocksEngine : public Engine {
 public:
  RocksEngine(std::string directory, rocksdb::Options options, const RocksOptions& limits,
              std::unique_ptr<rocksdb::DB> db, std::shared_ptr<Token> token, Executor* executor)
      : directory_(std::move(directory)),
        options_(std::move(options)),
        generation_bytes_(limits.memtable_bytes),
        table_install_bytes_(limits.table_install_bytes),
        executor_(executor),
        token_(std::move(token)),
        layers_(std::make_shared<WriteTable>(limits.memtable_bytes)),
        db_(std::move(db)),
        views_(db_.get(), &layers_),
        readers_("engine-read", kReadThreads, kReadQueueLimit),
        maintenance_("engine-write", 1, kMaintenanceQueueLimit) {
    token_->engine = this;
  }

  // Members go in reverse order: the pools' threads end before the database.
  ~RocksEngine() override {
    token_->engine = nullptr;
    closing_ = true;
  }

  void MultiGet(std::vector<std::string> keys, GotMany done) override;
  void Get(std::string key, Got done) override;
  void Write(WriteBatch batch, Done done) override;
  void WhenWritable(Task task) override;
  bool full() const override { return no_space_; }
  void Scan(KeyRange range, ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) override;
  View Pin() override { return std::make_shared<RocksView>(&views_); }
  std::unique_ptr<Installer> NewInstall(std::vector<KeyRange> ranges) override;
  void Flush(Done done) override;
  void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)> listener) override {
    listener_ = std::move(listener);
  }
  uint64_t approximate_bytes(const KeyRange& range) override;

 private:
  class RocksInstaller;
  using Values = std::vector<std::optional<std::string>>;
  using Scanned = absl::AnyInvocable<void(absl::StatusOr<ScanResult>)>;

  // Runs on the executor unless the engine is gone by then. Any thread.
  void Answer(Task task) {
    executor_->Post([token = std::weak_ptr<Token>(token_), task = std::move(task)]() mutable {
      auto alive = token.lock();
      if (alive && alive->engine != nullptr) task();
    });
  }
  // `work` runs on a thread of `pool`; an overfull pool answers `done` instead.
  template <typename Completion>
  void RunOn(WorkerPool& pool, Task work, std::shared_ptr<Completion> done) {
    if (pool.Submit(std::move(work))) return;
    Answer(
        [done = std::move(done)] { (*done)(absl::ResourceExhaustedError("engine overloaded")); });
  }

  // Of `keys`, only those whose value is still missing, in order. After an error it is known up
  // to where: `missing` says the rest.
  absl::Status GetMissing(const std::vector<std::string>& keys, std::vector<size_t>& missing,
                          const rocksdb::ReadOptions& options, Values& values);
  absl::StatusOr<std::optional<std::string>> GetNow(const std::string& key,
                                                    const rocksdb::ReadOptions& options,
                                                    bool& missed);
  bool Stalled() const {
    const size_t limit = no_space_ ? kFrozenWhileFull : kFrozenGenerations;
    return layers_.frozen_bytes() >= limit * generation_bytes_;
  }
  void Freeze();
  // For the next Freeze, where time does not matter. Not before it is near: an
  // idle engine needs no memory for it.
  void MakeSpare();
  void WrittenOut(const Generation& generation, const absl::Status& status);
  // `then` runs once everything written before the call is in RocksDB. Who asks
  // while that is under way for others shares the next one.
  void AfterWriteOut(Done then);
  void WriteOutForWaiting();
  // Where time does not matter.
  void Destroy(Generation generation);
  void RunScan(std::shared_ptr<RocksScan> scan, rocksdb::ReadOptions read, View view,
               std::shared_ptr<Scanned> done);
  void CheckWritable();
  void CheckSpace();
  void CommitFiles(std::shared_ptr<FileCommit> commit);
  void Ingest(std::shared_ptr<FileCommit> commit);
  // Removed soon, also while a write-out waits for space.
  void Abandon(std::shared_ptr<InstallFiles> files);

  const std::string directory_;
  const rocksdb::Options options_;
  const size_t generation_bytes_;
  const size_t table_install_bytes_;
  Executor* executor_;
  std::shared_ptr<Token> token_;
  std::function<void(raft::GroupId, raft::Index)> listener_;
  WriteLayers layers_;
  Generation spare_;  // Null: there is none.
  bool making_spare_ = false;
  absl::Status failure_;  // Of a write-out: nothing can become durable any more.
  std::vector<Task> when_writable_;
  std::vector<Done> after_write_out_;                 // Not yet begun for.
  bool writing_out_ = false;                          // For others of them.
  uint64_t staged_ = 0;                               // Directories of files to be ingested, ever.
  std::vector<std::shared_ptr<FileCommit>> commits_;  // Not yet answered.
  AbandonedInstalls abandoned_;
  std::atomic<bool> closing_ = false;
  std::atomic<bool> no_space_ = false;  // Of the maintenance thread.
  std::unique_ptr<rocksdb::DB> db_;
  RocksViews views_;
  WorkerPool readers_;
  WorkerPool maintenance_;  // One thread: its tasks run in order.
};

// By single Gets: RocksDB 7.8's MultiGet that may not read the disk answers "may
// exist" as OK with an empty value, where Get says Incomplete.
absl::Status RocksEngine::GetMissing(const std::vector<std::string>& keys,
                                     std::vector<size_t>& missing,
                                     const rocksdb::ReadOptions& options, Values& values) {
  for (auto at = missing.begin(); at != missing.end(); ++at) {
    bool missed = false;
    auto value = GetNow(keys[*at], options, missed);
    if (!value.ok()) {
      missing.erase(missing.begin(), at);
      return value.status();
    }
    values[*at] = *std::move(value);
  }
  missing.clear();
  return absl::OkStatus();
}

// What the disk must be asked for is read from a snapshot, so that the answer is
// still one moment's.
void RocksEngine::MultiGet(std::vector<std::string> keys, GotMany done) {
  auto values = std::make_shared<Values>(keys.size());
  std::vector<size_t> missing;
  layers_.FindAll(keys, [&](size_t i, WriteTable::Verdict verdict) {
    if (!verdict.decided) {
      missing.push_back(i);
    } else if (verdict.value != nullptr) {
      (*values)[i] = *verdict.value;
    }
  });
  absl::Status status = GetMissing(keys, missing, MemoryOnly(), *values);
  if (status.ok()) return done(std::move(*values));
  if (!absl::IsUnavailable(status)) return done(std::move(status));
  auto shared = std::make_shared<GotMany>(std::move(done));
  auto snapshot = std::make_shared<rocksdb::ManagedSnapshot>(db_.get());
  RunOn(
      readers_,
      [this, keys = std::move(keys), missing = std::move(missing), values, snapshot,
       shared]() mutable {
        rocksdb::ReadOptions options;
        options.snapshot = snapshot->snapshot();
        Answer([shared, values, status = GetMissing(keys, missing, options, *values)] {
          if (!status.ok()) return (*shared)(status);
          (*shared)(std::move(*values));
        });
      },
      shared);
}

absl::StatusOr<std::optional<std::string>> RocksEngine::GetNow(const std::string& key,
                                                               const rocksdb::ReadOptions& options,
                                                               bool& missed) {
  rocksdb::PinnableSlice found;
  rocksdb::Status status = db_->Get(options, db_->DefaultColumnFamily(), key, &found);
  // RocksDB 7.8 says the same of a key in a file that is not open: "may exist".
  if (status.ok() && found.empty() && options.read_tier == rocksdb::kBlockCacheTier &&
      options_.max_open_files != -1) {
    missed = true;
    return absl::UnavailableError("the file may not be open");
  }
  if (status.ok()) return std::optional<std::string>(std::in_place, found.data(), found.size());
  if (status.IsNotFound()) return std::optional<std::string>();
  missed = status.IsIncomplete();
  return FromRocks(status);
}

void RocksEngine::Get(std::string key, Got done) {
  if (const WriteTable::Verdict verdict = layers_.Find(key); verdict.decided) {
    return done(verdict.value != nullptr ? std::optional(*verdict.value) : std::nullopt);
  }
  bool missed = false;
  auto value = GetNow(key, MemoryOnly(), missed);
  if (!missed) return done(std::move(value));
  auto shared = std::make_shared<Got>(std::move(done));
  RunOn(
      readers_,
      [this, key = std::move(key), shared] {
        bool ignored = false;
        Answer(
            [shared, value = GetNow(key, {}, ignored)]() mutable { (*shared)(std::move(value)); });
      },
      shared);
}

void RocksEngine::Write(WriteBatch batch, Done done) {
  if (!failure_.ok()) return done(failure_);
  if (layers_.active_bytes() >= generation_bytes_) {
    if (Stalled()) return done(absl::UnavailableError("the engine is behind with writing out"));
    Freeze();
  }
  layers_.Apply(std::move(batch));
  if (layers_.active_bytes() >= generation_bytes_ / 2) MakeSpare();
  done(absl::OkStatus());
}

void RocksEngine::Freeze() {
  Generation next = std::exchange(spare_, nullptr);
  if (next == nullptr) next = std::make_shared<WriteTable>(generation_bytes_);
  Generation generation = layers_.Freeze(std::move(next));
  maintenance_.SubmitAlways(
      [this, generation = std::move(generation),
       directory = absl::StrCat(InstallDirectory(directory_), "/", staged_++)]() mutable {
        const WriteOutWaits waits{closing_,
                                  [this](bool full) {
                                    no_space_ = full;
                                    Answer([this] { CheckSpace(); });
                                  },
                                  [this] { abandoned_.Discard(); }};
        absl::Status status = WriteOut(db_.get(), options_, directory, *generation, waits);
        Answer([this, generation = std::move(generation), status = std::move(status)] {
          WrittenOut(generation, status);
        });
      });
}

void RocksEngine::MakeSpare() {
  if (spare_ != nullptr || std::exchange(making_spare_, true)) return;
  maintenance_.SubmitAlways([this] {
    auto spare = std::make_shared<WriteTable>(generation_bytes_);
    spare->Touch();
    Answer([this, spare = std::move(spare)]() mutable {
      making_spare_ = false;
      spare_ = std::move(spare);
    });
  });
}

void RocksEngine::WrittenOut(const Generation& generation, const absl::Status& status) {
  // Not RocksDB's own code: DataLoss means one group's bytes to a replica, and this ends the node.
  if (failure_.ok() && !status.ok()) {
    failure_ = absl::AbortedError(absl::StrCat("the engine failed: ", status.message()));
  }
  // A later one must not be told of without this one. Who waits learns of it.
  if (!failure_.ok()) return CheckWritable();
  Destroy(layers_.WrittenOut());
  if (listener_) {
    for (const auto& [group, index] : generation->applied()) listener_(group, index);
  }
  CheckWritable();
}

void RocksEngine::Destroy(Generation generation) {
  if (generation != nullptr) maintenance_.SubmitAlways([generation = std::move(generation)] {});
}

void RocksEngine::WhenWritable(Task task) {
  when_writable_.push_back(std::move(task));
  // The stall may have ended, and its event gone by, since the refusal.
  Answer([this] { CheckWritable(); });
}

void RocksEngine::CheckWritable() {
  if (when_writable_.empty() || (failure_.ok() && Stalled())) return;
  for (Task& task : std::exchange(when_writable_, {})) task();
}

void RocksEngine::Scan(KeyRange range, ScanOptions options, Scanned done) {
  FASTPATH_CHECK(options.limit_rows >= 1, "a scan returns at least one row");
  View view = options.view != nullptr ? options.view : Pin();  // All steps see one moment.
  const auto* pinned = static_cast<const RocksView*>(view.get());
  rocksdb::ReadOptions read;
  read.snapshot = pinned->snapshot;
  read.fill_cache = options.limit_rows <= kCachedScanRows;
  auto scan = std::make_shared<RocksScan>(std::move(range), options, pinned->layers);
  RunScan(std::move(scan), read, std::move(view), std::make_shared<Scanned>(std::move(done)));
}

// A step on the executor, for the layers, and one on a reader thread, in turn.
// Never from memory only: over range tombstones RocksDB 7.8's iterator then says
// OK and leaves rows out, where it should say Incomplete.
void RocksEngine::RunScan(std::shared_ptr<RocksScan> scan, rocksdb::ReadOptions read, View view,
                          std::shared_ptr<Scanned> done) {
  if (scan->finished()) return (*done)(std::move(scan->result()));
  scan->Prepare();
  RunOn(
      readers_,
      [this, scan, read, view = std::move(view), done]() mutable {
        // The view is released on the executor, like every call.
        Answer([this, scan, read, view = std::move(view), done,
                status = scan->Merge(db_.get(), read)]() mutable {
          if (!status.ok()) return (*done)(FromRocks(status));
          RunScan(std::move(scan), read, std::move(view), std::move(done));
        });
      },
      done);
}

void RocksEngine::AfterWriteOut(Done then) {
  after_write_out_.push_back(std::move(then));
  if (!writing_out_) WriteOutForWaiting();
}

void RocksEngine::WriteOutForWaiting() {
  writing_out_ = !after_write_out_.empty();
  if (!writing_out_) return;
  if (!layers_.active_empty()) Freeze();
  maintenance_.SubmitAlways([this, waiting = std::exchange(after_write_out_, {})]() mutable {
    Answer([this, waiting = std::move(waiting)]() mutable {
      for (Done& then : waiting) then(failure_);
      WriteOutForWaiting();
    });
  });
}

void RocksEngine::Flush(Done done) { AfterWriteOut(std::move(done)); }

uint64_t RocksEngine::approximate_bytes(const KeyRange& range) {
  rocksdb::SizeApproximationOptions options;
  options.include_files = true;
  const rocksdb::Range rocks_range(range.begin, range.end);
  uint64_t bytes = 0;
  db_->GetApproximateSizes(options, db_->DefaultColumnFamily(), &rocks_range, 1, &bytes);
  for (const Generation& layer : layers_.Now().layers) {
    layer->Visit(range, false, WriteTable::kNewest, [&](WriteTable::Row row) {
      bytes += row.key.size() + (row.value != nullptr ? row.value->size() : 0);
      return true;
    });
  }
  return bytes;
}

// A small install goes through the table: written and flushed like any batch, it
// shares the flush with others, where files of its own cost a dozen syncs.
class RocksEngine::RocksInstaller : public Installer {
 public:
  RocksInstaller(RocksEngine* engine, std::vector<KeyRange> ranges, std::string directory)
      : engine_(engine),
        token_(engine->token_),
        check_(std::move(ranges)),
        directory_(std::move(directory)) {}

  ~RocksInstaller() override {
    auto alive = token_.lock();
    if (!alive || alive->engine == nullptr || files_ == nullptr) return;
    engine_->Abandon(std::move(files_));
  }

  void Add(std::vector<KeyValue> rows, Done done) override {
    if (status_.ok()) status_ = check_.Accept(rows);
    if (!status_.ok()) return AnswerStatus(std::move(done));
    if (files_ == nullptr) {
      for (const auto& [key, value] : rows) held_bytes_ += key.size() + value.size();
      held_.insert(held_.end(), std::make_move_iterator(rows.begin()),
                   std::make_move_iterator(rows.end()));
      if (held_bytes_ <= engine_->table_install_bytes_) return AnswerStatus(std::move(done));
      files_ = std::make_shared<InstallFiles>(directory_, check_.ranges(), engine_->options_);
      rows = std::exchange(held_, {});
    }
    AddToFiles(std::move(rows), std::move(done));
  }

  void Commit(Done done) override {
    if (status_.ok() && engine_->full()) status_ = NoSpaceForInstall();
    if (!status_.ok()) {
      if (files_ != nullptr) engine_->Abandon(std::move(files_));
      return AnswerStatus(std::move(done));
    }
    if (files_ == nullptr) {
      PutHeld();
      engine_->AfterWriteOut(std::move(done));
    } else {
      auto commit = std::make_shared<FileCommit>();
      commit->files = std::move(files_);
      commit->applied = check_.applied();
      commit->done = std::move(done);
      engine_->CommitFiles(std::move(commit));
    }
    status_ = absl::FailedPreconditionError("install: committed already");
  }

 private:
  void AnswerStatus(Done done) {
    engine_->Answer([status = status_, done = std::move(done)]() mutable { done(status); });
  }

  // Also while writes wait: it is little, and without it the group cannot go on.
  void PutHeld() {
    WriteBatch batch;
    for (const KeyRange& range : check_.ranges()) batch.DeleteRange(range);
    for (auto& [key, value] : held_) batch.Put(std::move(key), std::move(value));
    engine_->layers_.Apply(std::move(batch));
  }

  void AddToFiles(std::vector<KeyValue> rows, Done done) {
    auto shared = std::make_shared<Done>(std::move(done));
    engine_->RunOn(
        engine_->maintenance_,
        [engine = engine_, files = files_, rows = std::move(rows), shared] {
          engine->Answer([shared, status = files->Add(rows)] { (*shared)(status); });
        },
        shared);
  }

  RocksEngine* engine_;
  std::weak_ptr<Token> token_;
  InstallCheck check_;
  const std::string directory_;
  absl::Status status_;
  std::vector<KeyValue> held_;  // While they are few.
  size_t held_bytes_ = 0;
  std::shared_ptr<InstallFiles> files_;  // Null until they are many, and once committed.
};

void RocksEngine::Abandon(std::shared_ptr<InstallFiles> files) {
  abandoned_.Add(std::move(files));
  maintenance_.SubmitAlways([this] { abandoned_.Discard(); });
}

void RocksEngine::CommitFiles(std::shared_ptr<FileCommit> commit) {
  commits_.push_back(commit);
  AfterWriteOut([this, commit = std::move(commit)](absl::Status status) mutable {
    if (status.ok()) return Ingest(std::move(commit));
    if (!commit->Claim()) return;
    std::erase(commits_, commit);
    commit->done(std::move(status));
  });
}

// What waits behind a write-out that finds no space must not hold what it waits for.
void RocksEngine::CheckSpace() {
  CheckWritable();
  if (!no_space_) return;
  for (const std::shared_ptr<FileCommit>& commit : std::exchange(commits_, {})) {
    if (!commit->Claim()) continue;
    Abandon(std::move(commit->files));
    Done done = std::move(commit->done);  // Ends here, whoever drops the commit last.
    done(NoSpaceForInstall());
  }
}

// All that the layers held before is in RocksDB by now: nothing of it may answer
// for the ranges once they are replaced there.
void RocksEngine::Ingest(std::shared_ptr<FileCommit> commit) {
  Destroy(layers_.Forget());
  maintenance_.SubmitAlways([this, commit = std::move(commit)]() mutable {
    if (!commit->Claim()) return;
    const absl::Status status = commit->files->Ingest(db_.get());
    Answer([this, commit = std::move(commit), status] {
      Destroy(layers_.Forget());
      std::erase(commits_, commit);
      const auto& applied = commit->applied;
      if (status.ok() && applied && listener_) listener_(applied->first, applied->second);
      commit->done(status);
    });
  });
}

std::unique_ptr<Installer> RocksEngine::NewInstall(std::vector<KeyRange> ranges) {
  return std::make_unique<RocksInstaller>(
      this, std::move(ranges), absl::StrCat(InstallDirectory(directory_), "/", staged_++));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksEngine(const std::string& directory,
                                                        RocksOptions options, Executor* executor) {
  rocksdb::Options rocks_options = RocksDbOptions(options);
  rocks_options.info_log = OpenRocksLog(directory);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(rocks_options, directory, &db);
  if (!status.ok()) {
    absl::Status mapped = FromRocks(status);
    return absl::Status(mapped.code(), absl::StrCat(directory, ": ", mapped.message()));
  }
  std::unique_ptr<rocksdb::DB> owned(db);
  // Only the owner of the database's lock may remove them.
  absl::Status cleaned = RemoveInstallLeftovers(directory);
  if (!cleaned.ok()) return cleaned;
  return std::make_unique<RocksEngine>(directory, rocks_options, options, std::move(owned),
                                       std::make_shared<Token>(), executor);
}

}  // namespace fastpath::storage
