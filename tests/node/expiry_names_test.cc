#include "node/expiry_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fastpath::node {
namespace {

std::vector<std::string> Take(ExpiryNames& names, uint64_t now, size_t count) {
  std::vector<std::string> keys;
  for (const ExpiryNames::Name& name : names.TakeDue(now, count)) keys.push_back(name.data_key);
  return keys;
}
using Keys = std::vector<std::string>;

TEST(ExpiryNames, ComeOutOnceTheyAreDue) {
  ExpiryNames::Budget budget{1000};
  ExpiryNames names(&budget);
  EXPECT_EQ(names.Earliest(), ExpiryNames::kNever);
  EXPECT_TRUE(names.Add(30, "c"));
  EXPECT_TRUE(names.Add(10, "b"));
  EXPECT_TRUE(names.Add(10, "a"));
  EXPECT_TRUE(names.Add(10, "a"));
  EXPECT_EQ(names.Earliest(), 10u);
  EXPECT_TRUE(names.HaveDue(9, 0));
  EXPECT_FALSE(names.HaveDue(9, 1));
  EXPECT_TRUE(names.HaveDue(10, 2));
  EXPECT_FALSE(names.HaveDue(10, 3));
  EXPECT_TRUE(names.HaveDue(30, 3));
  EXPECT_FALSE(names.HaveDue(30, 4));
  EXPECT_EQ(Take(names, 9, 8), Keys{});
  EXPECT_EQ(Take(names, 10, 8), (Keys{"a", "b"}));
  EXPECT_EQ(Take(names, 29, 8), Keys{});
  EXPECT_EQ(names.TakeDue(30, 8).at(0).seconds, 30u);
  EXPECT_EQ(budget.used_bytes, 0u);
}

TEST(ExpiryNames, NeighboursComeTogetherAndAllHaveTheirTurn) {
  ExpiryNames::Budget budget{10'000};
  ExpiryNames names(&budget);
  for (const char* key : {"a", "c", "e", "g"}) EXPECT_TRUE(names.Add(10, key));
  for (const char* key : {"b", "d", "f"}) EXPECT_TRUE(names.Add(11, key));
  EXPECT_TRUE(names.Add(99, "aa"));
  EXPECT_EQ(Take(names, 20, 3), (Keys{"a", "b", "c"}));
  EXPECT_TRUE(names.Add(1, "a"));  // Is behind.
  EXPECT_EQ(Take(names, 20, 3), (Keys{"d", "e", "f"}));
  EXPECT_EQ(Take(names, 20, 3), (Keys{"g", "a"}));
  EXPECT_EQ(names.Earliest(), 99u);
}

TEST(ExpiryNames, OneIsRemovedByItsExpiryAndKey) {
  ExpiryNames::Budget budget{1000};
  ExpiryNames names(&budget);
  names.Remove(10, "a");
  EXPECT_TRUE(names.Add(10, "a"));
  names.Remove(9, "a");
  names.Remove(11, "a");
  names.Remove(10, "b");
  EXPECT_EQ(names.Earliest(), 10u);
  names.Remove(10, "a");
  EXPECT_EQ(names.Earliest(), ExpiryNames::kNever);
  EXPECT_EQ(budget.used_bytes, 0u);
}

TEST(ExpiryNames, AllGroupsShareTheMemory) {
  ExpiryNames::Budget budget{100'000};
  const std::string key(1000, 'k');
  ExpiryNames one(&budget);
  size_t taken = 0;
  {
    ExpiryNames other(&budget);
    while (taken < 1000 && other.Add(taken + 1, key)) ++taken;
    EXPECT_GT(taken, 80u);
    EXPECT_LT(taken, 100u);
    EXPECT_FALSE(one.Add(1, "a"));
    EXPECT_TRUE(other.Add(1, key)) << "it is there";
    EXPECT_TRUE(one.Add(1, "urgent", true));
    EXPECT_EQ(other.TakeDue(1, 1).size(), 1u);
    EXPECT_TRUE(one.Add(1, "a"));
  }
  EXPECT_LT(budget.used_bytes, 1000u);
  EXPECT_TRUE(one.Add(2, key));
}

}  // namespace
}  // namespace fastpath::node
