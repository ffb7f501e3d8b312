// What only the engine on RocksDB can go through: damaged files, cold caches,
// stalls, leftovers of a dead process.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage/engine.h"
#include "storage/keys.h"
#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::storage {
namespace {

namespace fs = std::filesystem;

class RocksEngineTest : public ::testing::Test {
 protected:
  absl::Status Open(RocksOptions options = {}) {
    engine_.reset();
    auto engine = OpenRocksEngine(path(), options, &executor_);
    if (engine.ok()) engine_ = *std::move(engine);
    return engine.status();
  }
  std::string path() const { return directory_.path() + "/db"; }
  template <typename Value, typename Call>
  Value Await(Call call) {
    std::optional<Value> value;
    call([&](Value v) { value = std::move(v); });
    executor_.RunUntil([&] { return value.has_value(); });
    return *std::move(value);
  }
  absl::Status Put(std::string key, std::string value) {
    WriteBatch batch;
    batch.Put(std::move(key), std::move(value));
    return Await<absl::Status>([&](auto done) { engine_->Write(batch, std::move(done)); });
  }
  absl::StatusOr<std::optional<std::string>> Get(std::string key) {
    return Await<absl::StatusOr<std::optional<std::string>>>(
        [&](auto done) { engine_->Get(std::move(key), std::move(done)); });
  }
  absl::Status Flush() {
    return Await<absl::Status>([&](auto done) { engine_->Flush(std::move(done)); });
  }
  // Incompressible enough that a key's place in the file matters.
  void FillAndFlush() {
    uint32_t x = 1;
    for (int i = 0; i < 1000; ++i) {
      std::string value;
      for (int j = 0; j < 200; ++j)
        value.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
      ASSERT_TRUE(Put("key" + std::to_string(i), value).ok());
    }
    ASSERT_TRUE(Flush().ok());
  }
  fs::path FileNamed(const std::string& part) {
    for (const auto& file : fs::directory_iterator(path())) {
      if (file.path().filename().string().find(part) != std::string::npos) return file.path();
    }
    ADD_FAILURE() << "no file " << part;
    return {};
  }
  // From files, the page cache's part included.
  static uint64_t BytesReadByThisProcess() {
    std::ifstream file("/proc/self/io");
    std::string name;
    uint64_t bytes = 0;
    file >> name >> bytes;
    EXPECT_EQ(name, "rchar:");
    return bytes;
  }
  static void Damage(const fs::path& file, uint64_t begin, uint64_t end) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = begin; at < end; ++at) {
      stream.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(stream.get());
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put(static_cast<char>(byte ^ 0x10));
    }
  }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
  std::unique_ptr<Engine> engine_;
};

// RocksDB opens the files of an overfull table cache when it first reads them.
TEST_F(RocksEngineTest, WhatLiesInAFileThatIsNotOpenIsRead) {
  constexpr int kFiles = 60;
  ASSERT_TRUE(Open({.max_open_files = 20}).ok());
  for (int i = 0; i < kFiles; ++i) {
    ASSERT_TRUE(Put("key" + std::to_string(i), "value" + std::to_string(i)).ok());
    ASSERT_TRUE(Put("none" + std::to_string(i), "").ok());
    ASSERT_TRUE(Flush().ok());
    for (const int key : {0, i / 2, i}) {
      EXPECT_EQ(*Get("key" + std::to_string(key)), "value" + std::to_string(key)) << i;
      EXPECT_EQ(*Get("none" + std::to_string(key)), "") << i;
      EXPECT_EQ(*Get("absent" + std::to_string(key)), std::nullopt) << i;
    }
  }
}

