// The Engine port over a RocksDB that is only read.
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rocksdb/db.h"
#include "storage/posix_files.h"
#include "storage/read_only.h"
#include "storage/rocks_status.h"

namespace fastpath::storage {
namespace {

absl::Status Refused() { return absl::FailedPreconditionError("engine opened read-only"); }

class RefusingInstaller : public Installer {
 public:
  void Add(std::vector<KeyValue>, Done done) override { done(Refused()); }
  void Commit(Done done) override { done(Refused()); }
};

// Nothing changes, so every view is the whole.
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
    ScanResult result;
    if (range.begin >= range.end) return done(std::move(result));
    const rocksdb::Slice lower(range.begin), upper(range.end);
    rocksdb::ReadOptions read;
    read.iterate_lower_bound = &lower;
    read.iterate_upper_bound = &upper;
    std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(read));
    size_t bytes = 0;
    options.reverse ? at->SeekToLast() : at->SeekToFirst();
    for (; at->Valid(); options.reverse ? at->Prev() : at->Next()) {
      result.more = !result.rows.empty() &&
                    (result.rows.size() >= options.limit_rows || bytes >= options.limit_bytes);
      if (result.more) break;
      bytes += at->key().size() + at->value().size();
      result.rows.emplace_back(at->key().ToString(), at->value().ToString());
    }
    if (!at->status().ok()) return done(FromRocks(at->status()));
    done(std::move(result));
  }
  View Pin() override { return std::make_shared<PinnedView>(); }

  void Write(WriteBatch, Done done) override { done(Refused()); }
  void WhenWritable(Task) override {}  // It never is.
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
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return FromRocks(status);
    return std::optional<std::string>(std::move(value));
  }

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
