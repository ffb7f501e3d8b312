#include "storage/posix_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace fastpath::storage {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case EIO:
      return absl::StatusCode::kDataLoss;
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ErrnoStatus(const char* what, const std::string& file, int error) {
  char text[128];
  const char* message = strerror_r(error, text, sizeof(text));
  return absl::Status(CodeOf(error), absl::StrCat(what, " ", file, ": ", message));
}

absl::StatusOr<std::string> ReadUpTo(int fd, uint64_t offset, size_t bytes,
                                     const std::string& name) {
  std::string out(bytes, '\0');
  size_t got = 0;
  while (got < bytes) {
    ssize_t n = ::pread(fd, out.data() + got, bytes - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("read", name, errno);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  out.resize(got);
  return out;
}

absl::StatusOr<std::vector<Disk::Entry>> ListFiles(const std::string& directory, int directory_fd) {
  DIR* listing = ::opendir(directory.c_str());
  if (listing == nullptr) return ErrnoStatus("list", directory, errno);
  std::vector<Disk::Entry> entries;
  errno = 0;
  while (const dirent* item = ::readdir(listing)) {
    struct stat info;
    if (::fstatat(directory_fd, item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) break;  // Left out, a file that is there would be lost.
    } else if (S_ISREG(info.st_mode)) {
      entries.push_back({item->d_name, static_cast<uint64_t>(info.st_size)});
    }
    errno = 0;
  }
  const int error = errno;
  ::closedir(listing);
  if (error != 0) return ErrnoStatus("list", directory, error);
  std::sort(entries.begin(), entries.end(),
            [](const Disk::Entry& a, const Disk::Entry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace fastpath::storage
