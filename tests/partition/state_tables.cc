// Tables as one group sees them: made, used, dropped, through its own log.
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateTables : public StateTest {
 protected:
  size_t RowsOfKind(storage::KeyKind kind) {
    size_t rows = 0;
    for (const storage::KeyValue& row : replica_->Rows()) {
      rows += row.first[0] == static_cast<char>(kind);
    }
    return rows;
  }
};

TEST_F(StateTables, ATableIsKnownAfterItsCommandAndListenersAreTold) {
  const int changes = replica_->catalog_changes;
  EXPECT_EQ(replica_->machine().FindTable("more"), nullptr);
  log_.SetTable(TableOf("more", 8));
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  ASSERT_NE(replica_->machine().FindTable("more"), nullptr);
  EXPECT_EQ(replica_->machine().FindTable("more")->space(), 8u);
  EXPECT_EQ(replica_->machine().tables().size(), 2u);
  EXPECT_EQ(replica_->catalog_changes, changes + 1);
}

TEST_F(StateTables, ATableMadeAndUsedInOneBatchOfEntries) {
  log_.SetTable(TableOf("more", 8));
  command::Write write = PutOf(I({{"pk", S("a")}}));
  write.set_space(8);
  log_.Append(write);
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  EXPECT_TRUE(replica_->Get(S("a"), 0, "more").result.found());
}

TEST_F(StateTables, AWriteToAnUnknownSpaceIsRefused) {
  command::Write write = PutOf(I({{"pk", S("a")}}));
  write.set_space(99);
  EXPECT_EQ(Run(write).code(), api::TABLE_NOT_FOUND);
}

TEST_F(StateTables, ReadsAndAdmissionSayWhichTableIsMissing) {
  StateMachine::GetAnswer answer = replica_->Get(S("a"), 0, "nowhere");
  ASSERT_TRUE(answer.refusal.has_value());
  EXPECT_EQ(answer.refusal->code, api::TABLE_NOT_FOUND);
  EXPECT_EQ(answer.refusal->message, "Requested resource not found: Table: nowhere not found");
}

TEST_F(StateTables, ADroppedTableTakesItsItems) {
  log_.SetTable(TableOf("more", 8));
  for (int i = 0; i < 20; ++i) {
    command::Write write = PutOf(I({{"pk", S(std::to_string(i))}, {"ttl", N(kStartSeconds + 99)}}));
    log_.Append(write);
    write.set_space(8);
    log_.Append(write);
  }
  replica_->Apply(log_);
  EXPECT_EQ(RowsOfKind(storage::KeyKind::kData), 40u);
  log_.DropTable(8);
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  EXPECT_EQ(replica_->machine().FindTable("more"), nullptr);
  EXPECT_EQ(RowsOfKind(storage::KeyKind::kData), 20u);
  // Its rows are gone from the engine, not only from the group's ranges.
  log_.SetTable(TableOf("again", 8));
  EXPECT_EQ(replica_->Apply(log_).code(), api::TABLE_NOT_FOUND);
  EXPECT_TRUE(
      replica_->Rows({storage::DataKey(8, 0, {}, {}), storage::DataKey(9, 0, {}, {})}).empty());
  // What the index still names is purged when it expires.
  EXPECT_EQ(RowsOfKind(storage::KeyKind::kTtl), 40u);
}

TEST_F(StateTables, WhatWasWrittenJustBeforeTheDropGoesToo) {
  log_.SetTable(TableOf("more", 8));
  replica_->Apply(log_);
  command::Write write = PutOf(I({{"pk", S("late")}}));
  write.set_space(8);
  log_.Append(write);  // Applied at once with what drops its table.
  log_.DropTable(8);
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  EXPECT_TRUE(
      replica_->Rows({storage::DataKey(8, 0, {}, {}), storage::DataKey(9, 0, {}, {})}).empty());
}

TEST_F(StateTables, ALateCommandOfItsCreationDoesNotBringADroppedTableBack) {
  log_.DropTable(8);
  replica_->Apply(log_);
  for (bool restart : {false, true}) {
    if (restart) {
      replica_->Flush();
      replica_->Crash();
    }
    log_.SetTable(TableOf("more", 8));
    EXPECT_EQ(replica_->Apply(log_).code(), api::TABLE_NOT_FOUND);
    EXPECT_EQ(replica_->machine().FindTable("more"), nullptr);
  }
  log_.SetTable(TableOf("more", 9));
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
}

TEST_F(StateTables, RepeatsChangeNothing) {
  Run(PutOf(I({{"pk", S("a")}})));
  log_.SetTable(TableOf(kTable, kSpace));
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  EXPECT_TRUE(replica_->Get(S("a")).result.found());
  log_.DropTable(kSpace);
  log_.DropTable(kSpace);
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
}

