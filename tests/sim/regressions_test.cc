// What once went wrong, titled by what was seen, and some that must be met in
// every build: drawn scenarios, narrowed to what brings it about, of enough
// seeds that each test failed before its fix.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"
#include "tests/sim/simulation.h"
#include "tests/support/sim_executor.h"

namespace fastpath::sim {
namespace {

// As drawn, but nothing goes wrong except what the test asks for.
Scenario Only(uint64_t seed, std::initializer_list<Fault> faults) {
  Scenario scenario = Draw(seed);
  scenario.nodes = 3;
  scenario.weights.fill(0);
  for (Fault fault : faults) scenario.weights[static_cast<size_t>(fault)] = 1;
  return scenario;
}

uint64_t ExpectAllIsWell(const Scenario& scenario) {
  const Report report = Simulation(scenario).Run();
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  if (!report.ok()) ADD_FAILURE() << Describe(scenario) << "\n" << report.replicas;
  return report.acknowledged;
}

TEST(Regressions, NodesStartOnEnginesThatStall) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Scenario scenario = Only(seed, {Fault::kCrash});
    scenario.stall_one_in = 2;
    ExpectAllIsWell(scenario);
  }
}

TEST(Regressions, APeerThatNeverShakesHandsIsDialledAgain) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    ExpectAllIsWell(Only(seed, {Fault::kOneWay, Fault::kPowerCut, Fault::kFlap}));
  }
}

TEST(Regressions, AJumpOfTheOwnWallClockDoesNotMoveLogTime) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    ExpectAllIsWell(Only(seed, {Fault::kClockJump, Fault::kCrashLeader, Fault::kSlowLinks}));
  }
}

TEST(Regressions, APromotedReplicaThatNeedsASnapshotGetsIt) {
  for (uint64_t seed = 1; seed <= 119; seed += 2) {  // Odd: faults while replicas are placed.
    Scenario scenario = Only(seed, {Fault::kPowerCutAll, Fault::kCrash});
    scenario.catchup_bytes = 2 << 10;
    scenario.cold_key_percent = 30;
    ExpectAllIsWell(scenario);
  }
}

TEST(Regressions, LeadersOfMetaInARowAddOneReplicaTogether) {
  for (uint64_t seed = 1; seed <= 119; seed += 2) {  // Odd: faults while replicas are placed.
    Scenario scenario = Only(seed, {Fault::kCrashLeader, Fault::kPause, Fault::kOneWay});
    scenario.nodes = 5;
    scenario.groups = 4;
    scenario.fault_every = 300'000;
    scenario.fault_max = 2'000'000;
    scenario.faults_for = 8'000'000;
    ExpectAllIsWell(scenario);
  }
}

TEST(Regressions, ANodeWithAnOldMapFindsMetasNewLeader) {
  Scenario first = Draw(1795236993786681);
  first.nodes = 3;
  ExpectAllIsWell(first);
  for (uint64_t seed = 1; seed <= 119; seed += 2) {
    ExpectAllIsWell(Only(seed, {Fault::kPowerCutAll, Fault::kSlowLinks, Fault::kPause}));
  }
}

// CreateTable was answered, but one replica has not heard of it: eventual reads there go to the
// leader.
TEST(Regressions, AReplicaBehindDoesNotSayThatATableIsMissing) {
  Scenario scenario = Calm(1);
  scenario.groups = 16;  // Of each the first read may go there: later ones bring a stamp along.
  Simulation simulation(scenario);
  StartBusy(simulation);
  SimCluster& cluster = simulation.cluster();
  const size_t behind = 2;
  for (size_t node = 0; node < behind; ++node) {
    simulation.fabric().Block(cluster.host(node), cluster.host(behind));
    simulation.fabric().Block(cluster.host(behind), cluster.host(node));
  }
  ASSERT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, behind, scenario.groups); },
                                 20 * kSecond));
  simulation.RunFor(2 * kSecond);  // Meta knows who leads.
  const auto created =
      simulation.Ask(CreateTable("new", false), client::internal::Target::Group(0), 10 * kSecond);
  ASSERT_TRUE(Ok(created)) << created.reply.ShortDebugString();
  for (int key = 0; key < 100; ++key) {
    const auto answer = simulation.Ask(Get("new", absl::StrCat(key), true),
                                       client::internal::Target::Key(), 5 * kSecond);
    EXPECT_TRUE(Ok(answer)) << answer.reply.message();
  }
  ExpectAllIsWell(simulation);
}

// FAILURE-CASES 33 and 34.
TEST(Regressions, LostRepliesAndLateOriginalsCountOnce) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Scenario scenario = Only(seed, {Fault::kCrashLeader, Fault::kIsolate, Fault::kReset});
    scenario.counters = 1;
    scenario.fabric.break_ppm = 5'000;
    ExpectAllIsWell(scenario);
  }
}

