// Expressions as text. Expectations come from Amazon DynamoDB's documentation
// alone; each family names its section: DG is the Developer Guide, API the API
// Reference. What is marked "our choice" it leaves open: partition/README.md.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"
#include "partition/expression/parse.h"
#include "partition/expression/reserved.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

struct Given {
  std::map<std::string, std::string> names;
  std::map<std::string, Value> values;
};

Placeholders Of(const Given& given) {
  Placeholders placeholders;
  for (const auto& [key, name] : given.names) EXPECT_TRUE(placeholders.AddName(key, name).ok());
  for (const auto& [key, value] : given.values) {
    EXPECT_TRUE(placeholders.AddValue(key, value).ok());
  }
  return placeholders;
}

// What most texts here use.
Given Usual() {
  return {{{"#n", "name"}, {"#d", "a.b"}},
          {{":s", S("x")},
           {":n", N("5")},
           {":m", N("9")},
           {":l", L({})},
           {":ss", SS({"a"})},
           {":t", Value::Bool(true)},
           {":map", M({})},
           {":N", S("N")}}};
}

template <typename Tree>
std::string Debug(const absl::StatusOr<Tree>& tree) {
  return tree.ok() ? tree->ShortDebugString() : std::string(tree.status().message());
}

void ExpectCondition(std::string_view text, const api::Condition& expected) {
  Placeholders placeholders = Of(Usual());
  const auto tree = ParseCondition(text, placeholders);
  EXPECT_EQ(Debug(tree), expected.ShortDebugString()) << text;
  EXPECT_TRUE(ValidateCondition(expected).ok()) << text;
}

void ExpectUpdate(std::string_view text, const Update& expected) {
  Placeholders placeholders = Of(Usual());
  const auto tree = ParseUpdate(text, placeholders);
  EXPECT_EQ(Debug(tree), expected.tree().ShortDebugString()) << text;
}

std::string ConditionError(std::string_view text, const Given& given = Usual()) {
  Placeholders placeholders = Of(given);
  return Debug(ParseCondition(text, placeholders));
}
std::string UpdateError(std::string_view text, const Given& given = Usual()) {
  Placeholders placeholders = Of(given);
  return Debug(ParseUpdate(text, placeholders));
}
std::string ProjectionError(std::string_view text, const Given& given = Usual()) {
  Placeholders placeholders = Of(given);
  const auto paths = ParseProjection(text, placeholders);
  return std::string(paths.status().message());
}

api::Condition Eq(std::string_view path, const Value& value) {
  return Is(At(path), api::EQ, expression::Of(value));
}

// ------------------------------------------------------------------ conditions

// DG "Condition and filter expressions, operators, and functions", "Making comparisons".
TEST(ConditionText, Comparisons) {
  const api::Operand n = expression::Of(N("5"));
  ExpectCondition("a = :n", Is(At("a"), api::EQ, n));
  ExpectCondition("a <> :n", Is(At("a"), api::NE, n));
  ExpectCondition("a < :n", Is(At("a"), api::LT, n));
  ExpectCondition("a <= :n", Is(At("a"), api::LE, n));
  ExpectCondition("a > :n", Is(At("a"), api::GT, n));
  ExpectCondition("a >= :n", Is(At("a"), api::GE, n));
  ExpectCondition("a=b", Is(At("a"), api::EQ, At("b")));
  ExpectCondition(":n<>a", Is(n, api::NE, At("a")));
  ExpectCondition("a BETWEEN :n AND :m", IsBetween(At("a"), n, expression::Of(N("9"))));
  ExpectCondition("a IN (:n, b,:s)", IsIn(At("a"), {n, At("b"), expression::Of(S("x"))}));
  ExpectCondition("a IN (:n)", IsIn(At("a"), {n}));
}

// The same, "Functions".
TEST(ConditionText, Functions) {
  ExpectCondition("attribute_exists(a.b[3].c)", Exists("a.b[3].c"));
  ExpectCondition("attribute_not_exists (a)", Absent("a"));
  ExpectCondition("attribute_type(a, :N)", HasType("a", "N"));
  ExpectCondition("begins_with(a, :s)", Begins(At("a"), expression::Of(S("x"))));
  ExpectCondition("contains(a, :s)", Has(At("a"), expression::Of(S("x"))));
  ExpectCondition("contains(a, b)", Has(At("a"), At("b")));
  ExpectCondition("size(a) < :n", Is(SizeAt("a"), api::LT, expression::Of(N("5"))));
  ExpectCondition(":n = size ( a[0] )", Is(expression::Of(N("5")), api::EQ, SizeAt("a[0]")));
  ExpectCondition("size(a) BETWEEN :n AND size(b)",
                  IsBetween(SizeAt("a"), expression::Of(N("5")), SizeAt("b")));
  // Names of functions are names of attributes too, where no parenthesis follows.
  ExpectCondition("contains = begins_with", Is(At("contains"), api::EQ, At("begins_with")));
}

