// The Engine contract, kept by every implementation.
#include <gmock/gmock.h>

#include "tests/storage/engine_fixture.h"

namespace fastpath::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class Contract : public EngineTest {};

TEST_P(Contract, GetAnswersTheLastWrite) {
  EXPECT_EQ(Get("a"), std::nullopt);
  Put("a", "1");
  Put("a", "2");
  EXPECT_EQ(Get("a"), "2");
  Put("empty", "");
  EXPECT_EQ(Get("empty"), "");
}

TEST_P(Contract, BatchAppliesInOrder) {
  Put("k3", "old");
  WriteBatch batch;
  batch.Put("k1", "1");
  batch.DeleteRange({"k1", "k9"});
  batch.Put("k2", "2");
  batch.Put("k4", "4");
  batch.Delete("k4");
  Write(batch);
  EXPECT_THAT(All(), ElementsAre(Pair("k2", "2")));
}

TEST_P(Contract, MultiGetAnswersInOrder) {
  Put("a", "1");
  Put("c", "3");
  auto values = Await<absl::StatusOr<std::vector<std::optional<std::string>>>>([&](auto done) {
    engine_->MultiGet({"c", "b", "a", "c"}, std::move(done));
  });
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(*values, ElementsAre("3", std::nullopt, "1", "3"));
}

TEST_P(Contract, ScanBothWaysWithLimits) {
  for (char c = 'a'; c <= 'j'; ++c) Put(std::string(1, c), std::string(10, c));
  auto keys = [](const ScanResult& result) {
    std::string out;
    for (const auto& [key, value] : result.rows) out += key;
    return out;
  };
  ScanResult result = Scan({"c", "h"});
  EXPECT_EQ(keys(result), "cdefg");
  EXPECT_FALSE(result.more);
  result = Scan({"c", "h"}, {.reverse = true});
  EXPECT_EQ(keys(result), "gfedc");
  result = Scan({"c", "h"}, {.limit_rows = 2});
  EXPECT_EQ(keys(result), "cd");
  EXPECT_TRUE(result.more);
  result = Scan({"c", "h"}, {.reverse = true, .limit_rows = 2});
  EXPECT_EQ(keys(result), "gf");
  EXPECT_TRUE(result.more);
  result = Scan({"c", "h"}, {.limit_bytes = 1});
  EXPECT_EQ(keys(result), "c") << "at least one row";
  EXPECT_TRUE(result.more);
  EXPECT_EQ(keys(Scan({"c", "h"}, {.limit_rows = 5000})), "cdefg");
  EXPECT_THAT(Scan({"x", "z"}).rows, IsEmpty());
  EXPECT_THAT(Scan({"h", "c"}).rows, IsEmpty()) << "an empty range";
}

// Rows a0 to a9, b0 to b9 and so on; of each letter those up to 2 are wanted, and one more.
TEST_P(Contract, ScanSkipsToWhereItIsTold) {
  const auto put = [&](char only) {
    for (char c = 'a'; c <= 'f'; ++c) {
      for (char n = '0'; n <= '9'; ++n) {
        if ((n % 2 == 0) == (only == 'e')) Put(std::string{c, n}, "v");
      }
    }
  };
  put('e');
  ASSERT_TRUE(Flush().ok());
  put('o');  // Every other row is above what was flushed.
  WriteBatch batch;
  batch.Delete("b1");
  batch.Delete("c3");
  Write(std::move(batch));
  ScanOptions options;
  options.skip_to = [](std::string_view key) {
    return key[1] <= '2' ? std::string() : std::string{static_cast<char>(key[0] + 1)};
  };
  const auto keys = [&](KeyRange range, size_t limit_rows, bool more) {
    options.limit_rows = limit_rows;
    const ScanResult result = Scan(std::move(range), options);
    EXPECT_EQ(result.more, more);
    std::string out;
    for (const auto& [key, value] : result.rows) out += key + " ";
    return out;
  };
  EXPECT_EQ(keys({"a", "d"}, 100, false), "a0 a1 a2 a3 b0 b2 b3 c0 c1 c2 c4 ");
  EXPECT_EQ(keys({"a", "d"}, 4, true), "a0 a1 a2 a3 ");
  EXPECT_EQ(keys({"a", "b"}, 4, false), "a0 a1 a2 a3 ") << "what is left out does not remain";
  EXPECT_EQ(keys({"a5", "c1"}, 100, false), "a5 b0 b2 b3 c0 ");
  EXPECT_EQ(keys({"e9", "z"}, 100, false), "e9 f0 f1 f2 f3 ");
}

