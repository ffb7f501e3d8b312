#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "partition/model/codec.h"
#include "tests/partition/generators.h"

namespace fastpath::model {
namespace {

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}
std::string Bytes(std::string_view hex) {
  return absl::HexStringToBytes(absl::string_view(hex.data(), hex.size()));
}

Item OneOfEach() {
  Item item;
  item.Set("s", Value::String("h\xc3\xa9"));
  item.Set("n", Value::Num(*Number::Parse("-12.5")));
  item.Set("b", Value::Binary(std::string("\x00\xff", 2)));
  item.Set("t", Value::Bool(true));
  item.Set("f", Value::Bool(false));
  item.Set("z", Value::Null());
  AttributeMap map;
  map.Set("k", Value::Num(1));
  item.Set("m", Value::Map(map));
  item.Set("l", Value::List({Value::String(""), Value::Num(0)}));
  item.Set("ss", Value::StringSet({"b", "a", "b", ""}));
  item.Set("ns", Value::NumberSet({Number::FromInt(2), Number::FromInt(-1), Number::FromInt(2)}));
  item.Set("bs", Value::BinarySet({"\xff", "\x01"}));
  return item;
}

// Never-change: these bytes are on disks and in logs.
TEST(Codec, GoldenItem) {
  EXPECT_EQ(Hex(EncodeItem(OneOfEach())),
            "0162"
            "03"
            "02"
            "00ff"
            "026273"
            "0a"
            "04"
            "0101"
            "01ff"
            "0166"
            "04"
            "00"
            "016c"
            "07"
            "04"
            "0100"
            "0280"
            "016d"
            "06"
            "05"
            "016b"
            "02c014"
            "016e"
            "02"
            "3ee69b"
            "026e73"
            "09"
            "04"
            "3feb"
            "c028"
            "0173"
            "01"
            "03"
            "68c3a9"
            "027373"
            "08"
            "05"
            "00"
            "0161"
            "0162"
            "0174"
            "04"
            "01"
            "017a"
            "05");
  EXPECT_EQ(EncodeItem(Item()), "");
  EXPECT_EQ(Hex(EncodeValue(Value::String(std::string(300, 'x')))).substr(0, 8), "01ac0278");
}

TEST(Codec, DecodesWhatItEncodes) {
  const std::string bytes = EncodeItem(OneOfEach());
  const absl::StatusOr<Item> item = DecodeItem(bytes);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(*item, OneOfEach());
}

TEST(Codec, RefusesWhatIsNotCanonical) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "cut-off"},
      {"00", "unknown type"},
      {"0b", "unknown type"},
      {"0101", "cut-off"},
      {"01810061", "cut-off"},        // A length longer than needed.
      {"01ffffffff0f61", "cut-off"},  // 4 GB claimed.
      {"01ffffffffffffffff7f61", "cut-off"},
      {"0101ff", "not UTF-8"},
      {"0102c080", "not UTF-8"},      // Overlong.
      {"0103eda080", "not UTF-8"},    // A surrogate.
      {"0104f4908080", "not UTF-8"},  // Past the last character.
      {"02c0", "cut-off"},
      {"02c000", "wrong digit"},
      {"0402", "boolean"},
      {"0400"
       "00",
       "more bytes"},
      {"0600"
       "05",
       "more bytes"},
      {"0602"
       "0005",
       "empty attribute name"},
      {"0606"
       "016105"
       "016105",
       "out of order or twice"},
      {"0606"
       "016205"
       "016105",
       "out of order or twice"},
      {"0603"
       "01ff05",
       "not UTF-8"},
      {"0602"
       "0161",
       "cut-off"},
      {"0701"
       "00",
       "unknown type"},
      {"0800", "empty set"},
      {"0804"
       "0162"
       "0161",
       "out of order or twice"},
      {"0802"
       "0000",
       "out of order or twice"},
      {"0802"
       "01ff",
       "not UTF-8"},
      {"0801"
       "05",
       "cut-off"},
      {"0900", "empty set"},
      {"0904"
       "c014"
       "c014",
       "out of order or twice"},
      {"0904"
       "c028"
       "c014",
       "out of order or twice"},
      {"0901"
       "c0",
       "cut off"},
      {"0a00", "empty set"},
      {"0a04"
       "0161"
       "0161",
       "out of order or twice"},
  };
  for (const auto& [hex, what] : cases) {
    const absl::Status status = ValidateValue(Bytes(hex));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << hex;
    EXPECT_NE(status.message().find(what), absl::string_view::npos) << hex << ": " << status;
    EXPECT_EQ(DecodeValue(Bytes(hex)).status(), status);
  }
}

TEST(Codec, ErrorsSayWhere) {
  // {m: {k: [null, S of bad UTF-8]}}
  const std::string bytes = Bytes(
      "016d"
      "06"
      "08"
      "016b"
      "07"
      "04"
      "05"
      "0101ff");
  EXPECT_EQ(DecodeItem(bytes).status().message(),
            "malformed item: a string that is not UTF-8 at byte 9 in m.k[1]");
}

std::string NestedLists(int depth) {
  Value value = Value::Null();
  for (int i = 0; i < depth; ++i) value = Value::List({value});
  return EncodeValue(value);
}

