#include "tests/raft/sim_cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "raft/codec.h"
#include "raft/quorum.h"

namespace fastpath::raft {

std::optional<Term> SimNode::disk_term(Index index) const {
  if (index == start_index) return start_term;
  if (index < start_index || index > disk_last()) return std::nullopt;
  return log[index - start_index - 1].term;
}

void SimCounts::Add(const SimCounts& other) {
  elections += other.elections;
  commits += other.commits;
  snapshots += other.snapshots;
  joint += other.joint;
  truncations += other.truncations;
  transfers += other.transfers;
  reads += other.reads;
  lease_reads += other.lease_reads;
  crashes += other.crashes;
  fetches += other.fetches;
  learners += other.learners;
  quiet += other.quiet;
}

SimCluster::SimCluster(Setup setup) : setup_(std::move(setup)) {
  checker.Bootstrap(setup_.bootstrap);
  for (size_t i = 0; i < setup_.nodes; ++i) {
    auto node = std::make_unique<SimNode>();
    node->id = i + 1;
    node->initial_member =
        IsVoter(setup_.initial, node->id) || Contains(setup_.initial.learners, node->id);
    if (node->initial_member) {
      node->engine.meta = setup_.bootstrap;
      node->engine.meta.configuration = setup_.initial;
      node->start_index = setup_.bootstrap.index;
      node->start_term = setup_.bootstrap.term;
    }
    nodes_.push_back(std::move(node));
  }
}

// --- processes

void SimCluster::Start(ReplicaId id) {
  SimNode& n = node(id);
  // The engine was given a snapshot whose log reset did not reach the disk.
  const SnapshotMeta& applied = n.engine.meta;
  if (applied.index > n.disk_last() || n.disk_term(applied.index) != applied.term) {
    n.log.clear();
    n.start_index = applied.index;
    n.start_term = applied.term;
  }
  Options options = setup_.options;
  options.id = id;
  options.node = static_cast<NodeId>(id);
  options.seed = setup_.seed * 1000 + id * 31 + counts.crashes;
  options.fresh = !n.ever_started;
  InitialState initial;
  initial.hard_state = n.hard_state;
  initial.snapshot = {n.start_index, n.start_term, applied.configuration};
  initial.entries = n.log;
  initial.applied = applied.index;
  n.ever_started = true;
  n.state = n.engine;
  n.raft = std::make_unique<Raft>(options, std::move(initial), NowOf(n));
  n.seen_commit = n.state.meta.index;
  n.was_leader = n.was_quiet = false;
  n.seen_term = n.leader_checked = 0;
  Trace(n, "starts");
  Drain(n);
}

void SimCluster::Crash(ReplicaId id, size_t writes_that_reached_disk) {
  SimNode& n = node(id);
  for (size_t i = 0; i < writes_that_reached_disk && i < n.writes.size(); ++i) {
    WriteToDisk(n, n.writes[i]);
  }
  Trace(n, "crashes");
  ++counts.crashes;
  n.raft.reset();
  n.writes.clear();
  n.to_apply.clear();
  n.fetches.clear();
  n.snapshots.clear();
  n.reads.clear();
  n.incoming.reset();
  n.paused = false;
}

// --- events

void SimCluster::Tick(ReplicaId id) {
  SimNode& n = node(id);
  n.raft->Tick(NowOf(n));
  Drain(n);
}

Message SimCluster::TakeFromNetwork(size_t position, bool keep) {
  if (keep) return network[position].message;
  Message message = std::move(network[position].message);
  network.erase(network.begin() + static_cast<ptrdiff_t>(position));
  return message;
}

void SimCluster::Deliver(size_t position, bool keep) {
  Message message = TakeFromNetwork(position, keep);
  if (message.to > nodes_.size()) return;
  SimNode& n = node(message.to);
  if (n.raft == nullptr) return;
  n.raft->Step(NowOf(n), std::move(message));
  Drain(n);
}

absl::StatusOr<Index> SimCluster::Propose(ReplicaId id, std::string payload) {
  SimNode& n = node(id);
  auto result = n.raft->Propose(NowOf(n), std::make_shared<const std::string>(std::move(payload)));
  Drain(n);
  return result;
}

absl::Status SimCluster::ProposeBatch(ReplicaId id, const std::vector<std::string>& payloads) {
  SimNode& n = node(id);
  absl::Status status;
  for (const std::string& payload : payloads) {
    status = n.raft->Propose(NowOf(n), std::make_shared<const std::string>(payload)).status();
    if (!status.ok()) break;
  }
  Drain(n);
  return status;
}

absl::Status SimCluster::Change(ReplicaId id, Configuration target) {
  SimNode& n = node(id);
  auto result = n.raft->ChangeConfiguration(NowOf(n), std::move(target));
  Drain(n);
  return result.status();
}

absl::Status SimCluster::Transfer(ReplicaId id, ReplicaId target) {
  SimNode& n = node(id);
  absl::Status result = n.raft->TransferLeadership(NowOf(n), target);
  Drain(n);
  return result;
}

void SimCluster::Read(ReplicaId id, uint64_t read) {
  SimNode& n = node(id);
  n.reads[read] = checker.max_committed();
  n.raft->Read(NowOf(n), read);
  Drain(n);
}

void SimCluster::Campaign(ReplicaId id) {
  SimNode& n = node(id);
  n.raft->Campaign(NowOf(n));
  Drain(n);
}

void SimCluster::Wake(ReplicaId id, bool leader_gone) {
  SimNode& n = node(id);
  n.raft->Wake(NowOf(n), leader_gone);
  Drain(n);
}

// --- disk and engine

void SimCluster::WriteToDisk(SimNode& n, const SimNode::Write& write) {
  if (write.hard_state) n.hard_state = *write.hard_state;
  if (write.entries.empty()) return;
  const Index first = write.entries.front().index;
  if (first > n.disk_last() + 1 || first <= n.start_index) {
    return checker.Fail(absl::StrCat("a hole in the log of ", n.id, " at ", first));
  }
  if (first <= n.disk_last()) {
    ++counts.truncations;
    if (first <= n.engine.meta.index) checker.Fail("truncation of applied entries");
    n.log.resize(first - n.start_index - 1);
  }
  Term previous = *n.disk_term(first - 1);
  for (const Entry& entry : write.entries) {
    checker.OnEntry(entry, previous);
    previous = entry.term;
  }
  n.log.insert(n.log.end(), write.entries.begin(), write.entries.end());
}

bool SimCluster::Sync(ReplicaId id) {
  SimNode& n = node(id);
  if (n.writes.empty()) return false;
  SimNode::Write write = std::move(n.writes.front());
  n.writes.pop_front();
  WriteToDisk(n, write);
  n.raft->Synced(NowOf(n), write.ticket);
  for (Message& message : write.messages) Transmit(n, std::move(message));
  Drain(n);
  return true;
}

bool SimCluster::Apply(ReplicaId id, size_t limit) {
  SimNode& n = node(id);
  if (n.to_apply.empty()) return false;
  for (size_t i = 0; i < limit && !n.to_apply.empty(); ++i) {
    const Entry& entry = n.to_apply.front();
    if (entry.index != n.state.meta.index + 1) {
      checker.Fail(absl::StrCat(id, " applies ", entry.index, " after ", n.state.meta.index));
    }
    n.state.digest = NextDigest(n.state.digest, entry);
    n.state.meta.index = entry.index;
    n.state.meta.term = entry.term;
    if (entry.kind == EntryKind::kConfiguration) {
      n.state.meta.configuration = *DecodeConfiguration(*entry.payload);
    }
    checker.OnApply(id, entry, n.state.digest);
    n.to_apply.pop_front();
  }
  n.raft->Applied(n.state.meta.index);
  Drain(n);
  return true;
}

void SimCluster::Persist(ReplicaId id) {
  SimNode& n = node(id);
  n.engine = n.state;
}

void SimCluster::Compact(ReplicaId id, Index through) {
  SimNode& n = node(id);
  through = std::min(through, n.engine.meta.index);
  if (through <= n.start_index) return;
  const Term term = *n.disk_term(through);
  n.log.erase(n.log.begin(), n.log.begin() + static_cast<ptrdiff_t>(through - n.start_index));
  n.start_index = through;
  n.start_term = term;
  n.raft->Compacted(through);
  Drain(n);
}

bool SimCluster::ServeFetch(ReplicaId id) {
  SimNode& n = node(id);
  if (n.fetches.empty()) return false;
  const Fetch fetch = n.fetches.front();
  n.fetches.pop_front();
  std::vector<Entry> entries;
  if (fetch.from > n.start_index) {
    size_t bytes = 0;
    for (Index index = fetch.from; index <= fetch.through && index <= n.disk_last(); ++index) {
      const Entry& entry = n.log[index - n.start_index - 1];
      bytes += entry.payload->size();
      if (!entries.empty() && bytes > fetch.limit_bytes) break;
      entries.push_back(entry);
    }
  }
  ++counts.fetches;
  n.raft->Fetched(NowOf(n), fetch, std::move(entries));
  Drain(n);
  return true;
}

// --- snapshots

bool SimCluster::SendSnapshot(ReplicaId id, bool arrives) {
  SimNode& n = node(id);
  if (n.snapshots.empty()) return false;
  const ReplicaId to = n.snapshots.front();
  n.snapshots.pop_front();
  arrives =
      arrives && to <= nodes_.size() && alive(to) && node(to).raft->WantsSnapshot(n.state.meta);
  if (arrives) {
    node(to).incoming = n.state;
    node(to).incoming_from = id;
  }
  Trace(n, absl::StrCat(arrives ? "sent" : "could not send", " snapshot ", n.state.meta.index,
                        " to ", to));
  n.raft->SnapshotSent(NowOf(n), to, n.state.meta.index, arrives);
  Drain(n);
  return true;
}

bool SimCluster::InstallSnapshot(ReplicaId id, bool crash_before_log_reset) {
  SimNode& n = node(id);
  if (!n.incoming || !n.writes.empty()) return false;
  const SimSnapshot snapshot = *n.incoming;
  n.incoming.reset();
  if (!n.raft->WantsSnapshot(snapshot.meta)) {
    Trace(n, absl::StrCat("does not want snapshot ", snapshot.meta.index));
    return true;
  }
  n.engine = n.state = snapshot;
  n.to_apply.clear();
  if (crash_before_log_reset) {
    Crash(id, 0);
    return true;
  }
  ++counts.snapshots;
  Trace(n, absl::StrCat("installs snapshot ", snapshot.meta.index));
  HardState hard_state = n.raft->hard_state();
  if (snapshot.meta.term > hard_state.term) hard_state = {snapshot.meta.term, 0, 0};
  hard_state.commit = snapshot.meta.index;
  n.hard_state = hard_state;
  n.log.clear();
  n.start_index = snapshot.meta.index;
  n.start_term = snapshot.meta.term;
  n.raft->Restored(NowOf(n), snapshot.meta);
  n.seen_commit = std::max(n.seen_commit, snapshot.meta.index);
  Drain(n);
  return true;
}

// --- output

void SimCluster::Drain(SimNode& n) {
  Observe(n);
  while (n.raft->HasOutput()) {
    Process(n, n.raft->Take());
    Observe(n);
  }
}

void SimCluster::Process(SimNode& n, Output output) {
  for (const Entry& entry : output.entries) {
    if (entry.kind == EntryKind::kConfiguration) {
      const Configuration configuration = *DecodeConfiguration(*entry.payload);
      counts.joint += configuration.joint();
      counts.learners += !configuration.learners.empty();
    }
  }
  Send(n, output.messages_now);
  const bool write = output.hard_state.has_value() || !output.entries.empty();
  if (write) {
    SimNode::Write pending;
    pending.ticket = output.sync_ticket;
    pending.hard_state = output.hard_state;
    pending.entries = std::move(output.entries);
    for (Addressed& a : output.messages_after_sync)
      pending.messages.push_back(std::move(a.message));
    n.writes.push_back(std::move(pending));
  } else if (output.sync_ticket != 0) {
    for (Addressed& a : output.messages_after_sync) {
      n.writes.back().messages.push_back(std::move(a.message));
    }
  } else {
    Send(n, output.messages_after_sync);
  }
  for (Entry& entry : output.committed) n.to_apply.push_back(std::move(entry));
  for (const ReadGrant& grant : output.reads) {
    ++counts.reads;
    Trace(n, absl::StrCat("grants read ", grant.id, " at ", grant.index));
    auto asked = n.reads.find(grant.id);
    if (asked == n.reads.end() || grant.index < asked->second) {
      checker.Fail(absl::StrCat("stale read at ", grant.index, " on ", n.id));
    }
    n.reads.erase(grant.id);
  }
  for (uint64_t id : output.reads_failed) {
    Trace(n, absl::StrCat("fails read ", id));
    n.reads.erase(id);
  }
  for (const Fetch& fetch : output.fetches) {
    Trace(n, absl::StrCat("fetches ", fetch.from, "..", fetch.through, " for ", fetch.to));
    n.fetches.push_back(fetch);
  }
  for (const SnapshotOffer& offer : output.snapshots) {
    Trace(n, absl::StrCat("offers a snapshot to ", offer.to));
    n.snapshots.push_back(offer.to);
  }
  if (output.configuration_changed) {
    Trace(n, absl::StrCat("configuration ", Describe(n.raft->configuration())));
  }
}

void SimCluster::Send(SimNode& n, std::vector<Addressed>& messages) {
  for (Addressed& addressed : messages) Transmit(n, std::move(addressed.message));
}

void SimCluster::Transmit(SimNode& n, Message message) {
  CheckClaim(n, message);
  Term previous = message.log_term;
  for (const Entry& entry : message.entries) {
    checker.OnEntry(entry, previous);
    previous = entry.term;
  }
  if (message.type == MessageType::kTimeoutNow) ++counts.transfers;
  const bool admitted = !admit || admit(message);
  if (trace) trace(absl::StrCat(Describe(message), admitted ? "" : " (dropped)"));
  if (admitted) network.push_back({std::move(message), next_envelope_++});
}

// Durable before said, judged by the disk itself.
void SimCluster::CheckClaim(const SimNode& n, const Message& m) {
  auto fail = [&](const char* what) {
    checker.Fail(absl::StrCat("said before durable: ", what, ": ", Describe(m)));
  };
  const bool pre_vote = m.type == MessageType::kPreVote || m.type == MessageType::kPreVoteReply;
  if (!pre_vote && m.term > n.hard_state.term) fail("term");
  if (m.type == MessageType::kVote && n.hard_state.vote != m.from) fail("own vote");
  if (m.reject) return;
  if (m.type == MessageType::kAppendReply &&
      m.index > std::max(n.disk_last(), n.engine.meta.index)) {
    fail("append");
  }
  if (m.type != MessageType::kVoteReply) return;
  if (n.hard_state.term == m.term && n.hard_state.vote != m.to) fail("vote");
  checker.OnVote(m.term, m.from, m.to);
}

// --- observation

void SimCluster::Observe(SimNode& n) {
  const Raft& raft = *n.raft;
  const bool leads = raft.is_leader();
  // A leader that a commit removes is a follower by now.
  const bool led = leads || (n.was_leader && n.seen_term == raft.term());
  if (leads && (!n.was_leader || n.seen_term != raft.term())) {
    ++counts.elections;
    Trace(n, absl::StrCat("leads term ", raft.term()));
  } else if (trace && !leads && (n.was_leader || n.seen_term != raft.term())) {
    Trace(n, absl::StrCat(RoleName(raft.role()), " in term ", raft.term()));
  }
  // A lone voter whose term is not on disk has said nothing to anybody.
  if (leads && n.leader_checked != raft.term() && n.hard_state.term == raft.term()) {
    n.leader_checked = raft.term();
    checker.OnLeader(raft);
  }
  if (raft.quiet() != n.was_quiet) {
    if (leads) counts.quiet += raft.quiet();
    Trace(n, raft.quiet() ? "goes quiet" : "wakes");
  }
  n.was_quiet = raft.quiet();
  if (raft.quiet() && raft.lease_valid(NowOf(n)) && !IsLoneVoter(raft.configuration(), n.id)) {
    checker.Fail(absl::StrCat("a lease held by ", n.id, ", which is quiet"));
  }
  n.was_leader = leads;
  n.seen_term = raft.term();
  if (raft.commit() <= n.seen_commit) return;
  for (Index index = n.seen_commit + 1; index <= raft.commit(); ++index) {
    const bool first = index > checker.max_committed();
    if (auto term = raft.term_at(index)) checker.OnCommit(raft, led, index, *term);
    if (first) ++counts.commits;
    if (first && index == raft.commit()) CheckDurableQuorum(n, index);
  }
  n.seen_commit = raft.commit();
  Trace(n, absl::StrCat("commits ", n.seen_commit));
}

void SimCluster::CheckDurableQuorum(const SimNode& leader, Index index) {
  const Term term = *leader.raft->term_at(index);
  const Tally tally = QuorumVotes(leader.raft->configuration(), [&](ReplicaId replica) {
    if (replica > nodes_.size()) return 0;
    const SimNode& n = node(replica);
    return n.disk_term(index) == term || n.engine.meta.index >= index ? 1 : 0;
  });
  if (tally != Tally::kWon) {
    checker.Fail(absl::StrCat("entry ", index, " committed without a durable majority"));
  }
}

void SimCluster::CheckLeases() {
  for (auto& n : nodes_) {
    if (n->raft == nullptr) continue;
    // As LeaseRead, which would count as use and keep the group awake.
    if (!n->raft->committed_in_term() || !n->raft->lease_valid(NowOf(*n))) continue;
    ++counts.lease_reads;
    const Index index = n->raft->commit();
    if (index < checker.max_committed()) {
      checker.Fail(absl::StrCat("stale lease on ", n->id, ": reads at ", index, " of ",
                                checker.max_committed()));
    }
  }
}

void SimCluster::Settle(const std::function<bool(const Message&)>& deliverable) {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < network.size();) {
      const ReplicaId to = network[i].message.to;
      if (to <= size() && alive(to) && !node(to).paused && deliverable(network[i].message)) {
        Deliver(i, false);
        moved = true;
      } else {
        ++i;
      }
    }
    for (ReplicaId id = 1; id <= size(); ++id) {
      if (!alive(id) || node(id).paused) continue;
      while (Sync(id)) moved = true;
      while (Apply(id, 100)) moved = true;
      while (ServeFetch(id)) moved = true;
      while (SendSnapshot(id, true)) moved = true;
      if (InstallSnapshot(id, false)) moved = true;
    }
  }
}

