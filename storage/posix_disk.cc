// The Disk port over a directory of a real filesystem, with one I/O thread.
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "storage/disk.h"
#include "storage/posix_files.h"

namespace fastpath::storage {
namespace {

constexpr size_t kZeroFillBytes = 1u << 20;
constexpr size_t kMaxPiecesPerCall = 512;  // Below IOV_MAX (1024).
constexpr size_t kSectorBytes = 512;       // What direct I/O must be aligned to, where it works.
constexpr size_t kDirectBufferBytes = 1u << 20;
constexpr size_t kPageBytes = 4096;

// Past the page cache: a small synchronous write is cheaper so (no page to copy
// to, to find again and to write back), and memory is left to others.
class DirectWriter {
 public:
  // False, and nothing was done, if this file or this write cannot.
  bool Write(int fd, uint64_t offset, const std::vector<std::string>& pieces,
             const std::string& name, absl::Status& status) {
    size_t bytes = 0;
    for (const std::string& piece : pieces) bytes += piece.size();
    if (fd < 0 || bytes == 0 || bytes > kDirectBufferBytes) return false;
    if (offset % kSectorBytes != 0 || bytes % kSectorBytes != 0) return false;
    char* at = buffer_.get();
    for (const std::string& piece : pieces) {
      std::memcpy(at, piece.data(), piece.size());
      at += piece.size();
    }
    for (size_t done = 0; done < bytes;) {
      const ssize_t n =
          ::pwrite(fd, buffer_.get() + done, bytes - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EINVAL && done == 0) return false;  // Larger sectors.
      if (n < 0) {
        status = ErrnoStatus("write", name, errno);
        return true;
      }
      done += static_cast<size_t>(n);
    }
    return true;
  }

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char, Free> buffer_{
      static_cast<char*>(std::aligned_alloc(kPageBytes, kDirectBufferBytes))};
};

// Runs operations in call order on its own thread and hands their completions
// to the executor, all that are ready in one post.
class IoThread : public std::enable_shared_from_this<IoThread> {
 public:
  // Runs on the I/O thread; returns what to run on the executor.
  using Operation = absl::AnyInvocable<Task()>;

  explicit IoThread(Executor* executor) : executor_(executor) {}

  void Start() {
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "disk");
  }

  // After what is queued. Completions not yet run are dropped.
  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
    // Completions may own files, which own this object.
    std::vector<Task> dropped;
    std::lock_guard lock(mutex_);
    dropped.swap(completed_);
  }

  void Submit(Operation operation) {
    {
      std::lock_guard lock(mutex_);
      FASTPATH_CHECK(!stopping_, "no operation after the disk was destroyed");
      queue_.push_back(std::move(operation));
      if (queue_.size() > 1) return;
    }
    changed_.notify_one();  // Unlocked: or the thread wakes only to wait for the lock.
  }

  // A file's close may come after the disk's end; then it is done at once.
  void SubmitClose(int fd) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) {
        ::close(fd);
        return;
      }
      queue_.push_back([fd]() -> Task {
        ::close(fd);
        return nullptr;
      });
    }
    changed_.notify_one();
  }

  DirectWriter& direct() { return direct_; }  // The I/O thread's.

 private:
  void Run() {
    while (true) {
      std::vector<Operation> operations;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        operations.swap(queue_);
      }
      for (Operation& operation : operations) Complete(operation());
    }
  }

  void Complete(Task completion) {
    if (!completion) return;
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    completed_.push_back(std::move(completion));
    if (completed_.size() > 1) return;  // A post is on its way already.
    executor_->Post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->RunCompleted();
    });
  }

  void RunCompleted() {
    std::vector<Task> completed;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      completed.swap(completed_);
    }
    for (Task& task : completed) task();
  }

  Executor* executor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Operation> queue_;
  std::vector<Task> completed_;
  bool stopping_ = false;
  DirectWriter direct_;
  std::thread thread_;
};

