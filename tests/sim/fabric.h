// The simulated network: hosts, the links between them, and connections over
// these links that behave as TCP does. Implements the Network port for each
// simulated process; every delay and fault comes from one seed.
//
// What a connection may meet:
// - latency per frame, drawn from a range, more on a slowed host; order is kept;
// - a blocked direction (a partition, one-way or both): what is sent waits, and
//   comes through after the heal, unless the sender's side gave up first;
// - loss: a frame comes late, as after a retransmission, or the connection
//   breaks. Frames that carry Raft messages may also vanish, come twice or out
//   of order, which the Transport port allows;
// - reset, seen by both sides, or by one only (half-open) until the other sends;
// - the death of a process (its kernel resets its connections) or of a whole
//   machine (silence).
//
// Threads: one. Ownership: the loop and the trace outlive the fabric, which
// outlives the executors and objects of the processes attached to it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/ports.h"
#include "tests/sim/trace.h"
#include "tests/support/sim_executor.h"

namespace fastpath::sim {

struct FabricOptions {
  Micros latency_min = 200;
  Micros latency_max = 2'000;
  // Chances per million frames.
  uint32_t late_ppm = 0;    // Lost and sent again: comes 200 ms and more later.
  uint32_t break_ppm = 0;   // Lost and the connection breaks.
  uint32_t vanish_ppm = 0;  // Raft frames only, as the next two.
  uint32_t duplicate_ppm = 0;
  uint32_t reorder_ppm = 0;
  // How long a side waits for its frames to be received before it gives up.
  Micros give_up_after = 8'000'000;
  Micros connect_timeout = 2'000'000;
};

using HostId = uint32_t;

enum class Death {
  kProcess,  // kill -9: the kernel ends its connections.
  kPower,    // Nobody hears anything.
};

struct Process;  // Who uses a port, and whether it still lives.
struct Wire;     // One connection: two ends and what travels between them.
struct Item;     // One thing that travels.
using WirePtr = std::shared_ptr<Wire>;

class Fabric {
 public:
  Fabric(testing::SimLoop* loop, uint64_t seed, FabricOptions options, Trace* trace);
  ~Fabric();

  // Addresses are "name:anything".
  HostId AddHost(const std::string& name);

  // The Network port of a process on `host`. `carries_raft`: the connections it
  // makes are between servers. Destroyed before its executor.
  std::unique_ptr<Network> Attach(HostId host, Executor* executor, bool carries_raft);

  // Call before destroying the process's objects: nothing that they do while
  // they are torn down reaches anyone.
  void Kill(HostId host, Death death);
  void PowerOn(HostId host);

  // --- faults
  void Block(HostId from, HostId to);
  void Unblock(HostId from, HostId to);
  void UnblockAll();
  // Added to the latency of every frame from and to `host`; 0 ends it.
  void Slow(HostId host, Micros extra);
  // Breaks a connection drawn at random; false if there is none.
  bool BreakOne(bool half_open);
  // Looks at every frame as it is sent and may change it; null ends it.
  using Meddler = std::function<void(HostId from, HostId to, std::string& frame)>;
  void Meddle(Meddler meddler) { meddler_ = std::move(meddler); }
  // From now on frames are neither late, lost, doubled nor reordered.
  void StopLosing();

  uint64_t frames() const { return frames_; }
  uint64_t frames_lost() const { return frames_lost_; }

 private:
  friend class SimNetwork;
  friend class SimConnection;

  struct Listener {
    std::shared_ptr<Process> process;
    Network::OnAccept on_accept;
  };
  struct Host {
    std::string name;
    bool powered = true;
    Micros slowness = 0;
    std::map<std::string, std::shared_ptr<Listener>> listeners;  // By address.
    std::vector<std::shared_ptr<Process>> processes;
  };
  using Connected = std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)>;

  bool Chance(uint32_t ppm) { return ppm != 0 && random_.Below(1'000'000) < ppm; }
  bool Cut(HostId from, HostId to) const;
  Micros Latency(HostId from, HostId to);
  Host* FindHost(const std::string& address, HostId* id);
  void After(Micros delay, Task task);

  void Connect(std::shared_ptr<Process> from, std::string address, Connected done);
  absl::StatusOr<WirePtr> Accept(const std::shared_ptr<Process>& from, HostId to,
                                 const std::string& address);

  void Send(const WirePtr& wire, int side, std::string frame);
  void Travel(const WirePtr& wire, int side, Item item, Micros delay, bool in_order);
  void Arrive(const WirePtr& wire, int side, Item item);
  void Hold(const WirePtr& wire, int side, Item item);
  void Release(const WirePtr& wire, int side);
  void ReleaseUncut();
  void Deliver(const WirePtr& wire, int to_side, std::string frame);
  // The end's owner is told, and the end is gone.
  void Lose(const WirePtr& wire, int side, absl::Status why);
  // The end is gone without a word to its owner; the other end hears of it if `say`.
  void CloseEnd(const WirePtr& wire, int side, bool say);

  testing::SimLoop* loop_;
  testing::SimRandom random_;
  FabricOptions options_;
  Trace* trace_;
  testing::SimExecutor executor_;  // Of the links themselves.
  std::vector<Host> hosts_;
  std::set<std::pair<HostId, HostId>> blocked_;
  std::map<uint64_t, WirePtr> wires_;  // With at least one end alive.
  uint64_t next_wire_ = 1;
  Meddler meddler_;
  uint64_t frames_ = 0;
  uint64_t frames_lost_ = 0;
};

}  // namespace fastpath::sim
