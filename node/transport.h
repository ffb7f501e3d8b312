// Talks to the other nodes: raft messages, and calls with answers.
//
// One outgoing link per node, dialled on first use and again after a pause when
// it breaks; the other side's messages come over its own link to us. All raft
// messages to a node in one loop iteration travel in one frame, so heartbeats
// of all groups coalesce; each such frame carries the sender's wall clock.
// A handshake names cluster, node and incarnation on both sides. Who calls is checked by all three,
// who answers by cluster and node; a stranger is refused with the reason, and nothing else happens.
//
// Nodes watch each other: each sends every other a frame every `interval`, empty
// if there is nothing to say. Who was silent too long, or has started anew, is
// reported as lost: quiet groups keep no timers of their own.
//
// Bounds: messages to a node with `peer_buffer_bytes` unsent are dropped (raft
// repeats them); calls end by their timeout. Threads: the executor's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "node/identity.h"
#include "node/lifetime.h"
#include "node/options.h"
#include "node/peer.pb.h"
#include "raft/ports.h"

namespace fastpath::node {

using Answerer = absl::AnyInvocable<void(peer::Answer)>;
using Answered = absl::AnyInvocable<void(absl::StatusOr<peer::Answer>)>;

// Answers a call with a status alone, and words for it.
inline void AnswerCall(Answerer& answer, peer::Status status, const std::string& why) {
  peer::Answer reply;
  reply.set_status(status);
  reply.set_message(why);
  std::move(answer)(std::move(reply));
}

class Transport final : public raft::Transport {
 public:
  struct Handlers {
    std::function<void(raft::NodeId from, raft::Message)> message;
    // The next few of a frame, before the first of them is handed over. May be empty.
    std::function<void(absl::Span<const raft::Message>)> coming;
    // `from` is 0 if the caller wants to join. The answerer may be kept, and
    // dropped; call it once.
    std::function<void(raft::NodeId from, const peer::Call&, Answerer)> call;
    // Null if unknown; valid during the call.
    std::function<const api::Node*(raft::NodeId)> find_node;
    // A member said Hello and where it can be reached.
    std::function<void(const api::Node&)> introduced;
    // Silent for Watch::silence, or another process since it was last heard. Said
    // once; said again only after the node was heard again.
    std::function<void(raft::NodeId)> lost;
    // This node's disk lacks space: told to others with every frame. May be null.
    std::function<bool()> disk_full;
    // The command version below which this node is refused; 0: one that is none yet. May be null.
    std::function<uint32_t(raft::NodeId)> required_version;
    // This node, as it introduces itself.
    const api::Node* self = nullptr;
  };

  struct Watch {
    Micros interval = 100'000;
    Micros silence = 600'000;
    uint64_t boot = 0;  // Tells this process from those before it.
  };

  // `identity` outlives the transport and may become a member's later.
  Transport(Clock* clock, Executor* executor, Network* network, const Identity* identity,
            const NodeOptions& options, const Watch& watch, Handlers handlers);
  ~Transport() override;

  absl::StatusOr<std::string> Listen(const std::string& address);

  void Send(raft::NodeId to, raft::Message message) override;

  // `done` runs once, never inside the call: Unavailable when the link breaks,
  // DeadlineExceeded after `timeout`. A call to this very node works too.
  void Call(raft::NodeId to, peer::Call call, Micros timeout, Answered done);
  // On a connection of its own, to whoever answers at `address`.
  void CallAddress(const std::string& address, peer::Call call, Micros timeout, Answered done);

  // Ends what is overdue; every 100 ms or so.
  void Tick();
  // Sends heartbeats that are due, and reports who is lost; every 20 ms or so.
  void Beat();
  // A node has new addresses, or lives again: dial now.
  void Redial(raft::NodeId node);

  // How far the node's wall clock is ahead of ours, as last heard and running on since: when two
  // clocks differ, that of a third node which is down now still says who is off.
  std::optional<int64_t> ClockOffset_us(raft::NodeId node) const;

  // As the node last said; 0: it never did.
  uint32_t CommandVersion(raft::NodeId node) const;

  // As last heard.
  bool DiskFull(raft::NodeId node) const;
  size_t full_disks() const { return full_disks_; }  // Of other nodes.

  struct Counters {
    uint64_t frames_out = 0;
    uint64_t messages_out = 0;
    uint64_t messages_dropped = 0;
    uint64_t bytes_out = 0;
    uint64_t frames_in = 0;
    uint64_t messages_in = 0;
    uint64_t bytes_in = 0;
    uint64_t refused = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  class Link;
  struct Session;
  // A node that has greeted us.
  struct Peer {
    uint64_t boot = 0;
    // Its wall clock less our monotonic one: a jump of ours moves nothing.
    std::optional<int64_t> ahead_us;
    Micros heard_at = 0;
    bool lost = false;
    bool disk_full = false;
    uint32_t command_version = 0;
  };

  Link& LinkTo(raft::NodeId node);
  void FlushLater();
  void FlushLinks();

  void Accepted(std::unique_ptr<Connection> connection);
  void SessionFrame(uint64_t id, std::string_view frame);
  bool Greet(Session& session, std::string_view body);
  void Meet(const Session& session, const peer::Hello& hello);
  std::string RefusalOf(const peer::Hello& hello) const;
  void EndSession(uint64_t id, const std::string& why);
  absl::Status TakeMessages(raft::NodeId from, std::string_view body);
  void TakeCall(uint64_t session, raft::NodeId from, std::string_view body);

  Clock* clock_;
  Executor* executor_;
  Network* network_;
  const Identity* identity_;
  const Limits limits_;
  const uint32_t command_version_;
  Watch watch_;
  Micros next_beat_ = 0;
  Handlers handlers_;
  Counters counters_;
  std::vector<raft::Message> incoming_;  // Of one frame.

  std::map<raft::NodeId, std::unique_ptr<Link>> links_;
  std::map<uint64_t, std::unique_ptr<Link>> one_shots_;  // CallAddress.
  uint64_t last_one_shot_ = 0;
  bool flush_posted_ = false;
  bool flush_later_ = false;

  std::map<uint64_t, std::unique_ptr<Session>> sessions_;
  uint64_t last_session_ = 0;
  std::map<raft::NodeId, Peer> peers_;
  size_t full_disks_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
