// Batches: what is refused whole before anything is sent, what is sent, and what
// becomes of each item under overload, lost answers and the 16 MB limits.
#include "client/internal/batch.h"

#include <gtest/gtest.h>

#include "client/batch.h"
#include "client/internal/answers.h"
#include "partition/model/codec.h"
#include "tests/client/sim.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kSecond = 1'000'000;

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() : core(std::make_unique<Core>(Options{.endpoints = {"node1:1"}}, world.ports())) {
    api::Table& numbers = *world.map.add_tables();
    numbers.set_name("numbers");
    numbers.set_state(api::ACTIVE);
    numbers.mutable_partition_key()->set_name("id");
    numbers.mutable_partition_key()->set_type(api::N);
  }
  static api::Request Put(const std::string& id, size_t bytes = 0) {
    api::Request request = PutOf(id);
    if (bytes > 0) {
      request.mutable_write()->mutable_put()->set_item(
          model::EncodeItem(MakeItem({{"id", id}, {"v", std::string(bytes, 'x')}})));
    }
    return request;
  }
  static api::Request Delete(const std::string& id) {
    api::Request request;
    request.mutable_write()->set_table("t");
    *request.mutable_write()->mutable_delete_()->mutable_key() = Key("t", id).ToProto();
    return request;
  }
  static std::vector<api::Request> Puts(size_t count) {
    std::vector<api::Request> requests;
    for (size_t i = 0; i < count; ++i) requests.push_back(Put("k" + std::to_string(i)));
    return requests;
  }
  static std::vector<api::Request> Gets(size_t count) {
    std::vector<api::Request> requests;
    for (size_t i = 0; i < count; ++i) requests.push_back(GetOf("k" + std::to_string(i)));
    return requests;
  }
  BatchEnd Run(std::vector<api::Request> requests, Micros timeout = kSecond) {
    std::optional<BatchEnd> ended;
    RunBatch(*core, std::move(requests), timeout, [&](BatchEnd end) { ended = std::move(end); });
    EXPECT_FALSE(ended.has_value()) << "never inside the call";
    world.RunFor(2 * timeout);
    EXPECT_TRUE(ended.has_value());
    return ended ? *std::move(ended) : BatchEnd();
  }
  void ExpectRefused(std::vector<api::Request> requests, api::Code code) {
    const BatchEnd end = Run(std::move(requests));
    EXPECT_EQ(end.refusal.outcome, Outcome::kRefused);
    EXPECT_EQ(end.refusal.reply.code(), code) << end.refusal.reply.message();
    EXPECT_TRUE(world.seen.empty()) << "nothing is sent";
  }
  std::string IdOf(const api::Request& request) {
    return model::DecodeItem(request.write().put().item())->Find("id")->text();
  }

  SimWorld world;
  std::unique_ptr<Core> core;
};

TEST_F(BatchTest, WritesGoOutTogetherEachOnceUnderItsOwnSession) {
  std::vector<api::Request> requests = Puts(24);
  requests.push_back(Delete("gone"));
  const BatchEnd end = Run(std::move(requests));
  ASSERT_EQ(end.answers.size(), 25u);
  for (const Answer& answer : end.answers) EXPECT_EQ(answer.outcome, Outcome::kOk);
  ASSERT_EQ(world.seen.size(), 25u);
  std::set<uint64_t> sequences;
  std::set<uint32_t> groups;
  for (const SimWorld::Seen& seen : world.seen) {
    sequences.insert(seen.request.write().session().sequence());
    groups.insert(seen.request.group());
    EXPECT_LT(seen.at, world.seen.front().at + SimWorld::kWire * 10) << "in parallel";
  }
  EXPECT_EQ(sequences.size(), 25u);
  EXPECT_EQ(groups, (std::set<uint32_t>{1, 2}));
}

