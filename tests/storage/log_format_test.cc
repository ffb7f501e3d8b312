// The log's bytes, and what is made of a file of them.
#include "storage/log_format.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "storage/log_replay.h"
#include "storage/log_scan.h"
#include "tests/storage/log_harness.h"

namespace fastpath::storage {
namespace {

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

std::string Batch(LogPosition at, LogPosition through, uint64_t first_live,
                  const std::vector<std::string>& payloads) {
  BatchBuilder builder(at, 0);
  raft::Index index = 0;
  for (const std::string& payload : payloads) {
    builder.AddEntry(1, MakeEntry(1, ++index, payload));
  }
  return builder.Finish(through, first_live);
}

// The bytes are on disks: these lines never change.
TEST(LogFormat, GoldenBytes) {
  BatchBuilder builder({3, 1024}, 0);
  builder.AddState(7, {.term = 300, .vote = 2, .commit = 5});
  builder.AddEntry(7, MakeEntry(4, 9, "payload"));
  builder.AddPosition(RecordKind::kReset, 7, {8, 4});
  builder.AddDestroy(7);
  builder.AddPosition(RecordKind::kStart, 7, {8, 4});
  const std::string batch = builder.Finish({2, 4096}, 1);
  ASSERT_EQ(batch.size(), 512u);
  const auto header = DecodeBatchHeader(batch, 1024);
  ASSERT_TRUE(header);
  EXPECT_EQ(Hex(batch.substr(0, 64)),
            "46504c42"
            "f1be57c4"
            "01000000"
            "05000000"
            "0300000000000000"
            "0004000000000000"
            "36000000"
            "20f26fed"
            "0200000000000000"
            "0010000000000000"
            "0100000000000000");
  std::vector<std::string> bodies;
  ASSERT_TRUE(BatchIsWhole(*header, batch,
                           [&](const TakenRecord& record) { bodies.push_back(Hex(record.body)); }));
  EXPECT_EQ(bodies, (std::vector<std::string>{"0107ac020205",
                                              "020704090107"
                                              "7061796c6f6164",
                                              "03070804", "0407", "06070804"}));
  EXPECT_EQ(Hex(AsKept(absl::HexStringToBytes("0207"))), "0507");
}

TEST(LogFormat, RecordsRoundTrip) {
  BatchBuilder builder({3, 0}, 0);
  builder.AddEntry(UINT32_MAX, MakeEntry(~0ull, ~0ull, std::string(70'000, 'x')));
  const std::string batch = builder.Finish({}, 1);
  int records = 0;
  ASSERT_TRUE(BatchIsWhole(*DecodeBatchHeader(batch, 0), batch, [&](const TakenRecord& taken) {
    ++records;
    const auto record = DecodeRecord(taken.body);
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->group, UINT32_MAX);
    EXPECT_EQ(record->entry.index, ~0ull);
    EXPECT_EQ(record->entry.payload->size(), 70'000u);
  }));
  EXPECT_EQ(records, 1);
}

TEST(LogFormat, DecodersRefuseEveryTruncation) {
  BatchBuilder builder({3, 0}, 0);
  builder.AddEntry(7, MakeEntry(4, 9, "payload"));
  const std::string batch = builder.Finish({}, 1);
  const BatchHeader header = *DecodeBatchHeader(batch, 0);
  for (size_t bytes = 0; bytes < kBatchHeaderBytes + header.body_bytes; ++bytes) {
    const std::string_view cut = std::string_view(batch).substr(0, bytes);
    EXPECT_FALSE(BatchIsWhole(header, cut));
    EXPECT_EQ(DecodeBatchHeader(cut, 0).has_value(), bytes >= kBatchHeaderBytes);
  }
  const std::string body = absl::HexStringToBytes("0207040901077061796c6f6164");
  ASSERT_TRUE(DecodeRecord(body).ok());
  for (size_t bytes = 0; bytes < body.size(); ++bytes) {
    EXPECT_FALSE(DecodeRecord(body.substr(0, bytes)).ok()) << bytes;
  }
  EXPECT_FALSE(DecodeRecord(body + "x").ok());
  EXPECT_FALSE(DecodeRecord("\x63\x07").ok()) << "an unknown kind";
}

// A header that landed over the body of another batch for the same place.
// Its checksum may be right: who opens the log must hear that it is damaged.
TEST(LogFormat, AnEntryThatDoesNotParseIsDataLoss) {
  for (const RecordKind kind : {RecordKind::kEntry, RecordKind::kKept}) {
    const std::string body{static_cast<char>(kind), 1, '\xff'};
    EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(body).status())) << DecodeRecord(body).status();
  }
}

TEST(LogFormat, HeaderBindsItsOwnRecords) {
  const std::string one = Batch({1, 0}, {}, 1, {"aaaa", "bbbb"});
  const std::string two = Batch({1, 0}, {}, 1, {"cccc", "dddd"});
  const std::string mixed = one.substr(0, kBatchHeaderBytes) + two.substr(kBatchHeaderBytes);
  EXPECT_FALSE(BatchIsWhole(*DecodeBatchHeader(mixed, 0), mixed));
}

TEST(LogFormat, RecordsAndHeadersBelongToOnePlace) {
  const std::string batch = Batch({1, 512}, {}, 1, {"aaaa"});
  EXPECT_FALSE(DecodeBatchHeader(batch, 0)) << "another offset";
  for (LogPosition place : {LogPosition{1, 512}, LogPosition{2, 512}, LogPosition{1, 1024}}) {
    std::string_view in = std::string_view(batch).substr(kBatchHeaderBytes);
    uint64_t offset = place.offset + kBatchHeaderBytes;
    EXPECT_EQ(TakeRecord(in, place.generation, offset).has_value(), place == (LogPosition{1, 512}));
  }
}

// --- Scans and verdicts ---

TEST(LogScan, RecycledGarbageIsNotTheLog) {
  // Generation 1 filled the file; generation 2 has overwritten its first batch.
  const std::string file = Batch({2, 0}, {}, 2, {"new"}) + Batch({1, 512}, {1, 512}, 1, {"old"}) +
                           Batch({1, 1024}, {1, 1024}, 1, {"old"});
  const SegmentScan scan = ScanSegment("a", file);
  ASSERT_EQ(scan.batches.size(), 1u);
  EXPECT_EQ(scan.batches[0].generation, 2u);
  const auto verdict = JudgeLog({scan});
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  ASSERT_EQ(verdict->chain.size(), 1u);
  EXPECT_EQ(verdict->chain[0].end, 512u);
  EXPECT_EQ(verdict->next_generation, 3u);
}

// Where the payload of a batch's only entry lies, if nothing moves it.
uint64_t PayloadBegin(size_t payload_bytes) {
  const RecordPlace place =
      BatchBuilder({1, 0}, 0).AddEntry(1, MakeEntry(1, 1, std::string(payload_bytes, 'x')));
  return place.offset + place.bytes - payload_bytes;
}

// As of a later life of the file, claiming that more was durable.
std::string ForgedHeader(uint64_t offset) {
  return BatchBuilder({7, offset}, 0).Finish({7, 1u << 20}, 0).substr(0, kBatchHeaderBytes);
}

// The batch is whole, holds the payload, and has no header but its own wherever one is looked for:
// of each part that is not overwritten nothing is taken for a batch.
void ExpectNothingForged(const std::string& batch, const std::string& payload) {
  for (uint64_t at = kLogAlignment; at < batch.size(); at += kLogAlignment) {
    EXPECT_FALSE(DecodeBatchHeader(std::string_view(batch).substr(at), at)) << at;
  }
  LogReplay replay;
  EXPECT_TRUE(BatchIsWhole(*DecodeBatchHeader(batch, 0), batch, [&](const TakenRecord& taken) {
    replay.Apply(*DecodeRecord(taken.body), 1, taken.place);
  }));
  const auto groups = replay.TakeGroups();
  ASSERT_EQ(groups.size(), 1u) << "what moves an entry is of no group";
  EXPECT_EQ(*groups.at(1).entries.at(1).second.payload, payload);
}

// A client may know where its value comes to lie, and whereto it would be moved.
TEST(LogScan, APayloadCannotForgeAHeader) {
  constexpr size_t kBytes = 400'000;
  for (const uint64_t step : {1, 7, 11}) {
    const uint64_t begin = PayloadBegin(kBytes);
    std::string payload;
    for (uint64_t moved = 0; payload.size() + 1000 < kBytes; moved += step) {
      const uint64_t offset = AlignUp(begin + moved + payload.size());
      payload.resize(offset - begin - moved, 'x');
      payload += ForgedHeader(offset);
    }
    payload.resize(kBytes, 'x');
    const std::string batch = Batch({1, 0}, {}, 1, {payload});
    ExpectNothingForged(batch, payload);
    EXPECT_LT(batch.size(), 2 * kBytes) << "moved far";
  }
}

// The padding's zeros are the end of what would be a header.
TEST(LogScan, APayloadAndThePaddingCannotForgeAHeader) {
  const std::string half = ForgedHeader(kLogAlignment).substr(0, 56);
  ASSERT_EQ(half + std::string(8, '\0'), ForgedHeader(kLogAlignment));
  const std::string payload = std::string(kLogAlignment - PayloadBegin(490), 'x') + half;
  ASSERT_EQ(PayloadBegin(payload.size()), PayloadBegin(490));
  ExpectNothingForged(Batch({1, 0}, {}, 1, {payload}), payload);
}

TEST(LogScan, TornTailIsCutAndDamageBeforeDurableBytesIsNot) {
  std::string first = Batch({1, 0}, {}, 1, {"a"});
  std::string second = Batch({1, 512}, {1, 512}, 1, {"b"});
  std::string third = Batch({1, 1024}, {1, 1024}, 1, {"c"});
  second[70] ^= 1;
  auto verdict = JudgeLog({ScanSegment("a", first + second)});
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->chain[0].end, 512u);
  const auto corrupt = JudgeLog({ScanSegment("a", first + second + third)});
  EXPECT_TRUE(absl::IsDataLoss(corrupt.status()));
  EXPECT_NE(std::string(corrupt.status().message()).find("segment a offset 512"),
            std::string::npos);
  third[70] ^= 1;  // Its header still says what was durable.
  EXPECT_TRUE(absl::IsDataLoss(JudgeLog({ScanSegment("a", first + second + third)}).status()));
  first[70] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(JudgeLog({ScanSegment("a", first + second)}).status()))
      << "the first batch of all";
}

TEST(LogScan, NextSegmentSaysWhereTheOneBeforeItEnds) {
  const std::string first = Batch({1, 0}, {}, 1, {"a"});
  std::string second = Batch({1, 512}, {1, 512}, 1, {"b"});
  const std::string next = Batch({2, 0}, {1, 1024}, 1, {"c"});
  EXPECT_EQ(JudgeLog({ScanSegment("b", next), ScanSegment("a", first + second)})->chain.size(), 2u);
  second[70] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(
      JudgeLog({ScanSegment("a", first + second), ScanSegment("b", next)}).status()));
  EXPECT_TRUE(absl::IsDataLoss(JudgeLog({ScanSegment("b", next)}).status())) << "missing";
  std::string torn = next;
  torn[70] ^= 1;  // A torn first batch proves the same about the segment before.
  EXPECT_TRUE(absl::IsDataLoss(
      JudgeLog({ScanSegment("a", first + second), ScanSegment("b", torn)}).status()));
  const std::string dead = Batch({2, 0}, {1, 1024}, 2, {"c"});
  EXPECT_TRUE(JudgeLog({ScanSegment("b", dead)}).ok()) << "given up by its successor";
}

TEST(LogScan, GenerationTwiceIsRefused) {
  const std::string one = Batch({1, 0}, {}, 1, {"a"});
  EXPECT_TRUE(absl::IsDataLoss(JudgeLog({ScanSegment("a", one), ScanSegment("b", one)}).status()));
}

TEST(LogScan, NothingIsAnEmptyLog) {
  const auto verdict = JudgeLog({ScanSegment("a", std::string(4096, '\0')), ScanSegment("b", "")});
  ASSERT_TRUE(verdict.ok());
  EXPECT_TRUE(verdict->chain.empty());
  EXPECT_EQ(verdict->next_generation, 1u);
}

}  // namespace
}  // namespace fastpath::storage
