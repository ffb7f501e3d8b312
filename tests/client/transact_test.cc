// Transactions: what is refused whole before anything is sent, where they go, their session
// and their token over tries, conflicts that are tried again, and what their failures tell.
#include "client/internal/transact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "client/internal/answers.h"
#include "client/transaction.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "tests/client/sim.h"

namespace fastpath::client::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Micros kSecond = 1'000'000;

uint32_t GroupOfHash(uint64_t hash) { return hash >> 63 == 0 ? 1 : 2; }

uint32_t GroupOfId(const std::string& id) {
  std::string part;
  model::AppendKeyPart(part, Value::String(id));
  return GroupOfHash(model::KeyHash(part));
}

// A key of the group, and a token that has its place there.
std::string KeyIn(uint32_t group) {
  for (int i = 0;; ++i) {
    std::string id = "k" + std::to_string(i);
    if (GroupOfId(id) == group) return id;
  }
}
std::string TokenIn(uint32_t group) {
  for (int i = 0;; ++i) {
    std::string token = "token" + std::to_string(i);
    if (GroupOfHash(model::TokenHash(token)) == group) return token;
  }
}

api::Reply Cancelled(const std::vector<api::Code>& reasons) {
  api::Reply reply = ReplyOf(api::TRANSACTION_CANCELLED);
  for (api::Code code : reasons) reply.mutable_transact_write()->add_reasons()->set_code(code);
  return reply;
}

class TransactTest : public ::testing::Test {
 protected:
  TransactTest() : core(std::make_unique<Core>(Options{.endpoints = {"node1:1"}}, world.ports())) {
    api::Table& log = *world.map.add_tables();
    log.set_name("log");
    log.set_state(api::ACTIVE);
    log.mutable_partition_key()->set_name("id");
    log.mutable_partition_key()->set_type(api::S);
    log.mutable_sort_key()->set_name("at");
    log.mutable_sort_key()->set_type(api::N);
  }

  static Item ItemOf(const std::string& id, size_t bytes = 0) {
    return MakeItem({{"id", id}, {"v", std::string(bytes, 'x')}});
  }
  static client::TransactWrite Puts(size_t count, size_t bytes = 0) {
    client::TransactWrite write;
    for (size_t i = 0; i < count; ++i) write.Put("t", ItemOf("k" + std::to_string(i), bytes));
    return write;
  }
  static client::TransactWrite Transfer(const std::string& from, const std::string& to) {
    return client::TransactWrite()
        .Update(Key("t", from), Update().Add("n", -1), Attr("n") >= 1)
        .Update(Key("t", to), Update().Add("n", 1));
  }

  Answer Run(const client::TransactWrite& write, bool retry = false, Micros timeout = 0) {
    EXPECT_TRUE(write.status().ok()) << write.status();
    std::optional<Answer> ended;
    RunTransactWrite(*core, write.proto(), retry, timeout, [&](Answer answer) {
      EXPECT_FALSE(ended.has_value());
      ended = std::move(answer);
      ended_at = world.Monotonic();
    });
    EXPECT_FALSE(ended.has_value()) << "never inside the call";
    world.RunFor(20 * kSecond);
    EXPECT_TRUE(ended.has_value());
    return ended ? *std::move(ended) : Answer();
  }
  Answer Run(const client::TransactGet& get) {
    std::optional<Answer> ended;
    RunTransactGet(*core, get.proto(), 0, [&](Answer answer) { ended = std::move(answer); });
    EXPECT_FALSE(ended.has_value()) << "never inside the call";
    world.RunFor(20 * kSecond);
    EXPECT_TRUE(ended.has_value());
    return ended ? *std::move(ended) : Answer();
  }
  void ExpectRefused(const Answer& answer, api::Code code, const std::string& words) {
    EXPECT_EQ(answer.outcome, Outcome::kRefused);
    EXPECT_EQ(answer.reply.code(), code) << answer.reply.message();
    EXPECT_THAT(answer.reply.message(), HasSubstr(words));
    EXPECT_TRUE(world.seen.empty()) << "nothing is sent";
  }
  std::set<uint64_t> Sequences() const {
    std::set<uint64_t> sequences;
    for (const SimWorld::Seen& seen : world.seen) {
      sequences.insert(seen.request.transact_write().session().sequence());
    }
    return sequences;
  }

