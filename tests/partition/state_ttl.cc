// Expired means gone, by log time alone (FAILURE-CASES 29, 31).
#include "partition/ttl.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateTtl : public StateTest {
 protected:
  static constexpr uint64_t kExpiry = kStartSeconds + 10;
  static constexpr Stamp kExpiryStamp = kExpiry * kMicrosPerSecond;

  void PutExpiring(const model::Value& expiry) {
    Run(PutOf(I({{"pk", S("a")}, {"n", N(1)}, {"ttl", expiry}})));
  }
  // The next command gets exactly this stamp.
  void NextStamp(Stamp stamp) { log_.stamp = stamp - 1; }
  void ApplyTime(Stamp stamp) {
    NextStamp(stamp);
    log_.Time();
    replica_->Apply(log_);
  }
  std::vector<uint64_t> IndexedExpiries() {
    std::vector<uint64_t> expiries;
    for (const storage::KeyValue& row : replica_->Rows()) {
      if (row.first[0] == static_cast<char>(storage::KeyKind::kTtl)) {
        expiries.push_back(storage::GetBig(std::string_view(row.first).substr(3, 8)));
      }
    }
    return expiries;
  }
  command::Outcome ConditionalPut(const api::Condition& condition) {
    command::Write write = PutOf(I({{"pk", S("a")}, {"n", N(2)}}));
    *write.mutable_put()->mutable_condition() = condition;
    write.mutable_put()->set_return_values(api::ALL_OLD);
    write.mutable_put()->set_return_item_on_failure(true);
    return Run(write);
  }
};

TEST_F(StateTtl, AReadSeesAnItemUntilExactlyItsExpiry) {
  PutExpiring(N(kExpiry));
  StateMachine::GetAnswer before = replica_->Get(S("a"), kExpiryStamp - 1);
  EXPECT_TRUE(before.result.found());
  EXPECT_FALSE(before.needs_time_entry);
  StateMachine::GetAnswer at = replica_->Get(S("a"), kExpiryStamp);
  EXPECT_FALSE(at.result.found());
  EXPECT_TRUE(at.needs_time_entry);
  ApplyTime(kExpiryStamp);
  StateMachine::GetAnswer after = replica_->Get(S("a"), kExpiryStamp);
  EXPECT_FALSE(after.result.found());
  EXPECT_FALSE(after.needs_time_entry);
}

TEST_F(StateTtl, WhatTheLogSawExpireStaysHiddenWhateverTheReadersTime) {
  PutExpiring(N(kExpiry));
  ApplyTime(kExpiryStamp);
  StateMachine::GetAnswer answer = replica_->Get(S("a"), kStart);
  EXPECT_FALSE(answer.result.found());
  EXPECT_FALSE(answer.needs_time_entry);
}

TEST_F(StateTtl, AConditionOneMicrosecondBeforeExpirySeesTheItem) {
  PutExpiring(N(kExpiry));
  NextStamp(kExpiryStamp - 1);
  EXPECT_EQ(ConditionalPut(NotExists("pk")).code(), api::CONDITION_FAILED);
}

TEST_F(StateTtl, AConditionExactlyAtExpirySeesNothing) {
  PutExpiring(N(kExpiry));
  NextStamp(kExpiryStamp);
  command::Outcome outcome = ConditionalPut(Exists("pk"));
  EXPECT_EQ(outcome.code(), api::CONDITION_FAILED);
  EXPECT_EQ(outcome.write().item(), "");
  outcome = ConditionalPut(NotExists("pk"));
  EXPECT_EQ(outcome.code(), api::OK);
  EXPECT_EQ(outcome.write().item(), "");
}

TEST_F(StateTtl, AnUpdateOfAnExpiredItemStartsAnew) {
  PutExpiring(N(kExpiry));
  NextStamp(kExpiryStamp);
  command::Write write = UpdateOf(S("a"), Add("n", 1));
  write.mutable_update()->set_return_values(api::ALL_NEW);
  EXPECT_EQ(ItemOf(Run(write).write().item()), I({{"pk", S("a")}, {"n", N(1)}}));
  EXPECT_TRUE(IndexedExpiries().empty());
}

TEST_F(StateTtl, ADeleteOfAnExpiredItemReturnsNothingAndTakesItsRows) {
  PutExpiring(N(kExpiry));
  NextStamp(kExpiryStamp + 5);
  command::Write write = DeleteOf(S("a"));
  write.mutable_delete_()->set_return_values(api::ALL_OLD);
  EXPECT_EQ(Run(write).write().item(), "");
  EXPECT_TRUE(IndexedExpiries().empty());
}