TEST_P(Contract, PinnedViewDoesNotMove) {
  Put("a", "1");
  View view = engine_->Pin();
  Put("a", "2");
  Put("b", "2");
  EXPECT_THAT(Scan({"a", "z"}, {.view = view}).rows, ElementsAre(Pair("a", "1")));
  EXPECT_THAT(Scan({"a", "z"}, {.limit_rows = 5000, .view = view}).rows,
              ElementsAre(Pair("a", "1")));
  ASSERT_TRUE(Flush().ok());
  EXPECT_THAT(Scan({"a", "z"}, {.view = view}).rows, ElementsAre(Pair("a", "1")));
  view.reset();
  EXPECT_EQ(Get("a"), "2");
}

TEST_P(Contract, CrashReturnsToWhatWasFlushed) {
  PutApplied(1, 10, "a", "10");
  ASSERT_TRUE(Flush().ok());
  PutApplied(1, 11, "a", "11");
  Put("b", "lost");
  EXPECT_EQ(Get("a"), "11");
  Reopen();
  EXPECT_EQ(Get("a"), "10");
  EXPECT_EQ(Applied(1), 10u);
  EXPECT_EQ(Get("b"), std::nullopt);
}

TEST_P(Contract, BatchesAreAtomicWithTheirAppliedRow) {
  for (raft::Index i = 1; i <= 300; ++i) {
    PutApplied(1, i, "count", std::to_string(i));
    if (i % 97 == 0) {
      ASSERT_TRUE(Flush().ok());
    }
  }
  Reopen();
  EXPECT_EQ(Applied(1), 291u);
  EXPECT_EQ(Get("count"), "291");
}

TEST_P(Contract, ListenerLearnsWhatEachGroupWouldRestartWith) {
  PutApplied(1, 10, "a", "x");
  PutApplied(2, 7, "b", "x");
  EXPECT_THAT(persisted_, IsEmpty());
  ASSERT_TRUE(Flush().ok());
  EXPECT_THAT(persisted_, ElementsAre(Pair(1, 10), Pair(2, 7)));
  PutApplied(2, 8, "b", "y");
  EXPECT_EQ(persisted_[2], 7u);
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(persisted_[1], 10u);
  EXPECT_EQ(persisted_[2], 8u);
  ASSERT_TRUE(Flush().ok()) << "with nothing to do";
}

TEST_P(Contract, DestroyedGroupIsNotReported) {
  PutApplied(1, 10, "a", "x");
  WriteBatch destroy;
  for (const KeyRange& range : Ranges(1, {.empty = true}, {})) destroy.DeleteRange(range);
  Write(destroy);
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(persisted_.count(1), 0u);
  Reopen();
  EXPECT_EQ(Applied(1), 0u);
}

