#include "tests/linearizability/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/linearizability/history.h"

namespace fastpath::linearizability {
namespace {

// Short ways to write histories: times are in the order of the test's story.
Operation Op(int64_t process, Kind kind, int64_t call, int64_t end) {
  Operation op;
  op.process = process;
  op.key = "k";
  op.kind = kind;
  op.call_ns = call;
  op.return_ns = end;
  return op;
}
Operation Get(int64_t process, MaybeText read, int64_t call, int64_t end) {
  Operation op = Op(process, Kind::kGet, call, end);
  op.read = read;
  return op;
}
Operation Put(int64_t process, std::string value, int64_t call, int64_t end) {
  Operation op = Op(process, Kind::kPut, call, end);
  op.value = value;
  return op;
}
Operation Cas(int64_t process, MaybeText expect, MaybeText value, bool swapped, int64_t call,
              int64_t end) {
  Operation op = Op(process, Kind::kCas, call, end);
  op.expect = expect;
  op.value = value;
  op.swapped = swapped;
  return op;
}
Operation Incr(int64_t process, int64_t delta, int64_t result, int64_t call, int64_t end) {
  Operation op = Op(process, Kind::kIncr, call, end);
  op.delta = delta;
  op.new_value = result;
  return op;
}
Operation Delete(int64_t process, bool existed, int64_t call, int64_t end) {
  Operation op = Op(process, Kind::kDelete, call, end);
  op.existed = existed;
  return op;
}
Operation Unknown(Operation op) {
  op.outcome = Outcome::kInfo;
  return op;
}
Operation Failed(Operation op) {
  op.outcome = Outcome::kFail;
  return op;
}
Operation At(std::string key, Operation op) {
  op.key = key;
  return op;
}

Verdict Judge(const std::vector<Operation>& history) {
  EXPECT_TRUE(Validate(history).ok()) << Validate(history);
  return Check(history).verdict;
}

TEST(Checker, EmptyHistoryIsLegal) { EXPECT_EQ(Judge({}), Verdict::kLegal); }

TEST(Checker, ReadSeesTheWriteBeforeIt) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Get(2, "a", 3, 4)}), Verdict::kLegal);
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Get(2, std::nullopt, 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, ConcurrentReadSeesEither) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 5), Get(2, "a", 2, 3)}), Verdict::kLegal);
  EXPECT_EQ(Judge({Put(1, "a", 1, 5), Get(2, std::nullopt, 2, 3)}), Verdict::kLegal);
}

TEST(Checker, ReadsDoNotGoBackInTime) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 9), Get(2, "a", 2, 3), Get(3, std::nullopt, 4, 5)}),
            Verdict::kIllegal);
}

TEST(Checker, StaleReadAfterOverwriteIsIllegal) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Put(1, "b", 3, 4), Get(2, "a", 5, 6)}), Verdict::kIllegal);
}

TEST(Checker, ReadOfAValueNobodyWroteIsIllegal) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Get(2, "z", 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, LostWriteIsIllegal) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Put(1, "b", 3, 4), Delete(1, true, 5, 6), Get(1, "b", 7, 8)}),
            Verdict::kIllegal);
}

TEST(Checker, CasSwapsOnlyWhatItExpects) {
  EXPECT_EQ(Judge({Cas(1, std::nullopt, "a", true, 1, 2), Cas(1, "a", "b", true, 3, 4),
                   Cas(1, "a", "c", false, 5, 6), Get(1, "b", 7, 8)}),
            Verdict::kLegal);
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Cas(1, "a", "b", false, 3, 4)}), Verdict::kIllegal);
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Cas(1, "x", "b", true, 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, TwoConcurrentCasOfOneValueCannotBothWin) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Cas(1, "a", "b", true, 3, 9), Cas(2, "a", "c", true, 3, 9)}),
            Verdict::kIllegal);
}

TEST(Checker, CasToNullDeletes) {
  EXPECT_EQ(
      Judge({Put(1, "a", 1, 2), Cas(1, "a", std::nullopt, true, 3, 4), Get(1, std::nullopt, 5, 6)}),
      Verdict::kLegal);
}

TEST(Checker, CounterCountsEachOnce) {
  EXPECT_EQ(Judge({Incr(1, 1, 1, 1, 9), Incr(2, 1, 2, 1, 9), Incr(3, 1, 3, 1, 9)}),
            Verdict::kLegal);
  EXPECT_EQ(Judge({Incr(1, 1, 1, 1, 2), Incr(1, 1, 3, 3, 4)}), Verdict::kIllegal);
  EXPECT_EQ(Judge({Incr(1, 1, 2, 1, 9), Incr(2, 1, 2, 1, 9)}), Verdict::kIllegal);
}

