// RocksDB's own log, kept in a file of ours: RocksDB's logger aborts the process
// at the second line that it cannot write (an assertion in Debian's build), so a
// full or failed disk would kill the node that is to outlive or report it.
// Lines that cannot be written are dropped.
//
// Threads: any, as RocksDB demands.
#pragma once

#include <memory>
#include <string>

#include "rocksdb/env.h"

namespace fastpath::storage {

// Appends warnings and worse to `directory`/LOG; beyond 16 MiB that begins anew and the old one is
// LOG.old. The directory is created if missing.
std::shared_ptr<rocksdb::Logger> OpenRocksLog(const std::string& directory);

}  // namespace fastpath::storage