TEST_P(Contract, WrittenBeforeFlushIsReadAfterIt) {
  for (int i = 0; i < 2000; ++i) Put("key" + std::to_string(i), std::string(100, 'v'));
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(Get("key1999"), std::string(100, 'v'));
  Reopen();
  EXPECT_EQ(Get("key0"), std::string(100, 'v')) << "from a cold cache";
  EXPECT_EQ(Get("nothing"), std::nullopt);
  EXPECT_EQ(All().size(), 2000u);
  EXPECT_GT(engine_->approximate_bytes({"key", "kez"}), 10'000u);
  EXPECT_LT(engine_->approximate_bytes({"x", "z"}), 10'000u);
}

// Reads that find some blocks in memory and others not, of levels flushed apart.
TEST_P(Contract, MultiGetFromAColdCacheIsWhatWasWritten) {
  for (int round = 0; round < 3; ++round) {
    for (int i = round; i < 3000; i += 3) Put("key" + std::to_string(i), std::string(200, 'v'));
    ASSERT_TRUE(Flush().ok());
  }
  Reopen();
  for (int i = 0; i < 3000; i += 50) {
    auto values = Await<absl::StatusOr<std::vector<std::optional<std::string>>>>([&](auto done) {
      engine_->MultiGet({"key" + std::to_string(i), "nothing", "key" + std::to_string(2999 - i)},
                        std::move(done));
    });
    ASSERT_TRUE(values.ok()) << values.status();
    ASSERT_THAT(*values, ElementsAre(std::string(200, 'v'), std::nullopt, std::string(200, 'v')))
        << i;
  }
}

// --- Installs ---

std::vector<KeyRange> InstallRanges() { return {{"b", "d"}, {"f", "h"}, {"h", "k"}}; }

TEST_P(Contract, InstallReplacesExactlyTheRanges) {
  for (char c = 'a'; c <= 'm'; ++c) Put(std::string(1, c), "old");
  ASSERT_TRUE(Flush().ok());
  for (char c = 'a'; c <= 'm'; ++c) Put(std::string(1, c) + "2", "old");
  auto install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*install, {{"b", "new"}, {"bb", "new"}}).ok());
  ASSERT_TRUE(Add(*install, {{"g", "new"}, {"jz", "new"}}).ok());
  EXPECT_EQ(Get("c"), "old") << "nothing before Commit";
  ASSERT_TRUE(Commit(*install).ok());
  auto check = [this] {
    std::string old_keys, new_keys;
    for (const auto& [key, value] : All()) (value == "old" ? old_keys : new_keys) += key + " ";
    EXPECT_EQ(old_keys, "a a2 d d2 e e2 k k2 l l2 m m2 ");
    EXPECT_EQ(new_keys, "b bb g jz ");
  };
  check();
  Reopen();
  check();
}

TEST_P(Contract, InstallIsDurableAtOnceAndTold) {
  PutApplied(9, 3, "z", "other group");
  auto install = engine_->NewInstall(Ranges(1, {.empty = true}, {}));
  ASSERT_TRUE(Add(*install, {{AppliedKey(1), EncodeAppliedRow({.index = 50, .term = 4})}}).ok());
  ASSERT_TRUE(Commit(*install).ok());
  EXPECT_EQ(persisted_[1], 50u);
  PutApplied(1, 51, "y", "after");
  Reopen();
  EXPECT_EQ(Applied(1), 50u);
  EXPECT_EQ(Applied(9), 3u) << "the flush before the install took everything along";
}

TEST_P(Contract, InstallOverUnflushedRowsOfTheSameRanges) {
  PutApplied(1, 5, "b5", "unflushed");
  auto install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*install, {{"g", "new"}}).ok());
  ASSERT_TRUE(Commit(*install).ok());
  EXPECT_EQ(Get("b5"), std::nullopt);
  Put("b5", "written after");
  EXPECT_EQ(Get("b5"), "written after");
  ASSERT_TRUE(Flush().ok());
  Reopen();
  EXPECT_EQ(Get("b5"), "written after");
  EXPECT_EQ(Get("g"), "new");
}

TEST_P(Contract, EmptyInstallEmptiesTheRanges) {
  for (char c = 'a'; c <= 'm'; ++c) Put(std::string(1, c), "old");
  auto install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Commit(*install).ok());
  EXPECT_EQ(All().size(), 6u);
}

TEST_P(Contract, DroppedInstallLeavesNothing) {
  for (char c = 'a'; c <= 'm'; ++c) Put(std::string(1, c), "old");
  ASSERT_TRUE(Flush().ok());
  auto install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*install, {{"b", "new"}}).ok());
  install.reset();
  EXPECT_EQ(All().size(), 13u);
  EXPECT_EQ(Get("b"), "old");
  install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*install, {{"b", "new"}}).ok());
  Crash();
  install.reset();
  Open();
  EXPECT_EQ(Get("b"), "old");
  EXPECT_EQ(Get("c"), "old");
}