// The filter of so many keys, 625 KB, is more than a shard of this cache holds: in one piece it
// would be read anew, whole, by every Get that goes to the disk.
TEST_F(RocksEngineTest, AGetReadsLittleHoweverManyKeysItsFileHas) {
  constexpr int kKeys = 500'000, kBatch = 5000, kGets = 200;
  const auto key = [](int i) { return "key" + std::to_string(i); };
  const RocksOptions options{.memtable_bytes = 512u << 20, .block_cache_bytes = 2u << 20};
  ASSERT_TRUE(Open(options).ok());
  for (int begin = 0; begin < kKeys; begin += kBatch) {
    WriteBatch batch;
    for (int i = begin; i < begin + kBatch; ++i) batch.Put(key(i), "");
    const auto write = [&](auto done) { engine_->Write(batch, std::move(done)); };
    ASSERT_TRUE(Await<absl::Status>(write).ok());
  }
  ASSERT_TRUE(Flush().ok());
  ASSERT_TRUE(Open(options).ok());
  const uint64_t before = BytesReadByThisProcess();
  for (int i = 0; i < kGets; ++i) EXPECT_EQ(*Get(key(i * (kKeys / kGets))), "");
  EXPECT_LE(BytesReadByThisProcess() - before, kGets * (64u << 10));
}

// In the write-back table, in the block cache, on the disk, nowhere: a MultiGet that finds the
// first few in memory goes on from there.
TEST_F(RocksEngineTest, AMultiGetFindsEachValueWhereverItIs) {
  constexpr int kKeys = 200;
  const auto key = [](int i) { return "key" + std::to_string(1000 + i); };
  const auto value = [](int i) { return std::string(4096, static_cast<char>('a' + i % 26)); };
  ASSERT_TRUE(Open().ok());
  const auto write = [&](WriteBatch batch) {
    const auto call = [&](auto done) { engine_->Write(std::move(batch), std::move(done)); };
    ASSERT_TRUE(Await<absl::Status>(call).ok());
  };
  WriteBatch stored;
  for (int i = 0; i < kKeys; ++i) stored.Put(key(i), value(i));
  write(std::move(stored));
  ASSERT_TRUE(Flush().ok());
  ASSERT_TRUE(Open().ok());
  WriteBatch newer;
  for (int i = 0; i < kKeys; i += 10) newer.Put(key(i), "newer");
  for (int i = 5; i < kKeys; i += 10) newer.Delete(key(i));
  write(std::move(newer));
  for (int i = 0; i < kKeys / 2; ++i) ASSERT_TRUE(Get(key(i)).ok());  // Cached from now on.

  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.insert(keys.end(), {key(i), key(i) + "-not"});
  const auto many = Await<absl::StatusOr<std::vector<std::optional<std::string>>>>(
      [&](auto done) { engine_->MultiGet(keys, std::move(done)); });
  ASSERT_TRUE(many.ok()) << many.status();
  ASSERT_EQ(many->size(), keys.size());
  for (int i = 0; i < kKeys; ++i) {
    const std::optional<std::string> expected = i % 10 == 0   ? std::optional<std::string>("newer")
                                                : i % 10 == 5 ? std::nullopt
                                                              : std::optional(value(i));
    EXPECT_EQ((*many)[2 * i], expected) << i;
    EXPECT_EQ((*many)[2 * i + 1], std::nullopt) << i;
  }
}

TEST_F(RocksEngineTest, DamagedTableIsDataLossWithItsNameOnRead) {
  ASSERT_TRUE(Open().ok());
  FillAndFlush();
  engine_.reset();
  const fs::path table = FileNamed(".sst");
  Damage(table, 50'000, 60'000);
  ASSERT_TRUE(Open().ok());
  int lost = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto value = Get("key" + std::to_string(i));
    if (value.ok()) {
      EXPECT_TRUE(value->has_value());
      continue;
    }
    ++lost;
    EXPECT_TRUE(absl::IsDataLoss(value.status())) << value.status();
    EXPECT_NE(std::string(value.status().message()).find(table.filename().string()),
              std::string::npos)
        << value.status();
  }
  EXPECT_GT(lost, 10);
  EXPECT_LT(lost, 500);
  const auto scanned = Await<absl::StatusOr<ScanResult>>([&](auto done) {
    engine_->Scan({"key", "kez"}, {.limit_rows = 5000}, std::move(done));
  });
  EXPECT_TRUE(absl::IsDataLoss(scanned.status())) << scanned.status();
  const auto many = Await<absl::StatusOr<std::vector<std::optional<std::string>>>>([&](auto done) {
    std::vector<std::string> keys;
    for (int i = 0; i < 1000; ++i) keys.push_back("key" + std::to_string(i));
    engine_->MultiGet(std::move(keys), std::move(done));
  });
  EXPECT_TRUE(absl::IsDataLoss(many.status())) << many.status();
}

