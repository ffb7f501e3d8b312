// Puts a frozen generation into RocksDB: one sorted file, ingested in one step,
// durable with it. RocksDB's own memtable stays empty, so nothing is flushed.
//
// Threads: one at a time (the engine's maintenance thread). Blocking: waits
// while the disk is full, saying so, and while RocksDB is behind with its
// compactions and does any.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "storage/write_table.h"

namespace fastpath::storage {

// The owner's part in the waiting; all on WriteOut's thread.
struct WriteOutWaits {
  const std::atomic<bool>& closing;  // True: wait no more.
  // Told true once there is no space, for this or for the compactions it waits
  // for, and false once there is again.
  std::function<void(bool)> full;
  // Removes what nobody needs any more: before each try, for whatever else
  // would remove it may be queued behind this.
  std::function<void()> make_room;
};

// `directory` is made and removed. Cancelled: `closing` became true.
absl::Status WriteOut(rocksdb::DB* db, rocksdb::Options options, const std::string& directory,
                      const WriteTable& generation, const WriteOutWaits& waits);

}  // namespace fastpath::storage