// The last microsecond of an item, and its expiry: what each write gives back.
TEST_F(StateTtl, ReturnValuesSeeTheItemUntilExactlyItsExpiry) {
  auto put = [] {
    command::Write write = PutOf(I({{"pk", S("a")}}));
    write.mutable_put()->set_return_values(api::ALL_OLD);
    return write;
  };
  auto removal = [] {
    command::Write write = DeleteOf(S("a"));
    write.mutable_delete_()->set_return_values(api::ALL_OLD);
    return write;
  };
  auto update = [](api::ReturnValues values) {
    command::Write write = UpdateOf(S("a"), Set("n", N(7)));
    write.mutable_update()->set_return_values(values);
    return write;
  };
  const model::Item old = I({{"pk", S("a")}, {"n", N(1)}, {"ttl", N(kExpiry)}});
  const model::Item changed = I({{"pk", S("a")}, {"n", N(7)}, {"ttl", N(kExpiry)}});
  const model::Item fresh = I({{"pk", S("a")}, {"n", N(7)}});
  const model::Item seven = I({{"n", N(7)}});
  struct Case {
    const char* name;
    command::Write write;
    model::Item before;  // What it gives back in the last microsecond,
    model::Item at;      // and from the expiry on.
  };
  for (const Case& c : {Case{"put", put(), old, {}}, Case{"delete", removal(), old, {}},
                        Case{"all old", update(api::ALL_OLD), old, {}},
                        Case{"updated old", update(api::UPDATED_OLD), I({{"n", N(1)}}), {}},
                        Case{"all new", update(api::ALL_NEW), changed, fresh},
                        Case{"updated new", update(api::UPDATED_NEW), seven, seven}}) {
    SCOPED_TRACE(c.name);
    for (bool expired : {false, true}) {
      replica_ = Replica::Bootstrapped(DescriptorOf(1));
      log_ = Log();
      log_.SetTable(TableOf(kTable, kSpace));
      replica_->Apply(log_);
      PutExpiring(N(kExpiry));
      NextStamp(expired ? kExpiryStamp : kExpiryStamp - 1);
      const command::Outcome outcome = Run(c.write);
      EXPECT_EQ(outcome.code(), api::OK);
      const model::Item& expected = expired ? c.at : c.before;
      EXPECT_EQ(outcome.write().item().empty(), expected.empty());
      if (!expected.empty()) {
        EXPECT_EQ(ItemOf(outcome.write().item()), expected);
      }
    }
  }
}

TEST_F(StateTtl, TheItemOfAFailedConditionIsGivenUntilExactlyItsExpiry) {
  PutExpiring(N(kExpiry));
  for (bool expired : {false, true}) {
    NextStamp(expired ? kExpiryStamp : kExpiryStamp - 1);
    command::Write removal = DeleteOf(S("a"));
    *removal.mutable_delete_()->mutable_condition() = Eq("n", N(5));
    removal.mutable_delete_()->set_return_item_on_failure(true);
    const command::Outcome outcome = Run(removal);
    EXPECT_EQ(outcome.code(), api::CONDITION_FAILED);
    EXPECT_EQ(outcome.write().item().empty(), expired);
  }
}

TEST_F(StateTtl, AnUpdateOfTheAttributeMovesTheExpiry) {
  PutExpiring(N(kExpiry));
  Run(UpdateOf(S("a"), Set("ttl", N(kExpiry + 60))));
  EXPECT_TRUE(replica_->Get(S("a"), kExpiryStamp).result.found());
  const Stamp moved = (kExpiry + 60) * kMicrosPerSecond;
  EXPECT_TRUE(replica_->Get(S("a"), moved - 1).result.found());
  EXPECT_FALSE(replica_->Get(S("a"), moved).result.found());
  Run(UpdateOf(S("a"), Set("ttl", N(kExpiry - 1))));  // Sooner.
  EXPECT_FALSE(replica_->Get(S("a"), kExpiryStamp - kMicrosPerSecond).result.found());
}

TEST_F(StateTtl, TheIndexFollowsEveryWrite) {
  PutExpiring(N(kExpiry));
  EXPECT_EQ(IndexedExpiries(), std::vector<uint64_t>{kExpiry});
  Run(UpdateOf(S("a"), Add("n", 1)));
  EXPECT_EQ(IndexedExpiries(), std::vector<uint64_t>{kExpiry});
  Run(UpdateOf(S("a"), Add("ttl", 7)));
  EXPECT_EQ(IndexedExpiries(), std::vector<uint64_t>{kExpiry + 7});
  Run(UpdateOf(S("a"), Set("ttl", S("never"))));
  EXPECT_TRUE(IndexedExpiries().empty());
  PutExpiring(N(kExpiry));
  Run(DeleteOf(S("a")));
  EXPECT_TRUE(IndexedExpiries().empty());
}

TEST_F(StateTtl, WhatIsNoTimeDoesNotExpire) {
  for (const model::Value& value :
       {S("1"), N(0), N(-5), N(kMaxExpirySeconds + 1), model::Value::Bool(true),
        N(kStartSeconds - kOldestExpirySeconds - 1),
        model::Value::Num(*model::Number::Parse("1e100"))}) {
    PutExpiring(value);
    EXPECT_TRUE(IndexedExpiries().empty());
    EXPECT_TRUE(replica_->Get(S("a"), UINT64_MAX / 2).result.found());
  }
  PutExpiring(N(kMaxExpirySeconds));
  EXPECT_EQ(IndexedExpiries().size(), 1u);
  PutExpiring(N(kStartSeconds - 1));  // Just missed it.
  EXPECT_FALSE(replica_->Get(S("a"), 0).result.found());
}

TEST_F(StateTtl, ATimeWithAFractionExpiresAtItsSecond) {
  PutExpiring(model::Value::Num(*model::Number::Parse(std::to_string(kExpiry) + ".9")));
  EXPECT_EQ(IndexedExpiries(), std::vector<uint64_t>{kExpiry});
}

TEST_F(StateTtl, ExportHidesWhatExpired) {
  PutExpiring(N(kExpiry));
  Run(PutOf(I({{"pk", S("b")}})));
  api::ExportRequest request;
  request.set_table(kTable);
  for (bool expired : {false, true}) {
    const Stamp now = expired ? kExpiryStamp : kExpiryStamp - 1;
    EXPECT_EQ(replica_->Export(request, now).result.items_size(), expired ? 1 : 2);
  }
}

}  // namespace
}  // namespace fastpath::partition::testing
