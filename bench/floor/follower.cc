#include "bench/floor/follower.h"

#include <cstdlib>

#include "bench/floor/wire.h"

namespace fastpath::bench {
namespace {

constexpr size_t kBatchHead = sizeof(uint32_t) + sizeof(uint64_t);

}  // namespace

FloorFollower::FloorFollower(asio::io_context& io, uint16_t port, FloorLog& log, FloorState& state)
    : acceptor_(io, {asio::ip::address_v4::loopback(), port}), log_(log), state_(state) {
  acceptor_.async_accept([this](asio::error_code error, asio::ip::tcp::socket socket) {
    if (error) return;
    leader_ = std::make_unique<FloorSocket>(std::move(socket));
    leader_->Start([this](std::string_view bytes) { return Hear(bytes); },
                   [] { std::exit(0); });  // Without its leader it has no use.
  });
}

size_t FloorFollower::Hear(std::string_view bytes) {
  std::string_view left = bytes;
  std::string_view last;
  for (std::string_view batch = CutFrame(left); !batch.empty(); batch = CutFrame(left))
    last = batch;
  const size_t whole = bytes.size() - left.size();
  if (whole == 0) return 0;
  log_.AppendAndSync(bytes.substr(0, whole));
  leader_->out().append(last.substr(sizeof(uint32_t), sizeof(uint64_t)));
  leader_->Flush();
  left = bytes.substr(0, whole);
  for (std::string_view batch = CutFrame(left); !batch.empty(); batch = CutFrame(left)) {
    batch.remove_prefix(kBatchHead);
    while (!batch.empty()) {
      const FloorRequest request = ParseRequest(CutFrame(batch));
      state_.Put(request.key, request.value);
    }
  }
  state_.EndBatch();
  return whole;
}

}  // namespace fastpath::bench
