// What is told of a log's files is what recovery finds in them, and is told of a
// log that recovery refuses, too. Nothing on the device changes.
#include "storage/log_inspect.h"

#include <gtest/gtest.h>

#include "tests/storage/log_harness.h"

namespace fastpath::storage {
namespace {

class LogInspectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(harness_.Open()->ok());
    for (int i = 0; i < 40; ++i) {
      harness_.RandomBurst(harness_.random_, 4, 2000);
      harness_.loop_.RunFor(100'000);
    }
    ASSERT_TRUE(harness_.unacked_.empty());
  }
  LogInspection Inspect() {
    std::map<std::string, std::string> before;
    for (const std::string& name : harness_.device_->names()) {
      before[name] = harness_.device_->contents(name);
    }
    const uint64_t writes = harness_.device_->writes();
    const uint64_t syncs = harness_.device_->syncs();
    testing::SimExecutor executor(&harness_.loop_);
    auto disk = harness_.device_->Attach(&executor, &harness_.clock_);
    absl::StatusOr<LogInspection> result = absl::InternalError("no answer");
    InspectLog(disk.get(), [&](auto inspection) { result = std::move(inspection); });
    harness_.loop_.RunUntilIdle();
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(harness_.device_->writes(), writes);
    EXPECT_EQ(harness_.device_->syncs(), syncs);
    EXPECT_EQ(harness_.device_->names().size(), before.size());
    for (const auto& [name, bytes] : before) EXPECT_EQ(harness_.device_->contents(name), bytes);
    return result.ok() ? *std::move(result) : LogInspection();
  }
  static std::map<raft::GroupId, RaftLog::Recovered> AsRecovered(const LogInspection& log) {
    std::map<raft::GroupId, RaftLog::Recovered> groups;
    for (const auto& [id, group] : log.groups) {
      RaftLog::Recovered& recovered = groups[id];
      recovered.hard_state = group.state;
      recovered.start = group.start;
      for (const auto& [index, entry] : group.entries) recovered.entries.push_back(entry.second);
    }
    return groups;
  }
  static const SegmentReport& Newest(const LogInspection& log) { return log.segments.back(); }

  LogHarness harness_{7};
};

TEST_F(LogInspectTest, TellsWhatRecoveryWouldFind) {
  harness_.Kill();
  const LogInspection log = Inspect();
  EXPECT_TRUE(log.damage.ok()) << log.damage;
  EXPECT_EQ(log.torn_tail, std::nullopt);
  EXPECT_EQ(Difference(harness_.acked_, AsRecovered(log)), "");
  ASSERT_GE(log.segments.size(), 2u);
  EXPECT_TRUE(Newest(log).live);
  EXPECT_GT(Newest(log).records, 0u);
  EXPECT_LE(Newest(log).end_bytes, Newest(log).file_bytes);
  harness_.OpenAndCheck("the log is as it was");
}

// A power cut between a batch's write and its sync leaves any sectors of it.
TEST_F(LogInspectTest, ABatchThatIsNotWholeIsATornTail) {
  int torn = 0;
  for (int i = 0; i < 30; ++i) {
    const raft::Index next = harness_.latest_[1].last() + 1;
    harness_.device_->FreezeAfter(1);
    harness_.Write({.group = 1, .entries = {MakeEntry(9, next, std::string(3000, 'x'))}});
    harness_.loop_.RunFor(100'000);
    harness_.PowerCut(SimDisk::Unsynced::kTorn);
    const LogInspection log = Inspect();
    EXPECT_TRUE(log.damage.ok()) << log.damage;
    if (log.torn_tail) {
      ++torn;
      EXPECT_NE(log.torn_tail->find(Newest(log).name), std::string::npos) << *log.torn_tail;
    }
    harness_.OpenAndCheck("after the power cut");
    if (HasFatalFailure()) return;
    EXPECT_EQ(Inspect().torn_tail, std::nullopt) << "a start cuts it";
    ASSERT_TRUE(harness_.Open()->ok());
    harness_.log_->TakeRecovered();
  }
  EXPECT_GT(torn, 0);
}

TEST_F(LogInspectTest, OfADamagedLogTheRestIsShown) {
  harness_.Kill();
  const LogInspection before = Inspect();
  ASSERT_GE(Newest(before).batches, 3u);
  harness_.device_->FlipBits(Newest(before).name, 20, 0xff);  // In its first header.
  ASSERT_FALSE(harness_.Open()->ok()) << "recovery must refuse it";
  harness_.Kill();
  const LogInspection log = Inspect();
  EXPECT_TRUE(absl::IsDataLoss(log.damage)) << log.damage;
  EXPECT_FALSE(log.groups.empty()) << "older segments can be read";
}

}  // namespace
}  // namespace fastpath::storage
