// Queries against an ordered list: every kind of condition on every type of
// sort key, both directions, limits, filters and resumption from page to page.
#include <set>

#include "tests/partition/pages.h"

namespace fastpath::partition::testing {
namespace {

struct Case {
  std::string name;
  api::KeyType type;
  bool rocks;
};
void PrintTo(const Case& what, std::ostream* out) { *out << what.name; }

// A query, and which items the oracle gives for it.
struct Asked {
  api::QueryRequest request;
  std::function<bool(const model::Value& sort)> in_range;
  int64_t filter_below = INT64_MAX;
};

class StateQueryModel : public ::testing::TestWithParam<Case> {
 protected:
  StateQueryModel() : random_(kSeed + static_cast<uint64_t>(GetParam().type)) {
    late_ = std::make_unique<SimRandom>(7);
    storage::SimEngineOptions options{.random = late_.get(), .late_read_one_in = 3};
    std::unique_ptr<Host> host;
    if (GetParam().rocks) {
      host = std::make_unique<RocksHost>();
    } else {
      host = std::make_unique<SimHost>(options);
    }
    replica_ = Replica::Bootstrapped(DescriptorOf(1), std::move(host));
    log_.SetTable(PairsOf(GetParam().type));
    replica_->Apply(log_);
  }

  static constexpr uint64_t kSeed = 20260;

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }

  std::string RandomText(const std::vector<std::string>& alphabet) {
    std::string text;
    const uint64_t length = 1 + Below(4);
    for (uint64_t i = 0; i < length; ++i) text += alphabet[Below(alphabet.size())];
    return text;
  }
  model::Value RandomSort() {
    switch (GetParam().type) {
      case api::S:
        return S(RandomText({"a", "b", std::string(1, '\0'), "\x01", "\xc3\xa9", "\x7f"}));
      case api::N: {
        static const std::vector<std::string> kExponents = {"", "E-3", "E3", "E-120", "E100"};
        return Digits(std::to_string(static_cast<int64_t>(Below(41)) - 20) +
                      kExponents[Below(kExponents.size())]);
      }
      default:
        return B(RandomText({"\xff", std::string(1, '\0'), "\x01", "m", "\xfe"}));
    }
  }
  static std::strong_ordering Order(const model::Value& a, const model::Value& b) {
    if (a.is(model::Type::kNumber)) return a.number() <=> b.number();
    return a.text() <=> b.text();  // char_traits compares as unsigned.
  }
  struct ByOrder {
    bool operator()(const model::Value& a, const model::Value& b) const { return Order(a, b) < 0; }
  };
  using Partition = std::map<model::Value, model::Item, ByOrder>;

  void Fill() {
    for (int i = 0; i < 150; ++i) {
      const std::string pk = std::string(1, static_cast<char>('p' + Below(3)));
      const model::Value sort = RandomSort();
      model::Item item = I({{"pk", S(pk)}, {"sk", sort}, {"n", N(i)}});
      if (Below(3) == 0) item.Set("pad", S(std::string(Below(3000), 'x')));
      oracle_[pk][sort] = item;
      log_.Append(PutPair(item));
    }
    replica_->Apply(log_);
  }

  Asked RandomQuery(const std::string& pk) {
    Asked asked{QueryOf(S(pk)), [](const model::Value&) { return true; }};
    RandomCondition(asked);
    asked.request.set_reverse(Below(2) == 0);
    if (Below(2) == 0) asked.request.set_limit(1 + Below(7));
    if (Below(3) == 0) {
      asked.filter_below = static_cast<int64_t>(Below(150));
      api::Comparison* filter = asked.request.mutable_filter()->mutable_comparison();
      filter->set_op(api::LT);
      *filter->mutable_left()->mutable_path() = P("n");
      filter->mutable_right()->set_value(model::EncodeValue(N(asked.filter_below)));
    }
    return asked;
  }

