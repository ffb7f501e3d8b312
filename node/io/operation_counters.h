// What calls of DynamoDB's API come to on this node: how many of each operation, with which
// exception, and how long they took; what CloudWatch would say of DynamoDB itself.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "node/io/gateway_server.h"
#include "node/metrics.h"

namespace fastpath::node {

// Thread-safe: the gateway's thread counts, the node's reads. Bounded: operations and exceptions
// are those that the gateway knows.
class OperationCounters {
 public:
  struct Calls {
    std::map<std::string, uint64_t> exceptions;  // By name; "": answered with a result.
    LatencyHistogram latency;                    // Of all of them.
  };

  void Count(const std::string& operation, const std::string& exception, int64_t took_us);
  std::map<std::string, Calls> calls() const;  // By operation.

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Calls> calls_;
};

// Passes all on to `service`, and counts what it answers. `counters` outlives it.
std::unique_ptr<HttpService> Counted(std::unique_ptr<HttpService> service,
                                     OperationCounters* counters);

}  // namespace fastpath::node
