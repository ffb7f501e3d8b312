#include "tests/sim/fabric.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "tests/sim/wire.h"

namespace fastpath::sim {
namespace {

// The first byte of a peer frame that carries Raft messages (node/peer.proto).
constexpr char kRaftFrame = 3;
constexpr Micros kRetransmitAfter = 200'000;

absl::Status Reset() { return absl::UnavailableError("connection reset"); }

}  // namespace

class SimConnection : public Connection {
 public:
  SimConnection(Fabric* fabric, WirePtr wire, int side)
      : fabric_(fabric), wire_(std::move(wire)), side_(side) {}
  ~SimConnection() override {
    if (end().alive) fabric_->CloseEnd(wire_, side_, /*say=*/true);
  }

  void Start(Handlers handlers) override {
    if (!end().alive) return;
    end().handlers = std::make_shared<Handlers>(std::move(handlers));
    for (std::string& frame : std::exchange(end().early, {})) {
      fabric_->Deliver(wire_, side_, std::move(frame));
    }
    if (end().doomed) {
      end().doomed = false;
      fabric_->Lose(wire_, side_, Reset());
    }
  }
  void Send(absl::Cord frame) override {
    if (end().alive) fabric_->Send(wire_, side_, std::string(frame));
  }
  size_t buffered_bytes() const override { return wire_->ways[side_].travelling_bytes; }
  std::string peer_address() const override {
    return "host" + std::to_string(wire_->host(1 - side_)) + ":0";
  }

 private:
  End& end() { return wire_->ends[side_]; }

  Fabric* fabric_;
  WirePtr wire_;
  int side_;
};

class SimNetwork : public Network {
 public:
  SimNetwork(Fabric* fabric, std::shared_ptr<Process> process)
      : fabric_(fabric), process_(std::move(process)) {}
  ~SimNetwork() override { process_->alive = false; }

  absl::StatusOr<std::string> Listen(const std::string& address, OnAccept on_accept) override {
    auto& listeners = fabric_->hosts_[process_->host].listeners;
    auto listener =
        std::make_shared<Fabric::Listener>(Fabric::Listener{process_, std::move(on_accept)});
    if (!listeners.emplace(address, std::move(listener)).second) {
      return absl::AlreadyExistsError("address in use: " + address);
    }
    return address;
  }
  void Connect(const std::string& address,
               std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)> done) override {
    fabric_->Connect(process_, address, std::move(done));
  }

 private:
  Fabric* fabric_;
  std::shared_ptr<Process> process_;
};

Fabric::Fabric(testing::SimLoop* loop, uint64_t seed, FabricOptions options, Trace* trace)
    : loop_(loop), random_(seed), options_(options), trace_(trace), executor_(loop) {}

Fabric::~Fabric() {
  for (auto& [id, wire] : wires_) {
    for (End& end : wire->ends) {
      end.alive = false;
      end.handlers = nullptr;
    }
  }
}

HostId Fabric::AddHost(const std::string& name) {
  hosts_.push_back(Host{name});
  return static_cast<HostId>(hosts_.size() - 1);
}

std::unique_ptr<Network> Fabric::Attach(HostId host, Executor* executor, bool carries_raft) {
  auto process = std::make_shared<Process>(Process{host, executor, carries_raft});
  hosts_[host].processes.push_back(process);
  return std::make_unique<SimNetwork>(this, std::move(process));
}

bool Fabric::Cut(HostId from, HostId to) const {
  return blocked_.count({from, to}) != 0 || !hosts_[to].powered;
}

Micros Fabric::Latency(HostId from, HostId to) {
  const Micros spread = options_.latency_max - options_.latency_min + 1;
  return options_.latency_min + static_cast<Micros>(random_.Below(spread)) + hosts_[from].slowness +
         hosts_[to].slowness;
}

Fabric::Host* Fabric::FindHost(const std::string& address, HostId* id) {
  const std::string name = address.substr(0, address.find(':'));
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].name != name) continue;
    *id = static_cast<HostId>(i);
    return &hosts_[i];
  }
  return nullptr;
}

void Fabric::After(Micros delay, Task task) { executor_.At(loop_->Now() + delay, std::move(task)); }

// ------------------------------------------------------------------ connecting

