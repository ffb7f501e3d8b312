// How a client behaves. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace fastpath::client {

struct Options {
  // "host:port" of any nodes of the cluster; the others are found through them.
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  // Default for every operation; an operation's own options may say otherwise.
  // At most 9 minutes: a write is remembered for ten (DESIGN 5 "Sessions").
  std::chrono::milliseconds deadline = std::chrono::seconds(10);
  // A try without an answer for this long is repeated, under the same session;
  // doubled with each such try of the operation.
  std::chrono::milliseconds try_timeout = std::chrono::seconds(2);

  // Operations sent and unanswered; more wait, and past `max_waiting` are refused
  // OVERLOADED at once. The byte limits count requests.
  size_t max_in_flight = 4096;
  size_t max_in_flight_bytes = 64u << 20;
  size_t max_waiting = 65536;
  size_t max_waiting_bytes = 64u << 20;
};

inline constexpr std::chrono::minutes kDeadlineLimit{9};

}  // namespace fastpath::client
