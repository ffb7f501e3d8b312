// Scans over several groups and segments, and what writes and reads cost.
// Expectations: DynamoDB Developer Guide, "Scanning tables in DynamoDB" ("Filter
// expressions for scan", "Limiting the number of items", "Paginating", "Counting",
// "Parallel scan"), "Read/write capacity consumption"; API Reference, "Scan".
#include <set>

#include "partition/model/key_range.h"
#include "tests/partition/pages.h"

namespace fastpath::partition::testing {
namespace {

// Three groups that divide the buckets unevenly, each with its log.
class StateScan : public ::testing::Test {
 protected:
  struct Group {
    uint32_t first, last;
    std::unique_ptr<Replica> replica;
    Log log;
  };

  StateScan() {
    uint32_t id = 1;
    for (const auto& [first, last] : {std::pair{0u, 999u}, {1000u, 50'000u}, {50'001u, 65'535u}}) {
      Group group{first, last, Replica::Bootstrapped(DescriptorOf(id, first, last)), Log()};
      group.log.SetTable(PairsOf(api::S));
      group.replica->Apply(group.log);
      groups_.push_back(std::move(group));
      ++id;
    }
  }

  Group& GroupOf(uint64_t hash) {
    for (Group& group : groups_) {
      if (storage::BucketOf(hash) <= group.last) return group;
    }
    ADD_FAILURE() << "no group";
    return groups_[0];
  }
  static uint64_t HashOf(const std::string& pk) {
    std::string part;
    model::AppendKeyPart(part, S(pk));
    return model::KeyHash(part);
  }
  void Put(const std::string& pk, const std::string& sk, size_t pad = 5) {
    GroupOf(HashOf(pk))
        .log.Append(PutPair(I({{"pk", S(pk)}, {"sk", S(sk)}, {"v", S(std::string(pad, 'x'))}})));
    names_.insert(pk + "/" + sk);
  }
  void Apply() {
    for (Group& group : groups_) group.replica->Apply(group.log);
  }
  void PutMany(int partitions) {
    for (int i = 0; i < partitions; ++i) {
      for (const char* sk : {"1", "2", "3"}) Put("p" + std::to_string(i), sk);
    }
    Apply();
  }
  // To the end, as a client goes: by keys within groups and by hashes between them.
  std::vector<std::string> ScanAll(api::ScanRequest request, int* requests = nullptr) {
    std::vector<std::string> names;
    while (true) {
      if (requests != nullptr) ++*requests;
      const absl::StatusOr<uint64_t> first = model::FirstHashOfScan(request);
      EXPECT_TRUE(first.ok()) << first.status();
      const StateMachine::PageAnswer answer = GroupOf(*first).replica->Scan(request);
      EXPECT_FALSE(answer.refusal.has_value()) << answer.refusal->message;
      const api::PageResult& page = answer.result;
      for (const model::Item& item : ItemsOf(page)) {
        names.push_back(item.Find("pk")->text() + "/" + item.Find("sk")->text());
      }
      if (page.more()) {
        *request.mutable_start_after() = page.last_key();
      } else if (page.next_hash() != 0) {
        request.clear_start_after();
        request.set_start_hash(page.next_hash());
      } else {
        return names;
      }
    }
  }
  std::string Refused(const api::ScanRequest& request) {
    const StateMachine::PageAnswer answer = groups_[0].replica->Scan(request);
    return answer.refusal.has_value() ? answer.refusal->message : "";
  }

  std::vector<Group> groups_;
  std::set<std::string> names_;
};

TEST_F(StateScan, FindsEveryItemOnceInOrderOfHashAndKey) {
  PutMany(200);
  for (const uint32_t limit : {0u, 1u, 7u}) {
    api::ScanRequest request = ScanOf();
    request.set_limit(limit);
    const std::vector<std::string> names = ScanAll(request);
    EXPECT_EQ(names.size(), names_.size());
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), names_);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end(), [](const auto& a, const auto& b) {
      const auto key = [](const std::string& name) {
        return std::pair(HashOf(name.substr(0, name.find('/'))), name);
      };
      return key(a) < key(b);
    }));
  }
}

TEST_F(StateScan, SegmentsDivideTheTable) {
  PutMany(200);
  for (const uint32_t total : {1u, 2u, 3u, 16u, 1000u}) {
    std::vector<std::string> all;
    uint32_t busy = 0;
    for (uint32_t segment = 0; segment < total; ++segment) {
      api::ScanRequest request = ScanOf();
      request.set_segment(segment);
      request.set_total_segments(total);
      request.set_limit(5);
      const std::vector<std::string> names = ScanAll(request);
      busy += !names.empty();
      all.insert(all.end(), names.begin(), names.end());
    }
    EXPECT_EQ(all.size(), names_.size()) << total;
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()), names_);
    EXPECT_GE(busy, std::min(total, 100u));
  }
}

