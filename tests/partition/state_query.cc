// Queries page by page: limits, filters, expiry, one moment's state, and what is
// refused. Expectations: DynamoDB Developer Guide, "Querying tables in DynamoDB"
// ("Key condition expressions", "Filter expressions", "Paginating", "Limiting",
// "Counting the items"), "Read capacity unit consumption"; API Reference, "Query".
#include "partition/page.h"
#include "tests/partition/pages.h"
#include "tests/support/passing_engine.h"

namespace fastpath::partition::testing {
namespace {

class StateQuery : public ::testing::Test {
 protected:
  explicit StateQuery(std::unique_ptr<Host> host = std::make_unique<SimHost>())
      : replica_(Replica::Bootstrapped(DescriptorOf(1), std::move(host))) {
    log_.SetTable(PairsOf(api::N));
    replica_->Apply(log_);
  }
  void PutPadded(int64_t sort, size_t bytes) {
    log_.Append(PutPair(I({{"pk", S("a")}, {"sk", N(sort)}, {"v", S(std::string(bytes, 'x'))}})));
  }
  void PutMany(int count) {
    for (int i = 0; i < count; ++i) PutPadded(i, 10);
    replica_->Apply(log_);
  }
  api::PageResult Page(const api::QueryRequest& request, Stamp now = 0) {
    StateMachine::PageAnswer answer = replica_->Query(request, now);
    EXPECT_FALSE(answer.refusal.has_value()) << answer.refusal->message;
    return answer.result;
  }
  std::string Refused(const api::QueryRequest& request) {
    StateMachine::PageAnswer answer = replica_->Query(request);
    if (!answer.refusal.has_value()) return "";
    EXPECT_EQ(answer.refusal->code, api::INVALID);
    return answer.refusal->message;
  }
  std::vector<int64_t> SortsOf(const api::PageResult& page) {
    std::vector<int64_t> sorts;
    for (const model::Item& item : ItemsOf(page)) {
      EXPECT_TRUE(item.Find("sk")->number().ToInt64(sorts.emplace_back()));
    }
    return sorts;
  }

