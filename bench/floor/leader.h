// Gathers what clients ask in a turn of the loop into a batch, sends it to both
// followers, syncs it, and applies and answers it when one follower has it too.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "bench/floor/log.h"
#include "bench/floor/socket.h"
#include "bench/floor/state.h"

namespace fastpath::bench {

class FloorLeader {
 public:
  FloorLeader(asio::io_context& io, uint16_t port, const std::vector<uint16_t>& followers,
              FloorLog& log, FloorState& state);

 private:
  using ClientId = uint64_t;
  struct Batch {
    uint64_t sequence = 0;
    std::string requests;
    std::vector<ClientId> askers;  // One for each request.
  };

  void Accept();
  size_t Hear(ClientId client, std::string_view bytes);
  void Replicate();
  void Acknowledged(uint64_t sequence);
  void Apply(const Batch& batch);

  asio::io_context& io_;
  asio::ip::tcp::acceptor acceptor_;
  FloorLog& log_;
  FloorState& state_;
  std::vector<std::unique_ptr<FloorSocket>> followers_;
  std::map<ClientId, std::unique_ptr<FloorSocket>> clients_;
  ClientId next_client_ = 0;
  Batch gathering_;
  bool posted_ = false;
  std::deque<Batch> waiting_;  // On this disk, for a follower's.
  uint64_t last_ = 0, synced_ = 0, acknowledged_ = 0;
};

}  // namespace fastpath::bench
