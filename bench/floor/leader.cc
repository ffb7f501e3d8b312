#include "bench/floor/leader.h"

#include <algorithm>
#include <cstdlib>

#include "bench/floor/wire.h"

namespace fastpath::bench {
namespace {

using asio::ip::tcp;

tcp::endpoint Loopback(uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

}  // namespace

FloorLeader::FloorLeader(asio::io_context& io, uint16_t port,
                         const std::vector<uint16_t>& followers, FloorLog& log, FloorState& state)
    : io_(io), acceptor_(io, Loopback(port)), log_(log), state_(state) {
  for (uint16_t follower : followers) {
    tcp::socket socket(io);
    socket.connect(Loopback(follower));
    followers_.push_back(std::make_unique<FloorSocket>(std::move(socket)));
    followers_.back()->Start(
        [this](std::string_view bytes) {
          const size_t whole = bytes.size() / sizeof(uint64_t) * sizeof(uint64_t);
          if (whole > 0)
            Acknowledged(ReadInteger<uint64_t>(bytes.substr(whole - sizeof(uint64_t))));
          return whole;
        },
        [] { std::exit(0); });  // The followers are ended together with the leader.
  }
  Accept();
}

void FloorLeader::Accept() {
  acceptor_.async_accept([this](asio::error_code error, tcp::socket socket) {
    if (error) return;
    const ClientId id = next_client_++;
    FloorSocket& client = *(clients_[id] = std::make_unique<FloorSocket>(std::move(socket)));
    client.Start([this, id](std::string_view bytes) { return Hear(id, bytes); },
                 [this, id] { asio::post(io_, [this, id] { clients_.erase(id); }); });
    Accept();
  });
}

size_t FloorLeader::Hear(ClientId id, std::string_view bytes) {
  FloorSocket& client = *clients_[id];
  std::string_view left = bytes;
  std::string value;
  for (std::string_view frame = CutFrame(left); !frame.empty(); frame = CutFrame(left)) {
    const FloorRequest request = ParseRequest(frame);
    if (request.read) {
      const bool found = state_.Get(request.key, &value);
      AppendAnswer(client.out(), request.id, found, value);
      value.clear();
    } else {
      gathering_.requests.append(frame);
      gathering_.askers.push_back(id);
    }
  }
  client.Flush();
  if (!gathering_.askers.empty() && !posted_) {
    posted_ = true;
    asio::post(io_, [this] { Replicate(); });
  }
  return bytes.size() - left.size();
}

void FloorLeader::Replicate() {
  posted_ = false;
  Batch batch = std::exchange(gathering_, {});
  batch.sequence = ++last_;
  for (auto& follower : followers_) {
    AppendInteger(follower->out(),
                  static_cast<uint32_t>(sizeof(batch.sequence) + batch.requests.size()));
    AppendInteger(follower->out(), batch.sequence);
    follower->out().append(batch.requests);
    follower->Flush();  // They sync while this node does.
  }
  log_.AppendAndSync(batch.requests);
  synced_ = batch.sequence;
  waiting_.push_back(std::move(batch));
  Acknowledged(acknowledged_);
}

void FloorLeader::Acknowledged(uint64_t sequence) {
  acknowledged_ = std::max(acknowledged_, sequence);
  while (!waiting_.empty() && waiting_.front().sequence <= std::min(acknowledged_, synced_)) {
    Apply(waiting_.front());
    waiting_.pop_front();
  }
  for (auto& [id, client] : clients_) client->Flush();
}

void FloorLeader::Apply(const Batch& batch) {
  std::string_view left = batch.requests;
  for (std::string_view frame = CutFrame(left); !frame.empty(); frame = CutFrame(left)) {
    const FloorRequest request = ParseRequest(frame);
    state_.Put(request.key, request.value);
  }
  state_.EndBatch();
  left = batch.requests;
  for (ClientId asker : batch.askers) {
    const FloorRequest request = ParseRequest(CutFrame(left));
    const auto client = clients_.find(asker);
    if (client != clients_.end()) AppendAnswer(client->second->out(), request.id, true, "");
  }
}

}  // namespace fastpath::bench
