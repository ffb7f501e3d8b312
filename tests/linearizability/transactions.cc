#include "tests/linearizability/transactions.h"

#include <algorithm>
#include <set>
#include <utility>

namespace fastpath::linearizability {
namespace {

using State = std::map<std::string, std::string>;

class Search {
 public:
  explicit Search(const std::vector<Transaction>& history)
      : history_(history), done_(history.size(), false) {}

  bool Run() {
    if (OnlyUnknownLeft()) return true;
    if (!tried_.emplace(done_, state_).second) return false;
    int64_t earliest_return = INT64_MAX;
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!done_[i]) earliest_return = std::min(earliest_return, history_[i].returned);
    }
    for (size_t i = 0; i < history_.size(); ++i) {
      if (done_[i] || history_[i].call > earliest_return || !Fits(history_[i])) continue;
      const State before = state_;
      Apply(history_[i]);
      done_[i] = true;
      if (Run()) return true;
      done_[i] = false;
      state_ = before;
    }
    return false;
  }

 private:
  bool OnlyUnknownLeft() const {
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!done_[i] && history_[i].returned != INT64_MAX) return false;
    }
    return true;
  }
  bool Fits(const Transaction& transaction) const {
    return std::all_of(transaction.reads.begin(), transaction.reads.end(), [&](const auto& read) {
      const auto found = state_.find(read.first);
      return found == state_.end() ? !read.second.has_value() : read.second == found->second;
    });
  }
  void Apply(const Transaction& transaction) {
    for (const auto& [key, value] : transaction.writes) {
      if (value) {
        state_[key] = *value;
      } else {
        state_.erase(key);
      }
    }
  }

  const std::vector<Transaction>& history_;
  std::vector<bool> done_;
  State state_;
  std::set<std::pair<std::vector<bool>, State>> tried_;
};

}  // namespace

bool StrictlySerializable(const std::vector<Transaction>& history) { return Search(history).Run(); }

}  // namespace fastpath::linearizability
