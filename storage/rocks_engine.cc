// The Engine port on RocksDB: its WAL off (the Raft log is the WAL), one column
// family, reads inline while they hit memory.
#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "raft/codec.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/sst_file_manager.h"
#include "rocksdb/table.h"
#include "storage/engine.h"
#include "storage/install_check.h"
#include "storage/keys.h"
#include "storage/rocks_install.h"
#include "storage/rocks_log.h"
#include "storage/rocks_status.h"
#include "storage/worker_pool.h"

namespace fastpath::storage {
namespace {

constexpr size_t kReadThreads = 2;
constexpr size_t kReadQueueLimit = 4096;         // Reads that wait for the disk.
constexpr size_t kMaintenanceQueueLimit = 1024;  // Flushes and install steps.
constexpr size_t kInlineScanRows = 128;          // Longer scans go to a read thread at once.

class RocksEngine;

// Outlived by callbacks; `engine` is read and cleared on the executor only.
struct Token {
  RocksEngine* engine = nullptr;
};

class Events : public rocksdb::EventListener {
 public:
  Events(Executor* executor, std::weak_ptr<Token> token)
      : executor_(executor), token_(std::move(token)) {}
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override;
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override;
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo&) override;
  void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo&) override;

 private:
  void Tell(void (RocksEngine::*what)());
  Executor* executor_;
  std::weak_ptr<Token> token_;
};

struct RocksView : PinnedView {
  explicit RocksView(rocksdb::DB* db) : db(db), snapshot(db->GetSnapshot()) {}
  ~RocksView() override { db->ReleaseSnapshot(snapshot); }
  rocksdb::DB* const db;
  const rocksdb::Snapshot* const snapshot;
};

rocksdb::ReadOptions MemoryOnly() {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}

rocksdb::Options RocksDbOptions(const RocksOptions& options) {
  rocksdb::Options out;
  out.create_if_missing = true;
  out.write_buffer_size = options.memtable_bytes;
  out.max_write_buffer_number = 4;
  out.max_background_jobs = 2;
  out.allow_concurrent_memtable_write = false;  // One writer thread.
  out.enable_write_thread_adaptive_yield = false;
  out.memtable_whole_key_filtering = true;
  out.memtable_prefix_bloom_size_ratio = 0.1;
  // Closing is a crash to us: what the log does not need is flushed by Flush.
  out.avoid_flush_during_shutdown = true;
  out.max_open_files = -1;
  out.bytes_per_sync = 1u << 20;
  out.info_log_level = rocksdb::WARN_LEVEL;
  // Without it a full disk is never recovered from.
  out.sst_file_manager.reset(rocksdb::NewSstFileManager(rocksdb::Env::Default()));
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  out.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

rocksdb::WriteBatch ToRocks(const WriteBatch& batch) {
  rocksdb::WriteBatch out;
  for (const WriteBatch::Item& item : batch.items()) {
    rocksdb::Status status;
    switch (item.op) {
      case WriteBatch::Op::kPut:
        status = out.Put(item.key, item.value);
        break;
      case WriteBatch::Op::kDelete:
        status = out.Delete(item.key);
        break;
      case WriteBatch::Op::kDeleteRange:
        if (item.key < item.value) status = out.DeleteRange(item.key, item.value);
        break;
    }
    FASTPATH_CHECK(status.ok(), "an unlimited batch takes every item");
  }
  return out;
}

rocksdb::Status RunScan(rocksdb::DB* db, const KeyRange& range, const ScanOptions& scan,
                        rocksdb::ReadOptions options, ScanResult& result) {
  if (range.begin >= range.end) return rocksdb::Status::OK();
  const rocksdb::Slice lower(range.begin), upper(range.end);
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  if (scan.view) options.snapshot = static_cast<const RocksView*>(scan.view.get())->snapshot;
  std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options));
  size_t bytes = 0;
  scan.reverse ? at->SeekToLast() : at->SeekToFirst();
  for (; at->Valid(); scan.reverse ? at->Prev() : at->Next()) {
    const bool full = result.rows.size() >= scan.limit_rows || bytes >= scan.limit_bytes;
    if (full && !result.rows.empty()) {
      result.more = true;
      break;
    }
    bytes += at->key().size() + at->value().size();
    result.rows.emplace_back(at->key().ToString(), at->value().ToString());
  }
  return at->status();
}