  SimWorld world;
  std::unique_ptr<Core> core;
  Micros ended_at = 0;
};

// --- limits

TEST_F(TransactTest, LimitsOfCount) {
  ExpectRefused(Run(Puts(0)), api::INVALID, "at least one");
  ExpectRefused(Run(Puts(101)), api::INVALID, "101, at most 100");
  ExpectRefused(Run(client::TransactGet()), api::INVALID, "at least one");
  client::TransactGet gets;
  for (int i = 0; i < 100; ++i) gets.Get(Key("t", i));
  EXPECT_EQ(Run(gets).outcome, Outcome::kOk);
  world.seen.clear();
  ExpectRefused(Run(gets.Get(Key("t", 100))), api::INVALID, "101, at most 100");
  EXPECT_EQ(Run(Puts(100)).outcome, Outcome::kOk);
}

TEST_F(TransactTest, LimitsOfBytes) {
  ExpectRefused(Run(client::TransactWrite().Put("t", ItemOf("a", 400u << 10))), api::TOO_LARGE,
                "Item size has exceeded");
  constexpr size_t kOverhead = 2 + 2 + 1;  // "id", "kN", "v"
  EXPECT_EQ(Run(Puts(10, 300'000)).outcome, Outcome::kOk);
  world.seen.clear();
  client::TransactWrite over = Puts(10, kTransactLimitBytes / 11 - kOverhead);
  over.Put("t", ItemOf("ka", kTransactLimitBytes / 11 - kOverhead + kTransactLimitBytes % 11 + 1));
  ExpectRefused(Run(over), api::TOO_LARGE, "exceeds 4 MB");
}

TEST_F(TransactTest, AnItemTwiceIsRefused) {
  constexpr char kTwice[] = "cannot include multiple operations on one item";
  const Key a("t", "a");
  ExpectRefused(Run(client::TransactWrite().Put("t", ItemOf("a")).Delete(a)), api::INVALID, kTwice);
  ExpectRefused(Run(client::TransactWrite().Check(a, AttrExists("id")).Update(a, Update())),
                api::INVALID, kTwice);
  ExpectRefused(Run(Puts(3).Put("t", ItemOf("k1"))), api::INVALID, kTwice);
  ExpectRefused(Run(client::TransactGet().Get(a).Get(Key("t", "b")).Get(a)), api::INVALID, kTwice);
  // 1 and 1.0 are one key.
  const Item one = MakeItem({{"id", "a"}, {"at", Decimal("1.0")}});
  ExpectRefused(Run(client::TransactWrite().Put("log", one).Delete(Key("log", "a", 1))),
                api::INVALID, kTwice);
}

TEST_F(TransactTest, KeysThatOnlyLookAlikeAreNone) {
  EXPECT_EQ(Run(client::TransactWrite()
                    .Put("log", MakeItem({{"id", "a"}, {"at", 1}}))
                    .Put("log", MakeItem({{"id", "a"}, {"at", 2}}))
                    .Put("t", ItemOf("a"))
                    .Delete(Key("log", "a", 3))
                    .Delete(Key("t", "ab")))
                .outcome,
            Outcome::kOk);
}

TEST(TransactBuilder, SaysWhatIsWrong) {
  const Key key("t", "a");
  auto message = [](const client::TransactWrite& write) {
    EXPECT_EQ(write.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(write.status().message());
  };
  EXPECT_THAT(message(client::TransactWrite().Token("")), HasSubstr("1 to 36 bytes"));
  EXPECT_THAT(message(client::TransactWrite().Token(std::string(37, 'x'))),
              HasSubstr("1 to 36 bytes"));
  EXPECT_TRUE(client::TransactWrite().Token(std::string(36, 'x')).status().ok());
  EXPECT_THAT(message(client::TransactWrite().Check(key, {})), HasSubstr("has a condition"));
  EXPECT_THAT(message(client::TransactWrite().Delete(key, Condition::Parse("a = :q"))),
              HasSubstr(":q"));
  EXPECT_THAT(message(client::TransactWrite().Update(key, Update::Parse("SET a = = 1"))),
              HasSubstr("UpdateExpression"));
  EXPECT_FALSE(client::TransactGet().Get(key, ParseProjection("a,,b")).status().ok());
}

TEST(TransactBuilder, GivesTheMessageOfTheProtocol) {
  const api::TransactWriteRequest request =
      client::TransactWrite()
          .Put("t", MakeItem({{"id", "a"}}), OnlyIf(AttrNotExists("id")).ReturnItemOnFailure())
          .Update(Key("t", "b"), Update().Add("n", 1))
          .Delete(Key("t", "c"), Attr("n") == 1)
          .Check(Key("t", "d"), AttrExists("id"))
          .Token("x")
          .proto();
  ASSERT_EQ(request.items_size(), 4);
  EXPECT_TRUE(request.items(0).put().return_item_on_failure());
  EXPECT_TRUE(request.items(0).put().condition().has_not_exists());
  EXPECT_FALSE(request.items(1).update().has_condition());
  EXPECT_EQ(request.items(1).update().update().add_size(), 1);
  EXPECT_TRUE(request.items(2).delete_().condition().has_comparison());
  EXPECT_TRUE(request.items(3).check().condition().has_exists());
  EXPECT_EQ(request.token(), "x");
}

// --- where it goes

TEST_F(TransactTest, GoesToTheFirstItemsGroupOrToTheTokens) {
  for (uint32_t group : {1u, 2u}) {
    const std::string first = KeyIn(group), second = KeyIn(3 - group);
    EXPECT_EQ(Run(Transfer(first, second)).outcome, Outcome::kOk);
    EXPECT_EQ(world.seen.back().request.group(), group);
    EXPECT_EQ(Run(client::TransactWrite().Put("t", ItemOf(first))).outcome, Outcome::kOk);
    EXPECT_EQ(world.seen.back().request.group(), group);
    for (uint32_t place : {1u, 2u}) {
      EXPECT_EQ(Run(Transfer(first, second).Token(TokenIn(place))).outcome, Outcome::kOk);
      EXPECT_EQ(world.seen.back().request.group(), place);
      EXPECT_EQ(world.seen.back().request.transact_write().token(), TokenIn(place));
    }
    EXPECT_EQ(Run(client::TransactGet().Get(Key("t", first)).Get(Key("t", second))).outcome,
              Outcome::kOk);
    EXPECT_EQ(world.seen.back().request.group(), group);
  }
}

TEST_F(TransactTest, ATableThatWasJustCreatedIsFound) {
  Run(Puts(1));
  api::Table& table = *world.map.add_tables();
  table = world.map.tables(0);
  table.set_name("new");
  world.map.set_version(6);
  EXPECT_EQ(Run(client::TransactWrite().Put("new", ItemOf("a"))).outcome, Outcome::kOk);
  world.seen.clear();
  const Answer none = Run(client::TransactWrite().Put("none", ItemOf("a")));
  EXPECT_EQ(none.outcome, Outcome::kRefused);
  EXPECT_EQ(none.reply.code(), api::TABLE_NOT_FOUND);
  EXPECT_TRUE(world.seen.empty());
}

// The table has another key now: what looks like one item twice are two.
TEST_F(TransactTest, AStaleSchemaDoesNotRefuse) {
  Run(Puts(1));
  world.map.mutable_tables(0)->mutable_partition_key()->set_name("name");
  world.map.set_version(6);
  client::TransactWrite write;
  for (const char* name : {"a", "b"}) write.Put("t", MakeItem({{"id", "x"}, {"name", name}}));
  EXPECT_EQ(Run(write).outcome, Outcome::kOk);
}

// --- once

TEST_F(TransactTest, ATryThatWasLostIsRepeatedUnderItsSession) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (world.seen.size() > 1) return world.Fine(node, request);
    world.Reset(1);  // Executed; the answer is lost.
    return std::nullopt;
  };
  EXPECT_EQ(Run(Transfer("a", "b")).outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 2u);
  const api::Session& first = world.seen[0].request.transact_write().session();
  const api::Session& again = world.seen[1].request.transact_write().session();
  EXPECT_EQ(first.client().size(), 16u);
  EXPECT_EQ(first.client(), again.client());
  EXPECT_EQ(first.sequence(), 1u);
  EXPECT_EQ(again.sequence(), 1u);
  EXPECT_EQ(first.not_after(), again.not_after());
  EXPECT_GT(first.not_after(), world.LogTime() - 20 * kSecond);
  Run(Transfer("a", "b"));
  EXPECT_EQ(world.seen[2].request.transact_write().session().sequence(), 2u);
  EXPECT_EQ(world.seen[2].request.transact_write().session().done_below(), 2u);
}

TEST_F(TransactTest, AnExpiredSessionIsRenewedIfNothingWasExecuted) {
  const uint64_t jump = 3600u * kSecond;
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    api::Reply reply = *world.Fine(node, request);
    if (request.transact_write().session().not_after() < world.LogTime() + jump) {
      reply = ReplyOf(api::SESSION_EXPIRED);
    }
    reply.set_log_time(world.LogTime() + jump);
    return reply;
  };
  EXPECT_EQ(Run(Transfer("a", "b")).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.size(), 2u);
  EXPECT_EQ(Sequences().size(), 1u);
}

TEST_F(TransactTest, WithoutAnAnswerItIsUnknown) {
  world.script = [](uint32_t, const api::Request&) { return std::nullopt; };
  const Answer answer = Run(Transfer("a", "b"), true, 3 * kSecond);
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.reply.code(), api::DEADLINE);
  EXPECT_EQ(Sequences().size(), 1u);
}

