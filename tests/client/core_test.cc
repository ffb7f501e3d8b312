// The core against scripted nodes: error classes, retries, sessions, bounds.
#include "client/internal/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "client/item.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "tests/client/sim.h"

namespace fastpath::client::internal {
namespace {

using ::testing::HasSubstr;

constexpr Micros kSecond = 1'000'000;

uint32_t GroupOfId(const std::string& id) {
  std::string part;
  model::AppendKeyPart(part, Value::String(id));
  return model::KeyHash(part) >> 63 == 0 ? 1 : 2;
}

// A key of group 1, and one of group 2.
std::string KeyIn(uint32_t group, int skip = 0) {
  for (int i = 0;; ++i) {
    std::string id = "k" + std::to_string(i);
    if (GroupOfId(id) == group && skip-- == 0) return id;
  }
}

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() { Start({.endpoints = {"node1:1", "node2:1", "node3:1"}}); }
  void Start(Options options) {
    core.reset();
    core = std::make_unique<Core>(std::move(options), world.ports());
  }
  std::shared_ptr<Ended> Call(api::Request request, Target target = Target::Key(),
                              Micros timeout = 0) {
    return CallCore(world, *core, std::move(request), target, timeout);
  }
  // After enough time for anything to end.
  Answer End(const std::shared_ptr<Ended>& ended) {
    world.RunFor(20 * kSecond);
    EXPECT_EQ(ended->times, 1);
    return ended->answer.value_or(Answer{});
  }

  SimWorld world;
  std::unique_ptr<Core> core;
  std::string key = KeyIn(1);
};

TEST_F(CoreTest, ReadGoesToTheLeaderOfTheKeysGroup) {
  for (api::GroupDescriptor& group : *world.map.mutable_groups()) {
    group.set_leader_node(group.group() == 2 ? 3 : 2);
  }
  auto one = Call(GetOf(KeyIn(1)));
  auto two = Call(GetOf(KeyIn(2)));
  EXPECT_EQ(End(one).outcome, Outcome::kOk);
  EXPECT_EQ(two->times, 1);
  ASSERT_EQ(world.seen.size(), 2u);
  std::set<std::pair<uint32_t, uint32_t>> asked;
  for (const auto& seen : world.seen) asked.insert({seen.request.group(), seen.node});
  EXPECT_EQ(asked, (std::set<std::pair<uint32_t, uint32_t>>{{1, 2}, {2, 3}}));
  EXPECT_EQ(world.seen[0].request.epoch(), 1u);
  EXPECT_EQ(world.maps_asked, 1);
}

TEST_F(CoreTest, DoneNeverRunsInsideCall) {
  auto ended = Call(GetOf(key));
  EXPECT_EQ(ended->times, 0);
  api::Request bad = GetOf(key);
  bad.mutable_get()->mutable_key()->set_partition("rubbish");
  world.RunFor(kSecond);
  auto refused = Call(bad);
  EXPECT_EQ(refused->times, 0);
  Answer answer = End(refused);
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::INVALID);
}

TEST_F(CoreTest, RedirectIsFollowedAtOnceAndRemembered) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (node == 3) return world.Fine(node, request);
    api::Reply reply = ReplyOf(api::NOT_LEADER);
    *reply.mutable_redirect() = world.map.groups(1);
    reply.mutable_redirect()->set_leader_node(3);
    return reply;
  };
  auto first = Call(PutOf(key));
  EXPECT_EQ(End(first).outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 2u);
  EXPECT_LE(world.seen[1].at - world.seen[0].at, 5 * SimWorld::kWire);
  auto second = Call(PutOf(key));
  EXPECT_EQ(End(second).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.size(), 3u);
  EXPECT_EQ(world.seen[2].node, 3u);
}

TEST_F(CoreTest, RedirectLoopsAreBounded) {
  // Each node names the next one: never a leader.
  world.script = [&](uint32_t node, const api::Request&) {
    api::Reply reply = ReplyOf(api::NOT_LEADER);
    *reply.mutable_redirect() = world.map.groups(1);
    reply.mutable_redirect()->set_leader_node(node % 3 + 1);
    return reply;
  };
  auto ended = Call(PutOf(key), Target::Key(), 5 * kSecond);
  Answer answer = End(ended);
  EXPECT_EQ(answer.outcome, Outcome::kRefused) << "every try was refused: certainly no effect";
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
  EXPECT_THAT(answer.reply.message(), HasSubstr("NOT_LEADER"));
  EXPECT_LT(world.seen.size(), 500u);
  EXPECT_GT(world.seen.size(), 20u);
}

