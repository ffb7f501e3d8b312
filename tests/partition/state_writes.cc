// Put, update and delete: conditions, return values, versions. What is returned comes
// from Amazon DynamoDB's API Reference, "ReturnValues" and
// "ReturnValuesOnConditionCheckFailure" of PutItem, UpdateItem and DeleteItem; that
// an update makes an item of its key, and that a delete may find nothing, from
// "UpdateItem" and "DeleteItem". Versions, stamps and export are Fastpath's own.
#include "tests/partition/state_fixture.h"
#include "tests/support/passing_engine.h"

namespace fastpath::partition::testing {
namespace {

class StateWrites : public StateTest {};

TEST_F(StateWrites, PutThenGet) {
  command::Outcome outcome = Run(PutOf(I({{"pk", S("a")}, {"v", N(1)}})));
  EXPECT_EQ(outcome.code(), api::OK);
  EXPECT_EQ(outcome.write().version(), log_.stamp);
  EXPECT_EQ(outcome.write().item(), "");
  StateMachine::GetAnswer answer = replica_->Get(S("a"));
  ASSERT_TRUE(answer.result.found());
  EXPECT_EQ(ItemOf(answer.result.item()), I({{"pk", S("a")}, {"v", N(1)}}));
  EXPECT_EQ(answer.result.version(), log_.stamp);
  EXPECT_FALSE(replica_->Get(S("b")).result.found());
}

TEST_F(StateWrites, CountersInOneBatchCountEach) {
  for (int i = 0; i < 3000; ++i) {
    log_.Append(UpdateOf(S("hot"), Add("n", 1)));
  }
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  EXPECT_EQ(ItemOf(replica_->Get(S("hot")).result.item()), I({{"pk", S("hot")}, {"n", N(3000)}}));
}

TEST_F(StateWrites, WritesOfOneBatchSeeEachOther) {
  log_.Append(PutOf(I({{"pk", S("a")}, {"v", N(1)}})));
  command::Write conditional = PutOf(I({{"pk", S("a")}, {"v", N(2)}}));
  *conditional.mutable_put()->mutable_condition() = Eq("v", N(1));
  log_.Append(conditional);
  log_.Append(UpdateOf(S("a"), Add("v", 5)));
  log_.Append(conditional);  // A write of its own: the session is another.
  command::Write removal = DeleteOf(S("a"));
  *removal.mutable_delete_()->mutable_condition() = Eq("v", N(7));
  log_.Append(removal);
  log_.Append(UpdateOf(S("a"), Add("v", 1)));
  replica_->Apply(log_);
  std::vector<api::Code> codes;
  for (raft::Index index = 3; index <= log_.last(); ++index) {
    codes.push_back(replica_->outcomes[index].code());
  }
  EXPECT_EQ(codes, (std::vector<api::Code>{api::OK, api::OK, api::OK, api::CONDITION_FAILED,
                                           api::OK, api::OK}));
  EXPECT_EQ(ItemOf(replica_->Get(S("a")).result.item()), I({{"pk", S("a")}, {"v", N(1)}}));
}

// Notes which rows were read.
class NotingEngine : public fastpath::testing::PassingEngine {
 public:
  using PassingEngine::PassingEngine;
  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    read.insert(read.end(), keys.begin(), keys.end());
    PassingEngine::MultiGet(std::move(keys), std::move(done));
  }

  std::vector<std::string> read;
};

class NotingHost : public SimHost {
 public:
  storage::Engine* engine() override { return &engine_; }
  std::vector<std::string> TakeRead() { return std::exchange(engine_.read, {}); }