// The same, "Precedence in conditions" and "Parentheses".
TEST(ConditionText, Precedence) {
  const auto x = [](std::string_view path) { return Eq(path, N("5")); };
  ExpectCondition("a = :n OR b = :n AND c = :n", Any({x("a"), All({x("b"), x("c")})}));
  ExpectCondition("a = :n AND b = :n OR c = :n", Any({All({x("a"), x("b")}), x("c")}));
  ExpectCondition("(a = :n OR b = :n) AND c = :n", All({Any({x("a"), x("b")}), x("c")}));
  ExpectCondition("NOT a = :n AND b = :n", All({Not(x("a")), x("b")}));
  ExpectCondition("NOT (a = :n AND b = :n)", Not(All({x("a"), x("b")})));
  ExpectCondition("NOT NOT a = :n", Not(Not(x("a"))));
  ExpectCondition("a = :n OR NOT b = :n", Any({x("a"), Not(x("b"))}));
  ExpectCondition(
      "a BETWEEN :n AND :m AND b = :n",
      All({IsBetween(At("a"), expression::Of(N("5")), expression::Of(N("9"))), x("b")}));
  ExpectCondition("a = :n AND b = :n AND c = :n", All({x("a"), x("b"), x("c")}));
  ExpectCondition("a = :n AND (b = :n AND c = :n)", All({x("a"), All({x("b"), x("c")})}));
  ExpectCondition("(a = :n)", x("a"));
  ExpectCondition("((a = :n) AND b = :n)", All({x("a"), x("b")}));
  ExpectCondition("(NOT (a = :n))", Not(x("a")));
}

// DynamoDB refuses parentheses around parentheses alone.
TEST(ConditionText, RedundantParentheses) {
  const auto error = [](int at) {
    return absl::StrCat(
        "Invalid ConditionExpression: The expression has redundant parentheses; token: \"(\", at: ",
        at);
  };
  EXPECT_EQ(ConditionError("((a = :n))"), error(0));
  EXPECT_EQ(ConditionError("b = :n AND ((a = :n OR b = :n))"), error(11));
  EXPECT_EQ(ConditionError("NOT (((a = :n) AND b = :n))"), error(4));
  EXPECT_EQ(ConditionError("(((a = :n)))"), error(1));
  Placeholders none;
  EXPECT_EQ(Debug(ParseFilter("((a = b))", none)),
            "Invalid FilterExpression: The expression has redundant parentheses; token: \"(\", at: "
            "0");
}

// API "KeyConditionExpression" and others write keywords in capitals, DG also in
// small letters; function names are case-sensitive (DG "Functions").
TEST(ConditionText, KeywordsInAnyCase) {
  ExpectCondition("a between :n and :m",
                  IsBetween(At("a"), expression::Of(N("5")), expression::Of(N("9"))));
  ExpectCondition("nOt a In (:n) oR b = :n",
                  Any({Not(IsIn(At("a"), {expression::Of(N("5"))})), Eq("b", N("5"))}));
  EXPECT_EQ(ConditionError("Attribute_Exists(a)"),
            "Invalid ConditionExpression: Invalid function name; function: Attribute_Exists; "
            "token: \"Attribute_Exists\", at: 0");
  EXPECT_EQ(ConditionError("SIZE(a) = :n"),
            "Invalid ConditionExpression: Invalid function name; function: SIZE; token: \"SIZE\", "
            "at: 0");
}

// DG "Referring to item attributes" and "Expression attribute names".
TEST(ConditionText, PathsAndPlaceholders) {
  api::Condition dotted = Eq("x", N("5"));
  dotted.mutable_comparison()->mutable_left()->mutable_path()->mutable_steps(0)->set_name("a.b");
  ExpectCondition("#d = :n", dotted);
  ExpectCondition("#n[2].#n.c[0][11] = :n", Eq("name[2].name.c[0][11]", N("5")));
  ExpectCondition("a . b [ 1 ] = :n", Eq("a.b[1]", N("5")));
  ExpectCondition("aB_9 = :n", Eq("aB_9", N("5")));
  ExpectCondition("a[007] = :n", Eq("a[7]", N("5")));
  ExpectCondition("\ta\r\n=  :n ", Eq("a", N("5")));
}

