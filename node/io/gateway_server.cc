#include "node/io/gateway_server.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/internal/io/ports.h"
#include "node/gateway/http_stream.h"
#include "node/gateway/own_answers.h"
#include "node/gateway/sigv4.h"
#include "node/host_port.h"

namespace fastpath::node {
namespace {

using asio::ip::tcp;
using gateway::HttpRequest;
using gateway::HttpResponse;
using gateway::HttpStream;

constexpr int kBacklog = 1024;
constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
constexpr size_t kReceiveBytes = 64u << 10;
constexpr int kReadsPerWake = 4;           // Then others get their turn.
constexpr size_t kToBeRefused = 16;        // Connections over the limit that are being told so.
constexpr size_t kUnsentBytes = 2u << 20;  // Of one connection: past it nothing more is served.
// A connection that holds less is never cut off for what all of them hold.
constexpr size_t kAllowedBytes = 64u << 10;
constexpr size_t kLingerBytes = 32u << 20;

void Add(std::atomic<uint64_t>& counter, uint64_t more) {  // One writer: no lock needed.
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

struct GatewayServer::Core {
  class Connection;

  explicit Core(GatewayServerOptions options_in)
      : options(std::move(options_in)),
        io(1),
        acceptor(io),
        retry(io),
        sweeper(io),
        executor(io, clock),
        dialer(io) {
    environment.limits = options.http;
    environment.random = &random;
    environment.cross_origin = options.cross_origin;
    environment.date = gateway::HttpDate(clock.Wall() / 1'000'000);
  }

  void Accept();
  void Accepted(tcp::socket socket);
  void SweepLater();
  void Sweep();
  void FlushLater(std::shared_ptr<Connection> connection);
  void Flush();
  void Drain();
  void SweepDrain();
  void Close();
  void Remove(Connection& connection);
  void Respond(const std::shared_ptr<Connection>& connection, HttpStream::Incoming incoming);
  void AskHealth(const std::shared_ptr<Connection>& connection, HttpStream::Incoming incoming);
  bool over_held() const { return held_bytes > options.held_bytes; }

  const GatewayServerOptions options;
  GatewayCounters counters;
  client::internal::SystemClock clock;
  client::internal::SystemRandom random;
  gateway::HttpEnvironment environment;
  std::array<char, kReceiveBytes> receive;
  std::vector<std::string_view> unsent;  // Of the connection being written.
  std::vector<asio::const_buffer> pieces;
  size_t held_bytes = 0;
  int64_t now = 0;  // Of this turn.
  bool draining = false;
  bool flush_posted = false;
  int64_t drain_until = 0;
  bool stopped_service = false;
  std::function<void()> drained;

  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  asio::steady_timer sweeper;
  client::internal::AsioExecutor executor;
  client::internal::TcpDialer dialer;
  std::unique_ptr<HttpService> service;
  std::vector<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<Connection>> dirty;     // With something to send.
  std::vector<std::shared_ptr<Connection>> flushing;  // Kept for its memory.
  std::thread thread;
};

// One client. Outlives its place among the connections while an operation of asio or an
// answer under way holds it.
class GatewayServer::Core::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Core* core, tcp::socket socket)
      : core_(core), socket_(std::move(socket)), stream_(&core->environment) {}

  void Start() {
    asio::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
    idle_since_ = core_->now;
    WaitReadable();
  }

  void Answer(uint64_t number, HttpResponse response) {
    if (closed_) return;
    stream_.Answer(number, std::move(response));
    Account();
    MarkDirty();
  }

  void Refuse(int status, std::string_view why) {
    stream_.Refuse(status, why);
    MarkDirty();
  }

  void Drain() {
    stream_.Drain();
    if (stream_.finished() && !lingering_) Close();
  }

  void Flush();
  void CheckTime();
  void Close();

  size_t place = 0;  // Among the server's connections.

 private:
  bool wants_bytes() const {
    if (closed_ || ended_) return false;
    return lingering_ || (stream_.wants_input() && stream_.unsent_bytes() < kUnsentBytes);
  }
  void MarkDirty() {
    if (!std::exchange(dirty_, true)) core_->FlushLater(shared_from_this());
  }
  void CutOff() {
    Add(core_->counters.cut_off, 1);
    Close();
  }