void Fabric::Connect(std::shared_ptr<Process> from, std::string address, Connected done) {
  auto answer = [from, done = std::move(done)](absl::StatusOr<WirePtr> wire, Fabric* fabric) {
    if (!from->alive) return;
    from->executor->Post([from, done, fabric, wire = std::move(wire)]() mutable {
      if (!from->alive) return;
      if (!wire.ok()) return done(wire.status());
      done(std::make_unique<SimConnection>(fabric, *std::move(wire), 0));
    });
  };
  HostId to = 0;
  const bool known = FindHost(address, &to) != nullptr;
  if (!known || Cut(from->host, to) || Cut(to, from->host)) {
    return After(options_.connect_timeout, [this, answer] {
      answer(absl::DeadlineExceededError("connect: timed out"), this);
    });
  }
  const Micros there = Latency(from->host, to);
  const Micros back = Latency(to, from->host);
  After(there, [this, from, to, address = std::move(address), back, answer] {
    absl::StatusOr<WirePtr> wire = Accept(from, to, address);
    After(back, [this, answer, wire = std::move(wire)] { answer(wire, this); });
  });
}

absl::StatusOr<WirePtr> Fabric::Accept(const std::shared_ptr<Process>& from, HostId to,
                                       const std::string& address) {
  auto found = hosts_[to].listeners.find(address);
  if (found == hosts_[to].listeners.end() || !found->second->process->alive || !from->alive) {
    return absl::UnavailableError("connect: refused");
  }
  std::shared_ptr<Listener> listener = found->second;
  auto wire = std::make_shared<Wire>();
  wire->id = next_wire_++;
  wire->carries_raft = from->carries_raft;
  wire->ends[0].process = from;
  wire->ends[1].process = listener->process;
  wires_.emplace(wire->id, wire);
  trace_->Event(loop_->Now(), "connect", to, wire->id);
  listener->process->executor->Post([this, listener, wire] {
    if (wire->ends[1].alive) listener->on_accept(std::make_unique<SimConnection>(this, wire, 1));
  });
  return wire;
}

// ------------------------------------------------------------------- travelling

