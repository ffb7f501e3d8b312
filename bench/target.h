// What a load is put on: a store, reached over lanes. A lane is a logical
// connection with at most one operation outstanding. A store whose client
// multiplexes runs all lanes over its few connections; for one whose connection
// serves one operation at a time, a lane is a connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

namespace fastpath::bench {

using Clock = std::chrono::steady_clock;

struct Operation {
  bool read = false;
  uint64_t key = 0;        // Its name is KeyName(key).
  std::string_view value;  // A write's; need not outlive Begin.
};

enum class Ending {
  kOk,
  kMissing,  // A read that found nothing.
  kRefused,  // Certainly without effect.
  kUnknown,
};

class Listener {
 public:
  virtual ~Listener() = default;
  // `why` is empty for kOk and kMissing. May Begin the lane's next operation.
  virtual void Ended(size_t lane, Ending ending, std::string_view why) = 0;
};

// Threads: lane L ends its operations on thread L % threads() of the target, of
// which there is at least one; with one, that may be the thread in Poll. A target
// whose server is lost ends the process with a message: there is nothing to measure.
class Target {
 public:
  virtual ~Target() = default;
  virtual size_t threads() const { return 1; }
  // Who hears endings; outlives every operation begun. Before the first Begin.
  virtual void Listen(Listener* listener) = 0;
  // Requires that nothing is outstanding on the lane. Called on the lane's thread
  // or on the one that polls. Never calls the listener itself.
  virtual void Begin(size_t lane, const Operation& operation) = 0;
  // Lets operations proceed until the time has come; may return earlier.
  virtual void Poll(Clock::time_point until) = 0;
};

// Connects `lanes` lanes; `create`: makes the table first if it is not there.
using MakeTarget =
    std::function<absl::StatusOr<std::unique_ptr<Target>>(size_t lanes, bool create)>;

}  // namespace fastpath::bench
