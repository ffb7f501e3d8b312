// A scan's page over the groups of a cluster, and queries on their way, against
// scripted nodes.
#include "client/internal/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "client/item.h"
#include "client/query.h"
#include "partition/model/codec.h"
#include "tests/client/sim.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr uint64_t kSecondGroup = uint64_t{1} << 63;  // Where group 2 begins.

class ScanTest : public ::testing::Test {
 protected:
  ScanTest() : core(Options{.endpoints = {"node1:1", "node2:1", "node3:1"}}, world.ports()) {
    for (api::GroupDescriptor& group : *world.map.mutable_groups()) group.set_leader_node(1);
    world.script = [this](uint32_t, const api::Request& request) -> std::optional<api::Reply> {
      return pages(request);
    };
  }

  Answer Scan(api::ScanRequest request, Micros timeout = 0) {
    request.set_table("t");
    std::optional<Answer> answer;
    ScanPage(core, std::move(request), timeout, [&](Answer got) { answer = std::move(got); });
    world.RunFor(20 * kSecond);
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(Answer{});
  }
  // So many items of so many bytes, the last one's key being `last`.
  static api::Reply PageOf(uint32_t items, uint64_t bytes, const std::string& last) {
    api::Reply reply;
    api::PageResult& page = *reply.mutable_page();
    for (uint32_t i = 0; i < items; ++i) {
      page.add_items(model::EncodeItem(MakeItem({{"id", last}})));
    }
    page.set_count(items);
    page.set_scanned_count(items);
    page.set_scanned_bytes(bytes);
    if (!last.empty()) *page.mutable_last_key() = client::Key("t", last).ToProto();
    return reply;
  }
  static std::string NameOf(const api::Key& key) {
    return key.partition().empty() ? "" : model::DecodeValue(key.partition())->text();
  }

  SimWorld world;
  Core core;
  std::function<api::Reply(const api::Request&)> pages;
};

TEST_F(ScanTest, APageGoesFromGroupToGroup) {
  pages = [](const api::Request& request) {
    if (request.group() == 2) return PageOf(2, 5000, "z");
    api::Reply reply = PageOf(3, 4000, "a");
    reply.mutable_page()->set_next_hash(kSecondGroup);
    return reply;
  };
  api::ScanRequest request;
  request.set_limit(10);
  request.set_return_capacity(true);
  const Answer answer = Scan(request);
  ASSERT_EQ(answer.outcome, Outcome::kOk);
  const api::PageResult& page = answer.reply.page();
  EXPECT_EQ(page.items_size(), 5);
  EXPECT_EQ(page.count(), 5u);
  EXPECT_FALSE(page.has_last_key());
  EXPECT_EQ(page.capacity().read_half_units(), 6u);  // 9,000 bytes: rounded once.
  ASSERT_EQ(world.seen.size(), 2u);
  const api::ScanRequest& second = world.seen[1].request.scan();
  EXPECT_EQ(second.start_hash(), kSecondGroup);
  EXPECT_EQ(second.limit(), 7u);
  EXPECT_EQ(second.limit_bytes(), (1u << 20) - 4000);
}

TEST_F(ScanTest, APageEndsWhereAGroupHasMore) {
  pages = [](const api::Request&) {
    api::Reply reply = PageOf(3, 4000, "a");
    reply.mutable_page()->set_more(true);
    return reply;
  };
  const Answer answer = Scan({});
  EXPECT_EQ(NameOf(answer.reply.page().last_key()), "a");
  EXPECT_EQ(world.seen.size(), 1u);
}

// What the next group's first item would exceed, its page says nothing of.
TEST_F(ScanTest, AFullPageIsGoneOnWithFromTheLastGroupThatAddedToIt) {
  pages = [](const api::Request& request) {
    api::Reply reply = request.group() == 1 ? PageOf(2, 1'000'000, "a") : PageOf(0, 0, "");
    if (request.group() == 1) reply.mutable_page()->set_next_hash(kSecondGroup);
    if (request.group() == 2) reply.mutable_page()->set_more(true);
    return reply;
  };
  const Answer answer = Scan({});
  EXPECT_EQ(answer.reply.page().count(), 2u);
  EXPECT_EQ(NameOf(answer.reply.page().last_key()), "a");
}

