// fastpathd: real ports under a Node, signals, exit codes.
//   0 after a clean shutdown, 1 when the node could not go on, 2 for a wrong
//   command line or configuration, 130 at a second signal.
// `fastpathd debug` runs no node (debug.h).
#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "node/config.h"
#include "node/debug/debug.h"
#include "node/gateway/gateway.h"
#include "node/io/admin.h"
#include "node/io/clock.h"
#include "node/io/executor.h"
#include "node/io/gateway_server.h"
#include "node/io/http.h"
#include "node/io/network.h"
#include "node/io/operation_counters.h"
#include "node/io/resources.h"
#include "node/io/signals.h"
#include "node/node.h"
#include "partition/frame.h"
#include "storage/disk.h"
#include "storage/engine.h"

namespace fastpath::node {
namespace {

// Connections over the limit that are being told so.
constexpr size_t kToBeRefused = 16;

// Held for the process's life, so that no two processes share a store.
absl::Status LockData(const std::string& data) {
  std::error_code error;
  std::filesystem::create_directories(data, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot create ", data, ": ", error.message()));
  }
  const std::string path = data + "/LOCK";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(data, " is in use by another fastpathd"));
}

// DynamoDB's API behind the gateway's server.
class DynamoDb final : public HttpService {
 public:
  DynamoDb(gateway::GatewayOptions options, client::internal::Ports ports)
      : gateway_(std::move(options), ports) {}
  void Serve(const gateway::HttpRequest& request, Done done) override {
    gateway_.Serve(request, std::move(done));
  }
  void Stop() override { gateway_.Stop(); }

 private:
  gateway::Gateway gateway_;
};

// Everything of a process, in the order of construction; destroyed backwards.
class Process {
 public:
  explicit Process(Config config) : config_(std::move(config)) {}

  int Run() {
    if (const absl::Status status = Open(); !status.ok()) {
      spdlog::critical("cannot_start reason=\"{}\"", std::string(status.message()));
      return 1;
    }
    Signals signals(&executor_, [this](int signal) { OnSignal(signal); });
    executor_.Post([this] { node_->Start(); });
    executor_.Run();
    gateway_.reset();
    http_.reset();
    node_.reset();
    return exit_code_;
  }

 private:
  absl::Status Open() {
    if (absl::Status status = LockData(config_.data); !status.ok()) return status;
    auto disk = storage::OpenPosixDisk(config_.data + "/log", &executor_);
    if (!disk.ok()) return disk.status();
    disk_ = *std::move(disk);
    auto engine = OpenEngine();
    if (!engine.ok()) return engine.status();
    engine_ = *std::move(engine);
    http_ = std::make_unique<HttpServer>(&executor_, [this](const std::string& path) {
      if (gateway_ == nullptr) return AnswerAdmin(*node_, path);
      return AnswerAdmin(*node_, path, {&gateway_->counters(), &operations_});
    });
    const auto http = http_->Listen(config_.http_listen);
    if (!http.ok()) return http.status();
    http_address_ = *http;
    if (config_.node.http_advertise.empty()) config_.node.http_advertise = *http;
    if (absl::Status status = OpenGateway(); !status.ok()) return status;
    node_ = std::make_unique<Node>(
        config_.node,
        Ports{&clock_, &random_, &executor_, &clients_, &peers_, disk_.get(), engine_.get()},
        Node::Callbacks{.ready = [this] { Ready(); },
                        .failed =
                            [this](const absl::Status&) {
                              exit_code_ = 1;
                              executor_.Stop();
                            }});
    return absl::OkStatus();
  }

  absl::Status OpenGateway() {
    const GatewayConfig& config = config_.gateway;
    if (config.listen.empty()) return absl::OkStatus();
    GatewayServerOptions options;
    options.cross_origin = !config.insecure_no_auth;
    options.connections = config.connections;
    options.held_bytes = config.held_bytes;
    options.request = config.request_us;
    options.idle = config.idle_us;
    options.health = [this](std::function<void(bool)> answer) {
      executor_.Post([this, answer = std::move(answer)] { answer(node_->healthy()); });
    };
    gateway_ = std::make_unique<GatewayServer>(std::move(options));
    const auto address = gateway_->Listen(config.listen);
    if (!address.ok()) return address.status();
    gateway_address_ = *address;
    if (config.insecure_no_auth) {
      spdlog::warn(
          "gateway_is_open address={} reason=\"--insecure-no-auth: everybody on this "
          "machine may read and write everything\"",
          gateway_address_);
    }
    return absl::OkStatus();
  }

