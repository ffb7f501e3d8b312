// What transactions mean for reads, expiry and tables: who holds an item, what a
// transact-get compares, items that expire on the way (FAILURE-CASES 22, 25, 29, 31).
#include <algorithm>
#include <set>

#include "tests/partition/transact_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateTransactReads : public TransactTest {
 protected:
  static constexpr uint64_t kExpiry = kStartSeconds + 10;
  static constexpr Stamp kExpiryStamp = kExpiry * kMicrosPerSecond;

  static command::Write Expiring(const std::string& key, uint64_t expiry) {
    return PutOf(I({{"pk", S(key)}, {"n", N(1)}, {"ttl", N(static_cast<int64_t>(expiry))}}));
  }
  static api::TransactGetRequest GetOf(const std::vector<std::string>& keys) {
    api::TransactGetRequest request;
    for (const std::string& key : keys) {
      api::TransactGetItem* item = request.add_items();
      item->set_table(kTable);
      *item->mutable_key() = K(S(key));
    }
    return request;
  }
  static api::GetRequest Get(const std::string& key) {
    api::GetRequest request;
    request.set_table(kTable);
    *request.mutable_key() = K(S(key));
    return request;
  }
  static api::ScanRequest ScanAll() {
    api::ScanRequest request;
    request.set_table(kTable);
    return request;
  }
  using Holders = std::vector<StateMachine::Holder>;
  static std::vector<std::string> Ids(const Holders& holders) {
    std::vector<std::string> ids;
    for (const auto& holder : holders) ids.push_back(holder.id);
    return ids;
  }
  // All of them, whether told at once or not.
  template <class PageRequest>
  static Holders PageHolders(StateMachine& machine, const PageRequest& request, Stamp now = 0) {
    Holders all;
    std::string from;
    do {
      const Holders some = machine.HoldersOf(request, now, &from);
      EXPECT_LE(some.size(), kHoldersLimit);
      all.insert(all.end(), some.begin(), some.end());
    } while (!from.empty());
    return all;
  }
  StateMachine& A() { return a_.replica->machine(); }
  StateMachine& B() { return b_.replica->machine(); }
  command::Write Located(command::Write write) {
    write.set_space(kSpace);
    return write;
  }
  void Purge(Group& group, const std::string& key, uint64_t expiry) {
    group.log.Purge({{DataKeyOf(kSpace, S(key)), expiry}});
    EXPECT_EQ(group.replica->Apply(group.log).purged(), 1u);
  }
  // The group takes another TTL attribute.
  void Change(Group& group, const std::string& attribute) {
    api::Table table = TableOf(kTable, kSpace);
    table.set_ttl_attribute(attribute);
    table.set_revision(1);
    table.set_state(api::UPDATING);
    group.log.SetTable(table);
    EXPECT_EQ(group.replica->Apply(group.log).code(), api::OK);
  }
};

// --------------------------------------------------------------------- holders

