// Purge removes exactly what is still expired, by log time alone (FAILURE-CASES
// 29, 31; DESIGN 3.4, 3.11).
#include "partition/overlay.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StatePurge : public StateTest {
 protected:
  static constexpr uint64_t kExpiry = kStartSeconds + 10;
  static constexpr Stamp kExpiryStamp = kExpiry * kMicrosPerSecond;

  command::Write Expiring(const std::string& key, uint64_t expiry, uint32_t space = kSpace) {
    command::Write write = PutOf(I({{"pk", S(key)}, {"ttl", N(static_cast<int64_t>(expiry))}}));
    write.set_space(space);
    return write;
  }
  std::string Key(const std::string& key, uint32_t space = kSpace) {
    return DataKeyOf(space, S(key));
  }
  // The next command gets exactly this stamp.
  void NextStamp(Stamp stamp) { log_.stamp = stamp - 1; }
  uint32_t Purge(const std::vector<std::pair<std::string, uint64_t>>& items) {
    log_.Purge(items);
    return replica_->Apply(log_).purged();
  }
  size_t RowsOf(storage::KeyKind kind) {
    size_t rows = 0;
    for (const storage::KeyValue& row : replica_->Rows()) {
      rows += row.first[0] == static_cast<char>(kind) ? 1 : 0;
    }
    return rows;
  }
  void ExpectRows(size_t items, size_t expiries) {
    EXPECT_EQ(RowsOf(storage::KeyKind::kData), items);
    EXPECT_EQ(RowsOf(storage::KeyKind::kTtl), expiries);
  }
};

TEST_F(StatePurge, TakesTheItemAndItsRowExactlyAtExpiry) {
  Run(Expiring("a", kExpiry));
  NextStamp(kExpiryStamp - 1);
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 0u);
  ExpectRows(1, 1);
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 1u);  // One microsecond later.
  ExpectRows(0, 0);
}

TEST_F(StatePurge, ANewPutAgainstAPendingPurgeSurvives) {
  Run(Expiring("a", kExpiry));
  NextStamp(kExpiryStamp);
  Run(PutOf(I({{"pk", S("a")}, {"n", N(1)}})));
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 0u);
  EXPECT_TRUE(replica_->Get(S("a")).result.found());
  Run(Expiring("a", kExpiry + 100));
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 0u);
  ExpectRows(1, 1);
}

TEST_F(StatePurge, PutsAndPurgesOfOneKeyInOneBatchTakeTurns) {
  Run(Expiring("a", kExpiry));
  NextStamp(kExpiryStamp);
  log_.Append(Expiring("a", kExpiry + 5));
  log_.Purge({{Key("a"), kExpiry}});  // Sees the put.
  log_.Append(Expiring("a", kExpiry));
  log_.Purge({{Key("a"), kExpiry}});
  log_.Append(Expiring("b", kExpiry));
  log_.Purge({{Key("b"), kExpiry}});
  log_.Append(Expiring("b", kExpiry + 7));
  replica_->Apply(log_);
  ExpectRows(1, 1);
  EXPECT_FALSE(replica_->Get(S("a")).result.found());
  EXPECT_TRUE(replica_->Get(S("b")).result.found());
}

TEST_F(StatePurge, AnItemPutAgainInItsBatchAsItWasKeepsItsRow) {
  Run(Expiring("a", kExpiry));
  NextStamp(kExpiryStamp);
  log_.Append(Expiring("a", kExpiry + 5));
  log_.Purge({{Key("a"), kExpiry}});
  log_.Append(Expiring("a", kExpiry));
  replica_->Apply(log_);
  ExpectRows(1, 1);
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 1u);
  ExpectRows(0, 0);
}

TEST_F(StatePurge, WhatIsGoneAlreadyIsNoMatter) {
  Run(Expiring("a", kExpiry));
  NextStamp(kExpiryStamp);
  Run(DeleteOf(S("a")));
  EXPECT_EQ(Purge({{Key("a"), kExpiry}, {Key("a"), kExpiry}, {"no key", kExpiry}, {"", 0}}), 0u);
  Run(Expiring("a", kExpiry + 1));
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 0u);
  ExpectRows(1, 1);
}