TEST_F(RocksEngineTest, DamagedManifestIsRefusedAtOpen) {
  ASSERT_TRUE(Open().ok());
  FillAndFlush();
  engine_.reset();
  const fs::path manifest = FileNamed("MANIFEST");
  Damage(manifest, 10, fs::file_size(manifest) - 10);
  const absl::Status status = Open();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(std::string(status.message()).find(path()), std::string::npos) << status;
}

TEST_F(RocksEngineTest, MissingTableIsRefusedAtOpen) {
  ASSERT_TRUE(Open().ok());
  FillAndFlush();
  engine_.reset();
  const fs::path table = FileNamed(".sst");
  fs::remove(table);
  const absl::Status status = Open();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(std::string(status.message()).find(table.stem().string()), std::string::npos) << status;
}

TEST_F(RocksEngineTest, LeftoversOfAnInstallAreRemovedAtOpen) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("b", "old").ok());
  ASSERT_TRUE(Flush().ok());
  engine_.reset();
  fs::create_directories(path() + "/install/0");
  std::ofstream(path() + "/install/0/0.sst") << "half a file";
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(fs::exists(path() + "/install"));
  EXPECT_EQ(**Get("b"), "old");
}

TEST_F(RocksEngineTest, FinishedInstallLeavesNoFiles) {
  ASSERT_TRUE(Open({.table_install_bytes = 0}).ok());
  auto install = engine_->NewInstall({{"a", "c"}});
  auto step = [&](auto call) { return Await<absl::Status>(call); };
  ASSERT_TRUE(step([&](auto done) { install->Add({{"b", "x"}}, std::move(done)); }).ok());
  EXPECT_TRUE(fs::exists(path() + "/install/0"));
  ASSERT_TRUE(step([&](auto done) { install->Commit(std::move(done)); }).ok());
  install.reset();
  ASSERT_TRUE(Flush().ok()) << "behind the removal";
  EXPECT_FALSE(fs::exists(path() + "/install/0"));
}

TEST_F(RocksEngineTest, InstallOfManyFiles) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("key", "old").ok());
  auto install = engine_->NewInstall({{"a", "z"}});
  auto step = [&](auto call) { return Await<absl::Status>(call); };
  uint32_t x = 1;
  constexpr int kChunks = 150;  // Of about 1 MiB: several files.
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    std::vector<KeyValue> rows;
    for (int i = 0; i < 16; ++i) {
      char key[32];
      std::snprintf(key, sizeof(key), "r%06d", chunk * 16 + i);
      std::string value;
      while (value.size() < 65536)
        value.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
      rows.emplace_back(key, std::move(value));
    }
    ASSERT_TRUE(step([&](auto done) { install->Add(std::move(rows), std::move(done)); }).ok());
  }
  size_t files = 0;
  for ([[maybe_unused]] const auto& file : fs::directory_iterator(path() + "/install/0")) ++files;
  EXPECT_GE(files, 2u);
  ASSERT_TRUE(step([&](auto done) { install->Commit(std::move(done)); }).ok());
  install.reset();
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE((*Get("key")).has_value());
  EXPECT_TRUE((*Get("r000000")).has_value());
  EXPECT_TRUE((*Get("r002399")).has_value());
}

