// A call of the client that has not begun. It begins, once, through one of
// three faces, which are thin wrappers over the same callback:
//
//   client.Get(key).Then([](Result<GetAnswer> r) {...});   // callback
//   Result<GetAnswer> r = client.Get(key).Wait();          // blocking
//   Result<GetAnswer> r = co_await client.Get(key);        // any coroutine type
//
// GCC 12 compiles no braced list of objects inside a co_await expression: build
// items before it.
//
// An operation that is dropped does nothing. Threads: begin it on any thread,
// also inside another operation's callback; callbacks and resumed coroutines run
// on the client's own thread and must not block there (Wait() aborts there).
// Ownership: outlives the client harmlessly; begun later, it is refused.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "client/result.h"

namespace fastpath::client {

namespace internal {
// Aborts with a message on a client's own thread, which would wait for itself.
void CheckMayBlock();
}  // namespace internal

template <class T>
class [[nodiscard]] Operation {
 public:
  using Callback = absl::AnyInvocable<void(Result<T>)>;
  using Start = absl::AnyInvocable<void(Callback) &&>;
  explicit Operation(Start start) : start_(std::move(start)) {}
  Operation(Operation&&) = default;
  Operation& operator=(Operation&&) = default;

  // `done` runs once, later, on the client's thread.
  void Then(Callback done) && { std::move(start_)(std::move(done)); }

  Result<T> Wait() && {
    internal::CheckMayBlock();
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Result<T>> result;
    std::move(start_)([&](Result<T> r) {
      // Notified under the lock: the waiter may return, and the variables end,
      // as soon as it is released.
      std::lock_guard lock(mutex);
      result = std::move(r);
      arrived.notify_one();
    });
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return result.has_value(); });
    return *std::move(result);
  }

  class Awaiter {
   public:
    explicit Awaiter(Start start) : start_(std::move(start)) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      // Moved out first: the coroutine may be resumed, and this awaiter
      // destroyed, on the client's thread before Start returns here.
      Start start = std::move(start_);
      std::move(start)([this, waiting](Result<T> result) {
        result_ = std::move(result);
        waiting.resume();
      });
    }
    Result<T> await_resume() { return *std::move(result_); }

   private:
    Start start_;
    std::optional<Result<T>> result_;
  };
  Awaiter operator co_await() && { return Awaiter(std::move(start_)); }

 private:
  Start start_;
};

}  // namespace fastpath::client
