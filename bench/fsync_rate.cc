// fastpath-fsync-rate FOLDER: how many 4 KiB appends with fdatasync a second the
// folder's filesystem gives, into a preallocated file as Fastpath's log uses
// them. Refuses tmpfs, whose answer means nothing. Prints the number alone.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr size_t kBlock = 4096;
constexpr off_t kFileBytes = 16 << 20;

int Fail(const std::string& what) {
  std::perror(("fastpath-fsync-rate: " + what).c_str());
  return 1;
}

// Zeros written and synced beforehand, so that the timed writes change no metadata.
bool Preallocate(int file) {
  const std::vector<char> zeros(1 << 20);
  for (off_t at = 0; at < kFileBytes; at += static_cast<off_t>(zeros.size())) {
    if (pwrite(file, zeros.data(), zeros.size(), at) != static_cast<ssize_t>(zeros.size())) {
      return false;
    }
  }
  return fsync(file) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fastpath-fsync-rate FOLDER\n");
    return 2;
  }
  struct statfs filesystem {};
  if (statfs(argv[1], &filesystem) != 0) return Fail(argv[1]);
  if (filesystem.f_type == TMPFS_MAGIC || filesystem.f_type == RAMFS_MAGIC) {
    std::fprintf(stderr, "fastpath-fsync-rate: %s is in memory; name a folder on a disk\n",
                 argv[1]);
    return 1;
  }
  std::string path = std::string(argv[1]) + "/fsync-rate-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) return Fail(path);
  unlink(path.c_str());
  if (!Preallocate(file)) return Fail("preallocate");

  const std::vector<char> block(kBlock, 'x');
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto end = start + std::chrono::seconds(1);
  long syncs = 0;
  while (Clock::now() < end) {
    const off_t at = (syncs * static_cast<off_t>(kBlock)) % kFileBytes;
    if (pwrite(file, block.data(), kBlock, at) != static_cast<ssize_t>(kBlock))
      return Fail("write");
    if (fdatasync(file) != 0) return Fail("fdatasync");
    ++syncs;
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(syncs) / took.count());
  close(file);
  return 0;
}
