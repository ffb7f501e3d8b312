// A small coroutine type for programs that have none of their own: it runs at
// once until its first wait, and its result can be awaited or waited for.
// Operations can be awaited from any other coroutine type as well.
//
//   Task<int> Total(Client& client) {
//     auto a = co_await client.Get(Key("stock", "a"));
//     ...
//     co_return n;
//   }
//   int n = Total(client).Wait();
//
// Threads: the result is handed over once, to whichever of Wait() and co_await
// is used, on any thread. Exceptions that leave the coroutine abort.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "client/operation.h"

namespace fastpath::client {

template <class T>
class [[nodiscard]] Task {
  // Shared by the running coroutine and by who wants its result: either may end first.
  struct State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<T> value;
    std::coroutine_handle<> waiting;
  };

 public:
  struct promise_type {
    std::shared_ptr<State> state = std::make_shared<State>();
    Task get_return_object() { return Task(state); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::terminate(); }
    void return_value(T value) {
      std::coroutine_handle<> waiting;
      {
        std::lock_guard lock(state->mutex);
        state->value = std::move(value);
        waiting = state->waiting;
        state->arrived.notify_one();
      }
      if (waiting) waiting.resume();
    }
  };

  T Wait() && {
    internal::CheckMayBlock();
    std::unique_lock lock(state_->mutex);
    state_->arrived.wait(lock, [&] { return state_->value.has_value(); });
    return *std::move(state_->value);
  }

  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    std::lock_guard lock(state_->mutex);
    if (state_->value) return false;
    state_->waiting = waiting;
    return true;
  }
  T await_resume() {
    std::lock_guard lock(state_->mutex);
    return *std::move(state_->value);
  }

 private:
  explicit Task(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace fastpath::client
