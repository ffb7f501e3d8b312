// Creating and deleting tables, which carry no session: lost answers, waiting
// for every group, and ends.
#include "client/internal/tables.h"

#include <gtest/gtest.h>

#include "tests/client/sim.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kSecond = 1'000'000;

class TablesTest : public ::testing::Test {
 protected:
  TablesTest() : core(std::make_unique<Core>(Options{.endpoints = {"node1:1"}}, world.ports())) {
    wanted = world.map.tables(0);
    wanted.set_name("new");
  }
  // The servers' side: the table is on the map from now on, in this state.
  void Exists(api::TableState state) {
    world.map.set_version(world.map.version() + 1);
    for (api::Table& table : *world.map.mutable_tables()) {
      if (table.name() == "new") return table.set_state(state);
    }
    api::Table& table = *world.map.add_tables();
    table = wanted;
    table.set_state(state);
  }
  std::shared_ptr<Ended> Create() {
    auto ended = std::make_shared<Ended>();
    CreateTable(*core, wanted, 0, [ended](Answer answer) {
      ended->answer = std::move(answer);
      ++ended->times;
    });
    return ended;
  }
  std::shared_ptr<Ended> Delete() {
    auto ended = std::make_shared<Ended>();
    DeleteTable(*core, "new", 0, [ended](Answer answer) {
      ended->answer = std::move(answer);
      ++ended->times;
    });
    return ended;
  }

  SimWorld world;
  std::unique_ptr<Core> core;
  api::Table wanted;
};

TEST_F(TablesTest, CreationEndsWhenTheTableIsActive) {
  world.script = [&](uint32_t, const api::Request& request) {
    Exists(api::CREATING);
    api::Reply reply;
    *reply.mutable_table() = request.create_table().table();
    reply.mutable_table()->set_state(api::CREATING);
    return reply;
  };
  auto ended = Create();
  world.RunFor(kSecond);
  EXPECT_EQ(ended->times, 0);
  Exists(api::ACTIVE);
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
  EXPECT_EQ(ended->answer->reply.table().state(), api::ACTIVE);
  EXPECT_EQ(world.seen.size(), 1u) << "asked once";
}

TEST_F(TablesTest, LostAnswerThenExistsWithTheSameDefinitionIsOk) {
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() > 1) return ReplyOf(api::TABLE_EXISTS);
    Exists(api::ACTIVE);
    world.Reset(1);
    return std::nullopt;
  };
  auto ended = Create();
  world.RunFor(5 * kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
}

TEST_F(TablesTest, LostAnswerThenExistsWithOtherKeysIsRefused) {
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() > 1) return ReplyOf(api::TABLE_EXISTS);
    Exists(api::ACTIVE);
    for (api::Table& table : *world.map.mutable_tables()) {
      table.mutable_partition_key()->set_name("other");
    }
    world.Reset(1);
    return std::nullopt;
  };
  auto ended = Create();
  world.RunFor(5 * kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kRefused);
  EXPECT_EQ(ended->answer->reply.code(), api::TABLE_EXISTS);
}

TEST_F(TablesTest, ExistsAtOnceIsRefused) {
  Exists(api::ACTIVE);
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::TABLE_EXISTS); };
  auto ended = Create();
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kRefused);
}

TEST_F(TablesTest, CreationThatNeverEndsIsUnknownAtTheDeadline) {
  world.script = [&](uint32_t, const api::Request&) {
    Exists(api::CREATING);
    return api::Reply();
  };
  auto ended = Create();
  world.RunFor(15 * kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kUnknown);
  EXPECT_EQ(ended->answer->reply.code(), api::DEADLINE);
}

TEST_F(TablesTest, StopEndsWhoWaitsForATable) {
  world.script = [&](uint32_t, const api::Request&) {
    Exists(api::CREATING);
    return api::Reply();
  };
  auto ended = Create();
  world.RunFor(kSecond);
  core->Stop();
  world.RunFor(1);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kUnknown);
  EXPECT_EQ(ended->answer->reply.code(), api::SHUTTING_DOWN);
}

TEST_F(TablesTest, LostAnswerThenGoneIsDeleted) {
  Exists(api::ACTIVE);
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() > 1) return ReplyOf(api::TABLE_NOT_FOUND);
    world.map.mutable_tables()->RemoveLast();
    world.map.set_version(world.map.version() + 1);
    world.Reset(1);
    return std::nullopt;
  };
  auto ended = Delete();
  world.RunFor(5 * kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
}

