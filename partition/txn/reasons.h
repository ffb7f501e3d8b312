// How much a cancelled transaction's answer shows of the items that failed their
// conditions. Thread-safe: no state.
#pragma once

#include "google/protobuf/repeated_field.h"
#include "partition/api.pb.h"
#include "partition/limits.h"

namespace fastpath::partition {

// Leaves out, from the first that would pass the limit on, items but no reasons.
inline void BoundItems(google::protobuf::RepeatedPtrField<api::TransactReason>& reasons) {
  size_t bytes = 0;
  for (api::TransactReason& reason : reasons) {
    bytes += reason.item().size();
    if (bytes > kReasonItemsLimitBytes) {
      reason.clear_item();
    }
  }
}

}  // namespace fastpath::partition
