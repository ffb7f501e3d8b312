// The simulated disk loses what a disk may lose, and nothing else.
#include "storage/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/sim_executor.h"

namespace fastpath::storage {
namespace {

class SimDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { Attach(); }
  void Attach() { disk_ = device_.Attach(&executor_, &clock_); }
  std::unique_ptr<DiskFile> Open(const std::string& name, bool sync = true, uint64_t bytes = 0) {
    std::unique_ptr<DiskFile> file;
    disk_->Open(name, bytes, sync, [&](auto opened) {
      if (opened.ok()) file = *std::move(opened);
    });
    loop_.RunUntilIdle();
    return file;
  }
  std::optional<absl::Status> Write(DiskFile& file, uint64_t offset, std::string bytes, bool sync) {
    std::optional<absl::Status> status;
    file.Write(offset, {std::move(bytes)}, sync, [&](absl::Status s) { status = s; });
    loop_.RunUntilIdle();
    return status;
  }

  testing::SimRandom random_{1};
  testing::SimLoop loop_;
  testing::SimClock clock_{&loop_};
  testing::SimExecutor executor_{&loop_};
  SimDisk device_{&random_};
  std::unique_ptr<Disk> disk_;
};

TEST_F(SimDiskTest, PowerCutKeepsExactlyWhatWasSynced) {
  auto file = Open("f");
  ASSERT_TRUE(Write(*file, 0, "synced", true)->ok());
  ASSERT_TRUE(Write(*file, 0, "LOST", false)->ok());
  EXPECT_EQ(device_.contents("f"), "LOSTed");
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_EQ(device_.contents("f"), "synced");
}

TEST_F(SimDiskTest, DeathOfTheProcessKeepsTheCache) {
  auto file = Open("f");
  Write(*file, 0, "cached", false);
  disk_.reset();
  Attach();
  EXPECT_EQ(device_.contents("f"), "cached");
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_EQ(device_.contents("f"), "");
}

TEST_F(SimDiskTest, NamesNeedADirectorySync) {
  Open("a", false);
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_TRUE(device_.names().empty());
  Attach();
  Open("a");
  disk_->Rename("a", "b", [](absl::Status) {});
  loop_.RunUntilIdle();
  EXPECT_EQ(device_.names(), std::vector<std::string>{"b"});
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_EQ(device_.names(), std::vector<std::string>{"a"});
}

TEST_F(SimDiskTest, TornWritesTearAtSectorsInAnyOrder) {
  std::set<std::string> outcomes;
  for (int i = 0; i < 200; ++i) {
    auto file = Open("f");
    Write(*file, 0, std::string(3 * 512, '-'), true);
    Write(*file, 0, std::string(3 * 512, '#'), false);
    device_.PowerCut(SimDisk::Unsynced::kTorn);
    const std::string& bytes = device_.contents("f");
    std::string outcome;
    for (size_t sector = 0; sector < 3; ++sector) {
      ASSERT_EQ(bytes.substr(sector * 512, 512), std::string(512, bytes[sector * 512]));
      outcome += bytes[sector * 512];
    }
    outcomes.insert(outcome);
    Attach();
  }
  EXPECT_EQ(outcomes.size(), 8u) << "every combination, also those out of order";
}

TEST_F(SimDiskTest, FailedSyncLeavesACleanLie) {
  auto file = Open("f");
  Write(*file, 0, "old", true);
  device_.FailSync(0, absl::DataLossError("EIO"));
  bool lied = false;
  for (int i = 0; i < 20 && !lied; ++i) {
    device_.FailSync(0, absl::DataLossError("EIO"));
    EXPECT_TRUE(absl::IsDataLoss(*Write(*file, 0, "new", true)));
    EXPECT_TRUE(Write(*file, 600, "x", true)->ok()) << "the next sync succeeds";
    EXPECT_EQ(device_.contents("f").substr(0, 3), "new");
    device_.PowerCut(SimDisk::Unsynced::kKept);
    lied = device_.contents("f").substr(0, 3) == "old";
    Attach();
    file = Open("f");
    Write(*file, 0, "old", true);
  }
  EXPECT_TRUE(lied);
}

TEST_F(SimDiskTest, FullDiskRefusesGrowthOnly) {
  device_.set_capacity_bytes(1000);
  auto file = Open("f", true, 800);
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(absl::IsResourceExhausted(*Write(*file, 900, std::string(200, 'x'), true)));
  EXPECT_EQ(device_.contents("f").size(), 800u);
  EXPECT_TRUE(Write(*file, 0, std::string(800, 'x'), true)->ok());
  EXPECT_EQ(Open("g", true, 800), nullptr);
}

TEST_F(SimDiskTest, FrozenDiskDoesAndAnswersNothing) {
  auto file = Open("f");
  device_.FreezeAfter(1);  // The write happens, its sync does not.
  EXPECT_EQ(Write(*file, 0, "x", true), std::nullopt);
  EXPECT_EQ(device_.contents("f"), "x");
  EXPECT_EQ(Write(*file, 0, "y", true), std::nullopt);
  EXPECT_EQ(device_.contents("f"), "x");
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_EQ(device_.contents("f"), "");
}

TEST_F(SimDiskTest, LatencyDelaysAndKeepsTheOrder) {
  auto file = Open("f");
  device_.set_latency(100, 1000);
  std::string order;
  for (char c = 'a'; c <= 'j'; ++c) {
    file->Write(0, {std::string(1, c)}, true, [&order, c](absl::Status) { order += c; });
  }
  const Micros before = loop_.Now();
  loop_.RunUntilIdle();
  EXPECT_EQ(order, "abcdefghij");
  EXPECT_GE(loop_.Now() - before, 1000);
}

TEST_F(SimDiskTest, FlippedBitsStay) {
  auto file = Open("f");
  Write(*file, 0, "a", true);
  device_.FlipBits("f", 0, 3);
  EXPECT_EQ(device_.contents("f"), "b");
  device_.PowerCut(SimDisk::Unsynced::kLost);
  EXPECT_EQ(device_.contents("f"), "b");
}

// --- The loop under it ---

TEST(SimLoop, RunsByTimeThenByOrder) {
  testing::SimLoop loop;
  testing::SimExecutor one(&loop), two(&loop);
  std::string order;
  one.At(20, [&] { order += "d"; });
  two.At(10, [&] { order += "b"; });
  one.At(10, [&] { order += "c"; });
  two.Post([&] { order += "a"; });
  loop.RunFor(15);
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(loop.Now(), 15);
  loop.RunUntilIdle();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(loop.Now(), 20);
}

TEST(SimLoop, DeadExecutorsAndCancelledTimersRunNothing) {
  testing::SimLoop loop;
  testing::SimExecutor living(&loop);
  int ran = 0;
  {
    testing::SimExecutor dead(&loop);
    dead.Post([&] { ++ran; });
    dead.At(5, [&] { ++ran; });
  }
  const TimerId timer = living.At(5, [&] { ++ran; });
  living.Cancel(timer);
  living.Cancel(timer);
  loop.RunUntilIdle();
  EXPECT_EQ(ran, 0);
}

TEST(SimLoop, PausedExecutorCatchesUpInOrder) {
  testing::SimLoop loop;
  testing::SimExecutor paused(&loop);
  std::string order;
  paused.At(1, [&] { order += "a"; });
  const TimerId cancelled = paused.At(2, [&] { order += "x"; });
  paused.At(3, [&] { order += "b"; });
  paused.Pause();
  loop.RunFor(10);
  EXPECT_EQ(order, "");
  paused.Cancel(cancelled);
  paused.Resume();
  loop.RunUntilIdle();
  EXPECT_EQ(order, "ab");
}

}  // namespace
}  // namespace fastpath::storage
