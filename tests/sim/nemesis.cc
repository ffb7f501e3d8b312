#include "tests/sim/nemesis.h"

#include <algorithm>
#include <utility>

namespace fastpath::sim {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kLargestJump = 600 * kSecond;

}  // namespace

Nemesis::Nemesis(const Scenario& scenario, testing::SimLoop* loop, SimCluster* cluster,
                 Fabric* fabric, std::vector<HostId> client_hosts, Trace* trace)
    : scenario_(scenario),
      loop_(loop),
      cluster_(cluster),
      fabric_(fabric),
      client_hosts_(std::move(client_hosts)),
      trace_(trace),
      random_(HashBytes("nemesis", scenario.seed)),
      executor_(loop),
      wrong_clock_(AnyNode()) {}

void Nemesis::After(Micros delay, Task task) {
  executor_.At(loop_->Now() + delay, [this, era = era_, task = std::move(task)]() mutable {
    if (era == era_) task();
  });
}

void Nemesis::Begin() {
  After(static_cast<Micros>(random_.Below(2 * scenario_.fault_every)), [this] { Next(); });
}

void Nemesis::Next() {
  Inflict(DrawFault(), DrawDuration());
  Begin();
}

bool Nemesis::Inflict(Fault fault, Micros duration) {
  trace_->Event(loop_->Now(), "fault", static_cast<uint64_t>(fault), duration);
  Heal heal = Start(fault, duration);
  if (heal == nullptr) return false;
  ++counts_[static_cast<size_t>(fault)];
  After(duration, [heal = std::move(heal)] { heal(); });
  return true;
}

void Nemesis::HealAll() {
  trace_->Event(loop_->Now(), "heal", 0);
  ++era_;
  fabric_->UnblockAll();
  fabric_->StopLosing();
  for (size_t node = 0; node < cluster_->size(); ++node) {
    fabric_->Slow(cluster_->host(node), 0);
    cluster_->SlowDisk(node, 0);
    cluster_->SetClock(node, 0);
    cluster_->Resume(node);
    cluster_->Start(node);
  }
}

Fault Nemesis::DrawFault() {
  uint64_t total = 0;
  for (uint32_t weight : scenario_.weights) total += weight;
  uint64_t roll = random_.Below(total);
  for (size_t i = 0; i < kFaults; ++i) {
    if (roll < scenario_.weights[i]) return static_cast<Fault>(i);
    roll -= scenario_.weights[i];
  }
  return Fault::kCrash;
}

// Short ones more often than long ones.
Micros Nemesis::DrawDuration() {
  const uint64_t longest = 1 + random_.Below(scenario_.fault_max);
  return static_cast<Micros>(random_.Below(longest));
}

Nemesis::Heal Nemesis::Start(Fault fault, Micros duration) {
  switch (fault) {
    case Fault::kCrash:
      return Crash(AnyNode(), Death::kProcess);
    case Fault::kCrashLeader:
      return Crash(cluster_->SomeLeader(random_), Death::kProcess);
    case Fault::kPowerCut:
      return Crash(AnyNode(), Death::kPower);
    case Fault::kPowerCutAll:
      return PowerCutAll();
    case Fault::kIsolate:
      return CutOff(Around(AnyNode(), true, true));
    case Fault::kOneWay: {
      const bool out = random_.Below(2) == 0;
      return CutOff(Around(AnyNode(), out, !out));
    }
    case Fault::kBridge: {
      const size_t middle = AnyNode();
      const HostId a = cluster_->host((middle + 1) % cluster_->size());
      const HostId b = cluster_->host((middle + 2) % cluster_->size());
      return CutOff({{a, b}, {b, a}});
    }
    case Fault::kFlap:
      return Flap(Around(AnyNode(), random_.Below(4) != 0, true));
    case Fault::kSlowLinks:
      return SlowLinks();
    case Fault::kSlowDisk:
      return SlowDisk();
    case Fault::kClockJump:
      return JumpClock();
    case Fault::kPause:
      return PauseOne();
    case Fault::kReset:
      return fabric_->BreakOne(/*half_open=*/false) ? [] {} : Heal();
    case Fault::kHalfOpen:
      return fabric_->BreakOne(/*half_open=*/true) ? [] {} : Heal();
  }
  return nullptr;
}

// ----------------------------------------------------------------------- deaths

