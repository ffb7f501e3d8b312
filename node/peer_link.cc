#include "node/peer_link.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/codec.h"

namespace fastpath::node {
namespace {

constexpr Micros kPauseMin_us = 50'000;
constexpr Micros kPauseMax_us = 1'000'000;
// Of dialling and the handshake: a peer that died between the two never says so.
constexpr Micros kHandshakeTimeout_us = 3'000'000;
constexpr size_t kWaitingLimitBytes = 4u << 20;
constexpr size_t kBatchLimitBytes = 8u << 20;  // Well below the frame limit.

}  // namespace

absl::Cord PeerFrameOf(PeerFrame kind, const google::protobuf::MessageLite& message) {
  std::string bytes(1, static_cast<char>(kind));
  message.AppendToString(&bytes);
  return absl::Cord(std::move(bytes));
}

Transport::Link::Link(Transport* owner, raft::NodeId node, std::string address)
    : owner_(owner), node_(node), fixed_address_(std::move(address)) {}

void Transport::Link::Send(const raft::Message& message) {
  const size_t unsent =
      waiting_bytes_ + batch_.size() + (connection_ != nullptr ? connection_->buffered_bytes() : 0);
  const size_t limit =
      state_ == State::kUp ? owner_->limits_.peer_buffer_bytes : kWaitingLimitBytes;
  if (unsent > limit) {
    ++owner_->counters_.messages_dropped;
    return;
  }
  if (state_ == State::kDown) {
    if (owner_->clock_->Monotonic() < retry_at_) {
      ++owner_->counters_.messages_dropped;
      return;
    }
    Dial();
  }
  ++owner_->counters_.messages_out;
  raft::EncodeMessage(batch_, message);
  if (batch_.size() > kBatchLimitBytes) FlushMessages();
}

void Transport::Link::FlushMessages() {
  if (!batch_.empty()) SendBatch();
}

void Transport::Link::Beat(Micros now) {
  if (state_ == State::kDown && now >= retry_at_) Dial();
  if (state_ != State::kUp) return;
  if (connection_->buffered_bytes() <= owner_->limits_.peer_buffer_bytes) SendBatch();
}

void Transport::Link::SendBatch() {
  std::string header(1, static_cast<char>(PeerFrame::kMessages));
  raft::PutVarint(header, static_cast<uint64_t>(owner_->clock_->Wall()));
  const bool full = owner_->handlers_.disk_full && owner_->handlers_.disk_full();
  raft::PutVarint(header, full ? kDiskFull : 0);
  absl::Cord frame(std::move(header));
  frame.Append(std::exchange(batch_, absl::Cord()));
  SendFrame(std::move(frame));
}

void Transport::Link::SendFrame(absl::Cord frame) {
  if (state_ == State::kUp) {
    ++owner_->counters_.frames_out;
    owner_->counters_.bytes_out += frame.size();
    connection_->Send(std::move(frame));
    return;
  }
  if (waiting_bytes_ + frame.size() > kWaitingLimitBytes) return;
  waiting_bytes_ += frame.size();
  waiting_.push_back(std::move(frame));
}

void Transport::Link::Call(peer::Call call, Micros timeout, Answered done) {
  call.set_id(++last_call_);
  const Micros now = owner_->clock_->Monotonic();
  calls_.emplace(last_call_, Pending{now + timeout, std::move(done)});
  // A call does not wait out the pause: it has a deadline of its own.
  if (state_ == State::kDown) Dial();
  SendFrame(PeerFrameOf(PeerFrame::kCall, call));
}

void Transport::Link::Dial() {
  std::string address = fixed_address_;
  if (address.empty()) {
    const api::Node* node = owner_->handlers_.find_node(node_);
    if (node != nullptr) address = node->peer_address();
  }
  state_ = State::kConnecting;
  dialled_at_ = owner_->clock_->Monotonic();
  const uint64_t attempt = ++attempt_;
  if (address.empty()) {
    owner_->executor_->Post(lifetime_.Guard([this, attempt] {
      if (attempt == attempt_) Down(absl::UnavailableError("address unknown"));
    }));
    return;
  }
  owner_->network_->Connect(
      address, lifetime_.Guard([this, attempt](absl::StatusOr<std::unique_ptr<Connection>> made) {
        if (attempt == attempt_) Connected(std::move(made));
      }));
}

void Transport::Link::Connected(absl::StatusOr<std::unique_ptr<Connection>> connection) {
  if (!connection.ok()) return Down(connection.status());
  connection_ = *std::move(connection);
  state_ = State::kGreeting;
  const uint64_t attempt = attempt_;
  connection_->Start({.on_frame = [this](std::string_view frame) { OnFrame(frame); },
                      .on_close =
                          [this, attempt](absl::Status why) {
                            if (attempt == attempt_) Down(why);
                          }});
  peer::Hello hello;
  hello.set_cluster_id(owner_->identity_->cluster_id);
  hello.set_node(owner_->identity_->node);
  hello.set_incarnation(owner_->identity_->incarnation);
  hello.set_boot(owner_->watch_.boot);
  hello.set_command_version(owner_->command_version_);
  if (owner_->identity_->member()) *hello.mutable_self() = *owner_->handlers_.self;
  connection_->Send(PeerFrameOf(PeerFrame::kHello, hello));
}

void Transport::Link::OnFrame(std::string_view frame) {
  if (frame.empty()) return Down(absl::DataLossError("empty frame"));
  const PeerFrame kind = static_cast<PeerFrame>(frame[0]);
  frame.remove_prefix(1);
  if (state_ == State::kGreeting && kind == PeerFrame::kHelloReply) return OnGreeted(frame);
  if (state_ == State::kUp && kind == PeerFrame::kAnswer) return OnAnswer(frame);
  Down(absl::DataLossError(absl::StrCat("unexpected frame ", static_cast<int>(kind))));
}

void Transport::Link::OnGreeted(std::string_view body) {
  peer::HelloReply reply;
  if (!reply.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Down(absl::DataLossError("handshake does not parse"));
  }
  if (!reply.refusal().empty()) {
    return Down(absl::PermissionDeniedError(absl::StrCat("refused: ", reply.refusal())));
  }
  if (node_ != 0) {
    if (reply.cluster_id() != owner_->identity_->cluster_id) {
      return Down(absl::PermissionDeniedError(
          absl::StrCat("it belongs to cluster ", Hex(reply.cluster_id()), ", this node to cluster ",
                       Hex(owner_->identity_->cluster_id))));
    }
    if (reply.node() != node_) {
      return Down(absl::PermissionDeniedError(
          absl::StrCat("node ", reply.node(), " answers at the address of node ", node_)));
    }
  }
  state_ = State::kUp;
  pause_ = 0;
  if (!last_failure_.empty()) spdlog::info("peer_reached node={}", node_);
  last_failure_.clear();
  waiting_bytes_ = 0;
  for (absl::Cord& frame : std::exchange(waiting_, {})) SendFrame(std::move(frame));
}

void Transport::Link::OnAnswer(std::string_view body) {
  peer::Answer answer;
  if (!answer.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Down(absl::DataLossError("answer does not parse"));
  }
  const auto found = calls_.find(answer.id());
  if (found == calls_.end()) return;  // Overdue.
  Answered done = std::move(found->second.done);
  calls_.erase(found);
  std::move(done)(std::move(answer));
}

void Transport::Link::Down(const absl::Status& why) {
  ++attempt_;
  state_ = State::kDown;
  // This may run inside the connection's own callback, which it survives.
  connection_.reset();
  pause_ = std::clamp(pause_ * 2, kPauseMin_us, kPauseMax_us);
  retry_at_ = owner_->clock_->Monotonic() + pause_;
  batch_.Clear();
  waiting_.clear();
  waiting_bytes_ = 0;
  const std::string failure(why.message());
  if (failure != last_failure_ && node_ != 0) {
    spdlog::warn("peer_lost node={} reason=\"{}\"", node_, failure);
  }
  last_failure_ = failure;
  std::vector<Pending> calls;
  for (auto& [id, call] : calls_) calls.push_back(std::move(call));
  calls_.clear();
  Fail(std::move(calls), why);
}

void Transport::Link::Fail(std::vector<Pending> calls, const absl::Status& why) {
  for (Pending& call : calls) {
    owner_->executor_->Post([done = std::move(call.done), why]() mutable { std::move(done)(why); });
  }
}

void Transport::Link::Tick(Micros now) {
  const bool greeting = state_ == State::kConnecting || state_ == State::kGreeting;
  if (greeting && dialled_at_ + kHandshakeTimeout_us < now) {
    Down(absl::DeadlineExceededError("no handshake in time"));
  }
  std::vector<Pending> overdue;
  for (auto it = calls_.begin(); it != calls_.end();) {
    if (it->second.deadline > now) {
      ++it;
      continue;
    }
    overdue.push_back(std::move(it->second));
    it = calls_.erase(it);
  }
  Fail(std::move(overdue), absl::DeadlineExceededError("the node did not answer in time"));
}

void Transport::Link::Redial() {
  retry_at_ = 0;
  pause_ = 0;
  if (state_ == State::kDown) Dial();
}

}  // namespace fastpath::node
