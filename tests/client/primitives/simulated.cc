#include "tests/client/primitives/simulated.h"

#include <gtest/gtest.h>

#include "client/internal/loop.h"
#include "client/primitives/table.h"

namespace fastpath::client {
namespace {

// Where the next client starts.
struct Start {
  sim::Simulation* simulation = nullptr;
  std::string name;
  sim::ClientHost* started = nullptr;
};
Start next;

sim::Scenario ScenarioOf(uint64_t seed, uint32_t groups) {
  sim::Scenario scenario = sim::Calm(seed);
  scenario.groups = groups;
  return scenario;
}

}  // namespace

namespace internal {

class SimulatedLoop : public Loop {
 public:
  explicit SimulatedLoop(const Options& options)
      : host_(&next.simulation->loop(), &next.simulation->fabric(), next.name,
              std::hash<std::string>()(next.name), options.endpoints,
              options.deadline / std::chrono::microseconds(1)) {
    next.started = &host_;
  }

  void Submit(Job job) override {
    if (stopped_) return job(nullptr);
    host_.executor().Post([this, job = std::make_shared<Job>(std::move(job))] {
      (*job)(stopped_ ? nullptr : &host_.core());
    });
  }
  void Stop() override {
    if (!std::exchange(stopped_, true)) host_.core().Stop();
  }

 private:
  sim::ClientHost host_;
  bool stopped_ = false;
};

std::unique_ptr<Loop> StartLoop(Options options) {
  return std::make_unique<SimulatedLoop>(options);
}
// Wherever Wait() is called, it would never end.
bool OnLoopThread() { return true; }

}  // namespace internal

Program::Program(sim::Simulation& simulation, const std::string& name, Milliseconds deadline) {
  Options options;
  options.endpoints = simulation.cluster().client_endpoints();
  options.deadline = deadline;
  next = {&simulation, name, nullptr};
  client.emplace(*Client::Connect(std::move(options)));
  host = next.started;
  clock = std::make_shared<LogClock>(
      TimeSource{[this] { return host->Wall() + wall_offset; }, [this] { return host->Now(); }});
}

SimulatedCluster::SimulatedCluster(uint64_t seed, uint32_t groups)
    : groups_(groups), simulation_(ScenarioOf(seed, groups)), random_(seed) {
  sim::StartBusy(simulation_);
  Client& client = *Add("maker").client;
  EXPECT_TRUE(Run(EnsureTable(client, kItems)).ok());
  EXPECT_TRUE(Run(EnsureTable(client, PrimitiveTable(kCounters))).ok());
}

SimulatedCluster::~SimulatedCluster() = default;

Program& SimulatedCluster::Add(const std::string& name, Milliseconds deadline) {
  return programs_.emplace_back(simulation_, name, deadline);
}

void SimulatedCluster::KillLeadersFor(Micros duration) {
  const int64_t end = Now() + duration;
  while (Now() < end) {
    const auto group = 1 + static_cast<uint32_t>(random_.Below(groups_));
    const size_t victim = sim::LeaderOf(simulation_, group).value_or(0);
    simulation_.cluster().Kill(victim,
                               random_.OneIn(2) ? sim::Death::kProcess : sim::Death::kPower);
    ++kills_;
    RunFor(static_cast<Micros>(1'000'000 + random_.Below(3'000'000)));
    simulation_.cluster().Start(victim);
    RunFor(static_cast<Micros>(1'000'000 + random_.Below(2'000'000)));
  }
}

}  // namespace fastpath::client
