#include "tests/support/sim_executor.h"

#include <algorithm>

namespace fastpath::testing {

SimLoop::Key SimLoop::Schedule(Micros at, std::shared_ptr<Owner> owner, Task task) {
  Key key{std::max(at, now_), sequence_++};
  events_.emplace(key, Event{std::move(owner), std::move(task)});
  return key;
}

bool SimLoop::RunOne() {
  if (events_.empty()) return false;
  auto first = events_.begin();
  now_ = first->first.first;
  Event event = std::move(first->second);
  events_.erase(first);
  if (!event.owner->alive) return true;
  if (event.owner->paused) {
    event.owner->held.push_back(std::move(event.task));
    return true;
  }
  ++events_run_;
  event.task();
  return true;
}

bool SimLoop::RunUntilIdle(uint64_t limit) {
  for (uint64_t i = 0; i < limit; ++i) {
    if (!RunOne()) return true;
  }
  return events_.empty();
}

void SimLoop::RunFor(Micros duration) {
  const Micros end = now_ + duration;
  while (!events_.empty() && events_.begin()->first.first <= end) RunOne();
  now_ = end;
}

bool SimLoop::RunUntil(const std::function<bool()>& done, uint64_t limit) {
  for (uint64_t i = 0; i < limit; ++i) {
    if (done()) return true;
    if (!RunOne()) return false;
  }
  return done();
}

SimExecutor::~SimExecutor() {
  owner_->alive = false;
  owner_->held.clear();
}

void SimExecutor::Post(Task task) { loop_->Schedule(loop_->Now(), owner_, std::move(task)); }

TimerId SimExecutor::At(Micros monotonic, Task task) {
  const TimerId id = next_timer_++;
  // Cancelled while it was held by a pause: no longer among the timers.
  Task fire = [this, id, task = std::move(task)]() mutable {
    if (timers_.erase(id) > 0) task();
  };
  const Micros at = clock_ == nullptr ? monotonic : clock_->World(monotonic);
  timers_.emplace(id, loop_->Schedule(at, owner_, std::move(fire)));
  return id;
}

void SimExecutor::Cancel(TimerId timer) {
  auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  auto event = loop_->events_.find(found->second);
  if (event != loop_->events_.end()) loop_->events_.erase(event);
  timers_.erase(found);
}

void SimExecutor::Resume() {
  owner_->paused = false;
  std::vector<Task> held = std::move(owner_->held);
  owner_->held.clear();
  for (Task& task : held) Post(std::move(task));
}

}  // namespace fastpath::testing
