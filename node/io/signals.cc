#include "node/io/signals.h"

#include <csignal>
#include <utility>

namespace fastpath::node {

Signals::Signals(AsioExecutor* executor, std::function<void(int signal)> arrived)
    : set_(executor->context(), SIGTERM, SIGINT), arrived_(std::move(arrived)) {
  Wait();
}

void Signals::Wait() {
  set_.async_wait([this](const asio::error_code& error, int signal) {
    if (error) return;
    arrived_(signal);
    Wait();
  });
}

}  // namespace fastpath::node