  void WaitReadable();
  void Readable();
  void Take(size_t bytes);
  void Ended();
  void Serve();
  bool Write();
  void WaitWritable();
  void Linger();
  void Account();

  Core* const core_;
  tcp::socket socket_;
  HttpStream stream_;
  size_t counted_bytes_ = 0;  // Of the server's held_bytes.
  size_t lingered_bytes_ = 0;
  uint64_t begun_ = 0;  // As the stream counts requests.
  int64_t partial_since_ = 0;
  int64_t idle_since_ = 0;
  int64_t stalled_since_ = 0;  // 0: it takes what it is sent.
  int64_t linger_until_ = 0;
  bool dirty_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool paused_ = false;  // Not read: its answers come first.
  bool ended_ = false;   // The client sends no more.
  bool lingering_ = false;
  bool malformed_ = false;
  bool closed_ = false;
};

void GatewayServer::Core::Connection::WaitReadable() {
  const bool wanted = wants_bytes();
  // Time that we did not let it use is not the client's.
  if (paused_ && wanted) partial_since_ = core_->now;
  paused_ = !wanted;
  if (reading_ || !wanted) return;
  reading_ = true;
  socket_.async_wait(tcp::socket::wait_read,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->reading_ = false;
                       if (error) return self->Close();
                       self->Readable();
                     });
}

void GatewayServer::Core::Connection::Readable() {
  core_->now = core_->clock.Monotonic();
  for (int i = 0; i < kReadsPerWake && wants_bytes(); ++i) {
    asio::error_code error;
    const size_t got = socket_.read_some(asio::buffer(core_->receive), error);
    if (error == asio::error::would_block) break;
    if (error == asio::error::eof) return Ended();
    if (error) return Close();
    Take(got);
    if (got < core_->receive.size()) break;
  }
  WaitReadable();
}

void GatewayServer::Core::Connection::Take(size_t bytes) {
  Add(core_->counters.bytes_in, bytes);
  idle_since_ = core_->now;
  if (lingering_) {
    lingered_bytes_ += bytes;
    if (lingered_bytes_ > kLingerBytes) CutOff();
    return;
  }
  stream_.Feed({core_->receive.data(), bytes});
  Serve();
  if (core_->over_held() && stream_.partial() && stream_.held_bytes() > kAllowedBytes) {
    Add(core_->counters.cut_off, 1);
    Refuse(503, "too much is held of unfinished requests");
  }
}

// A client may say all it has to say before it listens.
void GatewayServer::Core::Connection::Ended() {
  ended_ = true;
  stream_.Drain();
  if (stream_.finished()) Close();
}

void GatewayServer::Core::Connection::Serve() {
  while (!closed_ && stream_.unsent_bytes() < kUnsentBytes) {
    const auto incoming = stream_.Next();
    if (!incoming) break;
    Add(core_->counters.requests, 1);
    core_->Respond(shared_from_this(), *incoming);
  }
  if (closed_) return;
  if (stream_.begun() != begun_) {
    begun_ = stream_.begun();
    partial_since_ = core_->now;
  }
  if (stream_.refused() != 0 && !std::exchange(malformed_, true)) {
    Add(core_->counters.malformed, 1);
  }
  Account();
  if (stream_.unsent_bytes() > 0) MarkDirty();
}

// What this connection holds, among what all of them do.
void GatewayServer::Core::Connection::Account() {
  const size_t held = closed_ ? 0 : stream_.held_bytes();
  core_->held_bytes += held - counted_bytes_;
  counted_bytes_ = held;
}

void GatewayServer::Core::Connection::Flush() {
  dirty_ = false;
  if (closed_ || !Write()) return;
  Account();
  if (stream_.finished()) return Linger();
  if (core_->over_held() && stream_.answer_bytes() > kAllowedBytes) return CutOff();
  Serve();
  WaitReadable();
}