void Fabric::Send(const WirePtr& wire, int side, std::string frame) {
  ++frames_;
  if (meddler_) meddler_(wire->host(side), wire->host(1 - side), frame);
  wire->ways[side].travelling_bytes += frame.size();
  if (Chance(options_.break_ppm)) {
    ++frames_lost_;
    Lose(wire, side, Reset());
    return Lose(wire, 1 - side, Reset());
  }
  Micros delay = Latency(wire->host(side), wire->host(1 - side));
  const bool raft = wire->carries_raft && !frame.empty() && frame[0] == kRaftFrame;
  if (raft && Chance(options_.vanish_ppm)) {
    ++frames_lost_;
    wire->ways[side].travelling_bytes -= frame.size();
    return;
  }
  if (raft && Chance(options_.duplicate_ppm)) {
    wire->ways[side].travelling_bytes += frame.size();
    Travel(wire, side, Item{frame}, delay + static_cast<Micros>(random_.Below(50'000)), false);
  }
  const bool in_order = !(raft && Chance(options_.reorder_ppm));
  if (!in_order) delay += static_cast<Micros>(random_.Below(20'000));
  if (Chance(options_.late_ppm)) delay += kRetransmitAfter << random_.Below(3);
  Travel(wire, side, Item{std::move(frame)}, delay, in_order);
}

// Out of order, it neither waits for what was sent before nor makes the next wait.
void Fabric::Travel(const WirePtr& wire, int side, Item item, Micros delay, bool in_order) {
  Way& way = wire->ways[side];
  Micros due = loop_->Now() + delay;
  if (in_order) due = way.last_due = std::max(due, way.last_due);
  executor_.At(due, [this, wire, side, item = std::move(item)]() mutable {
    Arrive(wire, side, std::move(item));
  });
}

void Fabric::Arrive(const WirePtr& wire, int side, Item item) {
  const int to_side = 1 - side;
  Way& way = wire->ways[side];
  if (!way.held.empty() || Cut(wire->host(side), wire->host(to_side))) {
    return Hold(wire, side, std::move(item));
  }
  way.travelling_bytes -= item.frame.size();
  End& end = wire->ends[to_side];
  if (item.end) return Lose(wire, to_side, Reset());
  if (!end.alive) {  // Its kernel answers for it.
    if (wire->ends[side].alive) {
      Travel(wire, to_side, Item{.end = true}, Latency(wire->host(to_side), wire->host(side)),
             true);
    }
    return;
  }
  trace_->Event(loop_->Now(), "frame", wire->id * 2 + to_side, item.frame);
  Deliver(wire, to_side, std::move(item.frame));
}

void Fabric::Hold(const WirePtr& wire, int side, Item item) {
  Way& way = wire->ways[side];
  way.held.push_back(std::move(item));
  if (way.held.size() > 1) return;
  After(options_.give_up_after, [this, wire, side, releases = way.releases] {
    Way& way = wire->ways[side];
    if (way.releases != releases) return;
    way.held.clear();
    way.travelling_bytes = 0;
    ++way.releases;
    Lose(wire, side, absl::UnavailableError("connection timed out"));
  });
}

void Fabric::Release(const WirePtr& wire, int side) {
  Way& way = wire->ways[side];
  if (way.held.empty()) return;
  ++way.releases;
  const Micros delay = Latency(wire->host(side), wire->host(1 - side));
  for (Item& item : std::exchange(way.held, {})) {
    Travel(wire, side, std::move(item), delay, true);
  }
}

void Fabric::ReleaseUncut() {
  for (const auto& [id, wire] : wires_) {
    for (int side : {0, 1}) {
      if (!Cut(wire->host(side), wire->host(1 - side))) Release(wire, side);
    }
  }
}

void Fabric::Deliver(const WirePtr& wire, int to_side, std::string frame) {
  wire->ends[to_side].process->executor->Post([wire, to_side, frame = std::move(frame)]() mutable {
    End& end = wire->ends[to_side];
    if (!end.alive) return;
    std::shared_ptr<Connection::Handlers> handlers = end.handlers;
    if (handlers == nullptr) return end.early.push_back(std::move(frame));
    handlers->on_frame(frame);
  });
}

// ----------------------------------------------------------------------- ending

void Fabric::Lose(const WirePtr& wire, int side, absl::Status why) {
  End& end = wire->ends[side];
  if (!end.alive || end.doomed) return;
  end.doomed = true;
  end.process->executor->Post([this, wire, side, why = std::move(why)] {
    End& end = wire->ends[side];
    if (!end.alive || end.handlers == nullptr) return;  // Start tells it again.
    trace_->Event(loop_->Now(), "lost", wire->id * 2 + side);
    std::shared_ptr<Connection::Handlers> handlers = end.handlers;
    CloseEnd(wire, side, /*say=*/false);
    handlers->on_close(why);
  });
}

void Fabric::CloseEnd(const WirePtr& wire, int side, bool say) {
  End& end = wire->ends[side];
  if (!end.alive) return;
  end.alive = false;
  end.handlers = nullptr;
  end.early.clear();
  if (say && wire->ends[1 - side].alive) {
    Travel(wire, side, Item{.end = true}, Latency(wire->host(side), wire->host(1 - side)), true);
  }
  if (wire->dead()) wires_.erase(wire->id);
}

void Fabric::Kill(HostId id, Death death) {
  Host& host = hosts_[id];
  trace_->Event(loop_->Now(), "kill", id, static_cast<uint64_t>(death));
  const bool say = death == Death::kProcess;
  if (!say) host.powered = false;
  host.listeners.clear();
  for (const auto& process : host.processes) process->alive = false;
  host.processes.clear();
  const std::map<uint64_t, WirePtr> wires = wires_;
  for (const auto& [unused, wire] : wires) {
    for (int side : {0, 1}) {
      if (wire->host(side) != id) continue;
      if (!say) wire->ways[side].held.clear();
      CloseEnd(wire, side, say);
    }
  }
}

void Fabric::PowerOn(HostId host) {
  hosts_[host].powered = true;
  ReleaseUncut();
}

// ----------------------------------------------------------------------- faults

void Fabric::Block(HostId from, HostId to) { blocked_.insert({from, to}); }

void Fabric::Unblock(HostId from, HostId to) {
  blocked_.erase({from, to});
  ReleaseUncut();
}

void Fabric::UnblockAll() {
  blocked_.clear();
  ReleaseUncut();
}

void Fabric::Slow(HostId host, Micros extra) { hosts_[host].slowness = extra; }

bool Fabric::BreakOne(bool half_open) {
  if (wires_.empty()) return false;
  const WirePtr wire = std::next(wires_.begin(), random_.Below(wires_.size()))->second;
  const int side = static_cast<int>(random_.Below(2));
  Lose(wire, side, Reset());
  if (!half_open) Lose(wire, 1 - side, Reset());
  return true;
}

void Fabric::StopLosing() {
  options_.late_ppm = options_.break_ppm = 0;
  options_.vanish_ppm = options_.duplicate_ppm = options_.reorder_ppm = 0;
}

}  // namespace fastpath::sim
