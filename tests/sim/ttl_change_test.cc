// A table full of items gets a TTL attribute, and loses it again, while leaders of
// its groups and of meta die (FAILURE-CASES 29, 31): what is gone stays gone, what
// lives stays, replicas agree, and the change ends by itself.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "partition/model/codec.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;
using testing::SimClock;

constexpr char kFull[] = "full";
constexpr int kItems = 400;
constexpr uint64_t kSeeds = 6;

int64_t NowSeconds(Simulation& simulation) {
  return (SimClock::kEpoch + simulation.loop().Now()) / kSecond;
}

api::Request PutItem(const std::string& key, int64_t expires_s) {
  api::Request request = PutExpiring(key, expires_s);
  request.mutable_write()->set_table(kFull);
  return request;
}

api::Request SetTtl(const std::string& attribute) {
  api::Request request;
  request.mutable_update_table()->set_name(kFull);
  request.mutable_update_table()->mutable_ttl()->set_attribute(attribute);
  return request;
}

class Table {
 public:
  explicit Table(Simulation& simulation) : simulation_(simulation) {}

  // Of three items, one has expired already, one does soon, one much later.
  void Fill() {
    const Answer made = simulation_.Ask(CreateTable(kFull, false), Target::Group(0), 10 * kSecond);
    ASSERT_TRUE(Ok(made)) << made.reply.ShortDebugString();
    const int64_t now = NowSeconds(simulation_);
    past_ = now - 100;
    soon_ = now + 60;
    late_ = now + 100'000;
    for (int i = 0; i < kItems; ++i) {
      ASSERT_TRUE(Ok(simulation_.Ask(PutItem(Key(i), ExpiryOf(i)), Target::Key(), 10 * kSecond)));
    }
  }
  static std::string Key(int i) { return "full" + std::to_string(i); }
  int64_t ExpiryOf(int i) const { return i % 3 == 0 ? past_ : i % 3 == 1 ? soon_ : late_; }
  int64_t soon() const { return soon_; }

  api::TableState State() {
    api::Request request;
    request.mutable_describe_table()->set_name(kFull);
    const Answer answer = simulation_.Ask(std::move(request), Target::Group(0), 20 * kSecond);
    EXPECT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    return answer.reply.table().state();
  }
  void AwaitActive() {
    for (int look = 0; look < 600 && State() != api::ACTIVE; ++look) {
      simulation_.RunFor(kSecond / 20);
    }
    EXPECT_EQ(State(), api::ACTIVE);
  }
  void Delete() {
    api::Request request;
    request.mutable_delete_table()->set_name(kFull);
    ASSERT_TRUE(Ok(simulation_.Ask(request, Target::Group(0), 20 * kSecond)));
    const auto gone = [this] {
      api::Request describe;
      describe.mutable_describe_table()->set_name(kFull);
      return simulation_.Ask(describe, Target::Group(0), 20 * kSecond).reply.code() ==
             api::TABLE_NOT_FOUND;
    };
    for (int look = 0; look < 600 && !gone(); ++look) simulation_.RunFor(kSecond / 20);
    EXPECT_TRUE(gone());
  }
  bool Sees(int i) {
    const Answer answer = simulation_.Ask(Get(kFull, Key(i), false), Target::Key(), 20 * kSecond);
    EXPECT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    return answer.reply.get().found();
  }
  // One look at a few items; what was gone once is gone.
  void Glance(int from) {
    for (int i = from; i < from + 6; ++i) {
      const bool sees = Sees(i % kItems);
      EXPECT_FALSE(sees && gone_[i % kItems]) << Key(i % kItems) << " came back";
      gone_[i % kItems] = !sees;
    }
  }

 private:
  Simulation& simulation_;
  int64_t past_ = 0;
  int64_t soon_ = 0;
  int64_t late_ = 0;
  std::map<int, bool> gone_;
};

// Kills while the change is under way; true if it was.
bool KillInTheMiddle(Simulation& simulation, Table& table, testing::SimRandom& random) {
  simulation.RunFor(static_cast<Micros>(random.Below(60'000)));
  const size_t victim = random.Below(3);
  simulation.cluster().Kill(victim, random.Below(2) == 0 ? Death::kProcess : Death::kPower);
  const bool middle = table.State() == api::UPDATING;
  for (int round = 0; round < 4; ++round) table.Glance(static_cast<int>(random.Below(kItems)));
  simulation.RunFor(kSecond);
  simulation.cluster().Start(victim);
  return middle;
}

TEST(TtlChange, EnablingAndDisablingOnAFullTableWhileNodesDie) {
  int in_the_middle = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.groups = 3;
    Simulation simulation(scenario);
    StartBusy(simulation);
    testing::SimRandom random(seed);
    Table table(simulation);
    table.Fill();
    if (::testing::Test::HasFailure()) return;

    ASSERT_TRUE(Ok(simulation.Ask(SetTtl("e"), Target::Group(0), 20 * kSecond)));
    in_the_middle += KillInTheMiddle(simulation, table, random);
    in_the_middle += KillInTheMiddle(simulation, table, random);
    table.AwaitActive();
    ASSERT_LT(NowSeconds(simulation), table.soon()) << "the test is too slow for its items";
    for (int i = 0; i < kItems; ++i) EXPECT_EQ(table.Sees(i), i % 3 != 0) << Table::Key(i);

    ASSERT_TRUE(Ok(simulation.Ask(SetTtl(""), Target::Group(0), 20 * kSecond)));
    in_the_middle += KillInTheMiddle(simulation, table, random);
    table.AwaitActive();
    ASSERT_LT(NowSeconds(simulation), table.soon());
    simulation.RunFor((table.soon() - NowSeconds(simulation) + 5) * kSecond);
    for (int i = 0; i < kItems; ++i) EXPECT_EQ(table.Sees(i), i % 3 != 0) << Table::Key(i);
    ExpectAllIsWell(simulation);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(in_the_middle, 0) << "no node died while a change was under way";
}

// Its items lie under its groups, of which meta knows nothing but that they were told.
TEST(TtlChange, ATableWhoseAttributeChangedIsDroppedFromItsGroups) {
  Scenario scenario = Calm(1);
  scenario.groups = 3;
  scenario.expiring_percent = 0;
  scenario.late_read_one_in = 0;
  Simulation simulation(scenario);
  StartBusy(simulation);
  Table table(simulation);
  table.Fill();
  ASSERT_TRUE(Ok(simulation.Ask(SetTtl("e"), Target::Group(0), 20 * kSecond)));
  table.AwaitActive();
  EXPECT_GT(simulation.cluster().ExpiringRows(0), 0u);
  table.Delete();
  simulation.RunFor(10 * kSecond);  // The index's rows are swept out behind the items.
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(simulation.cluster().ExpiringRows(node), 0u) << "node " << node;
  }
  ExpectAllIsWell(simulation);
}

}  // namespace
}  // namespace fastpath::sim
