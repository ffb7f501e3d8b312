#include <gtest/gtest.h>

#include <bitset>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "tests/partition/generators.h"

namespace fastpath::model {
namespace {

std::string Part(const Value& value) {
  std::string out;
  AppendKeyPart(out, value);
  return out;
}
std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

api::Table MakeTable(api::KeyType partition, api::KeyType sort = api::KEY_TYPE_UNSPECIFIED) {
  api::Table table;
  table.set_name("orders");
  table.mutable_partition_key()->set_name("pk");
  table.mutable_partition_key()->set_type(partition);
  if (sort != api::KEY_TYPE_UNSPECIFIED) {
    table.mutable_sort_key()->set_name("sk");
    table.mutable_sort_key()->set_type(sort);
  }
  return table;
}

api::Key MakeKey(const Value& partition) {
  api::Key key;
  key.set_partition(EncodeValue(partition));
  return key;
}
api::Key MakeKey(const Value& partition, const Value& sort) {
  api::Key key = MakeKey(partition);
  key.set_sort(EncodeValue(sort));
  return key;
}

// The published vectors of xxHash's own sanity check: the first bytes of its
// pseudo-random buffer, under seeds 0 and 2654435761.
TEST(XxHash64, PublishedVectors) {
  constexpr uint64_t kPrime32 = 2654435761u;
  std::string buffer;
  uint64_t generator = kPrime32;
  for (int i = 0; i < 222; ++i) {
    buffer.push_back(static_cast<char>(generator >> 56));
    generator *= 0x9E3779B185EBCA8Du;
  }
  struct Vector {
    size_t size;
    uint64_t seed;
    uint64_t hash;
  };
  for (const Vector& vector : std::vector<Vector>{
           {0, 0, 0xEF46DB3751D8E999},
           {0, kPrime32, 0xAC75FDA2929B17EF},
           {1, 0, 0xE934A84ADB052768},
           {1, kPrime32, 0x5014607643A9B4C3},
           {4, 0, 0x9136A0DCA57457EE},
           {14, 0, 0x8282DCC4994E35C8},
           {14, kPrime32, 0xC3BD6BF63DEB6DF0},
           {222, 0, 0xB641AE8CB691C174},
           {222, kPrime32, 0x20CB8AB7AE10C14A},
       }) {
    EXPECT_EQ(XxHash64(std::string_view(buffer).substr(0, vector.size), vector.seed), vector.hash)
        << vector.size << " bytes, seed " << vector.seed;
  }
  EXPECT_EQ(XxHash64("abc", 0), 0x44BC2CF5AD770999u);
}

// Never-change: these bytes are on disks.
TEST(KeyPart, GoldenBytes) {
  EXPECT_EQ(Hex(Part(Value::String("ab"))),
            "01"
            "6162"
            "0001");
  EXPECT_EQ(Hex(Part(Value::String(""))),
            "01"
            "0001");
  EXPECT_EQ(Hex(Part(Value::String(std::string("a\0b", 3)))),
            "01"
            "61"
            "00ff"
            "62"
            "0001");
  EXPECT_EQ(Hex(Part(Value::Binary(std::string("\0\0", 2)))),
            "03"
            "00ff"
            "00ff"
            "0001");
  EXPECT_EQ(Hex(Part(Value::Num(12))),
            "02"
            "c118");
  EXPECT_EQ(KeyHash(Part(Value::String("ab"))), 0xC0EF168FB226FC2Cu);
  EXPECT_EQ(KeyHash(Part(Value::Num(12))), 0xB73507DDBC3CEAA7u);
}

TEST(KeyPart, EqualNumbersAreOneKey) {
  EXPECT_EQ(Part(Value::Num(*Number::Parse("1.0"))), Part(Value::Num(1)));
}

TEST(KeyPart, RefusesMalformedBytes) {
  const std::vector<std::string> malformed = {
      "", "01", "0161", "016100", "01610002", "04", "0200", "02", "01ff0001", "050001",
  };
  for (const std::string& hex : malformed) {
    const std::string bytes = absl::HexStringToBytes(hex);
    std::string_view in = bytes;
    EXPECT_FALSE(TakeKeyPart(in).ok()) << hex;
    EXPECT_EQ(in, bytes) << "consumed " << hex;
  }
}

rc::Gen<Value> KeyValueGen() {
  return rc::gen::oneOf(
      rc::gen::map(TextGen(), [](std::string text) { return Value::String(text); }),
      rc::gen::map(NumberGen(), [](Number number) { return Value::Num(number); }),
      rc::gen::map(BytesGen(), [](std::string text) { return Value::Binary(text); }));
}

int CompareValues(const Value& a, const Value& b) {
  if (a.type() != b.type()) return a.type() < b.type() ? -1 : 1;
  if (!a.is(Type::kNumber)) return a.text().compare(b.text());
  return a.number() < b.number() ? -1 : a.number() > b.number() ? 1 : 0;
}

TEST(KeyPartProperty, KeepsOrderAndDelimitsItself) {
  Property([] {
    const Value a = *KeyValueGen();
    const Value b = *KeyValueGen();
    const int expected = CompareValues(a, b);
    const int actual = (Part(a) + "x").compare(Part(b) + "y");
    if (expected != 0) RC_ASSERT((actual < 0) == (expected < 0));
    const std::string both = Part(a) + Part(b);
    std::string_view in = both;
    RC_ASSERT(*TakeKeyPart(in) == a);
    RC_ASSERT(*TakeKeyPart(in) == b);
    RC_ASSERT(in.empty());
  });
}

TEST(KeyPartProperty, RandomBytesDecodeOnlyIfCanonical) {
  Property([] {
    std::string bytes = *BytesGen();
    if (!bytes.empty()) bytes[0] = *rc::gen::inRange<char>(0, 5);
    std::string_view in = bytes;
    const absl::StatusOr<Value> value = TakeKeyPart(in);
    if (value.ok()) RC_ASSERT(Part(*value) == bytes.substr(0, bytes.size() - in.size()));
  });
}

TEST(Key, RequestAndItemAgree) {
  const api::Table table = MakeTable(api::S, api::N);
  Item item;
  item.Set("pk", Value::String("user"));
  item.Set("sk", Value::Num(-7));
  item.Set("other", Value::Null());
  const absl::StatusOr<EncodedKey> from_item = KeyOfItem(table, EncodeItem(item));
  ASSERT_TRUE(from_item.ok()) << from_item.status();
  EXPECT_EQ(from_item->partition, Part(Value::String("user")));
  EXPECT_EQ(from_item->sort, Part(Value::Num(-7)));
  EXPECT_EQ(from_item->hash, KeyHash(from_item->partition));
  const absl::StatusOr<api::Key> request = RequestKeyOfItem(table, item);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->partition(), EncodeValue(Value::String("user")));
  const absl::StatusOr<EncodedKey> from_request = EncodeKey(table, *request);
  ASSERT_TRUE(from_request.ok()) << from_request.status();
  EXPECT_EQ(from_request->partition, from_item->partition);
  EXPECT_EQ(from_request->sort, from_item->sort);
  EXPECT_EQ(from_request->hash, from_item->hash);
}

TEST(Key, HashIsOfThePartitionKeyAlone) {
  const api::Table with_sort = MakeTable(api::S, api::N);
  const api::Table without = MakeTable(api::S);
  EXPECT_EQ(EncodeKey(with_sort, MakeKey(Value::String("u"), Value::Num(1)))->hash,
            EncodeKey(without, MakeKey(Value::String("u")))->hash);
}

TEST(Key, RequestErrors) {
  const api::Table simple = MakeTable(api::S);
  const api::Table composite = MakeTable(api::S, api::B);
  const std::string mismatch = "The provided key element does not match the schema";
  EXPECT_EQ(EncodeKey(simple, api::Key()).status().message(), mismatch);
  EXPECT_EQ(EncodeKey(simple, MakeKey(Value::Num(1))).status().message(), mismatch);
  EXPECT_EQ(EncodeKey(simple, MakeKey(Value::Null())).status().message(), mismatch);
  EXPECT_EQ(EncodeKey(simple, MakeKey(Value::String("a"), Value::String("b"))).status().message(),
            mismatch);
  EXPECT_EQ(EncodeKey(composite, MakeKey(Value::String("a"))).status().message(), mismatch);
  EXPECT_EQ(EncodeKey(simple, MakeKey(Value::String(""))).status().message(),
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: pk");
  EXPECT_EQ(EncodeKey(composite, MakeKey(Value::String("a"), Value::Binary(""))).status().message(),
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty binary value. Key: sk");
  api::Key rubbish;
  rubbish.set_partition("\x01\x7f");
  EXPECT_FALSE(EncodeKey(simple, rubbish).ok());
  rubbish.set_partition(EncodeValue(Value::String("a")) + "x");
  EXPECT_FALSE(EncodeKey(simple, rubbish).ok());
}

TEST(Key, SizesAreLimited) {
  const api::Table table = MakeTable(api::S, api::B);
  const auto encode = [&table](size_t partition_bytes, size_t sort_bytes) {
    return EncodeKey(table, MakeKey(Value::String(std::string(partition_bytes, 'p')),
                                    Value::Binary(std::string(sort_bytes, '\0'))))
        .status();
  };
  EXPECT_TRUE(encode(2048, 1024).ok());
  EXPECT_EQ(encode(2049, 1).message(),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum "
            "size limit of 2048 bytes");
  EXPECT_EQ(encode(1, 1025).message(),
            "One or more parameter values were invalid: Aggregated size of all range keys has "
            "exceeded the size limit of 1024 bytes");
}

TEST(Key, ItemErrors) {
  const api::Table table = MakeTable(api::S, api::N);
  const auto error = [&table](const Item& item) {
    const absl::Status status = KeyOfItem(table, EncodeItem(item)).status();
    EXPECT_EQ(RequestKeyOfItem(table, item).status(), status);
    return std::string(status.message());
  };
  Item item;
  EXPECT_EQ(error(item),
            "One or more parameter values were invalid: Missing the key pk in the item");
  item.Set("pk", Value::Num(1));
  EXPECT_EQ(error(item),
            "One or more parameter values were invalid: Type mismatch for key pk expected: S "
            "actual: N");
  item.Set("pk", Value::String("p"));
  EXPECT_EQ(error(item),
            "One or more parameter values were invalid: Missing the key sk in the item");
  item.Set("sk", Value::StringSet({"p"}));
  EXPECT_EQ(error(item),
            "One or more parameter values were invalid: Type mismatch for key sk expected: N "
            "actual: SS");
}

TEST(KeyHash, SpreadsConsecutiveKeysOverTheBuckets) {
  constexpr int kKeys = 65536;
  std::bitset<65536> hit;
  for (int i = 0; i < kKeys; ++i) {
    hit.set(KeyHash(Part(Value::String("user#" + std::to_string(i)))) >> 48);
  }
  // Random placement leaves 1/e of the buckets empty, give or take 0.2 %.
  EXPECT_NEAR(static_cast<double>(hit.count()) / kKeys, 0.632, 0.01);
}

TEST(Table, Names) {
  api::Table table = MakeTable(api::S, api::N);
  for (const std::string& name :
       {std::string("abc"), std::string("A.b-c_9"), std::string(255, 'x')}) {
    table.set_name(name);
    EXPECT_TRUE(ValidateTable(table).ok()) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("ab"), std::string(256, 'x'), std::string("a b"),
        std::string("a/b"), std::string("caf\xc3\xa9"), std::string("a\0b", 3)}) {
    table.set_name(name);
    EXPECT_EQ(ValidateTable(table).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(Table, Keys) {
  const auto with = [](auto change) {
    api::Table table = MakeTable(api::S, api::N);
    change(table);
    return ValidateTable(table).ok();
  };
  EXPECT_TRUE(with([](api::Table&) {}));
  EXPECT_TRUE(with([](api::Table& t) { t.clear_sort_key(); }));
  EXPECT_TRUE(with([](api::Table& t) { t.set_ttl_attribute("expires"); }));
  EXPECT_TRUE(with([](api::Table& t) { t.mutable_sort_key()->set_name(std::string(255, 'k')); }));
  EXPECT_FALSE(with([](api::Table& t) { t.mutable_sort_key()->set_name(std::string(256, 'k')); }));
  EXPECT_FALSE(with([](api::Table& t) { t.clear_partition_key(); }));
  EXPECT_FALSE(with([](api::Table& t) { t.mutable_partition_key()->clear_type(); }));
  EXPECT_FALSE(with(
      [](api::Table& t) { t.mutable_partition_key()->set_type(static_cast<api::KeyType>(9)); }));
  EXPECT_FALSE(with([](api::Table& t) { t.mutable_sort_key()->set_name("pk"); }));
  EXPECT_FALSE(with([](api::Table& t) { t.mutable_sort_key()->clear_name(); }));
  EXPECT_FALSE(with([](api::Table& t) { t.mutable_sort_key()->clear_type(); }));
  EXPECT_FALSE(with([](api::Table& t) { t.set_ttl_attribute(std::string(256, 't')); }));
}

}  // namespace
}  // namespace fastpath::model