// Many groups, few keys: most sleep, and what happens to the nodes wakes them.
// Nobody is answered stale, and all are led again in the end.
TEST(Regressions, GroupsThatSleepAreWokenByWhatHappensToTheirNodes) {
  uint64_t fell_asleep = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Scenario scenario =
        Only(seed, {Fault::kCrashLeader, Fault::kPause, Fault::kOneWay, Fault::kIsolate,
                    Fault::kBridge, Fault::kPowerCut, Fault::kReset, Fault::kHalfOpen});
    scenario.groups = 24;
    scenario.think_max = 1'500'000;
    scenario.quiet_after = 100'000;
    const Report report = Simulation(scenario).Run();
    for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
    if (!report.ok()) ADD_FAILURE() << Describe(scenario) << "\n" << report.replicas;
    fell_asleep += report.nodes.fell_asleep;
  }
  EXPECT_GT(fell_asleep, 40u * 24u);
}

// FAILURE-CASES 14 and 20: the replicas are compared at the end of every run.
TEST(Regressions, PowerCutsOfOneAndOfAllLoseNothingAcknowledged) {
  uint64_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Scenario scenario = Only(seed, {Fault::kPowerCut, Fault::kPowerCutAll});
    scenario.torn_percent = 100;
    acknowledged += ExpectAllIsWell(scenario);
  }
  EXPECT_GT(acknowledged, 0u);
}

// FAILURE-CASES 29 to 31. During the run nothing goes early or comes back, as the
// history tells; at its end nothing that expired is left on any replica, and no
// group is kept awake by that.
TEST(Purge, TakesAllThatExpiredWhateverHappensToItsLeaders) {
  uint64_t purged = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Scenario scenario = Only(seed, {Fault::kCrashLeader, Fault::kCrash, Fault::kPowerCut,
                                    Fault::kIsolate, Fault::kClockJump, Fault::kPause});
    scenario.late_read_one_in = 0;
    scenario.expiring_percent = 40;
    Simulation simulation(scenario);
    simulation.StartFirst();
    simulation.StartOthers();
    simulation.AwaitReplication();
    simulation.BeginClients();
    simulation.RunFaults();
    simulation.Converge();
    SimCluster& cluster = simulation.cluster();
    // Log time may lag where a clock was wrong, by as much as the run was long.
    const bool gone = simulation.WaitFor(
        [&] {
          size_t rows = 0;
          for (size_t node = 0; node < cluster.size(); ++node) rows += cluster.ExpiringRows(node);
          return rows == 0;
        },
        60'000'000);
    if (!gone) simulation.Problem("what expired is not all purged");
    simulation.Judge();
    const Report report = simulation.Finish();
    for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
    if (!report.ok()) ADD_FAILURE() << Describe(scenario) << "\n" << report.replicas;
    purged += report.nodes.purged_items;
  }
  EXPECT_GT(purged, 1000u);
}

