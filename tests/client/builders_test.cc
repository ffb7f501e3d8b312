// What programs write down, as the trees of api.proto and as what they do.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "partition/expression/evaluate.h"
#include "partition/model/codec.h"

namespace fastpath::client {
namespace {

bool Holds(const Condition& condition, const Item& item) {
  EXPECT_TRUE(condition.status().ok());
  EXPECT_TRUE(expression::ValidateCondition(condition.proto()).ok());
  return expression::Holds(condition.proto(), item);
}

Item Applied(const Update& update, Item item) {
  EXPECT_TRUE(update.status().ok());
  EXPECT_TRUE(expression::Apply(update.proto(), item).ok());
  return item;
}

const Item kBook = MakeItem({{"id", "a"},
                             {"stock", 3},
                             {"title", "Moby Dick"},
                             {"tags", StringSet({"sea", "whale"})},
                             {"a.b", 7},
                             {"deep", Map({{"list", List({1, Map({{"x", "y"}})})}})}});

TEST(Items, LiteralsHaveTheirTypes) {
  Item item = MakeItem({{"s", "text"},
                        {"n", -5},
                        {"big", UINT64_MAX},
                        {"d", Decimal("0.10")},
                        {"t", true},
                        {"z", nullptr},
                        {"b", Binary(std::string("\0\1", 2))},
                        {"l", List({1, "two"})},
                        {"m", Map({{"k", 1}})},
                        {"ns", NumberSet({2, 1})},
                        {"bs", BinarySet({"x"})}});
  EXPECT_EQ(*item.Find("s"), Value::String("text"));
  EXPECT_EQ(*item.Find("n"), Value::Num(-5));
  EXPECT_EQ(item.Find("big")->number().ToString(), "18446744073709551615");
  EXPECT_EQ(item.Find("d")->number().ToString(), "0.1");
  EXPECT_EQ(*item.Find("t"), Value::Bool(true));
  EXPECT_EQ(*item.Find("z"), Value::Null());
  EXPECT_EQ(item.Find("b")->type(), model::Type::kBinary);
  EXPECT_EQ(item.Find("l")->list().size(), 2u);
  EXPECT_EQ(*item.Find("m")->map().Find("k"), Value::Num(1));
  EXPECT_EQ(item.Find("ns")->numbers().front(), model::Number::FromInt(1));
  EXPECT_EQ(item.Find("bs")->type(), model::Type::kBinarySet);
}

TEST(ItemsDeath, DecimalOfRubbishAborts) { EXPECT_DEATH(Decimal("1.2.3"), "not a number"); }

TEST(Keys, HaveEncodedParts) {
  api::Key key = Key("t", "a", 5).ToProto();
  EXPECT_EQ(*model::DecodeValue(key.partition()), Value::String("a"));
  EXPECT_EQ(*model::DecodeValue(key.sort()), Value::Num(5));
  EXPECT_TRUE(Key("t", "a").ToProto().sort().empty());
}

TEST(Paths, Parse) {
  Path path("a.b[3].c[0][1]");
  ASSERT_TRUE(path.status().ok());
  std::string text;
  for (const api::Step& step : path.proto().steps()) {
    text += step.has_name() ? step.name() + " " : std::to_string(step.index()) + " ";
  }
  EXPECT_EQ(text, "a b 3 c 0 1 ");
  EXPECT_EQ(Path("a").proto().steps_size(), 1);
}

TEST(Paths, RefuseWhatIsNone) {
  for (const char* text : {"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[1", "a[-1]", "a]",
                           "a[1]b", "[0]", "a[99999999999]"}) {
    EXPECT_FALSE(Path(text).status().ok()) << text;
  }
  EXPECT_FALSE(Path({3u, "a"}).status().ok());
}

TEST(Paths, StepsTakeNamesAsTheyAre) {
  EXPECT_TRUE(Holds(Attr(Path({"a.b"})) == 7, kBook));
  EXPECT_FALSE(Holds(Attr("a.b") == 7, kBook));
  EXPECT_TRUE(Holds(Attr(Path({"deep", "list", 1u, "x"})) == "y", kBook));
}

TEST(Conditions, Compare) {
  EXPECT_TRUE(Holds(Attr("stock") == 3, kBook));
  EXPECT_TRUE(Holds(Attr("stock") != 4, kBook));
  EXPECT_TRUE(Holds(Attr("stock") < 4, kBook));
  EXPECT_TRUE(Holds(Attr("stock") <= 3, kBook));
  EXPECT_TRUE(Holds(Attr("stock") > 2, kBook));
  EXPECT_TRUE(Holds(Attr("stock") >= 3, kBook));
  EXPECT_TRUE(Holds(3 <= Attr("stock"), kBook));
  EXPECT_TRUE(Holds(Attr("stock") < Attr(Path({"a.b"})), kBook));
  EXPECT_FALSE(Holds(Attr("missing") == 3, kBook));
}

TEST(Conditions, Functions) {
  EXPECT_TRUE(Holds(AttrExists("stock"), kBook));
  EXPECT_TRUE(Holds(AttrNotExists("none"), kBook));
  EXPECT_TRUE(Holds(Attr("stock").Between(1, 3), kBook));
  EXPECT_TRUE(Holds(Attr("stock").In({1, 2, 3}), kBook));
  EXPECT_FALSE(Holds(Attr("stock").In({"3"}), kBook));
  EXPECT_TRUE(Holds(Attr("title").BeginsWith("Moby"), kBook));
  EXPECT_TRUE(Holds(Attr("tags").Contains("sea"), kBook));
  EXPECT_TRUE(Holds(Attr("tags").IsType("SS"), kBook));
  EXPECT_TRUE(Holds(Size("title") == 9, kBook));
  EXPECT_TRUE(Holds(Size("tags") < 3, kBook));
}

TEST(Conditions, Combine) {
  EXPECT_TRUE(Holds(Attr("stock") >= 3 && AttrExists("title"), kBook));
  EXPECT_FALSE(Holds(Attr("stock") >= 4 && AttrExists("title"), kBook));
  EXPECT_TRUE(Holds(Attr("stock") >= 4 || AttrExists("title"), kBook));
  EXPECT_TRUE(Holds(!(Attr("stock") >= 4), kBook));
  // Of mixed operators, each keeps its own list.
  EXPECT_TRUE(Holds((Attr("stock") == 9 && Attr("stock") == 8) || Attr("stock") == 3, kBook));
  EXPECT_FALSE(Holds((Attr("stock") == 3 || Attr("stock") == 8) && Attr("stock") == 8, kBook));
}

TEST(Conditions, ChainsAreOneList) {
  Condition all = AttrExists("a") && AttrExists("b") && AttrExists("c");
  EXPECT_EQ(all.proto().all().list_size(), 3);
  EXPECT_FALSE(Condition().present());
  EXPECT_EQ((Condition() && AttrExists("a")).proto().exists().steps_size(), 1);
}

TEST(Conditions, KeepTheFirstError) {
  Condition bad = AttrExists("a") && (Attr("b[") == 1 || AttrExists("c"));
  EXPECT_FALSE(bad.status().ok());
  EXPECT_FALSE((!Condition()).status().ok());
}

// What no server could read, or would take, ends here.
TEST(Conditions, OfWhatCannotBeSentAreErrors) {
  EXPECT_FALSE(AttrExists("a\xff").status().ok());
  EXPECT_FALSE(AttrExists(Path({"a\xff"})).status().ok());
  EXPECT_FALSE(Attr("a").IsType("\xff").status().ok());
  Condition deep = AttrExists("a");
  for (int i = 0; i < 200; ++i) deep = !deep;
  EXPECT_FALSE(deep.status().ok());
}

TEST(Updates, OfWhatCannotBeSentAreErrors) {
  SetExpression sum = Attr("a");
  for (int i = 0; i < 60; ++i) sum = sum + 1;
  EXPECT_FALSE(Update().Set("a", sum).status().ok());
  EXPECT_FALSE(Update().Add("a\xff", 1).status().ok());
}

TEST(Updates, SetArithmeticAndFunctions) {
  Item after = Applied(Update()
                           .Set("stock", Attr("stock") - 1)
                           .Set("sum", Attr("stock") + Attr(Path({"a.b"})))
                           .Set("seen", IfNotExists("seen", 0) + 1)
                           .Set("log", ListAppend(IfNotExists("log", List({})), List({"sold"})))
                           .Set("deep.list[0]", "one"),
                       kBook);
  EXPECT_EQ(*after.Find("stock"), Value::Num(2));
  EXPECT_EQ(*after.Find("sum"), Value::Num(10));
  EXPECT_EQ(*after.Find("seen"), Value::Num(1));
  EXPECT_EQ(after.Find("log")->list().size(), 1u);
  EXPECT_EQ(after.Find("deep")->map().Find("list")->list()[0], Value::String("one"));
}

TEST(Updates, AddRemoveDelete) {
  Item after = Applied(
      Update().Add("stock", 10).Add("new", 1).Delete("tags", StringSet({"sea"})).Remove("title"),
      kBook);
  EXPECT_EQ(*after.Find("stock"), Value::Num(13));
  EXPECT_EQ(*after.Find("new"), Value::Num(1));
  EXPECT_EQ(*after.Find("tags"), Value::StringSet({"whale"}));
  EXPECT_EQ(after.Find("title"), nullptr);
}

}  // namespace
}  // namespace fastpath::client
