// One request and one answer of HTTP, apart from connections: what the gateway
// serves and the server (node/io/gateway_server.h) carries. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fastpath::node::gateway {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of a header; nullptr if there is none. `name` in lower case.
inline const std::string* FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [known, value] : headers) {
    if (known == name) return &value;
  }
  return nullptr;
}

struct HttpRequest {
  std::string method;  // "POST"
  std::string target;  // As sent: path and query, not decoded.
  Headers headers;     // In order; names in lower case, values without outer blanks.
  std::string body;    // As signed: whole, its transfer coding undone. See content_encoding.
  // The body as a program meant it: `body`, or what a gzip Content-Encoding held.
  std::string_view content() const { return inflated.empty() ? body : inflated; }
  std::string inflated;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/x-amz-json-1.0";
  std::string body;
  Headers headers;        // More of them.
  std::string exception;  // What the answer says went wrong, by its name; only for counting.
};

}  // namespace fastpath::node::gateway
