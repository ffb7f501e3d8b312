// The Disk port on a real directory.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "storage/disk.h"
#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace {
std::atomic<int> stat_error = 0;  // What asking for a file's size fails with; 0: nothing.
}  // namespace

// Stands before the C library's.
extern "C" int fstatat(int directory, const char* name, struct stat* info, int flags) noexcept {
  if (stat_error != 0) return errno = stat_error, -1;
  static const auto real = reinterpret_cast<decltype(&fstatat)>(dlsym(RTLD_NEXT, "fstatat"));
  return real(directory, name, info, flags);
}

namespace fastpath::storage {
namespace {

class PosixDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { OpenDisk(); }
  void OpenDisk() {
    auto disk = OpenPosixDisk(directory_.path(), &executor_);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
  }
  template <typename Value, typename Call>
  Value Await(Call call) {
    std::optional<Value> value;
    call([&](Value v) { value = std::move(v); });
    executor_.RunUntil([&] { return value.has_value(); });
    return *std::move(value);
  }
  std::unique_ptr<DiskFile> Open(const std::string& name, uint64_t allocate = 0) {
    auto file = Await<absl::StatusOr<std::unique_ptr<DiskFile>>>(
        [&](auto done) { disk_->Open(name, allocate, true, std::move(done)); });
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  absl::Status Write(DiskFile& file, uint64_t offset, std::vector<std::string> pieces) {
    return Await<absl::Status>(
        [&](auto done) { file.Write(offset, std::move(pieces), true, std::move(done)); });
  }
  std::string Read(DiskFile& file, uint64_t offset, size_t bytes) {
    auto read = Await<absl::StatusOr<std::string>>(
        [&](auto done) { file.Read(offset, bytes, std::move(done)); });
    EXPECT_TRUE(read.ok()) << read.status();
    return *std::move(read);
  }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
  std::unique_ptr<Disk> disk_;
};

TEST_F(PosixDiskTest, WritesPiecesAndReadsThemBack) {
  auto file = Open("f");
  ASSERT_TRUE(Write(*file, 3, {"abc", "", "defg"}).ok());
  EXPECT_EQ(Read(*file, 0, 100), std::string("\0\0\0abcdefg", 10));
  EXPECT_EQ(Read(*file, 5, 2), "cd");
  EXPECT_EQ(Read(*file, 50, 2), "");
  ASSERT_TRUE(Write(*file, 0, {}).ok()) << "a sync alone";
}

TEST_F(PosixDiskTest, MorePiecesThanOneCallTakes) {
  auto file = Open("f");
  std::vector<std::string> pieces;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    pieces.push_back(std::to_string(i) + ",");
    all += pieces.back();
  }
  ASSERT_TRUE(Write(*file, 0, pieces).ok());
  EXPECT_EQ(Read(*file, 0, all.size() + 1), all);
}

TEST_F(PosixDiskTest, AllocatesZerosAndKeepsWhatIsThere) {
  auto file = Open("f", 3'000'000);
  EXPECT_EQ(std::filesystem::file_size(directory_.path() + "/f"), 3'000'000u);
  EXPECT_EQ(Read(*file, 2'999'990, 100), std::string(10, '\0'));
  ASSERT_TRUE(Write(*file, 5, {"x"}).ok());
  file = Open("f", 4'000'000);
  EXPECT_EQ(Read(*file, 5, 1), "x");
  EXPECT_EQ(std::filesystem::file_size(directory_.path() + "/f"), 4'000'000u);
  file = Open("f", 1000);
  EXPECT_EQ(std::filesystem::file_size(directory_.path() + "/f"), 4'000'000u);
}

TEST_F(PosixDiskTest, NamesAreListedRenamedRemoved) {
  Open("b");
  Open("a", 10);
  std::filesystem::create_directory(directory_.path() + "/folder");
  auto list = [this] {
    auto entries = *Await<absl::StatusOr<std::vector<Disk::Entry>>>(
        [&](auto done) { disk_->List(std::move(done)); });
    std::string out;
    for (const auto& entry : entries) out += entry.name + ":" + std::to_string(entry.bytes) + " ";
    return out;
  };
  EXPECT_EQ(list(), "a:10 b:0 ");
  auto status = [this](auto call) { return Await<absl::Status>(call); };
  EXPECT_TRUE(status([&](auto done) { disk_->Rename("a", "c", std::move(done)); }).ok());
  EXPECT_TRUE(status([&](auto done) { disk_->Remove("b", std::move(done)); }).ok());
  EXPECT_TRUE(status([&](auto done) { disk_->SyncDirectory(std::move(done)); }).ok());
  EXPECT_EQ(list(), "c:10 ");
  const auto missing = status([&](auto done) { disk_->Remove("b", std::move(done)); });
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(std::string(missing.message()).find("/b: No such file"), std::string::npos) << missing;
}

// A segment left out of the list would be entries lost.
TEST_F(PosixDiskTest, AFileThatCannotBeLookedAtFailsTheList) {
  Open("a");
  const auto list = [&](int error) {
    stat_error = error;
    auto entries = Await<absl::StatusOr<std::vector<Disk::Entry>>>(
        [&](auto done) { disk_->List(std::move(done)); });
    stat_error = 0;
    return entries;
  };
  EXPECT_TRUE(absl::IsDataLoss(list(EIO).status())) << list(EIO).status();
  EXPECT_EQ(list(ENOMEM).status().code(), absl::StatusCode::kInternal);
  ASSERT_TRUE(list(ENOENT).ok()) << "it was removed meanwhile";
  EXPECT_TRUE(list(ENOENT)->empty());
  EXPECT_EQ(list(0)->size(), 1u);
}

TEST_F(PosixDiskTest, OperationsRunInCallOrder) {
  auto file = Open("f");
  std::string order;
  for (char c = 'a'; c <= 'z'; ++c) {
    file->Write(0, {std::string(1, c)}, c % 2 == 0, [&order, c](absl::Status) { order += c; });
  }
  EXPECT_EQ(Read(*file, 0, 1), "z");
  EXPECT_EQ(order, "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(PosixDiskTest, DestructionFinishesWhatIsQueuedAndDropsItsCompletions) {
  auto file = Open("f");
  bool told = false;
  for (int i = 0; i < 100; ++i) {
    file->Write(i, {"x"}, false, [&told](absl::Status) { told = true; });
  }
  disk_->Open("g", 0, false, [&told](auto) { told = true; });
  file.reset();
  disk_.reset();
  executor_.RunPosted();
  EXPECT_FALSE(told);
  EXPECT_EQ(std::filesystem::file_size(directory_.path() + "/f"), 100u);
}

TEST_F(PosixDiskTest, OneProcessAtATime) {
  auto second = OpenPosixDisk(directory_.path(), &executor_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  disk_.reset();
  OpenDisk();
}

TEST_F(PosixDiskTest, CreatesTheDirectoryButNotItsParents) {
  EXPECT_TRUE(OpenPosixDisk(directory_.path() + "/new", &executor_).ok());
  const auto deep = OpenPosixDisk(directory_.path() + "/x/y", &executor_);
  EXPECT_TRUE(absl::IsNotFound(deep.status())) << deep.status();
  std::ofstream(directory_.path() + "/file") << "x";
  EXPECT_FALSE(OpenPosixDisk(directory_.path() + "/file", &executor_).ok());
}

TEST_F(PosixDiskTest, WriteToAFullDeviceIsResourceExhausted) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", directory_.path() + "/full");
  auto file = Await<absl::StatusOr<std::unique_ptr<DiskFile>>>(
      [&](auto done) { disk_->Open("full", 0, false, std::move(done)); });
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = Write(**file, 0, {"x"});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(std::string(status.message()).find("/full: No space left"), std::string::npos);
}

}  // namespace
}  // namespace fastpath::storage