TEST_F(StateTables, DroppedTablesAreRememberedUpToALimit) {
  for (uint32_t space = 1; space <= kDroppedTablesKept + 50; ++space) {
    log_.DropTable(space + 100);
  }
  replica_->Apply(log_);
  size_t rows = 0;
  const std::string prefix = storage::GroupKey(1, storage::GroupRow::kTable);
  for (const storage::KeyValue& row : replica_->Rows()) {
    rows += row.first.starts_with(prefix);
  }
  EXPECT_EQ(rows, kDroppedTablesKept + 1);
}

TEST_F(StateTables, TablesSurviveARestart) {
  log_.SetTable(TableOf("more", 8));
  replica_->Apply(log_);
  replica_->Flush();
  const uint64_t digest = replica_->Digest();
  replica_->Crash();
  EXPECT_NE(replica_->machine().FindTable("more"), nullptr);
  EXPECT_EQ(replica_->machine().tables().size(), 2u);
  EXPECT_EQ(replica_->Digest(), digest);
}

TEST_F(StateTables, ANewConfigurationMovesTheEpoch) {
  const uint64_t epoch = replica_->machine().descriptor().epoch();
  raft::Configuration configuration{{{11, 1}, {12, 2}}, {}, {{14, 4}}};
  log_.Append(raft::EntryKind::kConfiguration, raft::EncodeConfiguration(configuration));
  log_.Noop();
  replica_->Apply(log_);
  for (bool restart : {false, true}) {
    if (restart) {
      replica_->Flush();
      replica_->Crash();
    }
    EXPECT_EQ(replica_->machine().applied().configuration, configuration);
    api::GroupDescriptor descriptor = replica_->machine().descriptor();
    EXPECT_EQ(descriptor.epoch(), epoch + 1);
    ASSERT_EQ(descriptor.voters_size(), 2);
    EXPECT_EQ(descriptor.voters(1).replica(), 12u);
    ASSERT_EQ(descriptor.learners_size(), 1);
    EXPECT_EQ(descriptor.learners(0).node(), 4u);
    EXPECT_EQ(replica_->machine().Pin().meta.configuration, configuration);
  }
}

TEST_F(StateTables, MetaCommandsAreRefusedHere) {
  command::Command command;
  command.mutable_create_table()->mutable_table()->set_name("more");
  log_.Append(command);
  EXPECT_EQ(replica_->Apply(log_).code(), api::INVALID);
}

TEST(StateRange, AKeyOfAnotherGroupIsRefusedEverywhere) {
  auto low = Replica::Bootstrapped(DescriptorOf(1, 0, 32767));
  auto high = Replica::Bootstrapped(DescriptorOf(2, 32768, 65535));
  Log low_log;
  Log high_log;
  low_log.SetTable(TableOf(kTable, kSpace));
  high_log.SetTable(TableOf(kTable, kSpace));
  low->Apply(low_log);
  high->Apply(high_log);
  for (int i = 0; i < 20; ++i) {
    const model::Value key = S("key" + std::to_string(i));
    std::string part;
    model::AppendKeyPart(part, key);
    const bool is_low = model::KeyHash(part) >> 63 == 0;
    Replica& owner = is_low ? *low : *high;
    Replica& other = is_low ? *high : *low;
    api::WriteRequest request;
    request.set_table(kTable);
    *request.mutable_session() = low_log.NextSession(3);
    request.mutable_put()->set_item(model::EncodeItem(I({{"pk", key}})));
    command::Write admitted;
    EXPECT_FALSE(owner.machine().Admit(request, &admitted).has_value());
    EXPECT_EQ(other.machine().Admit(request, &admitted)->code, api::WRONG_GROUP);
    EXPECT_FALSE(owner.Get(key).refusal.has_value());
    EXPECT_EQ(other.Get(key).refusal->code, api::WRONG_GROUP);
    Log& other_log = is_low ? high_log : low_log;
    other_log.Append(PutOf(I({{"pk", key}})));
    EXPECT_EQ(other.Apply(other_log).code(), api::WRONG_GROUP);
  }
}

TEST(StateLoad, AnUnknownGroupIsNotFound) {
  Replica replica(5);
  std::optional<absl::Status> status;
  StateMachine::Load(5, replica.engine(), {}, [&](auto machine) { status = machine.status(); });
  replica.Wait([&] { return status.has_value(); });
  EXPECT_TRUE(absl::IsNotFound(*status)) << *status;
}

}  // namespace
}  // namespace fastpath::partition::testing
