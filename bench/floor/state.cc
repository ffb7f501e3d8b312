#include "bench/floor/state.h"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdio>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"

namespace fastpath::bench {
namespace {

class NoState : public FloorState {
 public:
  void Put(std::string_view, std::string_view) override {}
  void EndBatch() override {}
  bool Get(std::string_view, std::string*) override { return true; }
};

class HashState : public FloorState {
 public:
  void Put(std::string_view key, std::string_view value) override {
    items_[std::string(key)].assign(value);
  }
  void EndBatch() override {}
  bool Get(std::string_view key, std::string* value) override {
    const auto found = items_.find(std::string(key));
    if (found == items_.end()) return false;
    value->assign(found->second);
    return true;
  }

 private:
  absl::flat_hash_map<std::string, std::string> items_;
};

class RocksState : public FloorState {
 public:
  explicit RocksState(const std::string& folder) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.memtable_prefix_bloom_size_ratio = 0.1;
    options.memtable_whole_key_filtering = true;
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    Require(rocksdb::DB::Open(options, folder, &db));
    db_.reset(db);
  }
  void Put(std::string_view key, std::string_view value) override {
    Get(key, &old_);
    Require(batch_.Put(Slice(key), Slice(value)));
  }
  void EndBatch() override {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    Require(db_->Write(options, &batch_));
    batch_.Clear();
  }
  bool Get(std::string_view key, std::string* value) override {
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), Slice(key), value);
    if (!status.IsNotFound()) Require(status);
    return status.ok();
  }

 private:
  static rocksdb::Slice Slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
  static void Require(const rocksdb::Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "fastpath-floor: %s\n", status.ToString().c_str());
    std::exit(1);
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteBatch batch_;
  std::string old_;
};

}  // namespace

std::unique_ptr<FloorState> MakeFloorState(std::string_view kind, const std::string& folder) {
  if (kind == "none") return std::make_unique<NoState>();
  if (kind == "hash") return std::make_unique<HashState>();
  if (kind == "rocks") return std::make_unique<RocksState>(folder);
  return nullptr;
}

}  // namespace fastpath::bench
