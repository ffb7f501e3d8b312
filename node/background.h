// What the work that a node does by itself, group by group (purge, retime), has
// in common: it gives way to users, and begins with another group each time.
//
// Value types; the shard's executor.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "node/metrics.h"
#include "raft/types.h"

namespace fastpath::node {

// Whether users asked much since the last question.
class Users {
 public:
  bool Busy(const Metrics& metrics) {
    uint64_t requests = 0;
    for (const LatencyHistogram& latency : metrics.latency) requests += latency.total();
    return requests - std::exchange(seen_, requests) > kBusyRequests;
  }

 private:
  static constexpr uint64_t kBusyRequests = 10;  // More than these are users.
  uint64_t seen_ = 0;
};

// The groups of `jobs`, beginning with `first` and going around.
template <typename Job>
std::vector<raft::GroupId> InTurn(const std::map<raft::GroupId, Job>& jobs, raft::GroupId first) {
  std::vector<raft::GroupId> order;
  order.reserve(jobs.size());
  const auto begin = jobs.lower_bound(first);
  for (auto job = begin; job != jobs.end(); ++job) order.push_back(job->first);
  for (auto job = jobs.begin(); job != begin; ++job) order.push_back(job->first);
  return order;
}

}  // namespace fastpath::node
