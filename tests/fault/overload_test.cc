// More than a node can take (FAILURE-CASES 36): whoever gets nothing is told so,
// what was acknowledged stays, and the node lives. No times are judged.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>
#include <memory>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "partition/frame.h"
#include "partition/model/codec.h"
#include "tests/fault/cluster.h"
#include "tests/fault/memory_group.h"
#include "tests/fault/raw_client.h"

namespace fastpath::fault {
namespace {

using client::Key;
using client::MakeItem;
using std::chrono::seconds;

constexpr seconds kPatience{20};
constexpr uint64_t kMemoryBytes = 512u << 20;
constexpr size_t kLargeBytes = 390 * 1024;
constexpr char kTable[] = "things";

client::Client ClientOf(const Cluster& cluster, client::Options options = {}) {
  options.endpoints = cluster.endpoints();
  auto made = client::Client::Connect(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

void MakeTable(client::Client& client) {
  api::Table table;
  table.set_name(kTable);
  table.mutable_partition_key()->set_name("k");
  table.mutable_partition_key()->set_type(api::S);
  const auto made = client.CreateTable(table).Wait();
  ASSERT_TRUE(made.ok()) << made.message();
}

// Of a cluster of one group.
api::Request GetOf(const std::string& key, uint64_t id) {
  api::Request request;
  request.set_id(id);
  request.set_group(1);
  request.mutable_get()->set_table(kTable);
  request.mutable_get()->mutable_key()->set_partition(
      model::EncodeValue(model::Value::String(key)));
  return request;
}

api::Request PutOf(int client, const std::string& key, uint64_t id) {
  api::Request request;
  request.set_id(id);
  request.set_group(1);
  api::WriteRequest* write = request.mutable_write();
  write->set_table(kTable);
  write->mutable_session()->set_client(absl::StrCat("overload-", 1'000'000 + client));
  write->mutable_session()->set_sequence(id);
  write->mutable_session()->set_done_below(id > 10'000 ? id - 10'000 : 1);
  write->mutable_session()->set_not_after(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count()) +
      120'000'000);
  write->mutable_put()->set_item(model::EncodeItem(MakeItem({{"k", key}, {"v", key}})));
  return request;
}

void AllowManyDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Connections that say who they are and nothing more.
std::vector<std::unique_ptr<RawConnection>> Flood(int port, int count) {
  std::vector<std::unique_ptr<RawConnection>> flood;
  for (int i = 0; i < count; ++i) {
    auto connection = std::make_unique<RawConnection>();
    if (!connection->Connect(port)) continue;
    connection->Send(kClientPreface);
    flood.push_back(std::move(connection));
  }
  return flood;
}

class Overload : public testing::Test {
 protected:
  static void ExpectAlive(Cluster& cluster, int nodes) {
    for (int node = 0; node < nodes; ++node) {
      EXPECT_TRUE(cluster.process(node).running()) << cluster.log(node);
    }
  }
};

TEST_F(Overload, WithFewDescriptorsConnectionsAreRefusedAndPeersAreNot) {
  constexpr size_t kDescriptors = 256;
  AllowManyDescriptors();
  const std::string limit = absl::StrCat("--nofile=", kDescriptors, ":", kDescriptors);
  Cluster cluster({.name = "descriptors", .groups = 4, .prefix = {"/usr/bin/prlimit", limit}});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Client client = ClientOf(cluster);
  MakeTable(client);
  // The client keeps connections to nodes that lead: to all of them, then.
  const auto each_leads = [&] {
    std::set<int> leaders;
    for (uint32_t group = 1; group <= 4; ++group) leaders.insert(cluster.LeaderOf(group));
    return leaders == std::set<int>{0, 1, 2};
  };
  ASSERT_TRUE(WaitFor(each_leads, std::chrono::seconds(30)));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(client.Put(kTable, MakeItem({{"k", absl::StrCat("before", i)}})).Wait().ok());
  }
  std::vector<std::vector<std::unique_ptr<RawConnection>>> floods;
  for (int node = 0; node < 3; ++node) floods.push_back(Flood(cluster.client_port(node), 500));
  size_t told = 0;
  for (auto& flood : floods) {
    const auto reply = flood.back()->ReadReply(kPatience);
    if (reply && reply->code() == api::OVERLOADED && reply->id() == 0) ++told;
  }
  EXPECT_EQ(told, 3u) << "who is refused is told why";
  cluster.Kill(2);
  cluster.Start(2);  // Its peers take it back, however many clients press.
  for (int i = 0; i < 300; ++i) {
    const auto put = client.Put(kTable, MakeItem({{"k", absl::StrCat("during", i)}})).Wait();
    EXPECT_TRUE(put.ok()) << put.message();
  }
  for (int node = 0; node < 3; ++node) {
    EXPECT_LE(OpenDescriptors(cluster.process(node).pid()), kDescriptors - 16) << "none to spare";
  }
  floods.clear();
  cluster.WaitUntilServing();
  for (int i = 0; i < 300; ++i) {
    const auto got = client.Get(Key(kTable, absl::StrCat("during", i))).Wait();
    ASSERT_TRUE(got.ok()) << got.message();
    EXPECT_TRUE(got->item.has_value()) << i;
  }
  ExpectAlive(cluster, 3);
}

TEST_F(Overload, FiveThousandConnectionsAreAllServed) {
  AllowManyDescriptors();
  Cluster cluster({.name = "connections", .nodes = 1, .groups = 1});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Client client = ClientOf(cluster);
  MakeTable(client);
  ASSERT_TRUE(client.Put(kTable, MakeItem({{"k", "a"}})).Wait().ok());
  auto flood = Flood(cluster.client_port(0), 5000);
  ASSERT_EQ(flood.size(), 5000u);
  const std::string request = FrameOf(GetOf("a", 7));
  for (auto& connection : flood) ASSERT_TRUE(connection->Send(request));
  for (auto& connection : flood) {
    const auto reply = connection->ReadReply(kPatience);
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->code(), api::OK) << reply->message();
    ASSERT_TRUE(reply->get().found());
  }
  ExpectAlive(cluster, 1);
}

// Replies a hundred times what the node may hold, and nobody takes them.
TEST_F(Overload, SlowReadersDoNotFillTheMemory) {
  MemoryGroup memory("slow-readers", kMemoryBytes);
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  AllowManyDescriptors();
  Cluster cluster({.name = "slow-readers", .nodes = 1, .groups = 1, .prefix = memory.prefix()});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Client client = ClientOf(cluster);
  MakeTable(client);
  const std::string large(kLargeBytes, 'x');
  ASSERT_TRUE(client.Put(kTable, MakeItem({{"k", "large"}, {"v", large}})).Wait().ok());
  auto readers = Flood(cluster.client_port(0), 500);
  std::string requests;
  for (uint64_t id = 1; id <= 300; ++id) requests += FrameOf(GetOf("large", id));
  for (auto& reader : readers) ASSERT_TRUE(reader->Send(requests));
  for (int i = 0; i < 100; ++i) {
    const auto put = client.Put(kTable, MakeItem({{"k", absl::StrCat(i)}})).Wait();
    EXPECT_TRUE(put.ok()) << put.message();
  }
  ExpectAlive(cluster, 1);
  EXPECT_LT(PeakResidentBytes(cluster.process(0).pid()), kMemoryBytes);
  // Who reads after all gets answers, and no more than one to each request.
  std::map<uint64_t, int> answered;
  while (const auto reply = readers[0]->ReadReply(seconds(2))) ++answered[reply->id()];
  EXPECT_FALSE(answered.empty());
  for (const auto& [id, times] : answered) EXPECT_EQ(times, 1) << id;
}

TEST_F(Overload, UnfinishedFramesDoNotFillTheMemory) {
  MemoryGroup memory("unfinished", kMemoryBytes);
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  AllowManyDescriptors();
  Cluster cluster({.name = "unfinished", .nodes = 1, .groups = 1, .prefix = memory.prefix()});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Client client = ClientOf(cluster);
  MakeTable(client);
  auto senders = Flood(cluster.client_port(0), 400);
  const std::string unfinished =
      FrameHeader(kClientFrameLimitBytes) + std::string(kClientFrameLimitBytes - 1, 'x');
  for (auto& sender : senders) sender->Send(unfinished);  // Some are cut off: that is all right.
  for (int i = 0; i < 50; ++i) {
    const auto put = client.Put(kTable, MakeItem({{"k", absl::StrCat(i)}})).Wait();
    EXPECT_TRUE(put.ok()) << put.message();
  }
  ExpectAlive(cluster, 1);
  EXPECT_LT(PeakResidentBytes(cluster.process(0).pid()), kMemoryBytes);
}

TEST_F(Overload, LargeItemsInLittleMemoryAreStoredOrRefused) {
  MemoryGroup memory("large-items", 3 * kMemoryBytes);  // Of three nodes.
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  const std::string limits = absl::StrCat("[engine]\nmemtable_bytes = ", kMemoryBytes / 16,
                                          "\nblock_cache_bytes = ", kMemoryBytes / 8,
                                          "\n[limits]\nrequest_bytes = ", kMemoryBytes / 16, "\n");
  Cluster cluster(
      {.name = "large-items", .groups = 4, .config = limits, .prefix = memory.prefix()});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Options options;
  options.max_waiting_bytes = 2u << 30;
  options.max_in_flight_bytes = 2u << 30;
  options.deadline = std::chrono::seconds(60);
  client::Client client = ClientOf(cluster, options);
  MakeTable(client);
  constexpr int kItems = 800;
  const auto value = [](int i) {
    return absl::StrCat(i, "-", std::string(kLargeBytes, static_cast<char>('a' + i % 26)));
  };
  std::vector<std::thread> writers;
  std::vector<int> stored(kItems, 0);
  for (int writer = 0; writer < 64; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = writer; i < kItems; i += 64) {
        const auto put =
            client.Put(kTable, MakeItem({{"k", absl::StrCat(i)}, {"v", value(i)}})).Wait();
        stored[i] = put.ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  int acknowledged = 0;
  for (int i = 0; i < kItems; ++i) {
    if (stored[i] == 0) continue;
    ++acknowledged;
    const auto got = client.Get(Key(kTable, absl::StrCat(i))).Wait();
    ASSERT_TRUE(got.ok()) << got.message();
    ASSERT_TRUE(got->item.has_value()) << i;
    ASSERT_EQ(got->item->Find("v")->text(), value(i));
  }
  EXPECT_GT(acknowledged, 0);
  ExpectAlive(cluster, 3);
  for (int node = 0; node < 3; ++node) {
    EXPECT_LT(PeakResidentBytes(cluster.process(node).pid()), kMemoryBytes) << node;
  }
}

// Far more at once than may be in flight: each request gets one answer, and what
// was not taken is said to be overload.
TEST_F(Overload, EveryRequestOfAFloodIsAnsweredOnceAndNothingAcknowledgedIsLost) {
  constexpr int kConnections = 12;
  constexpr uint64_t kEach = 6000;
  Cluster cluster({.name = "flood", .nodes = 1, .groups = 1});
  cluster.StartAll();
  cluster.WaitUntilServing();
  client::Client client = ClientOf(cluster);
  MakeTable(client);
  auto flood = Flood(cluster.client_port(0), kConnections);
  std::vector<std::thread> senders;
  for (int c = 0; c < kConnections; ++c) {
    std::string requests;
    for (uint64_t id = 1; id <= kEach; ++id) {
      requests += FrameOf(PutOf(c, absl::StrCat(c, "/", id), id));
    }
    senders.emplace_back([&flood, c, requests = std::move(requests)] { flood[c]->Send(requests); });
  }
  std::map<api::Code, size_t> codes;
  std::vector<std::string> acknowledged;
  for (int c = 0; c < kConnections; ++c) {
    std::map<uint64_t, int> answered;
    for (uint64_t n = 0; n < kEach; ++n) {
      const auto reply = flood[c]->ReadReply(kPatience);
      ASSERT_TRUE(reply.has_value()) << "answers are missing: " << kEach - n;
      ++answered[reply->id()];
      ++codes[reply->code()];
      if (reply->code() == api::OK) acknowledged.push_back(absl::StrCat(c, "/", reply->id()));
    }
    EXPECT_EQ(answered.size(), kEach) << "each once";
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_GT(codes[api::OK], 0u);
  EXPECT_GT(codes[api::OVERLOADED], 0u);
  for (const auto& [code, count] : codes) {
    EXPECT_TRUE(code == api::OK || code == api::OVERLOADED || code == api::SESSION_LIMIT)
        << api::Code_Name(code) << " " << count;
  }
  for (size_t i = 0; i < acknowledged.size(); i += 37) {
    const auto got = client.Get(Key(kTable, acknowledged[i])).Wait();
    ASSERT_TRUE(got.ok()) << got.message();
    EXPECT_TRUE(got->item.has_value()) << acknowledged[i];
  }
  const auto put = client.Put(kTable, MakeItem({{"k", "after"}})).Wait();
  EXPECT_TRUE(put.ok()) << put.message();
  ExpectAlive(cluster, 1);
}

}  // namespace
}  // namespace fastpath::fault
