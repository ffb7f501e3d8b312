#include "storage/keys.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace fastpath::storage {
namespace {

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

ClientId Client() {
  ClientId client;
  for (size_t i = 0; i < client.size(); ++i) client[i] = static_cast<char>(0xa0 + i);
  return client;
}

// The bytes are on disks: these lines never change.
TEST(Keys, GoldenBytes) {
  EXPECT_EQ(Hex(StoreKey("id")), "016964");
  EXPECT_EQ(Hex(AppliedKey(7)), "020000000701");
  EXPECT_EQ(Hex(GroupKey(0x01020304, GroupRow::kTable, "x")), "02010203040378");
  const std::string data = DataKey(5, 0x0123456789abcdef, "pk", "sk");
  EXPECT_EQ(Hex(data), "10000000050123456789abcdef706b736b");
  EXPECT_EQ(Hex(LockKey(0x0123, data)),
            "1101231000000005"
            "0123456789abcdef"
            "706b736b");
  EXPECT_EQ(Hex(RequestKey(0x0123, Client(), 9)),
            "120123a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000000000009");
  EXPECT_EQ(Hex(TtlKey(0x0123, 1700000000, data)),
            "130123000000006553f100"
            "10000000050123456789abcdef706b736b");
  EXPECT_EQ(Hex(TransactionKey(0x0123, "t")), "14012374");
}

TEST(Keys, ParseWhatWasBuilt) {
  const std::string data = DataKey(5, 0x0123456789abcdef, "pk", "sk");
  const auto parts = ParseDataKey(data);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->space, 5u);
  EXPECT_EQ(parts->hash, 0x0123456789abcdefu);
  EXPECT_EQ(parts->keys, "pksk");
  const auto request = ParseRequestKey(RequestKey(0x0123, Client(), 9));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->bucket, 0x0123);
  EXPECT_EQ(request->client, Client());
  EXPECT_EQ(request->sequence, 9u);
  EXPECT_EQ(ParseAppliedKey(AppliedKey(77)), 77u);
}

TEST(Keys, ParseRefusesOtherKinds) {
  EXPECT_FALSE(ParseDataKey(""));
  EXPECT_FALSE(ParseDataKey(DataKey(5, 1, "", "").substr(0, 12)));
  EXPECT_FALSE(ParseDataKey(TransactionKey(0, "0123456789ab")));
  EXPECT_FALSE(ParseRequestKey(RequestKey(1, Client(), 1) + "x"));
  EXPECT_FALSE(ParseAppliedKey(GroupKey(7, GroupRow::kDescriptor)));
  EXPECT_FALSE(ParseAppliedKey(AppliedKey(7) + "x"));
}

TEST(Keys, OrderFollowsNumbers) {
  EXPECT_LT(DataKey(1, 0x00ff, "", ""), DataKey(1, 0x0100, "", ""));
  EXPECT_LT(DataKey(1, ~0ull, "z", ""), DataKey(2, 0, "", ""));
  EXPECT_LT(TtlKey(1, 255, "z"), TtlKey(1, 256, ""));
}

bool Covered(const std::vector<KeyRange>& ranges, const std::string& key) {
  for (const KeyRange& range : ranges) {
    if (range.begin <= key && key < range.end) return true;
  }
  return false;
}

TEST(Ranges, CoverExactlyTheGroupsRows) {
  const auto ranges = Ranges(7, {0x1000, 0x1fff}, {3, 5});
  for (size_t i = 1; i < ranges.size(); ++i) EXPECT_LE(ranges[i - 1].end, ranges[i].begin);
  auto data = [](SpaceId space, uint64_t bucket, uint64_t low) {
    return DataKey(space, bucket << 48 | low, "k", "s");
  };
  constexpr uint64_t kTop = (1ull << 48) - 1;
  EXPECT_TRUE(Covered(ranges, AppliedKey(7)));
  EXPECT_TRUE(Covered(ranges, GroupKey(7, GroupRow::kSession, "\xff\xff")));
  EXPECT_FALSE(Covered(ranges, AppliedKey(6)));
  EXPECT_FALSE(Covered(ranges, AppliedKey(8)));
  EXPECT_FALSE(Covered(ranges, StoreKey("identity")));
  for (SpaceId space : {3, 5}) {
    EXPECT_TRUE(Covered(ranges, data(space, 0x1000, 0)));
    EXPECT_TRUE(Covered(ranges, data(space, 0x1fff, kTop)));
    EXPECT_FALSE(Covered(ranges, data(space, 0x0fff, kTop)));
    EXPECT_FALSE(Covered(ranges, data(space, 0x2000, 0)));
  }
  EXPECT_FALSE(Covered(ranges, data(4, 0x1000, 0)));
  for (Bucket bucket : {0x1000, 0x1fff}) {
    EXPECT_TRUE(Covered(ranges, LockKey(bucket, data(3, bucket, 0))));
    EXPECT_TRUE(Covered(ranges, RequestKey(bucket, Client(), ~0ull)));
    EXPECT_TRUE(Covered(ranges, TtlKey(bucket, ~0ull, data(3, bucket, 0))));
    EXPECT_TRUE(Covered(ranges, TransactionKey(bucket, "\xff")));
  }
  for (Bucket bucket : {0x0fff, 0x2000}) {
    EXPECT_FALSE(Covered(ranges, LockKey(bucket, data(3, bucket, 0))));
    EXPECT_FALSE(Covered(ranges, RequestKey(bucket, Client(), 0)));
    EXPECT_FALSE(Covered(ranges, TtlKey(bucket, 0, "")));
    EXPECT_FALSE(Covered(ranges, TransactionKey(bucket, "")));
  }
}

TEST(Ranges, LastBucketLastSpaceLastGroup) {
  const auto ranges = Ranges(UINT32_MAX, {0, UINT16_MAX}, {UINT32_MAX});
  EXPECT_TRUE(Covered(ranges, GroupKey(UINT32_MAX, GroupRow::kSession, "\xff\xff\xff")));
  EXPECT_TRUE(Covered(ranges, DataKey(UINT32_MAX, ~0ull, "\xff\xff", "")));
  EXPECT_TRUE(Covered(ranges, TransactionKey(UINT16_MAX, "\xff\xff")));
  EXPECT_FALSE(Covered(ranges, StoreKey("x")));
}

TEST(Ranges, MetaOwnsOnlyItsRows) {
  const auto ranges = Ranges(0, {.empty = true}, {});
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_TRUE(Covered(ranges, GroupKey(0, GroupRow::kMeta, "map")));
  EXPECT_FALSE(Covered(ranges, AppliedKey(1)));
}

TEST(AppliedRow, RoundTripAndDamage) {
  AppliedRow row{.index = 300, .term = 5, .stamp = 1'700'000'000'000'000};
  row.configuration.voters = {{1, 1}, {2, 2}};
  row.configuration.learners = {{3, 3}};
  const std::string value = EncodeAppliedRow(row);
  EXPECT_EQ(Hex(value).substr(0, 8), "01ac0205");  // Never changes.
  const auto decoded = DecodeAppliedRow(value);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->index, 300u);
  EXPECT_EQ(decoded->term, 5u);
  EXPECT_EQ(decoded->stamp, row.stamp);
  EXPECT_EQ(decoded->configuration, row.configuration);
  for (size_t length = 0; length < value.size(); ++length) {
    EXPECT_FALSE(DecodeAppliedRow(value.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeAppliedRow("\x02" + value.substr(1)).ok());
}

}  // namespace
}  // namespace fastpath::storage
