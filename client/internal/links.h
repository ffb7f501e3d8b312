// One connection to each node, dialled when first needed and again, with
// backoff, after it broke. Not thread-safe; pure. Bounded by the nodes of the
// map and the endpoints: Retain drops the others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/internal/ports.h"

namespace fastpath::client::internal {

struct Link {
  enum class State { kIdle, kDialing, kOpen };

  std::string address;
  State state = State::kIdle;
  std::unique_ptr<Channel> channel;  // Not null if and only if open.
  uint64_t generation = 0;           // Counts dials; callbacks of older ones are ignored.
  int failures = 0;                  // In a row, since something was heard.
  Micros retry_at = 0;               // Idle: do not dial before.
  std::string error;                 // Why it broke last.
  Micros heard_at = 0;               // When the last frame arrived.
  Micros silent_since = 0;           // When it was dialled, or first asked since; 0: all is heard.
  std::vector<uint64_t> waiting;     // Operations to send once open.
};

class Links {
 public:
  // Called on the executor, never inside a call of Links' except Break's closed.
  struct Handlers {
    std::function<void(Link&)> opened;
    std::function<void(Link&, std::string_view frame)> frame;
    std::function<void(Link&)> closed;  // Also when a dial failed; `error` says why.
  };
  Links(Ports ports, Handlers handlers) : ports_(ports), handlers_(std::move(handlers)) {}

  // Valid until Retain drops it. The address makes the link.
  Link& At(const std::string& address);
  // Broken a moment ago: a try would only wait.
  bool Down(const std::string& address, Micros now) const;
  void Dial(Link& link);  // Requires kIdle.
  // Closes an open or dialling link, and runs `closed`.
  void Break(Link& link, std::string why);
  // Drops idle links that `wanted` refuses.
  void Retain(const std::function<bool(const std::string& address)>& wanted);

 private:
  void Dialled(const std::string& address, uint64_t generation,
               absl::StatusOr<std::unique_ptr<Channel>> channel);

  Ports ports_;
  Handlers handlers_;
  std::map<std::string, std::shared_ptr<Link>> links_;
  // Ends with us: late callbacks of the ports see it.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace fastpath::client::internal
