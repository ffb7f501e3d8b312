// Appends, acknowledgements, commits, snapshots and fetches.
#include <algorithm>

#include "raft/raft_impl.h"

namespace fastpath::raft {

// --- the own log

absl::StatusOr<Index> Raft::Impl::Propose(Payload payload) {
  if (payload == nullptr) return absl::InvalidArgumentError("no payload");
  if (payload->size() > kMaxEntryBytes) return absl::InvalidArgumentError("entry over 8 MiB");
  if (role_ != Role::kLeader) return absl::FailedPreconditionError("not the leader");
  if (transferee_ != 0) return absl::FailedPreconditionError("leadership is being handed over");
  if (unapplied_bytes_ > 0 &&
      unapplied_bytes_ + payload->size() > options.uncommitted_limit_bytes) {
    return absl::ResourceExhaustedError("too much is proposed and not yet applied");
  }
  return AppendOwn(EntryKind::kCommand, std::move(payload));
}

Index Raft::Impl::AppendOwn(EntryKind kind, Payload payload) {
  Rise();
  last_write_ = now_;
  Entry entry;
  entry.term = term_;
  entry.index = log_.last_index() + 1;
  entry.kind = kind;
  entry.payload = std::move(payload);
  const Index index = entry.index;
  AppendToLog(std::move(entry));
  replicate_ = true;
  return index;
}

void Raft::Impl::AppendToLog(Entry entry) {
  const bool configuration = entry.kind == EntryKind::kConfiguration;
  unapplied_bytes_ += entry.payload->size();
  log_.Append(std::move(entry));
  if (configuration) ConfigurationChanged();
}

void Raft::Impl::TruncateLog(Index from) {
  FASTPATH_CHECK(from > commit_, "raft: truncation of committed entries");
  for (Index index = from; index <= log_.last_index(); ++index) {
    unapplied_bytes_ -= log_.At(index).payload->size();
  }
  const bool configuration = log_.configuration_index() >= from;
  log_.TruncateFrom(from);
  persist_next_ = std::min(persist_next_, from);
  durable_ = std::min(durable_, from - 1);
  for (Ticket& ticket : tickets_) ticket.last = std::min(ticket.last, from - 1);
  if (configuration) ConfigurationChanged();
}

void Raft::Impl::Applied(Index index) {
  FASTPATH_CHECK(index >= applied_ && index <= emitted_, "raft: applied out of order");
  for (Index i = applied_ + 1; i <= index; ++i) unapplied_bytes_ -= log_.At(i).payload->size();
  applied_ = index;
  Evict();
}

// While an entry is still in the processor's cache: what takes its memory next finds it there.
void Raft::Impl::Evict() {
  const Index through = std::min(applied_, durable_);
  Index held_by_all = through;
  if (role_ == Role::kLeader) {
    for (const Follower& follower : followers_) held_by_all = std::min(held_by_all, follower.match);
  }
  log_.Evict(through, held_by_all);
}

// --- following

void Raft::Impl::HeardFromLeader(const Message& message) {
  FASTPATH_CHECK(role_ != Role::kLeader, "raft: two leaders in one term");
  FASTPATH_CHECK(leader_ == 0 || leader_ == message.from, "raft: two leaders in one term");
  if (role_ != Role::kFollower) BecomeFollower(term_, message.from, message.from_node);
  leader_ = message.from;
  leader_node_ = message.from_node;
  quiet_ = false;
  lease_promised_until_ = now_ + options.election_timeout_min;
  ResetElectionTimer();
}

void Raft::Impl::OnHeartbeat(const Message& message) {
  HeardFromLeader(message);
  if (message.commit <= log_.last_index()) SetCommit(message.commit);
  if (message.round == 0) return;  // Only tells of commits.
  Message reply = Make(MessageType::kHeartbeatReply, message.from);
  reply.round = message.round;
  // It claims nothing but the term; waiting for a sync under way would make
  // leases and reads as slow as the disk.
  auto& queue = durable_term_ == term_ ? messages_now_ : messages_after_sync_;
  queue.push_back({message.from_node, std::move(reply)});
}

void Raft::Impl::OnAppend(Message& message) {
  HeardFromLeader(message);
  // Too much waits for apply: silence slows the leader down.
  const bool backlog = commit_ > applied_ && unapplied_bytes_ > options.uncommitted_limit_bytes;
  if (backlog && !message.entries.empty()) return;
  size_t skip = 0;  // Committed entries are known to agree.
  Index previous = message.index;
  if (previous < commit_) {
    skip = std::min<size_t>(commit_ - previous, message.entries.size());
    previous += skip;
  } else if (!log_.Matches(previous, message.log_term)) {
    FASTPATH_CHECK(previous > commit_, "raft: the leader lacks a committed entry");
    Message reply = Make(MessageType::kAppendReply, message.from);
    reply.round = message.round;
    reply.reject = true;
    reply.index = previous;
    reply.hint = log_.AgreementBound(previous, message.log_term);
    reply.log_term = log_.TermAt(reply.hint).value_or(0);
    return Reply(message, std::move(reply));
  }
  const Index last = message.index + message.entries.size();
  AppendFromLeader(std::move(message.entries), skip);
  SetCommit(std::min(message.commit, last));
  AcknowledgeAppend(message, std::max(last, previous < commit_ ? commit_ : last));
}

void Raft::Impl::AppendFromLeader(std::vector<Entry> entries, size_t skip) {
  for (size_t i = skip; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    if (entry.index <= log_.last_index()) {
      if (log_.Matches(entry.index, entry.term)) continue;
      TruncateLog(entry.index);
    }
    AppendToLog(std::move(entry));
  }
}

// One acknowledgement per batch is enough: the last says it all.
void Raft::Impl::AcknowledgeAppend(const Message& message, Index index) {
  if (!messages_after_sync_.empty()) {
    Message& last = messages_after_sync_.back().message;
    if (last.type == MessageType::kAppendReply && !last.reject && last.to == message.from &&
        last.term == term_) {
      last.index = std::max(last.index, index);
      last.round = std::max(last.round, message.round);
      return;
    }
  }
  Message reply = Make(MessageType::kAppendReply, message.from);
  reply.index = index;
  reply.round = message.round;
  Reply(message, std::move(reply));
}

void Raft::Impl::SetCommit(Index index) { commit_ = std::max(commit_, index); }

// --- leading: answers

Follower* Raft::Impl::Find(ReplicaId replica) {
  for (Follower& follower : followers_) {
    if (follower.member.replica == replica) return &follower;
  }
  return nullptr;
}

const Follower* Raft::Impl::Find(ReplicaId replica) const {
  return const_cast<Impl*>(this)->Find(replica);
}

void Raft::Impl::Answered(Follower& follower, const Message& message) {
  follower.last_active = now_;
  follower.answered = true;
  if (message.round <= follower.acked_round || message.round > round_) return;
  follower.acked_round = message.round;
  ConfirmRounds();
}

void Raft::Impl::OnHeartbeatReply(const Message& message) {
  if (role_ != Role::kLeader) return;
  Follower* follower = Find(message.from);
  if (follower == nullptr) return;
  Answered(*follower, message);
  if (follower->probe_sent_at + options.heartbeat_interval / 2 <= now_) {
    follower->probe_sent = false;
  }
  // Appends older than a heartbeat may be lost: an empty one finds out.
  if (!follower->inflight.empty() &&
      follower->inflight.oldest_sent() + options.heartbeat_interval <= now_) {
    follower->verify = true;
  }
  if (follower->match < log_.last_index()) replicate_ = true;
}

void Raft::Impl::OnAppendReply(const Message& message) {
  if (role_ != Role::kLeader) return;
  Follower* follower = Find(message.from);
  if (follower == nullptr) return;
  Answered(*follower, message);
  if (message.reject) {
    if (quiet_) Wake(false);
    return OnRejection(*follower, message);
  }
  if (message.index > log_.last_index()) return;
  const bool news = follower->Acknowledge(message.index);
  switch (follower->state) {
    case Follower::State::kProbe:
      if (news || message.index == follower->match) follower->BecomeReplicate();
      break;
    case Follower::State::kSnapshot:
      if (follower->match >= log_.start_index()) follower->BecomeReplicate();
      break;
    case Follower::State::kReplicate:
      break;
  }
  replicate_ = true;
  if (!news) return;
  Evict();
  MaybeCommit();
  if (role_ == Role::kLeader) ContinueTransfer();
}

void Raft::Impl::OnRejection(Follower& follower, const Message& message) {
  const bool stale = follower.state == Follower::State::kProbe ? follower.next != message.index + 1
                                                               : message.index <= follower.match;
  if (stale || follower.state == Follower::State::kSnapshot) return;
  const Index agreed = log_.AgreementBound(message.hint, message.log_term);
  follower.BecomeProbe(std::max(follower.match + 1, std::min(message.index, agreed + 1)));
  replicate_ = true;
}

// Only entries of this term are committed by counting; earlier ones follow
// (Figure 8 of the Raft paper). The own copy counts once it is on disk.
void Raft::Impl::MaybeCommit() {
  const Index reached = QuorumValue(log_.configuration(), [&](ReplicaId replica) {
    if (replica == options.id) return durable_;
    const Follower* follower = Find(replica);
    return follower == nullptr ? Index{0} : follower->match;
  });
  if (reached <= commit_ || log_.TermAt(reached) != term_) return;
  SetCommit(reached);
  replicate_ = true;
  AfterCommit();
}

// --- leading: sending

void Raft::Impl::Replicate() {
  // Appends renew the lease too: their round must not be an old one.
  if (now_ - round_started_ >= options.heartbeat_interval / 2) {
    BeginRound();
    ConfirmRounds();  // A lone voter's has all its answers.
  }
  bool all_sent = true;
  for (Follower& follower : followers_) all_sent = ReplicateTo(follower) && all_sent;
  // Entries for everybody are as good as a heartbeat: same round, same answer.
  if (all_sent) heartbeat_deadline_ = now_ + options.heartbeat_interval;
}

// True if it was sent entries.
bool Raft::Impl::ReplicateTo(Follower& follower) {
  if (follower.beat_round < announced_round_) {
    follower.beat_round = announced_round_;
    SendHeartbeat(follower, announced_round_);
  }
  bool sent = false;
  while (SendAppend(follower)) sent = true;
  // Followers of an idle leader should apply soon; a busy one's next append tells.
  if (follower.state == Follower::State::kReplicate && follower.inflight.empty() &&
      std::min(commit_, follower.match) > follower.commit_sent) {
    SendHeartbeat(follower, 0);
  }
  return sent;
}

bool Raft::Impl::SendAppend(Follower& follower) {
  const bool replicating = follower.state == Follower::State::kReplicate;
  if (follower.fetch_from != 0 || follower.state == Follower::State::kSnapshot) return false;
  if (!replicating && follower.probe_sent) return false;
  const bool full = follower.inflight.Full(options.inflight_limit, options.inflight_limit_bytes);
  const bool entries = follower.next <= log_.last_index() && !full;
  if (replicating && !entries && !follower.verify) return false;
  const std::optional<Term> previous = log_.TermAt(follower.next - 1);
  if (!previous) {
    OfferSnapshot(follower);
    return false;
  }
  if (entries && !log_.InMemory(follower.next)) {
    follower.fetch_from = follower.next;
    fetches_.push_back(
        {follower.member.replica, follower.next, log_.mem_first() - 1, options.append_limit_bytes});
    return false;
  }
  std::vector<Entry> batch;
  if (entries) {
    log_.CopyTo(follower.next, log_.last_index(), options.append_limit_bytes, batch);
  }
  SendEntries(follower, *previous, std::move(batch));
  return replicating && entries;
}

void Raft::Impl::SendEntries(Follower& follower, Term previous_term, std::vector<Entry> entries) {
  Message message = Make(MessageType::kAppend, follower.member.replica);
  message.index = follower.next - 1;
  message.log_term = previous_term;
  message.commit = commit_;
  message.round = round_;
  const Index last = message.index + entries.size();
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.payload->size();
  follower.verify = false;
  if (follower.state == Follower::State::kProbe) {
    follower.probe_sent = true;
    follower.probe_sent_at = now_;
  } else if (!entries.empty()) {
    follower.inflight.Add(last, bytes, now_);
    follower.next = last + 1;
  }
  follower.commit_sent = std::max(follower.commit_sent, std::min(commit_, last));
  message.entries = std::move(entries);
  SendNow(std::move(message));
}

void Raft::Impl::SendHeartbeat(Follower& follower, uint64_t round) {
  Message message = Make(MessageType::kHeartbeat, follower.member.replica);
  message.commit = std::min(commit_, follower.match);
  message.round = round;
  follower.commit_sent = std::max(follower.commit_sent, message.commit);
  SendNow(std::move(message));
}

void Raft::Impl::Fetched(const Fetch& fetch, std::vector<Entry> entries) {
  if (role_ != Role::kLeader) return;
  Follower* follower = Find(fetch.to);
  if (follower == nullptr || follower->fetch_from != fetch.from) return;
  follower->fetch_from = 0;
  if (follower->next != fetch.from) {  // It acknowledged more meanwhile.
    replicate_ = true;
    return;
  }
  const std::optional<Term> previous = log_.TermAt(fetch.from - 1);
  bool usable = previous.has_value() && !entries.empty();
  for (size_t i = 0; usable && i < entries.size(); ++i) {
    usable = entries[i].index == fetch.from + i && entries[i].payload != nullptr &&
             log_.Matches(entries[i].index, entries[i].term);
  }
  if (!usable) return;  // Compacted meanwhile. Answers to heartbeats try again.
  SendEntries(*follower, *previous, std::move(entries));
  replicate_ = true;
}

// --- snapshots

void Raft::Impl::OfferSnapshot(Follower& follower) {
  follower.BecomeSnapshot(log_.start_index());
  snapshots_.push_back({follower.member.replica, follower.member.node});
}

void Raft::Impl::SnapshotSent(ReplicaId to, Index index, bool ok) {
  if (role_ != Role::kLeader) return;
  Follower* follower = Find(to);
  if (follower == nullptr || follower->state != Follower::State::kSnapshot) return;
  follower->snapshot_index = ok ? std::min(index, log_.last_index()) : 0;
  follower->retry_at =
      now_ + (ok ? 2 * options.election_timeout_max : options.election_timeout_min);
}

// An acknowledgement that never comes, or a transfer that failed: ask again, if there is anybody
// to ask. It may have the state, and only its word of it was lost: then an append after the log's
// beginning is agreed to, and a snapshot would be refused as nothing new.
void Raft::Impl::RetrySnapshots() {
  for (Follower& follower : followers_) {
    if (follower.state != Follower::State::kSnapshot || follower.retry_at == 0) continue;
    if (now_ < follower.retry_at) continue;
    if (now_ - follower.last_active >= options.election_timeout_min) continue;
    follower.BecomeProbe(std::max(
        {follower.next, follower.match + 1, follower.snapshot_index + 1, log_.first_index()}));
    replicate_ = true;
  }
}

bool Raft::Impl::WantsSnapshot(const SnapshotMeta& meta) const {
  // Entries that agree with it were acknowledged and may have counted: the log
  // that follows them must not be thrown away.
  return role_ != Role::kLeader && meta.index > commit_ && !log_.Matches(meta.index, meta.term);
}

void Raft::Impl::Restored(const SnapshotMeta& meta) {
  FASTPATH_CHECK(WantsSnapshot(meta), "raft: restored to a snapshot that brings nothing");
  const bool configuration = !(log_.configuration() == meta.configuration);
  if (meta.term > term_) BecomeFollower(meta.term, 0, 0);
  log_.Reset(meta);
  persist_next_ = meta.index + 1;
  durable_ = commit_ = emitted_ = applied_ = meta.index;
  for (Ticket& ticket : tickets_) ticket.last = std::min(ticket.last, meta.index);
  unapplied_bytes_ = 0;
  messages_after_sync_.clear();  // They speak of a log that is gone.
  if (configuration) configuration_changed_ = true;
  quiet_ = false;
  ResetElectionTimer();
  if (leader_ == 0) return;
  Message reply = Make(MessageType::kAppendReply, leader_);
  reply.index = meta.index;
  messages_after_sync_.push_back({leader_node_, std::move(reply)});
}

Index Raft::Impl::CompactableTo(Index persisted) const {
  Index cut = log_.BytesBack(options.catchup_floor_bytes);
  if (role_ == Role::kLeader) {
    Index needed = log_.last_index();
    for (const Follower& follower : followers_) {
      const bool snapshot = follower.state == Follower::State::kSnapshot;
      needed = std::min(needed, snapshot ? follower.snapshot_floor : follower.match);
    }
    cut = std::min(cut, std::max(needed, log_.BytesBack(options.catchup_limit_bytes)));
  }
  return std::min({cut, persisted, applied_});
}

}  // namespace fastpath::raft
