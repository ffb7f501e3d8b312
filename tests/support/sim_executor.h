// A deterministic world for tests: one virtual time line shared by any number
// of executors and clocks, all in the calling thread. Events run by (time,
// sequence of creation), so equal programs make equal runs.
//
//   SimLoop loop;
//   SimClock clock(&loop);
//   SimExecutor node(&loop);   // One per simulated node; destroying it is the
//   node.Post(...);            // node's death: what it had scheduled never runs.
//   loop.RunFor(1'000'000);
//
// Threads: one. The loop outlives its executors and clocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "raft/ports.h"

namespace fastpath::testing {

// splitmix64 (Steele, Lea, Flood, 2014).
class SimRandom : public Random {
 public:
  explicit SimRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() override {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t limit) { return Next() % limit; }  // limit > 0.
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

class SimLoop {
 public:
  Micros Now() const { return now_; }
  // Events run since the start; with Now(), a cheap part of a trace hash.
  uint64_t events_run() const { return events_run_; }
  bool idle() const { return events_.empty(); }

  // Runs the next event, moving time to it. False if there is none.
  bool RunOne();
  // Until nothing is scheduled, or `limit` events ran; false in the latter case.
  bool RunUntilIdle(uint64_t limit = 10'000'000);
  // Everything due within `duration` from now; time ends exactly there.
  void RunFor(Micros duration);
  // Until `done`; false if the world fell idle or `limit` events ran before.
  bool RunUntil(const std::function<bool()>& done, uint64_t limit = 10'000'000);

 private:
  friend class SimExecutor;
  struct Owner {  // An executor's life and pause, shared with its events.
    bool alive = true;
    bool paused = false;
    std::vector<Task> held;  // Due while paused.
  };
  struct Event {
    std::shared_ptr<Owner> owner;
    Task task;
  };
  using Key = std::pair<Micros, uint64_t>;

  Key Schedule(Micros at, std::shared_ptr<Owner> owner, Task task);

  std::map<Key, Event> events_;
  Micros now_ = 0;
  uint64_t sequence_ = 0;
  uint64_t events_run_ = 0;
};

// A node's clocks: the world's time plus what is wrong with this node's.
class SimClock : public Clock {
 public:
  explicit SimClock(const SimLoop* loop) : loop_(loop) {}
  // The time line that Executor::At of an executor with this clock is told.
  Micros Monotonic() override {
    return base_ + Scaled(loop_->Now() - since_, kMillion + drift_ppm_, kMillion);
  }
  Micros Wall() override { return kEpoch + loop_->Now() + wall_offset_; }
  void set_wall_offset(Micros offset) { wall_offset_ = offset; }
  // From now on the monotonic clock runs fast (or slow) by so much; it never jumps.
  void set_drift_ppm(int64_t ppm) {
    base_ = Monotonic();
    since_ = loop_->Now();
    drift_ppm_ = ppm;
  }
  // The first moment of the world at which Monotonic() has reached `monotonic`.
  Micros World(Micros monotonic) const {
    return since_ + Scaled(monotonic - base_, kMillion, kMillion + drift_ppm_);
  }

  static constexpr Micros kEpoch = 1'700'000'000'000'000;

 private:
  static constexpr int64_t kMillion = 1'000'000;
  // Rounded up, so that a timer's time has come when it runs.
  static Micros Scaled(Micros span, int64_t by, int64_t per) {
    const __int128 product = static_cast<__int128>(span) * by;
    return static_cast<Micros>((product + (product > 0 ? per - 1 : 0)) / per);
  }

  const SimLoop* loop_;
  Micros wall_offset_ = 0;
  Micros base_ = 0;   // The monotonic clock at since_.
  Micros since_ = 0;  // When the drift was last changed.
  int64_t drift_ppm_ = 0;
};

class SimExecutor : public Executor {
 public:
  // Timers run by `clock`; without one, by the world's time.
  explicit SimExecutor(SimLoop* loop, const SimClock* clock = nullptr)
      : loop_(loop), clock_(clock), owner_(std::make_shared<SimLoop::Owner>()) {}
  ~SimExecutor() override;

  void Post(Task task) override;
  TimerId At(Micros monotonic, Task task) override;
  void Cancel(TimerId timer) override;

  // A stopped process: what falls due waits, in order, until Resume.
  void Pause() { owner_->paused = true; }
  void Resume();
  bool paused() const { return owner_->paused; }

 private:
  SimLoop* loop_;
  const SimClock* clock_;
  std::shared_ptr<SimLoop::Owner> owner_;
  std::map<TimerId, SimLoop::Key> timers_;
  TimerId next_timer_ = 1;
};

}  // namespace fastpath::testing
