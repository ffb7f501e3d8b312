// A transaction's steps at apply: all of it or nothing, whatever is repeated, late or in
// another order (FAILURE-CASES 21-25; DESIGN 5 "Transactions").
#include "partition/limits.h"
#include "tests/partition/transact_fixture.h"

namespace fastpath::partition::testing {
namespace {

using StateTransact = TransactTest;

// ------------------------------------------------------------------- one group

TEST_F(StateTransact, OneGroupCommitsInOneEntry) {
  const std::string absent = KeysIn(0, kHalf - 1, 1, "absent")[0];
  a_.Run(Put(a2_, 7));
  a_.Run(Put(a3_, 1));
  command::Outcome outcome =
      a_.Run(New().Begin({Put(a1_, 5), If(Exists("n"), Inc(a2_, 3)), DeleteOf(S(a3_)),
                          CheckOf(S(absent), NotExists("pk"))}));
  EXPECT_EQ(outcome.code(), api::OK) << outcome.message();
  EXPECT_EQ(outcome.state(), command::COMMITTED);
  EXPECT_EQ(outcome.transact().reasons_size(), 0);
  EXPECT_EQ(a_.Number(a1_), 5);
  EXPECT_EQ(a_.Number(a2_), 10);
  EXPECT_FALSE(a_.Found(a3_));
  EXPECT_EQ(a_.Locks(), 0u);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 0u);
  EXPECT_EQ(a_.replica->Get(S(a1_)).result.version(), a_.log.stamp);
}

TEST_F(StateTransact, OneGroupRefusesWithAReasonForEachItemInOrder) {
  const std::string absent = KeysIn(0, kHalf - 1, 1, "absent")[0];
  a_.Run(Put(a1_, 5));
  command::Write unknown = Inc(a3_);
  unknown.set_space(99);
  command::Write broken;
  broken.mutable_update()->mutable_key()->set_partition("rubbish");
  command::Outcome outcome =
      a_.Run(New().Begin({Inc(a2_), Showing(If(Eq("n", N(6)), Inc(a1_))), unknown, broken,
                          UpdateOf(S(a3_), Add("pk2", 1)), CheckOf(S(absent), Exists("pk"))}));
  EXPECT_EQ(outcome.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(outcome.state(), command::ABORTED);
  EXPECT_EQ(outcome.message(), kCancelledMessage);
  EXPECT_EQ(CodesOf(outcome.transact()),
            (Codes{api::OK, api::CONDITION_FAILED, api::TABLE_NOT_FOUND, api::INVALID, api::OK,
                   api::CONDITION_FAILED}));
  EXPECT_EQ(ItemOf(outcome.transact().reasons(1).item()), I({{"pk", S(a1_)}, {"n", N(5)}}));
  EXPECT_EQ(outcome.transact().reasons(1).message(), kConditionFailedMessage);
  EXPECT_FALSE(a_.Found(a2_));
  EXPECT_EQ(a_.Locks(), 0u);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 0u);
}

TEST_F(StateTransact, AnItemTooLargeIsAReason) {
  command::Outcome outcome = a_.Run(New().Begin(
      {Inc(a1_), PutOf(I({{"pk", S(a2_)}, {"text", S(std::string(400 * 1024, 'x'))}}))}));
  EXPECT_EQ(CodesOf(outcome.transact()), (Codes{api::OK, api::TOO_LARGE}));
  EXPECT_FALSE(a_.Found(a1_));
}

// Small requests may grow large items: what a transaction leaves is at most 4 MB.
TEST_F(StateTransact, WhatItLeavesIsBounded) {
  const std::vector<std::string> keys = KeysIn(0, kHalf - 1, 12, "big");
  std::vector<command::Write> writes;
  for (const std::string& key : keys) {
    a_.Run(PutOf(I({{"pk", S(key)}, {"text", S(std::string(390 * 1024, 'x'))}})));
    writes.push_back(Inc(key));
  }
  command::Outcome outcome = a_.Run(New().Begin(writes));
  EXPECT_EQ(outcome.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(CodesOf(outcome.transact()),
            (Codes{api::OK, api::OK, api::OK, api::OK, api::OK, api::OK, api::OK, api::OK, api::OK,
                   api::OK, api::TOO_LARGE, api::OK}));
  writes.resize(10);
  EXPECT_EQ(a_.Run(New().Begin(writes)).code(), api::OK);
}

// So that the answer fits a frame and the decision an entry.
TEST_F(StateTransact, ItemsThatReasonsShowAreBounded) {
  const std::vector<std::string> keys = KeysIn(0, kHalf - 1, 12, "big");
  std::vector<command::Write> writes;
  for (const std::string& key : keys) {
    a_.Run(PutOf(I({{"pk", S(key)}, {"text", S(std::string(390 * 1024, 'x'))}})));
    writes.push_back(Showing(CheckOf(S(key), NotExists("pk"))));
  }
  command::Outcome outcome = a_.Run(New().Begin(writes));
  EXPECT_LE(outcome.ByteSizeLong(), kReasonItemsLimitBytes + 10'000);
  ASSERT_EQ(outcome.transact().reasons_size(), 12);
  int shown = 0;
  for (const api::TransactReason& reason : outcome.transact().reasons()) {
    EXPECT_EQ(reason.code(), api::CONDITION_FAILED);
    shown += reason.item().empty() ? 0 : 1;
  }
  EXPECT_EQ(shown, 5);
}

TEST_F(StateTransact, OneItemTwiceIsRefused) {
  command::Outcome outcome =
      a_.Run(New().Begin({If(NotExists("pk"), Inc(a1_)), If(NotExists("pk"), Inc(a1_))}));
  EXPECT_EQ(CodesOf(outcome.transact()), (Codes{api::OK, api::INVALID}));
  EXPECT_FALSE(a_.Found(a1_));
}

TEST_F(StateTransact, ItsCapacityIsTwiceThatOfItsItemsByTable) {
  api::Table other = TableOf("a-table", 8);
  a_.log.SetTable(other);
  a_.replica->Apply(a_.log);
  a_.Run(Put(a2_, 1));
  std::vector<command::Write> writes = {
      PutOf(I({{"pk", S(a1_)}, {"text", S(std::string(1500, 'x'))}})),
      CheckOf(S(a2_), Exists("pk")), Put(a3_, 1)};
  writes[2].set_space(8);
  for (command::Write& write : writes) write.set_return_capacity(true);
  command::Outcome outcome = a_.Run(New().Begin(writes));
  ASSERT_EQ(outcome.code(), api::OK) << outcome.ShortDebugString();
  ASSERT_EQ(outcome.transact().capacity_size(), 2);
  EXPECT_EQ(outcome.transact().capacity(0).table(), "a-table");
  EXPECT_EQ(outcome.transact().capacity(0).write_units(), 2u);
  EXPECT_EQ(outcome.transact().capacity(1).table(), kTable);
  EXPECT_EQ(outcome.transact().capacity(1).write_units(), 6u);
  // Of what had no effect, nothing.
  command::Write failing = CheckOf(S(a2_), NotExists("pk"));
  failing.set_return_capacity(true);
  EXPECT_EQ(a_.Run(New().Begin({failing})).transact().capacity_size(), 0);
}

// ------------------------------------------------------------------ two groups

TEST_F(StateTransact, TwoGroupsCommit) {
  const Transaction transaction = Pending();
  EXPECT_EQ(a_.Locks(), 1u);
  EXPECT_EQ(b_.Locks(), 1u);
  EXPECT_FALSE(a_.Found(a1_));  // PENDING answers the old value.
  const TransactRecord* record = a_.replica->machine().FindTransact(transaction.id());
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->state, command::PENDING);
  EXPECT_EQ(record->elsewhere,
            (std::vector<storage::Bucket>{static_cast<storage::Bucket>(BucketOfKey(b1_))}));
  EXPECT_EQ(a_.Run(transaction.Decide(true)).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
  EXPECT_EQ(a_.Locks(), 0u);
  EXPECT_FALSE(b_.Found(b1_));
  EXPECT_EQ(b_.Run(transaction.Resolve(true)).code(), api::OK);
  EXPECT_EQ(b_.Number(b1_), 1);
  EXPECT_EQ(b_.Locks(), 0u);
  EXPECT_NE(a_.replica->machine().FindTransact(transaction.id()), nullptr);
  a_.Run(transaction.Forget());
  EXPECT_EQ(a_.replica->machine().FindTransact(transaction.id()), nullptr);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 0u);
}

TEST_F(StateTransact, TwoGroupsAbort) {
  const Transaction transaction = Pending();
  EXPECT_EQ(a_.Run(transaction.Decide(false)).state(), command::ABORTED);
  b_.Run(transaction.Resolve(false));
  a_.Run(transaction.Forget());
  for (Group* group : {&a_, &b_}) {
    EXPECT_EQ(group->Locks(), 0u);
    EXPECT_EQ(group->Rows(storage::KeyKind::kTransaction), 0u);
    EXPECT_EQ(group->Rows(storage::KeyKind::kData), 0u);
  }
}

TEST_F(StateTransact, ItsPlaceMayHoldNoneOfItsItems) {
  Transaction transaction = New();
  EXPECT_EQ(a_.Run(transaction.Begin({}, {BucketOfKey(b1_)})).state(), command::PENDING);
  b_.Run(transaction.Prepare({Inc(b1_)}));
  EXPECT_EQ(a_.Run(transaction.Decide(true)).state(), command::COMMITTED);
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Number(b1_), 1);
}

TEST_F(StateTransact, TheFirstDecisionStands) {
  const Transaction aborted = Pending();
  a_.Run(aborted.Decide(false));
  EXPECT_EQ(a_.Run(aborted.Decide(true)).state(), command::ABORTED);
  EXPECT_FALSE(a_.Found(a1_));
  b_.Run(aborted.Resolve(false));
  const Transaction committed = Pending();
  a_.Run(committed.Decide(true));
  EXPECT_EQ(a_.Run(committed.Decide(false)).state(), command::COMMITTED);
  EXPECT_EQ(a_.Run(committed.Decide(true)).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransact, OnlyWhatIsDecidedIsForgotten) {
  const Transaction transaction = Pending();
  a_.Run(transaction.Forget());
  ASSERT_NE(a_.replica->machine().FindTransact(transaction.id()), nullptr);
  a_.Run(transaction.Decide(true));
  a_.Run(transaction.Forget());
  a_.Run(transaction.Forget());
  EXPECT_EQ(a_.Run(transaction.Decide(false)).state(), command::NO_TRANSACTION);
  EXPECT_EQ(a_.Number(a1_), 1);
}

// The client is told all that fails, so the others are asked too; of a conflict, at once.
TEST_F(StateTransact, AFailedConditionAtThePlaceWaitsForTheOthersReasons) {
  Transaction transaction = New();
  command::Outcome begun =
      a_.Run(transaction.Begin({Inc(a2_), CheckOf(S(a1_), Exists("pk"))}, {BucketOfKey(b1_)}));
  EXPECT_EQ(begun.code(), api::OK);
  EXPECT_EQ(begun.state(), command::PENDING);
  EXPECT_EQ(CodesOf(begun.transact()), (Codes{api::OK, api::CONDITION_FAILED}));
  EXPECT_EQ(a_.Locks(), 0u);
  command::Outcome prepared = b_.Run(transaction.Prepare({CheckOf(S(b1_), Exists("pk"))}));
  EXPECT_EQ(prepared.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(CodesOf(prepared.transact()), (Codes{api::CONDITION_FAILED}));
  EXPECT_EQ(b_.Locks(), 0u);
  EXPECT_EQ(a_.Run(transaction.Decide(false)).state(), command::ABORTED);
}

TEST_F(StateTransact, AConflictIsToldApartFromAFailedCondition) {
  Pending();
  Transaction second = New(3);
  command::Outcome begun =
      a_.Run(second.Begin({CheckOf(S(a2_), Exists("pk")), Inc(a1_)}, {BucketOfKey(b2_)}));
  EXPECT_EQ(begun.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(begun.state(), command::ABORTED);
  EXPECT_EQ(CodesOf(begun.transact()), (Codes{api::CONDITION_FAILED, api::CONFLICT}));
  EXPECT_EQ(a_.replica->machine().FindTransact(second.id()), nullptr);
  Transaction third = New(4);
  EXPECT_EQ(CodesOf(b_.Run(third.Prepare({Inc(b1_), Inc(b2_)})).transact()),
            (Codes{api::CONFLICT, api::OK}));
  EXPECT_EQ(CodesOf(a_.Run(third.Begin({CheckOf(S(a1_), NotExists("pk"))})).transact()),
            (Codes{api::CONFLICT}));
}

TEST_F(StateTransact, ChecksAndAbsentItemsAreHeldToo) {
  Transaction transaction = New();
  b_.Run(Put(b2_, 1));
  b_.Run(
      transaction.Prepare({CheckOf(S(b1_), NotExists("pk")), If(Exists("pk"), DeleteOf(S(b2_)))}));
  EXPECT_EQ(b_.Locks(), 2u);
  EXPECT_EQ(b_.Run(Put(b1_, 1)).code(), api::CONFLICT);
  EXPECT_EQ(b_.Run(Inc(b2_)).code(), api::CONFLICT);
  EXPECT_TRUE(b_.Found(b2_));
  b_.Run(transaction.Resolve(true));
  EXPECT_FALSE(b_.Found(b1_));
  EXPECT_FALSE(b_.Found(b2_));
  EXPECT_EQ(b_.Run(Put(b1_, 1)).code(), api::OK);
}

// Write skew: each checks what the other writes.
TEST_F(StateTransact, Case25_WriteSkewIsRefused) {
  Transaction one = New(2);
  Transaction two = New(3);
  EXPECT_EQ(a_.Run(one.Begin({CheckOf(S(a1_), NotExists("pk"))}, {BucketOfKey(b1_)})).state(),
            command::PENDING);
  EXPECT_EQ(b_.Run(two.Prepare({CheckOf(S(b1_), NotExists("pk"))})).state(), command::PENDING);
  EXPECT_EQ(CodesOf(b_.Run(one.Prepare({Put(b1_, 1)})).transact()), (Codes{api::CONFLICT}));
  EXPECT_EQ(CodesOf(a_.Run(two.Begin({Put(a1_, 1)}, {BucketOfKey(b1_)})).transact()),
            (Codes{api::CONFLICT}));
}

// ------------------------------------------------------- plain writes and locks

TEST_F(StateTransact, APlainWriteOfAHeldItemIsAConflictAndMayBeTriedAgain) {
  const Transaction transaction = Pending();
  command::Write write = Inc(b1_, 10);
  *write.mutable_session() = b_.log.NextSession(5);
  const size_t answers = b_.Rows(storage::KeyKind::kRequest);
  for (command::Write held : {write, If(Exists("nothing"), write)}) {
    EXPECT_EQ(b_.Run(held).code(), api::CONFLICT);
  }
  EXPECT_EQ(b_.Rows(storage::KeyKind::kRequest), answers);
  EXPECT_EQ(b_.Run(Inc(b2_)).code(), api::OK);  // Its neighbour is free.
  a_.Run(transaction.Decide(true));
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Run(write).code(), api::OK);
  EXPECT_EQ(b_.Run(write).code(), api::OK);
  EXPECT_EQ(b_.Number(b1_), 11);
}

TEST_F(StateTransact, ARepeatOfAnEarlierWriteIsAnsweredWhileItsItemIsHeld) {
  command::Write write = Inc(b1_, 10);
  *write.mutable_session() = b_.log.NextSession(5);
  b_.Run(write);
  Pending();
  EXPECT_EQ(b_.Run(write).code(), api::OK);
}

// ---------------------------------------------------------- repeated and late

TEST_F(StateTransact, EveryStepMayBeRepeated) {
  Transaction transaction = New();
  const command::Command begin = transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  const command::Command prepare = transaction.Prepare({Inc(b1_)});
  for (int i = 0; i < 3; ++i) {
    command::Outcome begun = a_.Run(begin);
    EXPECT_EQ(begun.state(), command::PENDING);
    EXPECT_EQ(begun.repeated(), i > 0);
    EXPECT_EQ(b_.Run(prepare).state(), command::PENDING);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(a_.Run(transaction.Decide(true)).state(), command::COMMITTED);
    EXPECT_EQ(b_.Run(transaction.Resolve(true)).code(), api::OK);
  }
  EXPECT_EQ(a_.Run(begin).state(), command::COMMITTED);
  a_.Run(transaction.Forget());
  EXPECT_EQ(a_.Run(begin).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
  EXPECT_EQ(b_.Number(b1_), 1);
}

// Also while the record still says COMMITTED, so that who meets a lock commits it.
TEST_F(StateTransact, ALatePrepareOfACommittedTransactionDoesNothing) {
  Transaction transaction = New();
  a_.Run(transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  const command::Command prepare = transaction.Prepare({Inc(b1_)});
  b_.Run(prepare);
  a_.Run(transaction.Decide(true));
  b_.Run(transaction.Resolve(true));
  b_.Run(Inc(b1_, 10));
  b_.Run(prepare);
  EXPECT_EQ(b_.Locks(), 0u);
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Number(b1_), 11);
  // Also when the client is done with it, and when its time is over.
  command::Write next = Inc(b2_);
  *next.mutable_session() = a_.log.NextSession(2);
  b_.Run(next);
  EXPECT_EQ(b_.Run(prepare).code(), api::SESSION_EXPIRED);
  b_.log.stamp += 120 * kMicrosPerSecond;
  EXPECT_EQ(b_.Run(prepare).code(), api::SESSION_EXPIRED);
  EXPECT_EQ(b_.Locks(), 0u);
}

TEST_F(StateTransact, APrepareAfterItsAbortLeavesALockThatGoesWithoutEffect) {
  Transaction transaction = New();
  a_.Run(transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  a_.Run(transaction.Decide(false));
  b_.Run(transaction.Resolve(false));  // It came first.
  a_.Run(transaction.Forget());
  EXPECT_EQ(b_.Run(transaction.Prepare({Inc(b1_)})).state(), command::PENDING);
  EXPECT_EQ(b_.Run(Inc(b1_)).code(), api::CONFLICT);
  EXPECT_EQ(a_.replica->machine().FindTransact(transaction.id()), nullptr);
  b_.Run(transaction.Resolve(false));
  EXPECT_EQ(b_.Locks(), 0u);
  EXPECT_FALSE(b_.Found(b1_));
  EXPECT_EQ(b_.Run(Inc(b1_)).code(), api::OK);
}

TEST_F(StateTransact, ALateBeginDoesNotRevive) {
  Transaction transaction = New();
  const command::Command begin = transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  a_.Run(begin);
  a_.Run(transaction.Decide(false));
  a_.Run(transaction.Forget());
  command::Outcome late = a_.Run(begin);
  EXPECT_EQ(late.code(), api::TRANSACTION_CANCELLED);
  EXPECT_TRUE(late.repeated());
  a_.Run(New().Begin({Inc(a2_)}));  // The client is done with it.
  EXPECT_EQ(a_.Run(begin).code(), api::SESSION_EXPIRED);
  a_.log.stamp += 120 * kMicrosPerSecond;
  EXPECT_EQ(a_.Run(begin).code(), api::SESSION_EXPIRED);
  EXPECT_EQ(a_.Locks(), 0u);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 0u);
}

// A client that uses a sequence again, past its first last moment.
TEST_F(StateTransact, ABeginWhoseFirstIsNotForgottenIsRefused) {
  Transaction transaction = Pending();
  a_.log.stamp += 120 * kMicrosPerSecond;
  a_.log.Time();
  transaction.session.set_not_after(a_.log.stamp + 60 * kMicrosPerSecond);
  command::Outcome again = a_.Run(transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  EXPECT_EQ(again.code(), api::SESSION_EXPIRED);
  a_.Run(transaction.Decide(true));
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransact, ResolvesOfUnknownTransactionsAreNothing) {
  const Transaction pending = Pending();
  b_.Run(New(7).Resolve(true));
  EXPECT_EQ(a_.Run(New(7).Decide(true)).state(), command::NO_TRANSACTION);
  a_.Run(New(7).Forget());
  EXPECT_EQ(a_.Locks() + b_.Locks(), 2u);
}

TEST_F(StateTransact, MalformedStepsAreRefused) {
  Transaction transaction = New();
  std::vector<command::Command> commands;
  commands.push_back(transaction.Begin({Inc(a1_)}));
  commands.back().mutable_transact()->set_id("short");
  commands.push_back(transaction.Begin({Inc(a1_)}));
  commands.back().mutable_transact()->set_place(65536);
  commands.push_back(transaction.Begin({Inc(a1_)}, {65536}));
  commands.push_back(transaction.Begin({Inc(a1_)}));
  commands.back().mutable_transact()->mutable_begin()->mutable_session()->set_sequence(999);
  commands.push_back(transaction.Begin(std::vector<command::Write>(101, Inc(a1_))));
  commands.push_back(transaction.Begin({}));
  commands.back().mutable_transact()->clear_begin();
  transaction.place = static_cast<storage::Bucket>(BucketOfKey(b1_));
  commands.push_back(transaction.Prepare({Inc(a1_)}));
  commands.back().mutable_transact()->mutable_prepare()->mutable_session()->set_sequence(999);
  commands.push_back(transaction.Prepare({Inc(a1_)}));
  commands.back().mutable_transact()->mutable_prepare()->clear_session();
  commands.push_back(transaction.Prepare(std::vector<command::Write>(101, Inc(a1_))));
  for (const command::Command& command : commands) {
    EXPECT_EQ(a_.Run(command).code(), api::INVALID) << command.ShortDebugString();
  }
  EXPECT_EQ(a_.Rows(storage::KeyKind::kData) + a_.Locks(), 0u);
}

TEST_F(StateTransact, OnlyTheOwnersTakeItsSteps) {
  Transaction transaction = New();
  EXPECT_EQ(b_.Run(transaction.Begin({Inc(b1_)})).code(), api::WRONG_GROUP);
  EXPECT_EQ(a_.Run(transaction.Begin({Inc(a1_), Inc(b1_)})).code(), api::WRONG_GROUP);
  EXPECT_EQ(b_.Run(transaction.Prepare({Inc(a1_)})).code(), api::WRONG_GROUP);
  EXPECT_EQ(a_.Run(transaction.Prepare({Inc(a1_)})).code(), api::WRONG_GROUP);  // Its place.
  EXPECT_EQ(a_.Rows(storage::KeyKind::kRequest) + b_.Rows(storage::KeyKind::kRequest), 0u);
  EXPECT_EQ(a_.Run(transaction.Begin({Inc(a1_)})).state(), command::COMMITTED);
}

// --------------------------------------------------------------------- sessions

TEST_F(StateTransact, ARepeatedBeginIsToldTheFinalAnswerWithAllReasons) {
  Transaction transaction = New();
  const command::Command begin = transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  a_.Run(begin);
  api::TransactWriteResult result;
  result.add_reasons();
  result.add_reasons()->set_code(api::CONDITION_FAILED);
  result.mutable_reasons(1)->set_item("shown");
  a_.Run(transaction.Decide(false, result));
  for (int i = 0; i < 2; ++i) {
    command::Outcome again = a_.Run(begin);
    EXPECT_EQ(again.code(), api::TRANSACTION_CANCELLED);
    EXPECT_EQ(again.message(), kCancelledMessage);
    EXPECT_EQ(again.state(), command::ABORTED);
    EXPECT_TRUE(again.repeated());
    EXPECT_EQ(again.transact().SerializeAsString(), result.SerializeAsString());
    a_.Restart();
  }
  Transaction committed = New();
  const command::Command second = committed.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  a_.Run(second);
  api::TransactWriteResult cost;
  cost.add_capacity()->set_write_units(4);
  a_.Run(committed.Decide(true, cost));
  command::Outcome again = a_.Run(second);
  EXPECT_EQ(again.state(), command::COMMITTED);
  EXPECT_EQ(again.transact().SerializeAsString(), cost.SerializeAsString());
}

TEST_F(StateTransact, BeginAndDecideOfOneBatchAnswerARepeat) {
  Transaction transaction = New();
  const command::Command begin = transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  a_.log.Append(begin);
  a_.log.Append(transaction.Decide(true));
  a_.log.Append(begin);
  command::Outcome again = a_.replica->Apply(a_.log);
  EXPECT_EQ(again.state(), command::COMMITTED);
  EXPECT_TRUE(again.repeated());
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransact, ADecisionAfterItsClientIsDoneIsRecordedNoMore) {
  const Transaction transaction = Pending();
  const size_t answers = a_.Rows(storage::KeyKind::kRequest);
  a_.Run(New().Begin({Inc(a2_)}));  // Its done_below drops the first.
  EXPECT_EQ(a_.Rows(storage::KeyKind::kRequest), answers);
  EXPECT_EQ(a_.Run(transaction.Decide(true)).state(), command::COMMITTED);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kRequest), answers);
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransact, TheAnswerIsDroppedInTheBatchThatDecides) {
  for (const bool decide_first : {true, false}) {
    Transaction transaction = New();
    const command::Command begin = transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)});
    a_.Run(begin);
    const command::Command next = New().Begin({Inc(a2_)});
    a_.log.Append(decide_first ? transaction.Decide(true) : next);
    a_.log.Append(decide_first ? next : transaction.Decide(true));
    a_.log.Append(begin);
    EXPECT_EQ(a_.replica->Apply(a_.log).code(), api::SESSION_EXPIRED);
    EXPECT_EQ(a_.Rows(storage::KeyKind::kRequest), 1u);
    a_.Restart();
    a_.Run(transaction.Forget());
  }
  EXPECT_EQ(a_.Number(a1_), 2);
}

