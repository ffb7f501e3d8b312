// What is admitted as a transaction, and what a group holds of them at most (DESIGN 3.10).
#include "partition/limits.h"
#include "partition/txn/records.h"
#include "tests/partition/transact_fixture.h"
#include "tests/support/passing_engine.h"

namespace fastpath::partition::testing {
namespace {

class StateTransactLimits : public TransactTest {
 protected:
  api::TransactItem PutItem(const std::string& key, size_t bytes = 0) {
    api::TransactItem item;
    item.set_table(kTable);
    item.mutable_put()->set_item(
        model::EncodeItem(I({{"pk", S(key)}, {"text", S(std::string(bytes, 'x'))}})));
    return item;
  }
  api::TransactWriteRequest RequestOf(const std::vector<api::TransactItem>& items) {
    api::TransactWriteRequest request;
    *request.mutable_session() = New().session;
    for (const api::TransactItem& item : items) *request.add_items() = item;
    return request;
  }
  std::optional<Refusal> Admit(const api::TransactWriteRequest& request) {
    admitted_ = {};
    return a_.replica->machine().AdmitTransact(request, &admitted_);
  }
  void ExpectRefused(const api::TransactWriteRequest& request, api::Code code,
                     const std::string& words) {
    std::optional<Refusal> refusal = Admit(request);
    ASSERT_TRUE(refusal.has_value()) << words;
    EXPECT_EQ(refusal->code, code);
    EXPECT_NE(refusal->message.find(words), std::string::npos) << refusal->message;
  }
  // Steps of many transactions of one client, which is done with each before the next.
  void Many(int count, const std::function<void(int)>& append) {
    for (int i = 0; i < count; ++i) {
      append(i);
      if (i % 5000 == 4999) {
        ASSERT_EQ(a_.replica->Apply(a_.log.After(a_.replica->machine().applied().index)),
                  absl::OkStatus());
      }
    }
    a_.replica->Apply(a_.log);
  }

