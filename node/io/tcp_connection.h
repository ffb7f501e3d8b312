// One TCP connection behind the Connection port; made by TcpNetwork only.
#pragma once

#include <array>
#include <asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "absl/strings/cord.h"
#include "node/io/executor.h"
#include "partition/frame.h"
#include "raft/ports.h"

namespace fastpath::node {

inline constexpr size_t kPauseReadBytes = 8u << 20;
inline constexpr size_t kResumeReadBytes = 4u << 20;
// When too much waits in all.
inline constexpr size_t kPauseReadEarlyBytes = 16u << 10;
inline constexpr size_t kPartialAllowedBytes = 64u << 10;

// Shared by a network's connections: one receive buffer, one count.
struct TcpShared {
  AsioExecutor* executor = nullptr;
  std::array<char, 256u << 10> receive;
  size_t accepted = 0;
  size_t unsent_bytes = 0;  // Of all connections.
  size_t unsent_limit_bytes = SIZE_MAX;
  size_t partial_bytes = 0;  // Received of frames that are not whole.
  size_t partial_limit_bytes = SIZE_MAX;
};

class TcpConnection final : public Connection {
 public:
  // `socket` is connected. `expect`: the preface to demand; `send`: to send.
  TcpConnection(std::shared_ptr<TcpShared> shared, asio::ip::tcp::socket socket,
                std::string_view expect, std::string_view send, size_t frame_limit_bytes,
                bool accepted);
  ~TcpConnection() override;

  void Start(Handlers handlers) override;
  void Send(absl::Cord frame) override;
  size_t buffered_bytes() const override;
  std::string peer_address() const override;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace fastpath::node
