// The core's ports, simulated: one thread, time that jumps to the next event,
// and nodes that a test scripts by what they answer to each request.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/internal/core.h"
#include "client/internal/ports.h"
#include "partition/api.pb.h"

namespace fastpath::client::internal {

class SimWorld : public Clock, public Random, public Executor, public Dialer {
 public:
  static constexpr Micros kWire = 100;  // One way.
  // Log time is this far ahead of the simulated wall clock.
  static constexpr uint64_t kLogTimeAhead = 1'000'000'000;

  SimWorld();

  // --- ports
  Micros Monotonic() override { return now_; }
  Micros Wall() override { return kWallAtStart + now_; }
  uint64_t Next() override;
  void Post(Work work) override;
  TimerId At(Micros monotonic, Work work) override;
  void Cancel(TimerId timer) override;
  void Dial(const std::string& address,
            std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done) override;
  Ports ports() { return {this, this, this, this}; }

  uint64_t LogTime() const { return static_cast<uint64_t>(kWallAtStart + now_) + kLogTimeAhead; }

  // --- time
  // Runs until nothing is due before `until`, and then it is `until`.
  void RunUntil(Micros until);
  void RunFor(Micros duration) { RunUntil(now_ + duration); }

  // --- nodes
  struct Conn {
    Channel::Handlers handlers;
    bool closed = false;
    size_t unsent = 0;
  };
  struct Node {
    std::string address;
    bool up = true;        // Accepts connections.
    bool silent = false;   // Reads, never answers: as a paused process.
    bool clogged = false;  // Takes no more bytes; what it says still comes.
    uint64_t dials = 0;
    std::vector<std::shared_ptr<Conn>> conns;
  };
  struct Seen {  // A request that reached a node.
    uint32_t node = 0;
    api::Request request;
    Micros at = 0;
  };
  // What a node does with a request: answer, or nothing (lost, or kept waiting).
  using Script = std::function<std::optional<api::Reply>(uint32_t node, const api::Request&)>;

  Node& node(uint32_t id) { return nodes_.at(id); }
  void Crash(uint32_t id);  // Connections break; until Restart dials are refused.
  void Restart(uint32_t id) { nodes_.at(id).up = true; }
  // Breaks the node's connections, and it takes new ones.
  void Reset(uint32_t id);
  void SendRaw(uint32_t id, std::string frame);  // On the node's newest connection.

  // Three nodes, meta, and data groups 1 and 2 (buckets halved), table "t" with
  // partition key "id" of type S.
  api::Map map;
  Script script;  // For everything but maps, if set.
  bool answer_maps = true;
  // What all but meta's leader still know, if it is another map.
  std::optional<api::Map> followers_map;
  uint32_t meta_leader = 1;
  std::vector<Seen> seen;  // All but maps.
  int maps_asked = 0;
  // Answers OK to everything it knows, as the leader of everything.
  std::optional<api::Reply> Fine(uint32_t node, const api::Request& request);

 private:
  class SimChannel;
  static constexpr Micros kWallAtStart = 1'700'000'000'000'000;

  api::Reply MapOf(uint32_t node, const api::MapRequest& request) const;
  void Arrived(uint32_t node, const std::shared_ptr<Conn>& conn, const std::string& frame);
  void Close(const std::shared_ptr<Conn>& conn, std::string why);

  Micros now_ = 1'000'000;
  uint64_t random_ = 42;
  TimerId next_timer_ = 1;
  std::map<std::pair<Micros, TimerId>, Work> due_;
  std::map<TimerId, Micros> timers_;
  std::map<uint32_t, Node> nodes_;
};

// --- requests
api::Request GetOf(const std::string& id, bool eventual = false);
api::Request PutOf(const std::string& id);
api::Request IncrementOf(const std::string& id);
api::Reply ReplyOf(api::Code code, std::string message = "");

// A call's end, once it came.
struct Ended {
  std::optional<Answer> answer;
  Micros at = 0;
  int times = 0;
};
std::shared_ptr<Ended> CallCore(SimWorld& world, Core& core, api::Request request,
                                Target target = Target::Key(), Micros timeout = 0);

}  // namespace fastpath::client::internal