// -------------------------------------------------------------------- waiting

class WaitingTest : public TablesTest {
 protected:
  WaitingTest() {
    world.script = [&](uint32_t, const api::Request& request) -> std::optional<api::Reply> {
      if (!request.has_describe_table()) return ReplyOf(api::UNIMPLEMENTED);
      for (const api::Table& table : world.map.tables()) {
        if (table.name() != request.describe_table().name()) continue;
        api::Reply reply;
        *reply.mutable_table() = table;
        return reply;
      }
      return ReplyOf(api::TABLE_NOT_FOUND);
    };
  }
  std::shared_ptr<Ended> Wait(Until until) {
    auto ended = std::make_shared<Ended>();
    WaitForTable(*core, "new", until, 0, [ended](Answer answer) {
      ended->answer = std::move(answer);
      ++ended->times;
    });
    return ended;
  }
};

TEST_F(WaitingTest, UntilActiveGoesThroughEveryStateAndAlsoWaitsForTheTableToCome) {
  auto ended = Wait(Until::kActive);
  for (api::TableState state : {api::CREATING, api::UPDATING}) {
    world.RunFor(kSecond);
    EXPECT_EQ(ended->times, 0);
    Exists(state);
  }
  world.RunFor(kSecond);
  EXPECT_EQ(ended->times, 0);
  Exists(api::ACTIVE);
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
  EXPECT_EQ(ended->answer->reply.table().state(), api::ACTIVE);
}

TEST_F(WaitingTest, UntilGone) {
  Exists(api::DELETING);
  auto ended = Wait(Until::kGone);
  world.RunFor(kSecond);
  EXPECT_EQ(ended->times, 0);
  world.map.mutable_tables()->RemoveLast();
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
}

TEST_F(WaitingTest, AtItsDeadlineItSaysHowTheTableIs) {
  Exists(api::UPDATING);
  auto ended = Wait(Until::kActive);
  world.RunFor(11 * kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kRefused) << "who waits changes nothing";
  EXPECT_EQ(ended->answer->reply.code(), api::DEADLINE);
  EXPECT_EQ(ended->answer->reply.message(), "table \"new\" is UPDATING");
}

// A follower of meta may not have heard of a table that its creator already uses.
TEST_F(TablesTest, AreLearntFromMetasLeaderWhoeverIsTakenForIt) {
  for (const uint32_t leader : {1, 2, 3}) {
    SimWorld fresh;
    fresh.followers_map = fresh.map;
    fresh.meta_leader = leader;
    *fresh.map.add_tables() = wanted;
    fresh.map.set_version(fresh.map.version() + 1);
    Core learner(Options{.endpoints = {"node1:1"}}, fresh.ports());
    bool learnt = false;
    LearnTables(learner, {"new"}, 0, [&](std::optional<Answer> refusal) { learnt = !refusal; });
    fresh.RunFor(5 * kSecond);
    EXPECT_TRUE(learnt) << leader;
    EXPECT_NE(learner.FindTable("new"), nullptr) << leader;
    learner.Stop();
    fresh.RunFor(kSecond);
  }
}

TEST_F(TablesTest, SizesOfAllGroupsAreAddedUp) {
  world.script = [](uint32_t, const api::Request& request) {
    api::Reply reply;
    reply.mutable_table_size()->set_items(10 * request.table_size().group());
    reply.mutable_table_size()->set_bytes(1);
    reply.mutable_table_size()->set_exact(request.table_size().group() == 1);
    return reply;
  };
  auto ended = std::make_shared<Ended>();
  TableSize(*core, "t", 0, [ended](Answer answer) {
    ended->answer = std::move(answer);
    ++ended->times;
  });
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->reply.table_size().items(), 30u);
  EXPECT_EQ(ended->answer->reply.table_size().bytes(), 2u);
  EXPECT_FALSE(ended->answer->reply.table_size().exact());
}

TEST_F(TablesTest, ASizeThatAGroupDoesNotTellIsNone) {
  world.script = [](uint32_t, const api::Request& request) {
    return request.table_size().group() == 1 ? api::Reply() : ReplyOf(api::TABLE_NOT_FOUND);
  };
  auto ended = std::make_shared<Ended>();
  TableSize(*core, "t", 0, [ended](Answer answer) {
    ended->answer = std::move(answer);
    ++ended->times;
  });
  world.RunFor(kSecond);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->outcome, Outcome::kRefused);
}

}  // namespace
}  // namespace fastpath::client::internal