TEST_F(CoreTest, NotLeaderWithoutHintAsksTheOthers) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (node == 2) return world.Fine(node, request);
    return ReplyOf(api::NOT_LEADER);
  };
  world.map.mutable_groups(1)->set_leader_node(0);
  EXPECT_EQ(End(Call(PutOf(key))).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().node, 2u);
}

TEST_F(CoreTest, WrongGroupTakesTheFreshDescriptor) {
  // Group 2 took the whole range in epoch 7; our map does not know.
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (request.group() == 2) return world.Fine(node, request);
    api::Reply reply = ReplyOf(api::WRONG_GROUP);
    api::GroupDescriptor& now = *reply.mutable_redirect();
    now = world.map.groups(1);
    now.set_epoch(7);
    now.set_first_bucket(1);
    now.set_last_bucket(0);
    return reply;
  };
  auto ended = Call(PutOf(key));
  world.RunFor(2 * SimWorld::kWire * 3);
  api::GroupDescriptor& two = *world.map.mutable_groups(2);
  two.set_epoch(7);
  two.set_first_bucket(0);
  world.map.set_version(6);
  EXPECT_EQ(End(ended).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().request.group(), 2u);
  EXPECT_EQ(world.seen.back().request.epoch(), 7u);
}

// --- error classes

struct Class {
  api::Code code;
  Outcome outcome;  // Of a write answered so on every try.
  bool retried;
};
class ErrorClasses : public CoreTest, public ::testing::WithParamInterface<Class> {};

TEST_P(ErrorClasses, OfAWriteAnsweredSoForEver) {
  world.script = [&](uint32_t, const api::Request&) { return ReplyOf(GetParam().code, "so"); };
  Answer answer = End(Call(PutOf(key)));
  EXPECT_EQ(answer.outcome, GetParam().outcome);
  EXPECT_THAT(answer.reply.message(), HasSubstr("so"));
  EXPECT_EQ(world.seen.size() > 1, GetParam().retried);
  if (!GetParam().retried) {
    EXPECT_EQ(answer.reply.code(), GetParam().code);
  }
  std::set<uint64_t> sequences;
  for (const auto& seen : world.seen) sequences.insert(seen.request.write().session().sequence());
  EXPECT_EQ(sequences.size(), 1u) << "one write, one sequence";
}

INSTANTIATE_TEST_SUITE_P(All, ErrorClasses,
                         ::testing::Values(Class{api::INVALID, Outcome::kRefused, false},
                                           Class{api::CONDITION_FAILED, Outcome::kRefused, false},
                                           Class{api::TABLE_NOT_FOUND, Outcome::kRefused, false},
                                           Class{api::TABLE_BUSY, Outcome::kRefused, false},
                                           Class{api::TOO_LARGE, Outcome::kRefused, false},
                                           Class{api::UNIMPLEMENTED, Outcome::kRefused, false},
                                           Class{api::NOT_LEADER, Outcome::kRefused, true},
                                           Class{api::WRONG_GROUP, Outcome::kRefused, true},
                                           Class{api::OVERLOADED, Outcome::kRefused, true},
                                           Class{api::NOT_READY, Outcome::kRefused, true},
                                           Class{api::CONFLICT, Outcome::kRefused, true},
                                           Class{api::SESSION_LIMIT, Outcome::kRefused, true},
                                           Class{api::SHUTTING_DOWN, Outcome::kRefused, true},
                                           Class{api::TRANSACTION_CANCELLED, Outcome::kRefused,
                                                 false},
                                           Class{api::TOKEN_MISMATCH, Outcome::kRefused, false},
                                           Class{api::IN_PROGRESS, Outcome::kUnknown, true},
                                           Class{api::UNKNOWN, Outcome::kUnknown, true},
                                           Class{api::DEADLINE, Outcome::kUnknown, true},
                                           Class{api::INTERNAL, Outcome::kUnknown, true}),
                         [](const auto& info) { return api::Code_Name(info.param.code); });