// --- words

void SimCluster::Trace(const SimNode& n, const std::string& what) {
  if (trace) trace(absl::StrCat(n.id, " ", what));
}

const char* RoleName(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "?";
}

std::string Describe(const Configuration& configuration) {
  auto list = [](const std::vector<Member>& members) {
    std::string out;
    for (const Member& m : members) absl::StrAppend(&out, out.empty() ? "" : ",", m.replica);
    return out;
  };
  std::string out = absl::StrCat("(", list(configuration.voters), ")");
  if (configuration.joint()) absl::StrAppend(&out, "&(", list(configuration.outgoing), ")");
  if (!configuration.learners.empty()) {
    absl::StrAppend(&out, " learners ", list(configuration.learners));
  }
  return out;
}

namespace {

std::string DescribeEntries(const Message& m) {
  std::string out;
  for (const Entry& entry : m.entries) {
    absl::StrAppend(&out, out.empty() ? " [" : " ", entry.index, "/", entry.term);
    if (entry.kind == EntryKind::kNoop) absl::StrAppend(&out, " no-op");
    if (entry.kind == EntryKind::kCommand) absl::StrAppend(&out, " ", *entry.payload);
    if (entry.kind == EntryKind::kConfiguration) {
      absl::StrAppend(&out, " ", Describe(*DecodeConfiguration(*entry.payload)));
    }
  }
  return out.empty() ? out : out + "]";
}

}  // namespace

