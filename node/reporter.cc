#include "node/reporter.h"

#include <utility>
#include <vector>

namespace fastpath::node {
namespace {

constexpr Micros kPeriod_us = 400'000;
constexpr Micros kDebounce_us = 10'000;
// A report describes every group led here: so much longer for each.
constexpr Micros kDebouncePerGroup_us = 30;
constexpr Micros kRetry_us = 100'000;
constexpr Micros kTimeout_us = 1'000'000;

}  // namespace

Reporter::Reporter(const Environment& environment, const Shard* shard, Directory* directory,
                   const api::Node* self)
    : env_(environment), shard_(shard), directory_(directory), self_(self) {}

void Reporter::Changed() {
  again_ = true;
  if (in_flight_) return;
  const Micros debounce = kDebounce_us + kDebouncePerGroup_us * led_;
  const Micros soon = env_.clock->Monotonic() + debounce;
  if (next_ <= soon) return;
  next_ = soon;
  env_.executor->At(soon, lifetime_.Guard([this] { Tick(); }));
}

void Reporter::Tick() {
  if (!in_flight_ && env_.clock->Monotonic() >= next_) Report();
}

// 0: nobody known; ask a seed.
raft::NodeId Reporter::NextTarget() {
  if (hint_ != 0) return std::exchange(hint_, 0);
  if (const raft::NodeId leader = directory_->LeaderOf(raft::kMetaGroup)) return leader;
  const auto meta = directory_->Describe(raft::kMetaGroup);
  if (!meta || meta->voters_size() == 0) return 0;
  const size_t turn = rotation_++ % (meta->voters_size() + env_.options->seeds.size());
  if (turn >= static_cast<size_t>(meta->voters_size())) return 0;
  return meta->voters(static_cast<int>(turn)).node();
}

void Reporter::Report() {
  peer::Call call;
  peer::Report* report = call.mutable_report();
  *report->mutable_node() = *self_;
  report->set_map_version(directory_->version());
  for (const auto& [group, replica] : shard_->replicas()) {
    if (replica->serving()) *report->add_led() = replica->Descriptor();
  }
  led_ = report->led_size();
  in_flight_ = true;
  again_ = false;
  auto done =
      lifetime_.Guard([this](absl::StatusOr<peer::Answer> answer) { Answered(std::move(answer)); });
  const raft::NodeId target = NextTarget();
  const std::string address = std::exchange(hint_address_, "");
  const auto& seeds = env_.options->seeds;
  if (target != 0 && directory_->FindNode(target) == nullptr && !address.empty()) {
    // It joined after this node last heard of the map, and leads already.
    env_.transport->CallAddress(address, std::move(call), kTimeout_us, std::move(done));
  } else if (target != 0) {
    env_.transport->Call(target, std::move(call), kTimeout_us, std::move(done));
  } else if (!seeds.empty()) {
    env_.transport->CallAddress(seeds[rotation_++ % seeds.size()], std::move(call), kTimeout_us,
                                std::move(done));
  } else {
    Answered(absl::UnavailableError("nobody to report to"));
  }
}

void Reporter::Answered(absl::StatusOr<peer::Answer> answer) {
  in_flight_ = false;
  const Micros now = env_.clock->Monotonic();
  if (!answer.ok() || answer->status() != peer::OK) {
    directory_->SetLeader(raft::kMetaGroup, 0);
    if (answer.ok()) {
      hint_ = answer->leader_node();
      hint_address_ = answer->leader_address();
    }
    next_ = now + kRetry_us;
    return;
  }
  const peer::ReportResult& result = answer->report();
  if (result.has_map()) directory_->Update(result.map());
  for (const api::GroupDescriptor& group : result.leaders()) {
    directory_->SetLeader(group.group(), group.leader_node());
  }
  informed_ = true;
  next_ = now + kPeriod_us;
  if (again_) Changed();
}

}  // namespace fastpath::node
