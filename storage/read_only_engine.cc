// The Engine port over a RocksDB that is only read.
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rocksdb/db.h"
#include "storage/posix_files.h"
#include "storage/read_only.h"
#include "storage/rocks_scan.h"
#include "storage/rocks_status.h"
#include "storage/write_layers.h"

namespace fastpath::storage {
namespace {

absl::Status Refused() { return absl::FailedPreconditionError("engine opened read-only"); }

class RefusingInstaller : public Installer {
 public:
  void Add(std::vector<KeyValue>, Done done) override { done(Refused()); }
  void Commit(Done done) override { done(Refused()); }
};

// Every call is answered before it returns, so every view is the whole.
class ReadOnlyEngine : public Engine {
 public:
  explicit ReadOnlyEngine(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    std::vector<std::optional<std::string>> rows;
    for (const std::string& key : keys) {
      absl::StatusOr<std::optional<std::string>> row = Read(key);
      if (!row.ok()) return done(row.status());
      rows.push_back(*std::move(row));
    }
    done(std::move(rows));
  }
  void Get(std::string key, Got done) override { done(Read(key)); }

  void Scan(KeyRange range, ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) override {
    if (range.begin >= range.end) return done(ScanResult());
    RocksScan scan(std::move(range), options, layers_.Now());
    while (!scan.finished()) {
      scan.Prepare();
      const rocksdb::Status status = scan.Merge(db_.get(), rocksdb::ReadOptions());
      if (!status.ok()) return done(FromRocks(status));
    }
    done(std::move(scan.result()));
  }
  View Pin() override { return std::make_shared<PinnedView>(); }

  void Write(WriteBatch batch, Done done) override {
    layers_.Apply(std::move(batch));
    done(absl::OkStatus());
  }
  void WhenWritable(Task task) override { task(); }
  bool full() const override { return false; }
  std::unique_ptr<Installer> NewInstall(std::vector<KeyRange>) override {
    return std::make_unique<RefusingInstaller>();
  }
  void Flush(Done done) override { done(absl::OkStatus()); }
  void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)>) override {}

  uint64_t approximate_bytes(const KeyRange& range) override {
    rocksdb::SizeApproximationOptions options;
    const rocksdb::Range rocks_range(range.begin, range.end);
    uint64_t bytes = 0;
    db_->GetApproximateSizes(options, db_->DefaultColumnFamily(), &rocks_range, 1, &bytes);
    return bytes;
  }

 private:
  absl::StatusOr<std::optional<std::string>> Read(const std::string& key) {
    if (const WriteTable::Verdict verdict = layers_.Find(key); verdict.decided) {
      return verdict.value != nullptr ? std::optional(*verdict.value) : std::nullopt;
    }
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return FromRocks(status);
    return std::optional<std::string>(std::move(value));
  }

  WriteLayers layers_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenReadOnlyEngine(const std::string& directory) {
  if (::access(directory.c_str(), R_OK | X_OK) != 0) return ErrnoStatus("open", directory, errno);
  rocksdb::Options options;
  options.create_if_missing = false;  // RocksDB would make the directory, read-only or not.
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(options, directory, &db);
  if (!opened.ok()) {
    const absl::Status status = FromRocks(opened);
    return absl::Status(status.code(), absl::StrCat(directory, ": ", status.message()));
  }
  return std::make_unique<ReadOnlyEngine>(std::unique_ptr<rocksdb::DB>(db));
}

}  // namespace fastpath::storage
