// Transactions of real nodes: the README's example does what it says, sums hold while leaders
// are killed, and the command line tells what became of each item.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "readme_example.h"  // The README's lines.
#include "tests/fault/cluster.h"

namespace fastpath::fault {
namespace {

using ::testing::HasSubstr;

class TransactionsTest : public ::testing::Test {
 protected:
  TransactionsTest() : cluster_({.name = "transactions"}) {
    cluster_.StartAll();
    cluster_.WaitUntilServing();
    for (const char* table : {"products", "orders", "accounts"}) {
      EXPECT_EQ(cluster_.Fastpath({"table", "create", table, "--partition-key", "id:S"}).code, 0);
    }
    auto connected = client::Client::Connect({.endpoints = cluster_.endpoints()});
    EXPECT_TRUE(connected.ok());
    client_ = std::make_unique<client::Client>(*std::move(connected));
  }

  int64_t NumberOf(const std::string& table, const std::string& id, const std::string& name) {
    const auto got = client_->Get(client::Key(table, id)).Wait();
    EXPECT_TRUE(got.ok()) << got.message();
    int64_t number = -1;
    if (got.ok() && got->item && got->item->Find(name) != nullptr) {
      EXPECT_TRUE(got->item->Find(name)->number().ToInt64(number));
    }
    return number;
  }

  Cluster cluster_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(TransactionsTest, TheReadmesExampleSellsOnceAndNeverTooMuch) {
  ASSERT_TRUE(client_->Put("products", client::MakeItem({{"id", "p1"}, {"stock", 5}})).Wait().ok());
  EXPECT_TRUE(Sell(*client_, "p1", 2, "o1"));
  EXPECT_TRUE(Sell(*client_, "p1", 2, "o1"));  // The same order.
  EXPECT_EQ(NumberOf("products", "p1", "stock"), 3);
  EXPECT_TRUE(Sell(*client_, "p1", 2, "o2"));
  EXPECT_FALSE(Sell(*client_, "p1", 2, "o3"));
  EXPECT_EQ(NumberOf("products", "p1", "stock"), 1);
  EXPECT_EQ(NumberOf("orders", "o2", "quantity"), 2);
  EXPECT_EQ(NumberOf("orders", "o3", "quantity"), -1);
}

TEST_F(TransactionsTest, TheCommandLineTellsTheReasons) {
  ASSERT_TRUE(client_->Put("products", client::MakeItem({{"id", "p1"}, {"stock", 1}})).Wait().ok());
  const std::string file = ::testing::TempDir() + "/items.json";
  std::ofstream(file) << R"([{"Put":{"table":"orders","item":{"id":"o1"}}},
      {"Update":{"table":"products","key":"p1","update":"SET stock = stock - :q",
                 "condition":"stock >= :q","values":{":q":2}}}])";
  const CommandResult refused = cluster_.Fastpath({"transact", "write", "--file", file});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("[None, ConditionalCheckFailed]"));
  EXPECT_EQ(NumberOf("orders", "o1", "id"), -1);
}

// Transfers among accounts while the nodes are killed one after the other.
TEST_F(TransactionsTest, SumsHoldWhileNodesAreKilled) {
  constexpr int kAccounts = 40;
  constexpr int64_t kOpening = 1'000;
  client::TransactGet all;
  for (int i = 0; i < kAccounts; ++i) {
    const std::string id = absl::StrCat("a", i);
    ASSERT_TRUE(
        client_->Put("accounts", client::MakeItem({{"id", id}, {"n", kOpening}})).Wait().ok());
    all.Get(client::Key("accounts", id));
  }
  std::atomic<bool> going = true;
  std::atomic<int> done = 0;
  std::vector<std::thread> tellers;
  for (unsigned seed = 1; seed <= 8; ++seed) {
    tellers.emplace_back([&, seed] {
      std::minstd_rand random(seed);
      while (going) {
        const unsigned from = random() % kAccounts;
        const unsigned to = (from + 1 + random() % (kAccounts - 1)) % kAccounts;
        const int amount = static_cast<int>(1 + random() % 100);
        const auto moved =
            client_
                ->TransactWrite(client::TransactWrite()
                                    .Update(client::Key("accounts", absl::StrCat("a", from)),
                                            client::Update().Add("n", -amount),
                                            client::Attr("n") >= amount)
                                    .Update(client::Key("accounts", absl::StrCat("a", to)),
                                            client::Update().Add("n", amount)))
                .Wait();
        done += moved.ok() ? 1 : 0;
      }
    });
  }
  const auto expect_sum = [&](std::chrono::milliseconds within) {
    const auto read = client_->TransactGet(all, client::TransactOptions().Deadline(within)).Wait();
    if (!read.ok()) return false;  // Others change them all the time.
    int64_t sum = 0;
    for (const auto& account : read->items) {
      int64_t n = 0;
      EXPECT_TRUE(account.item->Find("n")->number().ToInt64(n));
      EXPECT_GE(n, 0);
      sum += n;
    }
    EXPECT_EQ(sum, kAccounts * kOpening);
    return true;
  };
  for (int node = 0; node < 3; ++node) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    cluster_.Kill(node);
    expect_sum(std::chrono::milliseconds(500));
    std::this_thread::sleep_for(std::chrono::seconds(2));
    cluster_.Start(node);
    cluster_.WaitUntilServing();
  }
  going = false;
  for (std::thread& teller : tellers) teller.join();
  EXPECT_TRUE(expect_sum(std::chrono::seconds(10)));
  EXPECT_GT(done, 20);
}

}  // namespace
}  // namespace fastpath::fault
