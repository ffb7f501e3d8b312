#include "tests/fault/memory_group.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/fault/process.h"

namespace fastpath::fault {
namespace fs = std::filesystem;

MemoryGroup::MemoryGroup(const std::string& name, uint64_t limit_bytes) {
  const bool unified = fs::exists("/sys/fs/cgroup/cgroup.controllers");
  path_ = absl::StrCat(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", "/fastpath-", name,
                       "-", getpid());
  const std::string limit = unified ? "/memory.max" : "/memory.limit_in_bytes";
  std::error_code error;
  fs::create_directory(path_, error);
  std::ofstream file(path_ + limit);
  file << limit_bytes;
  file.close();
  if (error || !file || ReadFile(path_ + limit) != absl::StrCat(limit_bytes, "\n")) {
    why_not_ = "memory control groups cannot be made here";
  }
}

MemoryGroup::~MemoryGroup() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

std::vector<std::string> MemoryGroup::prefix() const {
  return {"/bin/sh", "-c", absl::StrCat("echo $$ >", path_, "/cgroup.procs && exec \"$@\""), "sh"};
}

uint64_t PeakResidentBytes(int pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string word; status >> word;) {
    uint64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

size_t OpenDescriptors(int pid) {
  std::error_code error;
  size_t count = 0;
  for ([[maybe_unused]] const auto& file :
       fs::directory_iterator(absl::StrCat("/proc/", pid, "/fd"), error)) {
    ++count;
  }
  return count;
}

}  // namespace fastpath::fault
