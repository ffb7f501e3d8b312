// Transactions of real nodes as the client sees them: capacity, reasons, tokens of several
// clients, conflicts and limits; and money that is moved among accounts of all groups while
// leaders are killed: what the client was told of each move is what became of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "tests/fault/cluster.h"

namespace fastpath::fault {
namespace {

using client::Attr;
using client::AttrExists;
using client::AttrNotExists;
using client::Item;
using client::Key;
using client::MakeItem;
using client::OnlyIf;
using client::Outcome;
using client::Result;
using client::TransactGet;
using client::TransactOptions;
using client::TransactWrite;
using client::TransactWriteAnswer;
using client::Update;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr int kAccounts = 24;
constexpr int kEach = 100;

std::string Account(int i) { return absl::StrCat("account", i); }

int64_t NumberOf(const Item& item, const char* attribute) {
  int64_t number = -1;
  const model::Value* value = item.Find(attribute);
  EXPECT_TRUE(value != nullptr && value->number().ToInt64(number)) << attribute;
  return number;
}

// One cluster for all: three nodes, eight groups, two tables.
class TransactClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.name = "transact-client"});
    cluster_->StartAll();
    cluster_->WaitUntilServing();
    client_ = Connect();
    ASSERT_NE(client_, nullptr);
    for (const char* table : {"products", "orders"}) {
      ASSERT_EQ(cluster_->Fastpath({"table", "create", table, "--partition-key", "id:S"}).code, 0);
    }
  }
  static void TearDownTestSuite() {
    client_.reset();
    delete cluster_;
  }
  static std::unique_ptr<client::Client> Connect() {
    auto connected = client::Client::Connect(
        {.endpoints = cluster_->endpoints(), .deadline = std::chrono::seconds(20)});
    if (!connected.ok()) return nullptr;
    return std::make_unique<client::Client>(*std::move(connected));
  }
  static void Put(const std::string& table, const Item& item) {
    const auto put = client_->Put(table, item).Wait();
    ASSERT_TRUE(put.ok()) << put.message();
  }
  static TransactWrite Order(const std::string& product, const std::string& order, int quantity) {
    return TransactWrite()
        .Update(Key("products", product), Update().Set("stock", Attr("stock") - quantity),
                OnlyIf(Attr("stock") >= quantity).ReturnItemOnFailure())
        .Put("orders", MakeItem({{"id", order}, {"quantity", quantity}}), AttrNotExists("id"));
  }
  static int64_t Stock(const std::string& product) {
    const auto got = client_->Get(Key("products", product)).Wait();
    EXPECT_TRUE(got.ok() && got->item) << got.message();
    return got.ok() && got->item ? NumberOf(*got->item, "stock") : -1;
  }
  static bool HasOrder(const std::string& order) {
    const auto got = client_->Get(Key("orders", order)).Wait();
    EXPECT_TRUE(got.ok()) << got.message();
    return got.ok() && got->item.has_value();
  }
  // A name whose group is, or is not, that of `other`.
  static std::string NameIn(const std::string& other, bool same) {
    for (int i = 0;; ++i) {
      std::string name = absl::StrCat(other, "-", i);
      if ((cluster_->GroupOf(name) == cluster_->GroupOf(other)) == same) return name;
    }
  }

  static Cluster* cluster_;
  static std::unique_ptr<client::Client> client_;
};
Cluster* TransactClientTest::cluster_ = nullptr;
std::unique_ptr<client::Client> TransactClientTest::client_;

