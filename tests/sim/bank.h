// What the tests of transactions in the simulation share: their requests, and a client that
// begins one and hears of its end.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partition/api.pb.h"
#include "tests/sim/scripted.h"
#include "tests/sim/sim_client.h"

namespace fastpath::sim {

// --- a transaction's items; the table is `things`, whose key is "k", value "v", count "n".
api::TransactItem TransactPut(const std::string& key, const std::string& value);
api::TransactItem TransactDelete(const std::string& key);
// The item's value is this, or there is no item.
api::TransactItem TransactCheck(const std::string& key, const std::optional<std::string>& value);
// Adds to the counts; `least`: refused if "n" is under it.
api::TransactItem TransactMove(const std::string& key, int64_t delta, int64_t moved,
                               std::optional<int64_t> least);

api::Request TransactWrite(std::vector<api::TransactItem> items, const std::string& token = "");
api::Request TransactGet(const std::vector<std::string>& keys);

int64_t CountOf(const std::string& item, const char* attribute);

// By a map as InitialMap draws it, which no run changes.
uint32_t GroupOfKey(uint32_t groups, const std::string& key);

// A client of its own with one call at a time under way.
class Teller {
 public:
  Teller(Simulation& simulation, const std::string& name, uint64_t seed);

  void Begin(api::Request request, client::internal::Target target, Micros deadline);
  bool busy() const { return busy_; }
  const client::internal::Answer& answer() const { return answer_; }
  Micros called_at() const { return called_at_; }
  Micros returned_at() const { return returned_at_; }
  ClientHost& host() { return *host_; }

 private:
  testing::SimLoop& loop_;
  std::unique_ptr<ClientHost> host_;
  bool busy_ = false;
  client::internal::Answer answer_;
  Micros called_at_ = 0;
  Micros returned_at_ = 0;
};

}  // namespace fastpath::sim
