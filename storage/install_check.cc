#include "storage/install_check.h"

#include "raft/check.h"
#include "storage/keys.h"

namespace fastpath::storage {

InstallCheck::InstallCheck(std::vector<KeyRange> ranges) : ranges_(std::move(ranges)) {
  for (size_t i = 0; i < ranges_.size(); ++i) {
    FASTPATH_CHECK(ranges_[i].begin < ranges_[i].end, "a range is not empty");
    FASTPATH_CHECK(i == 0 || ranges_[i - 1].end <= ranges_[i].begin, "ranges ascend, disjoint");
  }
}

absl::Status InstallCheck::Accept(const std::vector<KeyValue>& rows) {
  for (const auto& [key, value] : rows) {
    if (last_key_ && *last_key_ >= key) {
      return absl::InvalidArgumentError("install: rows do not ascend");
    }
    while (range_ < ranges_.size() && ranges_[range_].end <= key) ++range_;
    if (range_ == ranges_.size() || key < ranges_[range_].begin) {
      return absl::InvalidArgumentError("install: a row lies outside the ranges");
    }
    if (std::optional<raft::GroupId> group = ParseAppliedKey(key)) {
      absl::StatusOr<AppliedRow> row = DecodeAppliedRow(value);
      if (!row.ok()) return row.status();
      applied_ = {*group, row->index};
    }
    last_key_ = key;
  }
  return absl::OkStatus();
}

}  // namespace fastpath::storage
