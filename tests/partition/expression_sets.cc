// Sets in expressions. DG "Data types", "Sets": values are unique, their order is
// not kept, and there are no empty sets. API "Condition", EQ and NE: also of sets.
#include <gtest/gtest.h>

#include "partition/expression/evaluate.h"
#include "partition/expression/parse.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

Item Sample() {
  return I({{"ss", SS({"a", "b", "c"})},
            {"same", SS({"c", "b", "a"})},
            {"ns", NS({"1", "2.50", "-3"})},
            {"bs", BS({std::string("\0", 1), "y"})},
            {"one", S("a")},
            {"l", L({SS({"x", "y"}), NS({"1"})})},
            {"m", M({{"s", SS({"p", "q"})}})}});
}

bool Holds(std::string_view text, const Value& value) {
  Placeholders placeholders;
  EXPECT_TRUE(placeholders.AddValue(":v", value).ok());
  const auto tree = ParseCondition(text, placeholders);
  EXPECT_TRUE(tree.ok()) << text << ": " << tree.status();
  return tree.ok() && expression::Holds(*tree, Sample());
}

TEST(Sets, CompareAsSets) {
  EXPECT_TRUE(Holds("ss = :v", SS({"c", "a", "b"})));
  EXPECT_TRUE(Holds("ss = same AND ss = :v", SS({"b", "c", "a"})));
  EXPECT_FALSE(Holds("ss <> :v", SS({"c", "a", "b"})));
  EXPECT_FALSE(Holds("ss = :v", SS({"a", "b"})));
  EXPECT_FALSE(Holds("ss = :v", SS({"a", "b", "c", "d"})));
  EXPECT_TRUE(Holds("ss <> :v", SS({"a", "b", "d"})));
  EXPECT_TRUE(Holds("ns = :v", NS({"2.5", "-3.0", "1E0"})));
  EXPECT_TRUE(Holds("bs = :v", BS({"y", std::string("\0", 1)})));
  EXPECT_FALSE(Holds("ss = :v", L({S("a"), S("b"), S("c")})));
  EXPECT_FALSE(Holds("bs = :v", SS({"y"})));
  EXPECT_FALSE(Holds("one = :v", SS({"a"})));
}

TEST(Sets, CompareAsSetsInsideOthers) {
  EXPECT_TRUE(Holds("l = :v", L({SS({"y", "x"}), NS({"1.0"})})));
  EXPECT_FALSE(Holds("l = :v", L({NS({"1.0"}), SS({"y", "x"})})));
  EXPECT_TRUE(Holds("m = :v", M({{"s", SS({"q", "p"})}})));
  EXPECT_TRUE(Holds("m.s = :v", SS({"q", "p"})));
  EXPECT_TRUE(Holds("contains(l, :v)", SS({"y", "x"})));
  EXPECT_FALSE(Holds("contains(l, :v)", SS({"y"})));
  EXPECT_TRUE(Holds("ss IN (one, :v)", SS({"b", "a", "c"})));
  EXPECT_TRUE(Holds("contains(ss, :v)", S("b")));
  EXPECT_TRUE(Holds("contains(ns, :v)", N("2.500")));
  EXPECT_TRUE(Holds("size(ns) = :v", N("3")));
}

// A tree's values come from outside: bytes that are no set.
TEST(Sets, EmptyOnesAndMembersGivenTwiceAreRefusedInTrees) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {std::string("\x08\x00", 2), "empty set"},
      {std::string("\x09\x00", 2), "empty set"},
      {std::string("\x0a\x00", 2), "empty set"},
      {std::string("\x08\x04\x01\x61\x01\x61", 6), "twice"},
      {std::string("\x09\x04\xc0\x14\xc0\x14", 6), "twice"},
      {std::string("\x0a\x04\x01\x61\x01\x61", 6), "twice"},
      {std::string("\x07\x02\x08\x00", 4), "empty set"},
  };
  for (const auto& [bytes, words] : cases) {
    api::Operand operand;
    operand.set_value(bytes);
    api::UpdateTree add;
    *add.add_add()->mutable_path() = P("s");
    add.mutable_add(0)->set_value(bytes);
    for (const absl::Status& status :
         {ValidateCondition(Is(At("a"), api::EQ, operand)),
          ValidateCondition(IsIn(At("a"), {operand})),
          ValidateUpdate(api::Table(), Update().Set("a", To(operand)).tree()),
          ValidateUpdate(api::Table(), add)}) {
      EXPECT_NE(status.message().find(words), absl::string_view::npos) << status;
    }
  }
  Placeholders placeholders;
  EXPECT_FALSE(placeholders.AddValue(":v", SS({})).ok());
  EXPECT_FALSE(placeholders.AddValue(":v", L({NS({})})).ok());
}

// DG "Update expressions", ADD and DELETE: as sets do.
TEST(Sets, AddAndDeleteKeepThemSets) {
  Item item = Sample();
  ASSERT_TRUE(
      Apply(Update().Add("ss", SS({"a", "d"})).Delete("ns", NS({"1.0", "9"})).tree(), item).ok());
  EXPECT_EQ(*item.Find("ss"), SS({"a", "b", "c", "d"}));
  EXPECT_EQ(*item.Find("ns"), NS({"-3", "2.5"}));
  ASSERT_TRUE(Apply(Update().Delete("ns", NS({"-3", "2.5"})).tree(), item).ok());
  EXPECT_EQ(item.Find("ns"), nullptr);
}

}  // namespace
}  // namespace fastpath::expression
