// Updates. Expectations come from Amazon DynamoDB's documentation alone; each
// family names its section: DG is the Developer Guide ("Update expressions" where
// nothing else is said), API the API Reference. What is marked "our choice" it
// leaves open: partition/README.md says what we chose. Messages are ours.
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/escaping.h"
#include "partition/expression/evaluate.h"
#include "tests/partition/generators.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

api::Table MakeTable() {
  api::Table table;
  table.set_name("table");
  table.mutable_partition_key()->set_name("pk");
  table.mutable_partition_key()->set_type(api::S);
  table.mutable_sort_key()->set_name("sk");
  table.mutable_sort_key()->set_type(api::N);
  return table;
}

// Shows differing items.
std::string Shown(const Item& item) { return absl::CHexEscape(model::EncodeItem(item)); }

struct Case {
  const char* name;
  Item before;
  Update update;
  Item after;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_TRUE(ValidateUpdate(MakeTable(), c.update.tree()).ok())
        << c.name << ": " << ValidateUpdate(MakeTable(), c.update.tree());
    Item item = c.before;
    const absl::Status status = Apply(c.update.tree(), item);
    EXPECT_TRUE(status.ok()) << c.name << ": " << status;
    EXPECT_EQ(Shown(item), Shown(c.after)) << c.name;
  }
}

