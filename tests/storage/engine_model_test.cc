// The engine on RocksDB against a std::map, with generations and a block cache so
// small that freezing, writing out and reading from the disk happen all the
// time, and with reads under way while writes go on. Every answer must be the
// state of one moment between its call and its completion; what a crash leaves
// must be a prefix of the writes that is not behind what was told as persisted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/engine.h"
#include "storage/keys.h"
#include "tests/support/sim_executor.h"
#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::storage {
namespace {

using Map = std::map<std::string, std::string>;
using Values = std::vector<std::optional<std::string>>;

constexpr raft::GroupId kGroup = 1;
constexpr size_t kHistory = 400;  // States kept; more than are ever unpersisted here.

ScanResult Expected(const Map& rows, const KeyRange& range, const ScanOptions& options) {
  ScanResult result;
  if (range.begin >= range.end) return result;
  std::vector<KeyValue> inside(rows.lower_bound(range.begin), rows.lower_bound(range.end));
  if (options.reverse) std::reverse(inside.begin(), inside.end());
  size_t bytes = 0;
  std::string wanted_from;
  for (KeyValue& row : inside) {
    if (row.first < wanted_from) continue;
    const bool full = result.rows.size() >= options.limit_rows || bytes >= options.limit_bytes;
    if (full && !result.rows.empty()) {
      result.more = true;
      break;
    }
    bytes += row.first.size() + row.second.size();
    if (options.skip_to) wanted_from = options.skip_to(row.first);
    result.rows.push_back(std::move(row));
  }
  return result;
}

class ModelRun {
 public:
  explicit ModelRun(uint64_t seed) : random_(seed) { Open(); }

  void Step() {
    const uint64_t what = random_.Below(1000);
    if (what < 700) {
      Write();
    } else if (what < 800) {
      StartScan();
    } else if (what < 860) {
      StartMultiGet();
    } else if (what < 900) {
      pins_.emplace_back(engine_->Pin(), Now());
    } else if (what < 930) {
      if (!pins_.empty()) pins_.erase(pins_.begin() + random_.Below(pins_.size()));
    } else if (what < 960) {
      executor_.RunPosted();
    } else if (what < 980) {
      Flush();
    } else if (what < 992) {
      Install();
    } else {
      Reopen();
    }
  }
  void Finish() {
    Settle();
    Reopen();
  }

 private:
  // The state after `index` writes is history_[index].
  const Map& Now() const { return history_.rbegin()->second; }
  raft::Index index() const { return history_.rbegin()->first; }

