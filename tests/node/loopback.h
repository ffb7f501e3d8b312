// Real sockets in one thread: an executor that is run until something holds, and
// raw clients that say whatever they like.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "node/io/clock.h"
#include "node/io/executor.h"

namespace fastpath::testing {

// False if it does not hold within a minute: a hang, not a measurement.
inline bool RunUntil(node::AsioExecutor& executor, const std::function<bool()>& holds) {
  node::SystemClock clock;
  const Micros limit = clock.Monotonic() + 60'000'000;
  while (!holds()) {
    if (clock.Monotonic() > limit) return false;
    executor.context().restart();
    executor.context().run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A blocking-free TCP client without any protocol.
class RawClient {
 public:
  enum When { kNow, kLater };  // Later: at Connect.
  explicit RawClient(const std::string& address, When when = kNow) {
    const size_t colon = address.rfind(':');
    to_.sin_family = AF_INET;
    to_.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to_.sin_addr);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    if (when == kNow) Connect();
  }
  void Connect() {
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&to_), sizeof(to_)) == 0;
    fcntl(socket_, F_SETFL, O_NONBLOCK);
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  ~RawClient() { close(socket_); }
  bool connected() const { return connected_; }
  // Bytes taken by the kernel; fewer when its buffers are full.
  size_t Send(std::string_view bytes) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  // True once the other side has ended the connection.
  bool Ended() {
    char buffer[4096];
    for (;;) {
      const ssize_t got = recv(socket_, buffer, sizeof(buffer), 0);
      if (got > 0) {
        received_.append(buffer, static_cast<size_t>(got));
        continue;
      }
      return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
  }
  const std::string& received() const { return received_; }

 private:
  sockaddr_in to_{};
  int socket_ = -1;
  bool connected_ = false;
  std::string received_;
};

}  // namespace fastpath::testing
