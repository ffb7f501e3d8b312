// One generation of the write-back table: what it says of a key at every moment
// that is still pinned, what it leaves to be written out, and that a frozen one
// may be sorted on another thread while its owner reads it.
#include "storage/write_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "storage/keys.h"
#include "tests/support/sim_executor.h"

namespace fastpath::storage {
namespace {

using Sequence = WriteTable::Sequence;
// What a layer says: no entry, a value, or nullopt for deleted.
using Said = std::map<std::string, std::optional<std::string>>;

// Of two kinds, one of them with two spaces, at the first and last lanes of each.
std::string KeyOf(uint64_t n) {
  const std::string kind =
      n < 16 ? std::string("\x10\0\0\0", 4) + static_cast<char>(n / 8) : "\x13";
  constexpr char kLanes[] = {'\0', '\x01', '\xfe', '\xff'};
  return kind + kLanes[n / 2 % 4] + std::to_string(n / 16 * 4 + n % 2 + (n / 8 % 2) * 2);
}
constexpr uint64_t kKeys = 32;

class WriteTableTest : public ::testing::Test {
 protected:
  template <typename Fill>
  void Apply(Fill fill, Sequence pinned = 0) {
    WriteBatch batch;
    fill(batch);
    table_.Apply(std::move(batch), ++sequence_, pinned);
  }
  Said Rows() const {
    Said rows;
    for (const WriteTable::Row& row : table_.Sorted()) {
      rows[std::string(row.key)] = row.value != nullptr ? std::optional(*row.value) : std::nullopt;
    }
    return rows;
  }

  WriteTable table_;
  Sequence sequence_ = 0;
};

TEST(WriteTableRoom, FilledAsFarAsSaidTheSetDoesNotGrow) {
  constexpr size_t kBytes = 1u << 20;
  WriteTable table(kBytes);
  const size_t capacity = table.capacity();
  Sequence sequence = 0;
  size_t keys = 0;
  for (; table.bytes() < kBytes; ++keys) {
    WriteBatch batch;
    batch.Delete(std::to_string(keys));
    table.Apply(std::move(batch), ++sequence, 0);
  }
  EXPECT_GT(keys, 1000u);
  EXPECT_EQ(table.capacity(), capacity);
}

TEST(WriteTableRoom, TouchingLeavesNothing) {
  WriteTable table(1u << 20);
  const size_t capacity = table.capacity();
  table.Touch();
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_TRUE(table.Sorted().empty());
  Sequence sequence = 0;
  size_t keys = 0;
  for (; table.bytes() < 1u << 20; ++keys) {
    WriteBatch batch;
    batch.Put(std::to_string(keys), "v");
    table.Apply(std::move(batch), ++sequence, 0);
  }
  EXPECT_EQ(table.capacity(), capacity);
  EXPECT_EQ(table.Sorted().size(), keys);
  for (size_t key = 0; key < keys; ++key) {
    EXPECT_TRUE(table.Find(std::to_string(key), WriteTable::kNewest).decided) << key;
  }
}

TEST_F(WriteTableTest, PutNewAndDeleteLeaveNothing) {
  Apply([](WriteBatch& batch) { batch.PutNew("a", "1"); });
  Apply([](WriteBatch& batch) { batch.Put("a", "2"); });
  Apply([](WriteBatch& batch) { batch.Delete("a"); });
  EXPECT_TRUE(table_.empty());
  EXPECT_EQ(table_.bytes(), 0u);
  EXPECT_FALSE(table_.Find("a", WriteTable::kNewest).decided);
}

TEST_F(WriteTableTest, PutAndDeleteLeaveTheDeletion) {
  Apply([](WriteBatch& batch) { batch.Put("a", "1"); });
  Apply([](WriteBatch& batch) { batch.Delete("a"); });
  EXPECT_EQ(Rows(), (Said{{"a", std::nullopt}}));
}

// The deletion that was written first hides a row of a lower layer.
TEST_F(WriteTableTest, PutNewOverADeletionOfThisGenerationLeavesTheDeletion) {
  Apply([](WriteBatch& batch) { batch.Delete("a"); });
  Apply([](WriteBatch& batch) { batch.PutNew("a", "1"); });
  Apply([](WriteBatch& batch) { batch.Delete("a"); });
  EXPECT_EQ(Rows(), (Said{{"a", std::nullopt}}));
}

TEST_F(WriteTableTest, PutNewInADeletedRangeLeavesTheRange) {
  Apply([](WriteBatch& batch) { batch.DeleteRange({"a", "c"}); });
  Apply([](WriteBatch& batch) { batch.PutNew("b", "1"); });
  EXPECT_EQ(*table_.Find("b", WriteTable::kNewest).value, "1");
  Apply([](WriteBatch& batch) { batch.Delete("b"); });
  EXPECT_TRUE(Rows().empty());
  EXPECT_TRUE(table_.Find("b", WriteTable::kNewest).decided);
  EXPECT_EQ(table_.DeletedRanges(WriteTable::kNewest), (std::vector<KeyRange>{{"a", "c"}}));
}

TEST_F(WriteTableTest, APinnedVersionOutlivesItsDeletion) {
  Apply([](WriteBatch& batch) { batch.PutNew("a", "1"); });
  const Sequence pin = sequence_;
  Apply([](WriteBatch& batch) { batch.Delete("a"); }, pin);
  EXPECT_EQ(*table_.Find("a", pin).value, "1");
  EXPECT_EQ(table_.Find("a", WriteTable::kNewest).value, nullptr);
}

// A hot key that scans look at all the time: its versions must not go one inside the other.
TEST(WriteTableRoom, AMillionPinnedVersionsOfAKeyCanGo) {
  constexpr Sequence kVersions = 1'000'000;
  WriteTable table;
  for (Sequence sequence = 1; sequence <= kVersions; ++sequence) {
    WriteBatch batch;
    batch.Put("hot", "");
    table.Apply(std::move(batch), sequence, sequence - 1);
  }
  EXPECT_TRUE(table.Find("hot", 1).decided);
}

TEST_F(WriteTableTest, AppliedRowsFollowPutsAndDestroyedGroups) {
  for (raft::GroupId group : {1, 2}) {
    Apply([&](WriteBatch& batch) {
      batch.Put(AppliedKey(group), EncodeAppliedRow({.index = 10 + group, .term = 1}));
    });
  }
  EXPECT_EQ(table_.applied(), (absl::btree_map<raft::GroupId, raft::Index>{{1, 11}, {2, 12}}));
  Apply([](WriteBatch& batch) {
    for (const KeyRange& range : Ranges(1, {.empty = true}, {})) batch.DeleteRange(range);
  });
  EXPECT_EQ(table_.applied(), (absl::btree_map<raft::GroupId, raft::Index>{{2, 12}}));
}

// --- Against a model: what each key's last word was, per sequence ---

class TableModel {
 public:
  explicit TableModel(uint64_t seed) : random_(seed) {}

