#include "node/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "partition/frame.h"

namespace fastpath::node {
namespace {

constexpr Micros kDefaultDeadline_us = 10'000'000;
constexpr Micros kMaxDeadline_us = 60'000'000;
constexpr size_t kArenaBlockBytes = 256u << 10;
constexpr size_t kArenaResetBytes = 128u << 10;

google::protobuf::ArenaOptions ArenaOptions() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = kArenaBlockBytes;
  options.max_block_size = kArenaBlockBytes;
  return options;
}

bool MayTakeEffect(Op op) {
  return op == Op::kWrite || op == Op::kTransactWrite || op == Op::kTable;
}

}  // namespace

struct Server::Session {
  std::unique_ptr<Connection> connection;
  size_t in_flight = 0;
};

Server::Server(const Environment& environment, Network* network, Router* router)
    : env_(environment), network_(network), router_(router), arena_(ArenaOptions()) {}

Server::~Server() = default;

absl::StatusOr<std::string> Server::Listen(const std::string& address) {
  return network_->Listen(address, lifetime_.Guard([this](std::unique_ptr<Connection> made) {
    Accepted(std::move(made));
  }));
}

void Server::Accepted(std::unique_ptr<Connection> connection) {
  if (sessions_.size() >= env_.options->limits.connections) {
    return RefuseConnection(std::move(connection));
  }
  ++env_.metrics->connections_accepted;
  const uint64_t id = ++last_session_;
  auto session = std::make_unique<Session>();
  session->connection = std::move(connection);
  Connection* raw = session->connection.get();
  sessions_.emplace(id, std::move(session));
  raw->Start({.on_frame = [this, id](std::string_view frame) { OnFrame(id, frame); },
              .on_close = [this, id](absl::Status why) { Closed(id, why); }});
}

// With a word that answers no request: its sender may not have said anything yet.
void Server::RefuseConnection(std::unique_ptr<Connection> connection) {
  ++env_.metrics->connections_refused;
  api::Reply reply;
  reply.set_code(api::OVERLOADED);
  reply.set_message("this node has as many connections as it takes");
  connection->Send(absl::Cord(reply.SerializeAsString()));
}

void Server::Closed(uint64_t id, const absl::Status& why) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  if (absl::IsInvalidArgument(why)) {
    ++env_.metrics->malformed_frames;
    spdlog::warn("client_refused address={} reason=\"{}\"",
                 found->second->connection->peer_address(), std::string(why.message()));
  }
  sessions_.erase(found);
}

const char* Server::Overload(const Session& session, const InFlight& request) {
  const Limits& limits = env_.options->limits;
  if (session.in_flight >= limits.requests_per_connection || requests_.size() >= limits.requests) {
    return "too many requests are in flight";
  }
  if (request_bytes_ + request.bytes > limits.request_bytes) {
    return "the requests in flight are too large";
  }
  if (session.connection->buffered_bytes() > limits.reply_soft_bytes ||
      reply_bytes_ > limits.reply_bytes) {
    return "too many replies wait to be read";
  }
  return request.op == Op::kWrite ? WritesAreLate(request) : nullptr;
}

// What waits longer than its client will is work for nobody.
const char* Server::WritesAreLate(const InFlight& request) {
  const Limits& limits = env_.options->limits;
  while (!writes_.empty() && !requests_.contains(writes_.front())) writes_.pop_front();
  if (writes_.empty() || writes_in_flight_ < limits.writes_at_least) return nullptr;
  const Micros age = request.arrived - requests_.at(writes_.front()).arrived;
  if (age <= limits.write_age_us && age < request.deadline - request.arrived) return nullptr;
  return "writes wait too long already";
}

