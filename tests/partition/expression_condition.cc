// Conditions. Expectations come from Amazon DynamoDB's documentation alone; each
// family names its section: DG is the Developer Guide, API the API Reference.
// What is marked "our choice" it leaves open: partition/README.md says what we chose.
#include <gtest/gtest.h>

#include "partition/expression/evaluate.h"
#include "partition/expression/prepared.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

Item Sample() {
  return I({{"n", N("5")},
            {"m", N("5.0")},
            {"s", S("hello")},
            {"b", B("hello")},
            {"t", Value::Bool(true)},
            {"z", Value::Null()},
            {"wide", S("h\xc3\xa9")},
            {"ss", SS({"a", "b", "c"})},
            {"ns", NS({"1", "2.50"})},
            {"bs", BS({"x", "y"})},
            {"l", L({S("a"), N("7"), SS({"q"}), M({{"deep", N("1")}})})},
            {"map", M({{"k", S("v")}, {"list", L({N("0"), N("1")})}})}});
}

struct Case {
  const char* name;
  api::Condition condition;
  bool holds;
};

void Check(const std::vector<Case>& cases) {
  const Item item = Sample();
  for (const Case& c : cases) {
    EXPECT_TRUE(ValidateCondition(c.condition).ok())
        << c.name << ": " << ValidateCondition(c.condition);
    EXPECT_EQ(Holds(c.condition, item), c.holds) << c.name;
    EXPECT_EQ(PreparedCondition(c.condition).Holds(item), c.holds) << "prepared " << c.name;
    EXPECT_EQ(Holds(Not(c.condition), item), !c.holds) << "NOT " << c.name;
  }
}

// DG "Making comparisons"; API "Condition", EQ and NE: every type, and values of
// unlike types do not match. DG "Data types": zeros of a number are trimmed, a set
// has no order. A path that leads nowhere: as in the next test.
TEST(Condition, Equality) {
  Check({
      {"n = 5", Is(At("n"), api::EQ, Of(N("5"))), true},
      {"n = 5.00", Is(At("n"), api::EQ, Of(N("5.00"))), true},
      {"n = m", Is(At("n"), api::EQ, At("m")), true},
      {"5 = n", Is(Of(N("5")), api::EQ, At("n")), true},
      {"n = 6", Is(At("n"), api::EQ, Of(N("6"))), false},
      {"n = '5'", Is(At("n"), api::EQ, Of(S("5"))), false},
      {"n <> '5'", Is(At("n"), api::NE, Of(S("5"))), true},
      {"n <> 5", Is(At("n"), api::NE, Of(N("5"))), false},
      {"s = b", Is(At("s"), api::EQ, At("b")), false},
      {"ss = the same set", Is(At("ss"), api::EQ, Of(SS({"c", "a", "b"}))), true},
      {"ss = a subset", Is(At("ss"), api::EQ, Of(SS({"c", "a"}))), false},
      {"ns = equal numbers", Is(At("ns"), api::EQ, Of(NS({"2.5", "1.0"}))), true},
      {"map = equal map",
       Is(At("map"), api::EQ, Of(M({{"list", L({N("0"), N("1.0")})}, {"k", S("v")}}))), true},
      {"null = null", Is(At("z"), api::EQ, Of(Value::Null())), true},
      {"bool = false", Is(At("t"), api::EQ, Of(Value::Bool(false))), false},
      {"nested", Is(At("map.list[1]"), api::EQ, Of(N("1"))), true},
      {"nested in a list", Is(At("l[3].deep"), api::EQ, Of(N("1"))), true},
      {"past the end", Is(At("map.list[2]"), api::EQ, Of(N("1"))), false},
      {"index into a map", Is(At("map[0]"), api::EQ, Of(N("1"))), false},
      {"name in a list", Is(At("l.deep"), api::EQ, Of(N("1"))), false},
  });
}