class RocksEngine : public Engine {
 public:
  RocksEngine(std::string directory, rocksdb::Options options, bool read_only,
              std::unique_ptr<rocksdb::DB> db, std::shared_ptr<Token> token, Executor* executor)
      : directory_(std::move(directory)),
        options_(std::move(options)),
        read_only_(read_only),
        executor_(executor),
        token_(std::move(token)),
        db_(std::move(db)),
        readers_(kReadThreads, kReadQueueLimit),
        maintenance_(1, kMaintenanceQueueLimit) {
    token_->engine = this;
  }

  // Members go in reverse order: the pools' threads end before the database.
  ~RocksEngine() override { token_->engine = nullptr; }

  void MultiGet(std::vector<std::string> keys, GotMany done) override;
  void Get(std::string key, Got done) override;
  void Write(WriteBatch batch, Done done) override;
  void WhenWritable(Task task) override;
  void Scan(KeyRange range, ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) override;
  View Pin() override { return std::make_shared<RocksView>(db_.get()); }
  std::unique_ptr<Installer> NewInstall(std::vector<KeyRange> ranges) override;
  void Flush(Done done) override;
  void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)> listener) override {
    listener_ = std::move(listener);
  }
  uint64_t approximate_bytes(const KeyRange& range) override;

  // Events, on the executor.
  void Flushed() {
    CheckWritable();
    TellPersisted([] {});
  }
  void CheckWritable();
  void SpaceIsBack() {
    out_of_space_ = false;
    CheckWritable();
  }

 private:
  class RocksInstaller;
  using Values = std::vector<std::optional<std::string>>;

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

  absl::StatusOr<Values> MultiGetFromMemory(const std::vector<std::string>& keys, bool& missed);
  absl::StatusOr<Values> MultiGetNow(const std::vector<std::string>& keys);
  absl::StatusOr<std::optional<std::string>> GetNow(const std::string& key,
                                                    const rocksdb::ReadOptions& options,
                                                    bool& missed);
  bool Stalled();
  void NoteWritten(const WriteBatch& batch);
  void TellPersisted(Task then);
  std::map<raft::GroupId, raft::Index> ReadPersisted(const std::vector<raft::GroupId>& groups);
  void Tell(raft::GroupId group, raft::Index index);

  const std::string directory_;
  const rocksdb::Options options_;
  const bool read_only_;
  Executor* executor_;
  std::shared_ptr<Token> token_;
  std::function<void(raft::GroupId, raft::Index)> listener_;
  std::map<raft::GroupId, raft::Index> unpersisted_;  // The applied index last written.
  std::vector<Task> when_writable_;
  bool out_of_space_ = false;
  uint64_t installs_ = 0;
  std::unique_ptr<rocksdb::DB> db_;
  WorkerPool readers_;
  WorkerPool maintenance_;  // One thread: its tasks run in order.
};

void Events::Tell(void (RocksEngine::*what)()) {
  executor_->Post([token = token_, what] {
    auto alive = token.lock();
    if (alive && alive->engine != nullptr) (alive->engine->*what)();
  });
}
void Events::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) {
  Tell(&RocksEngine::Flushed);
}
void Events::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) {
  Tell(&RocksEngine::CheckWritable);
}
void Events::OnStallConditionsChanged(const rocksdb::WriteStallInfo&) {
  Tell(&RocksEngine::CheckWritable);
}
void Events::OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) {
  if (info.new_bg_error.ok()) Tell(&RocksEngine::SpaceIsBack);
}