TEST_F(StateScan, SegmentsMeetWithoutAGap) {
  for (const uint32_t total : {1u, 2u, 3u, 7u, 1000u, 999'983u, 1'000'000u}) {
    uint64_t next = 0;
    for (uint32_t segment = 0; segment < total; ++segment) {
      const auto hashes = model::HashesOfSegment(segment, total);
      ASSERT_TRUE(hashes.ok());
      ASSERT_EQ(hashes->first, next);
      ASSERT_LE(hashes->first, hashes->last);
      next = hashes->last + 1;
    }
    EXPECT_EQ(next, 0u);  // All 2^64 of them.
  }
}

TEST_F(StateScan, WhatCannotBeAskedIsRefused) {
  PutMany(5);
  api::ScanRequest request = ScanOf();
  request.set_segment(4);
  request.set_total_segments(4);
  EXPECT_EQ(Refused(request),
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            "Segment: 4 is not less than TotalSegments: 4");
  request.set_segment(0);
  request.set_total_segments(1'000'001);
  EXPECT_NE(Refused(request), "");
  request.set_total_segments(1'000'000);
  *request.mutable_start_after() = PairKey(S("p1"), S("1"));
  EXPECT_EQ(Refused(request),
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
            "ExclusiveStartKey with correct Segment. TotalSegments: 1000000 Segment: 0");
  *request.mutable_start_after() = K(S("p1"));
  EXPECT_NE(Refused(request), "");
  request.clear_start_after();
  request.set_start_hash(UINT64_MAX);
  EXPECT_NE(Refused(request), "");
  request = ScanOf("none");
  EXPECT_EQ(groups_[0].replica->Scan(request).refusal->code, api::TABLE_NOT_FOUND);
}

TEST_F(StateScan, AScanThatBeginsInAnotherGroupIsRefused) {
  api::ScanRequest request = ScanOf();
  request.set_start_hash(uint64_t{1000} << 48);
  EXPECT_EQ(groups_[0].replica->Scan(request).refusal->code, api::WRONG_GROUP);
  EXPECT_FALSE(groups_[1].replica->Scan(request).refusal.has_value());
}

// Unlike a query's.
TEST_F(StateScan, AFilterMayNameKeyAttributes) {
  PutMany(50);
  api::ScanRequest request = ScanOf();
  *request.mutable_filter() = Eq("sk", S("2"));
  const std::vector<std::string> names = ScanAll(request);
  EXPECT_EQ(names.size(), 50u);
  for (const std::string& name : names) EXPECT_TRUE(name.ends_with("/2"));
}

TEST_F(StateScan, WhatIsLeftOfAPageIsNotExceeded) {
  Put("a", "1", 1000);
  Put("a", "2", 1000);
  Apply();
  api::ScanRequest request = ScanOf();
  request.set_start_hash(HashOf("a"));
  Replica& replica = *GroupOf(HashOf("a")).replica;
  for (const auto& [bytes, items] : {std::pair{500u, 0u}, {1500u, 1u}, {5000u, 2u}}) {
    request.set_limit_bytes(bytes);
    const api::PageResult page = replica.Scan(request).result;
    EXPECT_EQ(page.scanned_count(), items);
    EXPECT_EQ(page.more(), items < 2);
    EXPECT_EQ(page.has_last_key(), items > 0);
    EXPECT_LE(page.scanned_bytes(), bytes);
  }
}

// Each page goes on after the last, whatever is written or lost in between.
TEST_F(StateScan, PagesGoOnAfterACrashAndAmongWrites) {
  PutMany(100);
  const std::set<std::string> before = names_;
  for (Group& group : groups_) group.replica->Flush();
  std::multiset<std::string> seen;
  api::ScanRequest request = ScanOf();
  request.set_limit(4);
  for (int page_number = 0;; ++page_number) {
    Group& group = GroupOf(*model::FirstHashOfScan(request));
    const api::PageResult page = group.replica->Scan(request).result;
    for (const model::Item& item : ItemsOf(page)) {
      seen.insert(item.Find("pk")->text() + "/" + item.Find("sk")->text());
    }
    if (page_number % 10 == 3) {
      group.replica->Crash();
      Put("new" + std::to_string(page_number), "1");
      Apply();
    }
    if (page.more()) {
      *request.mutable_start_after() = page.last_key();
    } else if (page.next_hash() != 0) {
      request.clear_start_after();
      request.set_start_hash(page.next_hash());
    } else {
      break;
    }
  }
  for (const std::string& name : before) EXPECT_EQ(seen.count(name), 1u) << name;
}

}  // namespace
}  // namespace fastpath::partition::testing