// Our choice: nothing equals what is absent, and <> is the opposite of =.
TEST(Condition, AbsentPathsEqualNothing) {
  Check({
      {"q = 1", Is(At("q"), api::EQ, Of(N("1"))), false},
      {"q <> 1", Is(At("q"), api::NE, Of(N("1"))), true},
      {"q = r", Is(At("q"), api::EQ, At("r")), false},
      {"q <> r", Is(At("q"), api::NE, At("r")), true},
      {"q < 1", Is(At("q"), api::LT, Of(N("1"))), false},
      {"q >= 1", Is(At("q"), api::GE, Of(N("1"))), false},
      {"1 < q", Is(Of(N("1")), api::LT, At("q")), false},
      {"q < r", Is(At("q"), api::LT, At("r")), false},
  });
}

// DG "Making comparisons"; API "Condition", LT to GE: strings, numbers, binaries
// of one type. DG "Data types": by UTF-8 bytes, by unsigned bytes. False for other
// types that only the item shows: our choice.
TEST(Condition, Order) {
  Check({
      {"n < 6", Is(At("n"), api::LT, Of(N("6"))), true},
      {"n < 5", Is(At("n"), api::LT, Of(N("5"))), false},
      {"n <= 5", Is(At("n"), api::LE, Of(N("5"))), true},
      {"n > -7", Is(At("n"), api::GT, Of(N("-7"))), true},
      {"n > 10", Is(At("n"), api::GT, Of(N("10"))), false},
      {"n >= 5", Is(At("n"), api::GE, Of(N("5"))), true},
      {"s < 'hellp'", Is(At("s"), api::LT, Of(S("hellp"))), true},
      {"s < 'hell'", Is(At("s"), api::LT, Of(S("hell"))), false},
      {"ASCII < UTF-8", Is(At("s"), api::LT, At("wide")), true},
      {"b > 'hell'", Is(At("b"), api::GT, Of(B("hell"))), true},
      {"s < b", Is(At("s"), api::LT, At("b")), false},
      {"s >= b", Is(At("s"), api::GE, At("b")), false},
      {"t < 5", Is(At("t"), api::LT, Of(N("5"))), false},
      {"l <= l", Is(At("l"), api::LE, At("l")), false},
      {"t >= t", Is(At("t"), api::GE, At("t")), false},
  });
}

// DG "Making comparisons"; API "Condition", BETWEEN.
TEST(Condition, BetweenIncludesItsBounds) {
  Check({
      {"within", IsBetween(At("n"), Of(N("1")), Of(N("9"))), true},
      {"low", IsBetween(At("n"), Of(N("5")), Of(N("9"))), true},
      {"high", IsBetween(At("n"), Of(N("1")), Of(N("5"))), true},
      {"below", IsBetween(At("n"), Of(N("6")), Of(N("9"))), false},
      {"above", IsBetween(At("n"), Of(N("1")), Of(N("4"))), false},
      {"other type", IsBetween(At("n"), Of(S("1")), Of(S("9"))), false},
      {"absent", IsBetween(At("q"), Of(N("1")), Of(N("9"))), false},
      {"bound of the item", IsBetween(Of(N("5")), At("n"), At("m")), true},
      {"turned bounds of the item", IsBetween(At("n"), Of(N("9")), At("n")), false},
  });
}

// DG "Making comparisons", IN: equal to any of the list.
TEST(Condition, In) {
  Check({
      {"one of", IsIn(At("n"), {Of(S("5")), Of(N("6")), Of(N("5.0"))}), true},
      {"none of", IsIn(At("n"), {Of(S("5")), Of(N("6"))}), false},
      {"absent", IsIn(At("q"), {Of(N("5")), At("q")}), false},
      {"of the item", IsIn(Of(S("hello")), {At("q"), At("b"), At("s")}), true},
  });
}

// DG "Functions": attribute_exists (NULL exists), attribute_not_exists, attribute_type.
TEST(Condition, ExistsAndType) {
  Check({
      {"exists", Exists("n"), true},
      {"exists, null", Exists("z"), true},
      {"exists, nested", Exists("l[3].deep"), true},
      {"exists, past the end", Exists("l[4]"), false},
      {"exists, absent", Exists("q"), false},
      {"absent", Absent("q"), true},
      {"absent, nested", Absent("map.q"), true},
      {"absent, present", Absent("n"), false},
      {"type N", HasType("n", "N"), true},
      {"type S of N", HasType("n", "S"), false},
      {"type NULL", HasType("z", "NULL"), true},
      {"type BOOL", HasType("t", "BOOL"), true},
      {"type M", HasType("map", "M"), true},
      {"type L", HasType("map.list", "L"), true},
      {"type SS", HasType("ss", "SS"), true},
      {"type NS", HasType("ns", "NS"), true},
      {"type BS", HasType("bs", "BS"), true},
      {"type B", HasType("b", "B"), true},
      {"type of absent", HasType("q", "S"), false},
  });
}

