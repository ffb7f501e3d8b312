// The shared log at its limits: a full disk, a full queue, a slow disk.
#include <gtest/gtest.h>

#include "tests/storage/log_harness.h"

namespace fastpath::storage {
namespace {

constexpr uint64_t kSegment = 16384;

void WriteEntry(LogHarness& harness, raft::GroupId group, size_t bytes) {
  const raft::Index next = harness.latest_[group].last() + 1;
  harness.Write({.group = group, .entries = {MakeEntry(1, next, std::string(bytes, 'x'))}});
}

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(harness_.Open()->ok());
    harness_.device_->set_capacity_bytes(2 * kSegment);
    harness_.loop_.RunFor(1'000'000);
  }
  // All of the group that is acknowledged.
  void TruncateAll(raft::GroupId group) {
    harness_.Truncate(group, harness_.acked_[group].last());
    harness_.loop_.RunFor(1'000'000);
  }
  // Until a write is not acknowledged any more.
  void FillUp() {
    for (int i = 0; i < 100 && harness_.unacked_.empty(); ++i) {
      WriteEntry(harness_, 1, 3000);
      harness_.loop_.RunFor(10'000);
    }
    ASSERT_FALSE(harness_.unacked_.empty());
    ASSERT_TRUE(harness_.log_->full());
  }
  LogHarness harness_{1};
};

TEST_F(FullDisk, WritesAreHeldAndGoOnWhenThereIsSpace) {
  FillUp();
  harness_.loop_.RunFor(5'000'000);
  EXPECT_FALSE(harness_.unacked_.empty());
  EXPECT_TRUE(harness_.errors_.empty()) << "held, not failed";
  harness_.device_->set_capacity_bytes(UINT64_MAX);
  harness_.loop_.RunFor(1'000'000);
  EXPECT_TRUE(harness_.unacked_.empty());
  EXPECT_FALSE(harness_.log_->full());
  harness_.PowerCut(SimDisk::Unsynced::kLost);
  harness_.OpenAndCheck("after recovery");
}

TEST_F(FullDisk, TruncationAloneMakesSpace) {
  FillUp();
  TruncateAll(1);
  EXPECT_TRUE(harness_.unacked_.empty());
  WriteEntry(harness_, 1, 3000);
  harness_.loop_.RunFor(1'000'000);
  EXPECT_TRUE(harness_.unacked_.empty());
  harness_.device_->set_capacity_bytes(UINT64_MAX);
  harness_.PowerCut(SimDisk::Unsynced::kLost);
  harness_.OpenAndCheck("after recovery");
}

// The oldest segment's live entries are to be copied, and find no room; then they are cut as well.
TEST_F(FullDisk, TruncationMakesSpaceAlsoWhereACopyWaitsForIt) {
  harness_.device_->set_capacity_bytes(4 * kSegment);
  for (int i = 0; i < 3; ++i) WriteEntry(harness_, 2, 3000);
  harness_.loop_.RunFor(1'000'000);
  FillUp();
  TruncateAll(1);
  EXPECT_FALSE(harness_.unacked_.empty()) << "the oldest segment holds what is live";
  TruncateAll(2);
  EXPECT_TRUE(harness_.unacked_.empty());
  EXPECT_FALSE(harness_.log_->full());
  harness_.device_->set_capacity_bytes(UINT64_MAX);
  harness_.PowerCut(SimDisk::Unsynced::kLost);
  harness_.OpenAndCheck("after recovery");
}

// A spare that is not filled yet, beside one that is.
TEST(FullDiskAtTheStart, BeginsInTheSpareThatIsFilled) {
  RaftLog::Options options = LogHarness::SmallSegments();
  options.segment_bytes = 2u << 20;
  LogHarness harness(1, options);
  ASSERT_TRUE(harness.Open()->ok());
  for (int i = 0; i < 10; ++i) WriteEntry(harness, 1, 100'000);
  harness.Run();
  ASSERT_TRUE(harness.Open()->ok());  // In the second; a third is begun.
  harness.Truncate(1, harness.acked_[1].last());
  for (int i = 0; i < 3; ++i) {
    WriteEntry(harness, 1, 100'000);
    harness.Run();
  }
  const std::vector<std::string> names = harness.device_->names();
  ASSERT_EQ(names.size(), 3u);
  ASSERT_EQ(harness.device_->contents(names[0]).size(), options.segment_bytes);
  ASSERT_LT(harness.device_->contents(names[2]).size(), options.segment_bytes);
  harness.device_->set_capacity_bytes(harness.device_->used_bytes());
  harness.OpenAndCheck("on a full disk");
}

TEST_F(FullDisk, CrashWhileHeldLosesNothingAcknowledged) {
  FillUp();
  harness_.PowerCut(SimDisk::Unsynced::kTorn);
  harness_.device_->set_capacity_bytes(UINT64_MAX);
  harness_.OpenAndCheck("after the crash");
}

TEST(LogQueue, PastTheLimitAGroupIsRefusedCertainlyAndForGood) {
  RaftLog::Options options = LogHarness::SmallSegments();
  options.queue_limit_bytes = 10'000;
  LogHarness harness(1, options);
  ASSERT_TRUE(harness.Open()->ok());
  std::vector<absl::Status> one, two;
  auto write = [&](raft::GroupId group, raft::Index index, std::vector<absl::Status>& answers) {
    harness.log_->Write({.group = group, .entries = {MakeEntry(1, index, std::string(4000, 'x'))}},
                        [&answers](absl::Status status) { answers.push_back(status); });
  };
  write(1, 1, one);
  write(1, 2, one);
  write(2, 1, two);  // Too much.
  write(1, 3, one);  // So is this.
  harness.Run();
  write(2, 1, two);  // There is room now, but not for this group.
  harness.Run();
  ASSERT_EQ(one.size(), 3u);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(std::count_if(one.begin(), one.end(), absl::IsResourceExhausted), 1);
  EXPECT_EQ(std::count_if(two.begin(), two.end(), absl::IsResourceExhausted), 2);
  EXPECT_EQ(harness.log_->queued_bytes(), 0u);
  absl::Status other = absl::UnknownError("pending");
  harness.log_->Write({.group = 3, .entries = {MakeEntry(1, 1, "x")}},
                      [&](absl::Status status) { other = status; });
  harness.Run();
  EXPECT_TRUE(other.ok()) << "the log goes on";
  harness.Open();
  const auto recovered = harness.log_->TakeRecovered();
  EXPECT_EQ(recovered.at(1).entries.size(), 2u);
  EXPECT_FALSE(recovered.contains(2));
}

TEST(LogQueue, OneWriteAboveTheLimitPassesAlone) {
  RaftLog::Options options = LogHarness::SmallSegments();
  options.queue_limit_bytes = 10'000;
  LogHarness harness(1, options);
  ASSERT_TRUE(harness.Open()->ok());
  WriteEntry(harness, 1, 50'000);
  harness.Run();
  EXPECT_TRUE(harness.unacked_.empty());
  EXPECT_TRUE(harness.errors_.empty());
}

// Two-second syncs: what comes meanwhile makes one batch.
TEST(LogQueue, SlowDiskGathersWrites) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  harness.Run();
  harness.device_->set_latency(2'000'000, 2'000'000);
  const uint64_t syncs = harness.log_->syncs();
  for (int i = 0; i < 30; ++i) {
    WriteEntry(harness, 1, 10);
    harness.loop_.RunFor(100'000);
  }
  harness.Run();
  EXPECT_TRUE(harness.unacked_.empty());
  EXPECT_LE(harness.log_->syncs() - syncs, 4u);
}

// Where much is written the next batch waits a little for company; a few writes
// never wait.
TEST(LogQueue, BusyBatchesArePaced) {
  RaftLog::Options options = LogHarness::SmallSegments();
  options.pace_us = 50'000;
  LogHarness harness(1, options);
  ASSERT_TRUE(harness.Open()->ok());
  harness.Run();
  harness.device_->set_latency(100, 100);
  auto write = [&](size_t writes) {
    for (size_t i = 0; i < writes; ++i) WriteEntry(harness, 1, 10);
  };
  write(options.busy_writes - 1);
  harness.loop_.RunFor(1'000);
  write(1);
  harness.loop_.RunFor(1'000);
  EXPECT_TRUE(harness.unacked_.empty()) << "not busy";
  write(options.busy_writes);
  harness.loop_.RunFor(1'000);
  EXPECT_TRUE(harness.unacked_.empty());
  const uint64_t syncs = harness.log_->syncs();
  write(1);
  harness.loop_.RunFor(10'000);
  write(1);
  harness.loop_.RunFor(30'000);
  EXPECT_EQ(harness.unacked_.size(), 2u);
  harness.loop_.RunFor(10'000);
  EXPECT_TRUE(harness.unacked_.empty());
  EXPECT_EQ(harness.log_->syncs(), syncs + 1);
}

// An idle group's last words are carried along as segments are given up.
TEST(LogRewrite, IdleGroupsSurviveManySegments) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  harness.Write({.group = 9,
                 .hard_state = raft::HardState{7, 3, 12},
                 .entries = {MakeEntry(7, 101, "kept")},
                 .reset = raft::LogWrite::Position{100, 6}});
  for (int i = 0; i < 300; ++i) {
    WriteEntry(harness, 1, 2000);
    harness.Run();
    const raft::Index last = harness.acked_[1].last();
    if (last > 4) harness.Truncate(1, last - 4);
    harness.Run();
  }
  EXPECT_LE(harness.log_->used_bytes(), 6 * kSegment);
  harness.PowerCut(SimDisk::Unsynced::kLost);
  harness.OpenAndCheck("after 300 writes");
  EXPECT_EQ(harness.acked_[9].entries.size(), 1u);
}

// If everything is live there is nothing to gain by copying, and no end to it.
TEST(LogRewrite, LiveLogGrowsWithoutBeingCopied) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  for (int i = 0; i < 100; ++i) WriteEntry(harness, 1, 2000);
  harness.Run();
  EXPECT_GT(harness.log_->used_bytes(), 200'000u);
  EXPECT_LT(harness.device_->used_bytes(), 200'000u * 2);
  EXPECT_TRUE(harness.unacked_.empty());
}

}  // namespace
}  // namespace fastpath::storage
