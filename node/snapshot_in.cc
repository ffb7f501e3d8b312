#include "node/snapshot_in.h"

#include <algorithm>
#include <set>
#include <utility>

#include "raft/codec.h"
#include "storage/snapshot.h"

namespace fastpath::node {
namespace {

constexpr Micros kSilence_us = 20'000'000;
constexpr Micros kInstallLimit_us = 120'000'000;  // The replica died meanwhile.

}  // namespace

SnapshotReceiver::SnapshotReceiver(const Environment& environment, Admit admit)
    : env_(environment), admit_(std::move(admit)) {}

void SnapshotReceiver::Begin(const peer::SnapshotBegin& begin, Answerer answer) {
  auto configuration = raft::DecodeConfiguration(begin.configuration());
  if (!configuration.ok()) return AnswerCall(answer, peer::REFUSED, "bad configuration");
  Replica* replica = admit_(begin.group(), begin.to());
  if (replica == nullptr) return AnswerCall(answer, peer::REFUSED, "no such replica here");
  const raft::SnapshotMeta meta{begin.index(), begin.term(), *std::move(configuration)};
  if (!replica->WantsSnapshot(meta)) return AnswerCall(answer, peer::REFUSED, "nothing new");
  if (env_.disk_full()) return AnswerCall(answer, peer::BUSY, "no space: the node's disk is full");
  for (auto it = incoming_.begin(); it != incoming_.end(); ++it) {
    if (it->second.group != begin.group()) continue;
    if (it->second.installing) return AnswerCall(answer, peer::BUSY, "one is being installed");
    incoming_.erase(it);  // Its sender gave up, or is a leader no more.
    break;
  }
  if (incoming_.size() >= env_.options->limits.snapshots_in) {
    return AnswerCall(answer, peer::BUSY, "too many snapshots at once");
  }
  const uint64_t id = ++last_transfer_;
  Incoming& incoming = incoming_[id];
  incoming.group = begin.group();
  incoming.to = begin.to();
  incoming.meta = meta;
  incoming.installer = env_.engine->NewInstall(RangesOf(begin, *replica));
  incoming.heard = env_.clock->Monotonic();
  peer::Answer reply;
  reply.mutable_snapshot_begin()->set_transfer(id);
  std::move(answer)(std::move(reply));
}

// Everything the sender has and everything we have of the group is replaced.
std::vector<storage::KeyRange> SnapshotReceiver::RangesOf(const peer::SnapshotBegin& begin,
                                                          const Replica& replica) const {
  std::set<storage::SpaceId> spaces(begin.spaces().begin(), begin.spaces().end());
  if (replica.machine() != nullptr) {
    for (const api::Table& table : replica.machine()->tables()) spaces.insert(table.space());
  }
  const storage::BucketRange buckets{static_cast<storage::Bucket>(begin.first_bucket()),
                                     static_cast<storage::Bucket>(begin.last_bucket()),
                                     begin.empty_range()};
  return partition::InstallRanges(begin.group(), buckets, {spaces.begin(), spaces.end()});
}

void SnapshotReceiver::Chunk(const peer::SnapshotChunk& chunk, Answerer answer) {
  const auto found = incoming_.find(chunk.transfer());
  if (found == incoming_.end()) return AnswerCall(answer, peer::REFUSED, "no such transfer");
  Incoming& incoming = found->second;
  Part part{.last = chunk.last(), .answer = std::move(answer)};
  if (chunk.sequence() != incoming.next_sequence || incoming.installing) {
    incoming_.erase(found);
    return AnswerCall(part.answer, peer::REFUSED, "a chunk is missing");
  }
  if (!chunk.chunk().empty()) {
    auto rows = storage::DecodeChunk(chunk.chunk());
    if (!rows.ok()) {
      incoming_.erase(found);
      return AnswerCall(part.answer, peer::REFUSED, std::string(rows.status().message()));
    }
    part.rows = *std::move(rows);
  }
  ++incoming.next_sequence;
  incoming.heard = env_.clock->Monotonic();
  env_.metrics->snapshot_bytes_in += chunk.chunk().size();
  incoming.parts.push_back(std::move(part));
  Advance(chunk.transfer());
}

void SnapshotReceiver::Advance(uint64_t id) {
  const auto found = incoming_.find(id);
  if (found == incoming_.end()) return;
  Incoming& incoming = found->second;
  if (incoming.adding || incoming.parts.empty()) return;
  incoming.adding = true;
  Part part = std::move(incoming.parts.front());
  incoming.parts.pop_front();
  if (part.last) return Install(id, std::move(part.answer));
  incoming.installer->Add(
      std::move(part.rows),
      lifetime_.Guard([this, id, answer = std::move(part.answer)](absl::Status status) mutable {
        AnswerCall(answer, status.ok() ? peer::OK : peer::REFUSED, std::string(status.message()));
        const auto still = incoming_.find(id);
        if (still == incoming_.end()) return;
        if (!status.ok()) {
          incoming_.erase(still);
          return;
        }
        still->second.adding = false;
        env_.executor->Post(lifetime_.Guard([this, id] { Advance(id); }));
      }));
}

void SnapshotReceiver::Install(uint64_t id, Answerer answer) {
  Incoming& incoming = incoming_.at(id);
  incoming.installing = true;
  Replica* replica = admit_(incoming.group, incoming.to);
  if (replica == nullptr) {
    incoming_.erase(id);
    return AnswerCall(answer, peer::REFUSED, "the replica is gone");
  }
  auto shared = std::make_shared<Answerer>(std::move(answer));
  replica->Install(incoming.meta, std::move(incoming.installer),
                   lifetime_.Guard([this, id, shared](absl::Status status) {
                     incoming_.erase(id);
                     AnswerCall(*shared, status.ok() ? peer::OK : peer::REFUSED,
                                std::string(status.message()));
                   }));
}

void SnapshotReceiver::Tick() {
  const Micros now = env_.clock->Monotonic();
  std::erase_if(incoming_, [&](const auto& entry) {
    const Micros limit = entry.second.installing ? kInstallLimit_us : kSilence_us;
    return entry.second.heard + limit < now;
  });
}

}  // namespace fastpath::node