TEST_F(TransactTest, ACancellationSettlesAfterATryThatMayHaveBeenExecuted) {
  world.script = [&](uint32_t, const api::Request&) {
    return world.seen.size() == 1 ? ReplyOf(api::UNKNOWN)
                                  : Cancelled({api::OK, api::CONDITION_FAILED});
  };
  const Answer answer = Run(Transfer("a", "b"));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TRANSACTION_CANCELLED);
}

// Somebody else's try of the same token may still have its effect.
TEST_F(TransactTest, ATokenInProgressIsWaitedForAndThenUnknown) {
  int busy = 3;
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    return busy-- > 0 ? ReplyOf(api::IN_PROGRESS) : world.Fine(node, request);
  };
  EXPECT_EQ(Run(Transfer("a", "b").Token("x")).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.size(), 4u);
  EXPECT_EQ(Sequences().size(), 1u);
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::IN_PROGRESS); };
  const Answer answer = Run(Transfer("a", "b").Token("x"), false, kSecond);
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.reply.code(), api::IN_PROGRESS);
}

TEST_F(TransactTest, ATokenOfAnotherTransactionIsRefused) {
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::TOKEN_MISMATCH); };
  const Answer answer = Run(Transfer("a", "b").Token("x"), true);
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TOKEN_MISMATCH);
  EXPECT_EQ(world.seen.size(), 1u);
}