// What many groups find due at once goes pass by pass, every 10 ms, and not all of it in the
// first: every replica's shard would be busy with nothing else until it is applied.
TEST(Purge, KeepsToItsBudgetWhenAllGroupsAreDueAtOnce) {
  constexpr uint32_t kGroups = 200;
  constexpr uint64_t kItems = 20 * kGroups;
  constexpr uint64_t kBudget = 1000;  // Of a pass while users ask for little.
  Scenario scenario = Only(1, {});
  scenario.groups = kGroups;
  Simulation simulation(scenario);
  simulation.StartFirst();
  const int64_t expires_s = (testing::SimClock::kEpoch + simulation.loop().Now()) / kSecond + 120;
  for (uint64_t item = 0; item < kItems; ++item) {
    ASSERT_TRUE(Ok(simulation.Ask(PutExpiring(absl::StrCat(item), expires_s),
                                  client::internal::Target::Key(), 5 * kSecond)));
  }
  uint64_t purged = 0, most = 0;
  for (Micros waited = 0; waited < 240 * kSecond && purged < kItems; waited += 10'000) {
    simulation.RunFor(10'000);
    const uint64_t now = simulation.cluster().counts().purged_items;
    most = std::max(most, now - std::exchange(purged, now));
  }
  EXPECT_EQ(purged, kItems);
  EXPECT_LE(most, 2 * kBudget) << "two passes can fall into 10 ms";
}

// The index is read once for the tables that are gone, slowly beside busy users: of a second one
// that goes meanwhile, the part that was passed must be read again.
void DropWhileSweeping(Micros after) {
  using Target = client::internal::Target;
  constexpr size_t kLiving = 3'000, kDropped = 300;
  Scenario scenario = Only(1, {});
  scenario.groups = 1;
  scenario.late_read_one_in = 0;
  scenario.clients = scenario.lanes = 8;
  scenario.think_max = 1'000;
  scenario.expiring_percent = 0;
  Simulation simulation(scenario);
  simulation.StartFirst();
  const int64_t expires_s =
      (testing::SimClock::kEpoch + simulation.loop().Now()) / kSecond + 100'000;
  const auto fill = [&](const char* table, size_t items) {
    ASSERT_TRUE(Ok(simulation.Ask(CreateTable(table, true), Target::Group(0), 10 * kSecond)));
    simulation.RunFor(kSecond);
    for (size_t i = 0; i < items; ++i) {
      api::Request request = PutExpiring(absl::StrCat(i), expires_s);
      request.mutable_write()->set_table(table);
      ASSERT_TRUE(Ok(simulation.Ask(std::move(request), Target::Key(), 5 * kSecond)));
    }
  };
  const auto drop = [&](const char* table) {
    api::Request request;
    request.mutable_delete_table()->set_name(table);
    ASSERT_TRUE(Ok(simulation.Ask(std::move(request), Target::Group(0), 10 * kSecond)));
  };
  fill("living", kLiving);
  fill("one", kDropped);
  fill("other", kDropped);
  const auto rows = [&] { return simulation.cluster().ExpiringRows(0); };
  EXPECT_EQ(rows(), 2 * (kLiving + 2 * kDropped));  // Items, and the index's rows.
  simulation.BeginClients();
  drop("one");  // Its items go at once, its rows one by one.
  simulation.RunFor(after);
  drop("other");
  simulation.RunFor(2 * kSecond);
  EXPECT_EQ(rows(), 2 * kLiving) << "after " << after;
}

TEST(Purge, ATableDroppedWhileAnothersRowsAreSweptLeavesNone) {
  for (const Micros after : {36'000, 40'000, 68'000, 72'000}) DropWhileSweeping(after);
}

// A table whose partitions, and so buckets, hold many items; in the only group of one node.
class Crowd {
 public:
  Crowd() : simulation_(OneGroup()) {
    simulation_.StartFirst();
    api::Request request = CreateTable("crowded", true);
    request.mutable_create_table()->mutable_table()->mutable_sort_key()->set_name("s");
    request.mutable_create_table()->mutable_table()->mutable_sort_key()->set_type(api::N);
    EXPECT_TRUE(Ok(simulation_.Ask(std::move(request), Target::Group(0), 10 * kSecond)));
    simulation_.RunFor(kSecond);
    before_ = simulation_.cluster().counts();
    now_s_ = (testing::SimClock::kEpoch + simulation_.loop().Now()) / kSecond;
  }

  void Put(int partition, int sort, int64_t in_s) {
    api::Request request = PutExpiring(absl::StrCat(partition), now_s_ + in_s);
    api::WriteRequest* write = request.mutable_write();
    write->set_table("crowded");
    model::Item row = *model::DecodeItem(write->put().item());
    row.Set("s", model::Value::Num(sort));
    write->mutable_put()->set_item(model::EncodeItem(row));
    EXPECT_TRUE(Ok(simulation_.Ask(std::move(request), Target::Key(), 5 * kSecond)));
  }

  // What it took until so many were purged, and no more than they.
  NodeCounts Await(uint64_t purged) {
    const auto done = [&] { return simulation_.cluster().counts().purged_items >= purged; };
    EXPECT_TRUE(simulation_.WaitFor(done, 400 * kSecond));
    NodeCounts cost = simulation_.cluster().counts();
    EXPECT_EQ(cost.purged_items, purged);
    cost.purge_pages -= before_.purge_pages;
    cost.purge_rows -= before_.purge_rows;
    return cost;
  }

 private:
  using Target = client::internal::Target;
  static Scenario OneGroup() {
    Scenario scenario = Only(1, {});
    scenario.groups = 1;
    return scenario;
  }

  Simulation simulation_;
  NodeCounts before_;
  int64_t now_s_ = 0;
};

// Each of 20 partitions has an item that is due and 100 that expire much later. A look passes
// over those, however many they are.
TEST(Purge, PassesOverWhatExpiresLater) {
  constexpr int kPartitions = 20;
  Crowd crowd;
  for (int item = 0; item < kPartitions * 101; ++item) {
    const int sort = item / kPartitions;
    crowd.Put(item % kPartitions, sort, sort == 50 ? 200 : 90'200);
  }
  EXPECT_LE(crowd.Await(kPartitions).purge_pages, 3u);
}

// Each of 60 partitions has an item that expires much later, and three have one that is due.
TEST(Purge, LooksOnlyWhereSomethingIsDue) {
  Crowd crowd;
  for (int partition = 0; partition < 60; ++partition) crowd.Put(partition, 0, 90'000);
  for (const int partition : {7, 20, 50}) crowd.Put(partition, 1, 200);
  // Those three, of each of their buckets the next, and where such a bucket was empty one more.
  EXPECT_LE(crowd.Await(3).purge_rows, 9u);
}

// In each of 10 partitions an item expires every 8 s.
TEST(Purge, ALookTakesNoteOfWhatExpiresWithinAMinute) {
  Crowd crowd;
  for (int item = 0; item < 50; ++item) crowd.Put(item % 10, item / 10, 200 + item / 10 * 8);
  EXPECT_LE(crowd.Await(50).purge_pages, 2u);
}

TEST(Purge, LooksForNothingThatItSawWritten) {
  Crowd crowd;
  for (int item = 0; item < 50; ++item) crowd.Put(item % 10, item / 10, 15 + item / 10 * 8);
  EXPECT_EQ(crowd.Await(50).purge_pages, 0u);
}

}  // namespace
}  // namespace fastpath::sim
