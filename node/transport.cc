#include "node/transport.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "node/peer_link.h"
#include "raft/codec.h"

namespace fastpath::node {
namespace {

constexpr size_t kSessionLimit = 1024;
constexpr Micros kGreetingTimeout_us = 5'000'000;
// The year 10000: differences of clocks fit into what holds them.
constexpr uint64_t kWallLimit_us = 253'402'300'800'000'000;
// News of a commit is awaited by nobody: within this time the next append, or
// the news of other groups, takes it along.
constexpr Micros kCommitDelay_us = 2'000;

constexpr size_t kAnnounced = 32;  // Messages at a time.

bool OnlyTellsOfCommit(const raft::Message& message) {
  return message.type == raft::MessageType::kHeartbeat && message.round == 0;
}

}  // namespace

// An incoming connection: another node's link to us.
struct Transport::Session {
  std::unique_ptr<Connection> connection;
  bool greeted = false;
  raft::NodeId node = 0;
  Micros since = 0;
};

Transport::Transport(Clock* clock, Executor* executor, Network* network, const Identity* identity,
                     const NodeOptions& options, const Watch& watch, Handlers handlers)
    : clock_(clock),
      executor_(executor),
      network_(network),
      identity_(identity),
      limits_(options.limits),
      command_version_(options.command_version),
      watch_(watch),
      handlers_(std::move(handlers)) {}

Transport::~Transport() = default;

absl::StatusOr<std::string> Transport::Listen(const std::string& address) {
  return network_->Listen(address, lifetime_.Guard([this](std::unique_ptr<Connection> made) {
    Accepted(std::move(made));
  }));
}

// ------------------------------------------------------------------- outgoing

Transport::Link& Transport::LinkTo(raft::NodeId node) {
  std::unique_ptr<Link>& link = links_[node];
  if (link == nullptr) link = std::make_unique<Link>(this, node, "");
  return *link;
}

void Transport::Send(raft::NodeId to, raft::Message message) {
  LinkTo(to).Send(message);
  if (OnlyTellsOfCommit(message)) return FlushLater();
  if (flush_posted_) return;
  flush_posted_ = true;
  executor_->Post(lifetime_.Guard([this] {
    flush_posted_ = false;
    FlushLinks();
  }));
}

void Transport::FlushLater() {
  if (flush_later_) return;
  flush_later_ = true;
  executor_->At(clock_->Monotonic() + kCommitDelay_us, lifetime_.Guard([this] {
    flush_later_ = false;
    FlushLinks();
  }));
}

void Transport::FlushLinks() {
  for (auto& [node, link] : links_) link->FlushMessages();
}

void Transport::Call(raft::NodeId to, peer::Call call, Micros timeout, Answered done) {
  if (to != identity_->node) return LinkTo(to).Call(std::move(call), timeout, std::move(done));
  executor_->Post(lifetime_.Guard([this, call = std::move(call), done = std::move(done)]() mutable {
    handlers_.call(identity_->node, call, [done = std::move(done)](peer::Answer answer) mutable {
      std::move(done)(std::move(answer));
    });
  }));
}

void Transport::CallAddress(const std::string& address, peer::Call call, Micros timeout,
                            Answered done) {
  const uint64_t id = ++last_one_shot_;
  auto& link = one_shots_[id];
  link = std::make_unique<Link>(this, 0, address);
  link->Call(std::move(call), timeout, std::move(done));
}

void Transport::Tick() {
  const Micros now = clock_->Monotonic();
  for (auto& [node, link] : links_) link->Tick(now);
  for (auto it = one_shots_.begin(); it != one_shots_.end();) {
    it->second->Tick(now);
    it = it->second->idle() ? one_shots_.erase(it) : std::next(it);
  }
  std::vector<uint64_t> mute;
  for (const auto& [id, session] : sessions_) {
    if (!session->greeted && session->since + kGreetingTimeout_us < now) mute.push_back(id);
  }
  for (const uint64_t id : mute) EndSession(id, "no handshake in time");
}

void Transport::Beat() {
  const Micros now = clock_->Monotonic();
  for (auto& [node, peer] : peers_) {
    if (peer.lost || peer.heard_at + watch_.silence > now) continue;
    peer.lost = true;
    handlers_.lost(node);
  }
  if (now < next_beat_) return;
  next_beat_ = now + watch_.interval;
  for (auto& [node, link] : links_) link->Beat(now);
}

void Transport::Redial(raft::NodeId node) { LinkTo(node).Redial(); }

std::optional<int64_t> Transport::ClockOffset_us(raft::NodeId node) const {
  const auto found = peers_.find(node);
  if (found == peers_.end() || !found->second.ahead_us) return std::nullopt;
  return *found->second.ahead_us + clock_->Monotonic() - clock_->Wall();
}

uint32_t Transport::CommandVersion(raft::NodeId node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? 0 : found->second.command_version;
}

bool Transport::DiskFull(raft::NodeId node) const {
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.disk_full;
}

// ------------------------------------------------------------------- incoming

void Transport::Accepted(std::unique_ptr<Connection> connection) {
  if (sessions_.size() >= kSessionLimit) return;
  const uint64_t id = ++last_session_;
  auto session = std::make_unique<Session>();
  session->connection = std::move(connection);
  session->since = clock_->Monotonic();
  Connection* raw = session->connection.get();
  sessions_.emplace(id, std::move(session));
  raw->Start(
      {.on_frame = [this, id](std::string_view frame) { SessionFrame(id, frame); },
       .on_close = [this, id](absl::Status why) { EndSession(id, std::string(why.message())); }});
}

void Transport::EndSession(uint64_t id, const std::string& why) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const std::unique_ptr<Session> session = std::move(found->second);
  sessions_.erase(found);
  if (!session->greeted) {
    ++counters_.refused;
    spdlog::warn("peer_refused address={} reason=\"{}\"", session->connection->peer_address(), why);
  } else {
    spdlog::debug("peer_session_ended node={} reason=\"{}\"", session->node, why);
  }
}

