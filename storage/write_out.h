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

// `directory` is made and removed. `full` is told true once there is no space,
// for this or for the compactions it waits for, and false once there is again.
// Cancelled: `closing` became true.
absl::Status WriteOut(rocksdb::DB* db, rocksdb::Options options, const std::string& directory,
                      const WriteTable& generation, const std::atomic<bool>& closing,
                      const std::function<void(bool)>& full);

}  // namespace fastpath::storage