// What the socket takes now. False if the connection ended.
bool GatewayServer::Core::Connection::Write() {
  while (stream_.unsent_bytes() > 0 && !writing_) {
    stream_.Unsent(core_->unsent);
    core_->pieces.clear();
    for (const std::string_view piece : core_->unsent) {
      core_->pieces.emplace_back(piece.data(), piece.size());
    }
    asio::error_code error;
    const size_t sent = socket_.write_some(core_->pieces, error);
    if (error == asio::error::would_block) {
      if (stalled_since_ == 0) stalled_since_ = core_->now;
      WaitWritable();
      return true;
    }
    if (error) {
      Close();
      return false;
    }
    Add(core_->counters.bytes_out, sent);
    stream_.Sent(sent);
    stalled_since_ = 0;
    idle_since_ = core_->now;
  }
  return true;
}

void GatewayServer::Core::Connection::WaitWritable() {
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->writing_ = false;
                       if (error) return self->Close();
                       self->core_->now = self->core_->clock.Monotonic();
                       self->Flush();
                     });
}

// Closed at once, what the client still sends would reset the connection, and the
// answer might be lost on its way.
void GatewayServer::Core::Connection::Linger() {
  if (ended_) return Close();
  if (std::exchange(lingering_, true)) return;
  asio::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  linger_until_ = core_->now + core_->options.linger;
  WaitReadable();
}

void GatewayServer::Core::Connection::CheckTime() {
  const GatewayServerOptions& options = core_->options;
  const int64_t now = core_->now;
  if (lingering_) {
    if (now >= linger_until_) Close();
    return;
  }
  if (stalled_since_ != 0 && now - stalled_since_ > options.stalled) return CutOff();
  if (stream_.partial()) {
    if (paused_ || now - partial_since_ <= options.request) return;
    Add(core_->counters.cut_off, 1);
    return Refuse(408, "the request took too long to arrive");
  }
  const bool idle = !stream_.answering() && stream_.unsent_bytes() == 0;
  if (idle && now - idle_since_ > options.idle) Close();
}

void GatewayServer::Core::Connection::Close() {
  if (std::exchange(closed_, true)) return;
  asio::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  Account();
  core_->Remove(*this);
}

void GatewayServer::Core::Accept() {
  acceptor.async_accept([this](const asio::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!error) {
      Accepted(std::move(socket));
      return Accept();
    }
    retry.expires_after(kAcceptRetry);  // Out of descriptors: others will close some.
    retry.async_wait([this](const asio::error_code& stopped) {
      if (!stopped && acceptor.is_open()) Accept();
    });
  });
}

void GatewayServer::Core::Accepted(tcp::socket socket) {
  now = clock.Monotonic();
  Add(counters.accepted, 1);
  const bool refused = connections.size() >= options.connections;
  if (refused) Add(counters.refused, 1);
  if (connections.size() >= options.connections + kToBeRefused) return;
  auto connection = std::make_shared<Connection>(this, std::move(socket));
  connection->place = connections.size();
  connections.push_back(connection);
  counters.connections.store(connections.size(), std::memory_order_relaxed);
  connection->Start();
  if (refused) connection->Refuse(503, "too many connections");
}

void GatewayServer::Core::Remove(Connection& connection) {
  const size_t place = connection.place;
  connections.back()->place = place;
  std::swap(connections[place], connections.back());
  connections.pop_back();  // An operation or the caller still holds it.
  counters.connections.store(connections.size(), std::memory_order_relaxed);
}

void GatewayServer::Core::Respond(const std::shared_ptr<Connection>& connection,
                                  HttpStream::Incoming incoming) {
  const HttpRequest& request = *incoming.request;
  const uint64_t number = incoming.number;
  if (gateway::AsksForHealth(request)) return AskHealth(connection, incoming);
  if (gateway::IsPreflight(request)) {
    return connection->Answer(number, options.cross_origin ? gateway::PreflightAnswer(request)
                                                           : gateway::PreflightRefusal());
  }
  if (service == nullptr) {
    return connection->Answer(number, gateway::HttpError(503, "the node is starting"));
  }
  service->Serve(request, [connection, number](HttpResponse response) {
    connection->Answer(number, std::move(response));
  });
}