  void Step() {
    if (pins_.size() < 4 && random_.OneIn(12)) pins_.insert(sequence_);
    if (!pins_.empty() && random_.OneIn(12)) pins_.erase(pins_.begin());
    Write();
    Check(WriteTable::kNewest, now_);
    for (const Sequence pin : pins_) Check(pin, at_[pin]);
  }

 private:
  void Write() {
    WriteBatch batch;
    for (uint64_t i = random_.Below(4); i <= 4; ++i) Add(batch);
    table_.Apply(std::move(batch), ++sequence_, pins_.empty() ? 0 : *pins_.rbegin());
    at_[sequence_] = now_;
  }

  void Add(WriteBatch& batch) {
    std::string key = KeyOf(random_.Below(kKeys));
    const uint64_t what = random_.Below(20);
    if (what == 0) {
      std::string end = KeyOf(random_.Below(kKeys));
      for (uint64_t n = 0; n < kKeys; ++n) {
        if (key <= KeyOf(n) && KeyOf(n) < end) now_[KeyOf(n)] = std::nullopt;
      }
      batch.DeleteRange({key, end});
    } else if (what < 8) {
      now_[key] = std::nullopt;
      batch.Delete(key);
    } else {
      std::string value(random_.Below(20), static_cast<char>('A' + random_.Below(26)));
      // Absent above and, as the writer would know, below.
      const auto said = now_.find(key);
      const bool fresh = said == now_.end() ? LowerLacks(key) : !said->second.has_value();
      now_[key] = value;
      fresh ? batch.PutNew(key, std::move(value)) : batch.Put(key, std::move(value));
    }
  }

  static bool LowerLacks(const std::string& key) { return key.back() % 2 == 0; }
  // The whole store's answer: the lower layer holds the odd keys.
  static std::optional<std::string> Below(const std::string& key) {
    return LowerLacks(key) ? std::nullopt : std::optional<std::string>("below");
  }
  static std::optional<std::string> Expected(const Said& said, const std::string& key) {
    const auto found = said.find(key);
    return found == said.end() ? Below(key) : found->second;
  }

  void Check(Sequence at, const Said& said) {
    for (uint64_t n = 0; n < kKeys; ++n) {
      const std::string key = KeyOf(n);
      const WriteTable::Verdict verdict = table_.Find(key, at);
      std::optional<std::string> seen = Below(key);
      if (verdict.decided) seen = verdict.value ? std::optional(*verdict.value) : std::nullopt;
      ASSERT_EQ(seen, Expected(said, key)) << key << " at " << at << " of " << sequence_;
    }
    const std::string begin = Bound(), end = Bound();
    CheckVisit({begin, end}, random_.OneIn(2), at, said);
  }