TEST_F(TransactClientTest, StockIsSoldAndTheOrderIsTakenOrNeither) {
  for (const bool same_group : {true, false}) {
    const std::string product = same_group ? "p1" : "p2";
    const std::string order = NameIn(product, same_group);
    Put("products", MakeItem({{"id", product}, {"stock", 3}}));
    const auto sold =
        client_->TransactWrite(Order(product, order, 2), TransactOptions().ReturnCapacity()).Wait();
    ASSERT_TRUE(sold.ok()) << sold.message();
    ASSERT_EQ(sold->capacity.size(), 2u);
    EXPECT_EQ(sold->capacity[0].table(), "orders");
    EXPECT_EQ(sold->capacity[0].write_units(), 2u);
    EXPECT_EQ(sold->capacity[1].table(), "products");
    EXPECT_EQ(Stock(product), 1);
    EXPECT_TRUE(HasOrder(order));
    const auto out = client_->TransactWrite(Order(product, order + "x", 2)).Wait();
    EXPECT_TRUE(out.refused());
    EXPECT_EQ(out.message(),
              "Transaction cancelled, please refer cancellation reasons for specific reasons "
              "[ConditionalCheckFailed, None]");
    ASSERT_EQ(out.failure().reasons.size(), 2u);
    EXPECT_EQ(out.failure().reasons[0].item, MakeItem({{"id", product}, {"stock", 1}}));
    EXPECT_EQ(Stock(product), 1);
    EXPECT_FALSE(HasOrder(order + "x"));
  }
}

TEST_F(TransactClientTest, ReasonsAreInTheOrderOfTheItems) {
  Put("products", MakeItem({{"id", "r1"}, {"stock", "text"}}));
  const auto result =
      client_
          ->TransactWrite(TransactWrite()
                              .Put("orders", MakeItem({{"id", "r0"}}))
                              .Update(Key("products", "r1"), Update().Add("stock", 1))
                              .Check(Key("products", "r2"), AttrExists("id"))
                              .Delete(Key("orders", "r4")))
          .Wait();
  EXPECT_TRUE(result.refused());
  EXPECT_THAT(result.message(), HasSubstr("[None, ValidationError, ConditionalCheckFailed, None]"));
  EXPECT_FALSE(HasOrder("r0"));
  const auto nowhere =
      client_
          ->TransactWrite(
              TransactWrite().Put("orders", MakeItem({{"id", "r0"}})).Delete(Key("nowhere", "r3")))
          .Wait();
  EXPECT_TRUE(nowhere.refused());
  EXPECT_EQ(nowhere.code(), api::TABLE_NOT_FOUND);
  EXPECT_FALSE(HasOrder("r0"));
}

TEST_F(TransactClientTest, ATokenCountsOnceForEveryClient) {
  Put("products", MakeItem({{"id", "t1"}, {"stock", 10}}));
  const auto other = Connect();
  const TransactWrite sell =
      TransactWrite().Update(Key("products", "t1"), Update().Add("stock", -3)).Token("token-1");
  for (client::Client* who : {client_.get(), other.get(), client_.get()}) {
    const auto sold = who->TransactWrite(sell).Wait();
    EXPECT_TRUE(sold.ok()) << sold.message();
  }
  EXPECT_EQ(Stock("t1"), 7);
  const auto mismatch =
      other
          ->TransactWrite(TransactWrite()
                              .Update(Key("products", "t1"), Update().Add("stock", -4))
                              .Token("token-1"))
          .Wait();
  EXPECT_TRUE(mismatch.refused());
  EXPECT_EQ(mismatch.code(), api::TOKEN_MISMATCH);
  EXPECT_EQ(Stock("t1"), 7);
}

TEST_F(TransactClientTest, ReadsAreAsOfOneMomentAndAsAsked) {
  Put("products", MakeItem({{"id", "g1"}, {"stock", 5}, {"name", "x"}}));
  const auto got =
      client_
          ->TransactGet(
              TransactGet().Get(Key("orders", "g0")).Get(Key("products", "g1"), {"stock"}),
              TransactOptions().ReturnCapacity())
          .Wait();
  ASSERT_TRUE(got.ok()) << got.message();
  EXPECT_FALSE(got->items[0].item);
  EXPECT_EQ(got->items[1].item, MakeItem({{"stock", 5}}));
  EXPECT_GT(got->items[1].version, 0u);
  ASSERT_EQ(got->capacity.size(), 2u);
  EXPECT_EQ(got->capacity[1].table(), "products");
  EXPECT_EQ(got->capacity[1].read_half_units(), 4u);
}