TEST_F(ScanTest, AKeyToGoOnFromIsRoutedByItsHash) {
  pages = [](const api::Request&) { return PageOf(0, 0, ""); };
  std::set<uint32_t> groups;
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) {
    api::ScanRequest request;
    *request.mutable_start_after() = client::Key("t", id).ToProto();
    Scan(request);
    groups.insert(world.seen.back().request.group());
  }
  EXPECT_EQ(groups, (std::set<uint32_t>{1, 2}));
  api::ScanRequest upper;
  upper.set_segment(1);
  upper.set_total_segments(2);
  Scan(upper);
  EXPECT_EQ(world.seen.back().request.group(), 2u);
}

TEST_F(ScanTest, ALaterGroupsFailureLeavesThePageAsFarAsItCame) {
  pages = [](const api::Request& request) {
    if (request.group() == 2) return ReplyOf(api::NOT_READY);
    api::Reply reply = PageOf(3, 4000, "a");
    reply.mutable_page()->set_next_hash(kSecondGroup);
    return reply;
  };
  const Answer answer = Scan({}, 2 * kSecond);
  ASSERT_EQ(answer.outcome, Outcome::kOk);
  EXPECT_EQ(answer.reply.page().count(), 3u);
  EXPECT_EQ(NameOf(answer.reply.page().last_key()), "a");
}

TEST_F(ScanTest, TheFirstGroupsFailureIsThePages) {
  pages = [](const api::Request&) { return ReplyOf(api::TABLE_NOT_FOUND); };
  const Answer answer = Scan({});
  EXPECT_EQ(answer.outcome, Outcome::kRefused);
  EXPECT_EQ(answer.reply.code(), api::TABLE_NOT_FOUND);
  api::ScanRequest wrong;
  wrong.set_segment(3);
  wrong.set_total_segments(3);
  EXPECT_EQ(Scan(wrong).reply.code(), api::INVALID);
}

TEST_F(ScanTest, EventualPagesCarryTheGroupsHighestStamp) {
  pages = [](const api::Request&) {
    api::Reply reply = PageOf(0, 0, "");
    reply.set_stamp(700);
    return reply;
  };
  api::ScanRequest scan;
  scan.set_eventual(true);
  Scan(scan);
  EXPECT_EQ(world.seen.back().request.scan().min_stamp(), 0u);
  Scan(scan);
  EXPECT_EQ(world.seen.back().request.scan().min_stamp(), 700u);
  for (const char* id : {"a", "b", "c", "d"}) {
    api::Request request;
    request.mutable_query()->set_table("t");
    request.mutable_query()->set_partition(model::EncodeValue(Value::String(id)));
    request.mutable_query()->set_eventual(true);
    const auto ended = CallCore(world, core, request);
    world.RunFor(kSecond);
    EXPECT_EQ(ended->times, 1);
    const api::Request& seen = world.seen.back().request;
    EXPECT_TRUE(seen.group() != 1 || seen.query().min_stamp() == 700);
  }
}

TEST(SortKeyBuilder, GivesTheTreesOfTheProtocol) {
  const std::string five = model::EncodeValue(Value::Num(5));
  EXPECT_EQ((SortKey() == 5).proto().equal(), five);
  EXPECT_EQ((SortKey() < 5).proto().less(), five);
  EXPECT_EQ((SortKey() <= 5).proto().less_or_equal(), five);
  EXPECT_EQ((SortKey() > 5).proto().greater(), five);
  EXPECT_EQ((SortKey() >= 5).proto().greater_or_equal(), five);
  EXPECT_EQ(SortKey().Between(5, 9).proto().between().low(), five);
  EXPECT_EQ(SortKey().Between(1, 5).proto().between().high(), five);
  EXPECT_EQ(SortKey().BeginsWith("x").proto().begins_with(),
            model::EncodeValue(Value::String("x")));
  EXPECT_FALSE(SortCondition().present());
}

}  // namespace
}  // namespace fastpath::client::internal
