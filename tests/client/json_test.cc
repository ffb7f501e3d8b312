// Items as JSON: digits kept, both dialects, errors with their place.
#include "client/cli/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/item.h"

namespace fastpath::client::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<Item> Plain(std::string_view text) {
  JsonParser parser;
  return parser.ParseItem(text, Dialect::kPlain);
}
absl::StatusOr<Item> Typed(std::string_view text) {
  JsonParser parser;
  return parser.ParseItem(text, Dialect::kTyped);
}
std::string Write(const Item& item, Dialect dialect, int indent = 0) {
  return JsonWriter(indent).Item(item, dialect).text();
}

TEST(Json, PlainValuesHaveTheirTypes) {
  auto item = Plain(R"({"s":"x","n":1,"t":true,"f":false,"z":null,"l":[1,"a",[]],"m":{"k":{}}})");
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(*item, MakeItem({{"s", "x"},
                             {"n", 1},
                             {"t", true},
                             {"f", false},
                             {"z", nullptr},
                             {"l", List({1, "a", List({})})},
                             {"m", Map({{"k", Map({})}})}}));
}

TEST(Json, TypedNumbersOfMoreThan38DigitsHaveAnExponent) {
  const std::pair<const char*, const char*> cases[] = {
      {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
      {"1E37", "10000000000000000000000000000000000000"},
      {"1E38", "1E+38"},
      {"-9.99E100", "-9.99E+100"},
      {"123456789012345678901234567890123456780", "1.2345678901234567890123456789012345678E+38"},
      {"9.9999999999999999999999999999999999999E125",
       "9.9999999999999999999999999999999999999E+125"},
      {"1E-45", "0.000000000000000000000000000000000000000000001"}};
  for (const auto& [sent, written] : cases) {
    auto item = Typed(std::string(R"({"n":{"N":")") + sent + R"("},"s":{"NS":[")" + sent + "\"]}}");
    ASSERT_TRUE(item.ok()) << sent << ": " << item.status();
    const std::string text = Write(*item, Dialect::kTyped);
    EXPECT_EQ(text,
              std::string(R"({"n":{"N":")") + written + R"("},"s":{"NS":[")" + written + "\"]}}");
    EXPECT_EQ(*Typed(text), *item);
  }
}

TEST(Json, NumbersKeepAllTheirDigits) {
  for (const char* digits :
       {"0", "-1", "12345678901234567890123456789012345678", "0.1", "-0.000000000000000000001",
        "1.2345678901234567890123456789012345678", "9007199254740993", "18446744073709551616"}) {
    auto item = Plain(std::string("{\"n\":") + digits + "}");
    ASSERT_TRUE(item.ok()) << digits << ": " << item.status();
    EXPECT_EQ(Write(*item, Dialect::kPlain), std::string("{\"n\":") + digits + "}");
    auto typed = Typed(std::string("{\"n\":{\"N\":\"") + digits + "\"}}");
    ASSERT_TRUE(typed.ok());
    EXPECT_EQ(*typed, *item);
  }
  EXPECT_EQ(Plain("{\"n\": 1.50e2 }")->Find("n")->number().ToString(), "150");
}

TEST(Json, NumbersOverTheLimitAreErrors) {
  EXPECT_FALSE(Plain("{\"n\":123456789012345678901234567890123456789}").ok());
  EXPECT_FALSE(Plain("{\"n\":1e126}").ok());
}

TEST(Json, TextIsEscapedBothWays) {
  auto item = Plain(R"({"s":"a\"b\\c\n\t\u0001\u00e9\ud83d\ude00"})");
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->Find("s")->text(), "a\"b\\c\n\t\x01\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(Write(*item, Dialect::kPlain),
            "{\"s\":\"a\\\"b\\\\c\\n\\t\\u0001\xc3\xa9\xf0\x9f\x98\x80\"}");
}

TEST(Json, TypedHoldsEveryType) {
  std::string text =
      R"({"b":{"B":"AAH/"},"bs":{"BS":["AA==","AQ=="]},"f":{"BOOL":false},"l":{"L":[{"S":"x"}]},)"
      R"("m":{"M":{"k":{"N":"1"}}},"n":{"N":"1.5"},"ns":{"NS":["1","2"]},"s":{"S":""},)"
      R"("ss":{"SS":["a","b"]},"z":{"NULL":true}})";
  auto item = Typed(text);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->Find("b")->text(), std::string("\x00\x01\xff", 3));
  EXPECT_EQ(item->Find("ss")->type(), model::Type::kStringSet);
  EXPECT_EQ(Write(*item, Dialect::kTyped), text);
}