// Many at once want the same two items, in both orders: nobody waits for ever.
TEST_F(TransactClientTest, ConflictsAreToldApartAndTriedAgainIfAsked) {
  const std::string a = "c1", b = NameIn(a, false);
  for (const std::string& id : {a, b}) Put("products", MakeItem({{"id", id}, {"stock", 0}}));
  std::atomic<int> conflicts{0}, sold{0};
  for (const bool retry : {false, true}) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 10; ++n) {
          const auto result =
              client_
                  ->TransactWrite(
                      TransactWrite()
                          .Update(Key("products", i % 2 ? a : b), Update().Add("stock", 1))
                          .Update(Key("products", i % 2 ? b : a), Update().Add("stock", 1)),
                      TransactOptions().RetryConflicts(retry).Deadline(seconds(60)))
                  .Wait();
          if (result.ok()) {
            ++sold;
            continue;
          }
          ++conflicts;
          EXPECT_FALSE(retry) << result.message();
          EXPECT_EQ(result.code(), api::TRANSACTION_CANCELLED);
          for (const auto& reason : result.failure().reasons) {
            EXPECT_TRUE(reason.code == api::OK || reason.code == api::CONFLICT) << reason.message;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::printf("without retries %d of 80 met a conflict\n", conflicts.load());
  EXPECT_GT(conflicts, 0);
  EXPECT_EQ(sold + conflicts, 160);
  EXPECT_EQ(Stock(a), sold);
  EXPECT_EQ(Stock(b), sold);
}

TEST_F(TransactClientTest, AHundredItemsAndFourMegabytes) {
  TransactWrite write;
  TransactGet read;
  for (int i = 0; i < 100; ++i) {
    write.Put("orders", MakeItem({{"id", absl::StrCat("h", i)}, {"n", i}}));
    read.Get(Key("orders", absl::StrCat("h", i)));
  }
  const auto written = client_->TransactWrite(write).Wait();
  ASSERT_TRUE(written.ok()) << written.message();
  const auto got = client_->TransactGet(read).Wait();
  ASSERT_TRUE(got.ok()) << got.message();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(got->items[i].item);
    EXPECT_EQ(NumberOf(*got->items[i].item, "n"), i);
  }
  const auto over = client_->TransactWrite(write.Delete(Key("orders", "h100"))).Wait();
  EXPECT_EQ(over.code(), api::INVALID);

  // Ten that are just below four million bytes with all that surrounds them, and eleven that are
  // over.
  constexpr size_t kEachBytes = client::kTransactLimitBytes / 10 - 100;
  TransactWrite most, too_much;
  TransactGet all;
  for (int i = 0; i < 10; ++i) {
    const std::string id = absl::StrCat("m", i);
    const Item item = MakeItem({{"id", id}, {"v", std::string(kEachBytes, 'x')}});
    most.Put("orders", item);
    too_much.Put("orders", item);
    all.Get(Key("orders", id));
  }
  too_much.Put("orders", MakeItem({{"id", "m10"}, {"v", std::string(2000, 'x')}}));
  const auto large = client_->TransactWrite(most).Wait();
  EXPECT_TRUE(large.ok()) << large.message();
  EXPECT_EQ(client_->TransactWrite(too_much).Wait().code(), api::TOO_LARGE);
  const auto whole = client_->TransactGet(all).Wait();
  EXPECT_TRUE(whole.ok()) << whole.message();
  const std::string last(2000, 'x');
  Put("orders", MakeItem({{"id", "m10"}, {"v", last}}));
  EXPECT_EQ(client_->TransactGet(all.Get(Key("orders", "m10"))).Wait().code(), api::TOO_LARGE);
}

// Moves money between accounts, each time noting it in the same transaction.
class Mover {
 public:
  Mover(client::Client& client, int number) : client_(client), number_(number) {}