TEST_F(StateTransactReads, EveryRequestFindsWhoHoldsItsItems) {
  EXPECT_TRUE(PageHolders(A(), ScanAll()).empty());
  const Transaction one = Pending();
  Transaction two = New(3);
  a_.Run(two.Begin({Put(a2_, 1), CheckOf(S(a3_), NotExists("pk"))}, {BucketOfKey(b2_)}));
  for (const bool restarted : {false, true}) {
    if (restarted) a_.Restart();
    const std::vector<std::string> both = {std::min(one.id(), two.id()),
                                           std::max(one.id(), two.id())};
    EXPECT_EQ(Ids(A().HoldersOf(Get(a1_), 0)), std::vector<std::string>{one.id()});
    EXPECT_EQ(A().HoldersOf(Get(a1_), 0)[0].place, one.place);
    EXPECT_EQ(Ids(A().HoldersOf(Get(a3_), 0)), std::vector<std::string>{two.id()});
    EXPECT_EQ(Ids(A().HoldersOf(Located(Inc(a2_)))), std::vector<std::string>{two.id()});
    EXPECT_EQ(Ids(A().HoldersOf(Located(DeleteOf(S(a1_ + "other"))))), std::vector<std::string>{});
    EXPECT_EQ(Ids(PageHolders(A(), ScanAll())), both);
    std::vector<std::string> got = Ids(A().HoldersOf(GetOf({a2_, a1_, a3_}), 0));
    EXPECT_EQ(got, (std::vector<std::string>{two.id(), one.id()}));
    api::QueryRequest query;
    query.set_table(kTable);
    query.set_partition(model::EncodeValue(S(a2_)));
    EXPECT_EQ(Ids(PageHolders(A(), query)), std::vector<std::string>{two.id()});
    // What makes no sense is held by nobody.
    api::GetRequest unknown = Get(a1_);
    unknown.set_table("unknown");
    EXPECT_TRUE(A().HoldersOf(unknown, 0).empty());
    EXPECT_TRUE(A().HoldersOf(Get(b1_), 0).empty());
    query.set_partition("rubbish");
    EXPECT_TRUE(PageHolders(A(), query).empty());
    EXPECT_TRUE(A().HoldersOf(command::Write()).empty());
    // By age.
    EXPECT_EQ(Ids(A().HoldersSince(a_.log.stamp, {})), std::vector<std::string>{one.id()});
    EXPECT_EQ(Ids(A().HoldersSince(a_.log.stamp + 1, {})), both);
    EXPECT_TRUE(A().HoldersSince(kStart, {}).empty());
  }
}

// Each of more transactions than are told at a time holds an item, and one holds the first and
// the last.
TEST_F(StateTransactReads, WhoeverHoldsAnItemOfAPageIsFoundInTheEnd) {
  std::vector<std::pair<std::string, std::string>> rows;  // Data keys, and keys.
  for (const std::string& key : KeysIn(0, kHalf - 1, kHoldersLimit + 50)) {
    rows.emplace_back(DataKeyOf(kSpace, S(key)), key);
  }
  std::sort(rows.begin(), rows.end());
  std::set<std::string> held;
  const auto hold = [&](Transaction::Writes writes) {
    const Transaction transaction = New(3);
    a_.log.Append(transaction.Begin(std::move(writes), {BucketOfKey(b1_)}));
    held.insert(transaction.id());
  };
  hold({Put(rows.front().second, 1), Put(rows.back().second, 1)});
  for (size_t i = 1; i + 1 < rows.size(); ++i) hold({Put(rows[i].second, 1)});
  a_.replica->Apply(a_.log);
  std::vector<std::string> found = Ids(PageHolders(A(), ScanAll()));
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), held);
  EXPECT_EQ(found.size(), held.size() + 1);  // Who holds the last is found again.

  found.clear();
  std::string after;
  while (true) {
    const Holders some = A().HoldersSince(a_.log.stamp + 1, after);
    if (some.empty()) break;
    EXPECT_LE(some.size(), kHoldersLimit);
    after = some.back().id;
    for (const auto& holder : some) found.push_back(holder.id);
  }
  EXPECT_EQ(found, std::vector<std::string>(held.begin(), held.end()));
}

// ---------------------------------------------------------------------- expiry

TEST_F(StateTransactReads, Case31_AnItemExpiredAtPrepareIsAbsent) {
  b_.Run(Expiring(b1_, kExpiry));
  b_.NextStamp(kExpiryStamp - 1);
  EXPECT_EQ(b_.Run(New(3).Prepare({CheckOf(S(b1_), NotExists("pk"))})).state(), command::ABORTED);
  Transaction transaction = New(4);  // Exactly at expiry.
  EXPECT_EQ(b_.Run(transaction.Prepare({If(NotExists("pk"), Inc(b1_, 5))})).state(),
            command::PENDING);
  EXPECT_FALSE(B().HoldersOf(Get(b1_), kExpiryStamp + 100)[0].outlived);
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Item(b1_), I({{"pk", S(b1_)}, {"n", N(5)}}));
}