TEST_P(Contract, InstallRefusesRowsThatDoNotBelong) {
  Put("b", "old");
  auto outside = engine_->NewInstall(InstallRanges());
  EXPECT_TRUE(absl::IsInvalidArgument(Add(*outside, {{"e", "x"}})));
  EXPECT_TRUE(absl::IsInvalidArgument(Commit(*outside))) << "and stays refused";
  auto unordered = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*unordered, {{"c", "x"}}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Add(*unordered, {{"bb", "x"}})));
  auto repeated = engine_->NewInstall(InstallRanges());
  EXPECT_TRUE(absl::IsInvalidArgument(Add(*repeated, {{"c", "x"}, {"c", "y"}})));
  auto damaged = engine_->NewInstall(Ranges(1, {.empty = true}, {}));
  EXPECT_TRUE(absl::IsDataLoss(Add(*damaged, {{AppliedKey(1), "?"}})));
  EXPECT_EQ(Get("b"), "old");
}

TEST_P(Contract, PinnedViewSurvivesAnInstall) {
  Put("b", "old");
  View view = engine_->Pin();
  auto install = engine_->NewInstall(InstallRanges());
  ASSERT_TRUE(Add(*install, {{"c", "new"}}).ok());
  ASSERT_TRUE(Commit(*install).ok());
  EXPECT_THAT(Scan({"a", "z"}, {.view = view}).rows, ElementsAre(Pair("b", "old")));
  EXPECT_THAT(All(), ElementsAre(Pair("c", "new")));
}

TEST_P(Contract, RepeatedInstallsKeepTheLast) {
  for (int round = 0; round < 5; ++round) {
    Put("bx", "between");
    auto install = engine_->NewInstall(InstallRanges());
    ASSERT_TRUE(
        Add(*install, {{"b" + std::to_string(round), "v"}, {"g", std::to_string(round)}}).ok());
    ASSERT_TRUE(Commit(*install).ok());
  }
  EXPECT_THAT(All(), ElementsAre(Pair("b4", "v"), Pair("g", "4")));
  Reopen();
  EXPECT_THAT(All(), ElementsAre(Pair("b4", "v"), Pair("g", "4")));
}

// --- Rows known to be new ---

