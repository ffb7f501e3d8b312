// The Disk port: the files below the log, asynchronous so that simulation can
// delay, fail, tear and lose any step. One flat directory of files.
//
// Threads: calls and completions on the executor the disk was made with; the
// real implementation does its I/O on one thread of its own, in call order per
// disk. Durability: bytes and names survive a crash only after the Sync (for
// bytes) or SyncDirectory (for names) that follows them completed with OK.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/ports.h"

namespace fastpath::storage {

using Done = absl::AnyInvocable<void(absl::Status)>;

class DiskFile {
 public:
  virtual ~DiskFile() = default;  // Closes after what is queued.
  // Writes the pieces one after the other at `offset`; with `sync`, then makes
  // them durable (fdatasync). After a failed sync the file's state is unknown:
  // never retry (DESIGN 3.2). ResourceExhausted: the disk is full.
  virtual void Write(uint64_t offset, std::vector<std::string> pieces, bool sync, Done done) = 0;
  // Exactly `bytes` bytes, fewer only at the end of the file.
  virtual void Read(uint64_t offset, size_t bytes,
                    absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  using Opened = absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<DiskFile>>)>;
  // Creates if missing and makes sure that `allocate_bytes` are allocated, as
  // zeros where nothing was written (0: no preallocation). With `sync`, file
  // and name are durable before `done`.
  virtual void Open(const std::string& name, uint64_t allocate_bytes, bool sync, Opened done) = 0;
  virtual void Rename(const std::string& from, const std::string& to, Done done) = 0;
  virtual void Remove(const std::string& name, Done done) = 0;
  virtual void SyncDirectory(Done done) = 0;
  struct Entry {
    std::string name;
    uint64_t bytes = 0;
  };
  virtual void List(absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) = 0;
};

// Files of `directory`, which is created if missing (parents are not) and locked
// until the disk is destroyed. Completions not run by then are dropped.
// FailedPrecondition: another process has it. Errors of operations name the
// file; DataLoss: the device failed (EIO).
absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory,
                                                    Executor* executor);

}  // namespace fastpath::storage
