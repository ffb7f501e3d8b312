// The Disk port over a directory that is only read.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/posix_files.h"
#include "storage/read_only.h"

namespace fastpath::storage {
namespace {

absl::Status Refused() { return absl::FailedPreconditionError("disk opened read-only"); }

class ReadOnlyFile : public DiskFile {
 public:
  ReadOnlyFile(Executor* executor, int fd, std::string name)
      : executor_(executor), fd_(fd), name_(std::move(name)) {}
  ~ReadOnlyFile() override { ::close(fd_); }

  void Write(uint64_t, std::vector<std::string>, bool, Done done) override {
    executor_->Post([done = std::move(done)]() mutable { done(Refused()); });
  }
  void Read(uint64_t offset, size_t bytes,
            absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    executor_->Post([got = ReadUpTo(fd_, offset, bytes, name_), done = std::move(done)]() mutable {
      done(std::move(got));
    });
  }

 private:
  Executor* executor_;
  const int fd_;
  const std::string name_;
};

class ReadOnlyDisk : public Disk {
 public:
  ReadOnlyDisk(std::string directory, int directory_fd, Executor* executor)
      : directory_(std::move(directory)), directory_fd_(directory_fd), executor_(executor) {}
  ~ReadOnlyDisk() override { ::close(directory_fd_); }

  void Open(const std::string& name, uint64_t, bool, Opened done) override {
    const std::string path = directory_ + "/" + name;
    const int fd = ::openat(directory_fd_, name.c_str(), O_RDONLY | O_CLOEXEC);
    absl::StatusOr<std::unique_ptr<DiskFile>> file(nullptr);
    if (fd >= 0) {
      file = std::make_unique<ReadOnlyFile>(executor_, fd, path);
    } else {
      file = ErrnoStatus("open", path, errno);
    }
    executor_->Post(
        [done = std::move(done), file = std::move(file)]() mutable { done(std::move(file)); });
  }
  void Rename(const std::string&, const std::string&, Done done) override {
    Refuse(std::move(done));
  }
  void Remove(const std::string&, Done done) override { Refuse(std::move(done)); }
  void SyncDirectory(Done done) override { Refuse(std::move(done)); }
  void List(absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) override {
    executor_->Post([entries = ListFiles(directory_, directory_fd_),
                     done = std::move(done)]() mutable { done(std::move(entries)); });
  }

 private:
  void Refuse(Done done) {
    executor_->Post([done = std::move(done)]() mutable { done(Refused()); });
  }

  const std::string directory_;
  const int directory_fd_;
  Executor* executor_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> OpenReadOnlyDisk(const std::string& directory,
                                                       Executor* executor) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("open", directory, errno);
  if (::flock(fd, LOCK_SH | LOCK_NB) != 0) {
    ::close(fd);
    return absl::FailedPreconditionError(absl::StrCat(directory, " is in use by another process"));
  }
  return std::make_unique<ReadOnlyDisk>(directory, fd, executor);
}

}  // namespace fastpath::storage
