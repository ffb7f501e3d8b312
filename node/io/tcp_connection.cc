#include "node/io/tcp_connection.h"

#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fastpath::node {
namespace {

using asio::ip::tcp;

constexpr size_t kGatherPieces = 64;
constexpr int kReadsPerWake = 4;  // Then others get their turn.

}  // namespace

// Outlives the facade while an asio operation holds it.
struct TcpConnection::Core : std::enable_shared_from_this<Core> {
  Core(std::shared_ptr<TcpShared> shared_in, tcp::socket socket_in, std::string_view expect,
       size_t limit, bool accepted_in)
      : shared(std::move(shared_in)),
        socket(std::move(socket_in)),
        decoder(expect, limit),
        accepted(accepted_in) {
    if (accepted) ++shared->accepted;
  }
  ~Core() {
    if (accepted) --shared->accepted;
    Account(0, 0);
  }

  // What this connection holds, among what all of them do.
  void Account() { Account(out.size(), decoder.buffered_bytes()); }
  void Account(size_t unsent, size_t partial) {
    shared->unsent_bytes += unsent - unsent_counted;
    shared->partial_bytes += partial - partial_counted;
    unsent_counted = unsent;
    partial_counted = partial;
  }
  size_t PauseAt() const {
    return shared->unsent_bytes > shared->unsent_limit_bytes ? kPauseReadEarlyBytes
                                                             : kPauseReadBytes;
  }

  void WaitReadable() {
    if (reading || closed) return;
    reading = true;
    socket.async_wait(tcp::socket::wait_read,
                      [self = shared_from_this()](const asio::error_code& error) {
                        self->reading = false;
                        if (error) return self->Fail(error.message());
                        self->Readable();
                      });
  }

  void Readable() {
    for (int i = 0; i < kReadsPerWake && !closed; ++i) {
      asio::error_code error;
      const size_t got = socket.read_some(asio::buffer(shared->receive), error);
      if (error == asio::error::would_block) break;
      if (error) return Fail(error == asio::error::eof ? "closed by peer" : error.message());
      decoder.Feed(std::string_view(shared->receive.data(), got));
      if (!Deliver()) return;
      decoder.Trim();
      Account();
      if (partial_counted > kPartialAllowedBytes &&
          shared->partial_bytes > shared->partial_limit_bytes) {
        return Fail(absl::ResourceExhaustedError("too much is held of unfinished frames"));
      }
      if (got < shared->receive.size()) break;
    }
    if (closed) return;
    if (out.size() > PauseAt()) {
      paused = true;
    } else {
      WaitReadable();
    }
  }

  // False if the connection ended.
  bool Deliver() {
    while (!closed) {
      auto frame = decoder.Next();
      if (!frame.ok()) {
        Fail(frame.status());
        return false;
      }
      if (!frame->has_value()) return true;
      handlers.on_frame(**frame);
    }
    return false;
  }

  void ScheduleFlush() {
    if (flush_scheduled || closed || !started) return;
    flush_scheduled = true;
    shared->executor->Post([self = shared_from_this()] {
      self->flush_scheduled = false;
      self->Flush();
    });
  }

  // Writes what the socket takes now; waits for it to take more.
  void Flush() {
    while (!closed && !out.empty() && !writing) {
      asio::error_code error;
      const size_t sent = WriteSome(error);
      if (error == asio::error::would_block) {
        WaitWritable();
        return;
      }
      if (error) return Fail(error.message());
      out.RemovePrefix(sent);
      Account();
    }
    if (paused && !closed && out.size() < std::min(kResumeReadBytes, PauseAt())) {
      paused = false;
      WaitReadable();
    }
  }

  size_t WriteSome(asio::error_code& error) {
    pieces.clear();
    for (absl::string_view chunk : out.Chunks()) {
      pieces.emplace_back(chunk.data(), chunk.size());
      if (pieces.size() == kGatherPieces) break;
    }
    return socket.write_some(pieces, error);
  }

  void WaitWritable() {
    writing = true;
    socket.async_wait(tcp::socket::wait_write,
                      [self = shared_from_this()](const asio::error_code& error) {
                        self->writing = false;
                        if (error) return self->Fail(error.message());
                        self->Flush();
                      });
  }

  void Fail(const std::string& why) { Fail(absl::UnavailableError(why)); }
  void Fail(absl::Status why) {
    if (closed) return;
    CloseSocket();
    if (!abandoned && handlers.on_close) handlers.on_close(std::move(why));
  }

  void CloseSocket() {
    closed = true;
    asio::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
    out.Clear();
    Account(0, 0);
  }

  std::shared_ptr<TcpShared> shared;
  tcp::socket socket;
  FrameDecoder decoder;
  const bool accepted;
  Handlers handlers;
  absl::Cord out;
  std::vector<asio::const_buffer> pieces;
  std::string peer;
  bool started = false;
  bool closed = false;
  bool abandoned = false;  // By its owner: no more callbacks.
  bool reading = false;
  bool writing = false;
  bool paused = false;
  bool flush_scheduled = false;
  size_t unsent_counted = 0;
  size_t partial_counted = 0;
};

namespace {

// A peer that vanished without a word is noticed in seconds while something is sent to it, not in
// the kernel's fifteen minutes; and in a minute while nothing is, for connections are counted.
void NoticeVanishedPeers(tcp::socket& socket) {
  const auto set = [&socket](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_USER_TIMEOUT, 10'000);  // ms
  asio::error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  set(TCP_KEEPIDLE, 60);  // s
  set(TCP_KEEPINTVL, 5);
}

}  // namespace

TcpConnection::TcpConnection(std::shared_ptr<TcpShared> shared, tcp::socket socket,
                             std::string_view expect, std::string_view send,
                             size_t frame_limit_bytes, bool accepted)
    : core_(std::make_shared<Core>(std::move(shared), std::move(socket), expect, frame_limit_bytes,
                                   accepted)) {
  asio::error_code ignored;
  core_->socket.non_blocking(true, ignored);
  core_->socket.set_option(tcp::no_delay(true), ignored);
  NoticeVanishedPeers(core_->socket);
  const auto endpoint = core_->socket.remote_endpoint(ignored);
  core_->peer = absl::StrCat(endpoint.address().to_string(), ":", endpoint.port());
  core_->out.Append(absl::string_view(send.data(), send.size()));
}

TcpConnection::~TcpConnection() {
  core_->abandoned = true;
  if (core_->closed) return;
  core_->Flush();  // A last word, such as why; never blocks.
  if (core_->closed) return;
  core_->CloseSocket();
  // The destructor may run inside a handler: let that one finish before it dies.
  core_->shared->executor->Post([core = core_] { core->handlers = {}; });
}

void TcpConnection::Start(Handlers handlers) {
  core_->handlers = std::move(handlers);
  core_->started = true;
  if (!core_->out.empty()) core_->ScheduleFlush();
  core_->WaitReadable();
}

void TcpConnection::Send(absl::Cord frame) {
  if (core_->closed) return;
  const std::string header = FrameHeader(frame.size());
  core_->out.Append(absl::string_view(header.data(), header.size()));
  core_->out.Append(std::move(frame));
  core_->Account();
  core_->ScheduleFlush();
}

size_t TcpConnection::buffered_bytes() const { return core_->out.size(); }
std::string TcpConnection::peer_address() const { return core_->peer; }

}  // namespace fastpath::node