// A reader that no longer sees the item may not come before a transaction that saw it.
TEST_F(StateTransactReads, Case31_AnItemThatExpiresWhileHeldMustNotBeShownAsItIs) {
  b_.Run(Expiring(b1_, kExpiry));
  Transaction transaction = New();
  b_.Run(transaction.Prepare({If(Exists("pk"), Inc(b1_, 5))}));
  for (const bool restarted : {false, true}) {
    if (restarted) b_.Restart();
    EXPECT_FALSE(B().HoldersOf(Get(b1_), kExpiryStamp - 1)[0].outlived);
    EXPECT_TRUE(B().HoldersOf(Get(b1_), kExpiryStamp)[0].outlived);
    api::ScanRequest scan = ScanAll();
    scan.set_start_hash(uint64_t{kHalf} << 48);
    EXPECT_TRUE(PageHolders(B(), scan, kExpiryStamp)[0].outlived);
    EXPECT_TRUE(B().HoldersOf(GetOf({b2_, b1_}), kExpiryStamp)[0].outlived);
    EXPECT_FALSE(B().HoldersOf(GetOf({b2_, b1_}), kExpiryStamp - 1)[0].outlived);
  }
  // It is what it was at the Prepare that counts, and what it leaves has the expiry of then.
  b_.NextStamp(kExpiryStamp + 7);
  b_.Run(transaction.Resolve(true));
  EXPECT_FALSE(b_.Found(b1_));  // Its own ttl is still the old one.
  b_.NextStamp(kExpiryStamp + 20);
  b_.Run(Inc(b1_, 1));
  EXPECT_EQ(b_.Number(b1_), 1);
}

TEST_F(StateTransactReads, APurgeBetweenPrepareAndResolveLosesNothing) {
  b_.Run(Expiring(b1_, kExpiry));
  b_.Run(Expiring(b2_, kExpiry));
  Transaction transaction = New();
  b_.Run(transaction.Prepare({UpdateOf(S(b1_), Set("ttl", N(kExpiry + 1000))), DeleteOf(S(b2_))}));
  b_.NextStamp(kExpiryStamp);
  Purge(b_, b1_, kExpiry);
  Purge(b_, b2_, kExpiry);
  EXPECT_EQ(b_.Rows(storage::KeyKind::kTtl) + b_.Rows(storage::KeyKind::kData), 0u);
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Number(b1_), 1);  // As the Prepare found it.
  EXPECT_FALSE(b_.Found(b2_));
  EXPECT_EQ(b_.Rows(storage::KeyKind::kTtl), 1u);
  EXPECT_EQ(b_.replica->expiries.back().second, kExpiry + 1000);
}

// "More than five years ago is no expiry" is judged when the item is written.
TEST_F(StateTransactReads, ExpiryOfWhatIsCommittedIsJudgedAtTheResolve) {
  const uint64_t old = kStartSeconds - kOldestExpirySeconds;
  Transaction transaction = New();
  b_.Run(transaction.Prepare({Expiring(b1_, old)}));
  b_.NextStamp((kStartSeconds + 1) * kMicrosPerSecond);
  b_.Run(transaction.Resolve(true));
  EXPECT_TRUE(b_.Found(b1_));
  EXPECT_EQ(b_.Rows(storage::KeyKind::kTtl), 0u);
}

TEST_F(StateTransactReads, AnotherTtlAttributeMeanwhileHolds) {
  b_.Run(PutOf(I({{"pk", S(b1_)}, {"n", N(1)}, {"until", N(kExpiry)}})));
  Transaction transaction = New();
  b_.Run(transaction.Prepare({Inc(b1_)}));
  EXPECT_FALSE(B().HoldersOf(Get(b1_), kExpiryStamp)[0].outlived);
  Change(b_, "until");
  // What the Prepare saw may expire by the new attribute.
  EXPECT_TRUE(B().HoldersOf(Get(b1_), kExpiryStamp)[0].outlived);
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(b_.Number(b1_), 2);
  EXPECT_EQ(b_.Rows(storage::KeyKind::kTtl), 1u);
  b_.NextStamp(kExpiryStamp);
  b_.log.Time();
  b_.replica->Apply(b_.log);
  EXPECT_FALSE(b_.Found(b1_));
  // Rows of before the change are judged by it, too.
  Transaction second = New();
  EXPECT_EQ(b_.Run(second.Prepare({CheckOf(S(b1_), Exists("pk"))})).state(), command::ABORTED);
}

