// The client's ports on the operating system and asio. One io_context, run by
// one thread; everything here belongs to it but the clock.
#pragma once

#include <map>
#include <memory>
#include <random>

#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE 1
#endif
// asio 1.22 otherwise pairs aligned_alloc with operator delete where no standard
// header came before it; node/ says the same.
#ifndef ASIO_DISABLE_STD_ALIGNED_ALLOC
#define ASIO_DISABLE_STD_ALIGNED_ALLOC 1
#endif
// As in node/, too: the gateway's thread uses both.
#ifndef ASIO_NO_DEPRECATED
#define ASIO_NO_DEPRECATED 1
#endif
#include <asio.hpp>

#include "client/internal/ports.h"

namespace fastpath::client::internal {

class SystemClock : public Clock {
 public:
  Micros Monotonic() override;
  Micros Wall() override;
};

class SystemRandom : public Random {
 public:
  SystemRandom();
  uint64_t Next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class AsioExecutor : public Executor {
 public:
  AsioExecutor(asio::io_context& io, Clock& clock) : io_(io), clock_(clock) {}
  void Post(Work work) override { asio::post(io_, std::move(work)); }
  TimerId At(Micros monotonic, Work work) override;
  void Cancel(TimerId timer) override { timers_.erase(timer); }

 private:
  asio::io_context& io_;
  Clock& clock_;
  std::map<TimerId, asio::steady_timer> timers_;
  TimerId next_ = 1;
};

// TCP to "host:port", with the client preface and frames of partition/frame.h.
class TcpDialer : public Dialer {
 public:
  explicit TcpDialer(asio::io_context& io) : io_(io) {}
  void Dial(const std::string& address,
            std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done) override;

 private:
  asio::io_context& io_;
};

}  // namespace fastpath::client::internal
