// What reads and writes of one item cost. Expectations: DynamoDB Developer Guide,
// "DynamoDB read and write operations" ("Read operations", "Write operations",
// "Capacity unit consumption for read operations / write operations").
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

// An item of exactly so many bytes by DynamoDB's count.
model::Item Sized(size_t bytes) {
  const model::Item bare = I({{"pk", S("a")}, {"v", S("")}});
  return I({{"pk", S("a")}, {"v", S(std::string(bytes - model::ItemSizeBytes(bare), 'x'))}});
}

class StateCapacity : public StateTest {
 protected:
  uint64_t Units(command::Write write) {
    write.set_return_capacity(true);
    const command::Outcome outcome = Run(std::move(write));
    EXPECT_EQ(outcome.write().capacity().table(), kTable);
    EXPECT_EQ(outcome.write().capacity().read_half_units(), 0u);
    return outcome.write().capacity().write_units();
  }
  uint64_t ReadUnits(const std::string& pk, bool eventual) {
    api::GetRequest request;
    request.set_table(kTable);
    *request.mutable_key() = K(S(pk));
    request.set_eventual(eventual);
    request.set_return_capacity(true);
    return replica_->Get(request).result.capacity().read_half_units();
  }
};

TEST_F(StateCapacity, AReadCostsAUnitPer4KBAndHalfIfEventual) {
  Run(PutOf(Sized(4096)));
  EXPECT_EQ(ReadUnits("a", false), 2u);
  EXPECT_EQ(ReadUnits("a", true), 1u);
  Run(PutOf(Sized(4097)));
  EXPECT_EQ(ReadUnits("a", false), 4u);
  EXPECT_EQ(ReadUnits("a", true), 2u);
}

TEST_F(StateCapacity, AReadOfNothingCostsTheLeast) {
  EXPECT_EQ(ReadUnits("none", false), 2u);
  EXPECT_EQ(ReadUnits("none", true), 1u);
}

TEST_F(StateCapacity, AWriteCostsAUnitPer1KBOfTheLargerOfBeforeAndAfter) {
  EXPECT_EQ(Units(PutOf(Sized(1024))), 1u);
  EXPECT_EQ(Units(PutOf(Sized(3000))), 3u);
  EXPECT_EQ(Units(PutOf(Sized(100))), 3u);  // What it replaced was larger.
  EXPECT_EQ(Units(UpdateOf(S("a"), Set("w", S(std::string(2000, 'y'))))), 3u);
  EXPECT_EQ(Units(UpdateOf(S("a"), Set("w", S("")))), 3u);
  EXPECT_EQ(Units(DeleteOf(S("a"))), 1u);
  EXPECT_EQ(Units(DeleteOf(S("a"))), 1u);  // Nothing there.
}

TEST_F(StateCapacity, AFailedConditionCostsWhatIsThere) {
  command::Write write = PutOf(Sized(9000));
  *write.mutable_put()->mutable_condition() = Exists("pk");
  EXPECT_EQ(Units(write), 1u);
  Run(PutOf(Sized(5000)));
  *write.mutable_put()->mutable_condition() = NotExists("pk");
  EXPECT_EQ(Units(write), 5u);
}

TEST_F(StateCapacity, ManyWritesOfABatchEachCostTheirOwn) {
  std::vector<raft::Index> indexes;
  for (const size_t bytes : {500, 2500, 1500, 6000}) {
    command::Write write = PutOf(Sized(bytes));
    write.set_return_capacity(true);
    indexes.push_back(log_.Append(write));
  }
  replica_->Apply(log_);
  std::vector<uint64_t> units;
  for (const raft::Index index : indexes) {
    units.push_back(replica_->outcomes[index].write().capacity().write_units());
  }
  EXPECT_EQ(units, (std::vector<uint64_t>{1, 3, 3, 6}));
}

TEST_F(StateCapacity, ARepeatAnswersTheSame) {
  command::Write write = PutOf(Sized(2500));
  write.set_return_capacity(true);
  *write.mutable_session() = log_.NextSession();
  const command::Outcome first = Run(write);
  EXPECT_EQ(first.write().capacity().write_units(), 3u);
  command::Write other = PutOf(Sized(10'000));
  *other.mutable_session() = log_.NextSession(2);
  Run(other);
  EXPECT_EQ(Run(write).SerializeAsString(), first.SerializeAsString());
}

TEST_F(StateCapacity, ItIsSaidOnlyIfAskedAndOnlyByGroupsThatKnowIt) {
  EXPECT_FALSE(Run(PutOf(Sized(100))).write().has_capacity());
  api::WriteRequest request;
  request.set_table(kTable);
  request.set_return_capacity(true);
  *request.mutable_session() = log_.NextSession();
  request.mutable_put()->set_item(model::EncodeItem(Sized(100)));
  command::Write admitted;
  EXPECT_FALSE(replica_->machine().Admit(request, &admitted).has_value());
  EXPECT_TRUE(admitted.return_capacity());
  auto old = Replica::Bootstrapped(DescriptorOf(1), std::make_unique<SimHost>(), 2);
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  old->Apply(log);
  EXPECT_FALSE(old->machine().Admit(request, &admitted).has_value());
  EXPECT_FALSE(admitted.return_capacity());
}

TEST_F(StateCapacity, ARefusedRequestCostsNothing) {
  command::Write write = UpdateOf(S("a"), Add("pad", 1));
  Run(PutOf(I({{"pk", S("a")}, {"pad", S("text")}})));
  write.set_return_capacity(true);
  const command::Outcome outcome = Run(write);
  EXPECT_EQ(outcome.code(), api::INVALID);
  EXPECT_FALSE(outcome.write().has_capacity());
}

}  // namespace
}  // namespace fastpath::partition::testing