absl::Status WriteAll(int fd, uint64_t offset, const std::vector<std::string>& pieces,
                      const std::string& name) {
  std::vector<iovec> left;
  left.reserve(pieces.size());
  for (const std::string& piece : pieces) {
    if (!piece.empty()) left.push_back({const_cast<char*>(piece.data()), piece.size()});
  }
  size_t first = 0;
  while (first < left.size()) {
    const int count = static_cast<int>(std::min(left.size() - first, kMaxPiecesPerCall));
    ssize_t written = ::pwritev(fd, &left[first], count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("write", name, errno);
    offset += static_cast<uint64_t>(written);
    while (first < left.size() && static_cast<size_t>(written) >= left[first].iov_len) {
      written -= static_cast<ssize_t>(left[first++].iov_len);
    }
    if (written > 0) {
      left[first].iov_base = static_cast<char*>(left[first].iov_base) + written;
      left[first].iov_len -= static_cast<size_t>(written);
    }
  }
  return absl::OkStatus();
}

// Real zeros, not only reserved blocks: a later fdatasync then has no extent to
// convert (measured 1.5-1.7x). The size grows with the zeros, so a crash in
// between is continued by the next open.
absl::Status Allocate(int fd, uint64_t bytes, const std::string& name) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return ErrnoStatus("stat", name, errno);
  const uint64_t have = static_cast<uint64_t>(info.st_size);
  if (have >= bytes) return absl::OkStatus();
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) != 0 && errno == ENOSPC) {
    return ErrnoStatus("allocate", name, ENOSPC);  // Other errors: not supported here.
  }
  const std::vector<std::string> zeros{std::string(kZeroFillBytes, '\0')};
  for (uint64_t at = have; at < bytes;) {
    const uint64_t piece = std::min<uint64_t>(kZeroFillBytes, bytes - at);
    absl::Status status = piece == kZeroFillBytes
                              ? WriteAll(fd, at, zeros, name)
                              : WriteAll(fd, at, {std::string(piece, '\0')}, name);
    if (!status.ok()) return status;
    at += piece;
  }
  return absl::OkStatus();
}

class PosixFile : public DiskFile {
 public:
  // `direct_fd` -1: the filesystem has no direct I/O.
  PosixFile(std::shared_ptr<IoThread> io, int fd, int direct_fd, std::string name)
      : io_(std::move(io)), fd_(fd), direct_fd_(direct_fd), name_(std::move(name)) {}
  ~PosixFile() override {
    io_->SubmitClose(fd_);
    if (direct_fd_ >= 0) io_->SubmitClose(direct_fd_);
  }

  void Write(uint64_t offset, std::vector<std::string> pieces, bool sync, Done done) override {
    io_->Submit([io = io_.get(), fd = fd_, direct_fd = direct_fd_, name = name_, offset,
                 pieces = std::move(pieces), sync, done = std::move(done)]() mutable -> Task {
      absl::Status status;
      if (!sync || !io->direct().Write(direct_fd, offset, pieces, name, status)) {
        status = WriteAll(fd, offset, pieces, name);
      }
      if (status.ok() && sync && ::fdatasync(fd) != 0) status = ErrnoStatus("sync", name, errno);
      return [done = std::move(done), status = std::move(status)]() mutable { done(status); };
    });
  }

  void Read(uint64_t offset, size_t bytes,
            absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    io_->Submit([fd = fd_, name = name_, offset, bytes, done = std::move(done)]() mutable -> Task {
      return [done = std::move(done), got = ReadUpTo(fd, offset, bytes, name)]() mutable {
        done(std::move(got));
      };
    });
  }

 private:
  std::shared_ptr<IoThread> io_;
  int fd_;
  int direct_fd_;
  std::string name_;
};

class PosixDisk : public Disk {
 public:
  PosixDisk(std::string directory, int directory_fd, Executor* executor)
      : directory_(std::move(directory)),
        directory_fd_(directory_fd),
        io_(std::make_shared<IoThread>(executor)) {
    io_->Start();
  }
  ~PosixDisk() override {
    io_->Stop();
    ::close(directory_fd_);
  }

