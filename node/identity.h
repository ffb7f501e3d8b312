// Who this store is. Rows of the engine's store-wide kind, durable before they
// are used: the incarnation from the store's first start, cluster and node id
// once known.
//
// Threads: the engine's executor; the engine outlives the calls.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "raft/ports.h"
#include "storage/engine.h"

namespace fastpath::node {

struct Identity {
  std::string cluster_id;   // 16 bytes; empty before the node belongs to a cluster.
  std::string incarnation;  // 16 bytes.
  uint32_t node = 0;
  bool member() const { return node != 0; }
};

std::string RandomId(Random& random);  // 16 bytes.
std::string Hex(std::string_view bytes);

// Reads the identity; nullopt in a new store. DataLoss: it does not parse.
void LoadIdentity(storage::Engine* engine,
                  std::function<void(absl::StatusOr<std::optional<Identity>>)> done);
void PutIdentity(const Identity& identity, storage::WriteBatch& batch);

// The highest replica id of a group that was destroyed here: messages to it and
// to lower ones are dropped for good.
std::string DestroyedKey(raft::GroupId group);
std::string EncodeDestroyed(raft::ReplicaId replica);
raft::ReplicaId DecodeDestroyed(std::string_view value);  // 0 if it does not parse.

// The last map this node heard of, so that a restart finds its peers.
std::string MapKey();

}  // namespace fastpath::node
