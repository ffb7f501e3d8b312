#include "bench/floor/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace fastpath::bench {
namespace {

constexpr size_t kFileBytes = 64u << 20;

void Require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

}  // namespace

FloorLog::FloorLog(const std::string& path)
    : file_(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644)) {
  Require(file_ >= 0, path.c_str());
  const std::string zeros(1 << 20, '\0');
  for (size_t written = 0; written < kFileBytes; written += zeros.size()) {
    Require(write(file_, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size()),
            "write");
  }
  Require(fsync(file_) == 0, "fsync");
}

FloorLog::~FloorLog() { close(file_); }

void FloorLog::AppendAndSync(std::string_view bytes) {
  Require(bytes.size() <= kFileBytes, "a batch as large as the log");
  if (at_ + bytes.size() > kFileBytes) at_ = 0;
  Require(pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at_)) ==
              static_cast<ssize_t>(bytes.size()),
          "pwrite");
  Require(fdatasync(file_) == 0, "fdatasync");
  at_ += bytes.size();
}

}  // namespace fastpath::bench