// By single Gets: RocksDB 7.8's MultiGet that may not read the disk answers "may
// exist" as OK with an empty value, where Get says Incomplete. Nobody writes
// between them: this thread is the only writer.
absl::StatusOr<RocksEngine::Values> RocksEngine::MultiGetFromMemory(
    const std::vector<std::string>& keys, bool& missed) {
  const rocksdb::ReadOptions options = MemoryOnly();
  Values values;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    absl::StatusOr<std::optional<std::string>> value = GetNow(key, options, missed);
    if (!value.ok()) return value.status();
    values.push_back(*std::move(value));
  }
  return values;
}

absl::StatusOr<RocksEngine::Values> RocksEngine::MultiGetNow(const std::vector<std::string>& keys) {
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet({}, db_->DefaultColumnFamily(), keys.size(), slices.data(), found.data(),
                statuses.data());
  Values values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      values[i].emplace(found[i].data(), found[i].size());
    } else if (!statuses[i].IsNotFound()) {
      return FromRocks(statuses[i]);
    }
  }
  return values;
}

// If one key is not in memory all are read again, so that the answer is still
// one moment's.
void RocksEngine::MultiGet(std::vector<std::string> keys, GotMany done) {
  bool missed = false;
  absl::StatusOr<Values> values = MultiGetFromMemory(keys, missed);
  if (!missed) return done(std::move(values));
  auto shared = std::make_shared<GotMany>(std::move(done));
  RunOn(
      readers_,
      [this, keys = std::move(keys), shared] {
        Answer([shared, values = MultiGetNow(keys)]() mutable { (*shared)(std::move(values)); });
      },
      shared);
}

absl::StatusOr<std::optional<std::string>> RocksEngine::GetNow(const std::string& key,
                                                               const rocksdb::ReadOptions& options,
                                                               bool& missed) {
  rocksdb::PinnableSlice found;
  rocksdb::Status status = db_->Get(options, db_->DefaultColumnFamily(), key, &found);
  if (status.ok()) return std::optional<std::string>(std::in_place, found.data(), found.size());
  if (status.IsNotFound()) return std::optional<std::string>();
  missed = status.IsIncomplete();
  return FromRocks(status);
}

void RocksEngine::Get(std::string key, Got done) {
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
  if (read_only_) return done(absl::FailedPreconditionError("engine opened read-only"));
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  options.no_slowdown = true;
  rocksdb::WriteBatch rocks_batch = ToRocks(batch);
  rocksdb::Status status = db_->Write(options, &rocks_batch);
  if (status.ok()) {
    NoteWritten(batch);
    return done(absl::OkStatus());
  }
  if (status.IsNoSpace()) {
    // A flush met a full disk; RocksDB refuses writes before taking anything,
    // watches the space and resumes by itself.
    out_of_space_ = true;
    return done(absl::UnavailableError(absl::StrCat("rocksdb: ", status.ToString())));
  }
  done(FromRocks(status));
}

void RocksEngine::NoteWritten(const WriteBatch& batch) {
  for (const WriteBatch::Item& item : batch.items()) {
    if (item.op == WriteBatch::Op::kDeleteRange) {
      std::erase_if(unpersisted_, [&](const auto& group) {
        const std::string key = AppliedKey(group.first);
        return item.key <= key && key < item.value;
      });
    } else if (std::optional<raft::GroupId> group = ParseAppliedKey(item.key)) {
      std::string_view value = item.value;
      if (!value.empty()) value.remove_prefix(1);  // The format.
      raft::Index index = 0;
      if (item.op == WriteBatch::Op::kPut && raft::TakeVarint(value, index)) {
        unpersisted_[*group] = index;
      } else {
        unpersisted_.erase(*group);
      }
    }
  }
}

bool RocksEngine::Stalled() {
  if (out_of_space_) return true;
  uint64_t stopped = 0, delayed = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kIsWriteStopped, &stopped);
  db_->GetIntProperty(rocksdb::DB::Properties::kActualDelayedWriteRate, &delayed);
  return stopped != 0 || delayed != 0;
}

void RocksEngine::WhenWritable(Task task) {
  when_writable_.push_back(std::move(task));
  // The stall may have ended, and its event gone by, since the refusal.
  Answer([this] { CheckWritable(); });
}

