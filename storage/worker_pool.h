// A few threads over one bounded queue, for an engine's blocking calls.
//
// Threads: Submit from any; tasks run on the pool's. With one thread, tasks run
// in the order of their submission. Destroying it waits for the tasks under way
// and drops those that have not begun.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "raft/ports.h"

namespace fastpath::storage {

class WorkerPool {
 public:
  // `name`: what `top -H` calls its threads; at most 15 bytes.
  WorkerPool(const char* name, size_t threads, size_t queue_limit);
  ~WorkerPool();
  // False, and the task is dropped, when `queue_limit` tasks wait already.
  [[nodiscard]] bool Submit(Task task);
  // For what its caller bounds.
  void SubmitAlways(Task task);

 private:
  void Run();

  const size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fastpath::storage