void Transport::SessionFrame(uint64_t id, std::string_view frame) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  ++counters_.frames_in;
  counters_.bytes_in += frame.size();
  if (frame.empty()) return EndSession(id, "empty frame");
  const PeerFrame kind = static_cast<PeerFrame>(frame[0]);
  frame.remove_prefix(1);
  if (!session.greeted) {
    if (kind != PeerFrame::kHello) return EndSession(id, "no handshake");
    if (!Greet(session, frame)) EndSession(id, "handshake refused");
    return;
  }
  if (kind == PeerFrame::kCall) return TakeCall(id, session.node, frame);
  if (kind == PeerFrame::kMessages && session.node != 0) {
    const absl::Status taken = TakeMessages(session.node, frame);
    if (taken.ok()) return;
    spdlog::warn("peer_frame_malformed node={} reason=\"{}\"", session.node,
                 std::string(taken.message()));
    return EndSession(id, "malformed frame");
  }
  EndSession(id, "unexpected frame");
}

bool Transport::Greet(Session& session, std::string_view body) {
  peer::Hello hello;
  peer::HelloReply reply;
  if (!hello.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    reply.set_refusal("the handshake does not parse");
  } else {
    reply.set_refusal(RefusalOf(hello));
  }
  reply.set_cluster_id(identity_->cluster_id);
  reply.set_node(identity_->node);
  reply.set_incarnation(identity_->incarnation);
  session.connection->Send(PeerFrameOf(PeerFrame::kHelloReply, reply));
  if (!reply.refusal().empty()) {
    spdlog::warn("peer_handshake_refused address={} node={} cluster={} reason=\"{}\"",
                 session.connection->peer_address(), hello.node(), Hex(hello.cluster_id()),
                 reply.refusal());
    return false;
  }
  session.greeted = true;
  session.node = hello.node();
  // It lives: do not wait out the pause of our own link to it.
  if (session.node == 0) return true;
  Meet(session, hello);
  if (hello.self().id() == session.node) handlers_.introduced(hello.self());
  Redial(session.node);
  return true;
}

