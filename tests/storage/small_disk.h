// RocksDB's file system with little space for the files that an engine stages: generations to be
// written out and snapshot installs. A file that finds none is made, and holds nothing more.
//
// Threads: any; the space may be changed meanwhile.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "rocksdb/file_system.h"

namespace fastpath::storage {

class SmallDisk : public rocksdb::FileSystemWrapper {
 public:
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  SmallDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SmallDisk"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, context);
    const std::filesystem::path staging = std::filesystem::path(name).parent_path().parent_path();
    if (!status.ok() || staging.filename() != "install") return status;
    ++(name.find("generation") != std::string::npos ? generations : installs);
    *file = std::make_unique<File>(std::move(*file), this, staging);
    return status;
  }

  std::atomic<uint64_t> space = kUnlimited;  // Bytes.
  std::atomic<int> generations = 0;          // Files made, ever.
  std::atomic<int> installs = 0;

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, const SmallDisk* disk,
         std::filesystem::path staging)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), staging_(std::move(staging)) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      if (disk_->space - std::min<uint64_t>(disk_->space, Used()) < data.size()) {
        return rocksdb::IOStatus::NoSpace("the test's disk is full");
      }
      return FSWritableFileOwnerWrapper::Append(data, options, context);
    }

   private:
    uint64_t Used() const {
      uint64_t bytes = 0;
      std::error_code gone;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(staging_)) {
        if (entry.is_regular_file(gone)) bytes += entry.file_size(gone);
      }
      return bytes;
    }
    const SmallDisk* disk_;
    const std::filesystem::path staging_;
  };
};

}  // namespace fastpath::storage
