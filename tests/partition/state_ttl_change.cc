// A table whose TTL attribute changes while it is full of items: from its moment in
// the group's log on the new attribute counts, however late the rows are rewritten,
// and what had expired by then stays gone (FAILURE-CASES 29, 31; DESIGN 3.11).
#include "partition/ttl.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateTtlChange : public StateTest {
 protected:
  static constexpr uint64_t kExpiry = kStartSeconds + 100;

  void NextStamp(Stamp stamp) { log_.stamp = stamp - 1; }
  void NextSecond(uint64_t second) { NextStamp(second * kMicrosPerSecond); }
  // The group takes another TTL attribute; empty: none.
  command::Outcome Change(const std::string& attribute, uint64_t revision) {
    api::Table table = TableOf(kTable, kSpace);
    table.set_ttl_attribute(attribute);
    table.set_revision(revision);
    table.set_state(api::UPDATING);
    log_.SetTable(table);
    return replica_->Apply(log_);
  }
  void Retime(const std::vector<std::string>& keys, uint64_t revision, bool through) {
    command::Command command;
    command.mutable_retime()->set_space(kSpace);
    command.mutable_retime()->set_revision(revision);
    command.mutable_retime()->set_through(through);
    for (const std::string& key : keys) {
      command.mutable_retime()->add_keys(DataKeyOf(kSpace, S(key)));
    }
    log_.Append(command);
    replica_->Apply(log_);
  }
  void Put(const std::string& key, const std::string& attribute, uint64_t expiry) {
    Run(PutOf(I({{"pk", S(key)}, {attribute, N(static_cast<int64_t>(expiry))}})));
  }
  bool Sees(const std::string& key, uint64_t second, uint64_t micros = 0) {
    return replica_->Get(S(key), second * kMicrosPerSecond + micros).result.found();
  }
  // What the rows say: header's expiry by key; and the index, which must agree.
  std::map<std::string, uint64_t> Headers() {
    std::map<std::string, uint64_t> headers;
    std::map<std::string, uint64_t> index;
    for (const auto& [key, row] : replica_->Rows()) {
      if (key[0] == static_cast<char>(storage::KeyKind::kData)) {
        std::string_view item = row;
        const ValueHeader header = *TakeValueHeader(item);
        headers[key] = header.expiry_seconds;
      } else if (key[0] == static_cast<char>(storage::KeyKind::kTtl)) {
        index[key.substr(11)] = storage::GetBig(std::string_view(key).substr(3, 8));
      }
    }
    for (const auto& [key, expiry] : headers) {
      EXPECT_EQ(index.contains(key) ? index[key] : 0, expiry);
    }
    return headers;
  }
  uint64_t HeaderOf(const std::string& key) { return Headers().at(DataKeyOf(kSpace, S(key))); }
  bool UnderWay() { return replica_->machine().FindTable(kTable)->ttl_change().under_way(); }
};

// Each of the tests below looks at reads, conditions and return values in every phase: before a
// row is rewritten, after, and once the group is through.
enum class Phase { kBefore, kRewritten, kThrough };