// --- conflicts

TEST_F(TransactTest, AConflictIsTriedAgainAsANewTransactionIfAsked) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (world.seen.size() > 3) return world.Fine(node, request);
    return Cancelled({api::OK, api::CONFLICT});
  };
  EXPECT_EQ(Run(Transfer("a", "b").Token("x"), true).outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 4u);
  EXPECT_EQ(Sequences(), (std::set<uint64_t>{1, 2, 3, 4}));
  for (const SimWorld::Seen& seen : world.seen) {
    EXPECT_EQ(seen.request.transact_write().token(), "x");
    EXPECT_EQ(seen.request.transact_write().items_size(), 2);
  }
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_GE(world.seen[i].at - world.seen[i - 1].at, 2'000) << "with a pause";
  }
}

TEST_F(TransactTest, AConflictIsTheAnswerIfNotAsked) {
  world.script = [](uint32_t, const api::Request&) { return Cancelled({api::CONFLICT, api::OK}); };
  const Answer answer = Run(Transfer("a", "b"));
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(world.seen.size(), 1u);
}

TEST_F(TransactTest, TheLossOfItsCoordinatorIsTriedAgainAlsoIfNotAsked) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    return world.seen.size() < 3 ? Cancelled({}) : world.Fine(node, request);
  };
  EXPECT_EQ(Run(Transfer("a", "b")).outcome, Outcome::kOk);
  EXPECT_EQ(Sequences().size(), 3u);
}