TEST_F(CoreTest, ReadsAreNeverUnknown) {
  world.script = [&](uint32_t, const api::Request&) { return ReplyOf(api::UNKNOWN); };
  Answer answer = End(Call(GetOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
}

// The last such refusal counts, also of a read whose last try has no answer.
TEST_F(CoreTest, ARefusalThatSaysMoreThanTheDeadlineIsTold) {
  world.script = [&](uint32_t, const api::Request&) { return ReplyOf(api::CONFLICT); };
  Answer answer = End(Call(PutOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::CONFLICT);
  const size_t before = world.seen.size();
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() > before + 2) return std::nullopt;
    return ReplyOf(world.seen.size() > before + 1 ? api::CONFLICT : api::SESSION_LIMIT);
  };
  answer = End(Call(GetOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::CONFLICT);
}

TEST_F(CoreTest, AConflictBeforeATryThatMayHaveBeenExecutedIsNotTold) {
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() > 1) return std::nullopt;
    return ReplyOf(api::CONFLICT);
  };
  const Answer answer = End(Call(PutOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
}

TEST_F(CoreTest, OverloadBacksOffExponentially) {
  world.script = [&](uint32_t, const api::Request&) { return ReplyOf(api::OVERLOADED); };
  End(Call(PutOf(key)));
  ASSERT_GT(world.seen.size(), 10u);
  EXPECT_LT(world.seen.size(), 80u);
  EXPECT_LT(world.seen[1].at - world.seen[0].at, 6'000);
  EXPECT_GE(world.seen[10].at - world.seen[9].at, 200'000);
  EXPECT_EQ(world.seen[0].node, world.seen[9].node) << "overload is no reason to go elsewhere";
}

// --- once

TEST_F(CoreTest, LostReplyIsRetriedUnderTheSameSession) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (world.seen.size() == 1) {
      world.Reset(1);  // Executed; the answer is lost.
      return std::nullopt;
    }
    return world.Fine(node, request);
  };
  Answer answer = End(Call(IncrementOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 2u);
  const api::Session& first = world.seen[0].request.write().session();
  const api::Session& again = world.seen[1].request.write().session();
  EXPECT_EQ(first.client(), again.client());
  EXPECT_EQ(first.client().size(), 16u);
  EXPECT_EQ(first.sequence(), again.sequence());
  EXPECT_EQ(first.not_after(), again.not_after());
  EXPECT_NE(world.seen[0].request.id(), world.seen[1].request.id());
}

TEST_F(CoreTest, ASessionThatTheCallerGivesIsKeptOnEveryTry) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (world.seen.size() == 1) {
      world.Reset(1);
      return std::nullopt;
    }
    return world.Fine(node, request);
  };
  api::Request request = IncrementOf(key);
  api::Session& given = *request.mutable_write()->mutable_session();
  given.set_client("sixteen bytes...");
  given.set_sequence(3);
  given.set_not_after(60 * kSecond);
  const uint64_t begun = world.LogTime();
  EXPECT_EQ(End(Call(std::move(request))).outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 2u);
  for (const auto& seen : world.seen) {
    const api::Session& session = seen.request.write().session();
    EXPECT_EQ(session.client(), "sixteen bytes...");
    EXPECT_EQ(session.sequence(), 3u);
    EXPECT_EQ(session.done_below(), 0u);
    EXPECT_GE(session.not_after(), begun + 59 * kSecond);
    EXPECT_LE(session.not_after(), begun + 62 * kSecond);
    EXPECT_EQ(session.not_after(), world.seen[0].request.write().session().not_after());
  }
  // Nor does it take a number of the core's own.
  EXPECT_EQ(End(Call(PutOf(key))).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().request.write().session().sequence(), 1u);
}

TEST_F(CoreTest, SilentNodeIsLeftForAnother) {
  auto warm = Call(PutOf(key));
  world.RunFor(kSecond);
  world.node(1).silent = true;
  for (auto& group : *world.map.mutable_groups()) group.set_leader_node(2);
  auto ended = Call(IncrementOf(key));
  Answer answer = End(ended);
  EXPECT_EQ(answer.outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().node, 2u);
  EXPECT_EQ(world.seen.back().request.write().session().sequence(), 2u);
}

TEST_F(CoreTest, ASilentNodeIsLeftAlsoByOperationsTooShortForASecondTry) {
  auto warm = Call(PutOf(key));
  world.RunFor(kSecond);
  world.node(1).silent = true;
  for (auto& group : *world.map.mutable_groups()) group.set_leader_node(2);
  for (int lost = 0; lost < 3; ++lost) {
    Call(IncrementOf(key), Target::Key(), kSecond);
    world.RunFor(kSecond);
  }
  auto ended = Call(IncrementOf(key), Target::Key(), kSecond);
  EXPECT_EQ(End(ended).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().node, 2u);
}

TEST_F(CoreTest, ANodeThatIsOnlySlowIsNotLeft) {
  auto warm = Call(PutOf(key));
  world.RunFor(kSecond);
  world.script = [&](uint32_t, const api::Request&) { return std::nullopt; };
  Call(IncrementOf(key), Target::Key(), kSecond);
  world.RunFor(kSecond / 2);
  world.SendRaw(1, ReplyOf(api::OK).SerializeAsString());
  world.RunFor(kSecond);
  world.script = nullptr;
  auto ended = Call(IncrementOf(key), Target::Key(), kSecond);
  EXPECT_EQ(End(ended).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.back().node, 1u);
  EXPECT_EQ(world.node(1).dials, 1u);
  EXPECT_EQ(world.maps_asked, 1);
}

// It answers something now and then, so it is not taken for dead.
TEST_F(CoreTest, WhatWaitsForASlowNetworkIsBounded) {
  Start({.endpoints = {"node1:1", "node2:1", "node3:1"}, .max_in_flight_bytes = 100'000});
  Call(PutOf(key));
  world.RunFor(kSecond);
  world.node(1).clogged = true;
  api::Request large = PutOf(key);
  Item item = MakeItem({{"id", key}, {"text", std::string(9'000, 'x')}});
  large.mutable_write()->mutable_put()->set_item(model::EncodeItem(item));
  for (int i = 0; i < 600; ++i) {
    Call(large, Target::Key(), 3 * kSecond);
    world.RunFor(kSecond / 10);
    world.SendRaw(1, ReplyOf(api::OK).SerializeAsString());
  }
  const size_t unsent = world.node(1).conns.back()->unsent;
  EXPECT_GT(unsent, 50'000u);
  EXPECT_LE(unsent, 110'000u);
}

TEST_F(CoreTest, LateAnswerOfAnEarlierTryCounts) {
  api::Request first;
  world.script = [&](uint32_t, const api::Request& request) -> std::optional<api::Reply> {
    if (world.seen.size() == 1) first = request;
    return std::nullopt;
  };
  auto ended = Call(IncrementOf(key));
  auto other = Call(GetOf(key));
  world.RunFor(2 * kSecond - 100'000);
  // Something is heard, so the connection is not taken for dead.
  world.SendRaw(1, ReplyOf(api::OK).SerializeAsString());
  world.RunFor(500'000);
  ASSERT_GT(world.seen.size(), 2u) << "tried again";
  api::Reply late;
  late.set_id(first.id());
  late.mutable_write()->set_version(9);
  world.SendRaw(1, late.SerializeAsString());
  world.RunFor(10'000);
  ASSERT_EQ(ended->times, 1);
  EXPECT_EQ(ended->answer->reply.write().version(), 9u);
}

TEST_F(CoreTest, UnknownAtTheDeadlineIfATryMayHaveBeenExecuted) {
  world.script = [&](uint32_t, const api::Request&) { return std::nullopt; };
  auto ended = Call(IncrementOf(key), Target::Key(), 3 * kSecond);
  Micros started = world.Monotonic();
  Answer answer = End(ended);
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
  EXPECT_EQ(ended->at - started, 3 * kSecond);
}

TEST_F(CoreTest, RefusedAtTheDeadlineIfNothingWasEverSent) {
  for (uint32_t node : {1, 2, 3}) world.Crash(node);
  Answer answer = End(Call(IncrementOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
  EXPECT_THAT(answer.reply.message(), HasSubstr("Connection refused"));
}

TEST_F(CoreTest, RefusalAfterAnUncertainTryIsUnknownUnlessItSettles) {
  for (api::Code code : {api::TABLE_NOT_FOUND, api::CONDITION_FAILED}) {
    world.seen.clear();
    world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
      return ReplyOf(world.seen.size() == 1 ? api::UNKNOWN : code);
    };
    Answer answer = End(Call(IncrementOf(key)));
    EXPECT_EQ(answer.outcome,
              code == api::CONDITION_FAILED ? Outcome::kRefused : Outcome::kUnknown);
    EXPECT_EQ(answer.reply.code(), code);
  }
}

TEST_F(CoreTest, DoneBelowIsTheLowestUnfinishedSequence) {
  std::vector<std::string> held;
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (request.write().session().sequence() == 2) return std::nullopt;
    return world.Fine(node, request);
  };
  for (int i = 0; i < 5; ++i) {
    auto ended = Call(PutOf(key));
    world.RunFor(10'000);
    EXPECT_EQ(ended->times, i == 1 ? 0 : 1);
  }
  std::vector<uint64_t> below;
  for (const auto& seen : world.seen) below.push_back(seen.request.write().session().done_below());
  EXPECT_EQ(below, (std::vector<uint64_t>{1, 2, 2, 2, 2}));
  world.RunFor(20 * kSecond);  // The second ends unknown.
  world.seen.clear();
  Call(PutOf(key));
  world.RunFor(10'000);
  EXPECT_EQ(world.seen.at(0).request.write().session().sequence(), 6u);
  EXPECT_EQ(world.seen.at(0).request.write().session().done_below(), 6u);
}

TEST_F(CoreTest, NotAfterFollowsLogTimeNotOurWallClock) {
  Call(PutOf(key), Target::Key(), 4 * kSecond);
  world.RunFor(kSecond);
  uint64_t not_after = world.seen.at(0).request.write().session().not_after();
  EXPECT_GE(not_after, world.LogTime() + 3 * kSecond);
  EXPECT_LE(not_after, world.LogTime() + 60 * kSecond);
}

TEST_F(CoreTest, LongestDeadlineStaysWithinTenMinutesOfLogTime) {
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  Call(PutOf(key), Target::Key(), 3600 * kSecond);
  world.RunFor(kSecond);
  uint64_t not_after = world.seen.at(0).request.write().session().not_after();
  EXPECT_LE(not_after, world.LogTime() + 600 * kSecond);
}

TEST_F(CoreTest, ExpiredSessionIsRenewedOnceIfNothingWasExecuted) {
  uint64_t jump = 3600u * kSecond;  // Log time was an hour ahead of what the map said.
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    api::Reply reply = *world.Fine(node, request);
    if (request.write().session().not_after() < world.LogTime() + jump) {
      reply = ReplyOf(api::SESSION_EXPIRED);
    }
    reply.set_log_time(world.LogTime() + jump);
    return reply;
  };
  EXPECT_EQ(End(Call(PutOf(key))).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.size(), 2u);
}

TEST_F(CoreTest, ExpiredSessionAfterAnUncertainTryIsUnknown) {
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    return ReplyOf(world.seen.size() == 1 ? api::UNKNOWN : api::SESSION_EXPIRED);
  };
  Answer answer = End(Call(PutOf(key)));
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.reply.code(), api::SESSION_EXPIRED);
}

// --- stamps

TEST_F(CoreTest, EventualReadsCarryTheGroupsHighestStamp) {
  world.script = [&](uint32_t, const api::Request& request) -> std::optional<api::Reply> {
    api::Reply reply;
    reply.set_stamp(request.has_write() ? 700 : 650);
    if (request.has_get()) reply.mutable_get();
    return reply;
  };
  Call(GetOf(key, true));
  world.RunFor(kSecond);
  EXPECT_EQ(world.seen.back().request.get().min_stamp(), 0u);
  Call(PutOf(key));
  world.RunFor(kSecond);
  std::set<uint32_t> nodes;
  for (int i = 0; i < 30; ++i) {
    Call(GetOf(key, true));
    world.RunFor(kSecond);
    EXPECT_EQ(world.seen.back().request.get().min_stamp(), 700u);
    nodes.insert(world.seen.back().node);
  }
  EXPECT_EQ(nodes.size(), 3u) << "any replica answers";
  Call(GetOf(KeyIn(2), true));
  world.RunFor(kSecond);
  EXPECT_EQ(world.seen.back().request.get().min_stamp(), 0u) << "another group's stamps";
}

TEST_F(CoreTest, LaggingReplicaSendsAnEventualReadToTheLeader) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (node == 1) return world.Fine(node, request);
    return ReplyOf(api::NOT_READY);
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(End(Call(GetOf(key, true))).outcome, Outcome::kOk);
}

TEST_F(CoreTest, SplitChildInheritsItsParentsStamp) {
  Routing routing;
  ASSERT_TRUE(routing.Install(world.map).ok());
  routing.SawStamp(1, 500);
  api::Map split = world.map;
  split.set_version(6);
  split.mutable_groups(1)->set_last_bucket(100);
  split.mutable_groups(1)->set_epoch(2);
  api::GroupDescriptor& child = *split.add_groups();
  child = world.map.groups(1);
  child.set_group(9);
  child.set_first_bucket(101);
  ASSERT_TRUE(routing.Install(split).ok());
  EXPECT_EQ(routing.Stamp(9), 500u);
  EXPECT_EQ(routing.Stamp(2), 0u);
}

// --- routes

TEST_F(CoreTest, CrashedLeaderIsFoundAgain) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (node != 3) {
      api::Reply reply = ReplyOf(api::NOT_LEADER);
      *reply.mutable_redirect() = world.map.groups(1);
      // The others take a second to elect node 3, and until then name the dead one.
      reply.mutable_redirect()->set_leader_node(world.Monotonic() < 4 * kSecond ? 1 : 3);
      return reply;
    }
    return world.Monotonic() < 4 * kSecond ? ReplyOf(api::NOT_LEADER) : world.Fine(3, request);
  };
  world.RunUntil(3 * kSecond);
  world.Crash(1);
  auto ended = Call(IncrementOf(key));
  Answer answer = End(ended);
  EXPECT_EQ(answer.outcome, Outcome::kOk);
  EXPECT_LT(ended->at, 4 * kSecond + 250'000);
}

TEST_F(CoreTest, MissingTableIsLookedForAndThenRefused) {
  api::Request request = PutOf(key);
  request.mutable_write()->set_table("none");
  Answer answer = End(Call(request));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TABLE_NOT_FOUND);
  EXPECT_TRUE(world.seen.empty());
  EXPECT_LT(world.maps_asked, 10);
}

TEST_F(CoreTest, TableCreatedByAnotherClientIsFound) {
  End(Call(GetOf(key)));
  api::Table& table = *world.map.add_tables();
  table = world.map.tables(0);
  table.set_name("new");
  world.map.set_version(6);
  api::Request request = PutOf(key);
  request.mutable_write()->set_table("new");
  EXPECT_EQ(End(Call(request)).outcome, Outcome::kOk);
}

// All the others' maps may be of before it was created.
TEST_F(CoreTest, OnlyMetasLeaderSaysThatATableIsMissing) {
  End(Call(GetOf(key)));
  world.followers_map = world.map;
  api::Table& table = *world.map.add_tables();
  table = world.map.tables(0);
  table.set_name("new");
  world.map.set_version(6);
  world.Crash(world.meta_leader);
  api::Request request = PutOf(key);
  request.mutable_write()->set_table("new");
  auto put = Call(request, Target::Key(), 9 * kSecond);
  world.RunFor(2 * kSecond);
  EXPECT_FALSE(put->answer.has_value());
  world.Restart(world.meta_leader);
  EXPECT_EQ(End(put).outcome, Outcome::kOk);
}

// Deleted and created anew by somebody else: our map still has the old key.
TEST_F(CoreTest, APutIsNotRefusedByAStaleSchema) {
  End(Call(PutOf(key)));
  world.map.mutable_tables(0)->mutable_partition_key()->set_name("name");
  world.map.set_version(6);
  api::Request request = PutOf(key);
  request.mutable_write()->mutable_put()->set_item(model::EncodeItem(MakeItem({{"name", key}})));
  EXPECT_EQ(End(Call(request)).outcome, Outcome::kOk);
  EXPECT_EQ(world.maps_asked, 2);
}

TEST_F(CoreTest, APutWithoutItsKeyIsRefusedAfterOneLook) {
  End(Call(PutOf(key)));
  api::Request request = PutOf(key);
  request.mutable_write()->mutable_put()->set_item(model::EncodeItem(MakeItem({{"name", key}})));
  const Answer answer = End(Call(request));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::INVALID);
  EXPECT_EQ(world.maps_asked, 2);
}

TEST_F(CoreTest, MapsThatNobodyGivesDoNotSayThatATableIsMissing) {
  End(Call(GetOf(key)));
  world.answer_maps = false;
  api::Request request = PutOf(key);
  request.mutable_write()->set_table("none");
  const Answer answer = End(Call(request, Target::Key(), 19 * kSecond));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE) << answer.reply.message();
}

TEST_F(CoreTest, NodeOfAnotherClusterIsNotListenedTo) {
  End(Call(GetOf(key)));
  world.map.set_cluster_id("cluster-of-others");
  world.map.set_version(9);
  world.map.clear_tables();
  api::Request request;
  request.mutable_map();
  Answer answer = End(Call(request, Target::Any(), kSecond));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_THAT(answer.reply.message(), HasSubstr("another cluster"));
  EXPECT_EQ(End(Call(PutOf(key))).outcome, Outcome::kOk);
}

TEST_F(CoreTest, NodeThatHasNotJoinedYetDoesNotNameTheCluster) {
  const api::Map joined = world.map;
  world.map.Clear();
  auto call = Call(GetOf(key));
  world.RunFor(kSecond);
  world.map = joined;
  EXPECT_EQ(End(call).outcome, Outcome::kOk);
}

TEST_F(CoreTest, RubbishFromANodeBreaksItsConnectionOnly) {
  world.RunFor(kSecond);
  auto warm = Call(GetOf(key));
  world.RunFor(kSecond);
  world.SendRaw(1, "\xff\xff\xff rubbish");
  world.RunFor(kSecond);
  EXPECT_TRUE(world.node(1).conns.back()->closed);
  EXPECT_EQ(End(Call(GetOf(key))).outcome, Outcome::kOk);
}

TEST_F(CoreTest, OneConnectionPerNodeIsPipelined) {
  for (int i = 0; i < 1000; ++i) Call(GetOf(key));
  world.RunFor(5 * SimWorld::kWire);
  EXPECT_EQ(world.seen.size(), 1000u);
  EXPECT_LE(world.node(1).dials + world.node(2).dials + world.node(3).dials, 2u)
      << "one for the map and one for the leader, at most";
}

TEST_F(CoreTest, UnreachableNodeIsNotDialledForEveryRequest) {
  world.Crash(1);
  for (int i = 0; i < 200; ++i) Call(GetOf(key), Target::Key(), 2 * kSecond);
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::NOT_READY); };
  world.RunFor(5 * kSecond);
  EXPECT_LT(world.node(1).dials, 20u);
}

// --- bounds and ends

TEST_F(CoreTest, ExcessWaitsThenIsRefused) {
  Start({.endpoints = {"node1:1"}, .max_in_flight = 10, .max_waiting = 5});
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  std::vector<std::shared_ptr<Ended>> all;
  for (int i = 0; i < 16; ++i) all.push_back(Call(PutOf(key), Target::Key(), kSecond));
  world.RunFor(500'000);
  EXPECT_EQ(core->in_flight(), 10u);
  EXPECT_EQ(core->waiting(), 5u);
  EXPECT_EQ(world.seen.size(), 10u);
  ASSERT_EQ(all[15]->times, 1);
  EXPECT_EQ(all[15]->answer->outcome, Outcome::kRefused);
  EXPECT_EQ(all[15]->answer->reply.code(), api::OVERLOADED);
  world.RunFor(kSecond);
  EXPECT_EQ(all[0]->answer->outcome, Outcome::kUnknown);
  EXPECT_EQ(all[14]->answer->outcome, Outcome::kRefused) << "was never sent";
  EXPECT_EQ(core->in_flight(), 0u);
  EXPECT_EQ(core->waiting(), 0u);
}

TEST_F(CoreTest, WaitingOperationsGetTheirTurnInOrder) {
  Start({.endpoints = {"node1:1"}, .max_in_flight = 2});
  std::vector<std::shared_ptr<Ended>> all;
  for (int i = 0; i < 20; ++i) all.push_back(Call(PutOf(key)));
  world.RunFor(kSecond);
  for (size_t i = 1; i < world.seen.size(); ++i) {
    EXPECT_EQ(world.seen[i].request.write().session().sequence(), i + 1);
  }
  for (auto& ended : all) EXPECT_EQ(ended->answer->outcome, Outcome::kOk);
}

TEST_F(CoreTest, BytesInFlightAreBoundedToo) {
  Start({.endpoints = {"node1:1"}, .max_in_flight_bytes = 1000, .max_waiting_bytes = 1000});
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  api::Request big = PutOf(key);
  *big.mutable_write()->mutable_put()->mutable_item() =
      model::EncodeItem(MakeItem({{"id", key}, {"text", std::string(600, 'x')}}));
  auto a = Call(big), b = Call(big), c = Call(big);
  world.RunFor(kSecond);
  EXPECT_EQ(core->in_flight(), 1u);
  EXPECT_EQ(core->waiting(), 1u);
  EXPECT_EQ(c->answer->reply.code(), api::OVERLOADED);
}

TEST_F(CoreTest, WhatNeedNotWaitIsNotHeldToTheLimitsOfWaiting) {
  Start({.endpoints = {"node1:1"}, .max_in_flight = 1, .max_waiting = 0, .max_waiting_bytes = 1});
  auto first = Call(PutOf(key));
  auto second = Call(PutOf(key));
  EXPECT_EQ(End(first).outcome, Outcome::kOk);
  EXPECT_EQ(second->answer->reply.code(), api::OVERLOADED);
  EXPECT_EQ(End(Call(PutOf(key))).outcome, Outcome::kOk);
}

// No server could read the frame.
TEST_F(CoreTest, ATablesNameThatIsNotUtf8IsRefusedHere) {
  api::Request get = GetOf(key);
  get.mutable_get()->set_table("t\xff");
  api::Request increment = IncrementOf(key);
  increment.mutable_write()->set_table("t\xff");
  api::Request transaction;
  transaction.mutable_transact_get()->add_items()->set_table("t\xff");
  for (const api::Request& request : {get, increment, transaction}) {
    const Answer answer = End(Call(request));
    EXPECT_EQ(answer.outcome, Outcome::kRefused);
    EXPECT_EQ(answer.reply.code(), api::INVALID);
  }
  EXPECT_TRUE(world.seen.empty());
}

TEST_F(CoreTest, FrameOverTheLimitIsRefusedHere) {
  api::Request huge = PutOf(key);
  *huge.mutable_write()->mutable_put()->mutable_item() =
      model::EncodeItem(MakeItem({{"id", key}, {"text", std::string(5 << 20, 'x')}}));
  Answer answer = End(Call(huge));
  EXPECT_EQ(answer.reply.code(), api::TOO_LARGE);
  EXPECT_TRUE(world.seen.empty());
}

TEST_F(CoreTest, DestroyedInFlightItDropsEverything) {
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  std::vector<std::shared_ptr<Ended>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(Call(PutOf(key)));
    world.RunFor(70);
  }
  core.reset();
  world.RunFor(60 * kSecond);
  for (auto& ended : all) EXPECT_EQ(ended->times, 0);
}

TEST_F(CoreTest, StopEndsEverythingAsWhatItIs) {
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  auto sent = Call(PutOf(key));
  auto read = Call(GetOf(key));
  world.RunFor(kSecond);
  auto unsent = Call(PutOf(KeyIn(2)));
  world.Crash(1);
  core->Stop();
  EXPECT_EQ(sent->answer->outcome, Outcome::kUnknown);
  EXPECT_EQ(read->answer->outcome, Outcome::kRefused);
  EXPECT_EQ(unsent->times, 1);
  auto after = Call(GetOf(key));
  world.RunFor(kSecond);
  EXPECT_EQ(after->answer->reply.code(), api::SHUTTING_DOWN);
}

TEST_F(CoreTest, CallsFromInsideCallbacksWork) {
  int done = 0;
  std::function<void()> next = [&] {
    core->Call(PutOf(key), Target::Key(), 0, [&](Answer answer) {
      EXPECT_EQ(answer.outcome, Outcome::kOk);
      if (++done < 500) next();
    });
  };
  next();
  world.RunFor(10 * kSecond);
  EXPECT_EQ(done, 500);
}

TEST_F(CoreTest, ManyFinishedOperationsLeaveNoTimersBehind) {
  Wakeups wakeups([](const Wakeups::Entry& entry) { return entry.id > 99'990; });
  for (uint64_t id = 1; id <= 100'000; ++id) {
    wakeups.Push({static_cast<Micros>(id), id}, 10);
    ASSERT_LE(wakeups.size(), 2000u);
  }
  EXPECT_EQ(wakeups.Top()->id, 99'991u);
}

}  // namespace
}  // namespace fastpath::client::internal