// A cluster of a thousand groups installs a thousand tiny snapshots on each new
// node: their durability may not cost files and syncs each.
TEST_F(RocksEngineTest, SmallInstallsAtOnceShareTheirWriteOuts) {
  constexpr int kInstalls = 200;
  ASSERT_TRUE(Open().ok());
  int committed = 0;
  std::vector<std::unique_ptr<Installer>> installs;
  for (raft::GroupId group = 1; group <= kInstalls; ++group) {
    installs.push_back(engine_->NewInstall(Ranges(group, {.empty = true}, {})));
    Installer* install = installs.back().get();
    std::vector<KeyValue> rows{{AppliedKey(group), EncodeAppliedRow({.index = 7, .term = 1})}};
    install->Add(std::move(rows), [&committed, install](absl::Status added) {
      ASSERT_TRUE(added.ok()) << added;
      install->Commit([&committed](absl::Status status) {
        ASSERT_TRUE(status.ok()) << status;
        ++committed;
      });
    });
  }
  executor_.RunUntil([&] { return committed == kInstalls; });
  size_t files = 0;
  for (const auto& file : fs::directory_iterator(path()))
    files += file.path().extension() == ".sst";
  EXPECT_GE(files, 1u);
  EXPECT_LE(files, 4u);
  installs.clear();
  ASSERT_TRUE(Open().ok()) << "a crash";
  for (raft::GroupId group = 1; group <= kInstalls; ++group) {
    ASSERT_TRUE((*Get(AppliedKey(group))).has_value()) << group;
  }
}

TEST_F(RocksEngineTest, OneProcessAtATime) {
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(OpenRocksEngine(path(), {}, &executor_).ok());
}

// Tiny generations fill faster than they can be written out.
TEST_F(RocksEngineTest, StalledWritesAreRefusedAndGoOnWhenToldSo) {
  ASSERT_TRUE(Open({.memtable_bytes = 64u << 10}).ok());
  int stalls = 0;
  int written = 0;
  for (; stalls < 3; ++written) {
    const std::string key = "key" + std::to_string(written);
    absl::Status status = Put(key, std::string(4000, 'v'));
    while (absl::IsUnavailable(status)) {
      ++stalls;
      EXPECT_EQ(*Get(key), std::nullopt) << "nothing of it was taken";
      bool writable = false;
      engine_->WhenWritable([&] { writable = true; });
      executor_.RunUntil([&] { return writable; });
      status = Put(key, std::string(4000, 'v'));
    }
    ASSERT_TRUE(status.ok()) << status;
  }
  for (int i = 0; i < written; ++i) {
    ASSERT_TRUE((*Get("key" + std::to_string(i))).has_value()) << i;
  }
}

// A generation that was full tells it, too.
TEST_F(RocksEngineTest, ListenerFollowsWriteOuts) {
  ASSERT_TRUE(Open({.memtable_bytes = 64u << 10}).ok());
  raft::Index told = 0;
  engine_->SetPersistedListener([&](raft::GroupId group, raft::Index index) {
    EXPECT_EQ(group, 3u);
    EXPECT_GE(index, told);
    told = index;
  });
  raft::Index index = 0;
  while (told == 0) {
    WriteBatch batch;
    batch.Put("key" + std::to_string(index), std::string(2000, 'v'));
    batch.Put(AppliedKey(3), EncodeAppliedRow({.index = ++index}));
    engine_->Write(batch, [&](absl::Status status) {
      if (!status.ok()) --index;
    });
    executor_.RunPosted();
  }
  EXPECT_LE(told, index);
  const raft::Index before_crash = told;
  ASSERT_TRUE(Open().ok());
  EXPECT_GE(DecodeAppliedRow(**Get(AppliedKey(3)))->index, before_crash);
}

