#include "tests/linearizability/checker.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/linearizability/history.h"
#include "tests/linearizability/search.h"

namespace fastpath::linearizability {

absl::Status Validate(const std::vector<Operation>& history) {
  std::map<int64_t, std::vector<const Operation*>> by_process;
  for (const Operation& op : history) {
    if (op.outcome != Outcome::kInfo && op.return_ns < op.call_ns) {
      return absl::InvalidArgumentError(
          absl::StrCat("returns before its call: ", FormatOperation(op)));
    }
    by_process[op.process].push_back(&op);
  }
  for (auto& [process, ops] : by_process) {
    std::stable_sort(ops.begin(), ops.end(),
                     [](auto* a, auto* b) { return a->call_ns < b->call_ns; });
    for (size_t i = 1; i < ops.size(); ++i) {
      if (ops[i - 1]->outcome == Outcome::kInfo) {
        return absl::InvalidArgumentError(absl::StrCat(
            "goes on under the process of an unknown outcome: ", FormatOperation(*ops[i])));
      }
      if (ops[i]->call_ns < ops[i - 1]->return_ns) {
        return absl::InvalidArgumentError(absl::StrCat(
            "overlaps with its process's previous operation: ", FormatOperation(*ops[i])));
      }
    }
  }
  return absl::OkStatus();
}

Judgement Check(const std::vector<Operation>& history, Limits limits) {
  std::map<std::string, std::vector<size_t>> by_key;
  for (size_t i = 0; i < history.size(); ++i) by_key[history[i].key].push_back(i);

  Judgement judgement;
  for (const auto& [key, indices] : by_key) {
    Search search(history, indices, limits.steps_per_key);
    const Verdict verdict = search.Run();
    judgement.steps += search.steps();
    if (verdict == Verdict::kLegal) continue;
    if (verdict == Verdict::kUndecided && judgement.verdict == Verdict::kUndecided) continue;
    judgement.verdict = verdict;
    judgement.explanation = search.Explanation();
    if (verdict == Verdict::kIllegal) break;
  }
  return judgement;
}

}  // namespace fastpath::linearizability