TEST(Json, ErrorsSayWhere) {
  struct Case {
    const char* text;
    const char* what;
  };
  for (const Case& bad : std::initializer_list<Case>{
           {"", "JSON"},
           {"[1]", "JSON"},
           {"{\"a\":}", "JSON"},
           {"{\"a\":1", "JSON"},
           {"{\"a\":1} x", "JSON"},
           {"{\"a\":1}{\"b\":2}", "JSON"},
           {"{\"a\":01}", "not a number"},
           {"{\"a\":+1}", "JSON"},
           {"{\"a\":1.}", "not a number"},
           {"{\"a\":nul}", "JSON"},
           {"{\"a\":1,\"a\":2}", "\"a\" occurs twice"},
           {"{\"a\" 1}", "JSON"},
           {"{'a':1}", "JSON"},
           {"{\"a\":\"\\x\"}", "JSON"},
       }) {
    auto item = Plain(bad.text);
    ASSERT_FALSE(item.ok()) << bad.text;
    EXPECT_THAT(std::string(item.status().message()), HasSubstr(bad.what)) << bad.text;
  }
  EXPECT_THAT(std::string(Plain("{\"first\":1,\"second\":1.2.3}").status().message()),
              HasSubstr("at byte 2"));
}

TEST(Json, TypedErrors) {
  for (const char* bad :
       {R"({"a":1})", R"({"a":{"X":"1"}})", R"({"a":{}})", R"({"a":{"S":"x","N":"1"}})",
        R"({"a":{"N":1}})", R"({"a":{"N":"x"}})", R"({"a":{"B":"*"}})", R"({"a":{"SS":[]}})",
        R"({"a":{"SS":["x","x"]}})", R"({"a":{"NULL":false}})", R"({"a":{"NS":["1","1.0"]}})"}) {
    EXPECT_FALSE(Typed(bad).ok()) << bad;
  }
}

TEST(Json, DeepNestingIsAnError) {
  std::string deep = "{\"a\":" + std::string(500, '[') + std::string(500, ']') + "}";
  EXPECT_FALSE(Plain(deep).ok());
  std::string fine = "{\"a\":" + std::string(30, '[') + std::string(30, ']') + "}";
  EXPECT_TRUE(Plain(fine).ok());
}

TEST(Json, SingleValuesParse) {
  JsonParser parser;
  EXPECT_EQ(*parser.ParseValue("5", Dialect::kPlain), Value::Num(5));
  EXPECT_EQ(*parser.ParseValue(" \"x\" ", Dialect::kPlain), Value::String("x"));
  EXPECT_EQ(*parser.ParseValue("{\"SS\":[\"a\"]}", Dialect::kTyped), Value::StringSet({"a"}));
  for (const char* bad : {"", "1,2", "1]", "x", "[1", "1 2"}) {
    EXPECT_FALSE(parser.ParseValue(bad, Dialect::kPlain).ok()) << bad;
  }
}

TEST(Json, TextsAreCutIntoTheirParts) {
  JsonParser parser;
  const auto array = parser.SplitArray(R"( [1.50 , {} , [], {"a":[{"b":"]}"}]}, "x,\"y" ,null ] )");
  ASSERT_TRUE(array.ok()) << array.status();
  std::vector<std::string> parts;
  for (const std::string& part : *array) {  // Each parses by itself, to what it is.
    auto value = parser.ParseValue(part, Dialect::kPlain);
    ASSERT_TRUE(value.ok()) << part << ": " << value.status();
    parts.push_back(JsonWriter().Value(*value, Dialect::kPlain).text());
  }
  EXPECT_THAT(parts, ElementsAre("1.5", "{}", "[]", R"({"a":[{"b":"]}"}]})", R"("x,\"y")", "null"));
  const auto object = parser.SplitObject(R"({"b":{"N":"1"},"a\u0062":[1,2]})");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_THAT(*object, ElementsAre(Pair("ab", "[1,2]"), Pair("b", R"({"N":"1"})")));
  EXPECT_TRUE(parser.SplitArray("[]")->empty());
  EXPECT_TRUE(parser.SplitObject("{}")->empty());
  for (const char* bad : {"", "{}", "[1", "[1]2", "[1 2]", "[{]", "nonsense"}) {
    EXPECT_FALSE(parser.SplitArray(bad).ok()) << bad;
  }
  for (const char* bad : {"", "[]", R"({"a":1)", R"({"a":1}2)", R"({"a" 1})", R"({"a":1,"a":2})"}) {
    EXPECT_FALSE(parser.SplitObject(bad).ok()) << bad;
  }
}

TEST(Json, WriterIndents) {
  EXPECT_EQ(Write(MakeItem({{"a", 1}, {"l", List({1, 2})}, {"e", List({})}}), Dialect::kPlain, 2),
            "{\n  \"a\": 1,\n  \"e\": [],\n  \"l\": [\n    1,\n    2\n  ]\n}");
}

TEST(Json, LossyNamesWhatPlainCannotGiveBack) {
  EXPECT_EQ(Lossy(MakeItem({{"a", 1}, {"m", Map({{"k", List({"x"})}})}})), "");
  EXPECT_EQ(Lossy(MakeItem({{"a", 1}, {"m", Map({{"k", StringSet({"x"})}})}})), "m");
  EXPECT_EQ(Lossy(MakeItem({{"b", Binary("x")}})), "b");
}

}  // namespace
}  // namespace fastpath::client::cli
