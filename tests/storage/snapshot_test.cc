// A group's state as chunks, from one engine into another.
#include "storage/snapshot.h"

#include <gtest/gtest.h>

#include "storage/crc32c.h"
#include "tests/storage/engine_fixture.h"

namespace fastpath::storage {
namespace {

constexpr raft::GroupId kGroup = 4;
const BucketRange kBuckets{0x1000, 0x1fff};
const std::vector<SpaceId> kSpaces{2, 7};

class Snapshot : public EngineTest {
 protected:
  // Rows of the group and of its neighbours on all sides.
  void Fill() {
    WriteBatch batch;
    for (raft::GroupId group : {kGroup - 1, kGroup, kGroup + 1}) {
      batch.Put(AppliedKey(group), EncodeAppliedRow({.index = group * 100, .term = 2}));
      batch.Put(GroupKey(group, GroupRow::kDescriptor), "descriptor");
    }
    for (uint64_t bucket : {0x0fff, 0x1000, 0x1800, 0x1fff, 0x2000}) {
      for (SpaceId space : {1u, 2u, 7u}) {
        for (int i = 0; i < 40; ++i) {
          batch.Put(DataKey(space, bucket << 48 | i, "pk", std::to_string(i)),
                    std::string(i * 20, 'v'));
        }
      }
      batch.Put(TransactionKey(bucket, "token"), "record");
    }
    Write(batch);
  }
  std::vector<std::string> Chunks(View view, size_t chunk_bytes) {
    SnapshotReader reader(engine_.get(), std::move(view), Ranges(kGroup, kBuckets, kSpaces),
                          chunk_bytes);
    std::vector<std::string> chunks;
    while (true) {
      auto chunk =
          Await<absl::StatusOr<std::string>>([&](auto done) { reader.Next(std::move(done)); });
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || chunk->empty()) return chunks;
      chunks.push_back(*std::move(chunk));
    }
  }
  uint64_t DigestOf(Engine& engine) {
    auto digest = Await<absl::StatusOr<uint64_t>>([&](auto done) {
      DigestRanges(&engine, nullptr, Ranges(kGroup, kBuckets, kSpaces), std::move(done));
    });
    EXPECT_TRUE(digest.ok());
    return *digest;
  }
};

TEST_P(Snapshot, TravelsWholeIntoAnotherEngine) {
  Fill();
  View view = engine_->Pin();
  const uint64_t digest = DigestOf(*engine_);
  Put(DataKey(2, 0x1000ull << 48, "written", "after the pin"), "x");
  const std::vector<std::string> chunks = Chunks(view, 4096);
  EXPECT_GT(chunks.size(), 10u);

  SimStore other_store;
  testing::TempDirectory other_directory;
  std::unique_ptr<Engine> other = GetParam() == EngineKind::kRocks
                                      ? OpenSimEngine(&other_store, {}, &executor_)
                                      : *OpenRocksEngine(other_directory.path(), {}, &executor_);
  std::swap(engine_, other);
  Put(DataKey(2, 0x1234ull << 48, "stale", ""), "row of the replaced replica");
  Put(AppliedKey(kGroup + 1), EncodeAppliedRow({.index = 77}));
  auto install = engine_->NewInstall(Ranges(kGroup, kBuckets, kSpaces));
  for (const std::string& chunk : chunks) {
    auto rows = DecodeChunk(chunk);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_TRUE(Add(*install, *std::move(rows)).ok());
  }
  ASSERT_TRUE(Commit(*install).ok());
  install.reset();
  EXPECT_EQ(DigestOf(*engine_), digest) << "equal on the other kind of engine, too";
  EXPECT_EQ(Applied(kGroup), kGroup * 100u);
  EXPECT_EQ(Applied(kGroup + 1), 77u) << "the neighbour is as it was";
  std::swap(engine_, other);
  view.reset();
}

TEST_P(Snapshot, DigestSeesEveryDifference) {
  Fill();
  const uint64_t before = DigestOf(*engine_);
  EXPECT_EQ(DigestOf(*engine_), before);
  const std::string key = DataKey(7, 0x1800ull << 48 | 3, "pk", "3");
  const std::string value = *Get(key);
  Put(key, value + "x");
  EXPECT_NE(DigestOf(*engine_), before);
  Put(key, value);
  EXPECT_EQ(DigestOf(*engine_), before);
  Put(DataKey(1, 0x1800ull << 48, "not", "the group's"), "x");
  EXPECT_EQ(DigestOf(*engine_), before);
  WriteBatch batch;
  batch.Delete(key);
  Write(batch);
  EXPECT_NE(DigestOf(*engine_), before);
}

INSTANTIATE_TEST_SUITE_P(Engines, Snapshot,
                         ::testing::Values(EngineKind::kRocks, EngineKind::kSim,
                                           EngineKind::kSimLate),
                         [](const auto& info) { return Name(info.param); });

TEST(Chunk, RoundTrip) {
  const std::vector<KeyValue> rows{{"a", ""}, {std::string(1, '\0'), std::string(1000, 'x')}};
  EXPECT_EQ(*DecodeChunk(EncodeChunk(rows)), rows);
  EXPECT_TRUE(DecodeChunk(EncodeChunk({}))->empty());
}

TEST(Chunk, EveryFlippedBitAndEveryTruncationIsDataLoss) {
  const std::string chunk = EncodeChunk({{"key", "value"}, {"key2", "value2"}});
  for (size_t i = 0; i < chunk.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeChunk(chunk.substr(0, i)).status())) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = chunk;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_TRUE(absl::IsDataLoss(DecodeChunk(flipped).status())) << i;
    }
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeChunk(chunk + "x").status()));
}

TEST(Chunk, LyingCountsWithRightChecksums) {
  for (const std::string& body : {std::string("\x01\xff\xff\xff\xff\xff\x01", 7),
                                  std::string("\x01\x01\xff\xff\xff\xff\x0f", 7),
                                  std::string("\x02\x00", 2), std::string("\x01\x00junk", 6)}) {
    std::string chunk = body;
    const uint32_t crc = Crc32c(body);
    for (int shift = 0; shift < 32; shift += 8) chunk.push_back(static_cast<char>(crc >> shift));
    EXPECT_TRUE(absl::IsDataLoss(DecodeChunk(chunk).status()));
  }
}

}  // namespace
}  // namespace fastpath::storage
