#include "node/expiry_schedule.h"

#include <gtest/gtest.h>

namespace fastpath::node {
namespace {

constexpr storage::BucketRange kBuckets{10, 14, false};
const std::vector<storage::Bucket> kAll{10, 11, 12, 13, 14};

TEST(ExpirySchedule, EveryBucketIsToBeLookedAtFirst) {
  ExpirySchedule schedule(kBuckets);
  EXPECT_EQ(schedule.Earliest(), 0u);
  EXPECT_EQ(schedule.NextDue(10, 0), storage::Bucket{10});
  EXPECT_EQ(schedule.NextDue(13, 0), storage::Bucket{13});
  EXPECT_EQ(schedule.Due(11, 0, 3), (std::vector<storage::Bucket>{11, 12, 13}));
  schedule.Looking({10, 11, 12});
  schedule.Looked(12, {});
  EXPECT_EQ(schedule.NextDue(10, 0), storage::Bucket{13});
  EXPECT_EQ(schedule.Due(10, 0, 3), (std::vector<storage::Bucket>{13, 14}));
}

TEST(ExpirySchedule, ALookLeavesWhatItFoundAndNothingElse) {
  ExpirySchedule schedule(kBuckets);
  schedule.Looking(kAll);
  schedule.Looked(14, {{11, 70}, {11, 90}, {14, 50}});
  EXPECT_EQ(schedule.Earliest(), 50u);
  EXPECT_EQ(schedule.NextDue(10, 49), std::nullopt);
  EXPECT_EQ(schedule.NextDue(10, 50), storage::Bucket{14});
  EXPECT_EQ(schedule.NextDue(10, 70), storage::Bucket{11});
  EXPECT_EQ(schedule.NextDue(12, 70), storage::Bucket{14});
  schedule.Looking(kAll);
  schedule.Looked(14, {});
  EXPECT_EQ(schedule.Earliest(), ExpirySchedule::kNever);
  EXPECT_EQ(schedule.NextDue(10, UINT64_MAX - 1), std::nullopt);
}

TEST(ExpirySchedule, TheSearchGoesAround) {
  ExpirySchedule schedule(kBuckets);
  schedule.Looking(kAll);
  schedule.Looked(14, {{11, 5}});
  EXPECT_EQ(schedule.NextDue(12, 5), storage::Bucket{11});
  EXPECT_EQ(schedule.NextDue(11, 5), storage::Bucket{11});
}

TEST(ExpirySchedule, ALookSaysNothingOfWhatItDidNotLookAt) {
  ExpirySchedule schedule(kBuckets);
  schedule.Looking(kAll);
  schedule.Looked(14, {{10, 5}, {11, 70}, {12, 5}, {13, 5}});
  schedule.Looking({10, 12, 13});
  schedule.Looked(12, {{11, 80}});  // It met one of 11, and there may be others.
  EXPECT_EQ(schedule.Due(10, 70, 9), (std::vector<storage::Bucket>{11, 13}));
  EXPECT_EQ(schedule.Due(10, 69, 9), (std::vector<storage::Bucket>{13}));
}

TEST(ExpirySchedule, AWriteMeanwhileIsNotMissedByALook) {
  ExpirySchedule schedule(kBuckets);
  schedule.Note({12, 33});  // Before: the look sees it.
  schedule.Looking(kAll);
  schedule.Note({12, 44});
  schedule.Looked(14, {});
  EXPECT_EQ(schedule.Earliest(), 44u);
  schedule.Note({10, 43});
  EXPECT_EQ(schedule.Earliest(), 43u);
  schedule.Note({10, 60});
  EXPECT_EQ(schedule.Earliest(), 43u);
}

}  // namespace
}  // namespace fastpath::node