std::string Describe(const Message& m) {
  std::string out = absl::StrCat(m.from, "->", m.to, " t", m.term, " ");
  const char* verdict = m.reject ? " no" : " yes";
  switch (m.type) {
    case MessageType::kPreVote:
    case MessageType::kVote:
      absl::StrAppend(&out, m.type == MessageType::kVote ? "vote?" : "pre-vote?", " last ", m.index,
                      "/", m.log_term, m.force ? " forced" : "");
      break;
    case MessageType::kPreVoteReply:
      absl::StrAppend(&out, "pre-vote", verdict);
      break;
    case MessageType::kVoteReply:
      absl::StrAppend(&out, "vote", verdict);
      break;
    case MessageType::kAppend:
      absl::StrAppend(&out, "append after ", m.index, "/", m.log_term, DescribeEntries(m),
                      " commit ", m.commit, " round ", m.round);
      break;
    case MessageType::kAppendReply:
      absl::StrAppend(&out, "append", verdict, " ", m.index);
      if (m.reject) absl::StrAppend(&out, " hint ", m.hint, "/", m.log_term);
      absl::StrAppend(&out, " round ", m.round);
      break;
    case MessageType::kHeartbeat:
      absl::StrAppend(&out, "heartbeat commit ", m.commit, " round ", m.round);
      break;
    case MessageType::kHeartbeatReply:
      absl::StrAppend(&out, "heartbeat", verdict, " round ", m.round);
      break;
    case MessageType::kTimeoutNow:
      absl::StrAppend(&out, "timeout-now");
      break;
    case MessageType::kQuiet:
      absl::StrAppend(&out, "quiet ", m.index, "/", m.log_term);
      break;
  }
  return out;
}

}  // namespace fastpath::raft
