// Transactions and what reads of them while one link is cut, or leadership is handed over, at
// each moment of theirs: what no drawn fault meets often enough (FAILURE-CASES 21-25, 31).
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"
#include "tests/sim/bank.h"
#include "tests/sim/requests.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;

constexpr Micros kPatience = 20 * kSecond;
constexpr Micros kStep = 250;

// Node i leads group i + 1, the last node also meta.
class TransactFaults : public ::testing::Test {
 protected:
  void Start(uint32_t groups) {
    Scenario scenario = Calm(5);
    scenario.groups = groups_ = groups;
    scenario.segment_bytes = 4 << 20;
    scenario.late_read_one_in = 0;
    scenario.flush_after_batches = UINT32_MAX;
    scenario.flush_log_bytes = UINT64_MAX;
    simulation_.emplace(scenario);
    simulation_->StartFirst();
    simulation_->StartOthers();
    simulation_->AwaitReplication();
    for (uint32_t group = 1; group <= groups; ++group) Lead(group, group - 1);
    Lead(0, 2);
    one_.emplace(*simulation_, "one", 1);
    two_.emplace(*simulation_, "two", 2);
  }
  SimCluster& cluster() { return simulation_->cluster(); }

  Answer HandOver(uint32_t group, size_t node) {
    api::Request request;
    request.mutable_transfer()->set_group(group);
    request.mutable_transfer()->set_node(ids_.at(node));
    return simulation_->Ask(std::move(request), Target::Group(group), kPatience);
  }
  void Lead(uint32_t group, size_t node) {
    for (size_t i = 0; i < cluster().size(); ++i) {
      if (cluster().up(i)) ids_[i] = cluster().StatusOf(i).node();
    }
    ASSERT_TRUE(simulation_->WaitFor(
        [&] {
          if (LeaderOf(*simulation_, group) == node) return true;
          HandOver(group, node);
          return false;
        },
        kPatience));
  }
  void Cut(size_t from, size_t to) {
    simulation_->fabric().Block(cluster().host(from), cluster().host(to));
  }
  void Mend() { simulation_->fabric().UnblockAll(); }
  // To the moment of its answer, but for a step.
  void Await(Teller& teller) {
    const Micros end = simulation_->loop().Now() + kPatience;
    while (teller.busy() && simulation_->loop().Now() < end) simulation_->RunFor(kStep);
    ASSERT_FALSE(teller.busy());
  }

  // A key of this group that was never used.
  std::string KeyIn(uint32_t group) {
    while (true) {
      std::string key = absl::StrCat("key", ++last_key_);
      if (GroupOfKey(groups_, key) == group) return key;
    }
  }
  std::string Read(const std::string& key) {
    const Answer answer = GetOnce(*simulation_, key);
    EXPECT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    return Content(answer.reply.get().item());
  }
  void Write(const std::string& key, const std::string& value) {
    const Answer answer = simulation_->Ask(Put(key, value), Target::Key(), 5 * kSecond);
    ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
  }
  static api::Request PutBoth(const std::string& x, const std::string& y) {
    return TransactWrite({TransactPut(x, "new"), TransactPut(y, "new")});
  }

  uint32_t groups_ = 0;
  std::optional<Simulation> simulation_;  // Outlives the tellers.
  std::optional<Teller> one_, two_;
  std::map<size_t, uint32_t> ids_;
  uint64_t last_key_ = 0;
};

// Meanwhile the leader proposes nothing, and afterwards it leads on in the same term.
TEST_F(TransactFaults, AHandOverToADeadNodeLeavesNothingHeld) {
  Start(2);
  cluster().Kill(2, Death::kPower);
  ASSERT_TRUE(simulation_->WaitFor([&] { return LedByOthers(*simulation_, 2, 2); }, kPatience));
  for (Micros after = 0; after < 12'000; after += 2 * kStep) {
    SCOPED_TRACE(absl::StrCat(after, " us"));
    Lead(1, 0);
    const std::string x = KeyIn(1), y = KeyIn(2);
    one_->Begin(PutBoth(x, y), Target::Key(), 8 * kSecond);
    simulation_->RunFor(after);
    ASSERT_TRUE(Ok(HandOver(1, 2)));
    Await(*one_);
    EXPECT_TRUE(Ok(one_->answer())) << one_->answer().reply.ShortDebugString();
    EXPECT_TRUE(Ok(PutOnce(*simulation_, x)));
    EXPECT_TRUE(Ok(PutOnce(*simulation_, y)));
  }
  simulation_->RunFor(kSecond);
  EXPECT_EQ(cluster().TransactionRows(0), 0u);
}

