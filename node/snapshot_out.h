// Streams state to replicas whose leader no longer has the log they lack: a
// pinned view, read in chunks, a window of them unanswered. At most
// `snapshots_out` at once; others wait in line.
//
// Threads: the shard's executor.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "node/environment.h"
#include "node/lifetime.h"
#include "node/replica.h"
#include "storage/snapshot.h"

namespace fastpath::node {

class SnapshotSender {
 public:
  using FindReplica = std::function<Replica*(raft::GroupId)>;  // Null if not here.
  SnapshotSender(const Environment& environment, FindReplica find);

  void Offer(raft::GroupId group, const raft::SnapshotOffer& offer);
  uint64_t sent() const { return sent_; }

 private:
  struct Transfer {
    raft::GroupId group = 0;
    raft::SnapshotOffer offer;
    raft::Index index = 0;
    uint64_t remote = 0;  // The receiver's number for it.
    uint64_t sequence = 0;
    size_t unanswered = 0;
    bool reading = false;
    bool read_all = false;
    bool finishing = false;
    std::unique_ptr<storage::SnapshotReader> reader;
  };

  void StartNext();
  void Begin(uint64_t id);
  void Begun(uint64_t id, absl::StatusOr<peer::Answer> answer);
  void Fill(uint64_t id);
  void SendChunk(uint64_t id, std::string chunk, bool last);
  void ChunkAnswered(uint64_t id, bool last, absl::StatusOr<peer::Answer> answer);
  void Finish(uint64_t id, bool ok, const std::string& why);

  const Environment env_;
  FindReplica find_;
  std::deque<std::pair<raft::GroupId, raft::SnapshotOffer>> waiting_;
  std::map<uint64_t, Transfer> transfers_;
  uint64_t last_transfer_ = 0;
  uint64_t sent_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
