// A small HTTP server for operators: GET of a path, one answer, connection
// closed. Limits: kConnections at once, kHeaderBytes a request, kTimeout.
// Threads: the executor's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "node/io/executor.h"

namespace fastpath::node {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  using Handler = std::function<HttpAnswer(const std::string& path)>;
  HttpServer(AsioExecutor* executor, Handler handler);
  ~HttpServer();
  absl::StatusOr<std::string> Listen(const std::string& address);

 private:
  struct Core;
  struct Session;
  std::shared_ptr<Core> core_;
};

}  // namespace fastpath::node
