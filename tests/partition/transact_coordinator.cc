// The coordinator as a pure machine: every order of events, repeats, time running out at
// every stage, adoption from every state (FAILURE-CASES 21, 23; DESIGN 5 "Transactions").
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "partition/limits.h"
#include "partition/txn/coordinator.h"

namespace fastpath::partition {
namespace {

using Do = TransactCoordinator::Do;
using Action = TransactCoordinator::Action;
using Actions = TransactCoordinator::Actions;

command::Outcome Pending() {
  command::Outcome outcome;
  outcome.set_state(command::PENDING);
  return outcome;
}
command::Outcome Committed() {
  command::Outcome outcome;
  outcome.set_state(command::COMMITTED);
  return outcome;
}
command::Outcome Refused(api::Code code) {
  command::Outcome outcome;
  outcome.set_code(code);
  outcome.set_message("why");
  return outcome;
}
command::Outcome Cancelled(const std::vector<api::Code>& codes) {
  command::Outcome outcome = Refused(api::TRANSACTION_CANCELLED);
  outcome.set_state(command::ABORTED);
  for (const api::Code code : codes) outcome.mutable_transact()->add_reasons()->set_code(code);
  return outcome;
}
command::Outcome Costing(command::Outcome outcome, const std::string& table, uint64_t units) {
  api::Capacity* capacity = outcome.mutable_transact()->add_capacity();
  capacity->set_table(table);
  capacity->set_write_units(units);
  return outcome;
}
api::GroupStamp StampOf(uint32_t group, uint64_t stamp) {
  api::GroupStamp out;
  out.set_group(group);
  out.set_stamp(stamp);
  return out;
}
std::vector<api::Code> Reasons(const TransactCoordinator& coordinator) {
  std::vector<api::Code> codes;
  for (const auto& reason : coordinator.result().reasons()) codes.push_back(reason.code());
  return codes;
}
using Codes = std::vector<api::Code>;

// Items 0 and 3 at the place, 1 in one other group, 2 and 4 in another.
TransactCoordinator Three() { return TransactCoordinator({0, 3}, {{1}, {2, 4}}); }
const Actions kPrepares = {{Do::kPrepare, 0}, {Do::kPrepare, 1}};
const Actions kDecides = {{Do::kDecide}};
const Actions kResolves = {{Do::kResolve, 0}, {Do::kResolve, 1}};

TransactCoordinator Deciding() {
  TransactCoordinator coordinator = Three();
  coordinator.Start();
  coordinator.Begun(Pending());
  coordinator.Prepared(0, Pending());
  EXPECT_EQ(coordinator.Prepared(1, Pending()), kDecides);
  return coordinator;
}

TEST(TransactCoordinatorTest, CommitsWhateverTheOrderOfAnswers) {
  for (const bool turned : {false, true}) {
    TransactCoordinator coordinator = Three();
    EXPECT_EQ(coordinator.Start(), (Actions{{Do::kBegin}}));
    EXPECT_EQ(coordinator.Begun(Pending()), kPrepares);
    EXPECT_EQ(coordinator.Prepared(turned ? 1 : 0, Pending()), Actions{});
    EXPECT_EQ(coordinator.Prepared(turned ? 0 : 1, Pending()), kDecides);
    EXPECT_TRUE(coordinator.commit());
    EXPECT_EQ(coordinator.code(), api::OK);
    EXPECT_EQ(coordinator.result().reasons_size(), 0);
    EXPECT_FALSE(coordinator.committed());
    EXPECT_EQ(coordinator.Decided(command::COMMITTED), kResolves);
    EXPECT_TRUE(coordinator.committed());
    EXPECT_EQ(coordinator.Resolved(turned ? 1 : 0, StampOf(5, 50)), Actions{});
    EXPECT_EQ(coordinator.Resolved(turned ? 0 : 1, StampOf(6, 60)),
              (Actions{{Do::kAnswer}, {Do::kForget}}));
    EXPECT_EQ(coordinator.code(), api::OK);
    ASSERT_EQ(coordinator.result().stamps_size(), 2);
    EXPECT_EQ(coordinator.result().stamps(1).stamp(), 60u);
  }
}

TEST(TransactCoordinatorTest, RepeatedAndLateAnswersDoNothing) {
  TransactCoordinator coordinator = Three();
  EXPECT_EQ(coordinator.Begun(Pending()), Actions{});  // Not begun yet.
  coordinator.Start();
  EXPECT_EQ(coordinator.Prepared(0, Pending()), Actions{});
  EXPECT_EQ(coordinator.Decided(command::COMMITTED), Actions{});
  EXPECT_EQ(coordinator.Resolved(0, {}), Actions{});
  coordinator.Begun(Pending());
  EXPECT_EQ(coordinator.Begun(Pending()), Actions{});
  coordinator.Prepared(0, Pending());
  EXPECT_EQ(coordinator.Prepared(0, Cancelled({api::CONFLICT})), Actions{});
  EXPECT_EQ(coordinator.Decided(command::COMMITTED), Actions{});
  EXPECT_EQ(coordinator.Prepared(1, Pending()), kDecides);
  EXPECT_EQ(coordinator.Prepared(1, Cancelled({api::CONFLICT, api::OK})), Actions{});
  EXPECT_TRUE(coordinator.commit());
  EXPECT_EQ(coordinator.Decided(command::COMMITTED), kResolves);
  EXPECT_EQ(coordinator.Decided(command::ABORTED), Actions{});
  coordinator.Resolved(0, StampOf(5, 50));
  EXPECT_EQ(coordinator.Resolved(0, StampOf(5, 51)), Actions{});
  coordinator.Resolved(1, StampOf(6, 60));
  EXPECT_EQ(coordinator.Resolved(1, StampOf(6, 60)), Actions{});
  EXPECT_EQ(coordinator.Expired(), Actions{});
  EXPECT_EQ(coordinator.result().stamps_size(), 2);
  EXPECT_EQ(coordinator.code(), api::OK);
}

TEST(TransactCoordinatorTest, ReasonsStandInTheRequestsOrder) {
  TransactCoordinator coordinator = Three();
  coordinator.Start();
  // Doomed at its place, not by a conflict: the others are asked too.
  command::Outcome begun = Cancelled({api::OK, api::CONDITION_FAILED});
  begun.set_code(api::OK);
  begun.set_state(command::PENDING);
  EXPECT_EQ(coordinator.Begun(begun), kPrepares);
  EXPECT_EQ(coordinator.Prepared(1, Cancelled({api::TOO_LARGE, api::INVALID})), Actions{});
  EXPECT_EQ(coordinator.Prepared(0, Cancelled({api::CONFLICT})), kDecides);
  EXPECT_FALSE(coordinator.commit());
  EXPECT_EQ(coordinator.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(coordinator.message(), kCancelledMessage);
  EXPECT_EQ(Reasons(coordinator),
            (Codes{api::OK, api::CONFLICT, api::TOO_LARGE, api::CONDITION_FAILED, api::INVALID}));
  // Aborted: the client need not wait for the others.
  Actions next = {{Do::kAnswer}};
  next.insert(next.end(), kResolves.begin(), kResolves.end());
  EXPECT_EQ(coordinator.Decided(command::ABORTED), next);
  EXPECT_FALSE(coordinator.committed());
  coordinator.Resolved(1, StampOf(6, 60));
  EXPECT_EQ(coordinator.Resolved(0, StampOf(5, 50)), (Actions{{Do::kForget}}));
}

TEST(TransactCoordinatorTest, ABeginThatConflictsEndsItAtOnce) {
  TransactCoordinator coordinator = Three();
  coordinator.Start();
  EXPECT_EQ(coordinator.Begun(Cancelled({api::OK, api::CONFLICT})), (Actions{{Do::kAnswer}}));
  EXPECT_EQ(coordinator.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(Reasons(coordinator), (Codes{api::OK, api::OK, api::OK, api::CONFLICT, api::OK}));
  EXPECT_EQ(coordinator.Prepared(0, Pending()), Actions{});
}

TEST(TransactCoordinatorTest, ARefusedBeginIsAnsweredAsItIs) {
  for (const api::Code code : {api::OVERLOADED, api::WRONG_GROUP, api::TOKEN_MISMATCH,
                               api::IN_PROGRESS, api::SESSION_EXPIRED, api::INVALID}) {
    TransactCoordinator coordinator = Three();
    coordinator.Start();
    EXPECT_EQ(coordinator.Begun(Refused(code)), (Actions{{Do::kAnswer}}));
    EXPECT_EQ(coordinator.code(), code);
    EXPECT_EQ(coordinator.message(), "why");
    EXPECT_EQ(coordinator.result().reasons_size(), 0);
  }
}

TEST(TransactCoordinatorTest, ARepeatedBeginIsAnsweredAsItsFirst) {
  command::Outcome cancelled = Cancelled({api::OK, api::OK, api::CONFLICT, api::OK, api::OK});
  cancelled.set_repeated(true);
  TransactCoordinator refused = Three();
  refused.Start();
  EXPECT_EQ(refused.Begun(cancelled), (Actions{{Do::kAnswer}}));
  EXPECT_EQ(refused.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(Reasons(refused), (Codes{api::OK, api::OK, api::CONFLICT, api::OK, api::OK}));

  // One that a conflict ended at its place recorded what that group said of its own items.
  command::Outcome conflict = Cancelled({api::OK, api::CONFLICT});
  conflict.set_repeated(true);
  TransactCoordinator ended = Three();
  ended.Start();
  EXPECT_EQ(ended.Begun(conflict), (Actions{{Do::kAnswer}}));
  EXPECT_EQ(Reasons(ended), (Codes{api::OK, api::OK, api::OK, api::CONFLICT, api::OK}));

  command::Outcome pending = Costing(Pending(), "t", 2);
  pending.set_repeated(true);
  TransactCoordinator waits = Three();
  waits.Start();
  EXPECT_EQ(waits.Begun(pending), (Actions{{Do::kAnswer}}));
  EXPECT_EQ(waits.code(), api::NOT_READY);
  EXPECT_EQ(waits.result().ByteSizeLong(), 0u);

  // Committed: its writes may be asked for anywhere, so every group is asked first.
  command::Outcome committed = Costing(Committed(), "t", 4);
  committed.set_repeated(true);
  for (const bool repeated : {true, false}) {  // Not repeated: its token's has committed.
    TransactCoordinator done = Three();
    done.Start();
    EXPECT_EQ(done.Begun(repeated ? committed : Committed()), kResolves);
    EXPECT_TRUE(done.commit());
    done.Resolved(0, StampOf(5, 50));
    EXPECT_EQ(done.Resolved(1, StampOf(6, 60)), (Actions{{Do::kAnswer}}));
    EXPECT_EQ(done.code(), api::OK);
    EXPECT_EQ(done.result().reasons_size(), 0);
    EXPECT_EQ(done.result().capacity_size(), repeated ? 1 : 0);
  }
}

TEST(TransactCoordinatorTest, AGroupThatRefusesIsAReasonForEachOfItsItems) {
  TransactCoordinator coordinator = Three();
  coordinator.Start();
  coordinator.Begun(Pending());
  coordinator.Prepared(0, Pending());
  EXPECT_EQ(coordinator.Prepared(1, Refused(api::OVERLOADED)), kDecides);
  EXPECT_FALSE(coordinator.commit());
  EXPECT_EQ(Reasons(coordinator),
            (Codes{api::OK, api::OK, api::OVERLOADED, api::OK, api::OVERLOADED}));
}

TEST(TransactCoordinatorTest, TimeRunsOutAtEveryStage) {
  for (const bool before_start : {true, false}) {
    TransactCoordinator early = Three();
    if (before_start) {
      EXPECT_EQ(early.Expired(), Actions{});
    }
    early.Start();
    EXPECT_EQ(early.Expired(), Actions{});
    EXPECT_EQ(early.Begun(Pending()), kDecides);  // Nobody else is asked.
    EXPECT_FALSE(early.commit());
    EXPECT_EQ(Reasons(early),
              (Codes{api::OK, api::OVERLOADED, api::OVERLOADED, api::OK, api::OVERLOADED}));
  }
  TransactCoordinator preparing = Three();
  preparing.Start();
  preparing.Begun(Pending());
  preparing.Prepared(1, Pending());
  EXPECT_EQ(preparing.Expired(), kDecides);
  EXPECT_FALSE(preparing.commit());
  EXPECT_EQ(Reasons(preparing), (Codes{api::OK, api::OVERLOADED, api::OK, api::OK, api::OK}));
  EXPECT_EQ(preparing.Prepared(0, Pending()), Actions{});

  TransactCoordinator deciding = Deciding();
  EXPECT_EQ(deciding.Expired(), Actions{});
  EXPECT_TRUE(deciding.commit());
  EXPECT_EQ(deciding.Decided(command::COMMITTED), kResolves);
  EXPECT_EQ(deciding.Expired(), Actions{});
  deciding.Resolved(0, StampOf(5, 50));
  EXPECT_EQ(deciding.Resolved(1, StampOf(6, 60)), (Actions{{Do::kAnswer}, {Do::kForget}}));
}

TEST(TransactCoordinatorTest, SomebodyElseMayHaveEndedIt) {
  TransactCoordinator coordinator = Deciding();
  Actions next = {{Do::kAnswer}};
  next.insert(next.end(), kResolves.begin(), kResolves.end());
  EXPECT_EQ(coordinator.Decided(command::ABORTED), next);
  EXPECT_FALSE(coordinator.commit());
  EXPECT_EQ(coordinator.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(Reasons(coordinator), Codes(5, api::CONFLICT));
  coordinator.Resolved(0, {});
  EXPECT_EQ(coordinator.Resolved(1, {}), (Actions{{Do::kForget}}));
}

// Also forgotten since: who ended it may have found it committed.
TEST(TransactCoordinatorTest, WhatIsForgottenIsUnknown) {
  TransactCoordinator coordinator = Deciding();
  EXPECT_EQ(coordinator.Decided(command::NO_TRANSACTION).front(), (Action{Do::kAnswer}));
  EXPECT_EQ(coordinator.code(), api::UNKNOWN);
  EXPECT_EQ(coordinator.result().reasons_size(), 0);
}

TEST(TransactCoordinatorTest, AnAdoptedOneIsAbortedIfPending) {
  TransactCoordinator coordinator = TransactCoordinator::Adopt(command::PENDING, 2);
  EXPECT_EQ(coordinator.Start(), kDecides);
  EXPECT_FALSE(coordinator.commit());
  EXPECT_EQ(coordinator.code(), api::TRANSACTION_CANCELLED);
  EXPECT_EQ(coordinator.Decided(command::ABORTED), kResolves);
  EXPECT_FALSE(coordinator.commit());
  coordinator.Resolved(0, {});
  EXPECT_EQ(coordinator.Resolved(1, {}), (Actions{{Do::kForget}}));
}

// FAILURE-CASES 23: the living coordinator's decision came before.
TEST(TransactCoordinatorTest, Case23_AnAdoptedOneTakesTheDecisionThatStands) {
  TransactCoordinator coordinator = TransactCoordinator::Adopt(command::PENDING, 2);
  coordinator.Start();
  EXPECT_EQ(coordinator.Decided(command::COMMITTED), kResolves);
  EXPECT_TRUE(coordinator.commit());
  coordinator.Resolved(1, {});
  EXPECT_EQ(coordinator.Resolved(0, {}), (Actions{{Do::kForget}}));
}

TEST(TransactCoordinatorTest, AnAdoptedOneThatIsDecidedIsFinished) {
  for (const auto state : {command::COMMITTED, command::ABORTED}) {
    TransactCoordinator coordinator = TransactCoordinator::Adopt(state, 2);
    EXPECT_EQ(coordinator.Start(), kResolves);
    EXPECT_EQ(coordinator.commit(), state == command::COMMITTED);
    EXPECT_EQ(coordinator.Expired(), Actions{});
    coordinator.Resolved(0, {});
    EXPECT_EQ(coordinator.Resolved(1, {}), (Actions{{Do::kForget}}));
  }
}

TEST(TransactCoordinatorTest, CostsAreSummedByTable) {
  TransactCoordinator coordinator = Three();
  coordinator.Start();
  coordinator.Begun(Costing(Pending(), "b", 2));
  coordinator.Prepared(1, Costing(Costing(Pending(), "a", 4), "b", 6));
  coordinator.Prepared(0, Costing(Pending(), "c", 2));
  ASSERT_EQ(coordinator.result().capacity_size(), 3);
  const char* const kTables[] = {"a", "b", "c"};
  const uint64_t kUnits[] = {4, 8, 2};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(coordinator.result().capacity(i).table(), kTables[i]);
    EXPECT_EQ(coordinator.result().capacity(i).write_units(), kUnits[i]);
  }
}

TEST(TransactCoordinatorTest, ItemsThatReasonsShowAreBoundedInAll) {
  TransactCoordinator coordinator({0}, {{1}, {2}});
  coordinator.Start();
  coordinator.Begun(Pending());
  for (const size_t part : {0, 1}) {
    command::Outcome outcome = Cancelled({api::CONDITION_FAILED});
    outcome.mutable_transact()->mutable_reasons(0)->set_item(
        std::string(kReasonItemsLimitBytes / 2 + 1, 'x'));
    coordinator.Prepared(part, outcome);
  }
  EXPECT_FALSE(coordinator.result().reasons(1).item().empty());
  EXPECT_TRUE(coordinator.result().reasons(2).item().empty());
  EXPECT_EQ(coordinator.result().reasons(2).code(), api::CONDITION_FAILED);
}

// Whatever answers come, in whatever order and number, and whenever time runs out: it decides
// at most once, commits only if all prepared, answers once, resolves each group once, and
// forgets after all of that.
TEST(TransactCoordinatorTest, EveryRunEndsOnceAndCommitsOnlyWhatAllPrepared) {
  constexpr int kEvents = 9;
  int commits = 0;
  int runs = 0;
  std::vector<int> order(6);
  // Every sequence of six events out of nine kinds, repeats included.
  for (int code = 0; code < kEvents * kEvents * kEvents * kEvents * kEvents * kEvents; ++code) {
    int rest = code;
    for (int& event : order) {
      event = rest % kEvents;
      rest /= kEvents;
    }
    TransactCoordinator coordinator({0}, {{1}, {2}});
    std::multiset<std::pair<Do, size_t>> done;
    const auto take = [&](const Actions& actions) {
      for (const Action& action : actions) done.emplace(action.what, action.part);
    };
    std::set<size_t> prepared;
    bool refused = false;
    take(coordinator.Start());
    take(coordinator.Begun(Pending()));
    for (const int event : order) {
      if (event < 2 && !done.contains({Do::kDecide, 0})) prepared.insert(event);
      if (event == 0 || event == 1) take(coordinator.Prepared(event, Pending()));
      if (event == 2 || event == 3) {
        refused = refused || (!prepared.contains(event - 2) && !done.contains({Do::kDecide, 0}));
        take(coordinator.Prepared(event - 2, Cancelled({api::CONFLICT})));
      }
      if (event == 4) take(coordinator.Expired());
      if (event == 5) {
        take(coordinator.Decided(coordinator.commit() ? command::COMMITTED : command::ABORTED));
      }
      if (event == 6) take(coordinator.Decided(command::ABORTED));
      if (event >= 7) take(coordinator.Resolved(event - 7, {}));
    }
    ASSERT_LE(done.count({Do::kDecide, 0}), 1u);
    ASSERT_LE(done.count({Do::kAnswer, 0}), 1u);
    for (const size_t part : {0, 1}) ASSERT_LE(done.count({Do::kResolve, part}), 1u);
    if (done.contains({Do::kForget, 0})) {
      ++runs;
      ASSERT_TRUE(done.contains({Do::kAnswer, 0}));
      if (coordinator.code() == api::OK) {
        ++commits;
        ASSERT_EQ(prepared.size(), 2u);
        ASSERT_FALSE(refused);
      }
    }
  }
  EXPECT_GT(commits, 0);
  EXPECT_GT(runs, commits);
}

}  // namespace
}  // namespace fastpath::partition
