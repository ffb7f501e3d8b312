#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "bench/floor/wire.h"
#include "bench/keys.h"
#include "bench/peers/epoll.h"
#include "bench/peers/peers.h"
#include "bench/program.h"

namespace fastpath::bench {
namespace {

// Frames of a turn leave in one write, as Fastpath's client does it.
class FloorTarget : public Target, public Epoll::Handler {
 public:
  explicit FloorTarget(int socket) : socket_(socket) { epoll_.Add(socket, EPOLLIN, this); }
  ~FloorTarget() override { close(socket_); }

  void Listen(Listener* listener) override { listener_ = listener; }
  void Begin(size_t lane, const Operation& operation) override {
    AppendRequest(out_, {static_cast<uint32_t>(lane), operation.read, KeyName(operation.key),
                         operation.value});
  }
  void Poll(Clock::time_point until) override {
    Flush();
    epoll_.Poll(until);
    Flush();
  }

  void Ready(uint32_t events) override {
    if (events & EPOLLOUT) Flush();
    if (!(events & ~EPOLLOUT)) return;
    const ssize_t got = read(socket_, in_.data() + have_, in_.size() - have_);
    if (got == 0 || (got < 0 && errno != EAGAIN)) Die("the floor is lost");
    have_ += static_cast<size_t>(std::max<ssize_t>(0, got));
    std::string_view left(in_.data(), have_);
    for (std::string_view frame = CutFrame(left); !frame.empty(); frame = CutFrame(left)) {
      listener_->Ended(ReadInteger<uint32_t>(frame.substr(4)),
                       frame[8] != 0 ? Ending::kOk : Ending::kMissing, "");
    }
    std::memmove(in_.data(), left.data(), left.size());
    have_ = left.size();
  }

 private:
  static constexpr size_t kInBytes = 4 << 20;  // More than the largest answer.

  void Flush() {
    size_t sent = 0;
    while (sent < out_.size()) {
      const ssize_t wrote = write(socket_, out_.data() + sent, out_.size() - sent);
      if (wrote < 0 && errno == EAGAIN) break;
      if (wrote <= 0) Die("the floor is lost");
      sent += static_cast<size_t>(wrote);
    }
    out_.erase(0, sent);
    const bool waits = !out_.empty();
    if (waits != awaits_room_) epoll_.Change(socket_, EPOLLIN | (waits ? EPOLLOUT : 0u), this);
    awaits_room_ = waits;
  }

  const int socket_;
  Epoll epoll_;
  Listener* listener_ = nullptr;
  std::vector<char> in_ = std::vector<char>(kInBytes);
  size_t have_ = 0;  // Of in_.
  std::string out_;
  bool awaits_room_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakeFloor(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError("no floor there");
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return std::make_unique<FloorTarget>(fd);
}

}  // namespace fastpath::bench