void Transport::Meet(const Session& session, const peer::Hello& hello) {
  const raft::NodeId node = session.node;
  Peer& peer = peers_[node];
  const bool anew = peer.boot != 0 && peer.boot != hello.boot();
  peer.boot = hello.boot();
  peer.command_version = hello.command_version();
  peer.heard_at = clock_->Monotonic();
  peer.lost = false;
  if (!anew) return;
  // What the process before it may still have under way no longer counts.
  std::vector<uint64_t> stale;
  for (const auto& [id, other] : sessions_) {
    if (other->greeted && other->node == node && other.get() != &session) stale.push_back(id);
  }
  for (const uint64_t id : stale) EndSession(id, "the node has started anew");
  handlers_.lost(node);
}

std::string Transport::RefusalOf(const peer::Hello& hello) const {
  if (!identity_->member()) return "this node is not yet a member of a cluster";
  const uint32_t required =
      handlers_.required_version ? handlers_.required_version(hello.node()) : 0;
  if (hello.command_version() != 0 && hello.command_version() < required) {
    return absl::StrCat("the caller's program is too old: it knows commands up to version ",
                        hello.command_version(), ", the cluster has version ", required);
  }
  if (hello.node() == 0) return "";  // Wants to join, or to ask from a store without peers.
  if (hello.cluster_id() != identity_->cluster_id) {
    return absl::StrCat("this node belongs to cluster ", Hex(identity_->cluster_id),
                        ", the caller to cluster ", Hex(hello.cluster_id()));
  }
  if (hello.node() == identity_->node) return "the caller has this node's own id";
  const api::Node* known = handlers_.find_node(hello.node());
  if (known != nullptr && !known->incarnation().empty() &&
      known->incarnation() != hello.incarnation()) {
    return absl::StrCat("node ", hello.node(), " was registered with another store");
  }
  return "";
}

absl::Status Transport::TakeMessages(raft::NodeId from, std::string_view body) {
  uint64_t wall = 0;
  if (!raft::TakeVarint(body, wall)) return absl::DataLossError("no clock");
  if (wall > kWallLimit_us) return absl::DataLossError("a clock past the year 9999");
  uint64_t state = 0;
  if (!raft::TakeVarint(body, state)) return absl::DataLossError("no state");
  const Micros now = clock_->Monotonic();
  Peer& peer = peers_[from];
  peer.ahead_us = static_cast<int64_t>(wall) - now;
  peer.heard_at = now;
  peer.lost = false;
  const bool disk_full = (state & kDiskFull) != 0;
  full_disks_ -= peer.disk_full ? 1 : 0;
  full_disks_ += disk_full ? 1 : 0;
  peer.disk_full = disk_full;
  std::vector<raft::Message> messages = std::exchange(incoming_, {});
  while (!body.empty()) {
    auto message = raft::DecodeMessage(body);
    if (!message.ok()) return message.status();
    messages.push_back(*std::move(message));
  }
  counters_.messages_in += messages.size();
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i % kAnnounced == 0 && handlers_.coming) {
      handlers_.coming(absl::MakeConstSpan(messages).subspan(i, kAnnounced));
    }
    handlers_.message(from, std::move(messages[i]));
  }
  messages.clear();
  incoming_ = std::move(messages);
  return absl::OkStatus();
}

void Transport::TakeCall(uint64_t session, raft::NodeId from, std::string_view body) {
  peer::Call call;
  if (!call.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return EndSession(session, "call does not parse");
  }
  handlers_.call(from, call, lifetime_.Guard([this, session, id = call.id()](peer::Answer answer) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return;
    answer.set_id(id);
    found->second->connection->Send(PeerFrameOf(PeerFrame::kAnswer, answer));
  }));
}

}  // namespace fastpath::node