TEST(Codec, DepthIsLimited) {
  EXPECT_TRUE(DecodeValue(NestedLists(kDepthLimit)).ok());
  EXPECT_FALSE(DecodeValue(NestedLists(kDepthLimit + 1)).ok());
  std::string bottomless = EncodeValue(Value::List({}));
  for (int i = 0; i < 2000; ++i) {
    std::string outer(1, static_cast<char>(Type::kList));
    for (size_t n = bottomless.size();; n >>= 7) {
      outer.push_back(static_cast<char>(n >= 0x80 ? n | 0x80 : n));
      if (n < 0x80) break;
    }
    bottomless = outer + bottomless;
  }
  EXPECT_FALSE(ValidateValue(bottomless).ok());
}

TEST(Codec, AttributeNamesAreLimited) {
  Item item;
  item.Set(std::string(kAttributeNameLimitBytes, 'a'), Value::Null());
  EXPECT_TRUE(ValidateItem(EncodeItem(item)).ok());
  item.Set(std::string(kAttributeNameLimitBytes + 1, 'a'), Value::Null());
  EXPECT_FALSE(ValidateItem(EncodeItem(item)).ok());
}

TEST(Codec, FindEncodedStepsOver) {
  const Item item = OneOfEach();
  const std::string bytes = EncodeItem(item);
  for (const auto& [name, value] : item) {
    EXPECT_EQ(FindEncoded(bytes, name), EncodeValue(value)) << name;
  }
  for (std::string_view absent : {"", "a", "bb", "k", "zz"}) {
    EXPECT_EQ(FindEncoded(bytes, absent), "") << absent;
  }
}

TEST(Codec, SizesAsDynamoDbCounts) {
  const auto size = [](Value value) {
    Item item;
    item.Set("name", std::move(value));
    EXPECT_EQ(ItemSizeBytes(item), EncodedItemSizeBytes(EncodeItem(item)));
    return ItemSizeBytes(item) - 4;
  };
  EXPECT_EQ(size(Value::String("h\xc3\xa9")), 3u);
  EXPECT_EQ(size(Value::Binary("12345")), 5u);
  EXPECT_EQ(size(Value::Bool(true)), 1u);
  EXPECT_EQ(size(Value::Null()), 1u);
  EXPECT_EQ(size(Value::Num(0)), 1u);
  EXPECT_EQ(size(Value::Num(7)), 2u);
  EXPECT_EQ(size(Value::Num(-7)), 3u);
  EXPECT_EQ(size(Value::Num(123)), 3u);
  EXPECT_EQ(size(Value::Num(*Number::Parse("1E100"))), 2u);
  EXPECT_EQ(size(Value::List({})), 3u);
  EXPECT_EQ(size(Value::List({Value::Null(), Value::String("ab")})), 3u + 2 + 3);
  AttributeMap map;
  map.Set("key", Value::Bool(false));
  EXPECT_EQ(size(Value::Map(map)), 3u + 3 + 1 + 1);
  EXPECT_EQ(size(Value::StringSet({"a", "bcd"})), 4u);
  EXPECT_EQ(size(Value::NumberSet({Number::FromInt(1), Number::FromInt(-1)})), 5u);
  EXPECT_EQ(size(Value::BinarySet({"abc"})), 3u);
}

TEST(CodecProperty, ItemsRoundTrip) {
  Property([] {
    const Item item = *MapGen(3);
    const std::string bytes = EncodeItem(item);
    RC_ASSERT(ValidateItem(bytes).ok());
    const absl::StatusOr<Item> decoded = DecodeItem(bytes);
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == item);
    RC_ASSERT(EncodeItem(*decoded) == bytes);
    RC_ASSERT(ItemSizeBytes(item) == EncodedItemSizeBytes(bytes));
    for (const auto& [name, value] : item) {
      RC_ASSERT(FindEncoded(bytes, name) == EncodeValue(value));
    }
  });
}

void ExpectCanonicalOrRefused(const std::string& bytes) {
  const absl::StatusOr<Item> item = DecodeItem(bytes);
  RC_ASSERT(item.ok() == ValidateItem(bytes).ok());
  if (item.ok()) RC_ASSERT(EncodeItem(*item) == bytes);
  const absl::StatusOr<Value> value = DecodeValue(bytes);
  RC_ASSERT(value.ok() == ValidateValue(bytes).ok());
  if (value.ok()) RC_ASSERT(EncodeValue(*value) == bytes);
  FindEncoded(bytes, "zzz");
}

TEST(CodecProperty, MutatedItemsAreCanonicalOrRefused) {
  int accepted = 0;
  Property([&accepted] {
    std::string bytes = EncodeItem(*MapGen(2));
    const int mutations = *rc::gen::inRange(1, 4);
    for (int i = 0; i < mutations && !bytes.empty(); ++i) {
      const size_t at = *rc::gen::inRange<size_t>(0, bytes.size());
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          bytes[at] = *rc::gen::arbitrary<char>();
          break;
        case 1:
          bytes.erase(at, *rc::gen::inRange(1, 4));
          break;
        case 2:
          bytes.insert(at, 1, *rc::gen::arbitrary<char>());
          break;
        default:
          bytes.resize(at);
      }
    }
    accepted += DecodeItem(bytes).ok() ? 1 : 0;
    ExpectCanonicalOrRefused(bytes);
  });
  EXPECT_GT(accepted, 0);  // Else the property says nothing.
}

TEST(CodecProperty, RandomBytesAreCanonicalOrRefused) {
  Property([] { ExpectCanonicalOrRefused(*BytesGen()); });
}

}  // namespace
}  // namespace fastpath::model