TEST(Checker, CounterReadsAsItsNumber) {
  EXPECT_EQ(Judge({Incr(1, 5, 5, 1, 2), Incr(1, -7, -2, 3, 4), Get(1, "-2", 5, 6)}),
            Verdict::kLegal);
}

TEST(Checker, IncrementOfATextIsIllegal) {
  EXPECT_EQ(Judge({Put(1, "text", 1, 2), Incr(1, 1, 1, 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, DeleteSaysWhetherThereWasAnItem) {
  EXPECT_EQ(Judge({Delete(1, false, 1, 2), Put(1, "a", 3, 4), Delete(1, true, 5, 6)}),
            Verdict::kLegal);
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Delete(1, false, 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, FailedOperationHasNoEffect) {
  EXPECT_EQ(Judge({Failed(Put(1, "a", 1, 2)), Get(1, std::nullopt, 3, 4)}), Verdict::kLegal);
  EXPECT_EQ(Judge({Failed(Put(1, "a", 1, 2)), Get(1, "a", 3, 4)}), Verdict::kIllegal);
}

TEST(Checker, UnknownWriteMayHappenLateOrNever) {
  const Operation write = Unknown(Put(1, "a", 1, 2));
  EXPECT_EQ(Judge({write, Get(2, std::nullopt, 50, 51)}), Verdict::kLegal);
  EXPECT_EQ(Judge({write, Get(2, std::nullopt, 50, 51), Get(2, "a", 60, 61)}), Verdict::kLegal);
  EXPECT_EQ(Judge({write, Get(2, "a", 50, 51), Get(2, std::nullopt, 60, 61)}), Verdict::kIllegal);
}

TEST(Checker, UnknownWriteDoesNotHappenBeforeItsCall) {
  EXPECT_EQ(Judge({Get(2, "a", 1, 2), Unknown(Put(1, "a", 3, 4))}), Verdict::kIllegal);
}

TEST(Checker, UnknownIncrementCountsAtMostOnce) {
  const std::vector<Operation> start = {Incr(1, 1, 1, 1, 2), Unknown(Incr(2, 1, 0, 3, 4))};
  for (auto [value, verdict] : {std::pair<int, Verdict>{2, Verdict::kLegal},
                                {3, Verdict::kLegal},
                                {4, Verdict::kIllegal}}) {
    std::vector<Operation> history = start;
    history.push_back(Incr(1, 1, value, 10, 11));
    EXPECT_EQ(Judge(history), verdict) << value;
  }
}

TEST(Checker, UnknownCasMayExplainAFailedOne) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Unknown(Cas(2, "a", "b", false, 3, 4)),
                   Cas(1, "a", "c", false, 5, 6)}),
            Verdict::kLegal);
}

TEST(Checker, UnknownOnesChain) {
  EXPECT_EQ(Judge({Unknown(Put(1, "a", 1, 2)), Unknown(Cas(2, "a", "b", false, 1, 2)),
                   Unknown(Cas(3, "b", "c", false, 1, 2)), Get(4, "c", 5, 6)}),
            Verdict::kLegal);
}

TEST(Checker, UnknownDeleteMayExplainAnAbsence) {
  EXPECT_EQ(Judge({Put(1, "a", 1, 2), Unknown(Delete(2, false, 3, 4)), Get(1, std::nullopt, 5, 6)}),
            Verdict::kLegal);
}

TEST(Checker, KeysAreIndependent) {
  EXPECT_EQ(Judge({At("x", Put(1, "a", 1, 2)), At("y", Get(1, std::nullopt, 3, 4))}),
            Verdict::kLegal);
}

TEST(Checker, ExplanationNamesTheKeyAndTheOperation) {
  const Judgement judgement = Check({At("good", Put(1, "a", 1, 2)), At("bad", Put(1, "b", 3, 4)),
                                     At("bad", Get(2, "stale", 5, 6))});
  EXPECT_EQ(judgement.verdict, Verdict::kIllegal);
  EXPECT_NE(judgement.explanation.find("key \"bad\""), std::string::npos) << judgement.explanation;
  EXPECT_NE(judgement.explanation.find("stale"), std::string::npos) << judgement.explanation;
  EXPECT_NE(judgement.explanation.find("1 of 2"), std::string::npos) << judgement.explanation;
}

TEST(Checker, LimitEndsAHardSearchUndecided) {
  std::vector<Operation> history;
  for (int i = 0; i < 24; ++i) history.push_back(Put(i, "v" + std::to_string(i), 1, 100));
  history.push_back(Get(99, "nobody wrote this", 200, 201));
  EXPECT_EQ(Check(history, {.steps_per_key = 1000}).verdict, Verdict::kUndecided);
}

TEST(Validate, RefusesWhatIsNoHistory) {
  EXPECT_FALSE(Validate({Put(1, "a", 5, 4)}).ok());
  EXPECT_FALSE(Validate({Put(1, "a", 1, 5), Put(1, "b", 4, 8)}).ok());
  EXPECT_FALSE(Validate({Unknown(Put(1, "a", 1, 2)), Put(1, "b", 4, 8)}).ok());
  EXPECT_TRUE(Validate({Unknown(Put(1, "a", 1, 2)), Put(2, "b", 1, 8)}).ok());
}

// ----- against a judge too simple to be wrong: every subset and order.

// The state as a text, "~" for absent; false if `op` cannot happen there.
bool Happens(const Operation& op, std::string& state) {
  auto name = [](const MaybeText& text) { return text.value_or("~"); };
  const bool sure = op.outcome == Outcome::kOk;
  switch (op.kind) {
    case Kind::kGet:
      return !sure || state == name(op.read);
    case Kind::kPut:
      state = name(op.value);
      return true;
    case Kind::kCas: {
      const bool matches = state == name(op.expect);
      if (sure && matches != op.swapped) return false;
      if (matches) state = name(op.value);
      return true;
    }
    case Kind::kIncr: {
      const int64_t base = state == "~" ? 0 : std::atoll(state.c_str());
      if (state != "~" && state != std::to_string(base)) return false;
      state = std::to_string(base + op.delta);
      return !sure || base + op.delta == op.new_value;
    }
    case Kind::kDelete: {
      const bool existed = state != "~";
      state = "~";
      return !sure || existed == op.existed;
    }
  }
  return false;
}

bool SomeOrder(const std::vector<Operation>& history, std::vector<bool>& placed,
               const std::string& state) {
  bool all_certain = true;
  for (size_t i = 0; i < history.size(); ++i) {
    if (!placed[i] && history[i].outcome == Outcome::kOk) all_certain = false;
  }
  if (all_certain) return true;
  for (size_t i = 0; i < history.size(); ++i) {
    if (placed[i] || history[i].outcome == Outcome::kFail) continue;
    bool too_early = false;
    for (size_t j = 0; j < history.size(); ++j) {
      if (j != i && !placed[j] && history[j].outcome == Outcome::kOk &&
          history[j].return_ns < history[i].call_ns) {
        too_early = true;
      }
    }
    std::string next = state;
    if (too_early || !Happens(history[i], next)) continue;
    placed[i] = true;
    const bool found = SomeOrder(history, placed, next);
    placed[i] = false;
    if (found) return true;
  }
  return false;
}

Operation RandomOperation(std::mt19937& random, int64_t process) {
  auto pick = [&](int n) { return static_cast<int>(random() % n); };
  auto text = [&]() -> MaybeText {
    const int i = pick(4);
    return i == 0 ? MaybeText() : MaybeText(std::to_string(i));
  };
  Operation op = Op(process, static_cast<Kind>(pick(5)), pick(12), 0);
  op.return_ns = op.call_ns + pick(6);
  op.value = op.kind == Kind::kPut ? MaybeText(std::to_string(1 + pick(3))) : text();
  op.expect = text();
  op.read = text();
  op.delta = 1 + pick(2);
  op.new_value = 1 + pick(5);
  op.swapped = pick(2);
  op.existed = pick(2);
  const int outcome = pick(10);
  op.outcome = outcome < 6 ? Outcome::kOk : outcome < 9 ? Outcome::kInfo : Outcome::kFail;
  return op;
}

TEST(Checker, AgreesWithBruteForceOnRandomHistories) {
  std::mt19937 random(20240521);
  int legal = 0, illegal = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::vector<Operation> history;
    const int size = 1 + static_cast<int>(random() % 7);
    for (int i = 0; i < size; ++i) history.push_back(RandomOperation(random, i));
    std::vector<bool> placed(history.size());
    const bool expected = SomeOrder(history, placed, "~");
    (expected ? legal : illegal) += 1;
    std::string lines;
    for (const Operation& op : history) lines += FormatOperation(op) + "\n";
    ASSERT_EQ(Check(history).verdict, expected ? Verdict::kLegal : Verdict::kIllegal) << lines;
  }
  EXPECT_GT(legal, 1000);
  EXPECT_GT(illegal, 1000);
}

