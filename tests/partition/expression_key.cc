// Key conditions as text. DG "Key condition expressions for the Query operation"
// and API "Query", "KeyConditionExpression"; the words are ours where they have none.
#include <gtest/gtest.h>

#include "partition/expression/key_condition.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

using Sort = KeyCondition::Sort;

api::Table Thread(api::KeyType sort_type = api::S) {
  api::Table table;
  table.mutable_partition_key()->set_name("ForumName");
  table.mutable_partition_key()->set_type(api::S);
  table.mutable_sort_key()->set_name("Subject");
  table.mutable_sort_key()->set_type(sort_type);
  return table;
}

Placeholders Usual() {
  Placeholders placeholders;
  EXPECT_TRUE(placeholders.AddName("#f", "ForumName").ok());
  EXPECT_TRUE(placeholders.AddValue(":name", S("DynamoDB")).ok());
  EXPECT_TRUE(placeholders.AddValue(":sub", S("a")).ok());
  EXPECT_TRUE(placeholders.AddValue(":to", S("b")).ok());
  EXPECT_TRUE(placeholders.AddValue(":n", N("5")).ok());
  return placeholders;
}

void Expect(std::string_view text, Sort sort, std::vector<std::string> bounds) {
  Placeholders placeholders = Usual();
  const auto key = ParseKeyCondition(text, placeholders, Thread());
  ASSERT_TRUE(key.ok()) << text << ": " << key.status();
  EXPECT_EQ(key->partition, model::EncodeValue(S("DynamoDB"))) << text;
  EXPECT_EQ(key->sort, sort) << text;
  EXPECT_EQ(key->bounds, bounds) << text;
}

std::string Error(std::string_view text, const api::Table& table = Thread()) {
  Placeholders placeholders = Usual();
  return std::string(ParseKeyCondition(text, placeholders, table).status().message());
}

TEST(KeyText, Conditions) {
  const std::string a = model::EncodeValue(S("a"));
  const std::string b = model::EncodeValue(S("b"));
  Expect("ForumName = :name", Sort::kAny, {});
  Expect("#f = :name AND Subject = :sub", Sort::kEqual, {a});
  Expect("ForumName = :name AND Subject < :sub", Sort::kLess, {a});
  Expect("ForumName = :name AND Subject <= :sub", Sort::kLessOrEqual, {a});
  Expect("ForumName = :name AND Subject > :sub", Sort::kGreater, {a});
  Expect("ForumName = :name AND Subject >= :sub", Sort::kGreaterOrEqual, {a});
  Expect("ForumName = :name AND Subject BETWEEN :sub AND :to", Sort::kBetween, {a, b});
  Expect("ForumName = :name AND begins_with(Subject, :sub)", Sort::kBeginsWith, {a});
}

TEST(KeyText, OrderAndParentheses) {
  const std::string a = model::EncodeValue(S("a"));
  const std::string b = model::EncodeValue(S("b"));
  Expect("Subject BETWEEN :sub and :to and #f = :name", Sort::kBetween, {a, b});
  Expect("(ForumName = :name) AND (Subject = :sub)", Sort::kEqual, {a});
  Expect("(ForumName = :name AND (begins_with (Subject, :sub)))", Sort::kBeginsWith, {a});
  Expect("((ForumName = :name) AND Subject = :sub)", Sort::kEqual, {a});
}

TEST(KeyText, Errors) {
  const std::string begin = "Invalid KeyConditionExpression: ";
  const std::string op = "Invalid operator used in KeyConditionExpression: ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", begin + "The expression can not be empty; token: \"<EOF>\", at: 0"},
      {"Subject = :sub",
       "Query condition missed key schema element: ForumName; token: \"<EOF>\", at: 14"},
      {"ForumName < :name", "Query key condition not supported; token: \"ForumName\", at: 0"},
      {"ForumName = :name AND Sender = :sub",
       "Query condition missed key schema element: Subject; token: \"Sender\", at: 22"},
      {"ForumName = :name AND Subject = :sub AND Sender = :to",
       "Conditions can be of length 1 or 2 only; token: \"Sender\", at: 41"},
      {"ForumName = :name AND Subject.a = :sub",
       begin + "KeyConditionExpressions cannot have conditions on nested attributes; token: "
               "\"Subject\", at: 22"},
      {"ForumName = :name AND Subject <> :sub", op + "<>; token: \"<>\", at: 30"},
      {"ForumName = :name AND Subject IN (:sub)", op + "IN; token: \"IN\", at: 30"},
      {"ForumName = :name OR Subject = :sub", op + "OR; token: \"OR\", at: 18"},
      {"NOT ForumName = :name", op + "NOT; token: \"NOT\", at: 0"},
      {"ForumName = :name AND contains(Subject, :sub)",
       op + "contains; token: \"contains\", at: 22"},
      {"ForumName = :name AND size(Subject) = :n", op + "size; token: \"size\", at: 22"},
      {"ForumName = :name AND Subject = :sub AND Subject = :to",
       begin + "KeyConditionExpressions must only contain one condition per key; token: "
               "\"Subject\", at: 41"},
      {"ForumName = :name AND ForumName = :sub",
       begin + "KeyConditionExpressions must only contain one condition per key; token: "
               "\"ForumName\", at: 22"},
      {"ForumName = :n",
       "One or more parameter values were invalid: Condition parameter type does not match schema "
       "type; token: \":n\", at: 12"},
      {"ForumName = :name AND Subject BETWEEN :sub AND :n",
       "One or more parameter values were invalid: Condition parameter type does not match schema "
       "type; token: \":n\", at: 47"},
      {"ForumName = :name AND Subject BETWEEN :to AND :sub",
       begin + "The BETWEEN operator requires upper bound to be greater than or equal to lower "
               "bound; token: \":sub\", at: 46"},
      {"ForumName = :name AND Subject = Sender",
       begin + R"~(Syntax error; token: "Sender", near: "= Sender", at: 32)~"},
      {":name = ForumName", begin + R"~(Syntax error; token: ":name", near: ":name =", at: 0)~"},
      {"ForumName = :name Subject = :sub",
       begin + R"~(Syntax error; token: "Subject", near: ":name Subject =", at: 18)~"},
      {"ForumName = :nome", begin + "An expression attribute value used in expression is not "
                                    "defined; attribute value: :nome; token: \":nome\", at: 12"},
      {"((ForumName = :name AND Subject = :sub))",
       begin + "The expression has redundant parentheses; token: \"(\", at: 0"},
      {"ForumName = :name AND ((Subject = :sub))",
       begin + "The expression has redundant parentheses; token: \"(\", at: 22"},
      {"(ForumName = :name", begin + R"~(Syntax error; token: "<EOF>", near: ":name", at: 18)~"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Error(text), expected) << text;
}

TEST(KeyText, TypesOfTheKeys) {
  EXPECT_EQ(Error("ForumName = :name AND Subject > :n", Thread(api::N)), "");
  EXPECT_EQ(Error("ForumName = :name AND begins_with(Subject, :n)", Thread(api::N)),
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: begins_with, operand type: N; token: \":n\", at: 43");
  api::Table no_sort_key = Thread();
  no_sort_key.clear_sort_key();
  EXPECT_EQ(Error("ForumName = :name", no_sort_key), "");
  EXPECT_EQ(Error("ForumName = :name AND Subject = :sub", no_sort_key),
            "Query key condition not supported; token: \"Subject\", at: 22");
}

}  // namespace
}  // namespace fastpath::expression
