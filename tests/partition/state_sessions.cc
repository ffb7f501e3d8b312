// Every write counts once (FAILURE-CASES 33, 34), in bounded memory.
#include "partition/session.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

constexpr Stamp kMinute = 60 * kMicrosPerSecond;

class StateSessions : public StateTest {
 protected:
  // One more on the counter "a", under this session.
  command::Outcome Count(const api::Session& session) {
    command::Write write = UpdateOf(S("a"), Add("n", 1));
    write.mutable_update()->set_return_values(api::UPDATED_NEW);
    *write.mutable_session() = session;
    return Run(write);
  }
  int64_t Counter() {
    int64_t count = -1;
    ItemOf(replica_->Get(S("a")).result.item()).Find("n")->number().ToInt64(count);
    return count;
  }
  api::Session Session(uint64_t sequence, uint64_t done_below, int client = 2) {
    api::Session session;
    session.set_client(ClientOf(client));
    session.set_sequence(sequence);
    session.set_done_below(done_below);
    session.set_not_after(log_.stamp + kMinute);
    return session;
  }
  size_t Records() {
    size_t records = 0;
    for (const storage::KeyValue& row : replica_->Rows()) {
      records += storage::ParseRequestKey(row.first).has_value();
    }
    return records;
  }
};

TEST_F(StateSessions, ARetryCountsOnceAndGetsTheSameAnswer) {
  const api::Session session = Session(5, 5);
  command::Outcome first = Count(session);
  Run(UpdateOf(S("a"), Add("n", 100)));
  command::Outcome retry = Count(session);
  EXPECT_EQ(first.code(), api::OK);
  EXPECT_EQ(first.SerializeAsString(), retry.SerializeAsString());
  EXPECT_EQ(Counter(), 101);
}

TEST_F(StateSessions, ARetryInTheSameBatchCountsOnce) {
  command::Write write = UpdateOf(S("a"), Add("n", 1));
  *write.mutable_session() = Session(1, 1);
  raft::Index first = log_.Append(write);
  raft::Index retry = log_.Append(write);
  replica_->Apply(log_);
  EXPECT_EQ(replica_->outcomes[first].SerializeAsString(),
            replica_->outcomes[retry].SerializeAsString());
  EXPECT_EQ(Counter(), 1);
}

TEST_F(StateSessions, RefusalsOfExecutionAreRememberedToo) {
  command::Write write = PutOf(I({{"pk", S("a")}, {"n", N(1)}}));
  *write.mutable_put()->mutable_condition() = Exists("pk");
  *write.mutable_session() = Session(1, 1);
  EXPECT_EQ(Run(write).code(), api::CONDITION_FAILED);
  Run(PutOf(I({{"pk", S("a")}, {"n", N(7)}})));
  EXPECT_EQ(Run(write).code(), api::CONDITION_FAILED);
  EXPECT_EQ(Counter(), 7);
}

TEST_F(StateSessions, ARetryOnANewLeaderGetsTheSameAnswer) {
  const api::Session session = Session(1, 1);
  command::Outcome first = Count(session);
  ++log_.term;
  log_.Noop();
  auto other = Replica::Bootstrapped(DescriptorOf(1));
  other->Apply(log_);
  std::swap(other, replica_);
  EXPECT_EQ(Count(session).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Counter(), 1);
}

TEST_F(StateSessions, ARetryAfterARestartGetsTheSameAnswer) {
  const api::Session session = Session(1, 1);
  command::Outcome first = Count(session);
  replica_->Flush();
  replica_->Crash();
  EXPECT_EQ(Count(session).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Counter(), 1);
}

TEST_F(StateSessions, RecordsLeaveBelowDoneBelow) {
  for (uint64_t sequence = 1; sequence <= 10; ++sequence) {
    Count(Session(sequence, 1));
  }
  EXPECT_EQ(Records(), 10u);
  Count(Session(11, 8));
  EXPECT_EQ(Records(), 4u);
  EXPECT_EQ(Count(Session(8, 8)).code(), api::OK);  // Still recorded.
  EXPECT_EQ(Counter(), 11);
}

TEST_F(StateSessions, ALateOriginalBelowTheLowWaterDoesNothing) {
  const api::Session late = Session(3, 1);
  Count(late);
  Count(Session(4, 4));
  EXPECT_EQ(Count(late).code(), api::SESSION_EXPIRED);
  EXPECT_EQ(Count(Session(2, 1)).code(), api::SESSION_EXPIRED);  // Never came before.
  EXPECT_EQ(Counter(), 2);
  replica_->Flush();
  replica_->Crash();
  EXPECT_EQ(Count(Session(2, 1)).code(), api::SESSION_EXPIRED);
  EXPECT_EQ(Counter(), 2);
}