void RocksEngine::CheckWritable() {
  if (when_writable_.empty() || Stalled()) return;
  for (Task& task : std::exchange(when_writable_, {})) task();
}

void RocksEngine::Scan(KeyRange range, ScanOptions options,
                       absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) {
  FASTPATH_CHECK(options.limit_rows >= 1, "a scan returns at least one row");
  if (options.limit_rows <= kInlineScanRows) {
    ScanResult result;
    rocksdb::Status status = RunScan(db_.get(), range, options, MemoryOnly(), result);
    if (status.ok()) return done(std::move(result));
    if (!status.IsIncomplete()) return done(FromRocks(status));
  }
  auto shared = std::make_shared<decltype(done)>(std::move(done));
  RunOn(
      readers_,
      [this, range = std::move(range), options = std::move(options), shared]() mutable {
        ScanResult result;
        rocksdb::ReadOptions read;
        read.fill_cache = options.limit_rows <= kInlineScanRows;
        rocksdb::Status status = RunScan(db_.get(), range, options, read, result);
        // The view is released on the executor, like every call.
        Answer(
            [shared, status, result = std::move(result), view = std::move(options.view)]() mutable {
              if (status.ok()) return (*shared)(std::move(result));
              (*shared)(FromRocks(status));
            });
      },
      shared);
}

void RocksEngine::Flush(Done done) {
  if (read_only_) return done(absl::OkStatus());
  auto shared = std::make_shared<Done>(std::move(done));
  RunOn(
      maintenance_,
      [this, shared] {
        rocksdb::FlushOptions options;
        options.allow_write_stall = true;
        Answer([this, shared, status = db_->Flush(options)] {
          if (!status.ok()) return (*shared)(FromRocks(status));
          TellPersisted([shared] { (*shared)(absl::OkStatus()); });
        });
      },
      shared);
}

std::map<raft::GroupId, raft::Index> RocksEngine::ReadPersisted(
    const std::vector<raft::GroupId>& groups) {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kPersistedTier;
  std::map<raft::GroupId, raft::Index> persisted;
  for (raft::GroupId group : groups) {
    std::string value;
    if (!db_->Get(options, AppliedKey(group), &value).ok()) continue;
    absl::StatusOr<AppliedRow> row = DecodeAppliedRow(value);
    if (row.ok()) persisted[group] = row->index;
  }
  return persisted;
}

void RocksEngine::TellPersisted(Task then) {
  if (unpersisted_.empty()) return then();
  std::vector<raft::GroupId> groups;
  for (const auto& [group, index] : unpersisted_) groups.push_back(group);
  auto shared = std::make_shared<Task>(std::move(then));
  const bool submitted = maintenance_.Submit([this, groups = std::move(groups), shared] {
    Answer([this, persisted = ReadPersisted(groups), shared] {
      for (const auto& [group, index] : persisted) {
        auto written = unpersisted_.find(group);
        if (written != unpersisted_.end() && written->second <= index) unpersisted_.erase(written);
        Tell(group, index);
      }
      (*shared)();
    });
  });
  // What is not told now is told after the next flush.
  if (!submitted) Answer([shared] { (*shared)(); });
}

void RocksEngine::Tell(raft::GroupId group, raft::Index index) {
  if (listener_) listener_(group, index);
}

uint64_t RocksEngine::approximate_bytes(const KeyRange& range) {
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  const rocksdb::Range rocks_range(range.begin, range.end);
  uint64_t bytes = 0;
  db_->GetApproximateSizes(options, db_->DefaultColumnFamily(), &rocks_range, 1, &bytes);
  return bytes;
}

class RocksEngine::RocksInstaller : public Installer {
 public:
  RocksInstaller(RocksEngine* engine, std::vector<KeyRange> ranges, std::string directory)
      : engine_(engine),
        token_(engine->token_),
        check_(ranges),
        files_(std::make_shared<InstallFiles>(std::move(directory), std::move(ranges),
                                              engine->options_)) {}