  void Run(const std::atomic<bool>& stop) {
    uint64_t random = 88172645463325252u + static_cast<uint64_t>(number_);
    for (int n = 0; !stop; ++n) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      const int from = static_cast<int>(random % kAccounts);
      const int to = (from + 1 + static_cast<int>((random >> 32) % (kAccounts - 1))) % kAccounts;
      const int amount = static_cast<int>((random >> 16) % 10) + 1;
      const std::string note = absl::StrCat("move-", number_, "-", n);
      TransactWrite move;
      move.Update(Key("products", Account(from)), Update().Add("stock", -amount),
                  Attr("stock") >= amount)
          .Update(Key("products", Account(to)), Update().Add("stock", amount))
          .Put("orders", MakeItem({{"id", note}, {"from", from}, {"to", to}, {"amount", amount}}),
               AttrNotExists("id"));
      if (n % 3 == 0) move.Token(note);
      const auto result =
          client_.TransactWrite(move, TransactOptions().RetryConflicts().Deadline(seconds(10)))
              .Wait();
      moves_[note] = result.outcome();
    }
  }
  const std::map<std::string, Outcome>& moves() const { return moves_; }

 private:
  client::Client& client_;
  const int number_;
  std::map<std::string, Outcome> moves_;
};

// FAILURE-CASES 21, 22 and 25 with real processes. Whatever node dies at whatever step, a
// transaction is whole or nothing: at every moment to whoever reads all accounts, and in the end
// to the note that it left.
TEST_F(TransactClientTest, MoneyIsNeitherLostNorMadeWhileLeadersAreKilled) {
  TransactGet all;
  for (int i = 0; i < kAccounts; ++i) {
    Put("products", MakeItem({{"id", Account(i)}, {"stock", kEach}}));
    all.Get(Key("products", Account(i)));
  }
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<client::Client>> clients;
  std::vector<Mover> movers;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(Connect());
    ASSERT_NE(clients.back(), nullptr);
    movers.emplace_back(*clients.back(), i);
  }
  std::vector<std::thread> threads;
  for (Mover& mover : movers) threads.emplace_back([&] { mover.Run(stop); });
  std::atomic<int> looks{0};
  threads.emplace_back([&] {
    while (!stop) {
      const auto seen = client_->TransactGet(all, TransactOptions().Deadline(seconds(10))).Wait();
      if (!seen.ok()) continue;
      int64_t sum = 0;
      for (const auto& read : seen->items) sum += read.item ? NumberOf(*read.item, "stock") : 0;
      EXPECT_EQ(sum, kAccounts * kEach) << "a torn read";
      ++looks;
    }
  });
  for (int kill = 0; kill < 3; ++kill) {
    std::this_thread::sleep_for(seconds(2));
    const int leader = cluster_->LeaderOf(cluster_->GroupOf(Account(kill)));
    if (leader < 0) continue;
    cluster_->Kill(leader);
    std::this_thread::sleep_for(seconds(1));
    cluster_->Start(leader);
    cluster_->WaitUntilServing();
  }
  std::this_thread::sleep_for(seconds(2));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const auto after = client_->TransactGet(all).Wait();  // There may have been no moment before.
  ASSERT_TRUE(after.ok()) << after.message();

  std::vector<int64_t> expected(kAccounts, kEach);
  std::map<Outcome, int> counts;
  for (const Mover& mover : movers) {
    for (const auto& [note, outcome] : mover.moves()) {
      ++counts[outcome];
      const auto got = client_->Get(Key("orders", note)).Wait();
      ASSERT_TRUE(got.ok()) << got.message();
      if (outcome != Outcome::kUnknown) {
        EXPECT_EQ(got->item.has_value(), outcome == Outcome::kOk) << note;
      }
      if (!got->item) continue;
      const int64_t amount = NumberOf(*got->item, "amount");
      expected[NumberOf(*got->item, "from")] -= amount;
      expected[NumberOf(*got->item, "to")] += amount;
    }
  }
  std::printf("moves: %d done, %d refused, %d unknown; %d reads of all accounts\n",
              counts[Outcome::kOk], counts[Outcome::kRefused], counts[Outcome::kUnknown],
              looks.load());
  EXPECT_GT(counts[Outcome::kOk], 100);
  for (int i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(after->items[i].item);
    EXPECT_EQ(NumberOf(*after->items[i].item, "stock"), expected[i]) << Account(i);
  }
}

}  // namespace
}  // namespace fastpath::fault
