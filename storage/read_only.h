// A store's files as they lie there, for looking into a stopped node: a disk and
// an engine that open nothing for writing and create nothing. The disk refuses
// every change with FailedPrecondition; the engine keeps what is written in
// memory, so that a log can be applied, and refuses installs. Everything else is
// as their ports say, except that it blocks: there is no thread here.
//
// Threads: the executor's. A running node must not be read so: whoever opens
// these holds the store against it first (the disk does that for the log).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/disk.h"
#include "storage/engine.h"

namespace fastpath::storage {

// Locks the directory, shared with other readers, until the disk is destroyed.
// FailedPrecondition: a node uses it. NotFound: no such directory.
absl::StatusOr<std::unique_ptr<Disk>> OpenReadOnlyDisk(const std::string& directory,
                                                       Executor* executor);

// What RocksDB's files hold: what was flushed. Writes are lost with it. NotFound: no such
// directory. DataLoss: the manifest or a file is corrupt, with its name.
absl::StatusOr<std::unique_ptr<Engine>> OpenReadOnlyEngine(const std::string& directory);

}  // namespace fastpath::storage
