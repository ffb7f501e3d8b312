// One scan over RocksDB and the layers above it, in steps: each step merges what
// the layers say of a part of the range with RocksDB's rows there.
//
// Threads: Prepare on the engine's executor, Merge on any, one at a time.
#pragma once

#include "rocksdb/db.h"
#include "storage/engine.h"
#include "storage/write_layers.h"

namespace fastpath::storage {

class RocksScan {
 public:
  // `options.view` is not looked at: `layers` and the snapshot of `read` are.
  RocksScan(KeyRange range, const ScanOptions& options, LayerView layers);

  bool finished() const { return finished_; }
  // Takes from the layers what the next step needs.
  void Prepare();
  // `read` may use the disk. An error ends the scan.
  rocksdb::Status Merge(rocksdb::DB* db, rocksdb::ReadOptions read);
  ScanResult& result() { return result_; }

 private:
  bool Before(const rocksdb::Slice& a, const std::string& b) const;
  bool Deleted(const rocksdb::Slice& key) const;
  // False once a limit is reached: the row was not taken, and more remain.
  bool Take(std::string key, std::string value);
  // To the first rows of both that are wanted.
  void Skip(rocksdb::Iterator& at, LayerRows::Rows::iterator& layer);

  KeyRange rest_;
  const bool reverse_;
  const std::function<std::string(std::string_view)> skip_to_;
  std::string wanted_from_;  // Nothing before it.
  const size_t limit_rows_;
  const size_t limit_bytes_;
  LayerView layers_;
  LayerRows step_;
  ScanResult result_;
  size_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace fastpath::storage