TEST_F(StateSessions, PastItsLastMomentAWriteIsRefused) {
  api::Session session = Session(1, 1);
  session.set_not_after(log_.stamp + 1);  // The next command's stamp.
  EXPECT_EQ(Count(session).code(), api::OK);
  EXPECT_EQ(Count(session).code(), api::SESSION_EXPIRED);
  EXPECT_EQ(Counter(), 1);
}

TEST_F(StateSessions, ALastMomentTooFarAheadIsInvalid) {
  api::Session session = Session(1, 1);
  session.set_not_after(log_.stamp + 1 + kSessionHorizon);
  EXPECT_EQ(Count(session).code(), api::OK);
  session = Session(2, 1);
  session.set_not_after(log_.stamp + 1 + kSessionHorizon + 1);
  EXPECT_EQ(Count(session).code(), api::INVALID);
  EXPECT_EQ(Counter(), 1);
}

TEST_F(StateSessions, TheLowWaterOutlivesItsRecordUntilTheLatestLastMoment) {
  api::Session long_lived = Session(1, 1);
  long_lived.set_not_after(log_.stamp + 9 * kMinute);
  Count(long_lived);
  api::Session newer = Session(2, 2);  // Drops record 1; gone itself after a minute.
  Count(newer);
  log_.stamp += 5 * kMinute;
  log_.Time();
  replica_->Apply(log_);
  for (bool restart : {false, true}) {
    if (restart) {
      replica_->Flush();
      replica_->Crash();
    }
    EXPECT_EQ(Count(long_lived).code(), api::SESSION_EXPIRED);
    EXPECT_EQ(Counter(), 2);
  }
  log_.stamp += 5 * kMinute;
  log_.Time();
  replica_->Apply(log_);
  EXPECT_EQ(Records(), 0u);
  EXPECT_EQ(Count(long_lived).code(), api::SESSION_EXPIRED);  // By its own last moment now.
}

TEST_F(StateSessions, RecordsLeaveAfterTheirTimeAFewPerCommand) {
  constexpr int kClients = 3 * kSessionSweepsPerCommand;
  for (int client = 0; client < kClients; ++client) {
    Count(Session(1, 1, client));
  }
  EXPECT_EQ(Records(), static_cast<size_t>(kClients));
  log_.stamp += 2 * kMinute;
  for (int left = 2; left >= 0; --left) {
    log_.Time();
    replica_->Apply(log_);
    EXPECT_EQ(Records(), static_cast<size_t>(left * kSessionSweepsPerCommand));
  }
}

TEST_F(StateSessions, ADoneBelowAboveTheSequenceIsInvalid) {
  EXPECT_EQ(Count(Session(1, 2)).code(), api::INVALID);
  api::WriteRequest request;
  request.set_table(kTable);
  *request.mutable_session() = Session(1, 2);
  request.mutable_put()->set_item(model::EncodeItem(I({{"pk", S("a")}})));
  command::Write admitted;
  EXPECT_EQ(replica_->machine().Admit(request, &admitted)->code, api::INVALID);
}

TEST_F(StateSessions, AWriteWithoutASessionIsNotAdmitted) {
  api::WriteRequest request;
  request.set_table(kTable);
  request.mutable_put()->set_item(model::EncodeItem(I({{"pk", S("a")}})));
  command::Write admitted;
  std::optional<Refusal> refusal = replica_->machine().Admit(request, &admitted);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, api::INVALID);
  EXPECT_NE(refusal->message.find("session"), std::string::npos);
  *request.mutable_session() = Session(1, 1);
  EXPECT_FALSE(replica_->machine().Admit(request, &admitted).has_value());
}

TEST_F(StateSessions, RecordsOfADroppedTableStillAnswer) {
  const api::Session session = Session(1, 1);
  command::Outcome first = Count(session);
  log_.DropTable(kSpace);
  replica_->Apply(log_);
  EXPECT_EQ(Count(session).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Count(Session(2, 1)).code(), api::TABLE_NOT_FOUND);
}

// -------------------------------------------------- the table by itself: limits