  std::unique_ptr<Replica> replica_;
  Log log_;
};

TEST_F(StateQuery, TheLimitCountsWhatIsExaminedBeforeTheFilter) {
  PutMany(10);
  api::QueryRequest request = QueryOf(S("a"));
  request.set_limit(4);
  *request.mutable_filter() = NotExists("v");
  const api::PageResult page = Page(request);
  EXPECT_EQ(page.count(), 0u);
  EXPECT_EQ(page.scanned_count(), 4u);
  ASSERT_TRUE(page.has_last_key());
  EXPECT_EQ(page.last_key().SerializeAsString(), PairKey(S("a"), N(3)).SerializeAsString());
}

TEST_F(StateQuery, APageThatEndsAtItsLimitHasAKeyEvenIfNothingFollows) {
  PutMany(2);
  api::QueryRequest request = QueryOf(S("a"));
  request.set_limit(2);
  const api::PageResult page = Page(request);
  ASSERT_TRUE(page.has_last_key());
  *request.mutable_start_after() = page.last_key();
  EXPECT_EQ(Page(request).scanned_count(), 0u);
  EXPECT_FALSE(Page(request).has_last_key());
}

TEST_F(StateQuery, APageHoldsAtMostOneMegabyteOfItemsBeforeTheFilter) {
  constexpr size_t kItem = 100'000;  // With names and key: a little more.
  for (int i = 0; i < 25; ++i) PutPadded(i, kItem);
  replica_->Apply(log_);
  api::QueryRequest request = QueryOf(S("a"));
  const api::PageResult whole = Page(request);
  EXPECT_EQ(whole.count(), 10u);
  EXPECT_LE(whole.scanned_bytes(), kPageLimitBytes);
  EXPECT_GT(whole.scanned_bytes() + kItem, kPageLimitBytes - 1000);
  request.set_count_only(true);
  *request.mutable_filter() = NotExists("v");
  EXPECT_EQ(Page(request).scanned_count(), 10u);
  request.set_reverse(true);
  request.clear_filter();
  *request.mutable_start_after() = Page(request).last_key();
  EXPECT_EQ(Page(request).count(), 10u);
  *request.mutable_start_after() = Page(request).last_key();
  EXPECT_EQ(Page(request).count(), 5u);
  EXPECT_FALSE(Page(request).has_last_key());
}

TEST_F(StateQuery, CountOnlyReturnsNoItems) {
  PutMany(5);
  api::QueryRequest request = QueryOf(S("a"));
  request.set_count_only(true);
  EXPECT_EQ(Page(request).count(), 5u);
  EXPECT_EQ(Page(request).items_size(), 0);
  *request.add_projection() = P("v");
  EXPECT_NE(Refused(request), "");
}

TEST_F(StateQuery, TheProjectionComesAfterTheFilter) {
  PutMany(3);
  api::QueryRequest request = QueryOf(S("a"));
  *request.mutable_filter() = Exists("v");
  *request.add_projection() = P("sk");
  EXPECT_EQ(ItemsOf(Page(request)),
            (std::vector<model::Item>{I({{"sk", N(0)}}), I({{"sk", N(1)}}), I({{"sk", N(2)}})}));
}

TEST_F(StateQuery, ATableWithoutSortKeyAnswersItsOneItem) {
  log_.SetTable(TableOf(kTable, kSpace));
  log_.Append(PutOf(I({{"pk", S("a")}})));
  log_.Append(PutOf(I({{"pk", S("ab")}})));
  replica_->Apply(log_);
  api::QueryRequest request = QueryOf(S("a"));
  request.set_table(kTable);
  EXPECT_EQ(ItemsOf(Page(request)), (std::vector<model::Item>{I({{"pk", S("a")}})}));
  *request.mutable_start_after() = K(S("a"));
  EXPECT_EQ(Page(request).count(), 0u);
  request.mutable_sort()->set_equal(model::EncodeValue(N(1)));
  EXPECT_EQ(Refused(request), "Query key condition not supported");
}

TEST_F(StateQuery, WhatCannotBeAskedIsRefused) {
  api::QueryRequest request = QueryOf(S("a"));
  const std::string type =
      "One or more parameter values were invalid: Condition parameter type does not match schema "
      "type";
  EXPECT_EQ(Refused(QueryOf(N(1))), type);
  request.set_partition("");
  EXPECT_EQ(Refused(request), type);
  EXPECT_NE(Refused(QueryOf(S(""))), "");
  EXPECT_NE(Refused(QueryOf(S(std::string(2049, 'x')))), "");
  request = QueryOf(S("a"));
  request.mutable_sort()->set_equal(model::EncodeValue(S("1")));
  EXPECT_EQ(Refused(request), type);
  request.mutable_sort()->Clear();
  EXPECT_NE(Refused(request), "");
  request.mutable_sort()->set_begins_with(model::EncodeValue(N(1)));
  EXPECT_EQ(Refused(request),
            "Incorrect operand type for operator or function; operator or function: begins_with, "
            "operand type: N");
  request.mutable_sort()->mutable_between()->set_low(model::EncodeValue(N(2)));
  request.mutable_sort()->mutable_between()->set_high(model::EncodeValue(N(1)));
  EXPECT_EQ(Refused(request),
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound");
  request.clear_sort();
  *request.mutable_filter() = Exists("sk");
  EXPECT_EQ(Refused(request),
            "Filter Expression can only contain non-primary key attributes: Primary key "
            "attribute: sk");
  request.clear_filter();
  request.set_table("none");
  EXPECT_EQ(replica_->Query(request).refusal->code, api::TABLE_NOT_FOUND);
}

TEST_F(StateQuery, FiltersFindKeyAttributesWhereverTheyStand) {
  const auto refused = [this](const std::function<void(api::Condition&)>& fill) {
    api::QueryRequest request = QueryOf(S("a"));
    fill(*request.mutable_filter());
    return Refused(request).starts_with("Filter Expression can only contain non-primary key");
  };
  const std::string one = model::EncodeValue(N(1));
  EXPECT_TRUE(refused([&](api::Condition& c) {
    c.mutable_in()->mutable_operand()->set_value(one);
    *c.mutable_in()->add_list()->mutable_path() = P("sk");
  }));
  EXPECT_TRUE(refused([&](api::Condition& c) {
    *c.mutable_not_()->mutable_all()->add_list() = Exists("v");
    api::Condition* last = c.mutable_not_()->mutable_all()->add_list();
    last->mutable_comparison()->set_op(api::LT);
    *last->mutable_comparison()->mutable_left()->mutable_size() = P("pk");
    last->mutable_comparison()->mutable_right()->set_value(one);
  }));
  EXPECT_TRUE(refused([&](api::Condition& c) {
    *c.mutable_type()->mutable_path() = P("pk");
    c.mutable_type()->set_type("S");
  }));
  EXPECT_FALSE(refused([&](api::Condition& c) {
    c = Exists("map");
    c.mutable_exists()->add_steps()->set_name("sk");
  }));
}

TEST_F(StateQuery, AStartingKeyLiesInsideTheRange) {
  PutMany(10);
  api::QueryRequest request = QueryOf(S("a"));
  request.mutable_sort()->mutable_between()->set_low(model::EncodeValue(N(2)));
  request.mutable_sort()->mutable_between()->set_high(model::EncodeValue(N(6)));
  const std::string outside =
      "The provided starting key is outside query boundaries based on provided conditions";
  for (const int64_t sort : {1, 7}) {
    *request.mutable_start_after() = PairKey(S("a"), N(sort));
    EXPECT_EQ(Refused(request), outside);
  }
  *request.mutable_start_after() = PairKey(S("b"), N(3));
  EXPECT_EQ(Refused(request), outside);
  *request.mutable_start_after() = K(S("a"));
  EXPECT_NE(Refused(request), "");
  // There need not be such an item.
  request.mutable_start_after()->set_partition(model::EncodeValue(S("a")));
  request.mutable_start_after()->set_sort(model::EncodeValue(Digits("3.5")));
  EXPECT_EQ(SortsOf(Page(request)), (std::vector<int64_t>{4, 5, 6}));
  request.set_reverse(true);
  EXPECT_EQ(SortsOf(Page(request)), (std::vector<int64_t>{3, 2}));
}

TEST_F(StateQuery, ExpiredItemsAreNeitherCountedNorReturned) {
  constexpr uint64_t kExpiry = kStartSeconds + 10;
  constexpr Stamp kExpiryStamp = kExpiry * kMicrosPerSecond;
  for (int i = 0; i < 6; ++i) {
    model::Item item = I({{"pk", S("a")}, {"sk", N(i)}});
    if (i % 2 == 0) item.Set("ttl", N(kExpiry));
    log_.Append(PutPair(item));
  }
  replica_->Apply(log_);
  api::QueryRequest request = QueryOf(S("a"));
  EXPECT_EQ(Page(request, kExpiryStamp - 1).scanned_count(), 6u);
  // Hidden by the reader's time alone: a time entry must be committed first.
  EXPECT_TRUE(replica_->Query(request, kExpiryStamp).needs_time_entry);
  request.set_eventual(true);
  EXPECT_EQ(SortsOf(Page(request, kExpiryStamp)), (std::vector<int64_t>{1, 3, 5}));
  request.set_eventual(false);
  log_.stamp = kExpiryStamp - 1;
  log_.Time();
  replica_->Apply(log_);
  EXPECT_FALSE(replica_->Query(request, kExpiryStamp).needs_time_entry);
  EXPECT_EQ(SortsOf(Page(request, kExpiryStamp)), (std::vector<int64_t>{1, 3, 5}));
  request.set_limit(2);
  EXPECT_EQ(SortsOf(Page(request)), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(Page(request).scanned_count(), 2u);
}

// However many rows have expired, a page looks at a bounded number of them.
TEST_F(StateQuery, APageOfNothingButExpiredItemsEndsWithAKey) {
  const int rows = static_cast<int>(kPageRowsLimit) + 3000;
  for (int i = 0; i < rows; ++i) {
    log_.Append(PutPair(I({{"pk", S("a")}, {"sk", N(i)}, {"ttl", N(kStartSeconds + 10)}})));
  }
  log_.Append(PutPair(I({{"pk", S("a")}, {"sk", N(rows)}})));
  log_.stamp = (kStartSeconds + 10) * kMicrosPerSecond;
  log_.Time();
  replica_->Apply(log_);
  api::QueryRequest request = QueryOf(S("a"));
  request.set_limit(1);
  const api::PageResult first = Page(request);
  EXPECT_EQ(first.scanned_count(), 0u);
  ASSERT_TRUE(first.has_last_key());
  *request.mutable_start_after() = first.last_key();
  EXPECT_EQ(SortsOf(Page(request)), (std::vector<int64_t>{rows}));
}

TEST_F(StateQuery, CapacityIsTheSumOfThePageRoundedUp) {
  api::QueryRequest request = QueryOf(S("a"));
  request.set_return_capacity(true);
  EXPECT_EQ(Page(request).capacity().read_half_units(), 2u);  // Nothing costs one unit.
  for (int i = 0; i < 10; ++i) PutPadded(i, 1000);
  replica_->Apply(log_);
  const api::PageResult page = Page(request);
  EXPECT_EQ(page.capacity().table(), kPairs);
  EXPECT_EQ(page.capacity().read_half_units(), 2u * 3);  // 10,100 bytes or so.
  request.set_eventual(true);
  EXPECT_EQ(Page(request).capacity().read_half_units(), 3u);
  *request.mutable_filter() = NotExists("v");
  EXPECT_EQ(Page(request).capacity().read_half_units(), 3u);
  request.set_return_capacity(false);
  EXPECT_FALSE(Page(request).has_capacity());
}

// --------------------------------------------------------------- pieces of a page

// Notes how many rows each piece of a page may have.
class PiecesHost : public SimHost {
 public:
  storage::Engine* engine() override { return &engine_; }
  std::vector<uint64_t> Take() { return std::exchange(engine_.pieces, {}); }

 private:
  struct Watching : fastpath::testing::PassingEngine {
    using PassingEngine::PassingEngine;
    void Scan(storage::KeyRange range, storage::ScanOptions options,
              absl::AnyInvocable<void(absl::StatusOr<storage::ScanResult>)> done) override {
      pieces.push_back(options.limit_rows);
      PassingEngine::Scan(std::move(range), std::move(options), std::move(done));
    }
    std::vector<uint64_t> pieces;
  };
  Watching engine_{SimHost::engine()};
};

class StateQueryPieces : public StateQuery {
 protected:
  StateQueryPieces() : StateQueryPieces(new PiecesHost) {}
  explicit StateQueryPieces(PiecesHost* host)
      : StateQuery(std::unique_ptr<Host>(host)), host_(host) {}
  // The largest piece of a page over 1,500 items that all are looked at.
  uint64_t LargestPiece(const api::QueryRequest& request) {
    host_->Take();
    EXPECT_EQ(Page(request).scanned_count(), 1500u);
    const std::vector<uint64_t> pieces = host_->Take();
    return *std::max_element(pieces.begin(), pieces.end());
  }

  PiecesHost* host_;
};

// What is judged in one go is bounded by work, not by rows: others wait for it.
TEST_F(StateQueryPieces, ShrinkWithWhatARowCosts) {
  PutMany(1500);
  api::QueryRequest request = QueryOf(S("a"));
  EXPECT_EQ(LargestPiece(request), 1000u);
  *request.mutable_filter() = Eq("v", S("y"));
  EXPECT_EQ(LargestPiece(request), 1000u);
  for (int i = 0; i < 150; ++i)
    *request.mutable_filter()->mutable_any()->add_list() = Eq("v", S("y"));
  EXPECT_EQ(LargestPiece(request), 16'384u / 301);
  for (int i = 0; i < 2048; ++i) *request.add_projection() = P("a" + std::to_string(i));
  EXPECT_EQ(LargestPiece(request), 16'384u / 2349);
  request.clear_projection();
  *request.mutable_filter() = Eq("v", model::Value::List(std::vector<model::Value>(131'000)));
  EXPECT_EQ(LargestPiece(request), 2u) << "a constant of many values";
}

// ---------------------------------------------------------- one moment's state

class StateQueryLate : public StateQuery {
 protected:
  StateQueryLate()
      : StateQuery(std::make_unique<SimHost>(
            storage::SimEngineOptions{.random = &Random(), .late_read_one_in = 1})) {}
  static SimRandom& Random() {
    static SimRandom random(1);
    return random;
  }
};

TEST_F(StateQueryLate, APageIsOneMomentsStateWhateverIsWrittenMeanwhile) {
  constexpr int kItems = 3000;  // Several pieces.
  PutMany(kItems);
  api::QueryRequest request = QueryOf(S("a"));
  std::optional<StateMachine::PageAnswer> answer;
  replica_->machine().Query(request, {}, [&](auto page) { answer = *std::move(page); });
  const Stamp before = replica_->machine().applied().stamp;
  for (int i = kItems - 1; i >= 0; --i) {  // Ahead of the page.
    command::Write write = DeleteOf(S("a"));
    *write.mutable_delete_()->mutable_key() = PairKey(S("a"), N(i));
    write.set_space(kPairsSpace);
    log_.Append(write);
  }
  replica_->Apply(log_);
  replica_->Wait([&] { return answer.has_value(); });
  EXPECT_EQ(answer->result.count(), static_cast<uint32_t>(kItems));
  EXPECT_EQ(answer->stamp, before);
  EXPECT_EQ(Page(request).count(), 0u);
}

}  // namespace
}  // namespace fastpath::partition::testing
