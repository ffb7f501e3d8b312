// One outgoing connection to a peer: dial, handshake, frames, calls. A private
// part of Transport, which see.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/cord.h"
#include "node/transport.h"

namespace fastpath::node {

// First byte of a peer frame. Never-change.
enum class PeerFrame : char {
  kHello = 1,
  kHelloReply = 2,
  kMessages = 3,
  kCall = 4,
  kAnswer = 5,
};

// Bits of a messages frame's state. Never-change.
inline constexpr uint64_t kDiskFull = 1;

absl::Cord PeerFrameOf(PeerFrame kind, const google::protobuf::MessageLite& message);

class Transport::Link {
 public:
  // `node` 0: whoever answers at `address`; the link is used for one call.
  Link(Transport* owner, raft::NodeId node, std::string address);

  void Send(const raft::Message& message);
  void Call(peer::Call call, Micros timeout, Answered done);
  void FlushMessages();
  void Beat(Micros now);  // Sends what waits, or an empty frame.
  void Tick(Micros now);
  void Redial();
  bool idle() const { return calls_.empty(); }

 private:
  enum class State { kDown, kConnecting, kGreeting, kUp };
  struct Pending {
    Micros deadline = 0;
    Answered done;
  };

  void SendBatch();
  void Dial();
  void Connected(absl::StatusOr<std::unique_ptr<Connection>> connection);
  void OnFrame(std::string_view frame);
  void OnGreeted(std::string_view body);
  void OnAnswer(std::string_view body);
  void Down(const absl::Status& why);
  void Fail(std::vector<Pending> calls, const absl::Status& why);
  void SendFrame(absl::Cord frame);

  Transport* owner_;
  const raft::NodeId node_;
  const std::string fixed_address_;
  State state_ = State::kDown;
  std::unique_ptr<Connection> connection_;
  uint64_t attempt_ = 0;  // Callbacks of older connections are ignored.
  Micros dialled_at_ = 0;
  Micros retry_at_ = 0;
  Micros pause_ = 0;
  std::string last_failure_;

  absl::Cord batch_;                // Messages of this loop iteration.
  std::deque<absl::Cord> waiting_;  // Frames to send once up.
  size_t waiting_bytes_ = 0;
  std::map<uint64_t, Pending> calls_;
  uint64_t last_call_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
