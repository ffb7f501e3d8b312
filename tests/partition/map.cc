#include "partition/map.h"

#include <gtest/gtest.h>

#include <string>

namespace fastpath {
namespace {

api::GroupDescriptor Descriptor(uint32_t group, uint64_t epoch, uint32_t first, uint32_t last) {
  api::GroupDescriptor descriptor;
  descriptor.set_group(group);
  descriptor.set_epoch(epoch);
  descriptor.set_first_bucket(first);
  descriptor.set_last_bucket(last);
  return descriptor;
}

RoutingTable Table(uint32_t groups) {
  absl::StatusOr<RoutingTable> table = RoutingTable::Create(InitialMap(groups));
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *std::move(table) : RoutingTable();
}

uint64_t HashIn(uint32_t bucket) { return (uint64_t{bucket} << 48) | 0x123456789abc; }

TEST(Map, InitialMapOwnsEveryBucketOnceAndEvenly) {
  for (uint32_t groups : {1u, 2u, 3u, 7u, 16u, 1000u, 1024u}) {
    const api::Map map = InitialMap(groups);
    EXPECT_TRUE(ValidateMap(map).ok()) << groups << ": " << ValidateMap(map);
    ASSERT_EQ(map.groups_size(), static_cast<int>(groups) + 1);
    for (int i = 1; i < map.groups_size(); ++i) {
      const uint32_t buckets = map.groups(i).last_bucket() - map.groups(i).first_bucket() + 1;
      EXPECT_EQ(map.groups(i).group(), static_cast<uint32_t>(i));
      EXPECT_GE(buckets, kBuckets / groups);
      EXPECT_LE(buckets, kBuckets / groups + 1);
    }
  }
}

TEST(Map, EveryBucketRoutesToItsOwner) {
  const RoutingTable table = Table(7);
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
    const api::GroupDescriptor* group = table.ForHash(HashIn(bucket));
    ASSERT_NE(group, nullptr) << bucket;
    ASSERT_LE(group->first_bucket(), bucket);
    ASSERT_GE(group->last_bucket(), bucket);
    ASSERT_NE(group->group(), kMetaGroup);
  }
}

TEST(Map, AnEmptyTableKnowsNothing) {
  const RoutingTable table;
  EXPECT_EQ(table.ForHash(0), nullptr);
  EXPECT_EQ(table.FindGroup(0), nullptr);
  EXPECT_EQ(table.FindTable("t"), nullptr);
  EXPECT_EQ(table.FindNode(1), nullptr);
}

TEST(Map, RefusesMapsThatAreNotACover) {
  const auto error = [](auto change) {
    api::Map map = InitialMap(4);
    change(map);
    EXPECT_FALSE(RoutingTable::Create(map).ok());
    return std::string(ValidateMap(map).message());
  };
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups()->RemoveLast(); }),
            "invalid map: no group owns bucket 49152");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups(1)->set_first_bucket(5); }),
            "invalid map: no group owns bucket 0");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups(1)->set_last_bucket(16384); }),
            "invalid map: two groups own bucket 16384");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups(2)->set_group(1); }),
            "invalid map: group 1 occurs twice");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups(4)->set_last_bucket(kBuckets); }),
            "invalid map: group 4 has buckets 49152 to 65536");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups(0)->set_last_bucket(7); }),
            "invalid map: group 0 has buckets 1 to 7");
  EXPECT_EQ(error([](api::Map& m) { m.mutable_groups()->DeleteSubrange(0, 1); }),
            "invalid map: no meta group");
  EXPECT_EQ(error([](api::Map& m) { m.add_nodes(); }), "invalid map: node 0 occurs twice or is 0");
  EXPECT_EQ(error([](api::Map& m) {
              m.add_tables()->set_name("t");
              m.add_tables()->set_name("t");
            }),
            "invalid map: table t or its space 0 occurs twice");
}