TEST_P(Contract, PutNewIsAPut) {
  WriteBatch batch;
  batch.PutNew("a", "1");
  batch.PutNew("b", "1");
  Write(batch);
  Put("b", "2");
  EXPECT_THAT(All(), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  ASSERT_TRUE(Flush().ok());
  Reopen();
  EXPECT_THAT(All(), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

// The put may be written out before its delete comes, or not.
TEST_P(Contract, PutNewAndItsDeleteLeaveNothing) {
  for (const bool flushed_between : {false, true}) {
    WriteBatch put, erase;
    put.PutNew("a", "1");
    Write(put);
    if (flushed_between) {
      ASSERT_TRUE(Flush().ok());
    }
    erase.Delete("a");
    Write(erase);
    EXPECT_EQ(Get("a"), std::nullopt);
    EXPECT_THAT(All(), IsEmpty());
    ASSERT_TRUE(Flush().ok());
    Reopen();
    EXPECT_THAT(All(), IsEmpty());
  }
}

TEST_P(Contract, PutNewAfterADeleteOfAFlushedRow) {
  Put("a", "flushed");
  ASSERT_TRUE(Flush().ok());
  WriteBatch erase, put;
  erase.Delete("a");
  Write(erase);
  put.PutNew("a", "new");
  Write(put);
  EXPECT_EQ(Get("a"), "new");
  Write(erase);
  EXPECT_EQ(Get("a"), std::nullopt);
  ASSERT_TRUE(Flush().ok());
  Reopen();
  EXPECT_EQ(Get("a"), std::nullopt) << "the flushed row came back";
}

TEST_P(Contract, APinnedViewKeepsAPutNewThatIsDeleted) {
  WriteBatch put, erase;
  put.PutNew("a", "1");
  Write(put);
  View view = engine_->Pin();
  erase.Delete("a");
  Write(erase);
  EXPECT_THAT(Scan({"a", "z"}, {.view = view}).rows, ElementsAre(Pair("a", "1")));
  ASSERT_TRUE(Flush().ok());
  EXPECT_THAT(Scan({"a", "z"}, {.view = view}).rows, ElementsAre(Pair("a", "1")));
  EXPECT_THAT(All(), IsEmpty());
}

// --- What was flushed below what was not ---

TEST_P(Contract, RangeDeletesReachBelowFlushesAndNotAbove) {
  Put("b", "flushed");
  Put("c", "flushed");
  ASSERT_TRUE(Flush().ok());
  View before = engine_->Pin();
  WriteBatch batch;
  batch.DeleteRange({"a", "d"});
  Write(batch);
  Put("c", "after");
  auto check = [this] {
    EXPECT_EQ(Get("b"), std::nullopt);
    EXPECT_EQ(Get("c"), "after");
    EXPECT_THAT(All(), ElementsAre(Pair("c", "after")));
    EXPECT_THAT(Scan({"a", "z"}, {.reverse = true}).rows, ElementsAre(Pair("c", "after")));
  };
  check();
  ASSERT_TRUE(Flush().ok());
  check();
  EXPECT_THAT(Scan({"a", "z"}, {.view = before}).rows,
              ElementsAre(Pair("b", "flushed"), Pair("c", "flushed")));
  before.reset();
  Reopen();
  check();
}

// A scan never says `more` without a row, however much it passes over.
TEST_P(Contract, ScansPassOverManyDeletedRows) {
  for (int i = 1000; i < 3000; ++i) Put("k" + std::to_string(i), "v");
  ASSERT_TRUE(Flush().ok());
  for (int i = 1001; i < 2999; ++i) {
    WriteBatch batch;
    batch.Delete("k" + std::to_string(i));
    Write(batch);
  }
  for (const bool reverse : {false, true}) {
    for (const size_t limit_bytes : {size_t{1}, size_t{1} << 20}) {
      ScanResult result =
          Scan({"k", "l"}, {.reverse = reverse, .limit_rows = 1, .limit_bytes = limit_bytes});
      EXPECT_THAT(result.rows, ElementsAre(Pair(reverse ? "k2999" : "k1000", "v")));
      EXPECT_TRUE(result.more);
    }
    EXPECT_EQ(Scan({"k", "l"}, {.reverse = reverse, .limit_rows = 2}).rows.size(), 2u);
    const ScanResult none = Scan({"k1001", "k2999"}, {.reverse = reverse, .limit_rows = 5});
    EXPECT_THAT(none.rows, IsEmpty());
    EXPECT_FALSE(none.more);
  }
}

// --- Against a model ---

TEST_P(Contract, RandomWorkAgreesWithAMap) {
  std::map<std::string, std::string> now, durable;
  auto key = [this] {
    return std::string(1, 'a' + random_.Below(16)) + std::to_string(random_.Below(4));
  };
  for (int step = 0; step < 600; ++step) {
    const uint64_t what = random_.Below(100);
    if (what < 80) {
      WriteBatch batch;
      for (uint64_t i = random_.Below(4); i <= 4; ++i) {
        std::string k = key();
        if (random_.OneIn(10)) {
          std::string end = key();
          if (k < end) now.erase(now.lower_bound(k), now.lower_bound(end));
          batch.DeleteRange({k, end});
        } else if (random_.OneIn(4)) {
          now.erase(k);
          batch.Delete(k);
        } else {
          now[k] = std::to_string(step);
          batch.Put(k, std::to_string(step));
        }
      }
      Write(batch);
    } else if (what < 88) {
      ASSERT_TRUE(Flush().ok());
      durable = now;
    } else if (what < 92) {
      Reopen();
      now = durable;
    } else if (what < 96) {
      auto install = engine_->NewInstall({{"c", "f"}, {"h", "k"}});
      Rows rows{{"c1", std::to_string(step)}, {"i0", std::to_string(step)}};
      ASSERT_TRUE(Add(*install, rows).ok());
      ASSERT_TRUE(Commit(*install).ok());
      now.erase(now.lower_bound("c"), now.lower_bound("f"));
      now.erase(now.lower_bound("h"), now.lower_bound("k"));
      now.insert(rows.begin(), rows.end());
      durable = now;
    } else {
      ASSERT_EQ(All(), Rows(now.begin(), now.end())) << "step " << step;
    }
  }
  EXPECT_EQ(All(), Rows(now.begin(), now.end()));
}

INSTANTIATE_TEST_SUITE_P(Engines, Contract,
                         ::testing::Values(EngineKind::kRocks, EngineKind::kRocksFiles,
                                           EngineKind::kSim, EngineKind::kSimLate),
                         [](const auto& info) { return Name(info.param); });

}  // namespace
}  // namespace fastpath::storage
