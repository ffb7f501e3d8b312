// Queries and scans of real nodes, through the client and the command line: what
// is asked comes in order, pages go on after the leader was killed, and what
// cannot be asked is refused in words.
#include "client/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/task.h"
#include "tests/fault/cluster.h"

namespace fastpath::fault {
namespace {

using client::Attr;
using client::Item;
using client::Key;
using client::MakeItem;
using client::Page;
using client::Pages;
using client::QueryOptions;
using client::Result;
using client::ScanOptions;
using client::SortKey;
using ::testing::HasSubstr;

constexpr int kItems = 300;  // Of one partition; each of the others has one.

std::string Day(int i) { return absl::StrCat(i < 100 ? "2023-" : "2024-", 1000 + i); }

// One cluster for all: three nodes, a table of a log, its items put by the client.
class PagesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.name = "pages"});
    cluster_->StartAll();
    cluster_->WaitUntilServing();
    ASSERT_EQ(cluster_
                  ->Fastpath({"table", "create", "log", "--partition-key", "device:S", "--sort-key",
                              "day:S"})
                  .code,
              0);
    auto connected = client::Client::Connect({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(connected.ok());
    client_ = new client::Client(*std::move(connected));
    for (int i = 0; i < kItems; ++i) {
      Put(MakeItem({{"device", "d7"}, {"day", Day(i)}, {"n", i}, {"odd", i % 2}}));
      Put(MakeItem({{"device", absl::StrCat("other", i)}, {"day", "x"}, {"n", i}}));
    }
  }
  static void TearDownTestSuite() {
    delete client_;
    delete cluster_;
  }
  static void Put(const Item& item) {
    const auto put = client_->Put("log", item).Wait();
    ASSERT_TRUE(put.ok()) << put.message();
  }

  static std::vector<int64_t> Numbers(const Page& page) {
    std::vector<int64_t> numbers;
    for (const Item& item : page.items) {
      EXPECT_TRUE(item.Find("n")->number().ToInt64(numbers.emplace_back()));
    }
    return numbers;
  }
  static CommandResult Fastpath(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "item");
    return cluster_->Fastpath(std::move(arguments));
  }
  static int Lines(const std::string& text) {
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }

  static Cluster* cluster_;
  static client::Client* client_;
};
Cluster* PagesTest::cluster_ = nullptr;
client::Client* PagesTest::client_ = nullptr;

TEST_F(PagesTest, AQueryIsInOrderAndWithinItsCondition) {
  const auto page = client_->Query("log", "d7", SortKey().BeginsWith("2024-")).Wait();
  ASSERT_TRUE(page.ok()) << page.message();
  EXPECT_EQ(page->count, 200u);
  EXPECT_FALSE(page->last_key);
  const std::vector<int64_t> numbers = Numbers(*page);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_EQ(numbers.front(), 100);
  const auto last =
      client_->Query("log", "d7", QueryOptions(SortKey() <= Day(50)).Reverse().Limit(2)).Wait();
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(Numbers(*last), (std::vector<int64_t>{50, 49}));
  const auto counted = client_
                           ->Query("log", "d7",
                                   QueryOptions(SortKey().Between(Day(10), Day(19)))
                                       .Filter(Attr("odd") == 1)
                                       .CountOnly()
                                       .ReturnCapacity())
                           .Wait();
  ASSERT_TRUE(counted.ok());
  EXPECT_EQ(counted->count, 5u);
  EXPECT_EQ(counted->scanned_count, 10u);
  EXPECT_TRUE(counted->items.empty());
  ASSERT_TRUE(counted->capacity);
  EXPECT_EQ(counted->capacity->table(), "log");
  EXPECT_EQ(counted->capacity->read_half_units(), 2u);
}