// DG "Functions", begins_with; API "Condition", BEGINS_WITH: strings and binaries.
// A constant before a path: our choice.
TEST(Condition, BeginsWith) {
  Check({
      {"S", Begins(At("s"), Of(S("hell"))), true},
      {"S, all", Begins(At("s"), Of(S("hello"))), true},
      {"S, longer", Begins(At("s"), Of(S("hello!"))), false},
      {"S, empty", Begins(At("s"), Of(S(""))), true},
      {"S, middle", Begins(At("s"), Of(S("ell"))), false},
      {"B", Begins(At("b"), Of(B("he"))), true},
      {"B of S", Begins(At("s"), Of(B("he"))), false},
      {"N", Begins(At("n"), Of(S("5"))), false},
      {"absent", Begins(At("q"), Of(S(""))), false},
      {"turned", Begins(Of(S("hello world")), At("s")), true},
  });
}

// DG "Functions", contains: a substring, a member of a set, an element of a list;
// the operand is of the string's or the set's element type. API "Condition",
// CONTAINS: also a part of a binary. Its older limit, that an element sought in a
// list is no set, map or list, is not in the function's description.
TEST(Condition, Contains) {
  Check({
      {"substring", Has(At("s"), Of(S("ell"))), true},
      {"substring at the end", Has(At("s"), Of(S("lo"))), true},
      {"empty substring", Has(At("s"), Of(S(""))), true},
      {"no substring", Has(At("s"), Of(S("elo"))), false},
      {"bytes", Has(At("b"), Of(B("ll"))), true},
      {"bytes in S", Has(At("s"), Of(B("ll"))), false},
      {"SS", Has(At("ss"), Of(S("b"))), true},
      {"SS, substring of a member", Has(At("ss"), Of(S(""))), false},
      {"SS, N", Has(At("ss"), Of(N("1"))), false},
      {"NS", Has(At("ns"), Of(N("2.5"))), true},
      {"NS, S", Has(At("ns"), Of(S("1"))), false},
      {"BS", Has(At("bs"), Of(B("y"))), true},
      {"BS, S", Has(At("bs"), Of(S("y"))), false},
      {"L, S", Has(At("l"), Of(S("a"))), true},
      {"L, a set", Has(At("l"), Of(SS({"q"}))), true},
      {"L, a map", Has(At("l"), Of(M({{"deep", N("1")}}))), true},
      {"L, not deep", Has(At("l"), Of(N("1"))), false},
      {"M", Has(At("map"), Of(S("k"))), false},
      {"N", Has(At("n"), Of(N("5"))), false},
      {"absent", Has(At("q"), Of(S("a"))), false},
      {"absent element", Has(At("l"), At("q")), false},
  });
}

