// Nodes die by kill -9 under load: FAILURE-CASES 13 and 33 with real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/fault/cluster.h"
#include "tests/fault/prober.h"
#include "tests/fault/workload.h"

namespace fastpath::fault {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void PrintCounts(const Workload& workload) {
  std::printf("operations: %lu acknowledged, %lu refused, %lu unknown\n",
              static_cast<unsigned long>(workload.acknowledged()),
              static_cast<unsigned long>(workload.refused()),
              static_cast<unsigned long>(workload.unknown()));
}

TEST(Kill, LeaderAgainAndAgainUnderLoad) {
  constexpr seconds kDuration{60};
  constexpr seconds kBetweenKills{4};
  constexpr milliseconds kMedianLimit{2000};

  Cluster cluster({.name = "kill-leader"});
  cluster.StartAll();
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  Workload workload({.endpoints = cluster.endpoints()});
  workload.CreateTable();
  if (HasFatalFailure()) return;
  // Unique writes load every group, so also the one of the prober's key.
  const uint32_t group = cluster.GroupOf("probe");
  Prober prober(cluster.endpoints(), "fault", "probe");
  workload.Start();

  std::vector<milliseconds> outages;
  std::set<int> killed;
  const auto end = Clock::now() + kDuration;
  while (Clock::now() < end) {
    const auto next_kill = Clock::now() + kBetweenKills;
    const int leader = cluster.LeaderOf(group);
    ASSERT_GE(leader, 0) << "group " << group << " has no leader though all nodes run";
    const auto moment = Clock::now();
    cluster.Kill(leader);
    killed.insert(leader);
    const auto outage = prober.UnavailableSince(moment, seconds(30));
    ASSERT_TRUE(outage) << "no write in 30 s after node " << leader + 1 << " was killed";
    outages.push_back(*outage);
    cluster.Start(leader);
    cluster.WaitUntilServing();
    if (HasFatalFailure()) return;
    std::this_thread::sleep_until(next_kill);
  }
  workload.Stop();

  std::sort(outages.begin(), outages.end());
  const milliseconds median = outages[outages.size() / 2];
  std::string all;
  for (milliseconds outage : outages) absl::StrAppend(&all, " ", outage.count());
  std::printf("unavailability over %zu kills: median %ld ms, maximum %ld ms (each:%s)\n",
              outages.size(), static_cast<long>(median.count()),
              static_cast<long>(outages.back().count()), all.c_str());
  PrintCounts(workload);
  EXPECT_GE(outages.size(), 5u);
  EXPECT_LE(median, kMedianLimit);
  workload.ExpectUniqueWritesKept();
  workload.ExpectCountersCountedOnce();
  workload.ExpectLinearizable(cluster.path() + "/history.jsonl");
}

TEST(Kill, AllNodesAtOnceUnderLoad) {
  Cluster cluster({.name = "kill-all"});
  cluster.StartAll();
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  // Operations in flight end unknown soon, so that the writers go on.
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  workload.CreateTable();
  if (HasFatalFailure()) return;
  workload.Start();

  for (int round = 0; round < 3; ++round) {
    const uint64_t before = workload.acknowledged();
    std::this_thread::sleep_for(seconds(4));
    EXPECT_GT(workload.acknowledged(), before) << "no load in round " << round;
    cluster.KillAll();
    for (int node = 0; node < 3; ++node) cluster.Start(node);
    cluster.WaitUntilServing();
    if (HasFatalFailure()) return;
  }
  workload.Stop();
  PrintCounts(workload);
  workload.ExpectUniqueWritesKept();
  workload.ExpectCountersCountedOnce();
  workload.ExpectLinearizable(cluster.path() + "/history.jsonl");

  const CommandResult digest = cluster.Fastpath({"cluster", "digest"});
  EXPECT_EQ(digest.code, 0) << digest.output;
  std::printf("%s", digest.output.c_str());
}

TEST(Kill, TerminatedNodeHandsOverItsLeadershipAndEndsCleanly) {
  Cluster cluster({.name = "terminate"});
  cluster.StartAll();
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  const uint32_t group = cluster.GroupOf("counter-0");
  const int leader = cluster.LeaderOf(group);
  ASSERT_GE(leader, 0);
  cluster.process(leader).Signal(SIGTERM);
  EXPECT_EQ(cluster.process(leader).WaitForEnd(seconds(30)), 0) << cluster.log(leader);
  const int next = cluster.LeaderSeen(group);  // At once: an election takes most of a second.
  EXPECT_GE(next, 0) << "leadership of group " << group << " was not handed over";
  EXPECT_NE(next, leader);
}

}  // namespace
}  // namespace fastpath::fault
