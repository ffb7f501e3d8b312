// Projections. Expectations come from Amazon DynamoDB's Developer Guide, "Projection
// expressions": the attributes named, nested ones in their place. Our choice, as
// partition/README.md says: elements chosen from a list close up, what is absent
// leaves no empty map or list, and paths may not overlap.
#include <gtest/gtest.h>

#include "partition/expression/evaluate.h"
#include "tests/partition/trees.h"

namespace fastpath::expression {
namespace {

google::protobuf::RepeatedPtrField<api::Path> Paths(const std::vector<std::string>& texts) {
  google::protobuf::RepeatedPtrField<api::Path> paths;
  for (const std::string& text : texts) *paths.Add() = P(text);
  return paths;
}

Item Sample() {
  return I({{"a", N("1")},
            {"m", M({{"x", N("1")}, {"y", M({{"z", S("deep")}})}})},
            {"l", L({S("0"), S("1"), M({{"k", N("2")}, {"j", N("3")}})})}});
}

TEST(Projection, KeepsWhatIsNamed) {
  struct Case {
    std::vector<std::string> paths;
    Item expected;
  };
  for (const Case& c : std::vector<Case>{
           {{}, I({})},
           {{"a"}, I({{"a", N("1")}})},
           {{"q"}, I({})},
           {{"a", "q", "m.x"}, I({{"a", N("1")}, {"m", M({{"x", N("1")}})}})},
           {{"m.y.z"}, I({{"m", M({{"y", M({{"z", S("deep")}})}})}})},
           {{"m.q"}, I({})},
           {{"a.x"}, I({})},
           {{"l[2]", "l[0]"}, I({{"l", L({S("0"), M({{"k", N("2")}, {"j", N("3")}})})}})},
           {{"l[9]"}, I({})},
           {{"l[2].k"}, I({{"l", L({M({{"k", N("2")}})})}})},
           {{"m[0]", "l.x"}, I({})},
       }) {
    EXPECT_TRUE(ValidateProjection(Paths(c.paths)).ok());
    EXPECT_EQ(Project(Paths(c.paths), Sample()), c.expected) << testing::PrintToString(c.paths);
  }
}

TEST(Projection, ErrorsNameThePlace) {
  const auto error = [](const std::vector<std::string>& paths) {
    return std::string(ValidateProjection(Paths(paths)).message());
  };
  EXPECT_EQ(error({"a", ""}), "projection[1]: an empty path");
  EXPECT_EQ(error({"[1]"}), "projection[0]: a path must begin with a name");
  EXPECT_EQ(error({"a.b", "c", "a"}),
            "projection[2]: Two document paths overlap with each other; must remove or rewrite one "
            "of these paths; path one: [a, b], path two: [a]");
  EXPECT_EQ(error({"a.b", "a[0]"}),
            "projection[1]: Two document paths conflict with each other; must remove or rewrite "
            "one of these paths; path one: [a, b], path two: [a, [0]]");
}

// A limit of our own, for DynamoDB's on an expression's text (4 KB).
TEST(Projection, HasALimit) {
  std::vector<std::string> paths;
  for (int i = 0; i < 2048; ++i) paths.push_back("a" + std::to_string(i));
  EXPECT_TRUE(ValidateProjection(Paths(paths)).ok());
  paths.push_back("b");
  EXPECT_EQ(ValidateProjection(Paths(paths)).message(), "projection: too many paths; limit: 2048");
}

// UPDATED_OLD: "only the updated attributes, as they appeared before" (API Reference,
// "UpdateItem"). UPDATED_NEW: see Update.UpdatedIsWhatThePathsLeadToAfterwards.
TEST(Touched, NamesEveryActionsPath) {
  const Update update =
      Update().Set("m.x", To(N("9"))).Remove("l[0]").Add("a", N("1")).Delete("q", SS({"x"}));
  EXPECT_EQ(Touched(update.tree(), Sample()),
            I({{"a", N("1")}, {"l", L({S("0")})}, {"m", M({{"x", N("1")}})}}));
}

}  // namespace
}  // namespace fastpath::expression
