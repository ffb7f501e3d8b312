// Transactions while nodes die (FAILURE-CASES 21-25): all or nothing wherever the coordinator
// and the groups are when it happens, the bank's sums hold in every snapshot, no write skew,
// and small histories are strictly serializable.
#include "tests/linearizability/transactions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/bank.h"
#include "tests/sim/requests.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;

constexpr Micros kPatience = 20 * kSecond;

// FASTPATH_SEED begins elsewhere than at 1.
uint64_t First() {
  const char* seed = std::getenv("FASTPATH_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}

Scenario CalmWith(uint64_t seed, uint32_t groups) {
  Scenario scenario = Calm(seed);
  scenario.groups = groups;
  return scenario;
}

void Start(Simulation& simulation) {
  simulation.StartFirst();
  simulation.StartOthers();
  simulation.AwaitReplication();
}

// Heals, compares the replicas, judges.
Report ExpectWhole(Simulation& simulation) {
  simulation.Converge();
  simulation.Judge();
  const Report report = simulation.Finish();
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  if (!report.ok()) ADD_FAILURE() << report.replicas;
  return report;
}

// ------------------------------------------------------------------ every step

class EveryStep : public ::testing::TestWithParam<std::tuple<int, Death>> {
 protected:
  static constexpr uint32_t kGroups = 3;

  // A key of this group that was never used.
  std::string KeyIn(uint32_t group) {
    while (true) {
      std::string key = absl::StrCat("step", ++last_key_);
      if (GroupOfKey(kGroups, key) == group) return key;
    }
  }
  std::optional<std::string> Read(Simulation& simulation, const std::string& key) {
    const Answer answer = simulation.Ask(Get(kTable, key, false), Target::Key(), kPatience);
    EXPECT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    if (!answer.reply.get().found()) return std::nullopt;
    return Content(answer.reply.get().item());
  }

  uint64_t last_key_ = 0;
  std::map<client::Outcome, int> ends_;
};

// One of the leaders of its three groups dies `after` its client has sent it.
TEST_P(EveryStep, AllOrNothing) {
  const auto [victim_group, death] = GetParam();
  Simulation simulation(CalmWith(static_cast<uint64_t>(victim_group) + 7, kGroups));
  Start(simulation);
  Teller teller(simulation, "teller", 1);
  for (Micros after = 0; after < 30'000; after += 1'000) {
    std::vector<std::string> keys;
    for (uint32_t group = 1; group <= kGroups; ++group) keys.push_back(KeyIn(group));
    ASSERT_TRUE(Ok(PutOnce(simulation, keys[1])));
    const std::string token = after % 2'000 == 0 ? absl::StrCat("token", after) : "";
    teller.Begin(TransactWrite({TransactPut(keys[0], "new"), TransactDelete(keys[1]),
                                TransactPut(keys[2], "new")},
                               token),
                 Target::Key(), 8 * kSecond);
    simulation.RunFor(after);
    const size_t victim = LeaderOf(simulation, static_cast<uint32_t>(victim_group)).value_or(0);
    simulation.cluster().Kill(victim, death);
    simulation.RunFor(kSecond);
    simulation.cluster().Start(victim);
    ASSERT_TRUE(simulation.WaitFor([&] { return !teller.busy(); }, kPatience));
    simulation.AwaitReplication();
    ++ends_[teller.answer().outcome];
    SCOPED_TRACE(absl::StrCat(after, " us: ", teller.answer().reply.ShortDebugString()));
    const bool committed = Read(simulation, keys[0]) == "new";
    EXPECT_EQ(Read(simulation, keys[1]) == std::nullopt, committed);
    EXPECT_EQ(Read(simulation, keys[2]) == "new", committed);
    if (teller.answer().outcome == client::Outcome::kOk) EXPECT_TRUE(committed);
    if (teller.answer().outcome == client::Outcome::kRefused) EXPECT_FALSE(committed);
    // Nothing holds its items any more.
    for (const std::string& key : keys) EXPECT_TRUE(Ok(PutOnce(simulation, key)));
  }
  EXPECT_GT(ends_[client::Outcome::kOk], 0);
  ExpectWhole(simulation);
}

INSTANTIATE_TEST_SUITE_P(Deaths, EveryStep,
                         ::testing::Combine(::testing::Values(1, 2, 3),
                                            ::testing::Values(Death::kProcess, Death::kPower)));

// ------------------------------------------------------------------- the bank

// Transfers within branches of 100 accounts; audits read a branch as of one moment.
class Bank {
 public:
  static constexpr int kBranches = 10;
  static constexpr int kAccounts = 100;
  static constexpr int64_t kOpening = 100;

  Bank(Simulation& simulation, uint64_t seed) : simulation_(simulation), random_(seed) {
    for (int i = 0; i < 8; ++i) {
      tellers_.push_back(std::make_unique<Teller>(simulation, absl::StrCat("teller", i), seed + i));
    }
    work_.resize(tellers_.size());
  }

  void Open() {
    for (int branch = 0; branch < kBranches; ++branch) {
      std::vector<api::TransactItem> accounts;
      for (int i = 0; i < kAccounts; ++i) {
        accounts.push_back(TransactMove(Account(branch, i), kOpening, 0, std::nullopt));
      }
      const Answer answer =
          simulation_.Ask(TransactWrite(std::move(accounts)), Target::Key(), kPatience);
      ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
    }
  }

  // For so long, every teller goes on with something new as soon as it is told the end.
  void Work(Micros duration) {
    const Micros end = simulation_.loop().Now() + duration;
    while (simulation_.loop().Now() < end) {
      Go();
      simulation_.RunFor(5'000);
    }
  }
  void Close() {
    EXPECT_TRUE(simulation_.WaitFor(
        [&] {
          return std::none_of(tellers_.begin(), tellers_.end(),
                              [](const auto& teller) { return teller->busy(); });
        },
        kPatience));
    for (size_t i = 0; i < tellers_.size(); ++i) Take(i);
  }

  // Every branch has what it had, and what was moved is what was told, once each.
  void Balance() {
    int64_t moved = 0;
    int64_t touched = 0;
    for (int branch = 0; branch < kBranches; ++branch) {
      const Answer answer = simulation_.Ask(Audit(branch), Target::Key(), kPatience);
      ASSERT_TRUE(Ok(answer)) << answer.reply.ShortDebugString();
      ExpectSum(answer);
      for (const api::GetResult& account : answer.reply.transact_get().items()) {
        moved += CountOf(account.item(), "moved");
        touched += CountOf(account.item(), "touched");
      }
    }
    EXPECT_GE(moved, moved_);
    EXPECT_LE(moved, moved_ + maybe_moved_);
    EXPECT_GE(touched, touched_);
    EXPECT_LE(touched, touched_ + maybe_touched_);
  }

  int64_t transfers() const { return transfers_; }
  int64_t audits() const { return audits_; }
  int64_t conflicts() const { return conflicts_; }

 private:
  enum class Kind { kNone, kTransfer, kAudit, kTouch };
  struct Doing {
    Kind kind = Kind::kNone;
    int64_t amount = 0;
  };

  static std::string Account(int branch, int account) {
    return absl::StrCat("account", branch, "-", account);
  }
  static api::Request Audit(int branch) {
    std::vector<std::string> keys;
    for (int i = 0; i < kAccounts; ++i) keys.push_back(Account(branch, i));
    return TransactGet(keys);
  }
  void ExpectSum(const Answer& answer) {
    int64_t sum = 0;
    for (const api::GetResult& account : answer.reply.transact_get().items()) {
      sum += CountOf(account.item(), "n");
      EXPECT_GE(CountOf(account.item(), "n"), 0);
    }
    EXPECT_EQ(sum, kAccounts * kOpening);
  }

  void Go() {
    for (size_t i = 0; i < tellers_.size(); ++i) {
      if (tellers_[i]->busy()) continue;
      Take(i);
      Give(i);
    }
  }

  void Give(size_t i) {
    const int branch = static_cast<int>(random_.Below(kBranches));
    const int from = static_cast<int>(random_.Below(kAccounts));
    const uint64_t die = random_.Below(100);
    if (die < 10) {
      work_[i] = {Kind::kAudit};
      return tellers_[i]->Begin(Audit(branch), Target::Key(), 3 * kSecond);
    }
    if (die < 25) {
      // A plain write of the same accounts, which must not be lost under a transaction.
      work_[i] = {Kind::kTouch, 1};
      api::Request touch = Increment(Account(branch, from), 1);
      touch.mutable_write()
          ->mutable_update()
          ->mutable_update()
          ->mutable_add(0)
          ->mutable_path()
          ->mutable_steps(0)
          ->set_name("touched");
      return tellers_[i]->Begin(std::move(touch), Target::Key(), 3 * kSecond);
    }
    const int to = (from + 1 + static_cast<int>(random_.Below(kAccounts - 1))) % kAccounts;
    const int64_t amount = 1 + static_cast<int64_t>(random_.Below(30));
    work_[i] = {Kind::kTransfer, amount};
    const std::string token = die < 50 ? absl::StrCat("transfer", ++last_token_) : "";
    tellers_[i]->Begin(TransactWrite({TransactMove(Account(branch, from), -amount, amount, amount),
                                      TransactMove(Account(branch, to), amount, 0, std::nullopt)},
                                     token),
                       Target::Key(), 3 * kSecond);
  }

  void Take(size_t i) {
    const Doing doing = std::exchange(work_[i], {});
    const Answer& answer = tellers_[i]->answer();
    const bool ok = answer.outcome == client::Outcome::kOk;
    const bool unknown = answer.outcome == client::Outcome::kUnknown;
    switch (doing.kind) {
      case Kind::kNone:
        return;
      case Kind::kAudit:
        audits_ += ok ? 1 : 0;
        if (ok) ExpectSum(answer);
        return;
      case Kind::kTouch:
        touched_ += ok ? 1 : 0;
        maybe_touched_ += unknown ? 1 : 0;
        return;
      case Kind::kTransfer:
        transfers_ += ok ? 1 : 0;
        moved_ += ok ? doing.amount : 0;
        maybe_moved_ += unknown ? doing.amount : 0;
        for (const auto& reason : answer.reply.transact_write().reasons()) {
          conflicts_ += reason.code() == api::CONFLICT ? 1 : 0;
        }
        return;
    }
  }

  Simulation& simulation_;
  testing::SimRandom random_;
  std::vector<std::unique_ptr<Teller>> tellers_;
  std::vector<Doing> work_;
  uint64_t last_token_ = 0;
  int64_t transfers_ = 0, audits_ = 0, conflicts_ = 0;
  int64_t moved_ = 0, maybe_moved_ = 0;
  int64_t touched_ = 0, maybe_touched_ = 0;
};

class BankTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // No run may pass because nothing went wrong in any.
  static void TearDownTestSuite() {
    EXPECT_GT(starts_, 3 * runs_);
    EXPECT_GT(snapshots_, 0u);
    std::cout << runs_ << " runs: " << transfers_ << " transfers, " << audits_ << " audits, "
              << conflicts_ << " conflicts, " << starts_ << " node starts, " << snapshots_
              << " snapshots" << std::endl;
  }

  static inline uint64_t runs_ = 0, starts_ = 0, snapshots_ = 0;
  static inline int64_t transfers_ = 0, audits_ = 0, conflicts_ = 0;
};

TEST_P(BankTest, EverySnapshotHasTheSum) {
  Scenario scenario = Draw(GetParam());
  scenario.groups = GetParam() % 3 == 0 ? 16 : 5;
  scenario.faults_for = 20 * kSecond;
  Simulation simulation(scenario);
  Start(simulation);
  Bank bank(simulation, GetParam());
  ASSERT_NO_FATAL_FAILURE(bank.Open());
  simulation.nemesis().Begin();
  bank.Work(scenario.faults_for);
  simulation.nemesis().HealAll();
  bank.Work(5 * kSecond);
  bank.Close();
  ASSERT_NO_FATAL_FAILURE(bank.Balance());
  EXPECT_GT(bank.transfers(), 10);
  EXPECT_GT(bank.audits(), 0);
  const Report report = ExpectWhole(simulation);
  ++runs_;
  starts_ += report.nodes.starts;
  snapshots_ += report.nodes.snapshots_installed;
  transfers_ += bank.transfers();
  audits_ += bank.audits();
  conflicts_ += bank.conflicts();
}

INSTANTIATE_TEST_SUITE_P(Seeds, BankTest, ::testing::Range<uint64_t>(First(), First() + 8));

// ---------------------------------------------------------------- serializable

TEST(Transactions, NoWriteSkew) {
  Simulation simulation(CalmWith(3, 3));
  Start(simulation);
  Teller one(simulation, "one", 1);
  Teller two(simulation, "two", 2);
  testing::SimRandom random(5);
  int committed = 0;
  for (int round = 0; round < 150; ++round) {
    const std::string x = absl::StrCat("x", round);
    const std::string y = absl::StrCat("y", round);
    // Each puts its own if the other's is not there.
    one.Begin(TransactWrite({TransactCheck(y, std::nullopt), TransactPut(x, "1")}), Target::Key(),
              5 * kSecond);
    simulation.RunFor(static_cast<Micros>(random.Below(6'000)));
    two.Begin(TransactWrite({TransactCheck(x, std::nullopt), TransactPut(y, "2")}), Target::Key(),
              5 * kSecond);
    ASSERT_TRUE(simulation.WaitFor([&] { return !one.busy() && !two.busy(); }, kPatience));
    const int both = (one.answer().outcome == client::Outcome::kOk ? 1 : 0) +
                     (two.answer().outcome == client::Outcome::kOk ? 1 : 0);
    EXPECT_LE(both, 1) << "round " << round;
    committed += both;
  }
  EXPECT_GT(committed, 50);
  ExpectWhole(simulation);
}

class SmallHistories : public ::testing::TestWithParam<uint64_t> {
 protected:
  using Transaction = linearizability::Transaction;

  // A write that depends on what its teller last saw, or a read of all keys.
  void Give(size_t i) {
    doing_[i] = {};
    if (random_.Below(3) == 0) {
      tellers_[i]->Begin(TransactGet(keys_), Target::Key(), 3 * kSecond);
      return;
    }
    std::vector<api::TransactItem> items;
    for (const std::string& key : keys_) {
      const std::optional<std::string> seen = seen_[key];
      switch (random_.Below(4)) {
        case 0:
          items.push_back(TransactCheck(key, seen));
          doing_[i].reads[key] = seen;
          break;
        case 1:
          doing_[i].writes[key] = absl::StrCat("v", ++last_value_);
          items.push_back(TransactPut(key, *doing_[i].writes[key]));
          break;
        case 2:
          doing_[i].writes[key] = std::nullopt;
          items.push_back(TransactDelete(key));
          break;
        default:
          break;
      }
    }
    if (items.empty()) items.push_back(TransactDelete(keys_[0])), doing_[i].writes[keys_[0]] = {};
    tellers_[i]->Begin(TransactWrite(std::move(items)), Target::Key(), 3 * kSecond);
  }

  void Take(size_t i) {
    const Answer& answer = tellers_[i]->answer();
    Transaction done = std::move(doing_[i]);
    done.call = tellers_[i]->called_at();
    done.returned = tellers_[i]->returned_at();
    if (answer.outcome == client::Outcome::kUnknown) done.returned = INT64_MAX;
    if (answer.outcome == client::Outcome::kRefused) return;
    for (int k = 0; k < answer.reply.transact_get().items_size(); ++k) {
      const api::GetResult& got = answer.reply.transact_get().items(k);
      std::optional<std::string> value;
      if (got.found()) value = Content(got.item());
      done.reads[keys_[static_cast<size_t>(k)]] = seen_[keys_[static_cast<size_t>(k)]] = value;
    }
    if (done.returned == INT64_MAX && done.writes.empty()) return;
    history_.push_back(std::move(done));
  }

  std::optional<Simulation> simulation_;  // Outlives the tellers.
  testing::SimRandom random_{GetParam()};
  std::vector<std::string> keys_ = {"a", "b", "c"};
  std::map<std::string, std::optional<std::string>> seen_;
  std::vector<std::unique_ptr<Teller>> tellers_;
  std::vector<Transaction> doing_;
  std::vector<Transaction> history_;
  uint64_t last_value_ = 0;
};

TEST_P(SmallHistories, AreStrictlySerializable) {
  Scenario scenario = Draw(GetParam() + 100);
  scenario.groups = 3;
  scenario.faults_for = 10 * kSecond;
  Simulation& simulation = simulation_.emplace(scenario);
  Start(simulation);
  for (size_t i = 0; i < 3; ++i) {
    tellers_.push_back(std::make_unique<Teller>(simulation, absl::StrCat("teller", i), i));
    doing_.emplace_back();
    Give(i);
  }
  simulation.nemesis().Begin();
  size_t taken = 0;
  while (history_.size() < 60 && ++taken < 3'000) {
    simulation.RunFor(10'000);
    for (size_t i = 0; i < tellers_.size(); ++i) {
      if (tellers_[i]->busy()) continue;
      Take(i);
      Give(i);
    }
  }
  simulation.nemesis().HealAll();
  ASSERT_TRUE(simulation.WaitFor(
      [&] {
        return std::none_of(tellers_.begin(), tellers_.end(),
                            [](const auto& teller) { return teller->busy(); });
      },
      kPatience));
  for (size_t i = 0; i < tellers_.size(); ++i) Take(i);
  EXPECT_GT(history_.size(), 5u);
  EXPECT_TRUE(linearizability::StrictlySerializable(history_));
  ExpectWhole(simulation);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SmallHistories, ::testing::Range<uint64_t>(First(), First() + 12));

}  // namespace
}  // namespace fastpath::sim
