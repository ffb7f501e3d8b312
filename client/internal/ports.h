// The ports of the client's logic: everything it needs from the world. Shaped
// as the servers' ports (raft/ports.h) so that a simulation of a whole cluster
// implements these by forwarding, but separate: the client links no server code.
//
// Threads: everything happens on the one logical thread of the Executor, except
// where a method says otherwise. Ownership: the ports outlive whoever uses them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fastpath::client::internal {

using Micros = int64_t;
using Work = absl::AnyInvocable<void()>;

// Any thread. Never fails.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Micros Monotonic() = 0;  // CLOCK_BOOTTIME: also counts suspended time.
  virtual Micros Wall() = 0;       // Microseconds since the Unix epoch; may jump.
};

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t Next() = 0;  // Uniform over 64 bits.
};

using TimerId = uint64_t;  // 0 is never issued.

// One logical thread. Work posted runs in order, never inside the call that
// posts it. A timer runs at or after its time. Work may be dropped unrun only
// when the executor itself is destroyed.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Post(Work work) = 0;
  virtual TimerId At(Micros monotonic, Work work) = 0;
  virtual void Cancel(TimerId timer) = 0;  // Unknown or fired ids are ignored.
};

// A framed, ordered, reliable-until-broken connection to a node. Frames are
// whole payloads; preface, framing and the length limit are the implementation's.
// The owner destroys it at any time outside its handlers, which closes it and
// ends its callbacks.
class Channel {
 public:
  struct Handlers {
    std::function<void(std::string_view frame)> on_frame;  // Valid during the call only.
    std::function<void(absl::Status why)> on_close;        // At most once; then nothing more.
  };
  virtual ~Channel() = default;
  virtual void Start(Handlers handlers) = 0;
  virtual void Send(std::string frame) = 0;  // Queues. Never blocks; the owner bounds itself.
  virtual size_t unsent() const = 0;         // Bytes that the network has not taken yet.
};

// Opens channels. `address` is "host:port"; in simulation any unique name.
class Dialer {
 public:
  virtual ~Dialer() = default;
  // `done` runs later, exactly once, unless the dialer is destroyed first.
  virtual void Dial(const std::string& address,
                    std::function<void(absl::StatusOr<std::unique_ptr<Channel>>)> done) = 0;
};

struct Ports {
  Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* executor = nullptr;
  Dialer* dialer = nullptr;
};

}  // namespace fastpath::client::internal
