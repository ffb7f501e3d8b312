// One operation of the core, from Call to its end. Private to core.cc, route.cc
// and hear.cc.
#pragma once

#include <optional>
#include <string>

#include "client/internal/core.h"

namespace fastpath::client::internal {

struct Core::Op {
  enum class State {
    kWaiting,  // For room among the operations in flight.
    kMap,      // For the map.
    kDial,     // For its link to open.
    kSent,     // For an answer.
    kBackoff,  // For the next try.
  };

  OpId id = 0;
  api::Request request;
  Target target;
  Done done;
  size_t bytes = 0;
  bool mutates = false;  // Not knowing what became of it matters.
  Micros started = 0;
  Micros deadline = 0;
  Micros try_timeout = 0;
  Micros pause = 0;  // Before the first try.

  State state = State::kWaiting;
  bool admitted = false;
  Micros wake_at = 0;     // Its live entry in wakeups_.
  uint64_t sequence = 0;  // Our session's; 0: not counted, or not admitted, or the caller's.
  Micros remember = 0;    // Of a session of the caller's: so long from now; 0: it is ours.

  // The current try.
  Link* link = nullptr;  // Of kDial and kSent.
  uint32_t node = 0;     // Whom it asks; 0: unknown.
  uint32_t group = 0;
  uint64_t epoch = 0;
  bool routed = false;    // `group` means something.
  bool rerouted = false;  // An earlier try went to another group.
  Micros sent_at = 0;

  std::optional<uint64_t> hash;  // Of its key, once known.
  int tries = 0;
  int backoffs = 0;
  int redirects = 0;  // Since the last backoff.
  int timeouts = 0;
  int internal_errors = 0;
  int map_checks = 0;           // Maps asked for in a row because ours gives no place for its key.
  bool maybe_executed = false;  // Some try may have taken effect, or may still.
  bool stamped = false;         // Its session says how long it is remembered.
  bool session_renewed = false;
  api::Code at_deadline = api::DEADLINE;  // Or the last refusal that says more.
  std::string last_error;

  // Carries a session, and counts once.
  bool counted() const { return request.has_write() || request.has_transact_write(); }
  api::Session& session() {  // Requires counted().
    return request.has_write() ? *request.mutable_write()->mutable_session()
                               : *request.mutable_transact_write()->mutable_session();
  }
  bool eventual() const {
    return (request.has_get() && request.get().eventual()) ||
           (request.has_query() && request.query().eventual()) ||
           (request.has_scan() && request.scan().eventual());
  }
  bool foreign() const { return remember != 0; }
  // A frame's id names its try, so that a late answer is told from the current one's.
  uint64_t frame_id() const { return id << 8 | static_cast<uint8_t>(tries); }
};

}  // namespace fastpath::client::internal
