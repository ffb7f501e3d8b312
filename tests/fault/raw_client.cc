#include "tests/fault/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "partition/frame.h"

namespace fastpath::fault {

using Clock = std::chrono::steady_clock;

RawConnection::~RawConnection() {
  if (socket_ >= 0) close(socket_);
}

bool RawConnection::Connect(int port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

bool RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void RawConnection::FinishSending() { shutdown(socket_, SHUT_WR); }

bool RawConnection::Fill(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd readable{socket_, POLLIN, 0};
  if (ended_ || left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0) return false;
  char buffer[65536];
  const ssize_t n = recv(socket_, buffer, sizeof(buffer), 0);
  if (n <= 0) {
    ended_ = true;
    return false;
  }
  received_.append(buffer, static_cast<size_t>(n));
  return true;
}

RawConnection::Answer RawConnection::ReadToEnd(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (Fill(deadline)) {
  }
  return {std::move(received_), ended_};
}

std::optional<api::Reply> RawConnection::ReadReply(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    if (received_.size() >= 4) {
      const auto* b = reinterpret_cast<const unsigned char*>(received_.data());
      const size_t length = b[0] | b[1] << 8 | b[2] << 16 | static_cast<size_t>(b[3]) << 24;
      if (received_.size() >= 4 + length) {
        api::Reply reply;
        const bool parsed = reply.ParseFromArray(received_.data() + 4, static_cast<int>(length));
        received_.erase(0, 4 + length);
        return parsed ? std::optional(std::move(reply)) : std::nullopt;
      }
    }
    if (!Fill(deadline)) return std::nullopt;
  }
}

std::string FrameOf(const google::protobuf::MessageLite& message) {
  const std::string payload = message.SerializeAsString();
  return FrameHeader(payload.size()) + payload;
}

std::optional<api::Reply> Ask(int port, const api::Request& request,
                              std::chrono::milliseconds limit) {
  RawConnection connection;
  if (!connection.Connect(port) ||
      !connection.Send(std::string(kClientPreface) + FrameOf(request))) {
    return std::nullopt;
  }
  return connection.ReadReply(limit);
}

}  // namespace fastpath::fault
