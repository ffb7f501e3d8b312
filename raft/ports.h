// The ports: everything the logic needs from the world. Node and client logic
// is written against these, so that a whole cluster runs in one thread from one
// seed. Threads exist only inside implementations, whose callbacks are posted
// to the owner's executor.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "raft/types.h"

namespace fastpath {

using Micros = raft::Micros;
using Task = absl::AnyInvocable<void()>;

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

// One logical thread. Tasks posted run in order, never inside the call that
// posts them. A timer runs at or after its time. Tasks may be dropped unrun
// only when the executor itself is destroyed.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Post(Task task) = 0;  // Any thread.
  // Posts what goes on with long work: what the world brought by then has its turn first.
  virtual void Yield(Task task) { Post(std::move(task)); }  // The executor's thread only.
  virtual TimerId At(Micros monotonic, Task task) = 0;      // The executor's thread only.
  virtual void Cancel(TimerId timer) = 0;                   // Unknown or fired ids are ignored.
};

// A framed, ordered, reliable-until-broken byte connection. Everything happens
// on the executor it was made for. Frames arrive whole; the framing and its
// length limit are the implementation's. The owner destroys it at any time,
// which closes it and ends its callbacks.
class Connection {
 public:
  struct Handlers {
    std::function<void(std::string_view frame)> on_frame;  // Valid during the call only.
    std::function<void(absl::Status why)> on_close;        // At most once; then nothing more.
  };
  virtual ~Connection() = default;
  virtual void Start(Handlers handlers) = 0;
  // Queues a frame. Large payloads should be shared pieces of the cord, not
  // copies. Never blocks; the owner bounds itself by `buffered_bytes`.
  virtual void Send(absl::Cord frame) = 0;
  virtual size_t buffered_bytes() const = 0;
  virtual std::string peer_address() const = 0;
};

// Makes connections. `address` is "host:port"; in simulation any unique name.
class Network {
 public:
  virtual ~Network() = default;
  using OnAccept = std::function<void(std::unique_ptr<Connection>)>;
  // Starts accepting; the returned bound address has the real port for ":0".
  virtual absl::StatusOr<std::string> Listen(const std::string& address, OnAccept on_accept) = 0;
  // `done` runs later on the executor, exactly once.
  virtual void Connect(const std::string& address,
                       std::function<void(absl::StatusOr<std::unique_ptr<Connection>>)> done) = 0;
};

namespace raft {

// One group's part of one durable step. Atomic: after a crash either all of it
// is there or none of it.
struct LogWrite {
  GroupId group = 0;
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;  // Consecutive; replace any stored suffix from entries[0].index on.
  // Discards the group's whole log and starts it after this point (snapshot
  // install, bootstrap). Applied before `entries`.
  struct Position {
    Index index = 0;
    Term term = 0;
  };
  std::optional<Position> reset;
  bool destroy = false;  // Forget the group altogether; nothing else is set.
};

// The durable log of all groups of a store; storage/raft_log implements it.
// The owner's executor only.
class LogStore {
 public:
  virtual ~LogStore() = default;
  // Calls made while a sync is under way join the next one. `durable` runs once,
  // in call order, when the write is on disk. On failure it gets the error and
  // so does every later call: a failed sync stops the node (DESIGN 3.2).
  virtual void Write(LogWrite write, absl::AnyInvocable<void(absl::Status)> durable) = 0;
  // Entries [from, to] of a group, fewer if `limit_bytes` is reached (at least
  // one). NotFound below the log's start; DataLoss on a bad record.
  virtual void Read(GroupId group, Index from, Index to, size_t limit_bytes,
                    absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) = 0;
  // Entries up to `index` are no longer needed. Lazy; costs nothing durable.
  virtual void Truncate(GroupId group, Index index) = 0;
};

// What one replica's committed entries do. The owner's executor only.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Entries continue the last batch; configurations and no-ops included, so
  // that the applied index has no holes. `done` runs once, later or inline,
  // when their effects can be read. At most one Apply is under way. An error
  // stops the group for good (determinism, corruption).
  virtual void Apply(std::vector<Entry> entries, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// Sends to another replica. Best effort: may drop, duplicate, reorder.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void Send(NodeId to, Message message) = 0;
};

}  // namespace raft
}  // namespace fastpath