// The node must come to know, also where it was told to wait.
TEST_F(RocksEngineTest, AFailedWriteOutIsToldToWritersThatWait) {
  ASSERT_TRUE(Open({.memtable_bytes = 16u << 10}).ok());
  std::ofstream(path() + "/install") << "in the way of the directory";
  raft::Index told = 0;
  engine_->SetPersistedListener([&](raft::GroupId, raft::Index index) { told = index; });
  absl::Status status;
  for (int i = 1; status.ok() && i < 1000; ++i) {
    WriteBatch batch;
    batch.Put("key" + std::to_string(i), std::string(2000, 'v'));
    batch.Put(AppliedKey(3), EncodeAppliedRow({.index = static_cast<raft::Index>(i)}));
    status = Await<absl::Status>([&](auto done) { engine_->Write(batch, std::move(done)); });
  }
  ASSERT_TRUE(absl::IsUnavailable(status)) << status << ": refused before any answer was posted";
  bool writable = false;
  engine_->WhenWritable([&] { writable = true; });
  executor_.RunUntil([&] { return writable; });
  status = Put("key", "value");
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(Flush(), status);
  EXPECT_EQ(told, 0u) << "nothing became durable";
  EXPECT_TRUE((*Get("key1")).has_value()) << "reads go on";
  engine_.reset();
  fs::remove(path() + "/install");
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(*Get("key1"), std::nullopt);
}

// To a replica DataLoss is its group's; of this no group's writes can become durable any more.
TEST_F(RocksEngineTest, DamageThatACompactionMeetsFailsTheEngineAndNotAGroup) {
  ASSERT_TRUE(Open().ok());
  absl::Status status;
  for (int i = 0; status.ok() && i < 100; ++i) {
    for (const char* key : {"a", "z"}) {
      ASSERT_TRUE(Put(key, std::string(20'000, static_cast<char>('a' + i % 26))).ok());
    }
    status = Flush();
    for (const auto& file : fs::directory_iterator(path())) {
      if (file.path().extension() == ".sst") Damage(file.path(), 10'000, 10'001);
    }
  }
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_NE(std::string(status.message()).find("Corruption"), std::string::npos) << status;
  EXPECT_EQ(Put("key", "value"), status);
}

// Views keep what they see through freezes and write-outs.
TEST_F(RocksEngineTest, PinnedViewsSurviveGenerations) {
  ASSERT_TRUE(Open({.memtable_bytes = 8u << 10}).ok());
  std::vector<View> views;
  constexpr int kRounds = 40, kRows = 10;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kRows; ++i) {
      const std::string key = "key" + std::to_string(i), value = std::to_string(round);
      while (!Put(key, value + std::string(300, '.')).ok()) {
        bool writable = false;
        engine_->WhenWritable([&] { writable = true; });
        executor_.RunUntil([&] { return writable; });
      }
    }
    views.push_back(engine_->Pin());
  }
  for (int round = kRounds - 1; round >= 0; --round) {
    for (const size_t limit : {size_t{100}, size_t{1000}}) {
      const auto seen = Await<absl::StatusOr<ScanResult>>([&](auto done) {
        engine_->Scan({"key", "kez"}, {.limit_rows = limit, .view = views[round]}, std::move(done));
      });
      ASSERT_TRUE(seen.ok()) << seen.status();
      ASSERT_EQ(seen->rows.size(), static_cast<size_t>(kRows));
      for (const auto& [key, value] : seen->rows) {
        ASSERT_EQ(value, std::to_string(round) + std::string(300, '.')) << key;
      }
    }
    views.pop_back();
  }
}

TEST_F(RocksEngineTest, DestroyedWithReadsUnderWay) {
  ASSERT_TRUE(Open().ok());
  FillAndFlush();
  ASSERT_TRUE(Open().ok());
  int answered = 0;
  for (int i = 0; i < 500; ++i) {
    engine_->Get("key" + std::to_string(i), [&](auto) { ++answered; });
  }
  const int inline_answers = answered;
  engine_.reset();
  executor_.RunPosted();
  EXPECT_EQ(answered, inline_answers) << "nothing is answered by a dead engine";
}

}  // namespace
}  // namespace fastpath::storage