  void ServeGateway() {
    if (gateway_ == nullptr) return;
    gateway::GatewayOptions options;
    options.endpoints = {node_->client_address()};
    options.keys.reset();
    if (!config_.gateway.insecure_no_auth) options.keys = config_.gateway.access_keys;
    gateway_->Serve([this, options](client::internal::Ports ports) {
      return Counted(std::make_unique<DynamoDb>(options, ports), &operations_);
    });
  }

  // A full disk is waited out: ended, it would only be started again.
  absl::StatusOr<std::unique_ptr<storage::Engine>> OpenEngine() {
    for (bool said = false;; said = true) {
      auto engine = storage::OpenRocksEngine(config_.data + "/engine", config_.engine, &executor_);
      if (!absl::IsResourceExhausted(engine.status())) return engine;
      if (!said) {
        spdlog::error("waits_for_space reason=\"{}\"", std::string(engine.status().message()));
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }

  void Ready() {
    ServeGateway();
    std::fprintf(
        stderr, "fastpathd ready node=%u cluster=%s client=%s peer=%s http=%s gateway=%s data=%s\n",
        node_->identity().node, Hex(node_->identity().cluster_id).c_str(),
        node_->client_address().c_str(), node_->peer_address().c_str(), http_address_.c_str(),
        gateway_ == nullptr ? "none" : gateway_address_.c_str(), config_.data.c_str());
  }

  void OnSignal(int signal) {
    if (stopping_) std::_Exit(130);
    stopping_ = true;
    spdlog::info("shutting_down signal={}", signal);
    const auto shut_down = [this] { node_->Shutdown([this] { executor_.Stop(); }); };
    if (gateway_ == nullptr) return shut_down();
    // First: what it has under way are this node's requests.
    gateway_->Shutdown([this, shut_down] { executor_.Post(shut_down); });
  }

  Config config_;
  SystemClock clock_;
  SystemRandom random_;
  AsioExecutor executor_;
  TcpNetwork clients_{&executor_,
                      {.preface = std::string(kClientPreface),
                       .frame_limit_bytes = kClientFrameLimitBytes,
                       .connection_limit = config_.node.limits.connections + kToBeRefused,
                       .unsent_limit_bytes = config_.node.limits.reply_bytes,
                       .partial_limit_bytes = config_.node.limits.partial_bytes}};
  TcpNetwork peers_{&executor_,
                    {.preface = std::string(kPeerPreface),
                     .frame_limit_bytes = kPeerFrameLimitBytes,
                     .connection_limit = config_.node.limits.peer_connections}};
  std::unique_ptr<storage::Disk> disk_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<HttpServer> http_;
  std::string http_address_;
  OperationCounters operations_;
  std::unique_ptr<GatewayServer> gateway_;
  std::string gateway_address_;
  int exit_code_ = 0;
  bool stopping_ = false;
};

}  // namespace
}  // namespace fastpath::node

// Read by jemalloc at its start. Huge pages for the engine's write-back table: what
// a write touches lies anywhere in it, and with small pages would miss the TLB each time.
extern "C" const char* malloc_conf = "thp:always,metadata_thp:auto";

int main(int argc, char** argv) {
  using namespace fastpath::node;
  if (argc > 1 && std::string_view(argv[1]) == "debug") return RunDebug(argc - 1, argv + 1);
  std::signal(SIGPIPE, SIG_IGN);
  CommandLine line = ParseCommandLine(argc, argv);
  if (line.exit_code) {
    std::fputs(line.output.c_str(), *line.exit_code == 0 ? stdout : stderr);
    return *line.exit_code;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("fastpathd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z level=%l %v");
  spdlog::set_level(spdlog::level::from_str(line.config.log_level));
  spdlog::flush_on(spdlog::level::info);
  FitInto(TakeResources(), line.config);
  return Process(std::move(line.config)).Run();
}
