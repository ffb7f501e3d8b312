// Hundreds of groups on real processes: FAILURE-CASES 12.
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "tests/fault/cluster.h"

namespace fastpath::fault {
namespace {

using std::chrono::seconds;

constexpr int kGroups = 500;
constexpr seconds kPatience{60};  // Of an operation: nothing here is about time.
constexpr char kTable[] = "many";

// One key in each data group.
std::vector<std::string> KeyOfEachGroup(const api::Map& map) {
  std::map<uint32_t, std::string> keys;
  for (int i = 0; keys.size() < kGroups && i < 1000 * kGroups; ++i) {
    const std::string key = absl::StrCat("k", i);
    if (const auto* group = client::GroupOf(map, client::Key(kTable, key))) {
      keys.emplace(group->group(), key);
    }
  }
  std::vector<std::string> list;
  for (auto& [group, key] : keys) list.push_back(std::move(key));
  return list;
}

class ManyGroups : public ::testing::Test {
 protected:
  // A client that knows nothing of what was before.
  client::Client Client() {
    client::Options options;
    options.endpoints = cluster_.endpoints();
    auto client = client::Client::Connect(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  void Begin() {
    cluster_.StartAll();
    cluster_.WaitUntilServing(seconds(110));
    if (HasFatalFailure()) return;
    client::Client client = Client();
    api::Table table;
    table.set_name(kTable);
    table.mutable_partition_key()->set_name("id");
    table.mutable_partition_key()->set_type(api::S);
    const auto made = client.CreateTable(table, client::CallOptions(kPatience)).Wait();
    ASSERT_TRUE(made.ok()) << made.message();
    keys_ = KeyOfEachGroup(*client.ClusterMap().Wait());
    ASSERT_EQ(keys_.size(), static_cast<size_t>(kGroups));
  }

  // To every group at once; an acknowledgement proves a leader that a majority follows.
  void WriteToEveryGroup(const std::string& value) {
    client::Client client = Client();
    std::vector<std::promise<client::Result<client::WriteAnswer>>> answers(keys_.size());
    for (size_t i = 0; i < keys_.size(); ++i) {
      const client::Item item = client::MakeItem({{"id", keys_[i]}, {"value", value}});
      client.Put(kTable, item, client::PutOptions().Deadline(kPatience))
          .Then([&answer = answers[i]](auto result) { answer.set_value(std::move(result)); });
    }
    for (size_t i = 0; i < keys_.size(); ++i) {
      const auto written = answers[i].get_future().get();
      EXPECT_TRUE(written.ok()) << keys_[i] << ": " << written.message();
    }
  }

  void ExpectEveryGroupHolds(const std::string& value) {
    client::Client client = Client();
    for (const std::string& key : keys_) {
      const auto got =
          client.Get(client::Key(kTable, key), client::GetOptions().Deadline(kPatience)).Wait();
      ASSERT_TRUE(got.ok()) << key << ": " << got.message();
      ASSERT_TRUE(got->item) << key << " was acknowledged and is gone";
      EXPECT_EQ(*got->item, client::MakeItem({{"id", key}, {"value", value}})) << key;
    }
  }

  Cluster cluster_{{.name = "many-groups", .groups = kGroups}};
  std::vector<std::string> keys_;
};

TEST_F(ManyGroups, ANodeDiesAndThenAllDoAndEveryGroupIsLedAgain) {
  Begin();
  if (HasFatalFailure()) return;
  WriteToEveryGroup("before");
  const int dead = cluster_.LeaderOf(kGroups);
  ASSERT_GE(dead, 0);
  cluster_.Kill(dead);
  ExpectEveryGroupHolds("before");
  WriteToEveryGroup("without a node");
  cluster_.Start(dead);
  cluster_.WaitUntilServing();
  if (HasFatalFailure()) return;
  WriteToEveryGroup("with it again");

  cluster_.KillAll();
  cluster_.StartAll();
  cluster_.WaitUntilServing();
  if (HasFatalFailure()) return;
  ExpectEveryGroupHolds("with it again");
  WriteToEveryGroup("at the end");
  const CommandResult digest = cluster_.Fastpath({"cluster", "digest"});
  EXPECT_EQ(digest.code, 0) << digest.output;
}

}  // namespace
}  // namespace fastpath::fault
