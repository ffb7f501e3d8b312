#include <netinet/tcp.h>

#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/internal/io/ports.h"
#include "partition/frame.h"

namespace fastpath::client::internal {
namespace {

using asio::ip::tcp;

constexpr size_t kReadBytes = 64u << 10;
// Frames below this are copied together; larger ones are written where they lie.
constexpr size_t kGatherBytes = 8u << 10;

// A connection's state, kept alive by its outstanding asio handlers.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(tcp::socket socket)
      : socket_(std::move(socket)), decoder_("", kClientFrameLimitBytes), read_(kReadBytes, '\0') {
    gathered_.emplace_back(kClientPreface);
  }

  void Start(Channel::Handlers handlers) {
    handlers_ = std::move(handlers);
    Read();
    FlushLater();
  }

  void Send(std::string frame) {
    if (closed_) return;
    std::string header = FrameHeader(frame.size());
    unsent_ += header.size() + frame.size();
    if (frame.size() >= kGatherBytes) {
      Tail().append(header);
      gathered_.push_back(std::move(frame));
      gathered_.emplace_back();
    } else {
      Tail().append(header).append(frame);
    }
    FlushLater();
  }

  size_t unsent() const { return unsent_; }

  void Close() {
    closed_ = true;
    handlers_ = {};
    asio::error_code ignored;
    socket_.close(ignored);
  }

 private:
  std::string& Tail() {
    if (gathered_.empty()) gathered_.emplace_back();
    return gathered_.back();
  }

  // Once per turn of the loop, however many frames the turn sends.
  void FlushLater() {
    if (flush_due_ || writing_) return;
    flush_due_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->flush_due_ = false;
      self->Flush();
    });
  }

  void Flush() {
    if (closed_ || writing_ || gathered_.empty()) return;
    writing_ = true;
    writing_bytes_ = unsent_;
    leaving_ = std::exchange(gathered_, {});
    std::vector<asio::const_buffer> buffers;
    for (const std::string& piece : leaving_) {
      if (!piece.empty()) buffers.emplace_back(asio::buffer(piece));
    }
    asio::async_write(socket_, buffers,
                      [self = shared_from_this()](const asio::error_code& error, size_t) {
                        self->writing_ = false;
                        self->unsent_ -= self->writing_bytes_;
                        if (error) {
                          self->Fail(error.message());
                        } else {
                          self->Flush();
                        }
                      });
  }

  void Read() {
    socket_.async_read_some(asio::buffer(read_), [self = shared_from_this()](
                                                     const asio::error_code& error, size_t bytes) {
      if (error) {
        self->Fail(error == asio::error::eof ? "closed by the server" : error.message());
      } else if (self->Deliver(std::string_view(self->read_.data(), bytes))) {
        self->Read();
      }
    });
  }

  // False once the connection is over.
  bool Deliver(std::string_view bytes) {
    decoder_.Feed(bytes);
    while (!closed_) {
      absl::StatusOr<std::optional<std::string_view>> frame = decoder_.Next();
      if (!frame.ok()) {
        Fail(std::string(frame.status().message()));
        return false;
      }
      if (!frame->has_value()) return true;
      handlers_.on_frame(**frame);
    }
    return false;
  }

  void Fail(std::string why) {
    if (closed_) return;
    closed_ = true;
    auto on_close = std::move(handlers_.on_close);
    if (on_close) on_close(absl::UnavailableError(why));
  }

  tcp::socket socket_;
  FrameDecoder decoder_;
  Channel::Handlers handlers_;
  std::string read_;
  std::vector<std::string> gathered_;  // To be written next.
  std::vector<std::string> leaving_;   // Being written.
  size_t unsent_ = 0;                  // Of both.
  size_t writing_bytes_ = 0;           // Of it what is being written.
  bool flush_due_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

class TcpChannel : public Channel {
 public:
  explicit TcpChannel(tcp::socket socket) : stream_(std::make_shared<Stream>(std::move(socket))) {}
  ~TcpChannel() override { stream_->Close(); }
  void Start(Handlers handlers) override { stream_->Start(std::move(handlers)); }
  void Send(std::string frame) override { stream_->Send(std::move(frame)); }
  size_t unsent() const override { return stream_->unsent(); }

 private:
  std::shared_ptr<Stream> stream_;
};

// A dial on its way, kept alive by its handlers.
struct Dialing {
  explicit Dialing(asio::io_context& io) : resolver(io), socket(io) {}
  tcp::resolver resolver;
  tcp::socket socket;
  std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done;

  void End(const asio::error_code& error) {
    if (error) {
      done(absl::UnavailableError(error.message()));
      return;
    }
    asio::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    // A peer that vanished without a word is noticed in seconds, not in the
    // kernel's fifteen minutes.
    const int patience_ms = 10'000;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms,
                 sizeof patience_ms);
    done(std::make_unique<TcpChannel>(std::move(socket)));
  }
};

}  // namespace

void TcpDialer::Dial(const std::string& address,
                     std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done) {
  auto dialing = std::make_shared<Dialing>(io_);
  dialing->done = std::move(done);
  size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    asio::post(io_, [dialing, address] {
      dialing->done(absl::InvalidArgumentError(absl::StrCat("no port in \"", address, "\"")));
    });
    return;
  }
  std::string host = address.substr(0, colon);
  std::string port = address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  // asio resolves one name after the other: what is none must not wait for one that hangs.
  asio::error_code no_ip;
  const auto ip = asio::ip::make_address(host, no_ip);
  uint32_t number = 0;
  if (!no_ip && absl::SimpleAtoi(port, &number) && number <= UINT16_MAX) {
    dialing->socket.async_connect(
        tcp::endpoint(ip, static_cast<uint16_t>(number)),
        [dialing](const asio::error_code& error) { dialing->End(error); });
    return;
  }
  dialing->resolver.async_resolve(
      host, port, [dialing](const asio::error_code& error, tcp::resolver::results_type found) {
        if (error) {
          dialing->End(error);
          return;
        }
        asio::async_connect(dialing->socket, found,
                            [dialing](const asio::error_code& error, const tcp::endpoint&) {
                              dialing->End(error);
                            });
      });
}

}  // namespace fastpath::client::internal
