#include "node/snapshot_out.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/codec.h"

namespace fastpath::node {
namespace {

constexpr Micros kChunkTimeout_us = 15'000'000;
constexpr Micros kInstallTimeout_us = 60'000'000;

std::string Problem(const absl::StatusOr<peer::Answer>& answer) {
  if (!answer.ok()) return std::string(answer.status().message());
  return answer->status() == peer::OK ? "" : answer->message();
}

bool Names(const raft::Configuration& members, raft::ReplicaId replica) {
  for (const auto* list : {&members.voters, &members.outgoing, &members.learners}) {
    for (const raft::Member& member : *list) {
      if (member.replica == replica) return true;
    }
  }
  return false;
}

}  // namespace

SnapshotSender::SnapshotSender(const Environment& environment, FindReplica find)
    : env_(environment), find_(std::move(find)) {}

void SnapshotSender::Offer(raft::GroupId group, const raft::SnapshotOffer& offer) {
  for (const auto& [waiting_group, waiting] : waiting_) {
    if (waiting_group == group && waiting.to == offer.to) return;
  }
  for (const auto& [id, transfer] : transfers_) {
    if (transfer.group == group && transfer.offer.to == offer.to) return;
  }
  waiting_.emplace_back(group, offer);
  env_.executor->Post(lifetime_.Guard([this] { StartNext(); }));
}

void SnapshotSender::StartNext() {
  while (!waiting_.empty() && transfers_.size() < env_.options->limits.snapshots_out) {
    const auto [group, offer] = waiting_.front();
    waiting_.pop_front();
    const uint64_t id = ++last_transfer_;
    transfers_.emplace(id, Transfer{.group = group, .offer = offer});
    Begin(id);
  }
}

void SnapshotSender::Begin(uint64_t id) {
  Transfer& transfer = transfers_.at(id);
  Replica* replica = find_(transfer.group);
  if (replica == nullptr || replica->machine() == nullptr || !replica->leader()) {
    return Finish(id, false, "not the leader");
  }
  auto point = replica->machine()->Pin();
  // The receiver must find itself among the members of what it installs. Not more: a later change
  // may be waiting for this very replica's vote.
  if (!Names(point.meta.configuration, transfer.offer.to)) {
    return Finish(id, false, "its membership is not applied yet");
  }
  transfer.index = point.meta.index;
  transfer.reader = std::make_unique<storage::SnapshotReader>(
      env_.engine, std::move(point.view), point.ranges, env_.options->limits.snapshot_chunk_bytes);

  peer::Call call;
  peer::SnapshotBegin* begin = call.mutable_snapshot_begin();
  begin->set_group(transfer.group);
  begin->set_to(transfer.offer.to);
  begin->set_index(point.meta.index);
  begin->set_term(point.meta.term);
  begin->set_configuration(raft::EncodeConfiguration(point.meta.configuration));
  const storage::BucketRange buckets = replica->machine()->buckets();
  begin->set_first_bucket(buckets.first);
  begin->set_last_bucket(buckets.last);
  begin->set_empty_range(buckets.empty);
  for (const api::Table& table : replica->machine()->tables()) begin->add_spaces(table.space());
  env_.transport->Call(transfer.offer.node, std::move(call), kChunkTimeout_us,
                       lifetime_.Guard([this, id](absl::StatusOr<peer::Answer> answer) {
                         Begun(id, std::move(answer));
                       }));
}

void SnapshotSender::Begun(uint64_t id, absl::StatusOr<peer::Answer> answer) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  if (const std::string problem = Problem(answer); !problem.empty()) {
    return Finish(id, false, problem);
  }
  found->second.remote = answer->snapshot_begin().transfer();
  Fill(id);
}

// Keeps the window full; one read at a time.
void SnapshotSender::Fill(uint64_t id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  Transfer& transfer = found->second;
  if (transfer.read_all) {
    if (transfer.unanswered == 0 && !transfer.finishing) {
      transfer.finishing = true;
      SendChunk(id, "", true);
    }
    return;
  }
  if (transfer.reading || transfer.unanswered >= env_.options->limits.snapshot_window) return;
  transfer.reading = true;
  transfer.reader->Next(lifetime_.Guard([this, id](absl::StatusOr<std::string> chunk) {
    const auto still = transfers_.find(id);
    if (still == transfers_.end()) return;
    still->second.reading = false;
    if (!chunk.ok()) return Finish(id, false, std::string(chunk.status().message()));
    if (chunk->empty()) {
      still->second.read_all = true;
    } else {
      SendChunk(id, *std::move(chunk), false);
    }
    // Posted: the answer may be inline, and a large state must not recurse.
    env_.executor->Post(lifetime_.Guard([this, id] { Fill(id); }));
  }));
}

void SnapshotSender::SendChunk(uint64_t id, std::string chunk, bool last) {
  Transfer& transfer = transfers_.at(id);
  ++transfer.unanswered;
  env_.metrics->snapshot_bytes_out += chunk.size();
  peer::Call call;
  peer::SnapshotChunk* message = call.mutable_snapshot_chunk();
  message->set_transfer(transfer.remote);
  message->set_sequence(++transfer.sequence);
  message->set_chunk(std::move(chunk));
  message->set_last(last);
  env_.transport->Call(transfer.offer.node, std::move(call),
                       last ? kInstallTimeout_us : kChunkTimeout_us,
                       lifetime_.Guard([this, id, last](absl::StatusOr<peer::Answer> answer) {
                         ChunkAnswered(id, last, std::move(answer));
                       }));
}

void SnapshotSender::ChunkAnswered(uint64_t id, bool last, absl::StatusOr<peer::Answer> answer) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  if (const std::string problem = Problem(answer); !problem.empty()) {
    return Finish(id, false, problem);
  }
  --found->second.unanswered;
  if (last) return Finish(id, true, "");
  Fill(id);
}

void SnapshotSender::Finish(uint64_t id, bool ok, const std::string& why) {
  auto node = transfers_.extract(id);
  const Transfer& transfer = node.mapped();
  if (ok) {
    ++sent_;
  } else {
    spdlog::info("snapshot_not_sent group={} replica={} node={} reason=\"{}\"", transfer.group,
                 transfer.offer.to, transfer.offer.node, why);
  }
  if (Replica* replica = find_(transfer.group)) {
    replica->SnapshotSent(transfer.offer.to, transfer.index, ok);
  }
  env_.executor->Post(lifetime_.Guard([this] { StartNext(); }));
}

}  // namespace fastpath::node
