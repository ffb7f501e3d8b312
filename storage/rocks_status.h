// RocksDB's outcomes as ours. Its messages name the file at fault.
#pragma once

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace fastpath::storage {

absl::Status FromRocks(const rocksdb::Status& status);

}  // namespace fastpath::storage
