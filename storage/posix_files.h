// Reading files of a directory, and what errno says as a Status: shared by the
// disks over a real filesystem. Blocking; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/disk.h"

namespace fastpath::storage {

// ResourceExhausted: no space; DataLoss: the device failed (EIO). The message
// names `what` was tried with `file`.
absl::Status ErrnoStatus(const char* what, const std::string& file, int error);

// Exactly `bytes` bytes, fewer only at the end of the file called `name`.
absl::StatusOr<std::string> ReadUpTo(int fd, uint64_t offset, size_t bytes,
                                     const std::string& name);

// The regular files, by name.
absl::StatusOr<std::vector<Disk::Entry>> ListFiles(const std::string& directory, int directory_fd);

}  // namespace fastpath::storage
