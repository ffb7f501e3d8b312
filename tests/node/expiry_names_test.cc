#include "node/expiry_names.h"

#include <gtest/gtest.h>

namespace fastpath::node {
namespace {

TEST(ExpiryNames, ComeOutInOrderOfExpiryOnceTheyAreDue) {
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
  EXPECT_FALSE(names.TakeDue(9));
  EXPECT_EQ(names.TakeDue(10)->data_key, "a");
  EXPECT_EQ(names.TakeDue(10)->data_key, "b");
  EXPECT_FALSE(names.TakeDue(29));
  EXPECT_EQ(names.TakeDue(30)->seconds, 30u);
  EXPECT_EQ(budget.used_bytes, 0u);
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
    EXPECT_TRUE(other.TakeDue(1));
    EXPECT_TRUE(one.Add(1, "a"));
  }
  EXPECT_LT(budget.used_bytes, 1000u);
  EXPECT_TRUE(one.Add(2, key));
}

}  // namespace
}  // namespace fastpath::node
