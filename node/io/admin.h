// What operators see over HTTP: /metrics in Prometheus' text format, /health,
// /status as JSON. Threads: the node's executor; the node outlives it.
#pragma once

#include <string>

#include "node/io/http.h"
#include "node/node.h"

namespace fastpath::node {

HttpAnswer AnswerAdmin(const Node& node, const std::string& path);

// The node's numbers as Prometheus text.
std::string RenderMetrics(const Node& node);

}  // namespace fastpath::node
