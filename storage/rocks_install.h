// The sorted files of one snapshot install: for every range a tombstone over
// it and the points inside, in as many non-overlapping files as the size asks
// for. One directory per install, removed with the first failure, by Discard or
// by the destructor; what a crash leaves is removed by RemoveInstallLeftovers
// at the next open.
//
// One file never spans two ranges: its key interval would then cover other
// groups' keys, and ingesting it would wait for their flush.
//
// Threads: one at a time (the engine's maintenance thread). Blocking.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_writer.h"
#include "storage/engine.h"

namespace fastpath::storage {

class InstallFiles {
 public:
  InstallFiles(std::string directory, std::vector<KeyRange> ranges, rocksdb::Options options);
  ~InstallFiles();

  // Rows are checked already (InstallCheck). The first failed step fails those
  // after it.
  absl::Status Add(const std::vector<KeyValue>& rows);
  // Completes the files, which together cover all of the ranges, and puts them
  // into the database in one step. The last step.
  absl::Status Ingest(rocksdb::DB* db);
  // Steps after it do nothing: Cancelled.
  void Discard() { End(absl::CancelledError("install: discarded")); }

 private:
  absl::Status Step(absl::FunctionRef<absl::Status()> step);
  // The files go, and no step makes new ones.
  void End(absl::Status why);
  absl::Status AddRow(const KeyValue& row);
  bool FileIsLarge();
  absl::Status StartFile();
  // Its tombstone covers [begin_, end).
  absl::Status EndFile(const std::string& end);
  absl::Status EndRange();

  const std::string directory_;
  const std::vector<KeyRange> ranges_;
  const rocksdb::Options options_;
  absl::Status status_;                             // Not OK: ended.
  std::unique_ptr<rocksdb::SstFileWriter> writer_;  // The open file, if any.
  uint64_t seen_bytes_ = 0;                         // The open file's, when last looked at.
  uint64_t unseen_bytes_ = 0;                       // Of rows put since these grew.
  std::vector<std::string> files_;
  size_t range_ = 0;
  std::string begin_;  // From where on range_ is not covered by a finished file.
};

// Installs that nobody waits for any more, until their files are removed. Those
// may be what the disk's space went to: who waits for space on the thread of
// the files discards them before each try.
class AbandonedInstalls {
 public:
  void Add(std::shared_ptr<InstallFiles> files);  // Any thread.
  void Discard();                                 // The thread of the files.

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<InstallFiles>> installs_;
};

std::string InstallDirectory(const std::string& engine_directory);
absl::Status RemoveInstallLeftovers(const std::string& engine_directory);

}  // namespace fastpath::storage