// ---------------------------------------------------------------------- tables

TEST_F(StateTransactReads, ATableDroppedMeanwhileTakesItsItemsAlong) {
  for (Group* group : {&a_, &b_}) {
    group->log.SetTable(TableOf("dropped", 8));
    group->replica->Apply(group->log);
  }
  Transaction transaction = New();
  command::Write dropped_a = Inc(a1_);
  dropped_a.set_space(8);
  command::Write dropped_b = Inc(b1_);
  dropped_b.set_space(8);
  command::Write removed = DeleteOf(S(b2_));
  removed.set_space(8);
  a_.Run(transaction.Begin({dropped_a, Inc(a2_)}, {BucketOfKey(b1_)}));
  b_.Run(transaction.Prepare({dropped_b, Inc(b1_), removed}));
  for (Group* group : {&a_, &b_}) {
    group->log.DropTable(8);
    group->replica->Apply(group->log);
  }
  EXPECT_EQ(CodesOf(b_.Run(New(5).Prepare({dropped_b})).transact()), (Codes{api::TABLE_NOT_FOUND}));
  b_.Restart();
  a_.Run(transaction.Decide(true));
  b_.Run(transaction.Resolve(true));
  EXPECT_EQ(a_.Locks() + b_.Locks(), 0u);
  EXPECT_EQ(a_.Number(a2_), 1);
  EXPECT_EQ(b_.Number(b1_), 1);
  EXPECT_EQ(a_.Rows(storage::KeyKind::kData) + b_.Rows(storage::KeyKind::kData), 2u);
}

// --------------------------------------------------------------- transact-gets

TEST_F(StateTransactReads, AnObservationTellsWhatMustBeTheSame) {
  a_.Run(Put(a1_, 4));
  const Stamp version = a_.log.stamp;
  StateMachine::ObserveAnswer answer = a_.replica->Observe(GetOf({a1_, a2_}), a_.log.stamp);
  ASSERT_FALSE(answer.refusal.has_value());
  ASSERT_EQ(answer.items.size(), 2u);
  EXPECT_EQ(ItemOf(answer.items[0].item()), I({{"pk", S(a1_)}, {"n", N(4)}}));
  EXPECT_FALSE(answer.items[1].found());
  EXPECT_EQ(answer.seen[0].version, version);
  EXPECT_EQ(answer.seen[1].version, 0u);
  EXPECT_FALSE(answer.seen[0].locked || answer.seen[1].locked);
  Transaction transaction = New();
  a_.Run(transaction.Begin({CheckOf(S(a2_), NotExists("pk"))}, {BucketOfKey(b1_)}));
  answer = a_.replica->Observe(GetOf({a1_, a2_}), a_.log.stamp);
  EXPECT_FALSE(answer.seen[0].locked);
  EXPECT_TRUE(answer.seen[1].locked);
  EXPECT_EQ(answer.seen[0].version, version);
}

TEST_F(StateTransactReads, AnObservationIsRefusedForWhatItCannotRead) {
  api::TransactGetRequest request = GetOf({a1_, b1_});
  EXPECT_EQ(a_.replica->Observe(request).refusal->code, api::WRONG_GROUP);
  request = GetOf({a1_});
  request.mutable_items(0)->set_table("unknown");
  EXPECT_EQ(a_.replica->Observe(request).refusal->code, api::TABLE_NOT_FOUND);
  request = GetOf({a1_});
  request.mutable_items(0)->mutable_key()->set_partition("rubbish");
  EXPECT_EQ(a_.replica->Observe(request).refusal->code, api::INVALID);
  request = GetOf({a1_});
  request.mutable_items(0)->add_projection();
  EXPECT_EQ(a_.replica->Observe(request).refusal->code, api::INVALID);
}

