// A filesystem of its own for one node: whose power can be cut, and that can be full. ext4 on a
// loop device, so it needs root; where that is not to be had, why_not() says so and the test skips.
//
// One thread. The owner ends the processes that use it before destroying it.
#pragma once

#include <cstdint>
#include <string>

namespace fastpath::fault {

class LoopDisk {
 public:
  // Mounted on the folder `at`, which is created; the image lies beside it.
  LoopDisk(std::string at, uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::string& path() const { return at_; }
  const std::string& why_not() const { return why_not_; }  // Empty: mounted.

  // Nothing that was not synced reaches the device; every later operation fails with EIO.
  void PowerCut();
  void Remount();  // What the device kept. Nobody may use it.

  // Takes all the space that is left, by a file beside those of the node; again, what was freed
  // since. Free gives it back.
  void Fill();
  void Free();

 private:
  std::string ballast() const { return at_ + "/ballast"; }
  bool Run(const std::string& program, const std::string& arguments);
  void Mount();
  void Unmount();

  const std::string at_;
  const std::string image_;
  std::string why_not_;
  bool mounted_ = false;
};

}  // namespace fastpath::fault
