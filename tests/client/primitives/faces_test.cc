// Primitives through all three faces, on a real client's thread, against a server
// that keeps items but lets none expire.
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "client/primitives/counter.h"
#include "client/primitives/lease.h"
#include "client/primitives/table.h"
#include "client/task.h"
#include "tests/client/fake_server.h"

namespace fastpath::client {
namespace {

class PrimitiveFaces : public ::testing::Test {
 protected:
  void SetUp() override {
    auto connected = Client::Connect({.endpoints = {server.address()}});
    ASSERT_TRUE(connected.ok());
    client.emplace(*std::move(connected));
    const auto made = EnsureTable(*client, "items").Wait();
    ASSERT_TRUE(made.ok()) << made.message();
  }

  FakeServer server;
  std::optional<Client> client;
};

Task<std::string> CountTo(ShardedCounter counter, int times) {
  for (int i = 0; i < times; ++i) {
    auto added = co_await counter.Add();
    if (!added.ok()) co_return added.message();
  }
  auto sum = co_await counter.Read();
  co_return sum.ok() ? sum->ToString() : sum.message();
}

TEST_F(PrimitiveFaces, CountersBlockCallBackAndAreAwaited) {
  Counter one(*client, Key("items", "one"));
  EXPECT_EQ(one.Read().Wait()->ToString(), "0");
  EXPECT_EQ(one.Add().Wait()->ToString(), "1");
  std::promise<std::string> promise;
  one.Add(Decimal("0.5")).Then([&](Result<model::Number> now) {
    promise.set_value(now->ToString());
  });
  EXPECT_EQ(promise.get_future().get(), "1.5");
  EXPECT_EQ(one.Read().Wait()->ToString(), "1.5");
  EXPECT_EQ(CountTo(ShardedCounter(*client, "items", "many", 7), 100).Wait(), "100");
}

TEST_F(PrimitiveFaces, ASumWithoutOneShardIsRefused) {
  ShardedCounter counter(*client, "items", "many", 7);
  ASSERT_TRUE(counter.Add().Wait().ok());
  const std::string third = Key("items", "many#3").ToProto().partition();
  server.Intercept([third](const api::Request& request, api::Reply& reply) {
    if (request.get().key().partition() != third) return false;
    reply.set_code(api::INVALID);
    reply.set_message("not this one");
    return true;
  });
  const auto sum = counter.Read().Wait();
  EXPECT_TRUE(sum.refused());
  EXPECT_EQ(sum.message(), "not this one");
}

TEST_F(PrimitiveFaces, WhatIsNoNumberIsNotCounted) {
  ASSERT_TRUE(client->Put("items", MakeItem({{"key", "text"}, {"n", "x"}})).Wait().ok());
  EXPECT_EQ(Counter(*client, Key("items", "text")).Read().Wait().code(), api::INVALID);
  EXPECT_EQ(ShardedCounter(*client, "items", "many", 0).Add().Wait().code(), api::INVALID);
  EXPECT_EQ(ShardedCounter(*client, "items", "many", 101).Read().Wait().code(), api::INVALID);
}

Task<bool> HoldFor(Leases leases) {
  auto got = co_await leases.Acquire("name", "somebody");
  if (!got.ok() || !got->held || !leases.Holds(got->grant)) co_return false;
  auto released = co_await leases.Release(got->grant);
  co_return released.ok() && *released;
}

// The version of a write is the log time: here it is now.
TEST_F(PrimitiveFaces, LeasesAreAwaited) {
  server.Intercept([](const api::Request& request, api::Reply& reply) {
    if (!request.has_write()) return false;
    reply.mutable_write()->set_version(static_cast<uint64_t>(SystemTime().wall()));
    return true;
  });
  EXPECT_TRUE(HoldFor(Leases(*client, "items")).Wait());
}

// Another program began to make it a moment ago.
TEST_F(PrimitiveFaces, ATableThatIsBeingMadeIsWaitedFor) {
  const api::Table busy = PrimitiveTable("busy").Definition();
  server.Intercept([busy, looks = 0](const api::Request& request, api::Reply& reply) mutable {
    if (request.has_create_table()) {
      reply.set_code(api::TABLE_BUSY);
      return true;
    }
    if (!request.has_describe_table()) return false;
    *reply.mutable_table() = busy;
    reply.mutable_table()->set_state(++looks < 3 ? api::CREATING : api::ACTIVE);
    return true;
  });
  const auto made = EnsureTable(*client, "busy").Wait();
  EXPECT_TRUE(made.ok()) << made.message();
  EXPECT_EQ(EnsureTable(*client, PrimitiveTable("busy", "id")).Wait().code(), api::INVALID);
}

TEST_F(PrimitiveFaces, ATableThatWillNotDoIsToldApart) {
  api::Table other = PrimitiveTable("other", "key", "until").Definition();
  ASSERT_TRUE(client->CreateTable(other).Wait().ok());
  const auto judged = EnsureTable(*client, "other").Wait();
  EXPECT_EQ(judged.code(), api::INVALID);
  EXPECT_EQ(judged.message(), "table \"other\" should have the TTL attribute \"expires\"");
  EXPECT_EQ(EnsureTable(*client, PrimitiveTable("other", "id", "until")).Wait().code(),
            api::INVALID);
  EXPECT_TRUE(EnsureTable(*client, PrimitiveTable("other", "key", "until")).Wait().ok());
}

}  // namespace
}  // namespace fastpath::client
