// The shared log on a real directory.
#include "storage/raft_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::storage {
namespace {

using raft::Entry;
using raft::LogWrite;

Entry MakeEntry(raft::Term term, raft::Index index, std::string payload) {
  return {term, index, raft::EntryKind::kCommand,
          std::make_shared<const std::string>(std::move(payload))};
}

class RaftLogOnDisk : public ::testing::Test {
 protected:
  void Open() {
    auto disk = OpenPosixDisk(directory_.path(), &executor_);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    absl::StatusOr<std::unique_ptr<RaftLog>> log = absl::UnknownError("pending");
    bool opened = false;
    RaftLog::Open(disk_.get(), &executor_, options_, [&](auto result) {
      log = std::move(result);
      opened = true;
    });
    executor_.RunUntil([&] { return opened; });
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  void Close() {
    log_.reset();
    disk_.reset();
  }
  absl::Status Write(LogWrite write) {
    std::optional<absl::Status> status;
    log_->Write(std::move(write), [&](absl::Status s) { status = s; });
    executor_.RunUntil([&] { return status.has_value(); });
    return *status;
  }
  absl::StatusOr<std::vector<Entry>> Read(raft::GroupId group, raft::Index from, raft::Index to,
                                          size_t limit = 1u << 30) {
    std::optional<absl::StatusOr<std::vector<Entry>>> entries;
    log_->Read(group, from, to, limit, [&](auto result) { entries = std::move(result); });
    executor_.RunUntil([&] { return entries.has_value(); });
    return *std::move(entries);
  }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
  RaftLog::Options options_{.segment_bytes = 1u << 20};
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<RaftLog> log_;
};

TEST_F(RaftLogOnDisk, WhatWasWrittenIsThereAfterReopen) {
  Open();
  ASSERT_TRUE(Write({.group = 3,
                     .hard_state = raft::HardState{2, 9, 0},
                     .entries = {MakeEntry(1, 1, "one"), MakeEntry(2, 2, "two")}})
                  .ok());
  ASSERT_TRUE(
      Write({.group = 3, .entries = {MakeEntry(3, 2, "zwei"), MakeEntry(3, 3, "drei")}}).ok());
  Close();
  Open();
  auto recovered = log_->TakeRecovered();
  ASSERT_EQ(recovered.size(), 1u);
  EXPECT_EQ(recovered[3].hard_state, (raft::HardState{2, 9, 0}));
  ASSERT_EQ(recovered[3].entries.size(), 3u);
  EXPECT_EQ(*recovered[3].entries[0].payload, "one");
  EXPECT_EQ(*recovered[3].entries[1].payload, "zwei");
  EXPECT_EQ(recovered[3].entries[2].term, 3u);
  EXPECT_TRUE(log_->TakeRecovered().empty());
  auto read = Read(3, 1, 3);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ(*(*read)[2].payload, "drei");
}

TEST_F(RaftLogOnDisk, WritesOfOneLoopIterationShareOneSync) {
  Open();
  const uint64_t before = log_->syncs();
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) {
    log_->Write({.group = static_cast<raft::GroupId>(i), .entries = {MakeEntry(1, 1, "x")}},
                [&order, i](absl::Status status) {
                  ASSERT_TRUE(status.ok());
                  order.push_back(i);
                });
  }
  executor_.RunUntil([&] { return order.size() == 50; });
  EXPECT_EQ(log_->syncs(), before + 1);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(RaftLogOnDisk, SegmentsAreRecycledAndTheLogStaysSmall) {
  Open();
  raft::Index index = 0;
  for (int round = 0; round < 200; ++round) {
    LogWrite write{.group = 1};
    for (int i = 0; i < 10; ++i) {
      ++index;
      write.entries.push_back(MakeEntry(1, index, std::string(10'000, 'a' + index % 26)));
    }
    ASSERT_TRUE(Write(std::move(write)).ok());
    if (index > 50) log_->Truncate(1, index - 50);
  }
  EXPECT_LE(log_->used_bytes(), 4u << 20);
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
    ++files;
    EXPECT_LE(file.file_size(), 1u << 20);
  }
  EXPECT_LE(files, 7u);
  Close();
  Open();
  auto recovered = log_->TakeRecovered();
  EXPECT_EQ(recovered[1].start.index + recovered[1].entries.size(), index);
  EXPECT_EQ(recovered[1].entries.back().payload->size(), 10'000u);
}

TEST_F(RaftLogOnDisk, LargeEntryInASmallSegment) {
  Open();
  const std::string large(3u << 20, 'L');
  ASSERT_TRUE(Write({.group = 1, .entries = {MakeEntry(1, 1, large)}}).ok());
  ASSERT_TRUE(Write({.group = 1, .entries = {MakeEntry(1, 2, "after")}}).ok());
  Close();
  Open();
  auto recovered = log_->TakeRecovered();
  ASSERT_EQ(recovered[1].entries.size(), 2u);
  EXPECT_EQ(*recovered[1].entries[0].payload, large);
}

// A record of the log's own in front of it would leave it no segment to itself,
// however often the log went to the next one.
TEST_F(RaftLogOnDisk, AWriteLargerThanASegmentPassesWhileOldSegmentsAreGivenUp) {
  options_.segment_bytes = 16 << 10;
  Open();
  for (raft::Index index = 1; index <= 50; ++index) {
    ASSERT_TRUE(Write({.group = 1, .entries = {MakeEntry(1, index, std::string(9000, 'a'))}}).ok());
    bool done = false;
    const uint64_t before = log_->syncs();
    // The completion comes before the log looks for segments to give up.
    log_->Write({.group = 2, .entries = {MakeEntry(1, index, "b")}}, [&](absl::Status) {
      log_->Truncate(1, index);
      log_->Write({.group = 3, .entries = {MakeEntry(1, index, std::string(40'000, 'c'))}},
                  [&](absl::Status status) { done = status.ok(); });
      log_->Truncate(2, index);
      if (index > 1) log_->Truncate(3, index - 1);
    });
    executor_.RunUntil([&] { return done || log_->syncs() > before + 500; });
    ASSERT_TRUE(done) << "round " << index;
  }
}

TEST_F(RaftLogOnDisk, ReadLimitsAndBounds) {
  Open();
  LogWrite write{.group = 1, .reset = LogWrite::Position{10, 4}};
  for (raft::Index i = 11; i <= 20; ++i) write.entries.push_back(MakeEntry(5, i, "0123456789"));
  ASSERT_TRUE(Write(std::move(write)).ok());
  EXPECT_TRUE(absl::IsNotFound(Read(1, 10, 12).status()));
  EXPECT_TRUE(absl::IsNotFound(Read(2, 1, 1).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Read(1, 21, 22).status()));
  EXPECT_EQ(Read(1, 11, 20, 1)->size(), 1u);
  EXPECT_EQ(Read(1, 18, 99)->size(), 3u);
  log_->Truncate(1, 15);
  EXPECT_TRUE(absl::IsNotFound(Read(1, 15, 16).status()));
  EXPECT_EQ(Read(1, 16, 20)->size(), 5u);
}

TEST_F(RaftLogOnDisk, ReadSeesQueuedWrites) {
  Open();
  ASSERT_TRUE(Write({.group = 1, .entries = {MakeEntry(1, 1, "old")}}).ok());
  log_->Write({.group = 1, .entries = {MakeEntry(2, 1, "new")}}, [](absl::Status) {});
  auto read = Read(1, 1, 1);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*(*read)[0].payload, "new");
}

}  // namespace
}  // namespace fastpath::storage
