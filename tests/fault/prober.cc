#include "tests/fault/prober.h"

#include <gtest/gtest.h>

namespace fastpath::fault {

Prober::Prober(std::vector<std::string> endpoints, std::string table, std::string key)
    : table_(std::move(table)), key_(std::move(key)) {
  client::Options options;
  options.endpoints = std::move(endpoints);
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  thread_ = std::thread([this, client = *std::move(client)]() mutable { Run(std::move(client)); });
}

Prober::~Prober() {
  stop_ = true;
  thread_.join();
}

void Prober::Run(client::Client client) {
  for (int64_t n = 0; !stop_; ++n) {
    const auto began = Clock::now();
    const auto result = client.Put(table_, client::MakeItem({{"k", key_}, {"n", n}})).Wait();
    if (result.ok()) {
      std::lock_guard lock(mutex_);
      if (began >= watched_ && !answered_) answered_ = Clock::now();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::optional<std::chrono::milliseconds> Prober::UnavailableSince(Clock::time_point moment,
                                                                  std::chrono::seconds limit) {
  {
    std::lock_guard lock(mutex_);
    watched_ = moment;
    answered_.reset();
  }
  while (Clock::now() < moment + limit) {
    {
      std::lock_guard lock(mutex_);
      if (answered_) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(*answered_ - moment);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return std::nullopt;
}

}  // namespace fastpath::fault
