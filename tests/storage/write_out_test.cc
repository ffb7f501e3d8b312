// Writing out a frozen generation: onto a disk that is full for a while, over a
// half-written file, and broken off by the engine's end.
#include "storage/write_out.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "tests/storage/small_disk.h"
#include "tests/support/temp_directory.h"

namespace fastpath::storage {
namespace {

namespace fs = std::filesystem;

class WriteOutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.create_if_missing = true;
    options_.env = env_.get();
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options_, directory_.path() + "/db", &db).ok());
    db_.reset(db);
    WriteBatch batch;
    batch.DeleteRange({"a", "d"});
    batch.Put("b", "2");
    batch.Delete("x");
    generation_.Apply(std::move(batch), 1, 0);
  }
  absl::Status WriteOutNow() {
    return WriteOut(db_.get(), options_, staging(), generation_,
                    {closing_, [this](bool full) { told_full_ = full; }, [this] { make_room_(); }});
  }
  std::string staging() const { return directory_.path() + "/db/install/0"; }
  std::string Get(const std::string& key) {
    std::string value;
    return db_->Get({}, key, &value).ok() ? value : "none";
  }
  void AwaitAttempts(int count) {
    while (disk_->generations < count) std::this_thread::yield();
  }

  testing::TempDirectory directory_;
  std::shared_ptr<SmallDisk> disk_ = std::make_shared<SmallDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;
  WriteTable generation_;
  std::atomic<bool> closing_ = false;
  std::atomic<bool> told_full_ = false;
  std::function<void()> make_room_ = [] {};
};

TEST_F(WriteOutTest, PutsTheGenerationOverWhatIsThere) {
  for (const char* key : {"a", "b", "c", "d", "x"}) {
    ASSERT_TRUE(db_->Put({}, key, "old").ok());
  }
  ASSERT_TRUE(WriteOutNow().ok());
  EXPECT_EQ(Get("a") + Get("b") + Get("c") + Get("d") + Get("x"), "none2noneoldnone");
  EXPECT_FALSE(fs::exists(staging()));
}

TEST_F(WriteOutTest, AFullDiskIsTriedAgainUntilThereIsSpace) {
  disk_->space = 0;
  absl::Status status = absl::UnknownError("not yet");
  std::thread writer([&] { status = WriteOutNow(); });
  AwaitAttempts(2);
  EXPECT_TRUE(told_full_);
  // The owner reads both meanwhile.
  EXPECT_EQ(Get("b"), "none");
  EXPECT_EQ(*generation_.Find("b", WriteTable::kNewest).value, "2");
  disk_->space = SmallDisk::kUnlimited;
  writer.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(told_full_);
  EXPECT_EQ(Get("b"), "2");
  EXPECT_FALSE(fs::exists(staging()));
}

TEST_F(WriteOutTest, RoomIsMadeBeforeEachTry) {
  disk_->space = 0;
  int asked = 0;
  make_room_ = [&] {
    if (++asked == 3) disk_->space = SmallDisk::kUnlimited;
  };
  EXPECT_TRUE(WriteOutNow().ok());
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(disk_->generations, 3);
}

TEST_F(WriteOutTest, AClosingEngineDoesNotWaitForSpace) {
  disk_->space = 0;
  absl::Status status;
  std::thread writer([&] { status = WriteOutNow(); });
  AwaitAttempts(1);
  closing_ = true;
  writer.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(Get("b"), "none");
}

// As after a compaction that failed, which RocksDB says to nobody but who gives it a file.
TEST_F(WriteOutTest, WhereNothingIsCompactedItDoesNotWaitForEver) {
  ASSERT_TRUE(db_->SetOptions({{"disable_auto_compactions", "true"}}).ok());
  const auto files = [this] {
    std::string count;
    db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &count);
    return std::stoi(count);
  };
  for (int i = 0; i < 50 && files() < 24; ++i) ASSERT_TRUE(WriteOutNow().ok());
  ASSERT_EQ(files(), 24);
  std::atomic<int> asked = 0;
  make_room_ = [&] { ++asked; };
  auto written = std::async(std::launch::async, [this] { return WriteOutNow(); });
  EXPECT_EQ(written.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout)
      << "it waits for compactions";
  EXPECT_GT(asked, 1) << "which may lack the room";
  EXPECT_EQ(written.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  closing_ = true;
  EXPECT_TRUE(written.get().ok());
}

TEST_F(WriteOutTest, AHalfWrittenFileIsReplaced) {
  fs::create_directories(staging());
  {
    std::unique_ptr<rocksdb::WritableFile> half;
    ASSERT_TRUE(env_->NewWritableFile(staging() + "/generation.sst", &half, {}).ok());
    ASSERT_TRUE(half->Append("half a file").ok());
    ASSERT_TRUE(half->Close().ok());
  }
  ASSERT_TRUE(WriteOutNow().ok());
  EXPECT_EQ(Get("b"), "2");
}

}  // namespace
}  // namespace fastpath::storage
