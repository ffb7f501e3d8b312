#include "storage/rocks_install.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/rocks_status.h"

namespace fastpath::storage {
namespace {

constexpr uint64_t kFileTargetBytes = 64u << 20;
constexpr uint64_t kUnseenLimit_bytes = 8u << 20;  // Many blocks.

}  // namespace

InstallFiles::InstallFiles(std::string directory, std::vector<KeyRange> ranges,
                           rocksdb::Options options)
    : directory_(std::move(directory)), ranges_(std::move(ranges)), options_(std::move(options)) {
  if (!ranges_.empty()) begin_ = ranges_[0].begin;
}

InstallFiles::~InstallFiles() { Discard(); }

absl::Status InstallFiles::Step(absl::FunctionRef<absl::Status()> step) {
  if (!status_.ok()) return status_;
  absl::Status status = step();
  if (!status.ok()) End(status);
  return status;
}

void InstallFiles::End(absl::Status why) {
  if (!status_.ok()) return;
  status_ = std::move(why);
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

// RocksDB 7.8 says OK of a Put whatever has become of the file; its end tells. A
// file that failed grows no more.
bool InstallFiles::FileIsLarge() {
  const uint64_t bytes = writer_->FileSize();
  if (bytes != std::exchange(seen_bytes_, bytes)) unseen_bytes_ = 0;
  return bytes >= kFileTargetBytes || unseen_bytes_ >= kUnseenLimit_bytes;
}

absl::Status InstallFiles::AddRow(const KeyValue& row) {
  const auto& [key, value] = row;
  absl::Status status;
  while (status.ok() && ranges_[range_].end <= key) status = EndRange();
  if (status.ok() && writer_ != nullptr && FileIsLarge()) status = EndFile(key);
  if (status.ok() && writer_ == nullptr) status = StartFile();
  if (status.ok()) status = FromRocks(writer_->Put(key, value));
  unseen_bytes_ += key.size() + value.size();
  return status;
}

absl::Status InstallFiles::Add(const std::vector<KeyValue>& rows) {
  return Step([&] {
    absl::Status status;
    for (auto row = rows.begin(); status.ok() && row != rows.end(); ++row) status = AddRow(*row);
    return status;
  });
}

absl::Status InstallFiles::Ingest(rocksdb::DB* db) {
  absl::Status status = Step([&] {
    absl::Status finished;
    while (finished.ok() && range_ < ranges_.size()) finished = EndRange();
    if (!finished.ok()) return finished;
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    return FromRocks(db->IngestExternalFile(files_, options));
  });
  End(absl::FailedPreconditionError("install: ingested already"));
  return status;
}

void AbandonedInstalls::Add(std::shared_ptr<InstallFiles> files) {
  std::lock_guard lock(mutex_);
  installs_.push_back(std::move(files));
}

void AbandonedInstalls::Discard() {
  std::vector<std::shared_ptr<InstallFiles>> installs;
  {
    std::lock_guard lock(mutex_);
    installs.swap(installs_);
  }
  for (const auto& files : installs) files->Discard();
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
