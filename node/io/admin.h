// What operators see over HTTP: /metrics in Prometheus' text format, /health,
// /status as JSON. Threads: the node's executor; the node outlives it.
#pragma once

#include <string>

#include "node/io/gateway_server.h"
#include "node/io/http.h"
#include "node/io/operation_counters.h"
#include "node/node.h"

namespace fastpath::node {

// What the gateway counts, if there is one.
struct GatewayView {
  const GatewayCounters* server = nullptr;
  const OperationCounters* operations = nullptr;
};

HttpAnswer AnswerAdmin(const Node& node, const std::string& path, const GatewayView& gateway = {});

// The node's numbers as Prometheus text.
std::string RenderMetrics(const Node& node, const GatewayView& gateway);

}  // namespace fastpath::node