TEST(Condition, SubstringSearchIsLinear) {
  // A quadratic search of this would take minutes.
  const Item item = I({{"s", S(std::string(400'000, 'a'))}});
  EXPECT_FALSE(Holds(Has(At("s"), Of(S(std::string(200'000, 'a') + "b"))), item));
  EXPECT_FALSE(Holds(Has(At("s"), Of(S("b" + std::string(200'000, 'a')))), item));
}

// DG "Functions", size: a string's length, which DG "Quotas", "Data types" counts
// in UTF-8 bytes; a binary's bytes; members; child elements. No other type has a
// size: comparing it is false, our choice.
TEST(Condition, Size) {
  const auto is = [](std::string_view path, std::string_view size) {
    return Is(SizeAt(path), api::EQ, Of(N(size)));
  };
  Check({
      {"S", is("s", "5"), true},
      {"S counts bytes", is("wide", "3"), true},
      {"B", is("b", "5"), true},
      {"SS", is("ss", "3"), true},
      {"NS", is("ns", "2"), true},
      {"BS", is("bs", "2"), true},
      {"L", is("l", "4"), true},
      {"M", is("map", "2"), true},
      {"order", Is(SizeAt("s"), api::LT, Of(N("6"))), true},
      {"against the item", Is(SizeAt("s"), api::EQ, At("n")), true},
      {"in BETWEEN", IsBetween(SizeAt("l"), Of(N("4")), Of(N("5"))), true},
      {"N has none", is("n", "1"), false},
      {"BOOL has none", Is(SizeAt("t"), api::LT, Of(N("99"))), false},
      {"absent has none", is("q", "0"), false},
      {"is a number", Is(SizeAt("s"), api::EQ, Of(S("5"))), false},
  });
}

// DG "Logical evaluations".
TEST(Condition, Logic) {
  const api::Condition yes = Exists("n");
  const api::Condition no = Exists("q");
  Check({
      {"all, yes", All({yes, yes}), true},
      {"all, no", All({yes, no}), false},
      {"any, yes", Any({no, yes}), true},
      {"any, no", Any({no, no}), false},
      {"not", Not(no), true},
      {"nested", All({Any({no, All({yes, Not(no)})}), yes}), true},
  });
}

// DG "Condition expressions", "Preventing overwrites": an item that is not there has
// no attributes.
TEST(Condition, OnNoItem) {
  const Item none;
  EXPECT_TRUE(Holds(Absent("pk"), none));
  EXPECT_FALSE(Holds(Exists("pk"), none));
  EXPECT_FALSE(Holds(Is(At("pk"), api::EQ, Of(N("1"))), none));
  EXPECT_TRUE(Holds(api::Condition(), none));
}

// ---------------------------------------------------------------- validation

std::string Error(const api::Condition& condition) {
  return std::string(ValidateCondition(condition).message());
}

// Trees are ours, and so are the words for malformed ones.
TEST(ConditionValidation, NamesThePlace) {
  api::Condition broken = All({Exists("a"), Is(At("a"), api::EQ, Of(N("1")))});
  broken.mutable_all()->mutable_list(1)->mutable_comparison()->mutable_right()->set_value("\x7f");
  EXPECT_EQ(Error(broken),
            "condition.all[1].comparison.right.value: malformed item: an unknown type or cut-off "
            "value at byte 0");
}

TEST(ConditionValidation, MalformedTrees) {
  EXPECT_EQ(Error(api::Condition()), "condition: an empty condition");
  EXPECT_EQ(Error(All({})), "condition.all: no conditions");
  EXPECT_EQ(Error(Not(api::Condition())), "condition.not: an empty condition");
  EXPECT_EQ(Error(Exists("")), "condition.exists: an empty path");
  EXPECT_EQ(Error(Exists("[0].a")), "condition.exists: a path must begin with a name");
  EXPECT_EQ(Error(Is(At("a"), static_cast<api::Comparator>(77), At("b"))),
            "condition.comparison.op: an unknown comparator");
  EXPECT_EQ(Error(Is(At("a"), api::EQ, api::Operand())),
            "condition.comparison.right: an empty operand");
  EXPECT_EQ(Error(IsIn(At("a"), {})), "condition.in.list: no operands");
  EXPECT_EQ(Error(HasType("a", "X")),
            "condition.type: Invalid attribute type name found; valid types: "
            "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
  api::Condition empty_step = Exists("a");
  empty_step.mutable_exists()->add_steps();
  EXPECT_EQ(Error(empty_step), "condition.exists: an empty step");
  api::Condition bad_name = Exists("a\xff");
  EXPECT_EQ(Error(bad_name), "condition.exists: an attribute name that is not UTF-8");
}

// DG "Functions", contains: the path and the operand must be distinct.
TEST(ConditionValidation, ContainsTakesTwoPaths) {
  const std::string words =
      "condition.contains: the path and the operand of contains must be distinct";
  EXPECT_EQ(Error(Has(At("a"), At("a"))), words);
  EXPECT_EQ(Error(Has(At("a.b[1]"), At("a.b[1]"))), words);
  EXPECT_EQ(Error(Has(At("a.b[1]"), At("a.b[2]"))), "");
  EXPECT_EQ(Error(Has(At("a.b"), At("a"))), "");
  EXPECT_EQ(Error(Has(At("a"), Of(S("a")))), "");
}

// API "Condition": LT to GE and BETWEEN take strings, numbers and binaries, BETWEEN
// two of one type; begins_with, strings and binaries. That turned bounds are
// refused, and the words: our choice.
TEST(ConditionValidation, ConstantsOfTheWrongType) {
  const std::string words =
      "Incorrect operand type for operator or function; operator or function: ";
  EXPECT_EQ(Error(Is(At("a"), api::LT, Of(L({})))),
            "condition.comparison.right.value: " + words + "<, operand type: L");
  EXPECT_EQ(Error(Is(Of(Value::Bool(true)), api::GE, At("a"))),
            "condition.comparison.left.value: " + words + ">=, operand type: BOOL");
  EXPECT_EQ(Error(Begins(At("a"), Of(N("1")))),
            "condition.begins_with.prefix.value: " + words + "begins_with, operand type: N");
  EXPECT_EQ(Error(IsBetween(At("a"), Of(SS({"x"})), Of(N("1")))),
            "condition.between.low.value: " + words + "BETWEEN, operand type: SS");
  EXPECT_EQ(Error(IsBetween(At("a"), Of(S("1")), Of(N("1")))),
            "condition.between: The BETWEEN operator requires same data type for lower and upper "
            "bounds");
  EXPECT_EQ(Error(IsBetween(At("a"), Of(N("2")), Of(N("1")))),
            "condition.between: The BETWEEN operator requires upper bound to be greater than or "
            "equal to lower bound");
  EXPECT_EQ(Error(Is(At("a"), api::EQ, Of(L({})))), "");
}

// DG "Making comparisons": 100 values of IN. DG "Quotas", "Expression parameters": 300
// operators or functions, said of updates; of conditions too, the operands and the
// depth: our choice. "Nested attribute depth": 32 levels below an attribute.
TEST(ConditionValidation, Limits) {
  EXPECT_EQ(Error(IsIn(At("a"), std::vector<api::Operand>(100, Of(N("1"))))), "");
  EXPECT_EQ(Error(IsIn(At("a"), std::vector<api::Operand>(101, Of(N("1"))))),
            "condition.in.list: over 100 operands");
  // 150 tests and the 149 ANDs between them.
  EXPECT_EQ(Error(All(std::vector<api::Condition>(150, Exists("a")))), "");
  EXPECT_EQ(Error(All(std::vector<api::Condition>(151, Exists("a")))),
            "condition.all[150]: too many operators and functions; limit: 300");
  const api::Condition wide = IsIn(At("a"), std::vector<api::Operand>(100, Of(N("1"))));
  EXPECT_EQ(Error(All(std::vector<api::Condition>(20, wide))), "");
  EXPECT_EQ(Error(All(std::vector<api::Condition>(21, wide))),
            "condition.all[20].in.list[27]: too many operands; limit: 2048");
  // 65,535 and the lists that hold them, twice.
  const api::Condition many = Is(At("a"), api::EQ, Of(L(std::vector<Value>(65'535))));
  EXPECT_EQ(Error(All({many, many})), "");
  EXPECT_EQ(Error(All({many, many, Is(At("a"), api::EQ, Of(M({{"b", SS({"c", "d"})}})))})),
            "condition.all[2].comparison.right.value: too many values in constants; limit: 131072");
  api::Condition deep = Exists("a");
  for (int i = 1; i < 32; ++i) deep = Not(deep);
  EXPECT_EQ(Error(deep), "");
  EXPECT_EQ(Error(Not(deep)), "condition: nested over 32 deep");
  std::string path = "a";
  for (int i = 0; i < 32; ++i) path += "[0]";
  EXPECT_EQ(Error(Exists(path)), "");
  EXPECT_EQ(Error(Exists(path + "[0]")), "condition.exists: a path of over 33 steps");
}

}  // namespace
}  // namespace fastpath::expression
