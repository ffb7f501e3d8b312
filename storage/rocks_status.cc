#include "storage/rocks_status.h"

#include <string>

namespace fastpath::storage {

absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = "rocksdb: " + status.ToString();
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsIncomplete() || status.IsBusy() || status.IsTryAgain()) {
    return absl::UnavailableError(text);
  }
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::InvalidArgumentError(text);
  }
  return absl::InternalError(text);
}

}  // namespace fastpath::storage
