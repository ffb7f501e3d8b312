#include "node/io/network.h"

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/host_port.h"
#include "node/io/tcp_connection.h"

namespace fastpath::node {
namespace {

using asio::ip::tcp;

constexpr int kBacklog = 1024;
constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
constexpr auto kConnectTimeout = std::chrono::seconds(3);

absl::Status NetworkError(const std::string& what, const asio::error_code& error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", error.message()));
}

absl::StatusOr<tcp::endpoint> ResolveNow(asio::io_context& context, const std::string& address) {
  const auto parts = SplitHostPort(address);
  if (!parts) return absl::InvalidArgumentError(absl::StrCat(address, " is not host:port"));
  asio::error_code error;
  tcp::resolver resolver(context);
  const auto found =
      resolver.resolve(parts->host, parts->port, tcp::resolver::numeric_service, error);
  if (error) return NetworkError(address, error);
  return found.begin()->endpoint();
}

}  // namespace

struct TcpNetwork::Shared {
  AsioExecutor* executor = nullptr;
  Options options;
  std::shared_ptr<TcpShared> connections = std::make_shared<TcpShared>();
};

struct TcpNetwork::Listener : std::enable_shared_from_this<Listener> {
  Listener(std::shared_ptr<Shared> shared_in, OnAccept on_accept_in)
      : shared(std::move(shared_in)),
        acceptor(shared->executor->context()),
        retry(shared->executor->context()),
        on_accept(std::move(on_accept_in)) {}

  void Accept() {
    acceptor.async_accept(
        [self = shared_from_this()](const asio::error_code& error, tcp::socket socket) {
          if (error == asio::error::operation_aborted || self->closed) return;
          if (error) return self->RetryLater();  // Out of descriptors: others will close some.
          self->Accepted(std::move(socket));
          self->Accept();
        });
  }

  void Accepted(tcp::socket socket) {
    if (shared->connections->accepted >= shared->options.connection_limit) return;
    on_accept(std::make_unique<TcpConnection>(shared->connections, std::move(socket),
                                              shared->options.preface, "",
                                              shared->options.frame_limit_bytes, true));
  }

  void RetryLater() {
    retry.expires_after(kAcceptRetry);
    retry.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && !self->closed) self->Accept();
    });
  }

  std::shared_ptr<Shared> shared;
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  OnAccept on_accept;
  bool closed = false;
};

TcpNetwork::TcpNetwork(AsioExecutor* executor, Options options)
    : shared_(std::make_shared<Shared>()) {
  shared_->executor = executor;
  shared_->options = std::move(options);
  shared_->connections->executor = executor;
  shared_->connections->unsent_limit_bytes = shared_->options.unsent_limit_bytes;
  shared_->connections->partial_limit_bytes = shared_->options.partial_limit_bytes;
}

TcpNetwork::~TcpNetwork() {
  for (const auto& listener : listeners_) {
    asio::error_code ignored;
    listener->closed = true;
    listener->acceptor.close(ignored);
    listener->retry.cancel();
  }
}

absl::StatusOr<std::string> TcpNetwork::Listen(const std::string& address, OnAccept on_accept) {
  auto endpoint = ResolveNow(shared_->executor->context(), address);
  if (!endpoint.ok()) return endpoint.status();
  auto listener = std::make_shared<Listener>(shared_, std::move(on_accept));
  asio::error_code error;
  tcp::acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return NetworkError(absl::StrCat("cannot listen on ", address), error);
  const uint16_t port = acceptor.local_endpoint(error).port();
  listeners_.push_back(listener);
  listener->Accept();
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

namespace {

// One attempt: resolve, connect, give up after the timeout.
struct Attempt : std::enable_shared_from_this<Attempt> {
  explicit Attempt(asio::io_context& context)
      : resolver(context), socket(context), timeout(context) {}

  void Start(const HostPort& target) {
    timeout.expires_after(kConnectTimeout);
    timeout.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->Finish(asio::error::timed_out);
    });
    asio::error_code not_numeric;
    const auto ip = asio::ip::make_address(target.host, not_numeric);
    if (!not_numeric) {
      const tcp::endpoint endpoint(ip, static_cast<uint16_t>(std::stoi(target.port)));
      socket.async_connect(endpoint, [self = shared_from_this()](const asio::error_code& error) {
        self->Finish(error);
      });
      return;
    }
    resolver.async_resolve(
        target.host, target.port,
        [self = shared_from_this()](const asio::error_code& error, tcp::resolver::results_type r) {
          if (error) return self->Finish(error);
          asio::async_connect(self->socket, r,
                              [self](const asio::error_code& failed, const tcp::endpoint&) {
                                self->Finish(failed);
                              });
        });
  }

  void Finish(const asio::error_code& error) {
    if (!done) return;
    auto callback = std::exchange(done, nullptr);
    timeout.cancel();
    resolver.cancel();
    callback(error, std::move(socket));
  }

  tcp::resolver resolver;
  tcp::socket socket;
  asio::steady_timer timeout;
  std::function<void(const asio::error_code&, tcp::socket)> done;
};

}  // namespace

void TcpNetwork::Connect(const std::string& address,
                         std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)> done) {
  const auto target = SplitHostPort(address);
  if (!target) {
    shared_->executor->Post([address, done = std::move(done)] {
      done(absl::InvalidArgumentError(absl::StrCat(address, " is not host:port")));
    });
    return;
  }
  auto attempt = std::make_shared<Attempt>(shared_->executor->context());
  attempt->done = [shared = shared_, address, done = std::move(done)](const asio::error_code& error,
                                                                      tcp::socket socket) {
    if (error) return done(NetworkError(absl::StrCat("cannot connect to ", address), error));
    done(std::unique_ptr<Connection>(std::make_unique<TcpConnection>(
        shared->connections, std::move(socket), "", shared->options.preface,
        shared->options.frame_limit_bytes, false)));
  };
  attempt->Start(*target);
}

}  // namespace fastpath::node