  StateMachine::AdmittedTransact admitted_;
};

TEST_F(StateTransactLimits, AnAdmittedOneKnowsWhereItsItemsLie) {
  api::TransactWriteRequest request = RequestOf({PutItem(a1_), PutItem(b1_)});
  request.add_items()->set_table(kTable);
  *request.mutable_items(2)->mutable_check() = CheckOf(S(a2_), Exists("pk")).check();
  ASSERT_FALSE(Admit(request).has_value());
  EXPECT_EQ(admitted_.id, TransactIdOf(request.session()));
  EXPECT_EQ(admitted_.place, BucketOfKey(a1_));
  ASSERT_EQ(admitted_.writes.size(), 3u);
  EXPECT_EQ(admitted_.buckets[1], BucketOfKey(b1_));
  EXPECT_EQ(admitted_.writes[0].space(), kSpace);
  EXPECT_TRUE(admitted_.writes[2].has_check());
  EXPECT_FALSE(admitted_.writes[0].return_capacity());
  const uint64_t fingerprint = admitted_.fingerprint;
  // Of the items alone, in their order.
  *request.mutable_session() = New(5).session;
  request.set_return_capacity(true);
  ASSERT_FALSE(Admit(request).has_value());
  EXPECT_TRUE(admitted_.writes[0].return_capacity());
  EXPECT_EQ(admitted_.fingerprint, fingerprint);
  request.mutable_items()->SwapElements(1, 2);
  ASSERT_FALSE(Admit(request).has_value());
  EXPECT_NE(admitted_.fingerprint, fingerprint);
}

TEST_F(StateTransactLimits, ATokenDecidesItsPlace) {
  int here = 0;
  int elsewhere = 0;
  for (int i = 0; i < 40; ++i) {
    api::TransactWriteRequest request = RequestOf({PutItem(b1_)});
    request.set_token("token" + std::to_string(i));
    std::optional<Refusal> refusal = Admit(request);
    const uint32_t place = storage::BucketOf(model::TokenHash(request.token()));
    EXPECT_EQ(refusal.has_value(), place >= kHalf);
    if (refusal.has_value()) {
      EXPECT_EQ(refusal->code, api::WRONG_GROUP);
      ++elsewhere;
    } else {
      EXPECT_EQ(admitted_.place, place);
      ++here;
    }
  }
  EXPECT_GT(here, 0);
  EXPECT_GT(elsewhere, 0);
}

TEST_F(StateTransactLimits, WhatMakesNoSenseIsNotAdmitted) {
  ExpectRefused(RequestOf({}), api::INVALID, "1 to 100 items");
  std::vector<api::TransactItem> items;
  for (const std::string& key : KeysIn(0, 65535, 101)) items.push_back(PutItem(key));
  ExpectRefused(RequestOf(items), api::INVALID, "1 to 100 items");
  items.pop_back();
  // The first decides the place.
  const std::string first = KeysIn(0, kHalf - 1, 1, "first")[0];
  items[0] = PutItem(first);
  EXPECT_FALSE(Admit(RequestOf(items)).has_value());

  items.clear();
  for (const std::string& key : KeysIn(0, kHalf - 1, 11)) items.push_back(PutItem(key, 370'000));
  ExpectRefused(RequestOf(items), api::TOO_LARGE, "4000000");
  items.pop_back();
  EXPECT_FALSE(Admit(RequestOf(items)).has_value());

  api::TransactItem removal;
  removal.set_table(kTable);
  *removal.mutable_delete_()->mutable_key() = K(S(a1_));
  ExpectRefused(RequestOf({PutItem(a1_), removal}), api::INVALID,
                "items[1]: Transaction request cannot include multiple operations on one item");
  ExpectRefused(RequestOf({PutItem(a1_, 400 * 1024)}), api::TOO_LARGE, "items[0]");
  ExpectRefused(RequestOf({PutItem(b1_)}), api::WRONG_GROUP, "place");

  api::TransactWriteRequest request = RequestOf({PutItem(a1_)});
  request.set_token(std::string(37, 't'));
  ExpectRefused(request, api::INVALID, "36");
  request = RequestOf({PutItem(a1_)});
  request.mutable_session()->clear_client();
  ExpectRefused(request, api::INVALID, "client id");
  request = RequestOf({PutItem(a1_)});
  request.mutable_items(0)->set_table("unknown");
  ExpectRefused(request, api::TABLE_NOT_FOUND, "items[0]");
  request = RequestOf({PutItem(a1_)});
  request.mutable_items(0)->mutable_put()->set_return_values(api::ALL_OLD);
  ExpectRefused(request, api::INVALID, "returns no values");
  request = RequestOf({PutItem(a1_)});
  request.mutable_items(0)->clear_put();
  ExpectRefused(request, api::INVALID, "items[0]");
  request.mutable_items(0)->mutable_check();
  ExpectRefused(request, api::INVALID, "items[0]");
  request = RequestOf({PutItem(a1_)});
  request.mutable_items(0)
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_items(0))
      ->AddVarint(1000, 1);
  ExpectRefused(request, api::UNIMPLEMENTED, "field");
}

TEST_F(StateTransactLimits, BeforeItsVersionNoneIsAdmitted) {
  auto old =
      Replica::Bootstrapped(DescriptorOf(1), std::make_unique<SimHost>(), kTransactVersion - 1);
  std::optional<Refusal> refusal =
      old->machine().AdmitTransact(RequestOf({PutItem(a1_)}), &admitted_);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, api::UNIMPLEMENTED);
}

TEST_F(StateTransactLimits, LocksAreBounded) {
  const std::vector<std::string> keys = KeysIn(kHalf, 65535, kLockLimit, "lock");
  std::vector<Transaction> transactions;
  for (size_t i = 0; i < kLockLimit; i += 100) {
    std::vector<command::Write> writes;
    for (size_t key = i; key < i + 100; ++key) {
      writes.push_back(CheckOf(S(keys[key]), NotExists("pk")));
    }
    transactions.push_back(New());
    b_.log.Append(transactions.back().Prepare(writes));
  }
  EXPECT_EQ(b_.replica->Apply(b_.log).state(), command::PENDING);
  EXPECT_EQ(b_.Locks(), kLockLimit);
  const Transaction one_more = New();
  const command::Command prepare = one_more.Prepare({Inc(b1_)});
  EXPECT_EQ(b_.Run(prepare).code(), api::OVERLOADED);
  // Not recorded: it may be tried again.
  b_.Run(transactions.back().Resolve(false));
  EXPECT_EQ(b_.Run(prepare).state(), command::PENDING);
  // A transaction of one group holds nothing.
  Transaction alone = New();
  alone.place = static_cast<storage::Bucket>(BucketOfKey(b2_));
  EXPECT_EQ(b_.Run(alone.Begin({Inc(b2_)})).state(), command::COMMITTED);
}

TEST_F(StateTransactLimits, RecordsAreBounded) {
  Transaction last;
  Many(kTransactRecordLimit, [&](int) {
    last = New();
    a_.log.Append(last.Begin({}, {BucketOfKey(b1_)}));
  });
  EXPECT_EQ(a_.replica->machine().transacts().size(), kTransactRecordLimit);
  const command::Command begin = New().Begin({Inc(a1_)}, {BucketOfKey(b1_)});
  EXPECT_EQ(a_.Run(begin).code(), api::OVERLOADED);
  a_.Run(last.Decide(false));
  EXPECT_EQ(a_.Run(begin).code(), api::OVERLOADED);
  a_.Run(last.Forget());
  EXPECT_EQ(a_.Run(begin).state(), command::PENDING);
}

TEST_F(StateTransactLimits, TokensAreBounded) {
  Many(kTokenLimit, [&](int i) {
    Transaction transaction = New();
    transaction.token = std::to_string(i);
    a_.log.Append(transaction.Begin({}));
  });
  EXPECT_EQ(a_.Rows(storage::KeyKind::kTransaction), kTokenLimit);
  Transaction known = New();
  known.token = "5";
  EXPECT_EQ(a_.Run(known.Begin({Inc(a1_)})).state(), command::COMMITTED);
  EXPECT_FALSE(a_.Found(a1_));
  Transaction fresh = New();
  fresh.token = "fresh";
  EXPECT_EQ(a_.Run(fresh.Begin({Inc(a1_)})).code(), api::SESSION_LIMIT);
  EXPECT_EQ(a_.Run(New().Begin({Inc(a1_)})).state(), command::COMMITTED);
  a_.log.stamp += kTokenLife;
  a_.log.Time();
  a_.replica->Apply(a_.log);
  fresh.session = New().session;
  EXPECT_EQ(a_.Run(fresh.Begin({Inc(a1_)})).state(), command::COMMITTED);
}

// Notes how many rows one read asked for at most.
class CountingEngine : public fastpath::testing::PassingEngine {
 public:
  using PassingEngine::PassingEngine;
  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    most = std::max(most, keys.size());
    PassingEngine::MultiGet(std::move(keys), std::move(done));
  }