TEST_F(PagesTest, WritesAndGetsTellWhatTheyCost) {
  const Item item = MakeItem({{"device", "cost"}, {"day", "1"}, {"v", std::string(3000, 'x')}});
  const auto put = client_->Put("log", item, client::PutOptions().ReturnCapacity()).Wait();
  ASSERT_TRUE(put.ok() && put->capacity) << put.message();
  EXPECT_EQ(put->capacity->write_units(), 3u);
  const Key key("log", "cost", "1");
  const auto refused =
      client_->Delete(key, client::PutOptions(Attr("v") == "y").ReturnCapacity()).Wait();
  EXPECT_EQ(refused.code(), api::CONDITION_FAILED);
  ASSERT_TRUE(refused.failure().capacity);
  EXPECT_EQ(refused.failure().capacity->write_units(), 3u);
  const auto got = client_->Get(key, client::GetOptions().Eventual().ReturnCapacity()).Wait();
  ASSERT_TRUE(got.ok() && got->capacity);
  EXPECT_EQ(got->capacity->read_half_units(), 1u);
  EXPECT_TRUE(client_->Delete(key).Wait().ok());
}

client::Task<std::multiset<int64_t>> ReadAll(Pages pages) {
  std::multiset<int64_t> numbers;
  while (!pages.done()) {
    Result<Page> page = co_await pages.Next();
    if (!page.ok()) break;
    for (const Item& item : page->items) {
      int64_t number = -1;
      item.Find("n")->number().ToInt64(number);
      numbers.insert(number);
    }
  }
  co_return numbers;
}

TEST_F(PagesTest, SegmentsInParallelAreTheWholeTable) {
  constexpr uint32_t kSegments = 5;
  std::vector<client::Task<std::multiset<int64_t>>> parts;
  for (uint32_t i = 0; i < kSegments; ++i) {
    const ScanOptions options = ScanOptions().Segment(i, kSegments).Limit(40);
    parts.push_back(ReadAll(Pages(*client_, "log", options)));
  }
  std::multiset<int64_t> all;
  for (auto& part : parts) all.merge(std::move(part).Wait());
  EXPECT_EQ(all.size(), 2u * kItems);
  for (int i = 0; i < kItems; ++i) EXPECT_EQ(all.count(i), 2u) << i;
}

TEST_F(PagesTest, PagesGoOnAfterTheLeaderWasKilled) {
  Pages query(*client_, "log", "d7", QueryOptions().Limit(60));
  Pages scan(*client_, "log", ScanOptions().Limit(100));
  std::vector<int64_t> queried;
  size_t scanned = 0;
  for (int page = 0; !query.done() || !scan.done(); ++page) {
    if (!query.done()) {
      const auto got = query.Next().Wait();
      ASSERT_TRUE(got.ok()) << got.message();
      for (const int64_t number : Numbers(*got)) queried.push_back(number);
    }
    if (!scan.done()) {
      const auto got = scan.Next().Wait();
      ASSERT_TRUE(got.ok()) << got.message();
      scanned += got->items.size();
    }
    if (page == 1 || page == 3) {
      const int leader = cluster_->LeaderOf(cluster_->GroupOf("d7"));
      ASSERT_GE(leader, 0);
      cluster_->Kill(leader);
      cluster_->Start(leader);
    }
  }
  EXPECT_EQ(queried.size(), static_cast<size_t>(kItems));
  EXPECT_TRUE(std::is_sorted(queried.begin(), queried.end()));
  EXPECT_EQ(scanned, 2u * kItems);
  cluster_->WaitUntilServing();
}

