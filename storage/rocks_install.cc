#include "storage/rocks_install.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "storage/rocks_status.h"

namespace fastpath::storage {
namespace {

constexpr uint64_t kFileTargetBytes = 64u << 20;

}  // namespace

InstallFiles::InstallFiles(std::string directory, std::vector<KeyRange> ranges,
                           rocksdb::Options options)
    : directory_(std::move(directory)), ranges_(std::move(ranges)), options_(std::move(options)) {
  if (!ranges_.empty()) begin_ = ranges_[0].begin;
}

InstallFiles::~InstallFiles() {
  writer_.reset();
  std::error_code ignored;  // Leftovers are removed at the next open.
  std::filesystem::remove_all(directory_, ignored);
}

absl::Status InstallFiles::StartFile() {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error == std::errc::no_space_on_device) {
    return absl::ResourceExhaustedError(absl::StrCat(directory_, ": ", error.message()));
  }
  if (error) return absl::InternalError(absl::StrCat(directory_, ": ", error.message()));
  files_.push_back(absl::StrCat(directory_, "/", files_.size(), ".sst"));
  writer_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_);
  return FromRocks(writer_->Open(files_.back()));
}

absl::Status InstallFiles::EndFile(const std::string& end) {
  if (writer_ == nullptr) {
    absl::Status started = StartFile();
    if (!started.ok()) return started;
  }
  rocksdb::Status status = writer_->DeleteRange(begin_, end);
  if (status.ok()) status = writer_->Finish();
  writer_.reset();
  begin_ = end;
  return FromRocks(status);
}

absl::Status InstallFiles::EndRange() {
  absl::Status status = EndFile(ranges_[range_].end);
  if (++range_ < ranges_.size()) begin_ = ranges_[range_].begin;
  return status;
}

absl::Status InstallFiles::Add(const std::vector<KeyValue>& rows) {
  for (const auto& [key, value] : rows) {
    absl::Status status;
    while (status.ok() && ranges_[range_].end <= key) status = EndRange();
    if (status.ok() && writer_ != nullptr && writer_->FileSize() >= kFileTargetBytes) {
      status = EndFile(key);
    }
    if (status.ok() && writer_ == nullptr) status = StartFile();
    if (status.ok()) status = FromRocks(writer_->Put(key, value));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> InstallFiles::Finish() {
  while (range_ < ranges_.size()) {
    absl::Status status = EndRange();
    if (!status.ok()) return status;
  }
  return files_;
}

std::string InstallDirectory(const std::string& engine_directory) {
  return engine_directory + "/install";
}

absl::Status RemoveInstallLeftovers(const std::string& engine_directory) {
  std::error_code error;
  std::filesystem::remove_all(InstallDirectory(engine_directory), error);
  if (error) {
    return absl::InternalError(
        absl::StrCat(InstallDirectory(engine_directory), ": ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace fastpath::storage
