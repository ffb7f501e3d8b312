// Preloaded into a server (LD_PRELOAD), makes its syncs fail or slow. The file
// that FASTPATH_DISK_SHIM names says what, looked at on every sync:
//   eio      the sync fails with EIO and does nothing
//   slow MS  it takes so many milliseconds more
// Empty or missing: nothing.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace {

using Sync = int (*)(int);

// False: the sync fails.
bool Orders() {
  static const char* const path = getenv("FASTPATH_DISK_SHIM");
  if (path == nullptr) return true;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  char text[64] = {};
  const ssize_t bytes = read(file, text, sizeof(text) - 1);
  close(file);
  if (bytes <= 0) return true;
  if (strncmp(text, "eio", 3) == 0) return false;
  if (strncmp(text, "slow ", 5) == 0) {
    const long ms = strtol(text + 5, nullptr, 10);
    const timespec pause{ms / 1000, (ms % 1000) * 1'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

int SyncBy(const char* name, int file) {
  if (!Orders()) {
    errno = EIO;
    return -1;
  }
  return reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) { return SyncBy("fsync", file); }
extern "C" int fdatasync(int file) { return SyncBy("fdatasync", file); }
