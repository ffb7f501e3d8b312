// The real Executor: one thread in an asio loop. Tasks run in rounds: what is
// posted during a round runs in the next one, after the I/O that became ready
// meanwhile. So "post, then act" gathers a whole batch of events.
//
// Threads: Post from any; everything else from the thread inside Run().
#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "raft/ports.h"

namespace fastpath::node {

// CLOCK_BOOTTIME, as asio wants its clocks.
struct BootClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now();
};

class AsioExecutor final : public Executor {
 public:
  AsioExecutor();
  ~AsioExecutor() override;

  void Post(Task task) override;
  void Yield(Task task) override;
  TimerId At(Micros monotonic, Task task) override;
  void Cancel(TimerId timer) override;

  asio::io_context& context() { return context_; }
  void Run();   // Until Stop.
  void Stop();  // Any thread.

 private:
  void RunTasks();
  void RunTimers();
  void Arm();

  asio::io_context context_;
  asio::basic_waitable_timer<BootClock> alarm_;
  Micros armed_for_ = 0;  // 0: not armed.

  std::mutex mutex_;
  std::vector<Task> tasks_;  // Guarded by mutex_, as is scheduled_.
  bool scheduled_ = false;
  std::vector<Task> running_;  // Kept for its capacity.
  std::deque<Task> yielded_;

  std::map<std::pair<Micros, TimerId>, Task> timers_;
  absl::flat_hash_map<TimerId, Micros> timer_times_;
  TimerId last_timer_ = 0;
};

}  // namespace fastpath::node
