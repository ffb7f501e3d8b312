// One HTTP/1.1 or 1.0 request out of bytes that come in pieces. Boost.Beast's parser reads
// it; what that is too lenient about is refused here, so that no proxy in front can
// read a stream of bytes differently (request smuggling): line ends other than
// CRLF, folded lines, more than one length, transfer codings besides "chunked",
// missing or repeated Host.
//
// Pure: no socket, no clock. What it makes of bytes does not depend on how they were
// cut. Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "node/gateway/http.h"

namespace fastpath::node::gateway {

struct HttpLimits {
  size_t header_bytes = 16u << 10;  // Request line and headers.
  size_t headers = 100;
  size_t target_bytes = 8u << 10;
  size_t body_bytes = 16u << 20;  // As DynamoDB's.
  size_t inflated_bytes = 16u << 20;
  size_t pipelined = 32;                // Requests of a connection that are not answered.
  size_t compressed_from_bytes = 1024;  // Smaller answers are sent as they are.
};

class HttpParser {
 public:
  explicit HttpParser(const HttpLimits* limits);
  ~HttpParser();

  // Reads the next request from its first byte on into `request`, whose memory is
  // used again.
  void Begin(HttpRequest* request);
  // Takes bytes that follow those taken before; those not taken are to be given again,
  // with more behind them. Nothing is taken once done or refused.
  size_t Take(std::string_view bytes);

  bool begun() const;      // Something of the request was seen.
  bool head_done() const;  // Request line and headers are known.
  bool done() const;
  int refused() const;  // 0, or the HTTP status to refuse it with. Nothing more can be read.
  const std::string& why() const;

  // Once head_done().
  bool http10() const;
  bool keep_alive() const;
  bool expects_continue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fastpath::node::gateway
