#include "node/io/operation_counters.h"

#include <utility>

#include "node/gateway/gateway.h"
#include "node/io/clock.h"

namespace fastpath::node {
namespace {

class CountedService final : public HttpService {
 public:
  CountedService(std::unique_ptr<HttpService> service, OperationCounters* counters)
      : service_(std::move(service)), counters_(counters) {}

  void Serve(const gateway::HttpRequest& request, Done done) override {
    service_->Serve(request, [counters = counters_, clock = &clock_, begun = clock_.Monotonic(),
                              operation = gateway::OperationName(request),
                              done = std::move(done)](gateway::HttpResponse response) mutable {
      counters->Count(operation, response.exception, clock->Monotonic() - begun);
      done(std::move(response));
    });
  }
  void Stop() override { service_->Stop(); }

 private:
  SystemClock clock_;  // Outlives the service, which may answer while it is destroyed.
  std::unique_ptr<HttpService> service_;
  OperationCounters* counters_;
};

}  // namespace

void OperationCounters::Count(const std::string& operation, const std::string& exception,
                              int64_t took_us) {
  std::lock_guard lock(mutex_);
  Calls& calls = calls_[operation];
  ++calls.exceptions[exception];
  calls.latency.Observe(took_us);
}

std::map<std::string, OperationCounters::Calls> OperationCounters::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

std::unique_ptr<HttpService> Counted(std::unique_ptr<HttpService> service,
                                     OperationCounters* counters) {
  return std::make_unique<CountedService>(std::move(service), counters);
}

}  // namespace fastpath::node
