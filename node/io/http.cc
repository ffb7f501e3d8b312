#include "node/io/http.h"

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/host_port.h"

namespace fastpath::node {
namespace {

using asio::ip::tcp;
namespace http = boost::beast::http;

constexpr size_t kConnections = 64;
constexpr uint32_t kHeaderBytes = 8 << 10;
constexpr auto kTimeout = std::chrono::seconds(5);
constexpr auto kAcceptRetry = std::chrono::milliseconds(200);

std::string Render(const HttpAnswer& answer, bool head) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(answer.status));
  std::string out =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", std::string(reason),
                   "\r\nContent-Type: ", answer.content_type,
                   "\r\nContent-Length: ", answer.body.size(), "\r\nConnection: close\r\n\r\n");
  if (!head) out += answer.body;
  return out;
}

}  // namespace

struct HttpServer::Core : std::enable_shared_from_this<Core> {
  Core(asio::io_context& context, Handler handler_in)
      : acceptor(context), retry(context), handler(std::move(handler_in)) {}

  void Accept();

  tcp::acceptor acceptor;
  asio::steady_timer retry;
  Handler handler;
  size_t sessions = 0;
  bool closed = false;
};

struct HttpServer::Session : std::enable_shared_from_this<Session> {
  Session(std::shared_ptr<Core> core_in, tcp::socket socket_in)
      : core(std::move(core_in)), socket(std::move(socket_in)), timeout(socket.get_executor()) {
    ++core->sessions;
    parser.header_limit(kHeaderBytes);
    parser.body_limit(0);
  }
  ~Session() { --core->sessions; }

  void Start() {
    timeout.expires_after(kTimeout);
    timeout.async_wait([self = shared_from_this()](const asio::error_code& error) {
      asio::error_code ignored;
      if (!error) self->socket.close(ignored);
    });
    Read();
  }

  void Read() {
    socket.async_read_some(asio::buffer(bytes.data() + filled, bytes.size() - filled),
                           [self = shared_from_this()](const asio::error_code& error, size_t got) {
                             if (error) return self->Close();
                             self->Take(got);
                           });
  }

  void Take(size_t got) {
    filled += got;
    boost::system::error_code error;
    const size_t used = parser.put(boost::asio::const_buffer(bytes.data(), filled), error);
    std::copy(bytes.begin() + used, bytes.begin() + filled, bytes.begin());
    filled -= used;
    if (parser.is_header_done()) return Serve();
    if (error == http::error::header_limit) return Answer({431, "text/plain", "too large\n"});
    if (error && error != http::error::need_more) {
      return Answer({400, "text/plain", "not an HTTP request\n"});
    }
    if (filled == bytes.size()) return Answer({431, "text/plain", "too large\n"});
    Read();
  }

  void Serve() {
    const http::verb verb = parser.get().method();
    head = verb == http::verb::head;
    if (verb != http::verb::get && !head) {
      return Answer({405, "text/plain", "only GET is served\n"});
    }
    const auto target = parser.get().target();
    std::string path(target.data(), target.size());
    path = path.substr(0, path.find('?'));
    Answer(core->closed ? HttpAnswer{503, "text/plain", "closing\n"} : core->handler(path));
  }

  void Answer(const HttpAnswer& answer) {
    out = Render(answer, head);
    asio::async_write(
        socket, asio::buffer(out),
        [self = shared_from_this()](const asio::error_code&, size_t) { self->Close(); });
  }

  void Close() {
    asio::error_code ignored;
    timeout.cancel();
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }

  std::shared_ptr<Core> core;
  tcp::socket socket;
  asio::steady_timer timeout;
  http::request_parser<http::empty_body> parser;
  std::array<char, kHeaderBytes + 1024> bytes;
  size_t filled = 0;
  bool head = false;
  std::string out;
};

void HttpServer::Core::Accept() {
  acceptor.async_accept(
      [self = shared_from_this()](const asio::error_code& error, tcp::socket socket) {
        if (self->closed || error == asio::error::operation_aborted) return;
        if (error) {  // Out of descriptors: later.
          self->retry.expires_after(kAcceptRetry);
          self->retry.async_wait([self](const asio::error_code& stopped) {
            if (!stopped && !self->closed) self->Accept();
          });
          return;
        }
        if (self->sessions < kConnections) {
          std::make_shared<Session>(self, std::move(socket))->Start();
        }
        self->Accept();
      });
}

HttpServer::HttpServer(AsioExecutor* executor, Handler handler)
    : core_(std::make_shared<Core>(executor->context(), std::move(handler))) {}

HttpServer::~HttpServer() {
  asio::error_code ignored;
  core_->closed = true;
  core_->acceptor.close(ignored);
  core_->retry.cancel();
}

absl::StatusOr<std::string> HttpServer::Listen(const std::string& address) {
  const auto parts = SplitHostPort(address);
  if (!parts) return absl::InvalidArgumentError(absl::StrCat(address, " is not host:port"));
  asio::error_code error;
  tcp::resolver resolver(core_->acceptor.get_executor());
  const auto found =
      resolver.resolve(parts->host, parts->port, tcp::resolver::numeric_service, error);
  tcp::endpoint endpoint;
  if (!error) endpoint = found.begin()->endpoint();
  if (!error) core_->acceptor.open(endpoint.protocol(), error);
  if (!error) core_->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) core_->acceptor.bind(endpoint, error);
  if (!error) core_->acceptor.listen(static_cast<int>(kConnections), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  const uint16_t port = core_->acceptor.local_endpoint(error).port();
  core_->Accept();
  return absl::StrCat(parts->host, ":", port);
}

}  // namespace fastpath::node
