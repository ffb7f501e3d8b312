// What operators see over HTTP: /metrics in Prometheus' text format, /health,
// /status as JSON. Threads: the node's executor; the node outlives it.
#pragma once

#include <string>

#include "node/io/gateway_server.h"
#include "node/io/http.h"
#include "node/node.h"

namespace fastpath::node {

// `gateway`: of its server, if there is one.
HttpAnswer AnswerAdmin(const Node& node, const std::string& path,
                       const GatewayCounters* gateway = nullptr);

// The node's numbers as Prometheus text.
std::string RenderMetrics(const Node& node, const GatewayCounters* gateway);

}  // namespace fastpath::node
