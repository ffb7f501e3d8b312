// Syncs the batches that have come with one fdatasync, acknowledges, then applies.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/floor/log.h"
#include "bench/floor/socket.h"
#include "bench/floor/state.h"

namespace fastpath::bench {

class FloorFollower {
 public:
  FloorFollower(asio::io_context& io, uint16_t port, FloorLog& log, FloorState& state);

 private:
  size_t Hear(std::string_view bytes);

  asio::ip::tcp::acceptor acceptor_;
  FloorLog& log_;
  FloorState& state_;
  std::unique_ptr<FloorSocket> leader_;
};

}  // namespace fastpath::bench
