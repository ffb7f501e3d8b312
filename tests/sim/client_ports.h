// The client's ports on the simulated world: thin forwards to the same clock,
// random numbers, executor and network that the servers' ports have.
//
// Threads: one. Ownership: what is forwarded to outlives these.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "client/internal/ports.h"
#include "raft/ports.h"

namespace fastpath::sim {

namespace ports = client::internal;

class ClientClock : public ports::Clock {
 public:
  explicit ClientClock(fastpath::Clock* clock) : clock_(clock) {}
  ports::Micros Monotonic() override { return clock_->Monotonic(); }
  ports::Micros Wall() override { return clock_->Wall(); }

 private:
  fastpath::Clock* clock_;
};

class ClientRandom : public ports::Random {
 public:
  explicit ClientRandom(fastpath::Random* random) : random_(random) {}
  uint64_t Next() override { return random_->Next(); }

 private:
  fastpath::Random* random_;
};

class ClientExecutor : public ports::Executor {
 public:
  explicit ClientExecutor(fastpath::Executor* executor) : executor_(executor) {}
  void Post(ports::Work work) override { executor_->Post(std::move(work)); }
  ports::TimerId At(ports::Micros monotonic, ports::Work work) override {
    return executor_->At(monotonic, std::move(work));
  }
  void Cancel(ports::TimerId timer) override { executor_->Cancel(timer); }

 private:
  fastpath::Executor* executor_;
};

class ClientChannel : public ports::Channel {
 public:
  explicit ClientChannel(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  void Start(Handlers handlers) override {
    connection_->Start(
        {.on_frame = std::move(handlers.on_frame), .on_close = std::move(handlers.on_close)});
  }
  void Send(std::string frame) override { connection_->Send(absl::Cord(std::move(frame))); }
  size_t unsent() const override { return 0; }

 private:
  std::unique_ptr<Connection> connection_;
};

class ClientDialer : public ports::Dialer {
 public:
  explicit ClientDialer(Network* network) : network_(network) {}
  void Dial(const std::string& address,
            std::function<void(absl::StatusOr<std::unique_ptr<ports::Channel>>)> done) override {
    network_->Connect(address, [done](absl::StatusOr<std::unique_ptr<Connection>> connection) {
      if (!connection.ok()) return done(connection.status());
      done(std::make_unique<ClientChannel>(*std::move(connection)));
    });
  }

 private:
  Network* network_;
};

}  // namespace fastpath::sim