  // A key, or what some begin with, or the end of a kind.
  std::string Bound() {
    std::string bound = KeyOf(random_.Below(kKeys));
    if (random_.OneIn(3)) bound.resize(random_.Below(bound.size() + 1));
    if (bound.size() == 1 && random_.OneIn(2)) ++bound[0];
    return bound;
  }

  void CheckVisit(const KeyRange& range, bool reverse, Sequence at, const Said& said) {
    std::string last;
    std::set<std::string> visited;
    table_.Visit(range, reverse, at, [&](WriteTable::Row row) {
      const std::string key(row.key);
      visited.insert(key);
      EXPECT_TRUE(range.begin <= key && key < range.end) << key;
      EXPECT_TRUE(last.empty() || (reverse ? key < last : key > last)) << key;
      last = key;
      const auto seen = row.value ? std::optional(*row.value) : std::nullopt;
      EXPECT_EQ(seen, Expected(said, key)) << key;
      return true;
    });
    for (uint64_t n = 0; n < kKeys; ++n) {
      const std::string key = KeyOf(n);
      const bool held = table_.Find(key, at).value != nullptr;
      const bool inside = range.begin <= key && key < range.end;
      EXPECT_EQ(visited.contains(key), visited.contains(key) || (held && inside)) << n;
    }
  }

  testing::SimRandom random_;
  WriteTable table_;
  Sequence sequence_ = 0;
  Said now_;
  std::map<Sequence, Said> at_;
  std::multiset<Sequence> pins_;
};

TEST(WriteTableModel, RandomWorkAgreesWithWhatWasSaidAtEveryPin) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    TableModel model(seed);
    for (int step = 0; step < 150 && !::testing::Test::HasFailure(); ++step) model.Step();
  }
}

// All in one lane, as request records of one bucket are, so that it closes its gaps many times.
TEST_F(WriteTableTest, WhatIsPutAndTakenOutAgainLeavesTheOthersInOrder) {
  constexpr int kKeys = 2000, kLife = 50, kKept = 7;
  const auto key = [](int n) { return absl::StrFormat("r%06d", n); };
  Said kept;
  for (int n = 0; n < kKeys; ++n) {
    Apply([&](WriteBatch& batch) {
      batch.PutNew(key(n), "v");
      if (n >= kLife && (n - kLife) % kKept != 0) batch.Delete(key(n - kLife));
    });
    if (n % kKept == 0 || n >= kKeys - kLife) kept[key(n)] = "v";
  }
  EXPECT_EQ(Rows(), kept);
  std::vector<std::string> visited;
  table_.Visit({"r", "s"}, false, WriteTable::kNewest, [&](WriteTable::Row row) {
    visited.emplace_back(row.key);
    return true;
  });
  EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
  EXPECT_EQ(visited.size(), kept.size());
  for (const auto& [kept_key, value] : kept) {
    Apply([&](WriteBatch& batch) { batch.Delete(kept_key); });  // Out of the order by now.
  }
  EXPECT_TRUE(Rows().empty());
  EXPECT_EQ(table_.bytes(), 0u);
}

// Under ThreadSanitizer this is the test of the class's one promise on threads.
TEST(WriteTableThreads, AFrozenGenerationIsSortedWhileItsOwnerReads) {
  auto table = std::make_shared<WriteTable>();
  constexpr int kRows = 5000;
  for (int i = 0; i < kRows; ++i) {
    WriteBatch batch;
    batch.Put("key" + std::to_string(i * 7919 % kRows), std::string(i % 50, 'v'));
    table->Apply(std::move(batch), i + 1, i == kRows / 2 ? i : 0);
  }
  size_t sorted = 0;
  std::thread writer([table, &sorted] {
    for (int round = 0; round < 3; ++round) sorted = table->Sorted().size();
    (void)table->DeletedRanges(WriteTable::kNewest);
  });
  int found = 0, visited = 0;
  table->Visit({"key", "kez"}, true, WriteTable::kNewest, [&](WriteTable::Row) {
    ++visited;
    return true;
  });
  for (int i = 0; i < kRows; ++i) {
    found += table->Find("key" + std::to_string(i), WriteTable::kNewest).decided;
  }
  writer.join();
  EXPECT_EQ(sorted, static_cast<size_t>(kRows));
  EXPECT_EQ(found, kRows);
  EXPECT_EQ(visited, kRows);
}

}  // namespace
}  // namespace fastpath::storage
