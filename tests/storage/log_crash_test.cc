// The shared log under crashes, at every point there is.
#include <gtest/gtest.h>

#include "storage/crc32c.h"
#include "storage/log_scan.h"
#include "tests/storage/log_harness.h"

namespace fastpath::storage {
namespace {

using testing::SimRandom;

constexpr raft::GroupId kGroups = 5;
constexpr size_t kPayloadLimit = 900;
constexpr int kBursts = 80;

// Equal for every run of the same seed until the disk freezes.
void RunWorkload(LogHarness& harness, uint64_t seed) {
  SimRandom random(seed);
  for (int i = 0; i < kBursts && !harness.device_->frozen(); ++i) {
    harness.RandomBurst(random, kGroups, kPayloadLimit);
  }
}

uint64_t StepsOf(uint64_t seed) {
  LogHarness harness(seed);
  EXPECT_TRUE(harness.Open()->ok());
  const uint64_t opened = harness.device_->steps();
  RunWorkload(harness, seed);
  EXPECT_TRUE(harness.unacked_.empty());
  EXPECT_GT(harness.device_->names().size(), 3u) << "the workload rotates segments";
  return harness.device_->steps() - opened;
}

// After the crash: what was said holds, and the log goes on, through another
// crash too.
void CheckLifeAfter(LogHarness& harness, uint64_t seed, const std::string& when) {
  harness.OpenAndCheck(when);
  if (::testing::Test::HasFatalFailure()) return;
  SimRandom random(seed ^ 0x5555);
  for (int i = 0; i < 3; ++i) harness.RandomBurst(random, kGroups, kPayloadLimit);
  EXPECT_TRUE(harness.errors_.empty());
  EXPECT_TRUE(harness.unacked_.empty());
  harness.PowerCut(SimDisk::Unsynced::kLost);
  harness.OpenAndCheck(when + ", and again");
}

class CrashAtEveryStep : public ::testing::TestWithParam<uint64_t> {};

TEST_P(CrashAtEveryStep, NothingAcknowledgedIsLostNothingIsInvented) {
  const uint64_t seed = GetParam();
  const uint64_t steps = StepsOf(seed);
  ASSERT_GT(steps, 150u);
  struct How {
    std::string name;
    SimDisk::Unsynced unsynced;
    bool kill;  // Only the process dies; the power is cut later.
  };
  const std::vector<How> hows = {{"lost", SimDisk::Unsynced::kLost, false},
                                 {"kept", SimDisk::Unsynced::kKept, false},
                                 {"torn", SimDisk::Unsynced::kTorn, false},
                                 {"torn differently", SimDisk::Unsynced::kTorn, false},
                                 {"killed", SimDisk::Unsynced::kKept, true}};
  for (uint64_t step = 0; step <= steps; ++step) {
    for (size_t h = 0; h < hows.size(); ++h) {
      const std::string when = absl::StrCat("seed ", seed, " step ", step, " ", hows[h].name);
      LogHarness harness(seed);
      ASSERT_TRUE(harness.Open()->ok());
      harness.random_ = SimRandom(seed * 1000 + step * 10 + h);
      harness.device_->FreezeAfter(step);
      RunWorkload(harness, seed);
      if (hows[h].kill) {
        harness.Kill();
      } else {
        harness.PowerCut(hows[h].unsynced);
      }
      CheckLifeAfter(harness, seed, when);
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashAtEveryStep, ::testing::Values(1, 2));

TEST(LogCrash, AgainWhileOpening) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    const std::string when = absl::StrCat("seed ", seed);
    LogHarness harness(seed);
    ASSERT_TRUE(harness.Open()->ok());
    harness.device_->FreezeAfter(harness.random_.Below(150));
    RunWorkload(harness, seed);
    for (int crash = 0; crash < 4; ++crash) {
      if (harness.random_.OneIn(3)) {
        harness.Kill();
      } else {
        harness.PowerCut(SimDisk::Unsynced::kTorn);
      }
      harness.freeze_next_open_ = harness.random_.Below(8);
      std::optional<absl::Status> opened = harness.Open();
      ASSERT_TRUE(!opened || opened->ok()) << when << ": " << *opened;
      // What an open log showed may have been acted on.
      if (opened) harness.Adopt(when);
      if (HasFatalFailure()) return;
    }
    harness.PowerCut(SimDisk::Unsynced::kTorn);
    CheckLifeAfter(harness, seed, when);
    if (HasFatalFailure()) return;
  }
}

// The kernel's cache shows what the failed sync did not write. What the next
// process builds on that must survive the power cut that empties the cache.
TEST(LogCrash, FailedSyncStopsTheLogAndItsCacheIsNotTrusted) {
  for (uint64_t nth = 0; nth < 60; ++nth) {
    const std::string when = absl::StrCat("sync ", nth);
    LogHarness harness(7);
    ASSERT_TRUE(harness.Open()->ok());
    harness.device_->FailSync(nth, absl::DataLossError("EIO"));
    SimRandom random(7);
    while (harness.errors_.empty()) harness.RandomBurst(random, kGroups, kPayloadLimit);
    for (const absl::Status& error : harness.errors_) ASSERT_TRUE(absl::IsAborted(error));
    const size_t errors = harness.errors_.size();
    const uint64_t writes = harness.device_->writes();
    harness.Write({.group = 1, .hard_state = raft::HardState{99, 1, 0}});
    harness.Run();
    EXPECT_EQ(harness.errors_.size(), errors + 1) << "every later write fails";
    EXPECT_EQ(harness.device_->writes(), writes) << "and nothing is tried again";
    harness.Kill();
    harness.OpenAndCheck(when);
    if (HasFatalFailure()) return;
    harness.errors_.clear();
    harness.PowerCut(SimDisk::Unsynced::kLost);
    CheckLifeAfter(harness, 7, when + " after the power cut");
    if (HasFatalFailure()) return;
  }
}

TEST(LogCrash, FailedWriteFailsEverythingPending) {
  LogHarness harness(3);
  ASSERT_TRUE(harness.Open()->ok());
  harness.device_->FailWrite(0, absl::DataLossError("EIO"));
  for (raft::GroupId group = 0; group < 3; ++group) {
    harness.Write({.group = group, .entries = {MakeEntry(1, 1, std::string(5000, 'x'))}});
  }
  harness.Run();
  EXPECT_EQ(harness.errors_.size(), 3u) << "also those of later batches";
}

uint64_t KeptRecords(const SimDisk& device) {
  uint64_t kept = 0;
  for (const std::string& name : device.names()) {
    const std::string& bytes = device.contents(name);
    for (const BatchHeader& batch : ScanSegment(name, bytes).batches) {
      BatchIsWhole(batch, std::string_view(bytes).substr(batch.offset),
                   [&](const TakenRecord& record) {
                     kept += record.body[0] == static_cast<char>(RecordKind::kKept);
                   });
    }
  }
  return kept;
}

TEST(LogCrash, RandomLives) {
  uint64_t kept = 0, reads = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    LogHarness harness(seed);
    harness.device_->set_latency(0, seed % 3 * 500);
    ASSERT_TRUE(harness.Open()->ok());
    SimRandom random(seed);
    for (int life = 0; life < 6; ++life) {
      if (random.OneIn(2)) harness.device_->FreezeAfter(random.Below(300));
      for (int i = 0; i < 40 && !harness.device_->frozen(); ++i) {
        seed % 2 == 0 ? harness.RandomBurst(random, 8, 1500) : harness.HastyBurst(random, 8, 1500);
      }
      const auto how = static_cast<SimDisk::Unsynced>(random.Below(3));
      random.OneIn(3) ? harness.Kill() : harness.PowerCut(how);
      harness.OpenAndCheck(absl::StrCat("seed ", seed, " life ", life));
      if (HasFatalFailure()) return;
    }
    EXPECT_LT(harness.log_->used_bytes(), 60u * 16384);
    kept += KeptRecords(*harness.device_);
    reads += harness.judged_reads_;
  }
  EXPECT_GT(kept, 100u) << "old segments are rewritten";
  EXPECT_GT(reads, 1000u);
}

// --- Corruption ---

struct Flip {
  std::string file;
  uint64_t offset;
};

// Where a byte matters, by the format alone.
enum class Place { kLog, kNewestBatch, kNothing };

class LogBytes {
 public:
  explicit LogBytes(const SimDisk& device) {
    for (const std::string& name : device.names()) {
      scans_.push_back(ScanSegment(name, device.contents(name)));
    }
    verdict_ = *JudgeLog(scans_);
  }
  Place Of(const Flip& flip) const {
    for (const LogVerdict::Part& part : verdict_.chain) {
      const SegmentScan& scan = scans_[part.scan];
      if (scan.name != flip.file) continue;
      const bool newest = &part == &verdict_.chain.back();
      for (const BatchHeader& batch : scan.batches) {
        const uint64_t end = batch.offset + kBatchHeaderBytes + batch.body_bytes;
        if (flip.offset < batch.offset || flip.offset >= end || batch.end() > part.end) continue;
        return newest && batch.end() == scan.end() ? Place::kNewestBatch : Place::kLog;
      }
    }
    return Place::kNothing;
  }

