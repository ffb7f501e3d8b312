// The three faces and the io folder, against a server on a real socket.
#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <coroutine>
#include <future>
#include <latch>

#include "client/task.h"
#include "tests/client/fake_server.h"

namespace fastpath::client {
namespace {

using ::testing::HasSubstr;

api::Table Books() {
  api::Table table;
  table.set_name("books");
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(api::S);
  return table;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto connected = Client::Connect({.endpoints = {server.address()}});
    ASSERT_TRUE(connected.ok());
    client.emplace(*std::move(connected));
    ASSERT_TRUE(client->CreateTable(Books()).Wait().ok());
  }

  FakeServer server;
  std::optional<Client> client;
};

TEST_F(ClientTest, BlockingFace) {
  auto put = client->Put("books", MakeItem({{"id", "a"}, {"stock", 3}})).Wait();
  ASSERT_TRUE(put.ok()) << put.message();
  EXPECT_EQ(put->version, 1u);
  auto got = client->Get(Key("books", "a")).Wait();
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->item, MakeItem({{"id", "a"}, {"stock", 3}}));
  auto none = client->Get(Key("books", "b")).Wait();
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->item.has_value());
}

TEST_F(ClientTest, CallbackFace) {
  std::promise<Result<WriteAnswer>> promise;
  client->Put("books", MakeItem({{"id", "a"}})).Then([&](Result<WriteAnswer> result) {
    promise.set_value(std::move(result));
  });
  EXPECT_TRUE(promise.get_future().get().ok());
}

Task<int> Sell(Client& client, int times) {
  int sold = 0;
  for (int i = 0; i < times; ++i) {
    auto result =
        co_await client.Update(Key("books", "a"), Update().Add("stock", -1), Attr("stock") >= 1);
    if (result.ok()) ++sold;
  }
  co_return sold;
}

Task<int> SellTwice(Client& client) {
  co_return co_await Sell(client, 2) + co_await Sell(client, 2);
}

// What a program would write in place, in a co_await expression. (GCC 12 does not
// compile braced lists there: items are built before.)
Task<bool> AwaitTemporaries(Client& client) {
  Item item = MakeItem({{"id", "t"}, {"list", List({1, "two"})}, {"set", StringSet({"a"})}});
  auto put = co_await client.Put(
      "books", item,
      PutOptions(AttrNotExists("id") || Attr("n").Between(1, 2)).ReturnOld().ReturnItemOnFailure());
  auto got = co_await client.Get(Key("books", "t"), GetOptions().Eventual());
  auto updated = co_await client.Update(
      Key("books", "t"), Update().Set("n", IfNotExists("n", 0) + 1).Set("s", Attr("list")),
      UpdateOptions(Attr("id") == "t").Return(api::ALL_NEW));
  auto deleted = co_await client.Delete(Key("books", "t"), Attr("n") == 1);
  co_return put.ok() && got.ok() && updated.ok() && deleted.ok();
}

TEST_F(ClientTest, TemporariesInCoroutinesLiveOnce) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(AwaitTemporaries(*client).Wait());
}

TEST_F(ClientTest, CoroutineFace) {
  ASSERT_TRUE(client->Put("books", MakeItem({{"id", "a"}, {"stock", 3}})).Wait().ok());
  EXPECT_EQ(SellTwice(*client).Wait(), 3);
}

// A coroutine type of somebody else.
struct FireAndForget {
  struct promise_type {
    FireAndForget get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_void() {}
  };
};

FireAndForget GetInto(Client& client, std::promise<bool>& found) {
  auto got = co_await client.Get(Key("books", "a"));
  found.set_value(got.ok() && got->item.has_value());
}

TEST_F(ClientTest, AnyCoroutineTypeCanAwait) {
  ASSERT_TRUE(client->Put("books", MakeItem({{"id", "a"}})).Wait().ok());
  std::promise<bool> found;
  GetInto(*client, found);
  EXPECT_TRUE(found.get_future().get());
}

