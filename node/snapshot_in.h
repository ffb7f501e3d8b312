// Receives snapshots: chunks go into the engine's installer as they come, in
// order, and are answered when taken; the last one is answered when the state
// is in place. At most `snapshots_in` at once: others are told BUSY.
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
#include "storage/engine.h"

namespace fastpath::node {

class SnapshotReceiver {
 public:
  // The replica, made if need be; null if there can be none (destroyed, or
  // another one's id).
  using Admit = std::function<Replica*(raft::GroupId, raft::ReplicaId)>;
  SnapshotReceiver(const Environment& environment, Admit admit);

  void Begin(const peer::SnapshotBegin& begin, Answerer answer);
  void Chunk(const peer::SnapshotChunk& chunk, Answerer answer);
  void Tick();  // Drops what has stopped coming.

 private:
  struct Part {
    std::vector<storage::KeyValue> rows;
    bool last = false;
    Answerer answer;
  };
  struct Incoming {
    raft::GroupId group = 0;
    raft::ReplicaId to = 0;
    raft::SnapshotMeta meta;
    std::unique_ptr<storage::Installer> installer;
    uint64_t next_sequence = 1;
    std::deque<Part> parts;
    bool adding = false;
    bool installing = false;
    Micros heard = 0;
  };

  std::vector<storage::KeyRange> RangesOf(const peer::SnapshotBegin& begin,
                                          const Replica& replica) const;
  void Advance(uint64_t id);
  void Install(uint64_t id, Answerer answer);

  const Environment env_;
  Admit admit_;
  std::map<uint64_t, Incoming> incoming_;
  uint64_t last_transfer_ = 0;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