 private:
  std::vector<SegmentScan> scans_;
  LogVerdict verdict_;
};

TEST(LogCorruption, EveryFlippedByteIsFoundOrWasNeverAcknowledgedAlone) {
  LogHarness written(11);
  ASSERT_TRUE(written.Open()->ok());
  RunWorkload(written, 11);
  Model before_last = written.acked_;
  written.Write({.group = 1, .hard_state = raft::HardState{50, 1, 0}});
  written.Run();
  ASSERT_TRUE(written.unacked_.empty());
  const LogBytes bytes(*written.device_);
  std::map<Place, int> seen;
  for (const std::string& name : written.device_->names()) {
    for (uint64_t offset = 0; offset < written.device_->contents(name).size(); offset += 13) {
      const Flip flip{name, offset};
      const std::string when = absl::StrCat(name, " offset ", offset);
      const Place place = bytes.Of(flip);
      ++seen[place];
      LogHarness harness(1);
      harness.device_ = written.device_->Copy();
      harness.device_->FlipBits(name, offset, static_cast<uint8_t>(1 << offset % 8));
      const auto untouched = harness.device_->Copy();
      std::optional<absl::Status> opened = harness.Open();
      ASSERT_TRUE(opened.has_value());
      if (place == Place::kLog) {
        ASSERT_TRUE(absl::IsDataLoss(*opened)) << when << ": " << *opened;
        ASSERT_EQ(harness.device_->names(), untouched->names());
        for (const std::string& file : untouched->names()) {
          ASSERT_EQ(harness.device_->contents(file), untouched->contents(file)) << when;
        }
        continue;
      }
      // A single flip in the last batch cannot be told from a torn write of it.
      ASSERT_TRUE(opened->ok()) << when << ": " << *opened;
      const auto recovered = harness.log_->TakeRecovered();
      ASSERT_EQ(Difference(place == Place::kNothing ? written.acked_ : before_last, recovered), "")
          << when;
    }
  }
  EXPECT_GT(seen[Place::kLog], 500);
  EXPECT_GT(seen[Place::kNewestBatch], 3);
  EXPECT_GT(seen[Place::kNothing], 100);
}

TEST(LogCorruption, DamageNamesSegmentAndOffset) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  for (raft::Index i = 1; i <= 3; ++i) {
    harness.Write({.group = 1, .entries = {MakeEntry(1, i, "payload")}});
    harness.Run();
  }
  harness.Kill();
  harness.device_->FlipBits("segment-00000001", 512 + 80, 1);  // The first entry's batch.
  const auto opened = harness.Open();
  ASSERT_TRUE(absl::IsDataLoss(*opened));
  EXPECT_NE(std::string(opened->message()).find("segment-00000001 offset 512"), std::string::npos)
      << *opened;
}