// ----------------------------------------------------------------------- tokens

class StateTransactToken : public TransactTest {
 protected:
  Transaction WithToken(int client, uint64_t fingerprint = 7) {
    Transaction transaction = New(client);
    transaction.token = "token";
    transaction.fingerprint = fingerprint;
    return transaction;
  }
};

TEST_F(StateTransactToken, Case24_CountsOnceAlsoInAnotherSession) {
  EXPECT_EQ(a_.Run(WithToken(2).Begin({Inc(a1_)})).state(), command::COMMITTED);
  for (int client = 3; client < 5; ++client) {
    command::Outcome again = a_.Run(WithToken(client).Begin({Inc(a1_)}));
    EXPECT_EQ(again.code(), api::OK);
    EXPECT_EQ(again.state(), command::COMMITTED);
    a_.Restart();
  }
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransactToken, Case24_AnotherBodyIsAMismatch) {
  a_.Run(WithToken(2).Begin({Inc(a1_)}));
  const Transaction other = WithToken(3, 8);
  EXPECT_EQ(a_.Run(other.Begin({Inc(a2_)})).code(), api::TOKEN_MISMATCH);
  EXPECT_FALSE(a_.Found(a2_));
  // Not recorded: the same session may go on, with another token.
  Transaction fixed = other;
  fixed.token = "another";
  EXPECT_EQ(a_.Run(fixed.Begin({Inc(a2_)})).state(), command::COMMITTED);
}

