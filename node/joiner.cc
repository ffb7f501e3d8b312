#include "node/joiner.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace fastpath::node {
namespace {

constexpr Micros kTimeout_us = 3'000'000;
constexpr Micros kPause_us = 200'000;

}  // namespace

Joiner::Joiner(const Environment& environment, const api::Node& self,
               std::function<void(const peer::JoinResult&)> done)
    : env_(environment), self_(self), done_(std::move(done)) {}

void Joiner::Ask() {
  const auto& seeds = env_.options->seeds;
  std::string address = std::exchange(redirect_, "");
  if (address.empty()) address = seeds[turn_++ % seeds.size()];
  peer::Call call;
  *call.mutable_join()->mutable_node() = self_;
  env_.transport->CallAddress(address, std::move(call), kTimeout_us,
                              lifetime_.Guard([this, address](absl::StatusOr<peer::Answer> answer) {
                                Answered(address, std::move(answer));
                              }));
}

void Joiner::Answered(const std::string& address, absl::StatusOr<peer::Answer> answer) {
  if (answer.ok() && answer->status() == peer::OK && answer->has_join()) {
    return done_(answer->join());
  }
  if (answer.ok() && answer->status() == peer::NOT_LEADER) redirect_ = answer->leader_address();
  const std::string problem =
      answer.ok() ? answer->message() : std::string(answer.status().message());
  if (problem != last_problem_) {
    spdlog::warn("join_waits seed={} reason=\"{}\"", address, problem);
    last_problem_ = problem;
  }
  env_.executor->At(env_.clock->Monotonic() + kPause_us, lifetime_.Guard([this] { Ask(); }));
}

}  // namespace fastpath::node
