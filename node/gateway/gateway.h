// DynamoDB's JSON API on a Fastpath cluster: one HTTP request in, one answer out. It only
// translates; what an operation means is the state machine's business, and how a
// request finds its leader, is tried again and counts once is the client core's, which the
// gateway runs inside the node on the native protocol.
//
// Pure: everything from outside comes through the ports. Threads: the executor's one.
// Ownership: the ports outlive it. Destroying it drops what is under way.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "client/internal/ports.h"
#include "node/gateway/http.h"
#include "node/gateway/signature.h"

namespace fastpath::node::gateway {

struct GatewayOptions {
  std::vector<std::string> endpoints;  // Nodes' client addresses; one is enough.
  // Nothing: requests need no signature.
  std::optional<AccessKeys> keys = AccessKeys();
  size_t requests = 4096;  // Served at once; past it they wait, then are throttled.
};

// The operation that a request asks for; "unknown" if there is none of this name.
std::string OperationName(const HttpRequest& request);

class Gateway {
 public:
  using Done = absl::AnyInvocable<void(HttpResponse)>;

  Gateway(GatewayOptions options, client::internal::Ports ports);
  ~Gateway();

  // `request` is read during the call only. `done` runs once, in this call or later.
  void Serve(const HttpRequest& request, Done done);
  // Ends what is under way, with errors that may be tried again. Then everything is refused.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fastpath::node::gateway