TEST_F(PagesTest, TheCommandLineQueries) {
  CommandResult all = Fastpath({"query", "log", "\"d7\""});
  EXPECT_EQ(all.code, 0) << all.output;
  EXPECT_EQ(Lines(all.output), kItems);
  CommandResult some =
      Fastpath({"query", "log", "\"d7\"", "--sort-between", absl::StrCat("\"", Day(3), "\""),
                absl::StrCat("\"", Day(5), "\""), "--reverse", "--fields", "n"});
  EXPECT_EQ(some.output, "{\"n\":5}\n{\"n\":4}\n{\"n\":3}\n");
  CommandResult count = Fastpath(
      {"query", "log", "\"d7\"", "--sort-ge", "\"2024-\"", "--filter", "odd=1", "--count"});
  EXPECT_EQ(count.output, "100\n");
  CommandResult page = Fastpath({"query", "log", "\"d7\"", "--limit", "2", "--fields", "n"});
  EXPECT_THAT(page.output, HasSubstr("{\"n\":0}\n{\"n\":1}\n"));
  EXPECT_THAT(page.output, HasSubstr(absl::StrCat("more: --start-after '{\"day\":\"", Day(1),
                                                  "\",\"device\":\"d7\"}'")));
  CommandResult next =
      Fastpath({"query", "log", "\"d7\"", "--limit", "1", "--fields", "n", "--start-after",
                absl::StrCat("{\"day\":\"", Day(1), "\",\"device\":\"d7\"}")});
  EXPECT_THAT(next.output, HasSubstr("{\"n\":2}\n"));
  CommandResult json =
      Fastpath({"query", "log", "\"d7\"", "--sort-eq", absl::StrCat("\"", Day(7), "\""),
                "--capacity", "--json", "--eventual", "--fields", "n"});
  EXPECT_EQ(json.output,
            "{\"items\":[{\"n\":7}],\"count\":1,\"scanned_count\":1,\"read_units\":0.5}\n");
}

TEST_F(PagesTest, TheCommandLineTellsWhatOperationsCost) {
  const std::string item = R"({"device":"cost","day":"2","v":1})";
  EXPECT_THAT(Fastpath({"put", "log", item, "--capacity"}).output, HasSubstr("write units: 1\n"));
  EXPECT_THAT(Fastpath({"get", "log", "--key", R"(["cost","2"])", "--capacity", "--json"}).output,
              HasSubstr("\"read_units\":1}"));
  EXPECT_THAT(
      Fastpath({"delete", "log", "--key", R"(["cost","2"])", "--capacity", "--json"}).output,
      HasSubstr("\"write_units\":1}"));
}

TEST_F(PagesTest, TheCommandLineScans) {
  EXPECT_EQ(Lines(Fastpath({"scan", "log", "--segments", "7"}).output), 2 * kItems);
  EXPECT_EQ(Fastpath({"scan", "log", "--count", "--filter", "day=\"x\""}).output,
            absl::StrCat(kItems, "\n"));
  CommandResult json = Fastpath({"scan", "log", "--count", "--json"});
  EXPECT_EQ(json.output,
            absl::StrCat("{\"count\":", 2 * kItems, ",\"scanned_count\":", 2 * kItems, "}\n"));
}

TEST_F(PagesTest, TheCommandLineRefusesInWords) {
  CommandResult turned = Fastpath({"query", "log", "\"d7\"", "--sort-between", "\"b\"", "\"a\""});
  EXPECT_EQ(turned.code, 1);
  EXPECT_THAT(turned.output, HasSubstr("upper bound to be greater than or equal to lower bound"));
  EXPECT_THAT(Fastpath({"query", "log", "7"}).output, HasSubstr("does not match schema type"));
  EXPECT_THAT(Fastpath({"query", "none", "7"}).output, HasSubstr("TABLE_NOT_FOUND"));
  EXPECT_THAT(Fastpath({"query", "log", "\"d7\"", "--filter", "day=1"}).output,
              HasSubstr("can only contain non-primary key attributes"));
  EXPECT_EQ(Fastpath({"query", "log", "\"d7\"", "--sort-eq", "1", "--sort-lt", "2"}).code, 2);
  EXPECT_EQ(Fastpath({"scan", "log", "--segments", "2", "--limit", "3"}).code, 2);
  for (const char* command : {"query", "scan"}) {
    CommandResult help = Fastpath({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.output, HasSubstr("--start-after"));
  }
}

}  // namespace
}  // namespace fastpath::fault
