#include "storage/rocks_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <mutex>

namespace fastpath::storage {
namespace {

constexpr off_t kFileBytes = 16 << 20;
constexpr size_t kLineBytes = 2048;  // Longer ones are cut.

class RocksLog : public rocksdb::Logger {
 public:
  explicit RocksLog(std::string path)
      : rocksdb::Logger(rocksdb::WARN_LEVEL), path_(std::move(path)) {
    Open();
  }
  ~RocksLog() override {
    if (file_ >= 0) close(file_);
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[kLineBytes];
    int64_t seconds = 0;
    rocksdb::Env::Default()->GetCurrentTime(&seconds).PermitUncheckedError();
    const auto now = static_cast<time_t>(seconds);
    tm utc{};
    gmtime_r(&now, &utc);
    size_t at = std::strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &utc);
    const int wanted = std::vsnprintf(line + at, sizeof(line) - at - 1, format, arguments);
    if (wanted < 0) return;
    at = std::min(at + static_cast<size_t>(wanted), sizeof(line) - 2);
    if (line[at - 1] != '\n') line[at++] = '\n';
    std::lock_guard lock(mutex_);
    if (file_ < 0) return;
    [[maybe_unused]] const ssize_t written = write(file_, line, at);
    if (lseek(file_, 0, SEEK_END) > kFileBytes) BeginAnew();
  }

 private:
  void Open() { file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644); }
  void BeginAnew() {
    close(file_);
    std::error_code ignored;
    std::filesystem::rename(path_, path_ + ".old", ignored);
    Open();
  }

  const std::string path_;
  std::mutex mutex_;
  int file_ = -1;  // Negative: none can be had.
};

}  // namespace

std::shared_ptr<rocksdb::Logger> OpenRocksLog(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  return std::make_shared<RocksLog>(directory + "/LOG");
}

}  // namespace fastpath::storage