TEST_F(BatchTest, LimitsOfCount) {
  EXPECT_EQ(Run(Puts(25)).refusal.outcome, Outcome::kOk);
  EXPECT_EQ(Run(Gets(100)).refusal.outcome, Outcome::kOk);
  world.seen.clear();
  ExpectRefused(Puts(26), api::INVALID);
  ExpectRefused(Gets(101), api::INVALID);
  ExpectRefused({}, api::INVALID);
}

TEST_F(BatchTest, DuplicatesAreRefused) {
  ExpectRefused({GetOf("a"), GetOf("b"), GetOf("a")}, api::INVALID);
  ExpectRefused({Put("a"), Delete("a")}, api::INVALID);
}

TEST_F(BatchTest, AMalformedItemIsRefusedWithAllOthers) {
  Value nested = Value::List({});
  for (int i = 0; i < model::kDepthLimit; ++i) nested = Value::List({nested});
  for (const Item& item :
       {MakeItem({{"id", "b"}, {"", 1}}), MakeItem({{"id", "b"}, {"v", nested}})}) {
    api::Request malformed = Put("b");
    malformed.mutable_write()->mutable_put()->set_item(model::EncodeItem(item));
    ExpectRefused({Put("a"), malformed}, api::INVALID);
  }
}

TEST_F(BatchTest, EqualNumbersAreOneKeyAndTablesAreTold) {
  auto number = [](const char* digits) {
    api::Request request;
    request.mutable_get()->set_table("numbers");
    *request.mutable_get()->mutable_key() = Key("numbers", Decimal(digits)).ToProto();
    return request;
  };
  ExpectRefused({number("1"), number("1.0")}, api::INVALID);
  EXPECT_EQ(Run({number("1"), GetOf("1")}).refusal.outcome, Outcome::kOk);
}

TEST_F(BatchTest, UnknownTablesAndWrongKeysAreRefusedWhole) {
  api::Request nowhere = GetOf("a");
  nowhere.mutable_get()->set_table("nowhere");
  ExpectRefused({GetOf("a"), nowhere}, api::TABLE_NOT_FOUND);
  api::Request wrong = GetOf("b");
  *wrong.mutable_get()->mutable_key() = Key("t", 7).ToProto();
  ExpectRefused({GetOf("a"), wrong}, api::INVALID);
}

TEST_F(BatchTest, AStaleSchemaDoesNotRefuse) {
  Run({Put("a")});
  world.map.mutable_tables(0)->mutable_partition_key()->set_name("name");
  world.map.set_version(6);
  api::Request put = Put("a");
  put.mutable_write()->mutable_put()->set_item(model::EncodeItem(MakeItem({{"name", "a"}})));
  const BatchEnd end = Run({put});
  EXPECT_EQ(end.refusal.outcome, Outcome::kOk) << end.refusal.reply.message();
  ASSERT_EQ(end.answers.size(), 1u);
  EXPECT_EQ(end.answers[0].outcome, Outcome::kOk);
}

TEST_F(BatchTest, LimitsOfBytesBeforeAnythingIsSent) {
  ExpectRefused({Put("a"), Put("b", 400u << 10)}, api::TOO_LARGE);
  constexpr size_t kLargest = (400u << 10) - 16;
  std::vector<api::Request> most;
  for (int i = 0; i < 25; ++i) most.push_back(Put("k" + std::to_string(i), kLargest));
  EXPECT_EQ(Run(std::move(most)).refusal.outcome, Outcome::kOk) << "25 largest are below 16 MB";
}

// Overload to the deadline: what was not taken is returned, what was is not.
TEST_F(BatchTest, UnderOverloadTheRestIsUnprocessed) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (IdOf(request) == "k3" || IdOf(request) == "k7") return ReplyOf(api::OVERLOADED);
    return world.Fine(node, request);
  };
  Result<BatchWriteAnswer> answer = BatchWriteAnswerOf(Run(Puts(10)));
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->unprocessed.size(), 2u);
  EXPECT_EQ(answer->unprocessed[0].index, 3u);
  EXPECT_EQ(answer->unprocessed[1].index, 7u);
  EXPECT_TRUE(answer->unknown.empty());
}