TEST_F(StatePurge, AnItemWithoutExpiryStaysWhateverIsSaid) {
  Run(PutOf(I({{"pk", S("a")}})));
  EXPECT_EQ(Purge({{Key("a"), 0}, {Key("a"), 1}, {Key("a"), kStartSeconds}}), 0u);
  ExpectRows(1, 0);
}

TEST_F(StatePurge, RowsOfADroppedTableGoBeforeTheirTime) {
  log_.SetTable(TableOf("dropped", 8));
  replica_->Apply(log_);
  Run(Expiring("a", kExpiry, 8));
  Run(Expiring("a", kExpiry));
  log_.DropTable(8);
  replica_->Apply(log_);
  ExpectRows(1, 2);
  EXPECT_EQ(Purge({{Key("a", 8), kExpiry}, {Key("a"), kExpiry}}), 1u);
  ExpectRows(1, 1);
}

TEST_F(StatePurge, OnlyTheOwnerOfABucketPurgesIt) {
  std::unique_ptr<Replica> empty = Replica::Bootstrapped(DescriptorOf(2, 0, 0));
  Log log;
  log.Purge({{Key("a"), 1}, {Key("a", 8), 1}});
  EXPECT_EQ(empty->Apply(log).purged(), 0u);
}

TEST_F(StatePurge, LeavesTheAnswersOfSessionsAlone) {
  Run(Expiring("a", kExpiry));
  const size_t answers = RowsOf(storage::KeyKind::kRequest);
  NextStamp(kExpiryStamp);
  EXPECT_EQ(Purge({{Key("a"), kExpiry}}), 1u);
  EXPECT_EQ(RowsOf(storage::KeyKind::kRequest), answers);
}

TEST_F(StatePurge, TellsOfEveryExpiryThatMoves) {
  Run(Expiring("a", kExpiry));
  Run(PutOf(I({{"pk", S("a")}})));
  Run(UpdateOf(S("a"), Set("ttl", N(kExpiry + 3))));
  Run(DeleteOf(S("a")));
  Run(PutOf(I({{"pk", S("a")}})));
  Run(Expiring("a", kExpiry));
  Run(Expiring("a", kExpiry));  // Stays.
  Run(DeleteOf(S("a")));
  using Move = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(replica_->expiries, (std::vector<Move>{{0, kExpiry},
                                                   {kExpiry, 0},
                                                   {0, kExpiry + 3},
                                                   {kExpiry + 3, 0},
                                                   {0, kExpiry},
                                                   {kExpiry, 0}}));
}

// So an item that is gone again before the engine writes it out leaves nothing on the disk.
TEST_F(StatePurge, WhatWasNotThereIsPutAsNew) {
  using Op = storage::WriteBatch::Op;
  const std::string item = model::EncodeItem(I({{"pk", S("a")}}));
  const auto ops = [&](std::optional<std::string> stored) {
    Cell cell(Key("a"));
    EXPECT_TRUE(cell.Load(std::move(stored)).ok());
    cell.Replace(item, {.version = 2, .expiry_seconds = kExpiry});
    storage::WriteBatch batch;
    cell.AppendTo(batch);
    std::vector<Op> ops;
    for (const storage::WriteBatch::Item& row : batch.items()) ops.push_back(row.op);
    return ops;
  };
  EXPECT_EQ(ops(std::nullopt), (std::vector<Op>{Op::kPutNew, Op::kPutNew}));
  std::string row;
  AppendValueHeader(row, {.version = 1});
  row.append(item);
  EXPECT_EQ(ops(row), (std::vector<Op>{Op::kPutNew, Op::kPut}));
}

TEST_F(StatePurge, VersionOneDoesNotKnowIt) {
  command::Command command;
  command.mutable_purge();
  command.set_version(1);
  command.set_stamp(++log_.stamp);
  log_.Append(raft::EntryKind::kCommand, command.SerializeAsString());
  EXPECT_EQ(replica_->Apply(log_.After(replica_->machine().applied().index)).code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace fastpath::partition::testing