TEST(LogCorruption, MissingSegmentIsFound) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  for (raft::Index i = 1; i <= 8; ++i) {
    harness.Write({.group = 1, .entries = {MakeEntry(1, i, std::string(6000, 'x'))}});
    harness.Run();
  }
  bool removed = false;
  harness.disk_->Remove("segment-00000002", [&](absl::Status s) { removed = s.ok(); });
  harness.Run();
  ASSERT_TRUE(removed);
  EXPECT_TRUE(absl::IsDataLoss(*harness.Open()));
}

TEST(LogCorruption, DamagedRecordIsNotServed) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  harness.Write({.group = 1, .entries = {MakeEntry(1, 1, "payload")}});
  harness.Run();
  harness.device_->FlipBits("segment-00000001", 512 + 80, 1);
  std::optional<absl::Status> read;
  harness.log_->Read(1, 1, 1, 1000, [&](auto entries) { read = entries.status(); });
  harness.Run();
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(absl::IsDataLoss(*read)) << *read;
}

// A client's value with batches of generations to come wherever one may begin, left behind in a
// recycled segment that is partly overwritten.
TEST(LogCorruption, AValueOfForgedBatchesKeepsNoLogFromOpening) {
  constexpr size_t kBytes = 9000;
  const auto with = [](const std::string& payload) {
    auto harness = std::make_unique<LogHarness>(1);
    EXPECT_TRUE(harness->Open()->ok());
    harness->Write({.group = 1, .entries = {MakeEntry(1, 1, payload)}});
    harness->Run();
    return harness;
  };
  const std::string plain(kBytes, 'x');
  const size_t begin = with(plain)->device_->contents("segment-00000001").find(plain);
  ASSERT_NE(begin, std::string::npos);
  std::string forged = plain;
  for (uint64_t at = AlignUp(begin); at + kBatchHeaderBytes <= begin + kBytes;
       at += kLogAlignment) {
    const std::string header = BatchBuilder({1u << 20, at}, 0).Finish({1u << 20, 1u << 20}, 1);
    forged.replace(at - begin, kBatchHeaderBytes, header, 0, kBatchHeaderBytes);
  }
  const auto harness = with(forged);
  for (raft::Index i = 2; i < 10; ++i) {
    harness->Truncate(1, i - 1);
    harness->Write({.group = 1, .entries = {MakeEntry(1, i, "small")}});
    harness->Run();
    harness->OpenAndCheck(absl::StrCat("after ", i));
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(harness->device_->contents("segment-00000001").find(forged), std::string::npos)
      << "it was never overwritten";
}

TEST(LogCorruption, NewerFormatIsRefused) {
  LogHarness harness(1);
  ASSERT_TRUE(harness.Open()->ok());
  harness.Kill();
  // The header with another format number, its checksum made right again.
  BatchBuilder builder({9, 0}, 0);
  std::string batch = builder.Finish({}, 9);
  batch[8] = 2;
  const uint32_t crc = [&] {
    return ExtendCrc32c(0, std::string_view(batch).substr(8, kBatchHeaderBytes - 8));
  }();
  for (int i = 0; i < 4; ++i) batch[4 + i] = static_cast<char>(crc >> (8 * i));
  const SegmentScan scan = ScanSegment("segment-1", batch);
  EXPECT_TRUE(absl::IsFailedPrecondition(JudgeLog({scan}).status()));
}

}  // namespace
}  // namespace fastpath::storage
