// A control group with a memory limit: what a process in it takes beyond that
// gets it killed. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastpath::fault {

class MemoryGroup {
 public:
  MemoryGroup(const std::string& name, uint64_t limit_bytes);
  ~MemoryGroup();  // Its processes must have ended.
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  const std::string& why_not() const { return why_not_; }  // Empty: it is there.
  // Puts the command that follows into the group.
  std::vector<std::string> prefix() const;

 private:
  std::string path_;
  std::string why_not_;
};

uint64_t PeakResidentBytes(int pid);
size_t OpenDescriptors(int pid);

}  // namespace fastpath::fault