// A reader that meets a held item while another's question about it is under way, begins after
// that was answered, maybe: it may have seen the transaction's other item.
TEST_F(TransactFaults, AReadThatJoinsAQuestionIsNotAnsweredByWhatWasSoBeforeIt) {
  Start(2);
  int answered_before = 0;
  for (Micros after = 0; after < 10'000; after += kStep) {
    SCOPED_TRACE(absl::StrCat(after, " us"));
    const std::string x = KeyIn(1), y = KeyIn(2);
    Write(x, "old");
    Write(y, "old");
    one_->Begin(PutBoth(x, y), Target::Key(), 8 * kSecond);
    simulation_->RunFor(after);
    two_->Begin(Get(kTable, y, false), Target::Key(), 8 * kSecond);
    simulation_->RunFor(1'500);
    Cut(0, 1);  // The answer is on its way, the Resolve behind it.
    Teller joins(*simulation_, absl::StrCat("joins", after), 3);
    bool committed = false;
    for (int look = 0; look < 20 && !committed; ++look) committed = Read(x) == "new";
    joins.Begin(Get(kTable, y, false), Target::Key(), 8 * kSecond);
    simulation_->RunFor(10'000);
    Mend();
    for (Teller* teller : {&*one_, &*two_, &joins}) {
      Await(*teller);
      ASSERT_TRUE(Ok(teller->answer())) << teller->answer().reply.ShortDebugString();
    }
    if (!committed) continue;
    EXPECT_EQ(Content(joins.answer().reply.get().item()), "new");
    answered_before += Content(two_->answer().reply.get().item()) == "old" ? 1 : 0;
  }
  EXPECT_GT(answered_before, 0);
}

// The other group's look is of before it expired, and of before what was written while it
// could still be seen.
TEST_F(TransactFaults, Case31_AnItemThatExpiresBetweenATransactGetsLooksIsReadAgain) {
  Start(2);
  int met = 0;
  for (Micros after = 0; after < 5'000; after += kStep) {
    SCOPED_TRACE(absl::StrCat(after, " us"));
    const std::string expiring = KeyIn(1), other = KeyIn(2);
    const Micros wall = testing::SimClock::kEpoch + simulation_->loop().Now();
    const int64_t expiry_s = wall / kSecond + 2;
    const Answer put =
        simulation_->Ask(PutExpiring(expiring, expiry_s), Target::Key(), 5 * kSecond);
    ASSERT_TRUE(Ok(put));
    Write(other, "old");
    simulation_->RunFor(expiry_s * kSecond - 100'000 - testing::SimClock::kEpoch -
                        simulation_->loop().Now());
    api::Request both = TransactGet({other, expiring});
    both.mutable_transact_get()->mutable_items(1)->set_table(kExpiringTable);
    one_->Begin(std::move(both), Target::Key(), 8 * kSecond);
    simulation_->RunFor(after);
    Cut(1, 0);  // Its question to the first group waits, its own group is asked.
    simulation_->RunFor(5'000);
    met += one_->busy() ? 1 : 0;
    Write(other, "new");
    const Answer still =
        simulation_->Ask(Get(kExpiringTable, expiring, false), Target::Key(), 5 * kSecond);
    EXPECT_TRUE(still.reply.get().found());
    simulation_->RunFor(200'000);
    Mend();
    Await(*one_);
    ASSERT_TRUE(Ok(one_->answer())) << one_->answer().reply.ShortDebugString();
    const auto& items = one_->answer().reply.transact_get().items();
    EXPECT_TRUE(items[1].found() || Content(items[0].item()) == "new");
  }
  EXPECT_GT(met, 0);
}

// The Prepare that sees the item alive is under way while a read comes after the item's last
// moment: what the read says of it must hold if the transaction commits.
TEST_F(TransactFaults, Case31_AReadDoesNotCallExpiredWhatATransactionSawAndCommits) {
  Start(2);
  cluster().SlowDisk(1, 2'000);
  cluster().SlowDisk(2, 2'000);
  int committed = 0;
  for (Micros before = 0; before < 12'000; before += kStep) {
    SCOPED_TRACE(absl::StrCat(before, " us"));
    const std::string expiring = KeyIn(1), other = KeyIn(2);
    const Micros wall = testing::SimClock::kEpoch + simulation_->loop().Now();
    const int64_t expiry_s = wall / kSecond + 2;
    ASSERT_TRUE(Ok(simulation_->Ask(PutExpiring(expiring, expiry_s), Target::Key(), 5 * kSecond)));
    ASSERT_TRUE(
        Ok(simulation_->Ask(Get(kExpiringTable, expiring, false), Target::Key(), 5 * kSecond)));
    const auto at = [&](Micros offset) {
      simulation_->RunFor(expiry_s * kSecond + offset - testing::SimClock::kEpoch -
                          simulation_->loop().Now());
    };
    at(-before);
    api::TransactItem prolong = TransactMove(expiring, 1, 0, std::nullopt);
    prolong.set_table(kExpiringTable);
    api::Update& update = *prolong.mutable_update();
    update.mutable_condition()->mutable_exists()->add_steps()->set_name("k");
    update.mutable_update()->mutable_add(0)->mutable_path()->mutable_steps(0)->set_name("e");
    update.mutable_update()->mutable_add(0)->set_value(model::EncodeValue(model::Value::Num(3600)));
    one_->Begin(TransactWrite({TransactPut(other, "new"), prolong}), Target::Key(), 8 * kSecond);
    at(500);
    two_->Begin(Get(kExpiringTable, expiring, false), Target::Key(), 8 * kSecond);
    at(1'000);
    Cut(0, 1);  // What was prepared stays undecided.
    simulation_->RunFor(50'000);
    Mend();
    Await(*one_);
    Await(*two_);
    ASSERT_TRUE(Ok(two_->answer())) << two_->answer().reply.ShortDebugString();
    if (!Ok(one_->answer())) continue;  // It was late itself.
    ++committed;
    EXPECT_TRUE(two_->answer().reply.get().found());
  }
  EXPECT_GT(committed, 0);
}

// Too many bytes are too many, whatever a group that does not answer has: nobody keeps them
// until it does.
TEST_F(TransactFaults, ATransactGetThatIsTooLargeIsRefusedAtOnce) {
  Start(3);
  std::vector<std::string> keys;
  for (int i = 0; i < 12; ++i) {
    keys.push_back(KeyIn(1 + i % 2));
    Write(keys.back(), std::string(390'000, 'x'));
  }
  keys.push_back(KeyIn(3));
  Cut(0, 2);
  Cut(2, 0);
  one_->Begin(TransactGet(keys), Target::Key(), 8 * kSecond);
  Await(*one_);
  EXPECT_EQ(one_->answer().reply.code(), api::TOO_LARGE);
  EXPECT_LT(one_->returned_at() - one_->called_at(), kSecond);
}

TEST_F(TransactFaults, WhatTransactGetsKeepForASilentGroupIsBounded) {
  Start(3);
  std::vector<std::string> keys;
  for (int i = 0; i < 10; ++i) {
    keys.push_back(KeyIn(1));
    Write(keys.back(), std::string(390'000, 'x'));
  }
  keys.push_back(KeyIn(3));
  int overloaded = 0;
  simulation_->fabric().Meddle([&](HostId from, HostId to, std::string& frame) {
    api::Reply reply;
    if (from != cluster().host(0) || to <= cluster().host(2)) return;
    overloaded += reply.ParseFromString(frame) && reply.code() == api::OVERLOADED ? 1 : 0;
  });
  Cut(0, 2);
  Cut(2, 0);
  std::vector<std::unique_ptr<Teller>> tellers;
  for (int i = 0; i < 20; ++i) {
    tellers.push_back(std::make_unique<Teller>(*simulation_, absl::StrCat("asks", i), i));
    tellers.back()->Begin(TransactGet(keys), Target::Key(), kPatience);
  }
  simulation_->RunFor(kSecond);
  EXPECT_GT(overloaded, 0);
  Mend();
  for (const auto& teller : tellers) {
    Await(*teller);
    EXPECT_TRUE(Ok(teller->answer())) << teller->answer().reply.ShortDebugString();
  }
  simulation_->fabric().Meddle(nullptr);
}

// Its next leader finishes it, but cannot reach a group of it: who asks meanwhile asks again.
TEST_F(TransactFaults, WhoAsksForWhatIsBeingFinishedHearsOfItsEnd) {
  Start(2);
  int waited = 0;
  for (Micros after = 0; after < 8'000; after += 2 * kStep) {
    SCOPED_TRACE(absl::StrCat(after, " us"));
    Lead(1, 0);
    const std::string x = KeyIn(1), y = KeyIn(2);
    Cut(1, 2);
    Cut(2, 1);
    one_->Begin(PutBoth(x, y), Target::Key(), kPatience);
    simulation_->RunFor(after);
    ASSERT_TRUE(Ok(HandOver(1, 2)));
    simulation_->RunFor(2 * kSecond);
    Mend();
    waited += one_->busy() ? 1 : 0;
    const Micros mended = simulation_->loop().Now();
    Await(*one_);
    EXPECT_LT(one_->returned_at() - mended, kSecond / 2);
    EXPECT_NE(one_->answer().outcome, client::Outcome::kUnknown);
  }
  EXPECT_GT(waited, 0);
}

// After all nodes died the new leaders have it in their logs, and not yet in their state.
TEST_F(TransactFaults, ALeaderThatCatchesUpKnowsNotWhatTablesThereAre) {
  Start(3);
  std::vector<std::unique_ptr<Teller>> tellers;
  const Answer created = simulation_->Ask(CreateTable("late", false), Target::Group(0), kPatience);
  ASSERT_TRUE(Ok(created)) << created.reply.ShortDebugString();
  simulation_->RunFor(kSecond);  // Every node's map has it.
  // Clients that know it: who comes anew would have to ask meta what its keys are.
  for (uint32_t group = 1; group <= groups_; ++group) {
    for (int kind = 0; kind < 2; ++kind) {
      tellers.push_back(
          std::make_unique<Teller>(*simulation_, absl::StrCat("asks", tellers.size()), group));
      tellers.back()->Begin(Get("late", KeyIn(group), false), Target::Key(), kPatience);
      Await(*tellers.back());
    }
  }
  // What is applied is only in their engines' memory, and no later entry says that it was.
  for (size_t node = 0; node < cluster().size(); ++node) cluster().Kill(node, Death::kProcess);
  for (size_t node = 0; node < cluster().size(); ++node) {
    cluster().SlowDisk(node, 200'000);
    cluster().Start(node);
  }
  auto teller = tellers.begin();
  for (uint32_t group = 1; group <= groups_; ++group) {
    api::Request put = Put(KeyIn(group), "new");
    put.mutable_write()->set_table("late");
    api::Request get = TransactGet({KeyIn(group)});
    get.mutable_transact_get()->mutable_items(0)->set_table("late");
    (*teller++)->Begin(std::move(put), Target::Key(), kPatience);
    (*teller++)->Begin(std::move(get), Target::Key(), kPatience);
  }
  for (const auto& teller : tellers) {
    Await(*teller);
    EXPECT_TRUE(Ok(teller->answer())) << teller->answer().reply.ShortDebugString();
  }
}

// It may have begun, whatever its client hears at its deadline.
TEST_F(TransactFaults, AnOverdueTransactionIsUnknown) {
  Start(2);
  for (const size_t other : {1, 2}) {
    Cut(0, other);
    Cut(other, 0);
  }
  std::vector<api::Code> codes;
  simulation_->fabric().Meddle([&](HostId from, HostId to, std::string& frame) {
    api::Reply reply;
    if (from != cluster().host(0) || to != one_->host().host()) return;
    ASSERT_TRUE(reply.ParseFromString(frame));
    if (!reply.has_map()) codes.push_back(reply.code());
  });
  one_->Begin(PutBoth(KeyIn(1), KeyIn(2)), Target::Key(), 300'000);
  simulation_->RunFor(400'000);
  simulation_->fabric().Meddle(nullptr);
  EXPECT_EQ(codes, std::vector<api::Code>{api::UNKNOWN});
}

}  // namespace
}  // namespace fastpath::sim
