// What other servers say: a Transport that is fed frames as they come from a
// socket. Frames are taken or end their connection, and nothing else.
//
//   input := frame*     frame := u16le(length) bytes, the first byte is its kind
#include <spdlog/spdlog.h>

#include "google/protobuf/stubs/logging.h"
#include "node/transport.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/sim_executor.h"

namespace fastpath::fuzz {
namespace {

constexpr size_t kFrames = 64;

class FakeConnection final : public Connection {
 public:
  explicit FakeConnection(Handlers& handlers, bool& open) : handlers_(handlers), open_(open) {
    open_ = true;
  }
  ~FakeConnection() override { open_ = false; }
  void Start(Handlers handlers) override { handlers_ = std::move(handlers); }
  void Send(absl::Cord frame) override { FUZZ_CHECK(!frame.empty()); }
  size_t buffered_bytes() const override { return 0; }
  std::string peer_address() const override { return "peer"; }

 private:
  Handlers& handlers_;
  bool& open_;
};

// Holds who listens; nobody can be reached.
class FakeNetwork final : public Network {
 public:
  absl::StatusOr<std::string> Listen(const std::string& address, OnAccept on_accept) override {
    accept = std::move(on_accept);
    return address;
  }
  void Connect(const std::string&,
               std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)>) override {}

  OnAccept accept;
};

node::Transport::Handlers Owner(const api::Node* self) {
  return {.message = [](raft::NodeId from, const raft::Message&) { FUZZ_CHECK(from != 0); },
          .call =
              [](raft::NodeId, const peer::Call& call, node::Answerer answer) {
                if (call.has_join()) std::move(answer)(peer::Answer());  // Else it is dropped.
              },
          .find_node = [](raft::NodeId) -> const api::Node* { return nullptr; },
          .introduced = [](const api::Node& node) { FUZZ_CHECK(node.id() != 0); },
          .lost = [](raft::NodeId node) { FUZZ_CHECK(node != 0); },
          .self = self};
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath;
  spdlog::set_level(spdlog::level::off);
  google::protobuf::SetLogHandler(nullptr);
  std::string_view in = fuzz::AsText(data, size);
  Connection::Handlers handlers;  // Both outlive the connection.
  bool open = false;
  testing::SimLoop loop;
  testing::SimClock clock(&loop);
  testing::SimExecutor executor(&loop);
  fuzz::FakeNetwork network;
  node::Identity identity{std::string(16, 'c'), std::string(16, 'i'), 1};
  api::Node self;
  self.set_id(1);
  node::Transport transport(&clock, &executor, &network, &identity, node::NodeOptions(),
                            node::Transport::Watch{.boot = 1}, fuzz::Owner(&self));
  FUZZ_CHECK(transport.Listen("here").ok());
  network.accept(std::make_unique<fuzz::FakeConnection>(handlers, open));
  for (size_t frames = 0; open && !in.empty() && frames < fuzz::kFrames; ++frames) {
    const std::string frame(fuzz::TakeUpTo(in, fuzz::TakeShort(in)));
    const auto on_frame = handlers.on_frame;
    on_frame(frame);
    loop.RunFor(1000);
    (void)transport.ClockOffset_us(2);
  }
  transport.Tick();
  transport.Beat();
  return 0;
}
