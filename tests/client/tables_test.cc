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

}  // namespace
}  // namespace fastpath::client::internal