  void RandomCondition(Asked& asked) {
    const model::Value a = RandomSort();
    const std::string bytes = model::EncodeValue(a);
    api::SortCondition sort;
    switch (Below(8)) {
      case 0:
        return;
      case 1:
        sort.set_equal(bytes);
        asked.in_range = [a](const model::Value& v) { return Order(v, a) == 0; };
        break;
      case 2:
        sort.set_less(bytes);
        asked.in_range = [a](const model::Value& v) { return Order(v, a) < 0; };
        break;
      case 3:
        sort.set_less_or_equal(bytes);
        asked.in_range = [a](const model::Value& v) { return Order(v, a) <= 0; };
        break;
      case 4:
        sort.set_greater(bytes);
        asked.in_range = [a](const model::Value& v) { return Order(v, a) > 0; };
        break;
      case 5:
        sort.set_greater_or_equal(bytes);
        asked.in_range = [a](const model::Value& v) { return Order(v, a) >= 0; };
        break;
      case 6: {
        const model::Value b = RandomSort();
        const auto [low, high] = Order(a, b) < 0 ? std::pair(a, b) : std::pair(b, a);
        sort.mutable_between()->set_low(model::EncodeValue(low));
        sort.mutable_between()->set_high(model::EncodeValue(high));
        asked.in_range = [low = low, high = high](const model::Value& v) {
          return Order(low, v) <= 0 && Order(v, high) <= 0;
        };
        break;
      }
      default:
        if (GetParam().type == api::N) return;
        sort.set_begins_with(bytes);
        asked.in_range = [a](const model::Value& v) { return v.text().starts_with(a.text()); };
    }
    *asked.request.mutable_sort() = sort;
  }

  // What all pages together must hold; `scanned`: of them all.
  std::vector<model::Item> Expected(const std::string& pk, const Asked& asked, uint32_t* scanned) {
    std::vector<model::Item> items;
    *scanned = 0;
    for (const auto& [sort, item] : oracle_[pk]) {
      if (!asked.in_range(sort)) continue;
      ++*scanned;
      if (item.Find("n")->number() < model::Number::FromInt(asked.filter_below)) {
        items.push_back(item);
      }
    }
    if (asked.request.reverse()) std::reverse(items.begin(), items.end());
    return items;
  }

  // Reads to the end; a page may also be cut where an earlier one's key says nothing new.
  void Check(const std::string& pk, Asked asked) {
    uint32_t scanned = 0, got_scanned = 0;
    const std::vector<model::Item> expected = Expected(pk, asked, &scanned);
    std::vector<model::Item> got;
    const uint32_t limit = asked.request.limit();
    while (true) {
      const StateMachine::PageAnswer answer = replica_->Query(asked.request);
      ASSERT_FALSE(answer.refusal.has_value()) << answer.refusal->message;
      const api::PageResult& page = answer.result;
      ASSERT_EQ(page.count(), static_cast<uint32_t>(page.items_size()));
      ASSERT_TRUE(limit == 0 || page.scanned_count() <= limit);
      for (model::Item& item : ItemsOf(page)) got.push_back(std::move(item));
      got_scanned += page.scanned_count();
      if (!page.has_last_key()) break;
      ++pages_resumed_;
      *asked.request.mutable_start_after() = page.last_key();
    }
    ASSERT_EQ(got, expected) << asked.request.ShortDebugString();
    ASSERT_EQ(got_scanned, scanned);
    met_.insert(asked.request.has_sort() ? asked.request.sort().kind_case() : 0);
    items_seen_ += got.size();
  }

  SimRandom random_;
  std::unique_ptr<SimRandom> late_;
  std::unique_ptr<Replica> replica_;
  Log log_;
  std::map<std::string, Partition> oracle_;
  std::set<int> met_;
  uint64_t pages_resumed_ = 0;
  uint64_t items_seen_ = 0;
};

TEST_P(StateQueryModel, PagesHoldWhatAnOrderedListHolds) {
  const int rounds = GetParam().rocks ? 150 : 800;
  Fill();
  for (int i = 0; i < rounds && !HasFatalFailure(); ++i) {
    if (GetParam().rocks && i == rounds / 2) replica_->Flush();
    const std::string pk(1, static_cast<char>('p' + Below(4)));  // One has no items.
    Check(pk, RandomQuery(pk));
  }
  EXPECT_EQ(met_.size(), GetParam().type == api::N ? 7u : 8u);
  EXPECT_GT(pages_resumed_, 50u);
  EXPECT_GT(items_seen_, 500u);
}

INSTANTIATE_TEST_SUITE_P(SortKeys, StateQueryModel,
                         ::testing::Values(Case{"S", api::S, false}, Case{"N", api::N, false},
                                           Case{"B", api::B, false}, Case{"SOnRocks", api::S, true},
                                           Case{"BOnRocks", api::B, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fastpath::partition::testing
