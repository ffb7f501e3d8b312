// Both engines behind one face, for the contract suite: open, crash, reopen.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/engine.h"
#include "storage/keys.h"
#include "storage/sim_engine.h"
#include "tests/support/sim_executor.h"
#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::storage {

enum class EngineKind { kRocks, kRocksFiles, kSim, kSimLate };

// kRocksFiles: every install by files of its own, however small.
inline std::string Name(EngineKind kind) {
  static constexpr const char* kNames[] = {"Rocks", "RocksFiles", "Sim", "SimLate"};
  return kNames[static_cast<int>(kind)];
}

class EngineTest : public ::testing::TestWithParam<EngineKind> {
 protected:
  using Rows = std::vector<KeyValue>;

  void SetUp() override { Open(); }

  void Open() {
    if (GetParam() == EngineKind::kRocks || GetParam() == EngineKind::kRocksFiles) {
      if (GetParam() == EngineKind::kRocksFiles) rocks_options_.table_install_bytes = 0;
      auto engine = OpenRocksEngine(directory_.path(), rocks_options_, &executor_);
      ASSERT_TRUE(engine.ok()) << engine.status();
      engine_ = *std::move(engine);
    } else {
      SimEngineOptions options;
      if (GetParam() == EngineKind::kSimLate) {
        options = {.random = &random_, .late_read_one_in = 2, .stall_one_in = 3};
      }
      engine_ = OpenSimEngine(&store_, options, &executor_);
    }
    persisted_.clear();
    engine_->SetPersistedListener(
        [this](raft::GroupId group, raft::Index index) { persisted_[group] = index; });
  }
  // Nothing is flushed on the way out.
  void Crash() { engine_.reset(); }
  void Reopen() {
    Crash();
    Open();
  }

  template <typename Value, typename Call>
  Value Await(Call call) {
    std::optional<Value> value;
    call([&](Value v) { value = std::move(v); });
    executor_.RunUntil([&] { return value.has_value(); });
    return *std::move(value);
  }

  void Write(const WriteBatch& batch) {
    while (true) {
      const auto status =
          Await<absl::Status>([&](auto done) { engine_->Write(batch, std::move(done)); });
      if (status.ok()) return;
      ASSERT_TRUE(absl::IsUnavailable(status)) << status;
      bool writable = false;
      engine_->WhenWritable([&] { writable = true; });
      executor_.RunUntil([&] { return writable; });
    }
  }
  void Put(std::string key, std::string value) {
    WriteBatch batch;
    batch.Put(std::move(key), std::move(value));
    Write(batch);
  }
  // What apply writes: data and the applied row, together.
  void PutApplied(raft::GroupId group, raft::Index index, std::string key, std::string value) {
    WriteBatch batch;
    batch.Put(std::move(key), std::move(value));
    batch.Put(AppliedKey(group), EncodeAppliedRow({.index = index, .term = 1}));
    Write(batch);
  }
  std::optional<std::string> Get(const std::string& key) {
    auto value = Await<absl::StatusOr<std::optional<std::string>>>(
        [&](auto done) { engine_->Get(key, std::move(done)); });
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *std::move(value) : std::nullopt;
  }
  raft::Index Applied(raft::GroupId group) {
    auto value = Get(AppliedKey(group));
    return value ? DecodeAppliedRow(*value)->index : 0;
  }
  ScanResult Scan(KeyRange range, ScanOptions options = {}) {
    auto result = Await<absl::StatusOr<ScanResult>>(
        [&](auto done) { engine_->Scan(std::move(range), std::move(options), std::move(done)); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ScanResult();
  }
  Rows All() { return Scan({std::string(1, '\0'), "\xff"}, {.limit_rows = 1u << 20}).rows; }
  absl::Status Flush() {
    return Await<absl::Status>([&](auto done) { engine_->Flush(std::move(done)); });
  }
  absl::Status Add(Installer& installer, Rows rows) {
    return Await<absl::Status>([&](auto done) { installer.Add(std::move(rows), std::move(done)); });
  }
  absl::Status Commit(Installer& installer) {
    return Await<absl::Status>([&](auto done) { installer.Commit(std::move(done)); });
  }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
  testing::SimRandom random_{42};
  SimStore store_;
  RocksOptions rocks_options_;
  std::unique_ptr<Engine> engine_;
  std::map<raft::GroupId, raft::Index> persisted_;
};

}  // namespace fastpath::storage