// Who repeats the call under its session meets the same answers, one after the other.
TEST_F(TransactTest, ASessionThatTheCallerGivesGoesOnFromItsSequence) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    const bool first = request.transact_write().session().sequence() == 1;
    return first ? Cancelled({}) : world.Fine(node, request);
  };
  const client::TransactWrite write = Transfer("a", "b");
  for (int times = 1; times <= 2; ++times) {
    api::TransactWriteRequest request = write.proto();
    request.mutable_session()->set_client("sixteen bytes...");
    request.mutable_session()->set_sequence(1);
    request.mutable_session()->set_not_after(60 * kSecond);
    std::optional<Answer> ended;
    RunTransactWrite(*core, std::move(request), false, 0, [&](Answer answer) { ended = answer; });
    world.RunFor(20 * kSecond);
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->outcome, Outcome::kOk);
    EXPECT_EQ(world.seen.size(), 2u * times);
  }
  EXPECT_EQ(Sequences(), (std::set<uint64_t>{1, 2}));
  for (const SimWorld::Seen& seen : world.seen) {
    EXPECT_EQ(seen.request.transact_write().session().client(), "sixteen bytes...");
  }
}

TEST_F(TransactTest, MixedReasonsAreNotTriedAgain) {
  for (api::Code other : {api::CONDITION_FAILED, api::INVALID, api::TABLE_NOT_FOUND}) {
    world.seen.clear();
    world.script = [&](uint32_t, const api::Request&) { return Cancelled({api::CONFLICT, other}); };
    EXPECT_EQ(Run(Transfer("a", "b"), true).reply.code(), api::TRANSACTION_CANCELLED);
    EXPECT_EQ(world.seen.size(), 1u) << other;
  }
}

TEST_F(TransactTest, AtTheDeadlineTheLastCancellationIsTheAnswer) {
  world.script = [&](uint32_t, const api::Request&) {
    api::Reply reply = Cancelled({api::OK, api::CONFLICT});
    reply.mutable_transact_write()->mutable_reasons(1)->set_message(
        std::to_string(world.seen.size()));
    return reply;
  };
  const Micros begun = world.Monotonic();
  const Answer answer = Run(Transfer("a", "b"), true, 3 * kSecond);
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TRANSACTION_CANCELLED);
  EXPECT_GT(world.seen.size(), 5u);
  EXPECT_EQ(answer.reply.transact_write().reasons(1).message(), std::to_string(world.seen.size()));
  EXPECT_LT(ended_at - begun, 3 * kSecond) << "no pause to the deadline for nothing";
  EXPECT_GT(ended_at - begun, 2 * kSecond);
}

// Its last try never got through, so the conflict before it is what there is to tell.
TEST_F(TransactTest, ATryThatIsOnlyRefusedToTheDeadlineLeavesTheCancellation) {
  world.script = [&](uint32_t, const api::Request&) {
    return world.seen.size() == 1 ? Cancelled({api::CONFLICT, api::OK}) : ReplyOf(api::OVERLOADED);
  };
  const Answer answer = Run(Transfer("a", "b"), true, 2 * kSecond);
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TRANSACTION_CANCELLED);
}

TEST_F(TransactTest, ATryAfterAConflictThatMayHaveBeenExecutedIsUnknown) {
  world.script = [&](uint32_t, const api::Request&) -> std::optional<api::Reply> {
    if (world.seen.size() == 1) return Cancelled({api::CONFLICT, api::OK});
    return std::nullopt;
  };
  EXPECT_EQ(Run(Transfer("a", "b"), true, 3 * kSecond).outcome, Outcome::kUnknown);
}

TEST_F(TransactTest, AReadThatMeetsAConflictIsTriedAgain) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    return world.seen.size() < 4 ? ReplyOf(api::CONFLICT) : world.Fine(node, request);
  };
  EXPECT_EQ(Run(client::TransactGet().Get(Key("t", "a"))).outcome, Outcome::kOk);
  EXPECT_EQ(world.seen.size(), 4u);
}