Nemesis::Heal Nemesis::Crash(size_t node, Death death) {
  if (!cluster_->up(node)) return nullptr;
  cluster_->Kill(node, death);
  return [this, node] { cluster_->Start(node); };
}

Nemesis::Heal Nemesis::PowerCutAll() {
  for (size_t node = 0; node < cluster_->size(); ++node) cluster_->Kill(node, Death::kPower);
  return [this] {
    for (size_t node = 0; node < cluster_->size(); ++node) {
      After(static_cast<Micros>(random_.Below(kSecond)), [this, node] { cluster_->Start(node); });
    }
  };
}

Nemesis::Heal Nemesis::PauseOne() {
  const size_t node = AnyNode();
  if (!cluster_->up(node)) return nullptr;
  cluster_->Pause(node);
  return [this, node] { cluster_->Resume(node); };
}

// -------------------------------------------------------------------- the links

std::vector<HostId> Nemesis::Others(size_t node) {
  std::vector<HostId> others;
  for (size_t i = 0; i < cluster_->size(); ++i) {
    if (i != node) others.push_back(cluster_->host(i));
  }
  if (random_.Below(2) == 0) {
    others.insert(others.end(), client_hosts_.begin(), client_hosts_.end());
  }
  return others;
}

std::vector<Nemesis::Pair> Nemesis::Around(size_t node, bool out, bool in) {
  std::vector<Pair> pairs;
  const HostId self = cluster_->host(node);
  for (HostId other : Others(node)) {
    if (out) pairs.push_back({self, other});
    if (in) pairs.push_back({other, self});
  }
  return pairs;
}

Nemesis::Heal Nemesis::CutOff(std::vector<Pair> pairs) {
  for (const Pair& pair : pairs) fabric_->Block(pair.from, pair.to);
  return [this, pairs = std::move(pairs)] {
    for (const Pair& pair : pairs) fabric_->Unblock(pair.from, pair.to);
  };
}

Nemesis::Heal Nemesis::Flap(std::vector<Pair> pairs) {
  auto going = std::make_shared<bool>(true);
  Flip(pairs, true, going);
  return [this, pairs = std::move(pairs), going] {
    *going = false;
    for (const Pair& pair : pairs) fabric_->Unblock(pair.from, pair.to);
  };
}

void Nemesis::Flip(std::vector<Pair> pairs, bool cut, std::shared_ptr<bool> going) {
  if (!*going) return;
  for (const Pair& pair : pairs) {
    if (cut) {
      fabric_->Block(pair.from, pair.to);
    } else {
      fabric_->Unblock(pair.from, pair.to);
    }
  }
  After(static_cast<Micros>(random_.Below(kSecond)),
        [this, pairs = std::move(pairs), cut, going] { Flip(pairs, !cut, going); });
}

Nemesis::Heal Nemesis::SlowLinks() {
  const HostId host = cluster_->host(AnyNode());
  fabric_->Slow(host, static_cast<Micros>(random_.Below(kSecond)));
  return [this, host] { fabric_->Slow(host, 0); };
}

// --------------------------------------------------------------- disk and clock

Nemesis::Heal Nemesis::SlowDisk() {
  const size_t node = AnyNode();
  cluster_->SlowDisk(node, static_cast<Micros>(random_.Below(2 * kSecond)));
  return [this, node] { cluster_->SlowDisk(node, 0); };
}

// Always the same node's: a majority tells the time (DESIGN 5 "Log time"), also to one who last
// heard of a clock before it was set right.
// A group with one voter has one clock, and no median tells that it is off.
bool Nemesis::Placed() {
  size_t voters = 0;
  for (size_t node = 0; !placed_ && node < cluster_->size(); ++node) {
    const api::StatusResult status = cluster_->StatusOf(node);
    voters += std::count_if(status.replicas().begin(), status.replicas().end(),
                            [](const auto& replica) { return replica.role() != "learner"; });
  }
  placed_ = placed_ || voters >= ReplicationFactor(scenario_) * (scenario_.groups + 1);
  return placed_;
}

Nemesis::Heal Nemesis::JumpClock() {
  const auto jump = static_cast<Micros>(random_.Below(2 * kLargestJump)) - kLargestJump;
  if (!Placed()) return nullptr;
  cluster_->SetClock(wrong_clock_, jump);
  return [this] { cluster_->SetClock(wrong_clock_, 0); };
}

}  // namespace fastpath::sim