  size_t most = 0;
};

// A Resolve is small, and what it reads is not.
TEST_F(StateTransactLimits, AChunkReadsABoundedNumberOfRows) {
  const std::vector<std::string> keys = KeysIn(kHalf, 65535, 10'000, "lock");
  std::vector<Transaction> transactions;
  for (size_t i = 0; i < keys.size(); i += 100) {
    std::vector<command::Write> writes;
    for (size_t key = i; key < i + 100; ++key) writes.push_back(Inc(keys[key]));
    transactions.push_back(New());
    b_.log.Append(transactions.back().Prepare(writes));
  }
  const raft::Index prepared = b_.log.last();
  for (const Transaction& transaction : transactions) b_.log.Append(transaction.Resolve(true));
  SimLoop loop;
  SimExecutor executor(&loop);
  storage::SimStore store;
  auto engine = storage::OpenSimEngine(&store, {}, &executor);
  CountingEngine counting(engine.get());
  storage::WriteBatch batch;
  BootstrapGroup(b_.descriptor, kStart, batch);
  engine->Write(std::move(batch), [](absl::Status) {});
  std::unique_ptr<StateMachine> machine;
  StateMachine::Load(2, &counting, {}, [&](auto loaded) { machine = *std::move(loaded); });
  loop.RunUntilIdle();
  const auto apply = [&](raft::Index last) {
    counting.most = 0;
    std::vector<raft::Entry> entries = b_.log.After(machine->applied().index);
    entries.resize(last - machine->applied().index);
    machine->Apply(std::move(entries), [](absl::Status status) { EXPECT_TRUE(status.ok()); });
    loop.RunUntilIdle();
    EXPECT_EQ(machine->applied().index, last);
    EXPECT_LE(counting.most, kChunkRowsLimit + 300);
  };
  apply(prepared);
  EXPECT_EQ(machine->HoldersSince(UINT64_MAX, {}).size(), transactions.size());
  apply(b_.log.last());
  EXPECT_TRUE(machine->HoldersSince(UINT64_MAX, {}).empty());
}

}  // namespace
}  // namespace fastpath::partition::testing