TEST_F(ClientTest, FailedConditionCarriesTheItem) {
  ASSERT_TRUE(client->Put("books", MakeItem({{"id", "a"}, {"stock", 3}})).Wait().ok());
  auto again = client
                   ->Put("books", MakeItem({{"id", "a"}}),
                         PutOptions(AttrNotExists("id")).ReturnItemOnFailure())
                   .Wait();
  EXPECT_TRUE(again.refused());
  EXPECT_EQ(again.code(), api::CONDITION_FAILED);
  EXPECT_EQ(again.failure().item, MakeItem({{"id", "a"}, {"stock", 3}}));
}

// Decrement the stock and take the order, or neither: the three faces of a transaction.
TransactWrite Order(const std::string& id) {
  const Item order = MakeItem({{"id", id}, {"product", "p1"}, {"quantity", 2}});
  return TransactWrite()
      .Update(Key("books", "p1"), Update().Set("stock", Attr("stock") - 2),
              OnlyIf(Attr("stock") >= 2).ReturnItemOnFailure())
      .Put("orders", order, AttrNotExists("id"))
      .Token(id);
}

Task<bool> OrderAndLook(Client& client) {
  auto sold = co_await client.TransactWrite(Order("o2"), TransactOptions().RetryConflicts());
  auto seen = co_await client.TransactGet(TransactGet().Get(Key("orders", "o2")));
  co_return sold.ok() && seen.ok() && seen->items[0].item.has_value();
}

TEST_F(ClientTest, ATransactionHasTheThreeFaces) {
  api::Table orders = Books();
  orders.set_name("orders");
  ASSERT_TRUE(client->CreateTable(orders).Wait().ok());
  ASSERT_TRUE(client->Put("books", MakeItem({{"id", "p1"}, {"stock", 5}})).Wait().ok());
  auto sold = client->TransactWrite(Order("o1"), TransactOptions().ReturnCapacity()).Wait();
  ASSERT_TRUE(sold.ok()) << sold.message();
  ASSERT_EQ(sold->capacity.size(), 1u);
  EXPECT_EQ(sold->capacity[0].write_units(), 4u);
  EXPECT_TRUE(client->TransactWrite(Order("o1")).Wait().ok()) << "the token: it is done already";
  EXPECT_EQ(client->TransactWrite(Order("o2").Token("o1")).Wait().code(), api::TOKEN_MISMATCH);
  EXPECT_TRUE(OrderAndLook(*client).Wait());
  std::promise<Result<TransactWriteAnswer>> promise;
  client->TransactWrite(Order("o3")).Then([&](Result<TransactWriteAnswer> result) {
    promise.set_value(std::move(result));
  });
  const Result<TransactWriteAnswer> out = promise.get_future().get();
  EXPECT_EQ(out.message(),
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[ConditionalCheckFailed, None]");
  ASSERT_EQ(out.failure().reasons.size(), 2u);
  EXPECT_EQ(out.failure().reasons[0].item, MakeItem({{"id", "p1"}, {"stock", 1}}));
  auto seen = client
                  ->TransactGet(TransactGet()
                                    .Get(Key("books", "p1"), {"stock"})
                                    .Get(Key("orders", "o3"))
                                    .Get(Key("orders", "o1")))
                  .Wait();
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->items[0].item, MakeItem({{"stock", 1}}));
  EXPECT_FALSE(seen->items[1].item.has_value()) << "of the cancelled one there is nothing";
  EXPECT_TRUE(seen->items[2].item.has_value());
}

TEST_F(ClientTest, ATransactionThatIsNoneIsRefusedHere) {
  EXPECT_EQ(client->TransactWrite(Order("o1").Token("")).Wait().code(), api::INVALID);
  auto get = TransactGet().Get(Key("books", "a"), ParseProjection("a b"));
  EXPECT_EQ(client->TransactGet(get).Wait().code(), api::INVALID);
  EXPECT_EQ(client->TransactGet(TransactGet()).Wait().code(), api::INVALID);
}

