#include "node/node.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/map.h"
#include "partition/state_machine.h"

namespace fastpath::node {
namespace {

constexpr Micros kTick_us = 20'000;
constexpr Micros kSlowTick_us = 60'000;
constexpr Micros kSpaceRetry_us = 1'000'000;

std::string Advertised(const std::string& told, const std::string& bound) {
  return told.empty() ? bound : told;
}

}  // namespace

Node::Node(NodeOptions options, Ports ports, Callbacks callbacks)
    : options_(std::move(options)), ports_(ports), callbacks_(std::move(callbacks)) {}

Node::~Node() {
  // Requests that die with the shard may answer through the server.
  joiner_.reset();
  meta_.reset();
  reporter_.reset();
  shard_.reset();
}

void Node::Fail(absl::Status why) {
  if (failed_) return;
  failed_ = true;
  spdlog::critical("node_failed reason=\"{}\"", std::string(why.message()));
  ports_.executor->Post(lifetime_.Guard([this, why] { callbacks_.failed(why); }));
}

Environment Node::MakeEnvironment() {
  return {ports_.clock,     ports_.random, ports_.executor, ports_.engine, log_.get(),
          transport_.get(), &options_,     &identity_,      &metrics_};
}

void Node::Start() {
  transport_ = std::make_unique<Transport>(
      ports_.clock, ports_.executor, ports_.peer_network, &identity_, options_,
      Transport::Watch{.interval = options_.raft.heartbeat_interval,
                       .silence = options_.raft.election_timeout_min,
                       .boot = ports_.random->Next()},
      Transport::Handlers{
          .message =
              [this](raft::NodeId from, raft::Message message) {
                if (running_) shard_->Deliver(from, std::move(message));
              },
          .coming =
              [this](absl::Span<const raft::Message> messages) {
                if (running_) shard_->Prefetch(messages);
              },
          .call = [this](raft::NodeId from, const peer::Call& call,
                         Answerer answer) { OnCall(from, call, std::move(answer)); },
          .find_node = [this](raft::NodeId node) -> const api::Node* {
            return directory_ == nullptr ? nullptr : directory_->FindNode(node);
          },
          .introduced = [this](const api::Node& node) { directory_->Learn(node); },
          .lost =
              [this](raft::NodeId node) {
                if (running_) shard_->PeerLost(node);
              },
          .disk_full = [this] { return disk_full(); },
          .required_version =
              [this](raft::NodeId node) {
                return shard_ == nullptr ? 0 : shard_->RequiredVersion(node);
              },
          .self = &self_});
  OpenLog();
}

void Node::OpenLog() {
  storage::RaftLog::Options log_options = options_.log;
  log_options.clock = ports_.clock;
  storage::RaftLog::Open(
      ports_.disk, ports_.executor, log_options,
      lifetime_.Guard([this](absl::StatusOr<std::unique_ptr<storage::RaftLog>> log) {
        LogOpened(std::move(log));
      }));
}

void Node::LogOpened(absl::StatusOr<std::unique_ptr<storage::RaftLog>> log) {
  if (absl::IsResourceExhausted(log.status())) {
    if (!std::exchange(waits_for_space_, true)) {
      spdlog::error("waits_for_space reason=\"{}\"", std::string(log.status().message()));
    }
    ports_.executor->At(ports_.clock->Monotonic() + kSpaceRetry_us,
                        lifetime_.Guard([this] { OpenLog(); }));
    return;
  }
  if (!log.ok()) return Fail(log.status());
  log_ = *std::move(log);
  LoadIdentity(ports_.engine,
               lifetime_.Guard([this](absl::StatusOr<std::optional<Identity>> identity) {
                 if (!identity.ok()) return Fail(identity.status());
                 Build();
                 if (const absl::Status status = Listen(); !status.ok()) return Fail(status);
                 IdentityLoaded(*std::move(identity));
               }));
}

void Node::Build() {
  const Environment env = MakeEnvironment();
  shard_ = std::make_unique<Shard>(
      env, Shard::Hooks{.changed = [this](raft::GroupId group) { GroupChanged(group); },
                        .node_failed = [this](absl::Status why) { Fail(std::move(why)); },
                        .settle =
                            [this](raft::GroupId group, std::vector<Settler::Holder> holders,
                                   SettledDone done) {
                              transactions_->settler().Settle(group, holders, std::move(done));
                            }});
  directory_ = std::make_unique<Directory>(env, shard_.get());
  transactions_ = std::make_unique<Transactions>(env, shard_.get(), directory_.get());
  transact_gets_ = std::make_unique<TransactGets>(env, shard_.get(), &transactions_->calls());
  router_ = std::make_unique<Router>(env, shard_.get(), directory_.get(), transactions_.get(),
                                     transact_gets_.get());
  server_ = std::make_unique<Server>(env, ports_.client_network, router_.get());
  reporter_ = std::make_unique<Reporter>(env, shard_.get(), directory_.get(), &self_);
  meta_ = std::make_unique<MetaDriver>(env, shard_.get(), directory_.get());
  ports_.engine->SetPersistedListener(lifetime_.Guard(
      [this](raft::GroupId group, raft::Index index) { shard_->Persisted(group, index); }));
}

absl::Status Node::Listen() {
  const auto peer = transport_->Listen(options_.peer_listen);
  if (!peer.ok()) return peer.status();
  const auto client = server_->Listen(options_.client_listen);
  if (!client.ok()) return client.status();
  self_.set_peer_address(Advertised(options_.peer_advertise, *peer));
  self_.set_client_address(Advertised(options_.client_advertise, *client));
  self_.set_http_address(options_.http_advertise);
  return absl::OkStatus();
}

// ------------------------------------------------------------------- identity

void Node::IdentityLoaded(std::optional<Identity> identity) {
  const bool known = identity.has_value();
  if (known) {
    identity_ = *std::move(identity);
  } else {
    identity_.incarnation = RandomId(*ports_.random);
  }
  self_.set_incarnation(identity_.incarnation);
  self_.set_id(identity_.node);
  if (identity_.member()) return Recover();
  if (options_.bootstrap || options_.seeds.empty()) return Bootstrap();
  if (known) return Join();
  // The incarnation first: who asks twice with one gets one identity.
  storage::WriteBatch batch;
  PutIdentity(identity_, batch);
  Store(std::move(batch), [this] { Join(); });
}

void Node::Bootstrap() {
  identity_.cluster_id = RandomId(*ports_.random);
  identity_.node = 1;
  self_.set_id(1);
  api::Map map = InitialMap(options_.groups);
  map.set_cluster_id(identity_.cluster_id);
  *map.add_nodes() = self_;
  raft::ReplicaId replica = 0;
  for (api::GroupDescriptor& group : *map.mutable_groups()) {
    api::Member* voter = group.add_voters();
    voter->set_replica(++replica);
    voter->set_node(1);
  }
  storage::WriteBatch batch;
  const auto stamp = static_cast<partition::Stamp>(ports_.clock->Wall());
  partition::BootstrapMeta(map, stamp, batch, options_.command_version);
  for (const api::GroupDescriptor& group : map.groups()) {
    if (group.group() != raft::kMetaGroup)
      partition::BootstrapGroup(group, stamp, batch, options_.command_version);
  }
  PutIdentity(identity_, batch);
  spdlog::info("cluster_created cluster={} groups={}", Hex(identity_.cluster_id), options_.groups);
  // One flushed batch: a cluster is there whole or not at all. Recovery starts
  // the logs after it.
  Store(std::move(batch), [this] { Recover(); });
}

void Node::Join() {
  joiner_ = std::make_unique<Joiner>(MakeEnvironment(), self_,
                                     [this](const peer::JoinResult& result) { Joined(result); });
  joiner_->Ask();
}

void Node::Joined(const peer::JoinResult& result) {
  identity_.cluster_id = result.cluster_id();
  identity_.node = result.node();
  self_.set_id(result.node());
  directory_->Update(result.map());
  storage::WriteBatch batch;
  PutIdentity(identity_, batch);
  spdlog::info("cluster_joined cluster={} node={}", Hex(identity_.cluster_id), identity_.node);
  Store(std::move(batch), [this] { Recover(); });
}

void Node::Store(storage::WriteBatch batch, std::function<void()> then) {
  storage::WriteBatch again = batch;
  ports_.engine->Write(std::move(batch), lifetime_.Guard([this, then, again](absl::Status status) {
    if (absl::IsUnavailable(status)) {  // Stalled, and took nothing.
      ports_.engine->WhenWritable(lifetime_.Guard([this, again, then] { Store(again, then); }));
      return;
    }
    if (!status.ok()) return Fail(std::move(status));
    ports_.engine->Flush(lifetime_.Guard([this, then](absl::Status flushed) {
      if (!flushed.ok()) return Fail(std::move(flushed));
      then();
    }));
  }));
}

void Node::Recover() {
  directory_->LoadStored(lifetime_.Guard([this] {
    shard_->Recover(log_->TakeRecovered(), lifetime_.Guard([this](absl::Status status) {
      if (!status.ok()) return Fail(std::move(status));
      Run();
    }));
  }));
}

// -------------------------------------------------------------------- running

void Node::Run() {
  running_ = true;
  shard_->Run();
  reporter_->Changed();
  Tick();
}

void Node::Tick() {
  const Micros now = ports_.clock->Monotonic();
  server_->Tick();
  transactions_->Tick();
  transport_->Beat();
  if (!draining_) reporter_->Tick();
  if (now >= next_slow_tick_) {
    next_slow_tick_ = now + kSlowTick_us;
    transport_->Tick();
    meta_->Tick();
    if (!ready_ && reporter_->informed() && router_->LeadersKnown()) {
      ready_ = true;
      callbacks_.ready();
    }
  }
  ports_.executor->At(now + kTick_us, lifetime_.Guard([this] { Tick(); }));
}

bool Node::healthy() const { return ready_ && !draining_ && !failed_ && router_->LeadersKnown(); }

void Node::GroupChanged(raft::GroupId group) {
  if (!running_) return;
  if (group == raft::kMetaGroup) {
    directory_->Remember();
    meta_->Changed();
    router_->MetaChanged();
  }
  if (!draining_) reporter_->Changed();
  transactions_->Changed(group);
  AnswerRetimed(group);
}

// ---------------------------------------------------------------------- calls

void Node::OnCall(raft::NodeId from, const peer::Call& call, Answerer answer) {
  peer::Answer refusal;
  refusal.set_status(peer::UNAVAILABLE);
  if (!running_) {
    refusal.set_message("this node is starting");
    return std::move(answer)(std::move(refusal));
  }
  if (call.op_case() == peer::Call::kJoin) return meta_->Join(call.join(), std::move(answer));
  if (from == 0) {
    refusal.set_message("a stranger may only join");
    return std::move(answer)(std::move(refusal));
  }
  switch (call.op_case()) {
    case peer::Call::kReport:
      return meta_->Report(from, call.report(), std::move(answer));
    case peer::Call::kAddReplica:
      return AddReplica(call.add_replica(), std::move(answer));
    case peer::Call::kMoveLeader:
      return MoveLeader(call.move_leader(), std::move(answer));
    case peer::Call::kProposeTable:
      return ProposeTable(call.propose_table(), std::move(answer));
    case peer::Call::kSnapshotBegin:
      return shard_->snapshots_in().Begin(call.snapshot_begin(), std::move(answer));
    case peer::Call::kTransactStep:
      return transactions_->Step(call.transact_step(), std::move(answer));
    case peer::Call::kTransactState:
      return transactions_->settler().Answer(call.transact_state(), std::move(answer));
    case peer::Call::kTransactRead:
      return transact_gets_->Read(call.transact_read(), std::move(answer));
    case peer::Call::kSnapshotChunk:
      return shard_->snapshots_in().Chunk(call.snapshot_chunk(), std::move(answer));
    default:
      refusal.set_status(peer::REFUSED);
      refusal.set_message("this node does not know the call");
      return std::move(answer)(std::move(refusal));
  }
}

namespace {

const api::Table* FindSpace(const Replica& replica, storage::SpaceId space) {
  for (const api::Table& table : replica.machine()->tables()) {
    if (table.space() == space) return &table;
  }
  return nullptr;
}

}  // namespace

void Node::AddReplica(const peer::AddReplica& add, Answerer answer) {
  Replica* replica = shard_->Find(add.group());
  if (replica == nullptr || !replica->serving()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  directory_->Learn(add.node());
  replica->AddReplica({.member = {add.replica(), add.node().id()},
                       .replaces = add.replaces(),
                       .epoch = add.epoch()},
                      lifetime_.Guard([this, group = add.group(),
                                       answer = std::move(answer)](absl::Status status) mutable {
                        const Replica* still = shard_->Find(group);
                        if (!status.ok() || still == nullptr) {
                          return AnswerCall(answer, peer::BUSY, std::string(status.message()));
                        }
                        peer::Answer reply;
                        *reply.mutable_add_replica()->mutable_group() = still->Descriptor();
                        std::move(answer)(std::move(reply));
                      }));
}

void Node::MoveLeader(const peer::MoveLeader& move, Answerer answer) {
  Replica* replica = shard_->Find(move.group());
  if (replica == nullptr || !replica->leader()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  const absl::Status begun = replica->TransferTo(move.to_node());
  AnswerCall(answer, begun.ok() ? peer::OK : peer::REFUSED, std::string(begun.message()));
}

void Node::ProposeTable(const peer::ProposeTable& propose, Answerer answer) {
  Replica* replica = shard_->Find(propose.group());
  if (replica == nullptr || !replica->leader()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  const uint64_t revision = propose.table().revision();
  if (revision > 0 && (replica->machine() == nullptr ||
                       replica->machine()->version() < partition::kTableUpdateVersion)) {
    return AnswerCall(answer, peer::BUSY, "the group's command version does not know the change");
  }
  const Awaited awaited{propose.group(), propose.table().space()};
  const api::Table* known = revision == 0 ? nullptr : FindSpace(*replica, awaited.second);
  // A table is deleted at the revision it had.
  const bool deleted = propose.table().state() == api::DELETING;
  if (!deleted && known != nullptr && known->revision() >= revision) {
    return AwaitRetimed(awaited, std::move(answer));
  }
  command::Command command;
  *command.mutable_set_table()->mutable_table() = propose.table();
  replica->Propose(&command, lifetime_.Guard([this, awaited, revision, answer = std::move(answer)](
                                                 const Proposed& proposed) mutable {
    if (proposed.code != api::OK) return AnswerCall(answer, peer::UNAVAILABLE, proposed.message);
    const bool ok = proposed.outcome->code() == api::OK;
    if (ok && revision > 0) return AwaitRetimed(awaited, std::move(answer));
    AnswerCall(answer, ok ? peer::OK : peer::REFUSED, proposed.outcome->message());
  }));
}

void Node::AwaitRetimed(const Awaited& awaited, Answerer answer) {
  const auto before = retimed_.find(awaited);
  if (before != retimed_.end()) AnswerCall(before->second, peer::BUSY, "asked for again");
  retimed_.insert_or_assign(awaited, std::move(answer));
  // The outcome of a command may come before what others see of it.
  ports_.executor->Post(lifetime_.Guard([this, group = awaited.first] { AnswerRetimed(group); }));
}

void Node::AnswerRetimed(raft::GroupId group) {
  for (auto it = retimed_.lower_bound({group, 0});
       it != retimed_.end() && it->first.first == group;) {
    const Replica* replica = shard_->Find(group);
    const bool leads = replica != nullptr && replica->serving();
    const api::Table* table = leads ? FindSpace(*replica, it->first.second) : nullptr;
    if (table != nullptr && table->ttl_change().under_way()) {
      ++it;
      continue;
    }
    Answerer answer = std::move(it->second);
    it = retimed_.erase(it);
    AnswerCall(answer, leads ? peer::OK : peer::NOT_LEADER, "");
  }
}

}  // namespace fastpath::node