TEST_F(StateTransactToken, Case24_IsInProgressUntilItsTransactionIsDecided) {
  Transaction first = WithToken(2);
  a_.Run(first.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  b_.Run(first.Prepare({Inc(b1_)}));
  const command::Command again = WithToken(3).Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  EXPECT_EQ(a_.Run(again).code(), api::IN_PROGRESS);
  EXPECT_EQ(a_.Run(WithToken(4, 8).Begin({Inc(a1_)})).code(), api::TOKEN_MISMATCH);
  a_.Restart();
  EXPECT_EQ(a_.Run(again).code(), api::IN_PROGRESS);
  a_.Run(first.Decide(true));
  EXPECT_EQ(a_.Run(again).state(), command::COMMITTED);
  a_.Run(first.Forget());
  EXPECT_EQ(a_.Run(WithToken(5).Begin({Inc(a1_)})).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
}

TEST_F(StateTransactToken, AnAbortFreesIt) {
  EXPECT_EQ(a_.Run(WithToken(2).Begin({CheckOf(S(a1_), Exists("pk"))})).state(), command::ABORTED);
  Transaction first = WithToken(3);
  a_.Run(first.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  a_.Run(first.Decide(false));
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 1u);
  EXPECT_EQ(a_.Run(WithToken(4, 8).Begin({Inc(a1_, 5)})).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 5);
}

TEST_F(StateTransactToken, Case24_EndsTenMinutesAfterItsBeginByLogTime) {
  a_.Run(WithToken(2).Begin({Inc(a1_)}));
  const Stamp begun = a_.log.stamp;
  a_.NextStamp(begun + kTokenLife);
  EXPECT_EQ(a_.Run(WithToken(3).Begin({Inc(a1_)})).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
  a_.Run(WithToken(4).Begin({Inc(a1_)}));  // One microsecond later.
  EXPECT_EQ(a_.Number(a1_), 2);
  a_.log.stamp += 2 * kTokenLife;
  a_.log.Time();
  a_.replica->Apply(a_.log);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), 0u);
}

// A repeat in a session that found its token known executes nothing when that has gone.
TEST_F(StateTransactToken, ASessionAnsweredByATokenKeepsItsAnswer) {
  a_.Run(WithToken(2).Begin({Inc(a1_)}));
  a_.log.stamp += kTokenLife - 10 * kMicrosPerSecond;
  b_.log.stamp = a_.log.stamp;
  const command::Command second = WithToken(3).Begin({Inc(a1_)});
  a_.Run(second);
  a_.log.stamp += 20 * kMicrosPerSecond;
  EXPECT_EQ(a_.Run(second).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a1_), 1);
}

// Pending for longer than a token's ten minutes: a new one may take it, and keeps it.
TEST_F(StateTransactToken, APendingTransactionLosesItsTokenWithTime) {
  Transaction first = WithToken(2);
  a_.Run(first.Begin({Inc(a1_)}, {BucketOfKey(b1_)}));
  a_.log.stamp += kTokenLife + 1;
  const Transaction second = WithToken(3, 8);
  EXPECT_EQ(a_.Run(second.Begin({Inc(a2_)})).state(), command::COMMITTED);
  a_.Run(first.Decide(false));
  EXPECT_EQ(a_.Run(WithToken(4, 8).Begin({Inc(a2_)})).state(), command::COMMITTED);
  EXPECT_EQ(a_.Number(a2_), 1);
}

}  // namespace
}  // namespace fastpath::partition::testing