  void Open() {
    auto engine =
        OpenRocksEngine(directory_.path() + "/db",
                        {.memtable_bytes = 6u << 10, .block_cache_bytes = 4u << 10}, &executor_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    engine_->SetPersistedListener([this](raft::GroupId group, raft::Index index) {
      EXPECT_EQ(group, kGroup);
      EXPECT_GE(index, told_);
      EXPECT_LE(index, this->index());
      told_ = index;
    });
  }

  void Reopen() {
    pins_.clear();
    engine_.reset();
    executor_.RunPosted();
    under_way_ = 0;
    Open();
    const auto row = Get(AppliedKey(kGroup));
    const raft::Index found = row ? DecodeAppliedRow(*row)->index : 0;
    ASSERT_GE(found, told_) << "told as persisted, and lost";
    told_ = found;  // As a node does, which reads it at its start.
    ASSERT_TRUE(history_.count(found));
    history_.erase(history_.upper_bound(found), history_.end());
    const ScanResult all = Scan({.limit_rows = 1u << 20});
    ASSERT_EQ(Map(all.rows.begin(), all.rows.end()), Now()) << "not a prefix of the writes";
  }

  template <typename Value, typename Call>
  Value Await(Call call) {
    std::optional<Value> value;
    call([&](Value v) { value = std::move(v); });
    executor_.RunUntil([&] { return value.has_value(); });
    return *std::move(value);
  }
  std::optional<std::string> Get(const std::string& key) {
    auto value = Await<absl::StatusOr<std::optional<std::string>>>(
        [&](auto done) { engine_->Get(key, std::move(done)); });
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *std::move(value) : std::nullopt;
  }
  ScanResult Scan(ScanOptions options) {
    auto result = Await<absl::StatusOr<ScanResult>>([&](auto done) {
      engine_->Scan({"a", "z"}, options, std::move(done));
    });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ScanResult();
  }
  void Settle() {
    executor_.RunUntil([&] { return under_way_ == 0; });
  }

  std::string Key() {
    return std::string(1, 'a' + random_.Below(16)) + std::to_string(random_.Below(8));
  }

  // After a row past some digit, to the next letter or one further on.
  std::function<std::string(std::string_view)> SomeSkip() {
    const char digit = static_cast<char>('0' + random_.Below(8));
    const int letters = 1 + static_cast<int>(random_.Below(4));
    return [=](std::string_view key) {
      if (key[1] < digit) return std::string();
      return std::string(1, static_cast<char>(key[0] + letters));
    };
  }

  void Write() {
    Map next = Now();
    WriteBatch batch;
    for (uint64_t i = random_.Below(5); i <= 5; ++i) Add(batch, next);
    const raft::Index to = index() + 1;
    batch.Put(AppliedKey(kGroup), EncodeAppliedRow({.index = to, .term = 1}));
    while (true) {
      const absl::Status status =
          Await<absl::Status>([&](auto done) { engine_->Write(batch, std::move(done)); });
      if (status.ok()) break;
      ASSERT_TRUE(absl::IsUnavailable(status)) << status;
      bool writable = false;
      engine_->WhenWritable([&] { writable = true; });
      executor_.RunUntil([&] { return writable; });
    }
    history_[to] = std::move(next);
    // Reads under way still compare with older states.
    if (history_.size() > kHistory && under_way_ == 0) history_.erase(history_.begin());
  }

  void Add(WriteBatch& batch, Map& next) {
    std::string key = Key();
    if (random_.OneIn(25)) {
      std::string end = Key();
      if (key < end) next.erase(next.lower_bound(key), next.lower_bound(end));
      batch.DeleteRange({key, end});
    } else if (random_.OneIn(3)) {
      next.erase(key);
      batch.Delete(key);
    } else {
      std::string value(random_.Below(200), static_cast<char>('A' + random_.Below(26)));
      const bool fresh = !next.contains(key);
      next[key] = value;
      fresh ? batch.PutNew(key, std::move(value)) : batch.Put(key, std::move(value));
    }
  }

  // Whether `seen` is what some state since `from` would answer.
  template <typename Matches>
  bool SomeMoment(raft::Index from, Matches matches) {
    for (auto at = history_.find(from); at != history_.end(); ++at) {
      if (matches(at->second)) return true;
    }
    return false;
  }

  void StartScan() {
    KeyRange range{Key(), Key()};
    if (random_.OneIn(3)) range = {"a", "z"};
    constexpr size_t kRows[] = {1, 3, 20, 200};
    constexpr size_t kBytes[] = {1, 300, 1u << 20};
    ScanOptions options{.reverse = random_.OneIn(2),
                        .limit_rows = kRows[random_.Below(4)],
                        .limit_bytes = kBytes[random_.Below(3)]};
    if (!options.reverse && random_.OneIn(3)) options.skip_to = SomeSkip();
    std::shared_ptr<const Map> pinned;
    if (!pins_.empty() && random_.OneIn(2)) {
      const auto& [view, rows] = pins_[random_.Below(pins_.size())];
      options.view = view;
      pinned = std::make_shared<const Map>(rows);
    }
    ++under_way_;
    engine_->Scan(range, options,
                  [this, range, options, pinned, from = index()](absl::StatusOr<ScanResult> got) {
                    --under_way_;
                    ASSERT_TRUE(got.ok()) << got.status();
                    const auto matches = [&](const Map& rows) {
                      const ScanResult want = Expected(rows, range, options);
                      return want.rows == got->rows && want.more == got->more;
                    };
                    EXPECT_TRUE(pinned ? matches(*pinned) : SomeMoment(from, matches))
                        << (pinned ? "pinned" : "unpinned") << " scan of " << options.limit_rows
                        << " rows, " << options.limit_bytes << " bytes, from write " << from
                        << " to " << index();
                  });
  }

  void StartMultiGet() {
    std::vector<std::string> keys;
    for (uint64_t i = random_.Below(8); i <= 8; ++i) keys.push_back(Key());
    ++under_way_;
    engine_->MultiGet(keys, [this, keys, from = index()](absl::StatusOr<Values> got) {
      --under_way_;
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_TRUE(SomeMoment(
          from,
          [&](const Map& rows) {
            for (size_t i = 0; i < keys.size(); ++i) {
              const auto row = rows.find(keys[i]);
              if ((*got)[i] != (row == rows.end() ? std::nullopt : std::optional(row->second))) {
                return false;
              }
            }
            return true;
          }))
          << "many from write " << from << " to " << index();
    });
  }

  void Flush() {
    const raft::Index before = index();
    const auto status = Await<absl::Status>([&](auto done) { engine_->Flush(std::move(done)); });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(told_, before) << "told by the time it is done";
  }

  // The group does nothing while its rows are replaced, here as in a node.
  void Install() {
    Settle();
    auto install = engine_->NewInstall({{"c", "f"}, {"h", "k"}});
    const std::vector<KeyValue> rows{{"c1", std::to_string(index())}, {"i0", "installed"}};
    auto step = [&](auto call) { ASSERT_TRUE(Await<absl::Status>(call).ok()); };
    step([&](auto done) { install->Add(rows, std::move(done)); });
    step([&](auto done) { install->Commit(std::move(done)); });
    EXPECT_EQ(told_, index()) << "an install takes everything before it along";
    Map& now = history_.rbegin()->second;
    for (const auto& [begin, end] : {std::pair("c", "f"), std::pair("h", "k")}) {
      now.erase(now.lower_bound(begin), now.lower_bound(end));
    }
    now.insert(rows.begin(), rows.end());
  }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
  testing::SimRandom random_;
  std::unique_ptr<Engine> engine_;
  std::map<raft::Index, Map> history_{{0, {}}};
  raft::Index told_ = 0;
  std::vector<std::pair<View, Map>> pins_;
  int under_way_ = 0;
};

TEST(EngineModel, EveryAnswerIsOneMomentsAndEveryCrashAPrefix) {
  const char* only = std::getenv("FASTPATH_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const uint64_t last = only != nullptr ? first : 12;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("FASTPATH_SEED=" + std::to_string(seed));
    ModelRun run(seed);
    for (int step = 0; step < 500 && !::testing::Test::HasFailure(); ++step) run.Step();
    if (::testing::Test::HasFailure()) return;
    run.Finish();
  }
}

}  // namespace
}  // namespace fastpath::storage
