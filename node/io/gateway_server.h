// HTTP over TCP for the gateway, on a thread of its own: accepts, moves bytes between
// sockets and HttpStreams, minds limits and time. What the requests mean is the
// service's business, which runs on the same thread with the client's ports.
//
// Limits: connections (past it they are told 503), requests of one connection at a time,
// bytes held for all, time of a request from its first byte to its last, of a
// connection without requests, of a client that takes no answers. Running out of file
// descriptors delays accepting, nothing else.
//
// Threads: any, but where said. The owner destroys it on another than its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "client/internal/ports.h"
#include "node/gateway/http_parser.h"

namespace fastpath::node {

// Runs on the server's thread.
class HttpService {
 public:
  using Done = absl::AnyInvocable<void(gateway::HttpResponse)>;
  virtual ~HttpService() = default;
  // `request` is read during the call only. `done` runs once, in this call or later.
  virtual void Serve(const gateway::HttpRequest& request, Done done) = 0;
  // Answers what is under way at once.
  virtual void Stop() = 0;
};

// Written by the server's thread, read by any.
struct GatewayCounters {
  std::atomic<uint64_t> connections{0};  // Now.
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};    // Connections over the limit.
  std::atomic<uint64_t> cut_off{0};    // For silence, slowness or too much held.
  std::atomic<uint64_t> malformed{0};  // Ended for what is no HTTP.
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
};

struct GatewayServerOptions {
  gateway::HttpLimits http;
  bool cross_origin = true;  // Pages from elsewhere may ask: it is their signature that counts.
  size_t connections = 10000;
  size_t held_bytes = 256u << 20;  // Of all connections' requests and answers.
  // Microseconds.
  int64_t request = 30'000'000;  // A request is whole this long after its first byte.
  int64_t idle = 60'000'000;     // A connection without requests.
  int64_t stalled = 30'000'000;  // A client that takes nothing of its answers.
  int64_t linger = 2'000'000;    // What a refused client still sends is taken for this long.
  int64_t drain = 3'000'000;     // At shutdown, for what is under way.
  int64_t sweep = 500'000;       // How often time is looked at.
  // Asks whether the node is healthy; the answer may come from any thread, or never.
  std::function<void(std::function<void(bool)> answer)> health;
};

class GatewayServer {
 public:
  using MakeService = std::function<std::unique_ptr<HttpService>(client::internal::Ports)>;

  explicit GatewayServer(GatewayServerOptions options);
  ~GatewayServer();

  // Once: binds and starts the thread. Until Serve requests are answered with 503.
  absl::StatusOr<std::string> Listen(const std::string& address);
  // Once: `make` runs on the thread, and its service lives there.
  void Serve(MakeService make);
  // No new connections; what is under way is answered, with Connection: close. Then
  // `done`, on the server's thread.
  void Shutdown(std::function<void()> done);

  const GatewayCounters& counters() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fastpath::node
