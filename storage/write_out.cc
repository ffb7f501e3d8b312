#include "storage/write_out.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "rocksdb/sst_file_writer.h"
#include "storage/rocks_status.h"

namespace fastpath::storage {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kLevel0Limit = 24;  // Files; every read may have to look into each.
constexpr milliseconds kBehindPause{20};
// Behind for so long with no compaction under way: they may have failed, which
// RocksDB says to nobody but who gives it a file.
constexpr milliseconds kIdleLimit{1000};
constexpr milliseconds kFullPause{200};

rocksdb::Status WriteFile(const rocksdb::Options& options, const std::string& file,
                          const WriteTable& generation) {
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  rocksdb::Status status = writer.Open(file);
  for (const WriteTable::Row& row : generation.Sorted()) {
    if (!status.ok()) return status;
    status = row.value != nullptr ? writer.Put(row.key, *row.value) : writer.Delete(row.key);
  }
  // One sequence number for the whole file: the rows stand above these.
  for (const KeyRange& range : generation.DeletedRanges(WriteTable::kNewest)) {
    if (status.ok()) status = writer.DeleteRange(range.begin, range.end);
  }
  if (status.ok()) status = writer.Finish();
  return status;
}

rocksdb::Status TryOnce(rocksdb::DB* db, const rocksdb::Options& options,
                        const std::string& directory, const WriteTable& generation) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error == std::errc::no_space_on_device) return rocksdb::Status::NoSpace(directory);
  if (error) return rocksdb::Status::IOError(directory, error.message());
  const std::string file = directory + "/generation.sst";
  rocksdb::Status status = WriteFile(options, file, generation);
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    status = db->IngestExternalFile({file}, ingest);
  }
  std::filesystem::remove_all(directory, error);  // Else at the next open.
  return status;
}

bool Behind(rocksdb::DB* db) {
  std::string said;  // Of the files there is no number to be had, only text.
  uint64_t files = 0;
  return db->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &said) &&
         absl::SimpleAtoi(said, &files) && files >= kLevel0Limit;
}

bool Compacting(rocksdb::DB* db) {
  uint64_t running = 0;
  db->GetIntProperty(rocksdb::DB::Properties::kNumRunningCompactions, &running);
  return running > 0;
}

// Compactions that find no space do not say so to anybody; they are as large as
// a few generations.
bool NoSpaceFor(const rocksdb::DB* db, const WriteTable& generation) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(db->GetName(), error);
  return !error && space.available < generation.bytes();
}

}  // namespace

absl::Status WriteOut(rocksdb::DB* db, rocksdb::Options options, const std::string& directory,
                      const WriteTable& generation, const WriteOutWaits& waits) {
  // The file lives until the next compaction of its level, which compresses.
  options.compression = rocksdb::kNoCompression;
  bool told = false;
  const auto tell = [&](bool now) {
    if (now != std::exchange(told, now)) waits.full(now);
  };
  milliseconds idle{0};
  while (!waits.closing) {
    waits.make_room();
    if (idle < kIdleLimit && Behind(db)) {
      const bool no_space = NoSpaceFor(db, generation);
      tell(no_space);
      idle = no_space || Compacting(db) ? milliseconds(0) : idle + kBehindPause;
      std::this_thread::sleep_for(kBehindPause);
      continue;
    }
    const rocksdb::Status status = TryOnce(db, options, directory, generation);
    tell(status.IsNoSpace());
    if (!status.IsNoSpace()) return FromRocks(status);
    std::this_thread::sleep_for(kFullPause);
  }
  return absl::CancelledError("the engine is being closed");
}

}  // namespace fastpath::storage