  // The files are removed behind the steps still queued.
  ~RocksInstaller() override {
    auto alive = token_.lock();
    if (!alive || alive->engine == nullptr) return;
    (void)engine_->maintenance_.Submit([files = std::move(files_)]() mutable { files.reset(); });
  }

  void Add(std::vector<KeyValue> rows, Done done) override {
    if (status_.ok()) status_ = check_.Accept(rows);
    if (!status_.ok()) return Refuse(std::move(done));
    Run(std::move(done), [files = files_, rows = std::move(rows)] { return files->Add(rows); });
  }

  void Commit(Done done) override {
    if (status_.ok() && engine_->read_only_) {
      status_ = absl::FailedPreconditionError("engine opened read-only");
    }
    if (!status_.ok()) return Refuse(std::move(done));
    Done tell = [engine = engine_, applied = check_.applied(),
                 done = std::move(done)](absl::Status status) mutable {
      if (status.ok() && applied) {
        engine->unpersisted_.erase(applied->first);
        engine->Tell(applied->first, applied->second);
      }
      done(std::move(status));
    };
    Run(std::move(tell), [db = engine_->db_.get(), files = files_] { return Ingest(db, *files); });
    status_ = absl::FailedPreconditionError("install: committed already");
  }

 private:
  void Refuse(Done done) {
    engine_->Answer([status = status_, done = std::move(done)]() mutable { done(status); });
  }

  // The first failed step fails those after it.
  void Run(Done done, absl::AnyInvocable<absl::Status()> step) {
    auto shared = std::make_shared<Done>(std::move(done));
    engine_->RunOn(
        engine_->maintenance_,
        [engine = engine_, failed = failed_, step = std::move(step), shared]() mutable {
          if (failed->ok()) *failed = step();
          engine->Answer([shared, status = *failed] { (*shared)(status); });
        },
        shared);
  }

  static absl::Status Ingest(rocksdb::DB* db, InstallFiles& files) {
    absl::StatusOr<std::vector<std::string>> names = files.Finish();
    if (!names.ok()) return names.status();
    rocksdb::FlushOptions flush;
    flush.allow_write_stall = true;
    rocksdb::Status status = db->Flush(flush);
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    if (status.ok()) status = db->IngestExternalFile(*names, options);
    return FromRocks(status);
  }

  RocksEngine* engine_;
  std::weak_ptr<Token> token_;
  InstallCheck check_;
  absl::Status status_;
  // Touched on the maintenance thread only.
  std::shared_ptr<absl::Status> failed_ = std::make_shared<absl::Status>();
  std::shared_ptr<InstallFiles> files_;
};

std::unique_ptr<Installer> RocksEngine::NewInstall(std::vector<KeyRange> ranges) {
  return std::make_unique<RocksInstaller>(
      this, std::move(ranges), absl::StrCat(InstallDirectory(directory_), "/", installs_++));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksEngine(const std::string& directory,
                                                        RocksOptions options, Executor* executor) {
  auto token = std::make_shared<Token>();
  rocksdb::Options rocks_options = RocksDbOptions(options);
  if (!options.read_only) rocks_options.info_log = OpenRocksLog(directory);
  rocksdb::DB* db = nullptr;
  rocksdb::Status status;
  if (options.read_only) {
    status = rocksdb::DB::OpenForReadOnly(rocks_options, directory, &db);
  } else {
    rocks_options.listeners.push_back(std::make_shared<Events>(executor, token));
    status = rocksdb::DB::Open(rocks_options, directory, &db);
  }
  if (!status.ok()) {
    absl::Status mapped = FromRocks(status);
    return absl::Status(mapped.code(), absl::StrCat(directory, ": ", mapped.message()));
  }
  std::unique_ptr<rocksdb::DB> owned(db);
  if (!options.read_only) {  // Only the owner of the database's lock may remove them.
    absl::Status cleaned = RemoveInstallLeftovers(directory);
    if (!cleaned.ok()) return cleaned;
  }
  return std::make_unique<RocksEngine>(directory, rocks_options, options.read_only,
                                       std::move(owned), std::move(token), executor);
}

}  // namespace fastpath::storage