class SessionTableTest : public ::testing::Test {
 protected:
  api::Session Of(int client, uint64_t sequence, uint64_t done_below) {
    api::Session session;
    session.set_client(ClientOf(client));
    session.set_sequence(sequence);
    session.set_done_below(done_below);
    session.set_not_after(kStart + kMinute);
    return session;
  }
  void Record(const api::Session& session, const std::string& outcome = "answer") {
    ASSERT_EQ(table_.Judge(session, kStart), SessionTable::Verdict::kExecute);
    table_.Record(session, 1, kStart, outcome, changes_);
  }

  SessionTable table_{{.records = 4, .bytes = 1000}};
  SessionChanges changes_;
};

TEST_F(SessionTableTest, AFullTableRefusesAndEvictsNothing) {
  for (int client = 1; client <= 4; ++client) {
    Record(Of(client, 1, 1));
  }
  EXPECT_EQ(table_.Judge(Of(5, 1, 1), kStart), SessionTable::Verdict::kFull);
  EXPECT_EQ(table_.Judge(Of(4, 2, 1), kStart), SessionTable::Verdict::kFull);
  EXPECT_EQ(table_.Judge(Of(4, 1, 1), kStart), SessionTable::Verdict::kRecorded);
  // Its own done_below makes room.
  Record(Of(4, 2, 2));
  EXPECT_EQ(table_.records(), 4u);
  // So does time.
  table_.Sweep(kStart + kMinute + 1, changes_);
  EXPECT_EQ(table_.records(), 0u);
  EXPECT_EQ(table_.bytes(), 0u);
}

TEST_F(SessionTableTest, AnswersAreBoundedInBytes) {
  Record(Of(1, 1, 1), std::string(600, 'x'));
  Record(Of(2, 1, 1), std::string(600, 'x'));  // The last may reach over.
  EXPECT_EQ(table_.Judge(Of(3, 1, 1), kStart), SessionTable::Verdict::kFull);
  EXPECT_EQ(table_.Judge(Of(1, 2, 2), kStart), SessionTable::Verdict::kExecute);
}

TEST_F(SessionTableTest, ALoadedTableGoesOnLikeTheOneThatWroteIt) {
  SimRandom random(7);
  SessionTable running;
  std::map<std::string, std::string> rows;
  Stamp stamp = kStart;
  std::vector<uint64_t> next(4, 1);
  std::vector<uint64_t> done(4, 1);
  for (int step = 0; step < 5000; ++step) {
    stamp += random.Below(20 * kMicrosPerSecond);
    SessionTable loaded;
    for (const auto& [key, value] : rows) {
      ASSERT_TRUE(loaded.Restore(key, value).ok());
    }
    ASSERT_EQ(loaded.records(), running.records());
    ASSERT_EQ(loaded.bytes(), running.bytes());
    const int client = static_cast<int>(random.Below(4));
    api::Session session;
    session.set_client(ClientOf(client));
    session.set_sequence(random.OneIn(3) ? 1 + random.Below(next[client]) : next[client]++);
    if (random.OneIn(2)) {
      done[client] = 1 + random.Below(next[client]);
    }
    session.set_done_below(std::min(session.sequence(), done[client]));
    session.set_not_after(stamp - kMinute + random.Below(5 * kMinute));
    SessionChanges changes;
    SessionChanges same;
    running.Sweep(stamp, changes);
    loaded.Sweep(stamp, same);
    const SessionTable::Verdict verdict = running.Judge(session, stamp);
    ASSERT_EQ(loaded.Judge(session, stamp), verdict) << step;
    if (verdict == SessionTable::Verdict::kExecute) {
      running.Record(session, 9, stamp, "x", changes);
      loaded.Record(session, 9, stamp, "x", same);
    }
    storage::WriteBatch batch;
    storage::WriteBatch same_batch;
    changes.AppendTo(batch);
    same.AppendTo(same_batch);
    ASSERT_EQ(batch.items().size(), same_batch.items().size());
    for (size_t i = 0; i < batch.items().size(); ++i) {
      ASSERT_EQ(batch.items()[i].key, same_batch.items()[i].key);
      ASSERT_EQ(batch.items()[i].value, same_batch.items()[i].value);
      if (batch.items()[i].op == storage::WriteBatch::Op::kPutNew) {
        rows[batch.items()[i].key] = batch.items()[i].value;
      } else {
        rows.erase(batch.items()[i].key);
      }
    }
  }
  EXPECT_GT(running.records(), 0u);
}

}  // namespace
}  // namespace fastpath::partition::testing