struct Refusal {
  const char* name;
  Item before;
  Update update;
  std::string message;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

void CheckRefused(const std::vector<Refusal>& cases) {
  for (const Refusal& c : cases) {
    Item item = c.before;
    const absl::Status status = Apply(c.update.tree(), item);
    EXPECT_EQ(status.message(), c.message) << c.name;
    EXPECT_EQ(status.code(), c.code) << c.name;
    EXPECT_EQ(Shown(item), Shown(c.before)) << c.name << ": changed in spite of the error";
  }
}

const char kWrongType[] = "An operand in the update expression has an incorrect data type";
const char kInvalidPath[] =
    "The document path provided in the update expression is invalid for update";
const char kNoAttribute[] =
    "The provided expression refers to an attribute that does not exist in the item";

// "SET", "Adding elements to a list": what is there is overwritten; past the end
// is appended, several in order of element number; "Adding nested map attributes".
// DG "Quotas", "Attribute values": an empty string may stand where no key does.
TEST(Update, Set) {
  Check({
      {"creates", I({}), Update().Set("a", To(N("1"))), I({{"a", N("1")}})},
      {"replaces", I({{"a", S("x")}}), Update().Set("a", To(N("1"))), I({{"a", N("1")}})},
      {"copies", I({{"a", L({N("1")})}}), Update().Set("b", To(At("a[0]"))),
       I({{"a", L({N("1")})}, {"b", N("1")}})},
      {"into a map", I({{"m", M({{"x", N("1")}})}}), Update().Set("m.y", To(N("2"))),
       I({{"m", M({{"x", N("1")}, {"y", N("2")}})}})},
      {"into a list", I({{"l", L({N("1"), N("2")})}}), Update().Set("l[1]", To(S("x"))),
       I({{"l", L({N("1"), S("x")})}})},
      {"past the end appends", I({{"l", L({N("1")})}}), Update().Set("l[99]", To(S("x"))),
       I({{"l", L({N("1"), S("x")})}})},
      {"past the end appends in order of index", I({{"l", L({})}}),
       Update().Set("l[9]", To(S("nine"))).Set("l[3]", To(S("three"))),
       I({{"l", L({S("three"), S("nine")})}})},
      {"deep", I({{"a", M({{"b", L({M({{"c", N("1")}})})}})}}),
       Update().Set("a.b[0].c", To(N("2"))), I({{"a", M({{"b", L({M({{"c", N("2")}})})}})}})},
      {"several in one map", I({{"m", M({})}}),
       Update().Set("m.a", To(N("1"))).Set("m.b", To(N("2"))).Set("c", To(N("3"))),
       I({{"m", M({{"a", N("1")}, {"b", N("2")}})}, {"c", N("3")}})},
      {"empty string", I({}), Update().Set("a", To(S(""))), I({{"a", S("")}})},
      {"nothing at all", I({{"a", N("1")}}), Update(), I({{"a", N("1")}})},
  });
}

// "Using multiple update expressions": attributes mean what they were before.
TEST(Update, RightSidesSeeTheItemAsItWas) {
  Check({
      {"the section's example", I({{"a", N("1")}, {"b", N("2")}, {"c", N("3")}}),
       Update().Remove("a").Set("b", To(At("a"))).Set("c", To(At("b"))),
       I({{"b", N("1")}, {"c", N("2")}})},
      {"swap", I({{"a", N("1")}, {"b", N("2")}}),
       Update().Set("a", To(At("b"))).Set("b", To(At("a"))), I({{"a", N("2")}, {"b", N("1")}})},
      {"copy of what is removed", I({{"a", N("1")}}), Update().Set("b", To(At("a"))).Remove("a"),
       I({{"b", N("1")}})},
      {"copy of what is added to", I({{"a", N("1")}}),
       Update().Set("b", To(At("a"))).Add("a", N("5")), I({{"a", N("6")}, {"b", N("1")}})},
      {"if_not_exists of what is set", I({}),
       Update().Set("a", To(N("1"))).Set("b", IfAbsent("a", To(N("2")))),
       I({{"a", N("1")}, {"b", N("2")}})},
      {"copy within a list", I({{"l", L({N("1"), N("2")})}}),
       Update().Set("l[0]", To(At("l[1]"))).Set("l[1]", To(At("l[0]"))),
       I({{"l", L({N("2"), N("1")})}})},
  });
}

// "Incrementing and decrementing numeric attributes"; DG "Quotas": + may be repeated,
// 38 digits, up to 9.99E+125. Parentheses: our choice.
TEST(Update, Arithmetic) {
  const Item five = I({{"n", N("5")}});
  Check({
      {"plus", five, Update().Set("n", Plus(To(At("n")), To(N("0.5")))), I({{"n", N("5.5")}})},
      {"minus", five, Update().Set("n", Minus(To(At("n")), To(N("7")))), I({{"n", N("-2")}})},
      {"into another", five, Update().Set("m", Minus(To(N("1")), To(At("n")))),
       I({{"n", N("5")}, {"m", N("-4")}})},
      {"nested", five,
       Update().Set("n", Minus(Plus(To(At("n")), To(N("10"))), Plus(To(N("1")), To(N("2"))))),
       I({{"n", N("12")}})},
      {"counter from nothing", I({}),
       Update().Set("n", Plus(IfAbsent("n", To(N("0"))), To(N("1")))), I({{"n", N("1")}})},
  });
  CheckRefused({
      {"absent", I({}), Update().Set("n", Plus(To(At("n")), To(N("1")))), kNoAttribute},
      {"string", I({{"n", S("5")}}), Update().Set("n", Plus(To(At("n")), To(N("1")))), kWrongType},
      {"overflow", I({{"n", N("9E125")}}), Update().Set("n", Plus(To(At("n")), To(N("9E125")))),
       "Number overflow. Attempting to store a number with magnitude larger than supported range",
       absl::StatusCode::kOutOfRange},
      {"precision", I({{"n", N("1E38")}}), Update().Set("n", Plus(To(At("n")), To(N("1")))),
       "Attempting to store more than 38 significant digits in a Number",
       absl::StatusCode::kOutOfRange},
  });
}

// "Appending elements to a list", "Preventing overwrites of an existing attribute".
TEST(Update, ListAppendAndIfNotExists) {
  const Item list = I({{"l", L({N("1")})}});
  Check({
      {"append", list, Update().Set("l", Append(To(At("l")), To(L({N("2"), N("3")})))),
       I({{"l", L({N("1"), N("2"), N("3")})}})},
      {"prepend", list, Update().Set("l", Append(To(L({N("0")})), To(At("l")))),
       I({{"l", L({N("0"), N("1")})}})},
      {"doubles itself", list, Update().Set("l", Append(To(At("l")), To(At("l")))),
       I({{"l", L({N("1"), N("1")})}})},
      {"append or begin", I({}),
       Update().Set("l", Append(IfAbsent("l", To(L({}))), To(L({N("1")})))), list},
      {"if_not_exists, present", list, Update().Set("l", IfAbsent("l", To(N("9")))), list},
      {"if_not_exists, other path", list, Update().Set("x", IfAbsent("l[0]", To(N("9")))),
       I({{"l", L({N("1")})}, {"x", N("1")}})},
      {"if_not_exists does not evaluate what it does not need", list,
       Update().Set("l", IfAbsent("l", To(At("q")))), list},
  });
  CheckRefused({
      {"append to no list", I({{"l", N("1")}}),
       Update().Set("l", Append(To(At("l")), To(L({N("2")})))), kWrongType},
      {"append to nothing", I({}), Update().Set("l", Append(To(At("l")), To(L({})))), kNoAttribute},
      {"if_not_exists of nothing", I({}), Update().Set("a", IfAbsent("q", To(At("r")))),
       kNoAttribute},
  });
}

// "REMOVE": what does not exist is no error; "Removing elements from a list": the
// rest is shifted, all indexes are those before.
TEST(Update, Remove) {
  const Item item = I({{"a", N("1")},
                       {"m", M({{"x", N("1")}, {"y", N("2")}})},
                       {"l", L({S("0"), S("1"), S("2"), S("3")})}});
  const auto with_list = [&item](std::vector<Value> list) {
    Item changed = item;
    changed.Set("l", L(std::move(list)));
    return changed;
  };
  Check({
      {"attribute", I({{"a", N("1")}, {"b", N("2")}}), Update().Remove("a"), I({{"b", N("2")}})},
      {"absent", item, Update().Remove("q"), item},
      {"absent in a map", item, Update().Remove("m.q"), item},
      {"past the end", item, Update().Remove("l[7]"), item},
      {"under nothing", item, Update().Remove("q.x[1]").Remove("m.q.x"), item},
      {"under a number", item, Update().Remove("a[0]").Remove("m.x.y"), item},
      {"under an element past the end", item, Update().Remove("l[7].x"), item},
      {"a name of a list, an index of a map", item, Update().Remove("l.x").Remove("m[0]"), item},
      {"in a map", I({{"m", M({{"x", N("1")}, {"y", N("2")}})}}), Update().Remove("m.x"),
       I({{"m", M({{"y", N("2")}})}})},
      {"leaves an empty map", I({{"m", M({{"x", N("1")}})}}), Update().Remove("m.x"),
       I({{"m", M({})}})},
      {"closes the list up", item, Update().Remove("l[1]"), with_list({S("0"), S("2"), S("3")})},
      {"indexes are those before", item, Update().Remove("l[0]").Remove("l[1]").Remove("l[3]"),
       with_list({S("2")})},
      {"with SET in one list", item,
       Update().Remove("l[0]").Set("l[1]", To(S("new"))).Set("l[9]", To(S("end"))),
       with_list({S("new"), S("2"), S("3"), S("end")})},
      {"leaves an empty list", I({{"l", L({N("1")})}}), Update().Remove("l[0]"), I({{"l", L({})}})},
  });
}

// Our choice: what is set, added or deleted lies in a map or list that is there.
TEST(Update, PathsMustLeadSomewhere) {
  const Item item = I({{"n", N("1")}, {"m", M({})}, {"l", L({})}});
  CheckRefused({
      {"SET under nothing", item, Update().Set("q.x", To(N("1"))), kInvalidPath},
      {"SET under a number", item, Update().Set("n.x", To(N("1"))), kInvalidPath},
      {"SET an index of a map", item, Update().Set("m[0]", To(N("1"))), kInvalidPath},
      {"SET a name of a list", item, Update().Set("l.x", To(N("1"))), kInvalidPath},
      {"SET two levels past", item, Update().Set("m.x.y", To(N("1"))), kInvalidPath},
      {"SET under an element past the end", item, Update().Set("l[0].y", To(N("1"))), kInvalidPath},
      {"SET beside a REMOVE under nothing", item, Update().Remove("q.x").Set("q.y", To(N("1"))),
       kInvalidPath},
      {"ADD under nothing", item, Update().Add("q.x", N("1")), kInvalidPath},
      {"DELETE under nothing", item, Update().Delete("q.x", SS({"a"})), kInvalidPath},
      {"nothing of what came before stays", item,
       Update().Set("a", To(N("1"))).Set("m.x", To(N("1"))).Remove("n").Set("q.x", To(N("1"))),
       kInvalidPath},
  });
}

// "ADD": numbers are added, from 0, sets joined; API "UpdateItem": both sets of one
// type. Below the top level, which "ADD" allows and API "UpdateItem" does not: our choice.
TEST(Update, Add) {
  Check({
      {"number", I({{"n", N("5")}}), Update().Add("n", N("-7")), I({{"n", N("-2")}})},
      {"creates a number", I({}), Update().Add("n", N("3")), I({{"n", N("3")}})},
      {"SS", I({{"s", SS({"a", "c"})}}), Update().Add("s", SS({"b", "c"})),
       I({{"s", SS({"a", "b", "c"})}})},
      {"NS", I({{"s", NS({"1"})}}), Update().Add("s", NS({"1.0", "2"})),
       I({{"s", NS({"1", "2"})}})},
      {"BS", I({{"s", BS({"a"})}}), Update().Add("s", BS({"b"})), I({{"s", BS({"a", "b"})}})},
      {"creates a set", I({}), Update().Add("s", SS({"a"})), I({{"s", SS({"a"})}})},
      {"nested", I({{"m", M({{"n", N("1")}})}}), Update().Add("m.n", N("1")).Add("m.k", N("7")),
       I({{"m", M({{"n", N("2")}, {"k", N("7")}})}})},
      {"in a list", I({{"l", L({N("1")})}}), Update().Add("l[0]", N("1")).Add("l[5]", N("9")),
       I({{"l", L({N("2"), N("9")})}})},
  });
  CheckRefused({
      {"number to string", I({{"n", S("5")}}), Update().Add("n", N("1")), kWrongType},
      {"number to set", I({{"n", NS({"5"})}}), Update().Add("n", N("1")), kWrongType},
      {"set to number", I({{"n", N("5")}}), Update().Add("n", NS({"1"})), kWrongType},
      {"SS to NS", I({{"n", NS({"5"})}}), Update().Add("n", SS({"1"})), kWrongType},
      {"overflow", I({{"n", N("9E125")}}), Update().Add("n", N("9E125")),
       "Number overflow. Attempting to store a number with magnitude larger than supported range",
       absl::StatusCode::kOutOfRange},
  });
}

// "DELETE"; there are no empty sets (DG "Quotas", "Attribute values"), so the last
// member takes the attribute along. Of what is absent, and below the top level: our choice.
TEST(Update, Delete) {
  Check({
      {"SS", I({{"s", SS({"a", "b", "c"})}}), Update().Delete("s", SS({"b", "z"})),
       I({{"s", SS({"a", "c"})}})},
      {"NS", I({{"s", NS({"1", "2"})}}), Update().Delete("s", NS({"1.0"})), I({{"s", NS({"2"})}})},
      {"BS", I({{"s", BS({"a", "b"})}}), Update().Delete("s", BS({"a"})), I({{"s", BS({"b"})}})},
      {"the last member takes the attribute along", I({{"s", SS({"a"})}, {"x", N("1")}}),
       Update().Delete("s", SS({"a", "b"})), I({{"x", N("1")}})},
      {"absent", I({{"x", N("1")}}), Update().Delete("s", SS({"a"})), I({{"x", N("1")}})},
      {"nested", I({{"m", M({{"s", SS({"a"})}})}}), Update().Delete("m.s", SS({"a"})),
       I({{"m", M({})}})},
  });
  CheckRefused({
      {"SS from NS", I({{"s", NS({"1"})}}), Update().Delete("s", SS({"1"})), kWrongType},
      {"from a string", I({{"s", S("a")}}), Update().Delete("s", SS({"a"})), kWrongType},
  });
}

// UPDATED_NEW: "only the updated attributes, as they appear after" (API "UpdateItem").
TEST(Update, UpdatedIsWhatThePathsLeadToAfterwards) {
  const Item item = I({{"n", N("1")},
                       {"m", M({{"x", N("1")}, {"y", N("2")}})},
                       {"l", L({S("0"), S("1"), M({{"k", N("2")}}), S("3")})}});
  const auto updated = [&item](const Update& update) {
    Item after = item;
    Item parts;
    EXPECT_TRUE(Apply(update.tree(), after, &parts).ok());
    return parts;
  };
  EXPECT_EQ(updated(Update().Set("m.x", To(N("9"))).Add("n", N("1"))),
            I({{"m", M({{"x", N("9")}})}, {"n", N("2")}}));
  EXPECT_EQ(updated(Update().Set("l[99]", To(S("end")))), I({{"l", L({S("end")})}}));
  EXPECT_EQ(
      updated(Update().Set("l[9]", To(S("b"))).Set("l[7]", To(S("a"))).Set("l[0]", To(S("z")))),
      I({{"l", L({S("z"), S("a"), S("b")})}}));
  EXPECT_EQ(updated(Update().Remove("l[0]").Set("l[1]", To(S("new"))).Set("l[2].k", To(N("5")))),
            I({{"l", L({S("new"), M({{"k", N("5")}})})}}));
  EXPECT_EQ(updated(Update().Remove("l[0]").Remove("m.y").Remove("n")), I({}));
  EXPECT_EQ(updated(Update().Remove("l[4].x").Set("l[7]", To(M({{"x", N("1")}})))),
            I({{"l", L({M({{"x", N("1")}})})}}));
}

// DG "Quotas", "Nested attribute depth": 32.
TEST(Update, ResultsStayReadable) {
  Value deep = N("1");
  for (int i = 0; i < 31; ++i) deep = L({deep});
  Check({{"32 levels", I({{"m", M({})}}), Update().Set("m.x", To(deep)),
          I({{"m", M({{"x", deep}})}})}});
  CheckRefused({{"33 levels", I({{"m", M({{"y", M({})}})}}), Update().Set("m.y.x", To(deep)),
                 "Nesting Levels have exceeded supported limits"}});
}

// DG "Quotas", "Item size": 400 KB, names and values.
TEST(Update, SizeIsBoundedAsItGrows) {
  const char kTooLarge[] = "Item size to update has exceeded the maximum allowed size";
  const auto code = absl::StatusCode::kResourceExhausted;
  const size_t limit = model::kItemLimitBytes;
  Check({{"exactly the limit", I({{"a", N("1")}}),
          Update().Set("b", To(S(std::string(limit - 4, 'x')))),
          I({{"a", N("1")}, {"b", S(std::string(limit - 4, 'x'))}})}});
  const Item big = I({{"l", L({S(std::string(300'000, 'x'))})}});
  CheckRefused({
      {"one byte over", I({{"a", N("1")}}), Update().Set("b", To(S(std::string(limit - 3, 'x')))),
       kTooLarge, code},
      {"by copies", big, Update().Set("a", To(At("l"))).Set("b", To(At("l"))), kTooLarge, code},
      {"by ADD", I({{"x", S(std::string(limit - 5, 'x'))}}), Update().Add("s", SS({"abcd"})),
       kTooLarge, code},
  });
}

TEST(Update, DoublingListsCannotExhaustMemory) {
  const Item big = I({{"l", L({S(std::string(100'000, 'x'))})}});
  api::SetValue doubled = To(At("l"));
  for (int i = 0; i < 8; ++i) doubled = Append(doubled, doubled);  // 256 times.
  CheckRefused({{"doubling", big, Update().Set("l", doubled),
                 "Item size to update has exceeded the maximum allowed size",
                 absl::StatusCode::kResourceExhausted}});
}

// ---------------------------------------------------------------- validation

std::string Error(const Update& update) {
  return std::string(ValidateUpdate(MakeTable(), update.tree()).message());
}

// API "UpdateItem", "Key": key attributes cannot be updated.
TEST(UpdateValidation, KeysDoNotChange) {
  const auto words = [](std::string name) {
    return "One or more parameter values were invalid: Cannot update attribute " + name +
           ". This attribute is part of the key";
  };
  EXPECT_EQ(Error(Update().Set("pk", To(S("x")))), words("pk"));
  EXPECT_EQ(Error(Update().Remove("sk")), words("sk"));
  EXPECT_EQ(Error(Update().Add("sk", N("1"))), words("sk"));
  EXPECT_EQ(Error(Update().Delete("pk.x", SS({"a"}))), words("pk"));
  EXPECT_EQ(Error(Update().Set("a", To(At("pk"))).Set("m.pk", To(N("1")))), "");
}

// Our choice: two actions never meet, so their order does not matter.
TEST(UpdateValidation, PathsOverlapOrConflict) {
  const std::string ending = " with each other; must remove or rewrite one of these paths; ";
  EXPECT_EQ(
      Error(Update().Set("a", To(N("1"))).Remove("a")),
      "update.remove[0]: Two document paths overlap" + ending + "path one: [a], path two: [a]");
  EXPECT_EQ(Error(Update().Set("a.b", To(N("1"))).Set("a", To(N("1")))),
            "update.set[1].path: Two document paths overlap" + ending +
                "path one: [a, b], path two: [a]");
  EXPECT_EQ(Error(Update().Set("a", To(N("1"))).Add("a.b[1]", N("1"))),
            "update.add[0].path: Two document paths overlap" + ending +
                "path one: [a], path two: [a, b, [1]]");
  EXPECT_EQ(Error(Update().Set("a.b", To(N("1"))).Delete("a[1]", SS({"x"}))),
            "update.delete[0].path: Two document paths conflict" + ending +
                "path one: [a, b], path two: [a, [1]]");
  EXPECT_EQ(Error(Update().Set("a.b", To(N("1"))).Set("a.c", To(N("1"))).Remove("ab")), "");
  EXPECT_EQ(Error(Update().Set("a[1]", To(N("1"))).Remove("a[0]").Set("a[2].x", To(N("1")))), "");
}

// "ADD": numbers and sets; "DELETE": sets; + and - numbers; list_append lists.
TEST(UpdateValidation, ConstantsOfTheWrongType) {
  const std::string words =
      "Incorrect operand type for operator or function; operator or function: ";
  EXPECT_EQ(Error(Update().Add("a", S("x"))),
            "update.add[0].value: " + words + "ADD, operand type: S");
  EXPECT_EQ(Error(Update().Add("a", L({}))),
            "update.add[0].value: " + words + "ADD, operand type: L");
  EXPECT_EQ(Error(Update().Delete("a", N("1"))),
            "update.delete[0].value: " + words + "DELETE, operand type: N");
  EXPECT_EQ(Error(Update().Set("a", Plus(To(At("a")), To(S("1"))))),
            "update.set[0].value.plus.right: " + words + "+, operand type: S");
  EXPECT_EQ(Error(Update().Set("a", Append(To(N("1")), To(At("a"))))),
            "update.set[0].value.list_append.left: " + words + "list_append, operand type: N");
}

// size is of conditions only (DG "Functions"); the rest is of our trees.
TEST(UpdateValidation, MalformedTrees) {
  EXPECT_EQ(Error(Update()), "");
  EXPECT_EQ(Error(Update().Set("a", api::SetValue())), "update.set[0].value: an empty value");
  EXPECT_EQ(Error(Update().Set("a", To(SizeAt("b")))),
            "update.set[0].value: The function is not allowed in an update expression; function: "
            "size");
  EXPECT_EQ(Error(Update().Set("a", To(api::Operand()))), "update.set[0].value: an empty operand");
  EXPECT_EQ(Error(Update().Set("a", IfAbsent("", To(N("1"))))),
            "update.set[0].value.if_not_exists.path: an empty path");
  EXPECT_EQ(Error(Update().Remove("")), "update.remove[0]: an empty path");
  EXPECT_EQ(Error(Update().Remove("[0]")), "update.remove[0]: a path must begin with a name");
  api::Operand rubbish;
  rubbish.set_value("rubbish");
  EXPECT_NE(Error(Update().Set("a", To(rubbish))), "");
  EXPECT_NE(Error(Update().Set("a", To(api::Operand(rubbish)))), "");
}

// DG "Quotas", "Expression parameters": 300 operators or functions. Depth: our choice.
TEST(UpdateValidation, Limits) {
  api::SetValue deep = To(N("1"));
  for (int i = 1; i < 32; ++i) deep = Plus(deep, To(N("1")));
  EXPECT_EQ(Error(Update().Set("a", deep)), "");
  EXPECT_EQ(Error(Update().Set("a", Plus(deep, To(N("1"))))), "update: nested over 32 deep");
  Update wide;
  for (int i = 0; i < 300; ++i) wide.Set("a" + std::to_string(i), Plus(To(N("1")), To(N("1"))));
  EXPECT_EQ(Error(wide), "");
  wide.Set("b", Plus(To(N("1")), To(N("1"))));
  EXPECT_EQ(Error(wide), "update.set[300].value: too many operators and functions; limit: 300");
  Update many;
  for (int i = 0; i < 2048; ++i) many.Remove("a" + std::to_string(i));
  EXPECT_EQ(Error(many), "");
  many.Add("n", N("1"));
  EXPECT_EQ(Error(many), "update.add[0].path: too many paths; limit: 2048");
}

// ---------------------------------------------------------------- properties

// Any number of SETs and REMOVEs at once, at the top and within a map, are what they are one by
// one.
TEST(UpdateProperty, ChangesAtOnceAreAsOneByOne) {
  model::Property([] {
    const auto names = *rc::gen::container<std::set<std::string>>(
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', 'b', 'z'))));
    std::vector<Item::Entry> before, after;
    Update at_top, within;
    for (const std::string& name : names) {
      const bool had = *rc::gen::arbitrary<bool>();
      const int action = *rc::gen::inRange(0, 3);
      if (had) before.emplace_back(name, N("1"));
      if (action == 0 && had) after.emplace_back(name, N("1"));
      if (action == 1) {
        after.emplace_back(name, N("2"));
        at_top.Set(name, To(N("2")));
        within.Set("m." + name, To(N("2")));
      } else if (action == 2) {
        at_top.Remove(name);
        within.Remove("m." + name);
      }
    }
    Item top(before);
    RC_ASSERT(Apply(at_top.tree(), top).ok());
    RC_ASSERT(Shown(top) == Shown(Item(after)));
    Item around = I({{"m", Value::Map(Item(before))}});
    RC_ASSERT(Apply(within.tree(), around).ok());
    RC_ASSERT(Shown(around) == Shown(I({{"m", Value::Map(Item(after))}})));
  });
}

// An ADD of -n after an ADD of n brings the item back, and every item that an
// update leaves can be decoded again.
TEST(UpdateProperty, AddIsUndoneByItsOpposite) {
  model::Property([] {
    const Number start = *model::NumberGen();
    const Number delta = *model::NumberGen();
    Item item = I({{"n", Value::Num(start)}});
    if (!Apply(Update().Add("n", Value::Num(delta)).tree(), item).ok()) return;
    RC_ASSERT(model::DecodeItem(model::EncodeItem(item)).ok());
    const Number minus = *Number::Subtract(Number(), delta);
    RC_ASSERT(Apply(Update().Add("n", Value::Num(minus)).tree(), item).ok());
    RC_ASSERT(item == I({{"n", Value::Num(start)}}));
  });
}

TEST(UpdateProperty, AnySetLeavesAReadableItem) {
  int applied = 0;
  model::Property([&applied] {
    Item item = *model::MapGen(2);
    const auto paths =
        rc::gen::element<std::string>("a", "b", "a.a", "a.b", "b[0]", "b[1]", "z", "a[0].b", "b.a");
    Update update;
    update.Set(*paths, To(*model::ValueGen(2))).Remove(*paths);
    const Item before = item;
    const absl::Status status = Apply(update.tree(), item);
    applied += status.ok() ? 1 : 0;
    if (!status.ok()) RC_ASSERT(item == before);
    const auto decoded = model::DecodeItem(model::EncodeItem(item));
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == item);
  });
  EXPECT_GT(applied, 0);
}

}  // namespace
}  // namespace fastpath::expression
