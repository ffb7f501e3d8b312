// SIGTERM and SIGINT as events. Threads: the executor's.
#pragma once

#include <asio/signal_set.hpp>
#include <functional>

#include "node/io/executor.h"

namespace fastpath::node {

class Signals {
 public:
  // `arrived` runs for every signal until this is destroyed.
  Signals(AsioExecutor* executor, std::function<void(int signal)> arrived);

 private:
  void Wait();
  asio::signal_set set_;
  std::function<void(int)> arrived_;
};

}  // namespace fastpath::node
