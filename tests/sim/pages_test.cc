// Queries and scans while leaders die: pages go on from their last key on
// whichever replica leads, before and after power cuts, and nothing that was
// acknowledged is missing from a strong one.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/internal/scan.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;

constexpr char kRows[] = "rows";
constexpr Micros kPatience = 20 * kSecond;
constexpr uint64_t kSeeds = 4;

Scenario ThreeGroups(uint64_t seed) {
  Scenario scenario = Calm(seed);
  scenario.groups = 3;
  return scenario;
}

class Pages : public ::testing::TestWithParam<uint64_t> {
 protected:
  Pages() : simulation_(ThreeGroups(GetParam())) {
    StartBusy(simulation_);
    api::Request request;
    api::Table* table = request.mutable_create_table()->mutable_table();
    table->set_name(kRows);
    table->mutable_partition_key()->set_name("p");
    table->mutable_partition_key()->set_type(api::S);
    table->mutable_sort_key()->set_name("s");
    table->mutable_sort_key()->set_type(api::N);
    EXPECT_TRUE(Ok(simulation_.Ask(std::move(request), Target::Group(0), kPatience)));
  }

  void Put(const std::string& partition, int64_t sort) {
    model::Item item;
    item.Set("p", model::Value::String(partition));
    item.Set("s", model::Value::Num(sort));
    api::Request request;
    request.mutable_write()->set_table(kRows);
    request.mutable_write()->mutable_put()->set_item(model::EncodeItem(item));
    ASSERT_TRUE(Ok(simulation_.Ask(std::move(request), Target::Key(), kPatience)));
  }
  static std::string NameOf(const std::string& encoded) {
    const auto item = model::DecodeItem(encoded);
    return absl::StrCat(item->Find("p")->text(), item->Find("s")->number().ToString());
  }

  api::Request Query(const std::string& partition) {
    api::Request request;
    request.mutable_query()->set_table(kRows);
    request.mutable_query()->set_partition(model::EncodeValue(model::Value::String(partition)));
    return request;
  }
  Answer Scan(api::ScanRequest request) {
    return simulation_.Await(
        [&](client::internal::Core& core, client::internal::Core::Done done) {
          client::internal::ScanPage(core, std::move(request), kPatience, std::move(done));
        },
        kPatience);
  }

  void FailOver(uint32_t group) {
    const size_t leader = LeaderOf(simulation_, group).value_or(0);
    simulation_.cluster().Kill(leader, Death::kProcess);
    simulation_.RunFor(3 * kSecond);
    simulation_.cluster().Start(leader);
  }
  void PowerCutOfAll() {
    for (size_t node = 0; node < 3; ++node) simulation_.cluster().Kill(node, Death::kPower);
    simulation_.RunFor(kSecond);
    for (size_t node = 0; node < 3; ++node) simulation_.cluster().Start(node);
  }
  // Between two pages.
  void Disturb(int page) {
    if (page == 1 || page == 4) FailOver(1 + static_cast<uint32_t>(page) % 3);
    if (page == 2) PowerCutOfAll();
    if (page == 3) FailOver(2);
    if (page == 5) FailOver(3);
  }

  Simulation simulation_;
};

TEST_P(Pages, AQueryGoesOnAfterLeadersDied) {
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    Put("a", i);
    Put("b", i);
    expected.push_back(absl::StrCat("a", i));
  }
  for (const bool reverse : {false, true}) {
    api::Request request = Query("a");
    request.mutable_query()->set_limit(6);
    request.mutable_query()->set_reverse(reverse);
    request.mutable_query()->set_eventual(reverse);
    std::vector<std::string> got;
    for (int page = 0; page == 0 || request.query().has_start_after(); ++page) {
      const Answer answer = simulation_.Ask(request, Target::Key(), kPatience);
      ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
      for (const std::string& item : answer.reply.page().items()) got.push_back(NameOf(item));
      request.mutable_query()->clear_start_after();
      if (answer.reply.page().has_last_key()) {
        *request.mutable_query()->mutable_start_after() = answer.reply.page().last_key();
      }
      Disturb(page);
    }
    EXPECT_EQ(got, expected);
    std::reverse(expected.begin(), expected.end());
  }
  ExpectAllIsWell(simulation_);
}

TEST_P(Pages, AScanGoesOnAfterLeadersDied) {
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    Put(absl::StrCat("k", i, "-"), i % 3);
    expected.push_back(absl::StrCat("k", i, "-", i % 3));
  }
  api::ScanRequest request;
  request.set_table(kRows);
  request.set_limit(9);  // Of the page, whatever groups it is from.
  std::vector<std::string> got;
  for (int page = 0; page == 0 || request.has_start_after(); ++page) {
    const Answer answer = Scan(request);
    ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    const api::PageResult& result = answer.reply.page();
    EXPECT_LE(result.scanned_count(), 9u);
    EXPECT_TRUE(result.scanned_count() == 9 || !result.has_last_key());
    for (const std::string& item : result.items()) got.push_back(NameOf(item));
    request.clear_start_after();
    if (result.has_last_key()) *request.mutable_start_after() = result.last_key();
    Disturb(page);
  }
  std::sort(got.begin(), got.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(got, expected);
  ExpectAllIsWell(simulation_);
}

TEST_P(Pages, AStrongQueryHoldsEveryAcknowledgedPut) {
  for (int i = 0; i < 30; ++i) {
    Put("a", i);
    if (i % 10 == 5) {  // The next leader has not committed anything of its own yet.
      const uint32_t group = 1 + static_cast<uint32_t>(i / 10);
      simulation_.cluster().Kill(LeaderOf(simulation_, group).value_or(0), Death::kProcess);
    }
    const Answer answer = simulation_.Ask(Query("a"), Target::Key(), kPatience);
    ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    EXPECT_EQ(answer.reply.page().count(), static_cast<uint32_t>(i + 1));
    if (i % 10 == 5) {
      for (size_t node = 0; node < 3; ++node) {
        if (!simulation_.cluster().up(node)) simulation_.cluster().Start(node);
      }
      simulation_.RunFor(3 * kSecond);
    }
  }
  ExpectAllIsWell(simulation_);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Pages, ::testing::Range<uint64_t>(1, 1 + kSeeds));

}  // namespace
}  // namespace fastpath::sim