void Server::OnFrame(uint64_t session_id, std::string_view frame) {
  Session& session = *sessions_.at(session_id);
  env_.metrics->client_bytes_in += frame.size();
  if (arena_.SpaceUsed() > kArenaResetBytes) arena_.Reset();
  auto* request = google::protobuf::Arena::CreateMessage<api::Request>(&arena_);
  if (!request->ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    return Unreadable(session_id, request->id());
  }
  const Micros now = env_.clock->Monotonic();
  const Micros asked = static_cast<Micros>(request->deadline_ms()) * 1000;
  const InFlight taken{
      .session = session_id,
      .id = request->id(),
      .arrived = now,
      .deadline = now + (asked == 0 ? kDefaultDeadline_us : std::min(asked, kMaxDeadline_us)),
      .bytes = frame.size(),
      .op = OpOf(*request)};
  if (const char* why = Overload(session, taken)) {
    ++env_.metrics->overloaded;
    api::Reply reply;
    reply.set_code(api::OVERLOADED);
    reply.set_message(why);
    return Send(session, request->id(), taken.op, reply);
  }
  const uint64_t token = ++last_token_;
  requests_.emplace(token, taken);
  ++session.in_flight;
  request_bytes_ += frame.size();
  if (taken.op == Op::kWrite) {
    writes_.push_back(token);
    ++writes_in_flight_;
  }
  router_->Serve(*request,
                 lifetime_.Guard([this, token](api::Reply& reply) { Finish(token, reply); }));
}

// The id comes first, and the frame says where the next one begins: where there is an id, only
// that request is lost, and not what others have on the connection.
void Server::Unreadable(uint64_t session_id, uint64_t id) {
  if (id == 0) return Closed(session_id, absl::InvalidArgumentError("a request does not parse"));
  ++env_.metrics->malformed_frames;
  api::Reply reply;
  reply.set_code(api::INVALID);
  reply.set_message("the request does not parse: a name is not UTF-8, or it nests too deep");
  Send(*sessions_.at(session_id), id, Op::kUnknown, reply);
}

void Server::Finish(uint64_t token, api::Reply& reply) {
  const auto found = requests_.find(token);
  if (found == requests_.end()) return;  // Past its deadline.
  const InFlight request = found->second;
  requests_.erase(found);
  request_bytes_ -= request.bytes;
  if (request.op == Op::kWrite) --writes_in_flight_;
  env_.metrics->latency[static_cast<size_t>(request.op)].Observe(env_.clock->Monotonic() -
                                                                 request.arrived);
  const auto session = sessions_.find(request.session);
  if (session == sessions_.end()) return;
  --session->second->in_flight;
  Send(*session->second, request.id, request.op, reply);
}

void Server::Send(Session& session, uint64_t id, Op op, api::Reply& reply) {
  reply.set_id(id);
  const size_t code = static_cast<size_t>(reply.code());
  if (code < Metrics::kCodes) ++env_.metrics->requests[static_cast<size_t>(op)][code];
  if (reply.ByteSizeLong() > kClientFrameLimitBytes) {
    reply.Clear();
    reply.set_id(id);
    reply.set_code(MayTakeEffect(op) ? api::UNKNOWN : api::TOO_LARGE);
    reply.set_message("the answer is over the frame limit");
  }
  if (session.connection->buffered_bytes() > env_.options->limits.reply_hard_bytes) {
    return;  // It does not read: Tick ends it.
  }
  std::string bytes;
  reply.SerializeToString(&bytes);
  env_.metrics->client_bytes_out += bytes.size();
  reply_bytes_ += bytes.size();
  session.connection->Send(absl::Cord(std::move(bytes)));
}

void Server::Tick() {
  const Micros now = env_.clock->Monotonic();
  std::vector<uint64_t> overdue;
  for (const auto& [token, request] : requests_) {
    if (request.deadline <= now) overdue.push_back(token);
  }
  std::sort(overdue.begin(), overdue.end());  // The table's order is not the same everywhere.
  for (const uint64_t token : overdue) {
    api::Reply reply;
    const bool unknown = MayTakeEffect(requests_.at(token).op);
    reply.set_code(unknown ? api::UNKNOWN : api::DEADLINE);
    reply.set_message("not done by the deadline");
    Finish(token, reply);
  }
  const size_t hard = env_.options->limits.reply_hard_bytes;
  reply_bytes_ = 0;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const size_t unsent = it->second->connection->buffered_bytes();
    const bool stuck = unsent > hard;
    reply_bytes_ += unsent;
    it = stuck ? sessions_.erase(it) : std::next(it);
  }
}

}  // namespace fastpath::node
