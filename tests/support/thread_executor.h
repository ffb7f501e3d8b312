// An Executor for tests of code with real threads: any thread posts, the test's
// thread runs what was posted while it waits.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "raft/ports.h"

namespace fastpath::testing {

class ThreadExecutor : public Executor {
 public:
  void Post(Task task) override {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
    posted_something_.notify_one();
  }
  // Timers run when RunUntil finds nothing else to do, whatever their time.
  TimerId At(Micros monotonic, Task task) override {
    TimerId id = next_timer_++;
    timers_.emplace(std::pair(monotonic, id), std::move(task));
    return id;
  }
  void Cancel(TimerId timer) override {
    for (auto at = timers_.begin(); at != timers_.end(); ++at) {
      if (at->first.second == timer) {
        timers_.erase(at);
        return;
      }
    }
  }
  // Runs tasks until `done`; hangs (and the suite times out) if it never is.
  void RunUntil(const std::function<bool()>& done) {
    while (!done()) RunSome();
  }
  // Runs what is posted now, without waiting.
  void RunPosted() {
    for (Task& task : TakePosted(/*wait=*/false)) task();
  }

 private:
  std::vector<Task> TakePosted(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) posted_something_.wait(lock, [this] { return !posted_.empty(); });
    return std::exchange(posted_, {});
  }
  void RunSome() {
    std::vector<Task> tasks = TakePosted(timers_.empty());
    if (tasks.empty()) {
      auto first = timers_.extract(timers_.begin());
      first.mapped()();
    }
    for (Task& task : tasks) task();
  }

  std::mutex mutex_;
  std::condition_variable posted_something_;
  std::vector<Task> posted_;
  std::map<std::pair<Micros, TimerId>, Task> timers_;
  TimerId next_timer_ = 1;
};

}  // namespace fastpath::testing
