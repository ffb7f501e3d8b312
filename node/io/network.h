// The Network port over TCP: framing by FrameDecoder, every frame written in
// one loop iteration gathered into one writev, reads that feed many frames.
//
// A connection whose peer reads slowly stops being read itself once
// kPauseReadBytes wait for it, so a client cannot make the node buffer without
// end. So are, at little, all who read slowly once unsent_limit_bytes wait in
// all. Who sends more of a large unfinished frame when partial_limit_bytes are
// held is cut off. Running out of file descriptors delays accepting, nothing else.
//
// Threads: the executor's. The executor outlives the network; the network
// outlives its connections.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "node/io/executor.h"
#include "raft/ports.h"

namespace fastpath::node {

class TcpNetwork final : public Network {
 public:
  struct Options {
    std::string preface;  // Sent by the connecting side, demanded by the accepting one.
    size_t frame_limit_bytes = 4u << 20;
    size_t connection_limit = 4096;  // Accepted ones; more are closed at once.
    // Of all its connections: what the other sides do not take, and frames that
    // are not whole yet.
    size_t unsent_limit_bytes = SIZE_MAX;
    size_t partial_limit_bytes = SIZE_MAX;
  };
  TcpNetwork(AsioExecutor* executor, Options options);
  ~TcpNetwork() override;

  absl::StatusOr<std::string> Listen(const std::string& address, OnAccept on_accept) override;
  void Connect(const std::string& address,
               std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)> done) override;

 private:
  struct Listener;
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace fastpath::node