TEST_F(ClientTest, IncrementGivesTheNewValue) {
  EXPECT_EQ(client->Increment(Key("books", "a"), "hits").Wait()->ToString(), "1");
  EXPECT_EQ(client->Increment(Key("books", "a"), "hits", Decimal("0.5")).Wait()->ToString(), "1.5");
  auto bad = client->Increment(Key("books", "a"), "hits", "text").Wait();
  EXPECT_EQ(bad.code(), api::INVALID);
}

TEST_F(ClientTest, ExpressionsThatDoNotParseAreRefusedHere) {
  size_t before = server.writes();
  auto result = client->Update(Key("books", "a"), Update().Set("a..b", 1)).Wait();
  EXPECT_TRUE(result.refused());
  EXPECT_EQ(result.code(), api::INVALID);
  EXPECT_THAT(result.message(), HasSubstr("a..b"));
  EXPECT_EQ(server.writes(), before);
}

TEST_F(ClientTest, ThreadsShareAClient) {
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        ASSERT_TRUE(client->Increment(Key("books", "shared"), "n").Wait().ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  auto got = client->Get(Key("books", "shared")).Wait();
  EXPECT_EQ(*got->item->Find("n"), Value::Num(kThreads * kEach));
}

TEST_F(ClientTest, ManyInFlightAtOnce) {
  constexpr int kCount = 20'000;
  std::latch done(kCount);
  std::atomic<int> ok{0};
  for (int i = 0; i < kCount; ++i) {
    client->Get(Key("books", "x")).Then([&](Result<GetAnswer> result) {
      ok += result.ok();
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(ok, kCount);
}

TEST_F(ClientTest, LargeItemsTravel) {
  std::string text(390'000, 'x');
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(client->Put("books", MakeItem({{"id", "big"}, {"text", text}})).Wait().ok());
  }
  EXPECT_EQ(client->Get(Key("books", "big")).Wait()->item->Find("text")->text(), text);
}

TEST_F(ClientTest, BrokenConnectionsAreMadeAnew) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client->Put("books", MakeItem({{"id", "a"}, {"i", i}})).Wait().ok());
    server.DropConnections();
  }
  EXPECT_EQ(*client->Get(Key("books", "a")).Wait()->item->Find("i"), Value::Num(19));
}

TEST_F(ClientTest, LyingLengthBreaksTheConnectionOnly) {
  server.AnswerOnceWith(std::string("\xff\xff\xff\xff", 4));
  EXPECT_TRUE(client->Get(Key("books", "a")).Wait().ok());
  server.AnswerOnceWith(std::string("\x03\x00\x00\x00\xff\xff\xff", 7));
  EXPECT_TRUE(client->Get(Key("books", "a")).Wait().ok());
}

TEST_F(ClientTest, ClosingEndsWhatIsUnfinished) {
  server.Intercept([](const api::Request& request, api::Reply& reply) {
    if (request.has_write()) reply.set_id(~0ull);  // An answer to nobody.
    return request.has_write();
  });
  std::promise<Result<WriteAnswer>> sent;
  size_t before = server.writes();
  client->Put("books", MakeItem({{"id", "a"}})).Then([&](Result<WriteAnswer> result) {
    sent.set_value(std::move(result));
  });
  // A read on the same connection comes after it.
  ASSERT_TRUE(client->Get(Key("books", "a")).Wait().ok());
  EXPECT_EQ(server.writes(), before);
  Operation<GetAnswer> later = client->Get(Key("books", "a"));
  client.reset();
  Result<WriteAnswer> result = sent.get_future().get();
  EXPECT_TRUE(result.unknown());
  EXPECT_EQ(result.code(), api::SHUTTING_DOWN);
  EXPECT_TRUE(std::move(later).Wait().refused());
}

TEST_F(ClientTest, TablesComeAndGo) {
  EXPECT_EQ(client->CreateTable(Books()).Wait().code(), api::TABLE_EXISTS);
  auto listed = client->ListTables().Wait();
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(listed->size(), 1u);
  EXPECT_EQ(client->DescribeTable("books").Wait()->partition_key().name(), "id");
  EXPECT_TRUE(client->DeleteTable("books").Wait().ok());
  EXPECT_EQ(client->DescribeTable("books").Wait().code(), api::TABLE_NOT_FOUND);
}

TEST_F(ClientTest, TablesAreChangedWaitedForAndMeasured) {
  EXPECT_EQ(client->SetTtl("books", "until").Wait()->ttl_attribute(), "until");
  EXPECT_TRUE(client->SetDeletionProtection("books", true).Wait()->deletion_protection());
  EXPECT_EQ(client->TagTable("books", {{"team", "red"}}).Wait()->tags(0).value(), "red");
  EXPECT_EQ(client->DescribeTable("books").Wait()->tags_size(), 1);
  EXPECT_EQ(client->UntagTable("books", {"team"}).Wait()->tags_size(), 0);
  EXPECT_EQ(client->WaitUntilActive("books").Wait()->name(), "books");
  EXPECT_EQ(client->TableSize("books").Wait()->items(), 7u);
  EXPECT_TRUE(client->DeleteTable("books").Wait().ok());
  EXPECT_TRUE(client->WaitUntilGone("books").Wait().ok());
  EXPECT_EQ(client->SetTtl("books", "until").Wait().code(), api::TABLE_NOT_FOUND);
}

TEST_F(ClientTest, BatchesWriteAndRead) {
  WriteBatch batch;
  for (int i = 0; i < 20; ++i) {
    batch.Put("books", MakeItem({{"id", "b" + std::to_string(i)}, {"n", i}}));
  }
  Result<BatchWriteAnswer> written = client->BatchWrite(batch).Wait();
  ASSERT_TRUE(written.ok()) << written.message();
  EXPECT_TRUE(written->unprocessed.empty() && written->unknown.empty());
  ASSERT_TRUE(client->BatchWrite(WriteBatch().Delete(Key("books", "b0"))).Wait().ok());
  std::vector<Key> keys;
  for (int i = 0; i < 20; ++i) keys.push_back(Key("books", "b" + std::to_string(i)));
  Result<BatchGetAnswer> got = client->BatchGet(keys).Wait();
  ASSERT_TRUE(got.ok()) << got.message();
  EXPECT_TRUE(got->unprocessed.empty());
  EXPECT_FALSE(got->items[0].item.has_value());
  EXPECT_EQ(got->items[7].item->Find("n")->number().ToString(), "7");
  keys.push_back(Key("books", "b3"));
  EXPECT_EQ(client->BatchGet(keys).Wait().code(), api::INVALID);
  EXPECT_EQ(client->BatchGet({Key("nowhere", "a")}).Wait().code(), api::TABLE_NOT_FOUND);
}

TEST(ClientConnect, RefusesWrongOptions) {
  EXPECT_FALSE(Client::Connect({.endpoints = {}}).ok());
  EXPECT_FALSE(Client::Connect({.endpoints = {"nowhere"}}).ok());
  EXPECT_FALSE(Client::Connect({.endpoints = {"host:99999"}}).ok());
  EXPECT_FALSE(Client::Connect({.deadline = std::chrono::hours(1)}).ok());
  EXPECT_TRUE(Client::Connect().ok());
}

TEST(ClientConnect, NobodyThereIsSaidAtTheDeadline) {
  auto client =
      Client::Connect({.endpoints = {"127.0.0.1:1"}, .deadline = std::chrono::milliseconds(200)});
  auto result = client->Put("t", MakeItem({{"id", "a"}})).Wait();
  EXPECT_TRUE(result.refused());
  EXPECT_EQ(result.code(), api::DEADLINE);
  EXPECT_THAT(result.message(), HasSubstr("refused"));
}

TEST(ClientDeath, WaitingOnTheClientsThreadAborts) {
  EXPECT_DEATH(
      {
        FakeServer server;
        auto client = Client::Connect({.endpoints = {server.address()}});
        std::promise<void> never;
        client->ClusterMap().Then([&](Result<api::Map>) { (void)client->ClusterMap().Wait(); });
        never.get_future().wait();
      },
      "own thread");
}

}  // namespace
}  // namespace fastpath::client
