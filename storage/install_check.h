// What every Installer checks of the rows it is fed, and what it learns from
// them: a sender's snapshot is input, not an invariant.
//
// Threads: one owner at a time.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "storage/engine.h"

namespace fastpath::storage {

class InstallCheck {
 public:
  explicit InstallCheck(std::vector<KeyRange> ranges);

  // InvalidArgument: rows out of order or outside the ranges; DataLoss: an
  // applied row that cannot be read.
  absl::Status Accept(const std::vector<KeyValue>& rows);

  const std::vector<KeyRange>& ranges() const { return ranges_; }
  // The applied index of the group the rows belong to, once seen.
  const std::optional<std::pair<raft::GroupId, raft::Index>>& applied() const { return applied_; }

 private:
  std::vector<KeyRange> ranges_;
  size_t range_ = 0;  // The one the last row lay in; rows never go back.
  std::optional<std::string> last_key_;
  std::optional<std::pair<raft::GroupId, raft::Index>> applied_;
};

}  // namespace fastpath::storage