// ----- at the size of a real run.

// A history as a correct store gives it: every operation takes effect at some
// moment between its call and its return; some outcomes stay unknown.
std::vector<Operation> HistoryOfACorrectStore(int operations, int keys, int processes,
                                              int unknown_per_mille) {
  std::mt19937 random(7);
  std::vector<int64_t> free_at(processes, 0), names(processes);
  for (int p = 0; p < processes; ++p) names[p] = p;
  int64_t next_name = processes;
  struct Moment {
    int64_t effect;
    Operation op;
  };
  std::vector<Moment> moments;
  for (int i = 0; i < operations; ++i) {
    const int p = static_cast<int>(random() % processes);
    Operation op = Op(names[p], static_cast<Kind>(random() % 5), free_at[p] + 1, 0);
    op.return_ns = op.call_ns + 10 + static_cast<int64_t>(random() % 1000);
    op.key = std::to_string(random() % keys) + (op.kind == Kind::kIncr ? "counter" : "");
    op.value = "v" + std::to_string(i);
    op.expect = "v" + std::to_string(i < 10 ? 0 : i - static_cast<int>(random() % 10));
    op.delta = 1;
    free_at[p] = op.return_ns;
    int64_t effect = op.call_ns + static_cast<int64_t>(random() % (op.return_ns - op.call_ns + 1));
    if (static_cast<int>(random() % 1000) < unknown_per_mille) {
      op.outcome = Outcome::kInfo;
      names[p] = next_name++;
      const int fate = static_cast<int>(random() % 3);
      effect = fate == 0 ? INT64_MAX : op.call_ns + static_cast<int64_t>(random() % 100'000);
    }
    moments.push_back({effect, op});
  }
  std::stable_sort(moments.begin(), moments.end(),
                   [](const Moment& a, const Moment& b) { return a.effect < b.effect; });
  std::map<std::string, std::string> store;
  std::vector<Operation> history;
  for (auto& [effect, op] : moments) {
    auto [it, absent] = store.try_emplace(op.key, "~");
    std::string& state = it->second;
    op.read = state == "~" ? MaybeText() : MaybeText(state);
    op.swapped = op.expect == op.read;
    op.existed = state != "~";
    if (op.kind == Kind::kIncr) op.new_value = (absent ? 0 : std::stoll(state)) + 1;
    if (op.kind == Kind::kIncr && op.outcome == Outcome::kInfo && effect == INT64_MAX) {
      if (absent) store.erase(op.key);
    } else if (effect != INT64_MAX) {
      EXPECT_TRUE(Happens(op, state));
    }
    history.push_back(op);
  }
  return history;
}

TEST(Checker, JudgesALongLegalHistory) {
  const auto history = HistoryOfACorrectStore(100'000, 200, 32, 10);
  ASSERT_TRUE(Validate(history).ok()) << Validate(history);
  const Judgement judgement = Check(history);
  EXPECT_EQ(judgement.verdict, Verdict::kLegal) << judgement.explanation;
}

TEST(Checker, JudgesOneHotKeyWithManyUnknownOutcomes) {
  const auto history = HistoryOfACorrectStore(20'000, 1, 16, 20);
  const Judgement judgement = Check(history);
  EXPECT_EQ(judgement.verdict, Verdict::kLegal) << judgement.explanation;
}

TEST(Checker, FindsOneStaleReadInALongHistory) {
  auto history = HistoryOfACorrectStore(100'000, 200, 32, 10);
  // The last read that saw a value answers one written long before instead.
  auto read = std::find_if(history.rbegin(), history.rend(), [](const Operation& op) {
    return op.kind == Kind::kGet && op.outcome == Outcome::kOk && op.read;
  });
  ASSERT_NE(read, history.rend());
  auto old = std::find_if(history.begin(), history.end(), [&](const Operation& op) {
    return op.kind == Kind::kPut && op.outcome == Outcome::kOk && op.key == read->key;
  });
  ASSERT_NE(old, history.end());
  read->read = old->value;
  EXPECT_EQ(Check(history).verdict, Verdict::kIllegal);
}

}  // namespace
}  // namespace fastpath::linearizability
