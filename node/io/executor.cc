#include "node/io/executor.h"

#include <time.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

namespace fastpath::node {
namespace {

constexpr int kRoundsPerTurn = 6;

}  // namespace

BootClock::time_point BootClock::now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return time_point(duration(static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000));
}

AsioExecutor::AsioExecutor() : context_(1), alarm_(context_) {}

AsioExecutor::~AsioExecutor() {
  // Tasks may own objects that post or cancel while they die.
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = true;
    tasks.swap(tasks_);
  }
  tasks.clear();
  auto yielded = std::move(yielded_);
  yielded.clear();
  auto timers = std::move(timers_);
  timers.clear();
}

void AsioExecutor::Post(Task task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (scheduled_) return;
    scheduled_ = true;
  }
  asio::post(context_, [this] { RunTasks(); });
}

// What tasks post runs at once, without asking the kernel for events in between:
// a batch goes through its stages (pump, log, frames, sockets) in one go. Bounded,
// so that sockets and timers get their turn.
void AsioExecutor::RunTasks() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    {
      std::lock_guard lock(mutex_);
      running_.swap(tasks_);
      scheduled_ = !running_.empty();
    }
    if (running_.empty()) return;
    for (Task& task : running_) {
      std::move(task)();
      task = nullptr;
    }
    running_.clear();
  }
  asio::post(context_, [this] { RunTasks(); });
}

// The kernel is asked for events before each handler that was posted in the turn before.
void AsioExecutor::Yield(Task task) {
  yielded_.push_back(std::move(task));
  asio::post(context_, [this] {
    Task next = std::move(yielded_.front());
    yielded_.pop_front();
    std::move(next)();
  });
}

TimerId AsioExecutor::At(Micros monotonic, Task task) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair(monotonic, id), std::move(task));
  timer_times_.emplace(id, monotonic);
  Arm();
  return id;
}

void AsioExecutor::Cancel(TimerId timer) {
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) return;
  timers_.erase({found->second, timer});
  timer_times_.erase(found);
}

void AsioExecutor::Arm() {
  if (timers_.empty()) return;
  const Micros first = timers_.begin()->first.first;
  if (armed_for_ != 0 && armed_for_ <= first) return;
  armed_for_ = first;
  alarm_.expires_at(BootClock::time_point(BootClock::duration(first)));
  alarm_.async_wait([this](const asio::error_code& error) {
    if (error) return;  // Armed anew for an earlier time.
    armed_for_ = 0;
    RunTimers();
  });
}

void AsioExecutor::RunTimers() {
  const Micros now = BootClock::now().time_since_epoch().count();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    std::move(node.mapped())();
  }
  Arm();
}

void AsioExecutor::Run() {
  auto work = asio::make_work_guard(context_);
  context_.run();
}

void AsioExecutor::Stop() { context_.stop(); }

}  // namespace fastpath::node
