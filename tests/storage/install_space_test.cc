// Snapshot installs on a disk that is too small for them, beside generations that must be written
// out onto the same disk, by the same thread.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rocksdb/env.h"
#include "storage/engine.h"
#include "tests/storage/engine_fixture.h"
#include "tests/storage/small_disk.h"

namespace fastpath::storage {
namespace {

constexpr size_t kMiB = 1u << 20;
constexpr size_t kInstall =
    12;  // Rows, each of a MiB: with a generation more than there is room for.
constexpr size_t kGeneration = 6;

class InstallSpace : public EngineTest {
 protected:
  void SetUp() override {
    rocks_options_.env = env_.get();
    disk_->space = 16 * kMiB;
    EngineTest::SetUp();
    Put("b", "old");
    EXPECT_TRUE(Flush().ok());
  }
  void TearDown() override { engine_.reset(); }

  std::string Mebibyte() {  // Does not compress.
    std::string value;
    while (value.size() < kMiB) {
      const uint64_t word = random_.Next();
      value.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    return value;
  }
  Rows InstallRow() {
    const std::string number = std::to_string(1000 + ++rows_);
    return {{"b" + number, Mebibyte()}};
  }
  std::unique_ptr<Installer> Staged(size_t rows = kInstall) {
    auto install = engine_->NewInstall({{"a", "c"}});
    for (size_t i = 0; i < rows; ++i) EXPECT_TRUE(Add(*install, InstallRow()).ok());
    return install;
  }
  void WriteGeneration() {
    for (size_t i = 0; i < kGeneration; ++i) Put("x" + std::to_string(i), Mebibyte());
  }
  // The answer, once there is one.
  using Answer = std::shared_ptr<std::optional<absl::Status>>;
  template <typename Call>
  Answer Begin(Call call) {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    call([answer](absl::Status status) { *answer = std::move(status); });
    return answer;
  }
  Answer BeginFlush() {
    return Begin([&](auto done) { engine_->Flush(std::move(done)); });
  }
  Answer BeginCommit(Installer& install) {
    return Begin([&](auto done) { install.Commit(std::move(done)); });
  }
  // What is wrong here is that something never happens.
  bool Soon(const std::function<bool()>& happened) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!happened() && std::chrono::steady_clock::now() < end) {
      executor_.RunPosted();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return happened();
  }
  void ExpectRefused(const Answer& commit) {
    ASSERT_TRUE(Soon([&] { return commit->has_value(); })) << "the commit is never answered";
    EXPECT_TRUE(absl::IsResourceExhausted(**commit)) << **commit;
    EXPECT_EQ(Get("b"), "old");
    EXPECT_EQ(Get("b1001"), std::nullopt);
  }
  // Where nothing is staged any more there is room for everything here.
  void ExpectGoesOn() {
    ASSERT_TRUE(Soon([&] { return !engine_->full(); })) << "full for good";
    ASSERT_TRUE(Flush().ok());
    EXPECT_EQ(StagedFiles(), 0u);
    auto install = Staged(1);
    ASSERT_TRUE(Commit(*install).ok());
    EXPECT_EQ(Get("b"), std::nullopt);
    EXPECT_EQ(Get("b" + std::to_string(1000 + rows_)).value_or("").size(), kMiB);
    EXPECT_EQ(Get("x0").value_or("").size(), kMiB);
  }
  size_t StagedFiles() const {
    size_t files = 0;
    const std::string staging = directory_.path() + "/install";
    if (!std::filesystem::exists(staging)) return 0;
    for (const auto& entry : std::filesystem::directory_iterator(staging)) files += entry.exists();
    return files;
  }

  std::shared_ptr<SmallDisk> disk_ = std::make_shared<SmallDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  int rows_ = 0;
};

TEST_P(InstallSpace, WhatADroppedInstallStagedMakesRoomForAWriteOutThatWaits) {
  auto install = Staged();
  WriteGeneration();
  const Answer flushed = BeginFlush();
  ASSERT_TRUE(Soon([&] { return engine_->full(); }));
  // As of a sender that goes on, behind the write-out.
  const int made = disk_->installs;
  std::vector<Answer> added;
  for (int i = 0; i < 3; ++i) {
    added.push_back(Begin([&](auto done) { install->Add(InstallRow(), std::move(done)); }));
  }
  install.reset();
  ASSERT_TRUE(Soon([&] { return flushed->has_value(); })) << "full for good";
  EXPECT_TRUE((*flushed)->ok()) << **flushed;
  ExpectGoesOn();
  for (const Answer& answer : added) EXPECT_TRUE(absl::IsCancelled(answer->value()));
  EXPECT_EQ(disk_->installs, made + 1) << "of the last install: what is dropped makes no files";
}

TEST_P(InstallSpace, AStepThatFindsNoneLeavesNothingStaged) {
  auto install = engine_->NewInstall({{"a", "c"}});
  absl::Status status;
  while (status.ok() && rows_ < 100) status = Add(*install, InstallRow());
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(StagedFiles(), 0u);
  EXPECT_EQ(Add(*install, InstallRow()), status) << "a later one does not begin anew";
  ExpectRefused(BeginCommit(*install));
  WriteGeneration();
  ExpectGoesOn();
}

TEST_P(InstallSpace, ACommitThatItsOwnFlushFindsNoneForIsRefused) {
  auto install = Staged();
  WriteGeneration();
  const Answer committed = BeginCommit(*install);
  ExpectRefused(committed);
  ExpectGoesOn();
}

TEST_P(InstallSpace, ACommitOnAFullDiskIsRefusedAtOnce) {
  auto install = Staged();
  WriteGeneration();
  const Answer flushed = BeginFlush();
  ASSERT_TRUE(Soon([&] { return engine_->full(); }));
  ExpectRefused(BeginCommit(*install));
  ExpectGoesOn();
  EXPECT_TRUE(flushed->has_value());
}

// Its own flush is over, and it is queued to be put in place.
TEST_P(InstallSpace, ACommitBehindALaterGenerationThatFindsNoneIsRefused) {
  engine_.reset();
  rocks_options_.memtable_bytes = kGeneration * kMiB;
  Open();
  auto install = Staged();
  const Answer committed = BeginCommit(*install);
  WriteBatch last;
  for (size_t i = 0; i <= kGeneration; ++i) last.Put("x" + std::to_string(i), Mebibyte());
  engine_->Write(std::move(last), [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  WriteBatch next;
  next.Put("y", "next");
  engine_->Write(std::move(next), [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  ExpectRefused(committed);
  ExpectGoesOn();
}

TEST_P(InstallSpace, AnEngineEndsWithACommitThatWaits) {
  auto install = Staged();
  WriteGeneration();
  const Answer committed = BeginCommit(*install);
  const int tried = disk_->generations;
  while (disk_->generations == tried) std::this_thread::yield();
  engine_.reset();
  install.reset();
  executor_.RunPosted();
  EXPECT_FALSE(committed->has_value()) << "nothing is answered by a dead engine";
  EXPECT_EQ(StagedFiles(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, InstallSpace,
                         ::testing::Values(EngineKind::kRocks, EngineKind::kRocksFiles),
                         [](const auto& info) { return Name(info.param); });

}  // namespace
}  // namespace fastpath::storage