TEST_F(BatchTest, NothingDoneIsARefusal) {
  world.script = [](uint32_t, const api::Request&) { return ReplyOf(api::OVERLOADED); };
  Result<BatchWriteAnswer> answer = BatchWriteAnswerOf(Run(Puts(10)));
  EXPECT_TRUE(answer.refused());
}

// An answer that never comes: the write is neither done nor unprocessed. A retry keeps its session.
TEST_F(BatchTest, WhatMayHaveBeenExecutedIsUnknown) {
  world.script = [&](uint32_t node, const api::Request& request) -> std::optional<api::Reply> {
    if (IdOf(request) == "k3") return std::nullopt;
    return world.Fine(node, request);
  };
  Result<BatchWriteAnswer> answer = BatchWriteAnswerOf(Run(Puts(5), 9 * kSecond));
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->unprocessed.empty());
  ASSERT_EQ(answer->unknown.size(), 1u);
  EXPECT_EQ(answer->unknown[0].index, 3u);
  std::set<uint64_t> sequences;
  int tries = 0;
  for (const SimWorld::Seen& seen : world.seen) {
    if (IdOf(seen.request) != "k3") continue;
    ++tries;
    sequences.insert(seen.request.write().session().sequence());
  }
  EXPECT_GT(tries, 1);
  EXPECT_EQ(sequences.size(), 1u);
}

TEST_F(BatchTest, WhatItTookIsSummedByTable) {
  world.script = [&](uint32_t, const api::Request& request) {
    api::Reply reply;
    api::Capacity& capacity = request.has_get() ? *reply.mutable_get()->mutable_capacity()
                                                : *reply.mutable_write()->mutable_capacity();
    capacity.set_table(request.has_get() ? request.get().table() : request.write().table());
    capacity.set_read_half_units(request.has_get() ? 3 : 0);
    capacity.set_write_units(request.has_get() ? 0 : 2);
    return reply;
  };
  const Result<BatchGetAnswer> got = BatchGetAnswerOf(Run(Gets(5)));
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->capacity.size(), 1u);
  EXPECT_EQ(got->capacity[0].table(), "t");
  EXPECT_EQ(got->capacity[0].read_half_units(), 15u);
  const Result<BatchWriteAnswer> written = BatchWriteAnswerOf(Run(Puts(4)));
  ASSERT_TRUE(written.ok());
  ASSERT_EQ(written->capacity.size(), 1u);
  EXPECT_EQ(written->capacity[0].write_units(), 8u);
}

TEST_F(BatchTest, AnAnswerHolds16MegabytesAndTheOthersAreUnprocessed) {
  const std::string item =
      model::EncodeItem(MakeItem({{"id", "x"}, {"v", std::string(399u << 10, 'x')}}));
  world.script = [&](uint32_t, const api::Request&) {
    api::Reply reply;
    reply.mutable_get()->set_found(true);
    reply.mutable_get()->set_item(item);
    return reply;
  };
  BatchEnd end = Run(Gets(50));
  size_t held = 0;
  for (const Answer& one : end.answers) held += one.reply.ByteSizeLong();
  EXPECT_LT(held, kBatchLimitBytes + (100u << 10)) << "no more is held until the last is here";
  Result<BatchGetAnswer> answer = BatchGetAnswerOf(std::move(end));
  ASSERT_TRUE(answer.ok());
  const size_t fit = kBatchLimitBytes / model::EncodedItemSizeBytes(item);
  ASSERT_EQ(answer->items.size(), 50u);
  EXPECT_EQ(answer->unprocessed.size(), 50 - fit);
  EXPECT_EQ(answer->unprocessed.front().index, fit);
  EXPECT_TRUE(answer->items[fit - 1].item.has_value());
  EXPECT_FALSE(answer->items[fit].item.has_value());
}

}  // namespace
}  // namespace fastpath::client::internal
