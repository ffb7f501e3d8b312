// Measures how long a key cannot be written, by writing it again and again.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"

namespace fastpath::fault {

class Prober {
 public:
  using Clock = std::chrono::steady_clock;

  Prober(std::vector<std::string> endpoints, std::string table, std::string key);
  ~Prober();

  // When the first write that began at or after `moment` was acknowledged, less
  // `moment`; nullopt if none was within `limit`. Another thread than the
  // prober's own.
  std::optional<std::chrono::milliseconds> UnavailableSince(Clock::time_point moment,
                                                            std::chrono::seconds limit);

 private:
  void Run(client::Client client);

  const std::string table_, key_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  // The latest acknowledged write.
  Clock::time_point began_, ended_;
  // The first acknowledged one that began after `watched_`.
  Clock::time_point watched_ = Clock::time_point::max();
  std::optional<Clock::time_point> answered_;
  std::thread thread_;
};

}  // namespace fastpath::fault
