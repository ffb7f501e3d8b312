// Clients as programs have them, in a simulated cluster: simulated.cc stands in for
// client/internal/io/loop.cc, so that a Client's core runs on the simulation's time
// and network. Nothing may Wait() there: time goes on in Run().
//
// Threads: one. A simulation outlives its clients; one at a time has any.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/client.h"
#include "client/primitives/log_clock.h"
#include "tests/sim/scripted.h"

namespace fastpath::client {

// A program with a client and clocks of its own.
struct Program {
  Program(sim::Simulation& simulation, const std::string& name, Milliseconds deadline);

  // What is wrong with its wall clock from now on, microseconds.
  int64_t wall_offset = 0;
  sim::ClientHost* host = nullptr;
  std::optional<Client> client;
  LogClockPtr clock;
};

class SimulatedCluster {
 public:
  // Three nodes at work, and tables "items" for primitives and "counters".
  explicit SimulatedCluster(uint64_t seed, uint32_t groups = 2);
  ~SimulatedCluster();

  // `deadline`: the default of its client's operations.
  Program& Add(const std::string& name, Milliseconds deadline = std::chrono::seconds(30));
  sim::Simulation& simulation() { return simulation_; }
  testing::SimRandom& random() { return random_; }
  // The world's time; what wall clocks that are right say.
  int64_t Now() { return simulation_.loop().Now(); }
  int64_t TrueWall() { return testing::SimClock::kEpoch + Now(); }
  void RunFor(Micros duration) { simulation_.RunFor(duration); }

  // Ends, in simulated time.
  template <class T>
  Result<T> Run(Operation<T> operation) {
    std::optional<Result<T>> result;
    std::move(operation).Then([&result](Result<T> r) { result = std::move(r); });
    simulation_.loop().RunUntil([&] { return result.has_value(); });
    return *std::move(result);
  }

  // Again and again: the leader of a group that is drawn dies and comes back, for this long.
  void KillLeadersFor(Micros duration);
  uint64_t kills() const { return kills_; }
  // Heals; replicas agree, and the clients at work in the background were told the truth.
  void ExpectAllIsWell() { sim::ExpectAllIsWell(simulation_); }

 private:
  const uint32_t groups_;
  sim::Simulation simulation_;
  testing::SimRandom random_;
  std::deque<Program> programs_;
  uint64_t kills_ = 0;
};

// Does something again and again in a program, until it is told to finish. Outlives
// what it has begun: the cluster's Finish waits for it.
class Busy {
 public:
  Busy(SimulatedCluster& cluster, Program& program) : cluster_(cluster), program_(program) {}
  virtual ~Busy() = default;
  void Begin() { Later(0); }
  void Finish() { finishing_ = true; }
  bool idle() const { return idle_; }

 protected:
  virtual void Act() = 0;  // Ends with Later, sooner or later.
  void Later(Micros pause) {
    program_.host->executor().At(program_.host->Now() + pause, [this] {
      if (!finishing_) return Act();
      idle_ = true;
    });
  }
  Micros LaterThan(Micros least, Micros most) {
    return least +
           static_cast<Micros>(cluster_.random().Below(static_cast<uint64_t>(most - least)));
  }

  SimulatedCluster& cluster_;
  Program& program_;

 private:
  bool finishing_ = false;
  bool idle_ = false;
};

template <class Actors>
void Begin(Actors& actors) {
  for (auto& actor : actors) actor.Begin();
}
template <class Actors>
void Finish(SimulatedCluster& cluster, Actors& actors) {
  for (auto& actor : actors) actor.Finish();
  const auto idle = [&] {
    return std::all_of(actors.begin(), actors.end(),
                       [](const auto& actor) { return actor.idle(); });
  };
  EXPECT_TRUE(cluster.simulation().WaitFor(idle, 60 * sim::kSecond));
}

inline constexpr char kItems[] = "items";
inline constexpr char kCounters[] = "counters";

}  // namespace fastpath::client
