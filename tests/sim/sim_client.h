// One client of a run: the real client core on simulated ports, and lanes that
// keep asking it for something. What they ask is drawn from the seed; what they
// are told goes into the history.
//
// Threads: one. Ownership: world, fabric and history outlive it; what they are
// told about is dropped with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/internal/core.h"
#include "tests/sim/client_ports.h"
#include "tests/sim/fabric.h"
#include "tests/sim/history.h"
#include "tests/sim/requests.h"
#include "tests/sim/scenario.h"
#include "tests/support/sim_executor.h"

namespace fastpath::sim {

// A client core with everything that it stands on.
class ClientHost {
 public:
  ClientHost(testing::SimLoop* loop, Fabric* fabric, const std::string& name, uint64_t seed,
             std::vector<std::string> endpoints, Micros deadline);
  ~ClientHost();

  client::internal::Core& core() { return *core_; }
  testing::SimExecutor& executor() { return executor_; }
  testing::SimRandom& random() { return random_; }
  Micros Now() { return clock_.Monotonic(); }
  Micros Wall() { return clock_.Wall(); }
  HostId host() const { return host_; }

 private:
  testing::SimClock clock_;
  testing::SimRandom random_;
  testing::SimExecutor executor_;
  HostId host_;
  std::unique_ptr<Network> network_;
  ClientClock client_clock_;
  ClientRandom client_random_;
  ClientExecutor client_executor_;
  ClientDialer dialer_;
  std::unique_ptr<client::internal::Core> core_;
};

class SimClient {
 public:
  SimClient(const Scenario& scenario, uint32_t number, testing::SimLoop* loop, Fabric* fabric,
            std::vector<std::string> endpoints, History* history, Trace* trace);

  void Begin();
  void Finish() { finishing_ = true; }  // Begins nothing more.
  bool idle() const { return busy_lanes_ == 0; }
  HostId host() const { return host_.host(); }
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t unknown() const { return unknown_; }

 private:
  using Answer = client::internal::Answer;

  void Think(size_t lane);
  void Act(size_t lane);
  // The lane's operation ended; after an unknown outcome it goes on as another process.
  void Ended(size_t lane, bool unknown);

  void ActOnRegister(size_t lane);
  void ActOnCounter(size_t lane);
  void PutColdKey(size_t lane);
  void PutExpiring(size_t lane);
  void ReadExpiring(size_t lane);
  void StrongGet(size_t lane, const std::string& key);
  void EventualGet(size_t lane, const std::string& key);

  // Sends a write; `fill` reads its result out of a good answer.
  using Fill = std::function<void(const api::Reply& reply, Operation& result)>;
  void Write(size_t lane, Operation operation, api::Request request, Fill fill);
  void Written(size_t lane, History::Id id, const Answer& answer, const Fill& fill);
  void Note(std::string_view kind, const Answer& answer);
  std::string UniqueValue();

  const Scenario& scenario_;
  const uint32_t number_;
  History* history_;
  Trace* trace_;
  ClientHost host_;
  std::vector<int64_t> lanes_;  // Each one's process.
  int64_t next_process_;
  uint64_t next_value_ = 1;
  size_t busy_lanes_ = 0;
  bool finishing_ = false;
  uint64_t acknowledged_ = 0;
  uint64_t strong_gets_ = 0;
  uint64_t unknown_ = 0;
  std::map<std::string, std::string> last_values_;  // Lately seen in registers: what to expect.
};

}  // namespace fastpath::sim
