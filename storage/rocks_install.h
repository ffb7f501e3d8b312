// The sorted files of one snapshot install: for every range a tombstone over
// it and the points inside, in as many non-overlapping files as the size asks
// for. One directory per install, removed by the destructor; what a crash
// leaves is removed by RemoveInstallLeftovers at the next open.
//
// One file never spans two ranges: its key interval would then cover other
// groups' keys, and ingesting it would wait for their flush.
//
// Threads: one at a time (the engine's maintenance thread). Blocking.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_writer.h"
#include "storage/engine.h"

namespace fastpath::storage {

class InstallFiles {
 public:
  InstallFiles(std::string directory, std::vector<KeyRange> ranges, rocksdb::Options options);
  ~InstallFiles();

  // Rows are checked already (InstallCheck).
  absl::Status Add(const std::vector<KeyValue>& rows);
  // Completes the files; sorted, non-overlapping, and together covering all of
  // the ranges.
  absl::StatusOr<std::vector<std::string>> Finish();

 private:
  absl::Status StartFile();
  // Its tombstone covers [begin_, end).
  absl::Status EndFile(const std::string& end);
  absl::Status EndRange();

  const std::string directory_;
  const std::vector<KeyRange> ranges_;
  const rocksdb::Options options_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;  // The open file, if any.
  std::vector<std::string> files_;
  size_t range_ = 0;
  std::string begin_;  // From where on range_ is not covered by a finished file.
};

std::string InstallDirectory(const std::string& engine_directory);
absl::Status RemoveInstallLeftovers(const std::string& engine_directory);

}  // namespace fastpath::storage