TEST_F(StateTransactReads, AnObservationProjectsAndCosts) {
  a_.Run(PutOf(I({{"pk", S(a1_)}, {"n", N(4)}, {"text", S(std::string(5000, 'x'))}})));
  api::TransactGetRequest request = GetOf({a1_});
  *request.mutable_items(0)->add_projection() = P("n");
  request.set_return_capacity(true);
  StateMachine::ObserveAnswer answer = a_.replica->Observe(request, a_.log.stamp);
  EXPECT_EQ(ItemOf(answer.items[0].item()), I({{"n", N(4)}}));
  EXPECT_EQ(answer.items[0].capacity().read_half_units(), 4u);
}

TEST_F(StateTransactReads, AnObservationThatHidesByItsOwnTimeNeedsATimeEntry) {
  a_.Run(Expiring(a1_, kExpiry));
  const Stamp version = a_.log.stamp;
  StateMachine::ObserveAnswer answer = a_.replica->Observe(GetOf({a1_}), kExpiryStamp);
  EXPECT_TRUE(answer.needs_time_entry);
  EXPECT_FALSE(answer.items[0].found());
  EXPECT_EQ(answer.seen[0].version, version);  // Of the row, expired or not.
  a_.NextStamp(kExpiryStamp);
  a_.log.Time();
  a_.replica->Apply(a_.log);
  EXPECT_FALSE(a_.replica->Observe(GetOf({a1_}), kExpiryStamp).needs_time_entry);
}

// Absent before and after says nothing if the item was there in between.
TEST_F(StateTransactReads, ARemovalBetweenTwoLooksShows) {
  const auto removed = [&] {
    return a_.replica->Observe(GetOf({a1_}), a_.log.stamp).seen[0].removed;
  };
  const auto versions = [&] {
    return a_.replica->Observe(GetOf({a1_}), a_.log.stamp).seen[0].version;
  };
  std::vector<std::function<void()>> ways;
  ways.push_back([&] {  // By a delete.
    a_.Run(Put(a1_, 1));
    a_.Run(DeleteOf(S(a1_)));
  });
  ways.push_back([&] {  // By a purge.
    a_.Run(Expiring(a1_, kExpiry));
    a_.NextStamp(kExpiryStamp);
    Purge(a_, a1_, kExpiry);
  });
  ways.push_back([&] {  // By a transaction.
    a_.Run(Put(a1_, 1));
    Transaction transaction = New();
    a_.Run(transaction.Begin({DeleteOf(S(a1_))}, {BucketOfKey(b1_)}));
    a_.Run(transaction.Decide(true));
  });
  // What a transaction wrote goes in the same batch: it was there since the decision, which may
  // be long ago and known elsewhere.
  ways.push_back([&] {
    Transaction transaction = New();
    a_.Run(transaction.Begin({Put(a1_, 1)}, {BucketOfKey(b1_)}));
    a_.log.Append(transaction.Decide(true));
    a_.log.Append(DeleteOf(S(a1_)));
    a_.replica->Apply(a_.log);
  });
  ways.push_back([&] {  // All of an item's life in one batch, by a purge.
    const uint64_t expiry = a_.log.stamp / kMicrosPerSecond;
    a_.log.Append(Expiring(a1_, expiry));
    a_.log.Purge({{DataKeyOf(kSpace, S(a1_)), expiry}});
    a_.replica->Apply(a_.log);
  });
  for (size_t way = 0; way < ways.size(); ++way) {
    SCOPED_TRACE(way);
    const Stamp before = removed();
    EXPECT_EQ(removed(), before);
    a_.Run(Put(a2_, 1));
    EXPECT_EQ(removed(), before);
    ways[way]();
    EXPECT_EQ(versions(), 0u);
    EXPECT_NE(removed(), before);
  }
  // A machine that was not there knows nothing, and says so.
  const Stamp before = removed();
  a_.Run(Put(a1_, 1));
  a_.Run(DeleteOf(S(a1_)));
  a_.replica->Flush();
  a_.Restart();
  EXPECT_GT(removed(), before);
}

}  // namespace
}  // namespace fastpath::partition::testing