TEST_F(StateTtlChange, EnablingOnAFullTableJudgesEveryItemAtOnce) {
  for (Phase phase : {Phase::kBefore, Phase::kRewritten, Phase::kThrough}) {
    SCOPED_TRACE(static_cast<int>(phase));
    replica_ = Replica::Bootstrapped(DescriptorOf(1));
    log_ = Log();
    api::Table without = TableOf(kTable, kSpace);
    without.clear_ttl_attribute();
    log_.SetTable(without);
    replica_->Apply(log_);
    Put("later", "ttl", kExpiry);
    Put("long ago", "ttl", kStartSeconds - 7);
    Run(PutOf(I({{"pk", S("never")}, {"n", N(1)}})));
    for (const char* key : {"later", "long ago", "never"}) EXPECT_TRUE(Sees(key, kExpiry + 1));
    Change("ttl", 1);
    EXPECT_TRUE(UnderWay());
    if (phase != Phase::kBefore) Retime({"later", "long ago", "never"}, 1, false);
    if (phase == Phase::kThrough) Retime({}, 1, true);
    EXPECT_EQ(UnderWay(), phase != Phase::kThrough);
    EXPECT_EQ(HeaderOf("later"), phase == Phase::kBefore ? 0 : kExpiry);
    EXPECT_TRUE(Sees("later", kExpiry - 1, 999'999));
    EXPECT_FALSE(Sees("later", kExpiry));
    EXPECT_FALSE(Sees("long ago", kStartSeconds));
    EXPECT_TRUE(Sees("never", kExpiry + 1));
    // Conditions and return values, the last microsecond and exactly at expiry.
    command::Write check = UpdateOf(S("later"), Set("touched", N(1)));
    *check.mutable_update()->mutable_condition() = Exists("ttl");
    check.mutable_update()->set_return_values(api::ALL_OLD);
    NextStamp(kExpiry * kMicrosPerSecond - 1);
    command::Outcome before = Run(check);
    EXPECT_EQ(before.code(), api::OK);
    EXPECT_NE(before.write().item(), "");
    command::Write refused = check;
    refused.mutable_update()->set_return_item_on_failure(true);
    refused.clear_session();
    command::Outcome at = Run(refused);
    EXPECT_EQ(at.code(), api::CONDITION_FAILED);
    EXPECT_EQ(at.write().item(), "");
  }
}

TEST_F(StateTtlChange, DisablingKeepsWhatLivesAndNotWhatHadExpired) {
  for (Phase phase : {Phase::kBefore, Phase::kRewritten, Phase::kThrough}) {
    SCOPED_TRACE(static_cast<int>(phase));
    replica_ = Replica::Bootstrapped(DescriptorOf(1));
    log_ = Log();
    log_.SetTable(TableOf(kTable, kSpace));
    replica_->Apply(log_);
    Put("gone", "ttl", kExpiry);
    Put("lives", "ttl", kExpiry + 1);
    NextSecond(kExpiry);
    Change("", 1);  // Exactly at the expiry of "gone".
    if (phase != Phase::kBefore) Retime({"gone", "lives"}, 1, false);
    if (phase == Phase::kThrough) Retime({}, 1, true);
    EXPECT_FALSE(Sees("gone", kExpiry));
    EXPECT_FALSE(Sees("gone", kExpiry + 1000));
    EXPECT_TRUE(Sees("lives", kExpiry + 1000));
    EXPECT_EQ(HeaderOf("lives"), phase == Phase::kBefore ? kExpiry + 1 : 0);
    EXPECT_EQ(HeaderOf("gone"), kExpiry);  // For the Purge.
    // A purge that names the old expiry of what lives now takes nothing.
    NextSecond(kExpiry + 50);
    log_.Purge(
        {{DataKeyOf(kSpace, S("gone")), kExpiry}, {DataKeyOf(kSpace, S("lives")), kExpiry + 1}});
    EXPECT_EQ(replica_->Apply(log_).purged(), 1u);
    EXPECT_TRUE(Sees("lives", kExpiry + 1000));
    command::Write again = PutOf(I({{"pk", S("gone")}}));
    *again.mutable_put()->mutable_condition() = NotExists("pk");
    EXPECT_EQ(Run(again).code(), api::OK);
  }
}

TEST_F(StateTtlChange, WhatExpiredBeforeOneChangeDoesNotComeBackByTheNext) {
  Put("gone", "ttl", kExpiry);
  NextSecond(kExpiry + 1);
  Change("", 1);
  Retime({"gone"}, 1, true);
  Change("other", 2);
  EXPECT_FALSE(Sees("gone", kExpiry + 2));
  Retime({"gone"}, 2, true);
  EXPECT_FALSE(Sees("gone", kExpiry + 2));
}

TEST_F(StateTtlChange, AnotherAttributeTakesOver) {
  Run(PutOf(I({{"pk", S("a")}, {"ttl", N(kExpiry)}, {"until", N(kExpiry + 50)}})));
  Change("until", 1);
  EXPECT_TRUE(Sees("a", kExpiry + 49));
  EXPECT_FALSE(Sees("a", kExpiry + 50));
  Retime({"a"}, 1, true);
  EXPECT_EQ(HeaderOf("a"), kExpiry + 50);
  EXPECT_TRUE(Sees("a", kExpiry + 49));
}

TEST_F(StateTtlChange, WhatIsWrittenDuringTheChangeIsOfTheNewAttributeAndStays) {
  Put("a", "until", kExpiry);
  Change("until", 1);
  Put("a", "until", kExpiry + 7);
  Put("b", "until", kExpiry + 8);
  EXPECT_EQ(HeaderOf("a"), kExpiry + 7);
  Retime({"a", "b", "a", "none"}, 1, true);
  EXPECT_EQ(HeaderOf("a"), kExpiry + 7);
  EXPECT_EQ(HeaderOf("b"), kExpiry + 8);
  EXPECT_FALSE(UnderWay());
}

TEST_F(StateTtlChange, ARewriteKeepsItemAndVersion) {
  Run(PutOf(I({{"pk", S("a")}, {"until", N(kExpiry)}, {"n", N(3)}})));
  const StateMachine::GetAnswer before = replica_->Get(S("a"));
  Change("until", 1);
  Retime({"a"}, 1, true);
  const StateMachine::GetAnswer after = replica_->Get(S("a"));
  EXPECT_EQ(after.result.item(), before.result.item());
  EXPECT_EQ(after.result.version(), before.result.version());
  EXPECT_EQ(replica_->expiries, (std::vector<std::pair<uint64_t, uint64_t>>{{0, kExpiry}}));
}

TEST_F(StateTtlChange, AnUpdateOfTheAttributeMovesTheExpiryInEveryPhase) {
  Put("a", "until", kExpiry);
  Change("until", 1);
  Run(UpdateOf(S("a"), Add("until", 5)));
  EXPECT_TRUE(Sees("a", kExpiry + 4));
  EXPECT_FALSE(Sees("a", kExpiry + 5));
  Retime({}, 1, true);
  Run(UpdateOf(S("a"), Add("until", 5)));
  EXPECT_TRUE(Sees("a", kExpiry + 9));
  EXPECT_FALSE(Sees("a", kExpiry + 10));
}

TEST_F(StateTtlChange, LateAndRepeatedCommandsChangeNothing) {
  Put("a", "until", kExpiry);
  EXPECT_EQ(Change("until", 1).code(), api::OK);
  const auto change = replica_->machine().FindTable(kTable)->ttl_change();
  EXPECT_EQ(Change("until", 1).code(), api::OK);
  log_.SetTable(TableOf(kTable, kSpace));  // Of its creation.
  replica_->Apply(log_);
  EXPECT_EQ(replica_->machine().FindTable(kTable)->ttl_attribute(), "until");
  EXPECT_EQ(replica_->machine().FindTable(kTable)->ttl_change().at(), change.at());
  EXPECT_EQ(Change("third", 2).code(), api::TABLE_BUSY) << "the first is under way";
  Retime({"a"}, 9, true);  // Of another revision.
  EXPECT_TRUE(UnderWay());
  EXPECT_EQ(HeaderOf("a"), 0u);
  Retime({"a"}, 1, true);
  EXPECT_EQ(Change("third", 2).code(), api::OK);
}

TEST_F(StateTtlChange, ACrashInTheMiddleGoesOnWhereItWas) {
  Put("a", "until", kExpiry);
  Put("b", "until", kExpiry);
  Change("until", 1);
  Retime({"a"}, 1, false);
  replica_->Flush();
  const uint64_t digest = replica_->Digest();
  replica_->Crash();
  EXPECT_EQ(replica_->Digest(), digest);
  EXPECT_TRUE(UnderWay());
  EXPECT_FALSE(Sees("b", kExpiry));
  Retime({"b"}, 1, true);
  EXPECT_EQ(HeaderOf("b"), kExpiry);
}

TEST_F(StateTtlChange, PagesAndSizesAreJudgedByTheNewAttributeToo) {
  Put("a", "until", kExpiry);
  Run(PutOf(I({{"pk", S("b")}})));
  Change("until", 1);
  api::ExportRequest request;
  request.set_table(kTable);
  EXPECT_EQ(replica_->Export(request, kExpiry * kMicrosPerSecond).result.items_size(), 1);
  EXPECT_EQ(replica_->Export(request, kExpiry * kMicrosPerSecond - 1).result.items_size(), 2);
  api::ScanRequest scan;
  scan.set_table(kTable);
  scan.set_eventual(true);
  EXPECT_EQ(replica_->Scan(scan, kExpiry * kMicrosPerSecond).result.items_size(), 1);
  EXPECT_EQ(replica_->Scan(scan, kExpiry * kMicrosPerSecond - 1).result.items_size(), 2);
  EXPECT_EQ(replica_->Size(0, kExpiry * kMicrosPerSecond).items(), 1u);
}

// In a chunk of many entries as in chunks of one: the state is the same.
TEST_F(StateTtlChange, ChunksDoNotMatter) {
  for (int i = 0; i < 40; ++i) Put("k" + std::to_string(i), i % 2 == 0 ? "ttl" : "until", kExpiry);
  Change("until", 1);
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) {
    keys.push_back("k" + std::to_string(i));
    Run(UpdateOf(S("k" + std::to_string(i * 7 % 40)), Add("n", 1)));
    if (i % 8 == 7) Retime(std::exchange(keys, {}), 1, i == 39);
  }
  auto other = Replica::Bootstrapped(DescriptorOf(1));
  EXPECT_TRUE(other->Apply(log_.entries).ok());
  EXPECT_EQ(other->Digest(), replica_->Digest());
  Headers();
}

class StateTableSize : public StateTest {
 protected:
  void Fill(int items, int partitions) {
    api::Table table = TableOf("pairs", 8);
    table.mutable_sort_key()->set_name("sk");
    table.mutable_sort_key()->set_type(api::N);
    log_.SetTable(table);
    for (int i = 0; i < items; ++i) {
      command::Write write = PutOf(
          I({{"pk", S("p" + std::to_string(i % partitions))}, {"sk", N(i)}, {"v", S("xxxxxxxx")}}));
      write.set_space(8);
      log_.Append(write);
    }
    replica_->Apply(log_);
  }
};

TEST_F(StateTableSize, OfFewRowsIsExactAndWithoutWhatExpired) {
  Run(PutOf(I({{"pk", S("a")}, {"n", N(1)}})));
  Run(PutOf(I({{"pk", S("b")}, {"ttl", N(kStartSeconds + 5)}})));
  const model::Item item = I({{"pk", S("a")}, {"n", N(1)}});
  const api::TableSizeResult size = replica_->Size(0, (kStartSeconds + 5) * kMicrosPerSecond);
  EXPECT_TRUE(size.exact());
  EXPECT_EQ(size.items(), 1u);
  EXPECT_EQ(size.bytes(), model::ItemSizeBytes(item));
  EXPECT_EQ(replica_->Size(0, kStart).items(), 2u);
}

TEST_F(StateTableSize, OfManyKeysIsNearTheTruth) {
  Fill(20'000, 20'000);
  const api::TableSizeResult size = replica_->Size(1000, 0, "pairs");
  EXPECT_FALSE(size.exact());
  EXPECT_NEAR(static_cast<double>(size.items()), 20'000, 2'000);
}

TEST_F(StateTableSize, OfFewKeysWithManyRowsTakesTheEnginesWord) {
  Fill(6'000, 3);
  const api::TableSizeResult size = replica_->Size(100, 0, "pairs");
  EXPECT_FALSE(size.exact());
  EXPECT_NEAR(static_cast<double>(size.items()), 6'000, 600);
}

}  // namespace
}  // namespace fastpath::partition::testing