// --- what it tells

TEST_F(TransactTest, ReasonsAreInTheOrderOfTheItems) {
  const Item stored = MakeItem({{"id", "b"}, {"n", 0}});
  world.script = [&](uint32_t, const api::Request&) {
    api::Reply reply = Cancelled({api::OK, api::CONDITION_FAILED, api::CONFLICT, api::INVALID,
                                  api::TABLE_NOT_FOUND, api::TOO_LARGE, api::OVERLOADED});
    api::TransactReason& failed = *reply.mutable_transact_write()->mutable_reasons(1);
    failed.set_message("The conditional request failed");
    failed.set_item(model::EncodeItem(stored));
    return reply;
  };
  const Result<TransactWriteAnswer> result = TransactWriteAnswerOf(Run(Puts(7)));
  ASSERT_TRUE(result.refused());
  EXPECT_EQ(result.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(result.message(),
            "Transaction cancelled, please refer cancellation reasons for specific reasons [None, "
            "ConditionalCheckFailed, TransactionConflict, ValidationError, ResourceNotFound, "
            "ValidationError, ThrottlingError]");
  std::vector<api::Code> codes;
  for (const CancellationReason& reason : result.failure().reasons) codes.push_back(reason.code);
  EXPECT_THAT(codes, ElementsAre(api::OK, api::CONDITION_FAILED, api::CONFLICT, api::INVALID,
                                 api::TABLE_NOT_FOUND, api::TOO_LARGE, api::OVERLOADED));
  EXPECT_EQ(result.failure().reasons[1].item, stored);
  EXPECT_EQ(result.failure().reasons[1].message, "The conditional request failed");
  EXPECT_FALSE(result.failure().reasons[0].item.has_value());
}

TEST_F(TransactTest, ItemsReadAreAsAskedWithTheirVersions) {
  const Item stored = MakeItem({{"id", "b"}});
  world.script = [&](uint32_t, const api::Request& request) {
    EXPECT_EQ(request.transact_get().items(1).projection_size(), 2);
    api::Reply reply;
    reply.mutable_transact_get()->add_items();
    api::GetResult& found = *reply.mutable_transact_get()->add_items();
    found.set_found(true);
    found.set_item(model::EncodeItem(stored));
    found.set_version(9);
    reply.mutable_transact_get()->add_capacity()->set_table("t");
    return reply;
  };
  const Answer answer =
      Run(client::TransactGet().Get(Key("t", "a")).Get(Key("t", "b"), ParseProjection("id, n")));
  const Result<TransactGetAnswer> result = TransactGetAnswerOf(answer, 2);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->items.size(), 2u);
  EXPECT_FALSE(result->items[0].item.has_value());
  EXPECT_EQ(result->items[1].item, stored);
  EXPECT_EQ(result->items[1].version, 9u);
  EXPECT_EQ(result->capacity.size(), 1u);
  EXPECT_EQ(TransactGetAnswerOf(answer, 3).code(), api::INTERNAL);
}

// What a transaction wrote in another group than the one that answered, an eventual read sees.
TEST_F(TransactTest, StampsOfAllItsGroupsAreLearnt) {
  world.script = [](uint32_t, const api::Request& request) {
    api::Reply reply;
    if (request.has_get()) {
      reply.mutable_get();
      return reply;
    }
    reply.set_stamp(700);
    for (uint32_t group : {1u, 2u}) {
      api::GroupStamp& stamp = *reply.mutable_transact_write()->add_stamps();
      stamp.set_group(group);
      stamp.set_stamp(700 + group);
    }
    return reply;
  };
  Run(Transfer(KeyIn(1), KeyIn(2)));
  for (uint32_t group : {1u, 2u}) {
    CallCore(world, *core, GetOf(KeyIn(group), true));
    world.RunFor(kSecond);
    EXPECT_EQ(world.seen.back().request.get().min_stamp(), 700u + group);
  }
}

}  // namespace
}  // namespace fastpath::client::internal
