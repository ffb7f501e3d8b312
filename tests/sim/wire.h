// The state of one simulated connection. Internal to the fabric.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/sim/fabric.h"

namespace fastpath::sim {

struct Process {
  HostId host = 0;
  Executor* executor = nullptr;  // Only used while alive.
  bool carries_raft = false;
  bool alive = true;
};

struct End {
  std::shared_ptr<Process> process;
  bool alive = true;    // The owner has it and has not been told of its end.
  bool doomed = false;  // The owner is about to be told.
  // Null until the owner calls Start; shared, since a handler may destroy its connection.
  std::shared_ptr<Connection::Handlers> handlers;
  std::deque<std::string> early;  // Frames that came before Start.
};

struct Item {  // A frame, or the news that the sender's end is gone.
  std::string frame;
  bool end = false;
};

// From one end to the other.
struct Way {
  Micros last_due = 0;
  std::deque<Item> held;  // Cannot get through now.
  uint64_t releases = 0;
  size_t travelling_bytes = 0;  // Held ones included.
};

struct Wire {
  uint64_t id = 0;
  bool carries_raft = false;
  End ends[2];  // 0 connected, 1 accepted.
  Way ways[2];  // ways[s] leads from ends[s] to the other.
  HostId host(int side) const { return ends[side].process->host; }
  bool dead() const { return !ends[0].alive && !ends[1].alive; }
};

}  // namespace fastpath::sim