  void Open(const std::string& name, uint64_t allocate_bytes, bool sync, Opened done) override {
    io_->Submit([this, name, allocate_bytes, sync, done = std::move(done)]() mutable -> Task {
      absl::StatusOr<int> fd = OpenFile(name, allocate_bytes, sync);
      // Made here so that a completion dropped at shutdown closes the file too.
      absl::StatusOr<std::unique_ptr<DiskFile>> file(nullptr);
      if (fd.ok()) {
        const int direct_fd =
            ::openat(directory_fd_, name.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
        file = std::make_unique<PosixFile>(io_, *fd, direct_fd, directory_ + "/" + name);
      } else {
        file = fd.status();
      }
      return [done = std::move(done), file = std::move(file)]() mutable { done(std::move(file)); };
    });
  }

  void Rename(const std::string& from, const std::string& to, Done done) override {
    SubmitStatus(std::move(done), [this, from, to] {
      return ::renameat(directory_fd_, from.c_str(), directory_fd_, to.c_str()) == 0
                 ? absl::OkStatus()
                 : ErrnoStatus("rename", directory_ + "/" + from, errno);
    });
  }

  void Remove(const std::string& name, Done done) override {
    SubmitStatus(std::move(done), [this, name] {
      return ::unlinkat(directory_fd_, name.c_str(), 0) == 0
                 ? absl::OkStatus()
                 : ErrnoStatus("remove", directory_ + "/" + name, errno);
    });
  }

  void SyncDirectory(Done done) override {
    SubmitStatus(std::move(done), [this] { return SyncDirectoryNow(); });
  }

  void List(absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) override {
    io_->Submit([this, done = std::move(done)]() mutable -> Task {
      return [done = std::move(done), entries = ListFiles(directory_, directory_fd_)]() mutable {
        done(std::move(entries));
      };
    });
  }

 private:
  void SubmitStatus(Done done, absl::AnyInvocable<absl::Status()> action) {
    io_->Submit([done = std::move(done), action = std::move(action)]() mutable -> Task {
      return [done = std::move(done), status = action()]() mutable { done(status); };
    });
  }

  absl::StatusOr<int> OpenFile(const std::string& name, uint64_t allocate_bytes, bool sync) {
    const std::string path = directory_ + "/" + name;
    const int fd = ::openat(directory_fd_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return ErrnoStatus("open", path, errno);
    absl::Status status = Allocate(fd, allocate_bytes, path);
    if (status.ok() && sync && ::fsync(fd) != 0) status = ErrnoStatus("sync", path, errno);
    if (status.ok() && sync) status = SyncDirectoryNow();
    if (status.ok()) return fd;
    ::close(fd);
    return status;
  }

  absl::Status SyncDirectoryNow() {
    return ::fsync(directory_fd_) == 0 ? absl::OkStatus() : ErrnoStatus("sync", directory_, errno);
  }

  const std::string directory_;
  const int directory_fd_;
  std::shared_ptr<IoThread> io_;
};

// The directory's own name must survive a crash as well.
absl::Status CreateDirectory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0) {
    if (errno == EEXIST) return absl::OkStatus();
    return ErrnoStatus("create", directory, errno);
  }
  const std::string above = directory + "/..";
  const int parent = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return ErrnoStatus("open", above, errno);
  absl::Status status = ::fsync(parent) == 0 ? absl::OkStatus() : ErrnoStatus("sync", above, errno);
  ::close(parent);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> OpenPosixDisk(const std::string& directory,
                                                    Executor* executor) {
  absl::Status created = CreateDirectory(directory);
  if (!created.ok()) return created;
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("open", directory, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return absl::FailedPreconditionError(absl::StrCat(directory, " is in use by another process"));
  }
  return std::make_unique<PosixDisk>(directory, fd, executor);
}

}  // namespace fastpath::storage
