// Trees and texts are each other's: what is printed parses to the same tree, and
// what is parsed prints to a text that stays.
#include <gtest/gtest.h>

#include "partition/expression/evaluate.h"
#include "partition/expression/print.h"
#include "tests/partition/tree_generators.h"

namespace fastpath::expression {
namespace {

std::string Bytes(const google::protobuf::MessageLite& message) {
  return message.SerializeAsString();
}

// One placeholder for a name or value, wherever it stands.
TEST(Print, Texts) {
  Printer printer;
  EXPECT_EQ(printer.Condition(All({Any({Exists("a"), Exists("name")}),
                                   Not(All({Exists("b"), Exists("name[1].b")})),
                                   Is(SizeAt("a"), api::LE, Of(N("5")))})),
            "(attribute_exists(a) OR attribute_exists(#n0)) AND NOT (attribute_exists(b) AND "
            "attribute_exists(#n0[1].b)) AND size(a) <= :v0");
  EXPECT_EQ(printer.Condition(Any({All({Exists("a"), Exists("b")}), HasType("c", "N")})),
            "attribute_exists(a) AND attribute_exists(b) OR attribute_type(c, :v1)");
  EXPECT_EQ(printer.Update(
                Update()
                    .Set("a", Minus(Plus(To(At("a")), To(N("5"))), Minus(To(At("b")), To(N("6")))))
                    .Remove("name")
                    .Delete("c", SS({"x"}))
                    .tree()),
            "SET a = a + :v0 - (b - :v2) REMOVE #n0 DELETE c :v3");
  Placeholders placeholders = printer.placeholders();
  ASSERT_NE(placeholders.UseName("#n0"), nullptr);
  EXPECT_EQ(*placeholders.UseName("#n0"), "name");
  ASSERT_NE(placeholders.UseValue(":v0"), nullptr);
  EXPECT_EQ(*placeholders.UseValue(":v0"), model::EncodeValue(N("5")));
}

TEST(PrintProperty, ConditionsComeBack) {
  int parsed_trees = 0;
  model::Property([&parsed_trees] {
    const api::Condition tree = AnyCondition(3);
    Printer printer;
    const std::string text = printer.Condition(tree);
    if (!ValidateCondition(tree).ok() || text.size() > kTextLimitBytes) return;
    Placeholders placeholders = printer.placeholders();
    const auto parsed = ParseCondition(text, placeholders);
    RC_ASSERT(parsed.status().message() == "");
    RC_ASSERT(Bytes(*parsed) == Bytes(tree));
    RC_ASSERT(placeholders.CheckAllUsed().ok());
    RC_ASSERT(Printer().Condition(*parsed) == text);
    ++parsed_trees;
  });
  EXPECT_GT(parsed_trees, 500);
}

TEST(PrintProperty, UpdatesComeBack) {
  int parsed_trees = 0;
  model::Property([&parsed_trees] {
    const api::UpdateTree tree = AnyUpdate();
    Printer printer;
    const std::string text = printer.Update(tree);
    RC_ASSERT(ValidateUpdate(api::Table(), tree).message() == "");
    if (text.size() > kTextLimitBytes) return;
    Placeholders placeholders = printer.placeholders();
    const auto parsed = ParseUpdate(text, placeholders);
    RC_ASSERT(parsed.status().message() == "");
    RC_ASSERT(Bytes(*parsed) == Bytes(tree));
    RC_ASSERT(placeholders.CheckAllUsed().ok());
    RC_ASSERT(Printer().Update(*parsed) == text);
    ++parsed_trees;
  });
  EXPECT_GT(parsed_trees, 500);
}

TEST(PrintProperty, ProjectionsComeBack) {
  model::Property([] {
    Paths paths;
    const int count = *rc::gen::inRange(1, 5);
    for (int i = 0; i < count; ++i) *paths.Add() = AnyPath();
    if (!ValidateProjection(paths).ok()) return;
    Printer printer;
    const std::string text = printer.Projection(paths);
    Placeholders placeholders = printer.placeholders();
    const auto parsed = ParseProjection(text, placeholders);
    RC_ASSERT(parsed.status().message() == "");
    RC_ASSERT(Printer().Projection(*parsed) == text);
    RC_ASSERT(parsed->size() == count);
    for (int i = 0; i < count; ++i) RC_ASSERT(Bytes((*parsed)[i]) == Bytes(paths[i]));
  });
}

TEST(PrintProperty, KeyConditionsComeBack) {
  model::Property([] {
    using Sort = KeyCondition::Sort;
    api::Table table;
    table.mutable_partition_key()->set_name(*rc::gen::element<std::string>("id", "name"));
    table.mutable_partition_key()->set_type(api::N);
    table.mutable_sort_key()->set_name(*rc::gen::element<std::string>("at", "time"));
    table.mutable_sort_key()->set_type(api::S);
    KeyCondition key;
    key.partition = AnyValue(IsNumber);
    key.sort = static_cast<Sort>(*rc::gen::inRange(0, static_cast<int>(Sort::kBeginsWith) + 1));
    const std::string low = *model::TextGen();
    if (key.sort != Sort::kAny) key.bounds.push_back(model::EncodeValue(S(low)));
    if (key.sort == Sort::kBetween) {
      key.bounds.push_back(model::EncodeValue(S(low + *model::TextGen())));
    }
    Printer printer;
    const std::string text = printer.Key(key, table);
    Placeholders placeholders = printer.placeholders();
    const auto parsed = ParseKeyCondition(text, placeholders, table);
    RC_ASSERT(parsed.status().message() == "");
    RC_ASSERT(parsed->partition == key.partition);
    RC_ASSERT(parsed->sort == key.sort);
    RC_ASSERT(parsed->bounds == key.bounds);
  });
}

}  // namespace
}  // namespace fastpath::expression
