#include "node/metrics.h"

#include <algorithm>
#include <bit>

namespace fastpath::node {

void LatencyHistogram::Observe(int64_t micros) {
  const uint64_t clamped = static_cast<uint64_t>(std::max<int64_t>(micros, 0));
  // The smallest bucket whose bound is not below the value.
  const uint64_t scaled = (clamped + kFirst_us - 1) / kFirst_us;
  const size_t bucket = scaled <= 1 ? 0 : std::bit_width(scaled - 1);
  ++counts_[std::min(bucket, kBuckets - 1)];
  sum_us_ += clamped;
  ++total_;
}

const char* OpName(Op op) {
  static constexpr const char* kNames[kOps] = {"write", "get",  "get_eventual",   "export",
                                               "table", "map",  "admin",          "unknown",
                                               "query", "scan", "transact_write", "transact_get"};
  return kNames[static_cast<size_t>(op)];
}

Op OpOf(const api::Request& request) {
  switch (request.op_case()) {
    case api::Request::kWrite:
      return Op::kWrite;
    case api::Request::kGet:
      return request.get().eventual() ? Op::kEventualGet : Op::kGet;
    case api::Request::kQuery:
      return Op::kQuery;
    case api::Request::kScan:
      return Op::kScan;
    case api::Request::kTransactWrite:
      return Op::kTransactWrite;
    case api::Request::kTransactGet:
      return Op::kTransactGet;
    case api::Request::kExport:
      return Op::kExport;
    case api::Request::kCreateTable:
    case api::Request::kDeleteTable:
    case api::Request::kUpdateTable:
    case api::Request::kDescribeTable:
    case api::Request::kTableSize:
      return Op::kTable;
    case api::Request::kMap:
      return Op::kMap;
    case api::Request::kStatus:
    case api::Request::kDigest:
    case api::Request::kTransfer:
      return Op::kAdmin;
    case api::Request::OP_NOT_SET:
      break;
  }
  return Op::kUnknown;
}

}  // namespace fastpath::node
