// Node::Shutdown: leadership first, then what is in flight, then the engine.
#include <utility>

#include "node/node.h"

namespace fastpath::node {
namespace {

constexpr Micros kHandOver_us = 5'000'000;
constexpr Micros kAnswers_us = 2'000'000;
constexpr Micros kPoll_us = 20'000;
constexpr Micros kSettle_us = 200'000;    // For others to hear who leads now.
constexpr Micros kFlush_us = 20'000'000;  // A full disk may take for ever; the log has it all.

}  // namespace

void Node::Shutdown(std::function<void()> done) {
  if (draining_) return;
  draining_ = true;
  drained_ = std::move(done);
  if (!running_ || failed_) return drained_();
  router_->StartDraining();
  Drain(ports_.clock->Monotonic() + kHandOver_us);
}

// Asks again at every poll: a transfer may be refused, or come back.
void Node::Drain(Micros give_up) {
  const Micros now = ports_.clock->Monotonic();
  bool leads = false;
  for (const auto& [group, replica] : shard_->replicas()) {
    if (!replica->leader() || replica->stopped()) continue;
    if (replica->raft().configuration().voters.size() < 2) continue;  // Nobody to take it.
    leads = true;
    replica->StepAside();
  }
  if (!leads || now >= give_up) return WaitForAnswers(now + kAnswers_us);
  ports_.executor->At(now + kPoll_us, lifetime_.Guard([this, give_up] { Drain(give_up); }));
}

void Node::WaitForAnswers(Micros give_up) {
  const Micros now = ports_.clock->Monotonic();
  const bool settled = now >= give_up - kAnswers_us + kSettle_us;
  if ((server_->in_flight() > 0 || !settled) && now < give_up) {
    ports_.executor->At(now + kPoll_us,
                        lifetime_.Guard([this, give_up] { WaitForAnswers(give_up); }));
    return;
  }
  auto drained = lifetime_.Guard([this](absl::Status) {
    if (drained_) std::exchange(drained_, nullptr)();
  });
  ports_.executor->At(now + kFlush_us, [drained]() mutable { drained(absl::OkStatus()); });
  ports_.engine->Flush(drained);
}

}  // namespace fastpath::node
