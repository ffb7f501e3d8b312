// Expressions as text give the trees that the builders give.
#include <gtest/gtest.h>

#include "client/client.h"
#include "partition/expression/evaluate.h"

namespace fastpath::client {
namespace {

void Same(const Condition& text, const Condition& built) {
  EXPECT_TRUE(text.status().ok()) << text.status();
  EXPECT_TRUE(text.present());
  EXPECT_EQ(text.proto().ShortDebugString(), built.proto().ShortDebugString());
}

void Same(const Update& text, const Update& built) {
  EXPECT_TRUE(text.status().ok()) << text.status();
  EXPECT_EQ(text.proto().ShortDebugString(), built.proto().ShortDebugString());
}

const Names kTitle = {{"#t", "title"}};
const Values kThree = {{":q", 3}};

TEST(ConditionParse, GivesTheBuildersTreeOfEveryKind) {
  const Attr a("a");
  Same(Condition::Parse("stock >= :q AND attribute_exists(#t)", kTitle, kThree),
       Attr("stock") >= 3 && AttrExists("title"));
  Same(Condition::Parse("a = :q", {}, kThree), a == 3);
  Same(Condition::Parse("a <> :q", {}, kThree), a != 3);
  Same(Condition::Parse("a < :q", {}, kThree), a < 3);
  Same(Condition::Parse("a <= :q", {}, kThree), a <= 3);
  Same(Condition::Parse("a > :q", {}, kThree), a > 3);
  Same(Condition::Parse(":q >= a", {}, kThree), 3 >= a);
  Same(Condition::Parse("a BETWEEN :q AND b", {}, kThree), a.Between(3, Attr("b")));
  Same(Condition::Parse("a IN (:q, b)", {}, kThree), a.In({3, Attr("b")}));
  Same(Condition::Parse("attribute_not_exists(a.b[1])"), AttrNotExists("a.b[1]"));
  Same(Condition::Parse("attribute_type(a, :t)", {}, Values{{":t", "SS"}}), a.IsType("SS"));
  Same(Condition::Parse("begins_with(a, :p)", {}, Values{{":p", "x"}}), a.BeginsWith("x"));
  Same(Condition::Parse("contains(a, :q)", {}, kThree), a.Contains(3));
  Same(Condition::Parse("size(a) < :q", {}, kThree), Size("a") < 3);
  Same(Condition::Parse("#t = :q", Names{{"#t", "a.b"}}, kThree), Attr(Path({"a.b"})) == 3);
  Same(Condition::Parse("NOT a = b"), !(a == Attr("b")));
  Same(Condition::Parse("a = b OR c = d AND NOT e = f AND g = h"),
       a == Attr("b") ||
           (Attr("c") == Attr("d") && !(Attr("e") == Attr("f")) && Attr("g") == Attr("h")));
  Same(Condition::Parse("(a = b OR c = d) AND e = f"),
       (a == Attr("b") || Attr("c") == Attr("d")) && Attr("e") == Attr("f"));
  Same(Condition::ParseFilter("#t = :q", kTitle, kThree), Attr("title") == 3);
}

TEST(ConditionParse, TakesEveryTypeOfValue) {
  const std::vector<Literal> literals = {"x",
                                         3,
                                         Decimal("1.50"),
                                         Binary("b"),
                                         true,
                                         nullptr,
                                         Map({{"k", 1}}),
                                         List({1, "x"}),
                                         StringSet({"b", "a"}),
                                         NumberSet({2, 1}),
                                         BinarySet({"x"})};
  for (const Literal& literal : literals) {
    Same(Condition::Parse("a = :v", {}, Values{{":v", literal}}), Attr("a") == literal);
  }
}

TEST(UpdateParse, GivesTheBuildersTreeOfEveryKind) {
  Same(Update::Parse("SET stock = stock - :q, #t = :q REMOVE draft, l[0]", kTitle, kThree),
       Update().Set("stock", Attr("stock") - 3).Set("title", 3).Remove("draft").Remove("l[0]"));
  Same(Update::Parse("SET a = if_not_exists(a, :q) + :q", {}, kThree),
       Update().Set("a", IfNotExists("a", 3) + 3));
  Same(Update::Parse("SET a = list_append(a, :l)", {}, Values{{":l", List({1})}}),
       Update().Set("a", ListAppend(Attr("a"), List({1}))));
  Same(Update::Parse("SET a = a + b - :q", {}, kThree),
       Update().Set("a", Attr("a") + Attr("b") - 3));
  Same(Update::Parse("ADD sold :q DELETE tags :s", {}, Values{{":q", 3}, {":s", StringSet({"x"})}}),
       Update().Add("sold", 3).Delete("tags", StringSet({"x"})));
}

TEST(ProjectionParse, GivesThePaths) {
  const std::vector<Path> paths = ParseProjection("id, #t.x, tags[0]", kTitle);
  ASSERT_EQ(paths.size(), 3u);
  const std::vector<Path> built = {"id", "title.x", "tags[0]"};
  for (size_t i = 0; i < paths.size(); ++i) {
    EXPECT_TRUE(paths[i].status().ok());
    EXPECT_EQ(paths[i].proto().ShortDebugString(), built[i].proto().ShortDebugString());
  }
}

TEST(ParseErrors, NameTokenAndPlace) {
  EXPECT_EQ(Condition::Parse("stock >= :q", {}, {}).status().message(),
            "Invalid ConditionExpression: An expression attribute value used in expression is not "
            "defined; attribute value: :q; token: \":q\", at: 9");
  EXPECT_EQ(Condition::ParseFilter("name = a").status().message(),
            "Invalid FilterExpression: Attribute name is a reserved keyword; reserved keyword: "
            "name; token: \"name\", at: 0");
  EXPECT_EQ(Update::Parse("SET a", {}, {}).status().message(),
            "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"a\", at: 5");
  const std::vector<Path> paths = ParseProjection("a b");
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_EQ(paths[0].status().message(),
            "Invalid ProjectionExpression: Syntax error; token: \"b\", near: \"a b\", at: 2");
}

TEST(ParseErrors, PlaceholdersThatNobodyUses) {
  const absl::string_view unused =
      "Value provided in ExpressionAttributeNames unused in expressions: keys: {#t}";
  EXPECT_EQ(Condition::Parse("a = :q", kTitle, kThree).status().message(), unused);
  EXPECT_EQ(Condition::ParseFilter("a = :q", kTitle, kThree).status().message(), unused);
  EXPECT_EQ(Update::Parse("SET a = :q", kTitle, kThree).status().message(), unused);
  EXPECT_EQ(ParseProjection("a", kTitle)[0].status().message(), unused);
  EXPECT_FALSE(Condition::Parse("a = b", {}, Values{{"q", 3}}).status().ok());
}

TEST(SharedPlaceholders, AreUsedTogether) {
  Placeholders shared(kTitle, kThree);
  Same(Update::Parse("SET #t = a", shared), Update().Set("title", Attr("a")));
  EXPECT_FALSE(shared.status().ok());
  Same(Condition::Parse("stock >= :q", shared), Attr("stock") >= 3);
  EXPECT_TRUE(shared.status().ok());
  Placeholders wrong(Names{{"t", "title"}}, {});
  EXPECT_EQ(Update::Parse("REMOVE a", wrong).status(), wrong.status());
  EXPECT_FALSE(wrong.status().ok());
}

TEST(KeyConditionParse, GivesTheBuildersTreeOfEveryKind) {
  api::Table table;
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(api::S);
  table.mutable_sort_key()->set_name("title");
  table.mutable_sort_key()->set_type(api::N);
  const auto expect = [&table](const std::string& sort, const SortCondition& built) {
    Placeholders shared(kTitle, Values{{":id", "a"}, {":q", 3}, {":r", 9}});
    const auto key = KeyCondition::Parse("id = :id" + sort, table, shared);
    ASSERT_TRUE(key.ok()) << sort << ": " << key.status();
    EXPECT_EQ(key->partition, Value::String("a"));
    EXPECT_EQ(key->sort.present(), built.present());
    EXPECT_EQ(key->sort.proto().ShortDebugString(), built.proto().ShortDebugString()) << sort;
  };
  expect("", SortCondition());
  expect(" AND title = :q", SortKey() == 3);
  expect(" AND #t < :q", SortKey() < 3);
  expect(" AND #t <= :q", SortKey() <= 3);
  expect(" AND #t > :q", SortKey() > 3);
  expect(" AND #t >= :q", SortKey() >= 3);
  expect(" AND #t BETWEEN :q AND :r", SortKey().Between(3, 9));
  table.mutable_sort_key()->set_type(api::S);
  expect(" AND begins_with(title, :id)", SortKey().BeginsWith("a"));
  EXPECT_EQ(KeyCondition::Parse("id = :id", table, kTitle, Values{{":id", "a"}}).status().message(),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#t}");
  EXPECT_EQ(KeyCondition::Parse("x = :id", table, {}, Values{{":id", "a"}}).status().message(),
            "Query key condition not supported; token: \"x\", at: 0");
}

TEST(ParsedTexts, DoWhatTheySay) {
  const Item before = MakeItem({{"id", "a"}, {"stock", 3}, {"title", "Moby Dick"}});
  const Condition enough =
      Condition::Parse("stock >= :q AND begins_with(#t, :m)", kTitle, {{":q", 3}, {":m", "Moby"}});
  EXPECT_TRUE(expression::Holds(enough.proto(), before));
  Item after = before;
  const Update sell = Update::Parse("SET stock = stock - :q ADD sold :q", {}, kThree);
  EXPECT_TRUE(expression::Apply(sell.proto(), after).ok());
  EXPECT_FALSE(expression::Holds(enough.proto(), after));
  EXPECT_EQ(*after.Find("sold"), Value::Num(3));
}

}  // namespace
}  // namespace fastpath::client