TEST(ConditionText, SyntaxErrorsNameTokenAndPlace) {
  const std::string begin = "Invalid ConditionExpression: Syntax error; token: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a", R"~("<EOF>", near: "a", at: 1)~"},
      {"a = ", R"~("<EOF>", near: "= ", at: 4)~"},
      {"a b", R"~("b", near: "a b", at: 2)~"},
      {"a == :n", R"~("=", near: "== :n", at: 3)~"},
      {"a != :n", R"~("!", near: "a !=", at: 2)~"},
      {"a = :n AND", R"~("<EOF>", near: "AND", at: 10)~"},
      {"a = :n AND OR b = :n", R"~("OR", near: "AND OR b", at: 11)~"},
      {"AND a = :n", R"~("AND", near: "AND a", at: 0)~"},
      {"(a = :n", R"~("<EOF>", near: ":n", at: 7)~"},
      {"a = :n)", R"~(")", near: ":n)", at: 6)~"},
      {"a = 5", R"~("5", near: "= 5", at: 4)~"},
      {"a = 'x'", R"~("'", near: "= 'x", at: 4)~"},
      {"a = \xc3\xa9", "\"\xc3\xa9\", near: \"= \xc3\xa9\", at: 4"},
      {"a = \xff", R"~("\xff", near: "= \xff", at: 4)~"},
      {"a =\nb c", R"~("c", near: "b c", at: 6)~"},
      {"a\n\n=", R"~("<EOF>", near: "=", at: 4)~"},
      {"a\nb", R"~("b", near: "a\nb", at: 2)~"},
      {"a = :", R"~(":", near: "= :", at: 4)~"},
      {"# = :n", R"~("#", near: "# =", at: 0)~"},
      {"1a = :n", R"~("1", near: "1a", at: 0)~"},
      {"_a = :n", R"~("_", near: "_a", at: 0)~"},
      {"a- = :n", R"~("-", near: "a- =", at: 1)~"},
      {"a[-1] = :n", R"~("-", near: "[-1", at: 2)~"},
      {"a[0.4] = :n", R"~(".", near: "0.4", at: 3)~"},
      {"a[] = :n", R"~("]", near: "[] =", at: 2)~"},
      {"a[:n] = :n", R"~(":n", near: "[:n]", at: 2)~"},
      {"a. = :n", R"~("=", near: ". = :n", at: 3)~"},
      {"[0] = :n", R"~("[", near: "[0", at: 0)~"},
      {":n.a = :n", R"~(".", near: ":n.a", at: 2)~"},
      {"a BETWEEN :n OR :m", R"~("OR", near: ":n OR :m", at: 13)~"},
      {"a NOT IN (:n)", R"~("NOT", near: "a NOT IN", at: 2)~"},
      {"a IN ()", R"~(")", near: "()", at: 6)~"},
      {"a IN :n", R"~(":n", near: "IN :n", at: 5)~"},
      {"a IN (:n,)", R"~(")", near: ",)", at: 9)~"},
      {"attribute_exists()", R"~(")", near: "()", at: 17)~"},
      {"attribute_exists(a", R"~("<EOF>", near: "a", at: 18)~"},
      {"size(a)", R"~("<EOF>", near: ")", at: 7)~"},
      {"(a) = :n", R"~(")", near: "a) =", at: 2)~"},
      {"a = (:n)", R"~("(", near: "= (:n", at: 4)~"},
      {"a = NOT (b)", R"~("NOT", near: "= NOT (", at: 4)~"},
      {"a + b = :n", R"~("+", near: "a + b", at: 2)~"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(ConditionError(text), begin + expected) << text;
  }
}

TEST(ConditionText, OperandsAreChecked) {
  const std::string begin = "Invalid ConditionExpression: ";
  const std::string type =
      "Incorrect operand type for operator or function; operator or function: ";
  const std::string count =
      "Incorrect number of operands for operator or function; operator or function: ";
  const std::string path = "Operator or function requires a document path; operator or function: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a < :l", type + "<, operand type: L; token: \":l\", at: 4"},
      {"b = :n AND :ss >= a", type + ">=, operand type: SS; token: \":ss\", at: 11"},
      {"a BETWEEN :t AND :n", type + "BETWEEN, operand type: BOOL; token: \":t\", at: 10"},
      {"begins_with(a, :n)", type + "begins_with, operand type: N; token: \":n\", at: 15"},
      {"attribute_type(a, :n)", type + "attribute_type, operand type: N; token: \":n\", at: 18"},
      {"attribute_type(a, :s)",
       "Invalid attribute type name found; valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}; token: "
       "\":s\", at: 18"},
      {"attribute_type(a, b)",
       "The type must be an expression attribute value; operator or function: attribute_type; "
       "token: \"b\", at: 18"},
      {"attribute_exists(:n)", path + "attribute_exists; token: \":n\", at: 17"},
      {"attribute_exists(size(a))", path + "attribute_exists; token: \"size\", at: 17"},
      {"size(:n) = :n", path + "size; token: \":n\", at: 5"},
      {"size(a, b) = :n", count + "size, number of operands: 2; token: \"size\", at: 0"},
      {"attribute_exists(a, b)",
       count + "attribute_exists, number of operands: 2; token: \"attribute_exists\", at: 0"},
      {"a = b OR contains(a)",
       count + "contains, number of operands: 1; token: \"contains\", at: 9"},
      {"a BETWEEN :m AND :n",
       "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
       "token: \"BETWEEN\", at: 2"},
      {"a BETWEEN :n AND :s",
       "The BETWEEN operator requires same data type for lower and upper bounds; token: "
       "\"BETWEEN\", at: 2"},
      {"a = if_not_exists(b, :n)",
       "The function is not allowed in a condition expression; function: if_not_exists; token: "
       "\"if_not_exists\", at: 4"},
      {"a = attribute_exists(b)",
       "The function is not allowed to be used this way in an expression; function: "
       "attribute_exists; token: \"attribute_exists\", at: 4"},
      {"nonsense(a)", "Invalid function name; function: nonsense; token: \"nonsense\", at: 0"},
      {"a[4294967296] = :n",
       "List index is not within the allowable range; index: [4294967296]; token: \"4294967296\", "
       "at: 2"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(ConditionError(text), begin + expected) << text;
  }
}

// The words and the operators that they are of: as the service says it.
TEST(ConditionText, NothingIsComparedWithItself) {
  const std::string distinct =
      "Invalid ConditionExpression: The first operand must be distinct from the remaining operands "
      "for this operator or function; operator: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a = a", "=, first operand: [a]; token: \"a\", at: 4"},
      {"a <> a", "<>, first operand: [a]; token: \"a\", at: 5"},
      {"a.b[1] >= a.b[1]", ">=, first operand: [a, b, [1]]; token: \"a\", at: 10"},
      {"a BETWEEN a AND :n", "BETWEEN, first operand: [a]; token: \"a\", at: 10"},
      {"a between :n and a", "between, first operand: [a]; token: \"a\", at: 17"},
      {"a IN (a, :n)", "IN, first operand: [a]; token: \"a\", at: 6"},
      {"a IN (:n, b, a)", "IN, first operand: [a]; token: \"a\", at: 13"},
      {"begins_with(a, a)", "begins_with, first operand: [a]; token: \"a\", at: 15"},
      {"contains(a[1], a[1])", "contains, first operand: [a, [1]]; token: \"a\", at: 15"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(ConditionError(text), distinct + expected);
  EXPECT_EQ(ConditionError("#a = a", {{{"#a", "a"}}, {}}).substr(0, distinct.size()), distinct);
  Placeholders none;
  EXPECT_EQ(
      Debug(ParseFilter("a = a", none)),
      "Invalid FilterExpression: The first operand must be distinct from the remaining "
      "operands for this operator or function; operator: =, first operand: [a]; token: \"a\", "
      "at: 4");
  ExpectCondition("a[0] = a[1]", Is(At("a[0]"), api::EQ, At("a[1]")));
  ExpectCondition("a <> a.b", Is(At("a"), api::NE, At("a.b")));
  ExpectCondition("a BETWEEN b AND b", IsBetween(At("a"), At("b"), At("b")));
}

// ---------------------------------------------------------------- placeholders

TEST(PlaceholderText, MustBeDefined) {
  EXPECT_EQ(ConditionError("a = :n AND #q = :n"),
            "Invalid ConditionExpression: An expression attribute name used in the document path "
            "is not defined; attribute name: #q; token: \"#q\", at: 11");
  EXPECT_EQ(UpdateError("SET a = :q"),
            "Invalid UpdateExpression: An expression attribute value used in expression is not "
            "defined; attribute value: :q; token: \":q\", at: 8");
  // They are case-sensitive, as every name is.
  EXPECT_NE(ConditionError("#N = :n"), "");
}

// API "ExpressionAttributeNames" and "ExpressionAttributeValues".
TEST(PlaceholderText, MustBeUsedByAnyOfTheExpressions) {
  Placeholders placeholders =
      Of({{{"#a", "x"}, {"#b", "y"}, {"#c", "z"}}, {{":a", N("1")}, {":b", N("2")}}});
  EXPECT_TRUE(ParseUpdate("SET #a = :a", placeholders).ok());
  EXPECT_EQ(placeholders.CheckAllUsed().message(),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b, #c}");
  EXPECT_TRUE(ParseCondition("#b < #c", placeholders).ok());
  EXPECT_EQ(placeholders.CheckAllUsed().message(),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}");
  EXPECT_TRUE(ParseFilter("#b < :b", placeholders).ok());
  EXPECT_TRUE(placeholders.CheckAllUsed().ok());
}

TEST(PlaceholderText, HaveTheirForm) {
  Placeholders placeholders;
  const auto name = [&](std::string_view key, std::string_view name = "a") {
    return std::string(placeholders.AddName(key, name).message());
  };
  const auto value = [&](std::string_view key, Value value = N("1")) {
    return std::string(placeholders.AddValue(key, value).message());
  };
  const std::string names = "ExpressionAttributeNames contains invalid ";
  const std::string values = "ExpressionAttributeValues contains invalid ";
  EXPECT_EQ(name("#a_B9"), "");
  EXPECT_EQ(name("#1star"), "");
  EXPECT_EQ(name("a"), names + "key: Syntax error; key: \"a\"");
  EXPECT_EQ(name("#"), names + "key: Syntax error; key: \"#\"");
  EXPECT_EQ(name(""), names + "key: Syntax error; key: \"\"");
  EXPECT_EQ(name("#a-b"), names + "key: Syntax error; key: \"#a-b\"");
  EXPECT_EQ(name("#a "), names + "key: Syntax error; key: \"#a \"");
  EXPECT_EQ(name(":a"), names + "key: Syntax error; key: \":a\"");
  EXPECT_EQ(name("#x", ""), names + "value: an empty attribute name; key: \"#x\"");
  EXPECT_EQ(name("#x", "\xff"), names + "value: an attribute name that is not UTF-8; key: \"#x\"");
  EXPECT_EQ(name("#x", std::string(65'536, 'a')),
            names + "value: an attribute name over 65,535 bytes; key: \"#x\"");
  EXPECT_EQ(name("#a_B9"), "ExpressionAttributeNames contains a key twice; key: \"#a_B9\"");
  EXPECT_EQ(value(":v"), "");
  EXPECT_EQ(value("#v"), values + "key: Syntax error; key: \"#v\"");
  EXPECT_EQ(value(":x", Value::StringSet({})).substr(0, 48), values + "value");
}

// DG "Quotas", "Expression parameters", "Lengths": "#name" is 5 bytes; 255; 2 MB.
TEST(PlaceholderText, Limits) {
  Placeholders placeholders;
  const std::string long_key = "#" + std::string(254, 'a');
  EXPECT_TRUE(placeholders.AddName(long_key, "a").ok());
  EXPECT_TRUE(ParseProjection(long_key, placeholders).ok());
  EXPECT_EQ(placeholders.AddName(long_key + "a", "a").message().substr(0, 58),
            "ExpressionAttributeNames contains invalid key: over 255 by");
  Placeholders full;
  EXPECT_TRUE(full.AddName("#n", "name").ok());  // 6 bytes; then 2 and 2 MB - 8.
  EXPECT_TRUE(full.AddValue(":v", S(std::string((2 << 20) - 8, 'x'))).ok());
  EXPECT_EQ(full.AddValue(":w", S("")).message(),
            "ExpressionAttributeValues exceeds the maximum size of all substitution variables, 2 "
            "MB; key: \":w\"");
}

// --------------------------------------------------------------- reserved words

// DG "Reserved words in DynamoDB": not case-sensitive; also below the top level.
TEST(ReservedWords, AreRefusedAsNames) {
  EXPECT_EQ(ProjectionError("Comment"),
            "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: "
            "Comment; token: \"Comment\", at: 0");
  EXPECT_EQ(ConditionError("a = :n AND b.name = :n"),
            "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: "
            "name; token: \"name\", at: 13");
  EXPECT_EQ(UpdateError("SET Zone = :n"),
            "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: "
            "Zone; token: \"Zone\", at: 4");
  EXPECT_EQ(ConditionError("size = :n"),
            "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: "
            "size; token: \"size\", at: 0");
  EXPECT_EQ(ConditionError("#n = :n AND names2 = :n").substr(0, 3), "all");
}

TEST(ReservedWords, TheFirstTheLastAndNoOthers) {
  for (const char* word : {"ABORT", "abort", "Zone", "innter", "FLATTERN", "loged", "TTL", "ttl"}) {
    EXPECT_TRUE(IsReservedWord(word)) << word;
  }
  for (const char* word : {"", "A", "ABOR", "ABORTS", "ZONES", "stock", "id", "title", "price"}) {
    EXPECT_FALSE(IsReservedWord(word)) << word;
  }
}

// --------------------------------------------------------------------- updates

// DG "Update expressions", its sections SET, REMOVE, ADD, DELETE.
TEST(UpdateText, Sections) {
  ExpectUpdate("SET a = :n, b.c[1] = d", Update().Set("a", To(N("5"))).Set("b.c[1]", To(At("d"))));
  ExpectUpdate("SET a = a - :n", Update().Set("a", Minus(To(At("a")), To(N("5")))));
  ExpectUpdate("SET a = :n + b", Update().Set("a", Plus(To(N("5")), To(At("b")))));
  ExpectUpdate("SET a = list_append(a, :l)", Update().Set("a", Append(To(At("a")), To(L({})))));
  ExpectUpdate("SET a = if_not_exists(b, :n)", Update().Set("a", IfAbsent("b", To(N("5")))));
  ExpectUpdate("SET a = if_not_exists(a, :n) + :m",
               Update().Set("a", Plus(IfAbsent("a", To(N("5"))), To(N("9")))));
  ExpectUpdate("SET a = list_append(if_not_exists(a, :l), :l)",
               Update().Set("a", Append(IfAbsent("a", To(L({}))), To(L({})))));
  ExpectUpdate("REMOVE a, b[1], #n", Update().Remove("a").Remove("b[1]").Remove("name"));
  ExpectUpdate("ADD a :n, b.c :ss", Update().Add("a", N("5")).Add("b.c", SS({"a"})));
  ExpectUpdate("DELETE a :ss", Update().Delete("a", SS({"a"})));
  ExpectUpdate("remove a Set b = :n dElEtE c :ss aDD d :n",
               Update().Remove("a").Set("b", To(N("5"))).Delete("c", SS({"a"})).Add("d", N("5")));
}

// DG "Quotas" has "SET a = :val1 + :val2 + :val3": from the left. Parentheses: our choice.
TEST(UpdateText, SumsOfSeveral) {
  const api::SetValue a = To(At("a"));
  ExpectUpdate("SET a = a - :n + :m", Update().Set("a", Plus(Minus(a, To(N("5"))), To(N("9")))));
  ExpectUpdate("SET a = a - (:n + :m)", Update().Set("a", Minus(a, Plus(To(N("5")), To(N("9"))))));
  ExpectUpdate("SET a = (a - :n) + :m", Update().Set("a", Plus(Minus(a, To(N("5"))), To(N("9")))));
  ExpectUpdate("SET a = if_not_exists(b, c - :n)",
               Update().Set("a", IfAbsent("b", Minus(To(At("c")), To(N("5"))))));
}

TEST(UpdateText, Errors) {
  const std::string begin = "Invalid UpdateExpression: ";
  const std::string type =
      "Incorrect operand type for operator or function; operator or function: ";
  const std::string action = "Incorrect operand type for operator or function; operator: ";
  const std::string clash =
      " with each other; must remove or rewrite one of these paths; path one: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "The expression can not be empty; token: \"<EOF>\", at: 0"},
      {"  ", "The expression can not be empty; token: \"<EOF>\", at: 2"},
      {"a = :n", R"~(Syntax error; token: "a", near: "a =", at: 0)~"},
      {"SET", R"~(Syntax error; token: "<EOF>", near: "SET", at: 3)~"},
      {"SET a = = :n", R"~(Syntax error; token: "=", near: "= = :n", at: 8)~"},
      {"SET a :n", R"~(Syntax error; token: ":n", near: "a :n", at: 6)~"},
      {"SET a = :n,", R"~(Syntax error; token: "<EOF>", near: ",", at: 11)~"},
      {"SET a = :n, REMOVE b", R"~(Syntax error; token: "REMOVE", near: ", REMOVE b", at: 12)~"},
      {"SET a = :n b = :n", R"~(Syntax error; token: "b", near: ":n b =", at: 11)~"},
      {"SET a = SET (b)", R"~(Syntax error; token: "SET", near: "= SET (", at: 8)~"},
      {"SET :n = a", R"~(Syntax error; token: ":n", near: "SET :n =", at: 4)~"},
      {"SET a = b = :n", R"~(Syntax error; token: "=", near: "b = :n", at: 10)~"},
      {"SET a = b AND c", R"~(Syntax error; token: "AND", near: "b AND c", at: 10)~"},
      {"SET a = -:n", R"~(Syntax error; token: "-", near: "= -:n", at: 8)~"},
      {"SET a = (b", R"~(Syntax error; token: "<EOF>", near: "b", at: 10)~"},
      {"REMOVE a = :n", R"~(Syntax error; token: "=", near: "a = :n", at: 9)~"},
      {"REMOVE :n", R"~(Syntax error; token: ":n", near: "REMOVE :n", at: 7)~"},
      {"ADD a b", R"~(Syntax error; token: "b", near: "a b", at: 6)~"},
      {"ADD a = :n", R"~(Syntax error; token: "=", near: "a = :n", at: 6)~"},
      {"DELETE a", R"~(Syntax error; token: "<EOF>", near: "a", at: 8)~"},
      {"SET a = :n REMOVE b SET c = :n",
       "The \"SET\" section can only be used once in an update expression; token: \"SET\", at: 20"},
      {"SET a = :s + :n", type + "+, operand type: S; token: \":s\", at: 8"},
      {"SET a = b - :l", type + "-, operand type: L; token: \":l\", at: 12"},
      {"SET a = list_append(b, :s)", type + "list_append, operand type: S; token: \":s\", at: 23"},
      {"ADD a :s", action + "ADD, operand type: STRING; token: \":s\", at: 6"},
      {"DELETE a :n", action + "DELETE, operand type: NUMBER; token: \":n\", at: 9"},
      {"SET a = size(b)",
       "The function is not allowed in an update expression; function: size; token: \"size\", "
       "at: 8"},
      {"SET a = attribute_exists(b)",
       "The function is not allowed in an update expression; function: attribute_exists; token: "
       "\"attribute_exists\", at: 8"},
      {"SET a = List_Append(b, c)",
       "Invalid function name; function: List_Append; token: \"List_Append\", at: 8"},
      {"SET a = list_append(b)",
       "Incorrect number of operands for operator or function; operator or function: list_append, "
       "number of operands: 1; token: \"list_append\", at: 8"},
      {"SET a = if_not_exists(:n, b)",
       "Operator or function requires a document path; operator or function: if_not_exists; token: "
       "\":n\", at: 22"},
      {"SET a = if_not_exists(b + c, d)",
       "Operator or function requires a document path; operator or function: if_not_exists; token: "
       "\"b\", at: 22"},
      {"SET a = :n REMOVE a",
       "Two document paths overlap" + clash + "[a], path two: [a]; token: \"a\", at: 18"},
      {"SET a.b = :n, a = :n",
       "Two document paths overlap" + clash + "[a, b], path two: [a]; token: \"a\", at: 14"},
      {"SET a.b = :n ADD a[1] :n",
       "Two document paths conflict" + clash + "[a, b], path two: [a, [1]]; token: \"a\", at: 17"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(UpdateError(text), begin + expected) << text;
}

// API "UpdateItem", "Key": key attributes cannot be updated.
TEST(UpdateText, KeysDoNotChange) {
  api::Table table;
  table.mutable_partition_key()->set_name("pk");
  table.mutable_sort_key()->set_name("name");
  Placeholders placeholders = Of(Usual());
  EXPECT_EQ(Debug(ParseUpdate("SET a = pk, pk = :n", placeholders, &table)),
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute "
            "is part of the key; token: \"pk\", at: 12");
  EXPECT_EQ(Debug(ParseUpdate("REMOVE #n", placeholders, &table)),
            "One or more parameter values were invalid: Cannot update attribute name. This "
            "attribute is part of the key; token: \"#n\", at: 7");
  EXPECT_TRUE(ParseUpdate("SET a = pk, m.pk = :n", placeholders, &table).ok());
  EXPECT_TRUE(ParseUpdate("SET pk = :n", placeholders).ok());
}

// ----------------------------------------------------- projections and filters

// DG "Projection expressions".
TEST(ProjectionText, Paths) {
  Placeholders placeholders = Of(Usual());
  const auto paths = ParseProjection("Description, RelatedItems[0], #n.FiveStar", placeholders);
  ASSERT_TRUE(paths.ok()) << paths.status();
  ASSERT_EQ(paths->size(), 3);
  EXPECT_EQ((*paths)[1].ShortDebugString(), P("RelatedItems[0]").ShortDebugString());
  EXPECT_EQ((*paths)[2].ShortDebugString(), P("name.FiveStar").ShortDebugString());
}

TEST(ProjectionText, Errors) {
  const std::string begin = "Invalid ProjectionExpression: ";
  EXPECT_EQ(ProjectionError(""),
            begin + "The expression can not be empty; token: \"<EOF>\", at: 0");
  EXPECT_EQ(ProjectionError("a,"), begin + R"~(Syntax error; token: "<EOF>", near: ",", at: 2)~");
  EXPECT_EQ(ProjectionError("a b"), begin + R"~(Syntax error; token: "b", near: "a b", at: 2)~");
  EXPECT_EQ(ProjectionError("a, b, size(a)"),
            begin +
                "Attribute name is a reserved keyword; reserved keyword: size; token: "
                "\"size\", at: 6");
  EXPECT_EQ(ProjectionError("a, :n"),
            begin + R"~(Syntax error; token: ":n", near: ", :n", at: 3)~");
  EXPECT_EQ(ProjectionError("a.b, b, a"),
            begin +
                "Two document paths overlap with each other; must remove or rewrite one of "
                "these paths; path one: [a, b], path two: [a]; token: \"a\", at: 8");
}

// DG "Filter expressions for the Query operation": no key attributes; those of Scan may.
TEST(FilterText, ErrorsNameTheFilter) {
  api::Table table;
  table.mutable_partition_key()->set_name("pk");
  Placeholders placeholders = Of(Usual());
  EXPECT_EQ(Debug(ParseFilter("a = list_append(b, c)", placeholders)),
            "Invalid FilterExpression: The function is not allowed in a filter expression; "
            "function: list_append; token: \"list_append\", at: 4");
  EXPECT_EQ(Debug(ParseFilter("a = :n OR size(pk) > :n", placeholders, &table)),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: "
            "pk; token: \"pk\", at: 15");
  EXPECT_TRUE(ParseFilter("m.pk = :n", placeholders, &table).ok());
  EXPECT_TRUE(ParseFilter("pk = :n", placeholders).ok());
}

// ---------------------------------------------------------------------- limits

std::string Repeated(int count, std::string_view part, std::string_view separator) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? std::string(separator) : "") + std::string(part);
  return text;
}

// DG "Quotas", "Expression parameters".
TEST(TextLimits, FourKilobytes) {
  const std::string text = "a = :n";
  const std::string padded = text + std::string(4096 - text.size(), ' ');
  EXPECT_EQ(ConditionError(padded), Eq("a", N("5")).ShortDebugString());
  EXPECT_EQ(ConditionError(padded + " "),
            "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; "
            "expression size: 4097; token: \" \", at: 4096");
  EXPECT_NE(UpdateError(std::string(1 << 20, 'a')).find("expression size: 1048576"),
            std::string::npos);
}

TEST(TextLimits, ThreeHundredOperatorsAndFunctions) {
  const auto exists = [](int count) { return Repeated(count, "a=b", " OR "); };  // 2 * count - 1.
  EXPECT_EQ(ConditionError(exists(150) + " OR NOT a=b").substr(0, 7), "Invalid");
  EXPECT_EQ(ConditionError("NOT(" + exists(150) + ")").substr(0, 3), "not");
  EXPECT_EQ(ConditionError("NOT NOT(" + exists(150) + ")"),
            "Invalid ConditionExpression: too many operators and functions; limit: 300; token: "
            "\"=\", at: " +
                std::to_string(8 + 7 * 149 + 1));
  EXPECT_EQ(ConditionError("size(a)=b OR " + exists(149)).substr(0, 3), "any");
  EXPECT_EQ(ConditionError("size(a)=size(b) OR " + exists(149)).substr(0, 7), "Invalid");
  std::string sets = "SET ";
  for (int i = 0; i < 300; ++i) sets += (i > 0 ? "," : "") + ("a" + std::to_string(i)) + "=b+c";
  EXPECT_EQ(UpdateError(sets).substr(0, 3), "set");
  EXPECT_NE(UpdateError(sets + ",b=c-d")
                .find("too many operators and functions; limit: 300; "
                      "token: \"-\", at: " +
                      std::to_string(sets.size() + 4)),
            std::string::npos);
}

TEST(TextLimits, HundredOperandsOfIn) {
  EXPECT_EQ(ConditionError("a IN (" + Repeated(100, ":n", ",") + ")").substr(0, 2), "in");
  EXPECT_EQ(ConditionError("a IN (" + Repeated(101, ":n", ",") + ")"),
            "Invalid ConditionExpression: The IN operator is provided with over 100 operands; "
            "token: \":n\", at: 306");
}

// DG "Referring to item attributes": a path's depth is at most 32.
TEST(TextLimits, PathsOf32Levels) {
  EXPECT_EQ(ProjectionError("a" + Repeated(32, "[0]", "")), "");
  EXPECT_EQ(ProjectionError("b, a" + Repeated(33, "[0]", "")),
            "Invalid ProjectionExpression: The document path has too many nesting elements; "
            "nesting element count: 34; token: \"a\", at: 3");
}

// Our choice, for conditions only.
TEST(TextLimits, ManyValuesInConstants) {
  const Given given{{}, {{":v", L(std::vector<Value>(65'535))}, {":w", N("1")}}};
  EXPECT_EQ(ConditionError("a = :v AND b = :v", given).substr(0, 3), "all");
  EXPECT_EQ(ConditionError("a = :v AND b = :v AND c = :w", given),
            "Invalid ConditionExpression: too many values in constants; limit: 131072; token: "
            "\":w\", at: 26");
  EXPECT_EQ(UpdateError("SET a = :v, b = :v, c = :w", given).substr(0, 3), "set");
}

// Our choice: each use is a copy in the request, which is at most 4 MiB.
TEST(TextLimits, PlaceholdersCountAsOftenAsTheyAreUsed) {
  const std::string refused =
      "Invalid UpdateExpression: the expressions of the request use names and values of over "
      "4194304 bytes in all; token: ";
  Placeholders values = Of({{}, {{":v", S(std::string(1'000'000, 'x'))}}});
  EXPECT_TRUE(ParseUpdate("SET a = :v, b = :v, c = :v", values).ok());
  EXPECT_TRUE(ParseCondition("a = :v", values).ok());
  EXPECT_EQ(ParseUpdate("SET d = :v", values).status().message(), refused + "\":v\", at: 8");
  Placeholders names = Of({{{"#n", std::string(60'000, 'n')}}, {}});
  EXPECT_TRUE(ParseProjection("a" + Repeated(32, ".#n", ""), names).ok());
  EXPECT_TRUE(ParseProjection("b" + Repeated(32, ".#n", ""), names).ok());
  EXPECT_EQ(ParseUpdate("REMOVE c" + Repeated(6, ".#n", ""), names).status().message(),
            refused + "\"#n\", at: 24");
}

// Our choice.
TEST(TextLimits, DepthOfTrees) {
  const auto nots = [](int count) { return Repeated(count, "NOT ", "") + "a=b"; };
  EXPECT_EQ(ConditionError(nots(31)).substr(0, 3), "not");
  EXPECT_EQ(ConditionError(nots(32)),
            "Invalid ConditionExpression: nested over 32 deep; token: \"NOT\", at: 0");
  const std::string deep = "SET a = " + std::string(64, '(') + "b" + std::string(64, ')');
  EXPECT_EQ(UpdateError(deep), UpdateError("SET a = b"));
  EXPECT_EQ(ConditionError(std::string(4000, '(')),
            "Invalid ConditionExpression: over 64 parentheses and NOTs are open; token: \"(\", at: "
            "64");
  EXPECT_EQ(UpdateError("SET a = " + Repeated(32, "b", "+")).substr(0, 3), "set");
  EXPECT_EQ(UpdateError("SET a = " + Repeated(33, "b", "+")),
            "Invalid UpdateExpression: nested over 32 deep; token: \"+\", at: 71");
  std::string calls;
  for (int i = 0; i < 200; ++i) calls += "if_not_exists(b,";
  EXPECT_NE(UpdateError("SET a = " + calls).find("over 64 parentheses"), std::string::npos);
  EXPECT_NE(ConditionError(Repeated(500, "size(", "")).find("over 64"), std::string::npos);
}

}  // namespace
}  // namespace fastpath::expression