 private:
  NotingEngine engine_{SimHost::engine()};
};

constexpr uint32_t kPlain = 8;

// An item may lie on the disk, and each replica would have to fetch it.
TEST(StateReads, APutThatAsksNothingReadsNothing) {
  auto host = std::make_unique<NotingHost>();
  NotingHost& noting = *host;
  auto replica = Replica::Bootstrapped(DescriptorOf(1), std::move(host));
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  api::Table plain = TableOf("plain", kPlain);
  plain.clear_ttl_attribute();
  log.SetTable(plain);
  replica->Apply(log);
  const auto reads = [&](const std::vector<command::Write>& writes, uint32_t space = kPlain) {
    for (command::Write write : writes) {
      write.set_space(space);
      log.Append(write);
    }
    noting.TakeRead();
    EXPECT_EQ(replica->Apply(log).code(), api::OK);
    return noting.TakeRead().size();
  };
  const command::Write put = PutOf(I({{"pk", S("a")}, {"v", N(1)}}));
  EXPECT_EQ(reads({put}), 0u);
  EXPECT_EQ(reads({put, put, PutOf(I({{"pk", S("b")}}))}), 0u);
  EXPECT_EQ(reads({put, UpdateOf(S("a"), Add("v", 1))}), 1u);
  EXPECT_EQ(reads({UpdateOf(S("a"), Add("v", 1)), put}), 1u);
  EXPECT_EQ(reads({DeleteOf(S("b"))}), 1u);
  command::Write conditional = put;
  *conditional.mutable_put()->mutable_condition() = Exists("pk");
  EXPECT_EQ(reads({conditional}), 1u);
  command::Write returning = put;
  returning.mutable_put()->set_return_values(api::ALL_OLD);
  EXPECT_EQ(reads({returning}), 1u);
  command::Write priced = put;
  priced.set_return_capacity(true);
  EXPECT_EQ(reads({priced}), 1u);
  EXPECT_EQ(reads({put}, kSpace), 1u) << "its row of the TTL index may have to go";

  // The table gets an attribute and loses it again: what had expired by then keeps its row of the
  // index.
  for (const char* attribute : {"ttl", ""}) {
    plain.set_ttl_attribute(attribute);
    plain.set_revision(plain.revision() + 1);
    log.SetTable(plain);
    command::Command through;
    through.mutable_retime()->set_space(kPlain);
    through.mutable_retime()->set_revision(plain.revision());
    through.mutable_retime()->set_through(true);
    log.Append(std::move(through));
    replica->Apply(log);
    EXPECT_EQ(reads({put}), 1u) << attribute;
  }
}

TEST_F(StateWrites, AVersionIsNeverUsedTwiceAlsoAfterADelete) {
  std::set<uint64_t> versions;
  for (int i = 0; i < 5; ++i) {
    versions.insert(Run(PutOf(I({{"pk", S("a")}}))).write().version());
    command::Outcome removed = Run(DeleteOf(S("a")));
    EXPECT_EQ(removed.write().version(), 0u);
    versions.insert(Run(UpdateOf(S("a"), Add("n", 1))).write().version());
  }
  EXPECT_EQ(versions.size(), 10u);
}

TEST_F(StateWrites, AnUpdateOfNothingMakesAnItemOfItsKey) {
  EXPECT_EQ(Run(UpdateOf(S("a"), api::UpdateTree())).code(), api::OK);
  EXPECT_EQ(ItemOf(replica_->Get(S("a")).result.item()), I({{"pk", S("a")}}));
}

TEST_F(StateWrites, AnUpdateThatCannotBeDoneChangesNothing) {
  Run(PutOf(I({{"pk", S("a")}, {"v", S("text")}})));
  const uint64_t version = replica_->Get(S("a")).result.version();
  command::Outcome outcome = Run(UpdateOf(S("a"), Add("v", 1)));
  EXPECT_EQ(outcome.code(), api::INVALID);
  EXPECT_NE(outcome.message(), "");
  EXPECT_EQ(replica_->Get(S("a")).result.version(), version);
}

TEST_F(StateWrites, DeletingWhatIsNotThereIsFine) {
  EXPECT_EQ(Run(DeleteOf(S("nobody"))).code(), api::OK);
}

TEST_F(StateWrites, AProjectionReturnsWhatItNames) {
  Run(PutOf(I({{"pk", S("a")}, {"v", N(1)}, {"w", N(2)}})));
  api::GetRequest request;
  request.set_table(kTable);
  *request.mutable_key() = K(S("a"));
  *request.add_projection() = P("w");
  EXPECT_EQ(ItemOf(replica_->Get(request).result.item()), I({{"w", N(2)}}));
}

TEST_F(StateWrites, ANumberKeyIsOneKeyHoweverItIsWritten) {
  api::Table table = TableOf("numbers", 8);
  table.mutable_partition_key()->set_type(api::N);
  log_.SetTable(table);
  command::Write write = PutOf(I({{"pk", N(1)}, {"v", S("x")}}));
  write.set_space(8);
  log_.Append(write);
  replica_->Apply(log_);
  model::Value same = model::Value::Num(*model::Number::Parse("1.00"));
  EXPECT_TRUE(replica_->Get(same, 0, "numbers").result.found());
}

TEST_F(StateWrites, SortKeysMakeItemsOfOnePartitionKey) {
  api::Table table = TableOf("pairs", 9);
  table.mutable_sort_key()->set_name("sk");
  table.mutable_sort_key()->set_type(api::N);
  log_.SetTable(table);
  for (int sort : {3, -1, 20}) {
    command::Write write = UpdateOf(S("a"), Add("n", sort));
    write.mutable_update()->mutable_key()->set_sort(model::EncodeValue(N(sort)));
    write.set_space(9);
    log_.Append(write);
  }
  replica_->Apply(log_);
  api::ExportRequest request;
  request.set_table("pairs");
  std::vector<model::Item> items;
  StateMachine::ExportAnswer answer = replica_->Export(request);
  for (const std::string& item : answer.result.items()) {
    items.push_back(ItemOf(item));
  }
  EXPECT_EQ(items, (std::vector<model::Item>{I({{"pk", S("a")}, {"sk", N(-1)}, {"n", N(-1)}}),
                                             I({{"pk", S("a")}, {"sk", N(3)}, {"n", N(3)}}),
                                             I({{"pk", S("a")}, {"sk", N(20)}, {"n", N(20)}})}));
}

TEST_F(StateWrites, ExportPagesThroughEverything) {
  for (int i = 0; i < 50; ++i) {
    log_.Append(PutOf(I({{"pk", S("key" + std::to_string(i))}, {"v", S(std::string(500, 'x'))}})));
  }
  replica_->Apply(log_);
  std::set<std::string> keys;
  api::ExportRequest request;
  request.set_table(kTable);
  request.set_limit_bytes(3000);
  int pages = 0;
  do {
    StateMachine::ExportAnswer answer = replica_->Export(request);
    ASSERT_FALSE(answer.refusal.has_value());
    for (const std::string& item : answer.result.items()) {
      keys.insert(ItemOf(item).Find("pk")->text());
    }
    request.set_after(answer.result.after());
    ++pages;
  } while (!request.after().empty() && pages < 100);
  EXPECT_EQ(keys.size(), 50u);
  EXPECT_GT(pages, 5);
  request.set_after("elsewhere");
  EXPECT_EQ(replica_->Export(request).refusal->code, api::INVALID);
}

// Every operation x return value x condition's outcome x what was there.
struct Case {
  command::Write::OpCase op;
  api::ReturnValues returns;
  enum { kNone, kHolds, kFails } condition;
  bool exists;
  bool return_on_failure;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "op " << c.op << " returns " << api::ReturnValues_Name(c.returns) << " condition "
       << c.condition << " exists " << c.exists << " on failure " << c.return_on_failure;
}

class StateReturns : public StateTest, public ::testing::WithParamInterface<Case> {};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (auto op : {command::Write::kPut, command::Write::kUpdate, command::Write::kDelete}) {
    for (auto returns :
         {api::NONE, api::ALL_OLD, api::ALL_NEW, api::UPDATED_OLD, api::UPDATED_NEW}) {
      if (op != command::Write::kUpdate && returns > api::ALL_OLD) {
        continue;
      }
      for (auto condition : {Case::kNone, Case::kHolds, Case::kFails}) {
        for (bool exists : {false, true}) {
          for (bool return_on_failure : {false, true}) {
            cases.push_back({op, returns, condition, exists, return_on_failure});
          }
        }
      }
    }
  }
  return cases;
}