void GatewayServer::Core::AskHealth(const std::shared_ptr<Connection>& connection,
                                    HttpStream::Incoming incoming) {
  const uint64_t number = incoming.number;
  if (service == nullptr || draining || !options.health) {
    const bool healthy = service != nullptr && !draining;
    return connection->Answer(number, gateway::HealthAnswer(*incoming.request, healthy));
  }
  options.health([this, connection, number, request = *incoming.request](bool healthy) {
    asio::post(io, [connection, number, answer = gateway::HealthAnswer(request, healthy)] {
      connection->Answer(number, answer);
    });
  });
}

void GatewayServer::Core::FlushLater(std::shared_ptr<Connection> connection) {
  dirty.push_back(std::move(connection));
  if (std::exchange(flush_posted, true)) return;
  asio::post(io, [this] { Flush(); });
}

// Once a turn, however many answers it gave.
void GatewayServer::Core::Flush() {
  flush_posted = false;
  now = clock.Monotonic();
  flushing.swap(dirty);
  for (const auto& connection : flushing) connection->Flush();
  flushing.clear();
}

void GatewayServer::Core::SweepLater() {
  sweeper.expires_after(std::chrono::microseconds(options.sweep));
  sweeper.async_wait([this](const asio::error_code& error) {
    if (error) return;
    Sweep();
    SweepLater();
  });
}

void GatewayServer::Core::Sweep() {
  now = clock.Monotonic();
  environment.date = gateway::HttpDate(clock.Wall() / 1'000'000);
  // Backwards: one that is removed leaves its place to one that was looked at.
  for (size_t i = connections.size(); i-- > 0;) {
    const auto connection = connections[i];
    connection->CheckTime();
  }
  if (draining) SweepDrain();
}

void GatewayServer::Core::Drain() {
  if (draining) return;
  draining = true;
  now = clock.Monotonic();
  drain_until = now + options.drain;
  asio::error_code ignored;
  acceptor.close(ignored);
  retry.cancel();
  for (size_t i = connections.size(); i-- > 0;) {
    const auto connection = connections[i];
    connection->Drain();
  }
  SweepDrain();
}

void GatewayServer::Core::SweepDrain() {
  if (!drained) return;
  if (!connections.empty() && now < drain_until) return;
  if (!connections.empty() && service != nullptr && !std::exchange(stopped_service, true)) {
    service->Stop();
    drain_until = now + options.linger;  // For the clients to take these answers.
    return;
  }
  std::exchange(drained, nullptr)();
}

void GatewayServer::Core::Close() {
  asio::error_code ignored;
  acceptor.close(ignored);
  while (!connections.empty()) {
    const auto connection = connections.back();
    connection->Close();
  }
  service.reset();
  io.stop();
}

GatewayServer::GatewayServer(GatewayServerOptions options)
    : core_(std::make_unique<Core>(std::move(options))) {}

GatewayServer::~GatewayServer() {
  if (!core_->thread.joinable()) return;
  asio::post(core_->io, [core = core_.get()] { core->Close(); });
  core_->thread.join();
}

absl::StatusOr<std::string> GatewayServer::Listen(const std::string& address) {
  const auto parts = SplitHostPort(address);
  if (!parts) return absl::InvalidArgumentError(absl::StrCat(address, " is not host:port"));
  tcp::acceptor& acceptor = core_->acceptor;
  asio::error_code error;
  const auto found = tcp::resolver(core_->io).resolve(parts->host, parts->port,
                                                      tcp::resolver::numeric_service, error);
  tcp::endpoint endpoint;
  if (!error) endpoint = found.begin()->endpoint();
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  const uint16_t port = acceptor.local_endpoint(error).port();
  core_->Accept();
  core_->SweepLater();
  core_->thread = std::thread([core = core_.get()] { core->io.run(); });
  pthread_setname_np(core_->thread.native_handle(), "gateway");
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

void GatewayServer::Serve(MakeService make) {
  asio::post(core_->io, [core = core_.get(), make = std::move(make)] {
    core->service = make({&core->clock, &core->random, &core->executor, &core->dialer});
  });
}

void GatewayServer::Shutdown(std::function<void()> done) {
  asio::post(core_->io, [core = core_.get(), done = std::move(done)] {
    core->drained = done;
    core->Drain();
  });
}

const GatewayCounters& GatewayServer::counters() const { return core_->counters; }

}  // namespace fastpath::node
