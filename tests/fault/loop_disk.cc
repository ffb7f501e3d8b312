#include "tests/fault/loop_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/fault/process.h"

namespace fastpath::fault {
namespace {

// linux/ext4.h of newer kernels; the numbers are never-change.
constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);
constexpr uint32_t kWithoutFlushingTheJournal = 2;

}  // namespace

LoopDisk::LoopDisk(std::string at, uint64_t bytes) : at_(std::move(at)), image_(at_ + ".img") {
  std::filesystem::create_directories(at_);
  if (geteuid() != 0) {
    why_not_ = "mounting needs root";
    return;
  }
  const int image = open(image_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool sized = image >= 0 && ftruncate(image, static_cast<off_t>(bytes)) == 0;
  if (image >= 0) close(image);
  if (!sized) {
    why_not_ = absl::StrCat("no image: ", std::strerror(errno));
    return;
  }
  if (Run("/usr/sbin/mkfs.ext4", absl::StrCat("-q -m 0 ", image_))) Mount();
}

LoopDisk::~LoopDisk() { Unmount(); }

bool LoopDisk::Run(const std::string& program, const std::string& arguments) {
  std::vector<std::string> command = {program};
  for (auto word : absl::StrSplit(arguments, ' ')) command.emplace_back(word.data(), word.size());
  const CommandResult result = RunCommand(command);
  if (result.code == 0) return true;
  why_not_ = absl::StrCat(program, " ", arguments, ": ", result.output);
  return false;
}

void LoopDisk::Mount() {
  mounted_ = Run("/usr/bin/mount", absl::StrCat("-o loop ", image_, " ", at_));
}

void LoopDisk::Unmount() {
  if (mounted_) Run("/usr/bin/umount", at_);
  mounted_ = false;
}

void LoopDisk::PowerCut() {
  const int folder = open(at_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  uint32_t flags = kWithoutFlushingTheJournal;
  EXPECT_EQ(ioctl(folder, kShutdown, &flags), 0) << std::strerror(errno);
  close(folder);
}

void LoopDisk::Remount() {
  Unmount();
  Mount();
  EXPECT_EQ(why_not_, "");
}

void LoopDisk::Fill() {
  const int file = open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0) << std::strerror(errno);
  off_t end = lseek(file, 0, SEEK_END);
  for (off_t piece = 8 << 20; piece >= 4096; piece /= 2) {
    while (posix_fallocate(file, end, piece) == 0) end += piece;
  }
  close(file);
}

void LoopDisk::Free() { EXPECT_EQ(unlink(ballast().c_str()), 0) << std::strerror(errno); }

}  // namespace fastpath::fault