TEST(Map, FindsTablesAndNodes) {
  api::Map map = InitialMap(1);
  for (uint32_t i = 1; i <= 3; ++i) {
    api::Table* table = map.add_tables();
    table->set_name("table" + std::to_string(i));
    table->set_space(10 * i);
    map.add_nodes()->set_id(i);
  }
  const absl::StatusOr<RoutingTable> table = RoutingTable::Create(map);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->FindTable("table2")->space(), 20u);
  EXPECT_EQ(table->FindSpace(30)->name(), "table3");
  EXPECT_EQ(table->FindTable("table4"), nullptr);
  EXPECT_EQ(table->FindSpace(0), nullptr);
  EXPECT_EQ(table->FindNode(3)->id(), 3u);
  EXPECT_EQ(table->FindNode(0), nullptr);
}

TEST(Map, DescriptorsAreTakenByEpoch) {
  RoutingTable table = Table(2);
  api::GroupDescriptor split = Descriptor(1, 2, 0, 9999);
  EXPECT_TRUE(table.Update(split));
  EXPECT_FALSE(table.Update(split)) << "nothing new";
  EXPECT_FALSE(table.Update(Descriptor(1, 1, 0, 32767))) << "older";
  EXPECT_EQ(table.ForHash(HashIn(9999))->group(), 1u);
  EXPECT_EQ(table.ForHash(HashIn(10000)), nullptr) << "the child is not known yet";
  EXPECT_TRUE(table.Update(Descriptor(3, 1, 10000, 32767)));
  EXPECT_EQ(table.ForHash(HashIn(10000))->group(), 3u);
  EXPECT_EQ(table.ForHash(HashIn(32768))->group(), 2u);
}

TEST(Map, ASplitsChildIsFoundBeforeItsParentIsKnownToHaveShrunk) {
  RoutingTable table = Table(2);
  EXPECT_TRUE(table.Update(Descriptor(3, 1, 10000, 32767)));
  EXPECT_EQ(table.ForHash(HashIn(20000))->group(), 3u);
  EXPECT_EQ(table.ForHash(HashIn(9999))->group(), 1u);
}

TEST(Map, LeaderHintsComeAtTheSameEpoch) {
  RoutingTable table = Table(1);
  api::GroupDescriptor hint = *table.FindGroup(1);
  hint.set_leader_node(3);
  EXPECT_TRUE(table.Update(hint));
  EXPECT_EQ(table.ForHash(0)->leader_node(), 3u);
  hint.set_leader_node(0);
  EXPECT_FALSE(table.Update(hint)) << "not knowing is no news";
  EXPECT_TRUE(table.SetLeader(1, 0));
  EXPECT_EQ(table.FindGroup(1)->leader_node(), 0u);
  EXPECT_FALSE(table.SetLeader(9, 1));
}

TEST(Map, NonsenseDescriptorsAreIgnored) {
  RoutingTable table = Table(1);
  EXPECT_FALSE(table.Update(Descriptor(1, 9, 0, kBuckets)));
  EXPECT_FALSE(table.Update(Descriptor(kMetaGroup, 9, 0, 5)));
  EXPECT_EQ(table.ForHash(0)->epoch(), 1u);
}

TEST(Map, WholeMapsAreTakenByVersionAndKeepNewerDescriptors) {
  RoutingTable table = Table(2);
  api::Map next = InitialMap(2);
  EXPECT_FALSE(*table.Update(next)) << "the same version";
  api::GroupDescriptor newer = *table.FindGroup(2);
  newer.set_epoch(5);
  newer.set_leader_node(2);
  EXPECT_TRUE(table.Update(newer));
  EXPECT_TRUE(table.SetLeader(1, 1));
  next.set_version(2);
  next.add_tables()->set_name("fresh");
  EXPECT_TRUE(*table.Update(next));
  EXPECT_NE(table.FindTable("fresh"), nullptr);
  EXPECT_EQ(table.FindGroup(2)->epoch(), 5u);
  EXPECT_EQ(table.FindGroup(1)->leader_node(), 1u) << "a map without hints does not erase them";
  next.set_version(3);
  next.mutable_groups()->RemoveLast();
  EXPECT_FALSE(table.Update(next).ok());
  EXPECT_EQ(table.map().version(), 2u);
}

}  // namespace
}  // namespace fastpath
