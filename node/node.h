// A whole node: the composition root of everything but the ports. It opens the
// log, finds out who it is (or creates a cluster, or joins one), brings its
// groups up and serves.
//
// Threads: the executor's only; there is no other thread, clock or file in it,
// so a simulation runs many nodes in one thread. Ports outlive the node. It may
// be destroyed at any time from outside its own callbacks, which is a crash: a
// new node on the same disk and engine goes on from what was durable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "node/directory.h"
#include "node/environment.h"
#include "node/joiner.h"
#include "node/lifetime.h"
#include "node/meta_driver.h"
#include "node/reporter.h"
#include "node/router.h"
#include "node/server.h"
#include "node/shard.h"
#include "node/transact_get.h"
#include "node/transactions.h"

namespace fastpath::node {

struct Ports {
  Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* executor = nullptr;
  Network* client_network = nullptr;
  Network* peer_network = nullptr;
  storage::Disk* disk = nullptr;
  storage::Engine* engine = nullptr;
};

class Node {
 public:
  struct Callbacks {
    std::function<void()> ready;  // Once: serving, and every group has a leader.
    // Once: the node cannot go on and must be destroyed; its process ends.
    std::function<void(absl::Status)> failed;
  };
  Node(NodeOptions options, Ports ports, Callbacks callbacks);
  ~Node();

  void Start();
  // Hands leadership over, answers what is in flight, flushes the engine. Takes
  // 27 seconds at most (drain.cc), then `done`.
  void Shutdown(std::function<void()> done);

  bool built() const { return server_ != nullptr; }  // The views below need it.
  bool healthy() const;                              // Ready, not shutting down, all leaders known.
  const Identity& identity() const { return identity_; }
  const std::string& client_address() const { return self_.client_address(); }
  const std::string& peer_address() const { return self_.peer_address(); }
  void FillStatus(api::StatusResult* status) const {  // Empty before the node knows itself.
    if (router_ != nullptr) router_->FillStatus(status);
  }
  const Metrics& metrics() const { return metrics_; }
  const Shard& shard() const { return *shard_; }
  const Server& server() const { return *server_; }
  const Transport& transport() const { return *transport_; }
  const storage::RaftLog* log() const { return log_.get(); }
  bool disk_full() const { return log_ != nullptr && (log_->full() || ports_.engine->full()); }

 private:
  using Awaited = std::pair<raft::GroupId, storage::SpaceId>;

  void Fail(absl::Status why);
  Environment MakeEnvironment();
  absl::Status Listen();
  // Again and again while the disk has no space for a segment.
  void OpenLog();
  void LogOpened(absl::StatusOr<std::unique_ptr<storage::RaftLog>> log);
  void IdentityLoaded(std::optional<Identity> identity);
  void Build();
  void Bootstrap();
  void Join();
  void Joined(const peer::JoinResult& result);
  // Writes and flushes, then goes on.
  void Store(storage::WriteBatch batch, std::function<void()> then);
  void Recover();
  void Run();
  void Tick();

  void GroupChanged(raft::GroupId group);
  void OnCall(raft::NodeId from, const peer::Call& call, Answerer answer);
  void AddReplica(const peer::AddReplica& add, Answerer answer);
  void MoveLeader(const peer::MoveLeader& move, Answerer answer);
  void ProposeTable(const peer::ProposeTable& propose, Answerer answer);
  // The group's items are to have the expiry of the table's TTL attribute: answers
  // when they do, or when this node can no longer tell.
  void AwaitRetimed(const Awaited& awaited, Answerer answer);
  void AnswerRetimed(raft::GroupId group);

  void Drain(Micros give_up);
  void WaitForAnswers(Micros give_up);

  const NodeOptions options_;
  const Ports ports_;
  Callbacks callbacks_;
  Identity identity_;
  api::Node self_;
  Metrics metrics_;
  bool failed_ = false;
  bool waits_for_space_ = false;
  bool running_ = false;
  bool ready_ = false;
  bool draining_ = false;
  Micros next_slow_tick_ = 0;
  std::function<void()> drained_;
  std::map<Awaited, Answerer> retimed_;  // The latest to ask, of each.

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<storage::RaftLog> log_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Transactions> transactions_;
  std::unique_ptr<TransactGets> transact_gets_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Reporter> reporter_;
  std::unique_ptr<MetaDriver> meta_;
  std::unique_ptr<Joiner> joiner_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