command::Write WriteOf(const Case& c) {
  command::Write write;
  auto fill = [&](auto* op) {
    op->set_return_values(c.returns);
    op->set_return_item_on_failure(c.return_on_failure);
    if (c.condition != Case::kNone) {
      const bool test_exists = (c.condition == Case::kHolds) == c.exists;
      *op->mutable_condition() = test_exists ? Exists("pk") : NotExists("pk");
    }
  };
  if (c.op == command::Write::kPut) {
    write = PutOf(I({{"pk", S("a")}, {"new", N(2)}}));
    fill(write.mutable_put());
  } else if (c.op == command::Write::kUpdate) {
    write = UpdateOf(S("a"), Add("n", 1));
    fill(write.mutable_update());
  } else {
    write = DeleteOf(S("a"));
    fill(write.mutable_delete_());
  }
  return write;
}

TEST_P(StateReturns, AreDynamos) {
  const Case& c = GetParam();
  const model::Item before = I({{"pk", S("a")}, {"n", N(5)}, {"other", S("x")}});
  if (c.exists) {
    Run(PutOf(before));
  }
  const uint64_t version_before = log_.stamp;
  command::Outcome outcome = Run(WriteOf(c));

  model::Item after;
  switch (c.op) {
    case command::Write::kPut:
      after = I({{"pk", S("a")}, {"new", N(2)}});
      break;
    case command::Write::kUpdate:
      after = c.exists ? I({{"pk", S("a")}, {"n", N(6)}, {"other", S("x")}})
                       : I({{"pk", S("a")}, {"n", N(1)}});
      break;
    default:
      break;
  }
  std::optional<model::Item> returned;
  if (c.condition == Case::kFails) {
    EXPECT_EQ(outcome.code(), api::CONDITION_FAILED);
    EXPECT_EQ(outcome.message(), kConditionFailedMessage);
    after = c.exists ? before : model::Item();
    if (c.return_on_failure && c.exists) {
      returned = before;
      EXPECT_EQ(outcome.write().version(), version_before);
    }
  } else {
    EXPECT_EQ(outcome.code(), api::OK);
    EXPECT_EQ(outcome.write().version(), c.op == command::Write::kDelete ? 0 : log_.stamp);
    if (c.returns == api::ALL_OLD && c.exists) returned = before;
    if (c.returns == api::ALL_NEW) returned = after;
    if (c.returns == api::UPDATED_OLD && c.exists) returned = I({{"n", N(5)}});
    if (c.returns == api::UPDATED_NEW) returned = I({{"n", N(c.exists ? 6 : 1)}});
  }
  if (returned.has_value()) {
    EXPECT_EQ(ItemOf(outcome.write().item()), *returned);
  } else {
    EXPECT_EQ(outcome.write().item(), "");
  }
  StateMachine::GetAnswer answer = replica_->Get(S("a"));
  EXPECT_EQ(answer.result.found(), !after.empty());
  if (answer.result.found()) {
    EXPECT_EQ(ItemOf(answer.result.item()), after);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StateReturns, ::testing::ValuesIn(Cases()));

}  // namespace
}  // namespace fastpath::partition::testing
