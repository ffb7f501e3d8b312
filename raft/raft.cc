#include "raft/raft.h"

#include <algorithm>
#include <utility>

#include "raft/codec.h"
#include "raft/prefetch.h"
#include "raft/raft_impl.h"

namespace fastpath::raft {
namespace {

void CheckOptions(const Options& options) {
  FASTPATH_CHECK(options.id != 0, "raft: replica id 0");
  FASTPATH_CHECK(
      options.heartbeat_interval > 0 && options.heartbeat_interval < options.election_timeout_min,
      "raft: heartbeat interval");
  FASTPATH_CHECK(options.election_timeout_min < options.election_timeout_max,
                 "raft: election timeouts");
  FASTPATH_CHECK(options.lease_duration < options.election_timeout_min,
                 "raft: a lease must be shorter than the minimum election timeout");
  FASTPATH_CHECK(options.inflight_limit > 0 && options.append_limit_bytes > 0, "raft: limits");
}

bool Consecutive(const Message& message) {
  Index index = message.index;
  Term term = message.log_term;
  for (const Entry& entry : message.entries) {
    if (entry.index != ++index || entry.term == 0 || entry.term < term || entry.term > message.term)
      return false;
    if (entry.payload == nullptr || entry.payload->size() > kMaxEntryBytes) return false;
    if (entry.kind == EntryKind::kConfiguration && !DecodeConfiguration(*entry.payload).ok()) {
      return false;
    }
    term = entry.term;
  }
  return true;
}

}  // namespace

Raft::Impl::Impl(Options options_in, InitialState initial, Micros now)
    : options(std::move(options_in)),
      now_(now),
      random_(options.seed ^ (options.id * kSplitMixIncrement)),
      term_(initial.hard_state.term),
      vote_(initial.hard_state.vote),
      log_(std::move(initial.snapshot), std::move(initial.entries), options.memory_limit_bytes),
      handed_(initial.hard_state),
      persist_next_(log_.last_index() + 1),
      durable_(log_.last_index()),
      durable_term_(term_),
      commit_(std::max(initial.hard_state.commit, std::max(initial.applied, log_.start_index()))),
      emitted_(std::max(initial.applied, log_.start_index())),
      applied_(emitted_),
      votes_withheld_until_(options.fresh ? now : now + options.election_timeout_max),
      lease_promised_until_(now),
      taken_term_(term_) {
  CheckOptions(options);
  FASTPATH_CHECK(commit_ <= log_.last_index(), "raft: the stored log lacks committed entries");
  // A snapshot or bootstrap configuration may carry a term never heard of.
  term_ = std::max(term_, log_.last_term());
  if (term_ != handed_.term) vote_ = 0;
  for (Index index = applied_ + 1; index <= log_.last_index(); ++index) {
    unapplied_bytes_ += log_.At(index).payload->size();
  }
  Evict();
  ResetElectionTimer();
  if (!options.fresh) election_deadline_ += options.election_timeout_max;
}

// --- time

Micros Raft::Impl::next_deadline() const {
  if (quiet_) return quiet_deadline_;
  if (role_ != Role::kLeader) return election_deadline_;
  Micros deadline = std::min(heartbeat_deadline_, quorum_deadline_);
  return transferee_ != 0 ? std::min(deadline, transfer_deadline_) : deadline;
}

void Raft::Impl::Tick() {
  if (quiet_) {
    if (now_ < quiet_deadline_) return;
    return role_ == Role::kLeader ? SayQuiet() : Wake(false);
  }
  if (role_ == Role::kLeader) return TickLeader();
  if (now_ < election_deadline_) return;
  ResetElectionTimer();
  leader_ = 0;
  leader_node_ = 0;
  if (!Promotable()) {
    if (role_ != Role::kFollower) BecomeFollower(term_, 0, 0);
    return;
  }
  StartPreVote();
}

void Raft::Impl::TickLeader() {
  if (now_ >= quorum_deadline_) {
    CheckQuorum();
    if (role_ != Role::kLeader) return;
  }
  if (transferee_ != 0 && now_ >= transfer_deadline_) AbortTransfer();
  if (now_ < heartbeat_deadline_) return;
  if (MayGoQuiet()) return GoQuiet();
  heartbeat_deadline_ = now_ + options.heartbeat_interval;
  RetrySnapshots();
  AnnounceRound();
  ConfirmRounds();
  if (transferee_ != 0) {
    timeout_now_sent_ = false;  // It may have been lost.
    ContinueTransfer();
  }
}

// --- dispatch

bool Raft::Impl::Acceptable(const Message& message) const {
  if (message.group != options.group || message.to != options.id) return false;
  if (message.from == 0 || message.from == options.id || message.term == 0) return false;
  if (message.type == MessageType::kAppend) return Consecutive(message);
  return message.entries.empty();
}

void Raft::Impl::Step(Message message) {
  if (!Acceptable(message)) return;
  // Who stands does not hear the leader: it shall, before others believe it.
  if (quiet_ && role_ == Role::kLeader && message.type == MessageType::kPreVote) Wake(false);
  if (message.term != term_ && !StepTerm(message)) return;
  Dispatch(message);
}

bool Raft::Impl::StepTerm(const Message& message) {
  const MessageType type = message.type;
  if (message.term > term_) {
    if (type == MessageType::kPreVote) return true;
    if (type == MessageType::kPreVoteReply && !message.reject) return true;
    if (type == MessageType::kVote && (VotesWithheld() || (!message.force && LeasePromised()))) {
      return false;  // Not even the term: it would depose a leader that is alive.
    }
    const bool leads = type == MessageType::kAppend || type == MessageType::kHeartbeat ||
                       type == MessageType::kQuiet;
    BecomeFollower(message.term, leads ? message.from : 0, leads ? message.from_node : 0);
    return true;
  }
  // A leader or candidate of an earlier term must learn of this one, or a
  // replica whose term ran ahead could never be led again.
  Message reply;
  switch (type) {
    case MessageType::kAppend:
      reply = Make(MessageType::kAppendReply, message.from);
      reply.index = message.index;
      break;
    case MessageType::kHeartbeat:
    case MessageType::kQuiet:
      reply = Make(MessageType::kHeartbeatReply, message.from);
      break;
    case MessageType::kPreVote:
      reply = Make(MessageType::kPreVoteReply, message.from);
      break;
    default:
      return false;
  }
  reply.reject = true;
  Reply(message, std::move(reply));
  return false;
}

void Raft::Impl::Dispatch(Message& message) {
  switch (message.type) {
    case MessageType::kPreVote:
      return OnPreVote(message);
    case MessageType::kVote:
      return OnVote(message);
    case MessageType::kPreVoteReply:
    case MessageType::kVoteReply:
      return OnVoteReply(message);
    case MessageType::kAppend:
      return OnAppend(message);
    case MessageType::kAppendReply:
      return OnAppendReply(message);
    case MessageType::kHeartbeat:
      return OnHeartbeat(message);
    case MessageType::kHeartbeatReply:
      return OnHeartbeatReply(message);
    case MessageType::kTimeoutNow:
      return OnTimeoutNow(message);
    case MessageType::kQuiet:
      return OnQuiet(message);
  }
}

// --- messages

Message Raft::Impl::Make(MessageType type, ReplicaId to) const {
  Message message;
  message.type = type;
  message.group = options.group;
  message.from = options.id;
  message.to = to;
  message.term = term_;
  message.from_node = options.node;
  return message;
}

NodeId Raft::Impl::NodeOf(ReplicaId replica) const {
  const Configuration& configuration = log_.configuration();
  for (const auto* members :
       {&configuration.voters, &configuration.outgoing, &configuration.learners}) {
    for (const Member& member : *members) {
      if (member.replica == replica) return member.node;
    }
  }
  return 0;
}

void Raft::Impl::SendNow(Message message) {
  const NodeId node = NodeOf(message.to);
  // A lone voter leads before its term is on disk. Were its entries to leave
  // now and the term be lost, another log could be written under the same term.
  auto& queue = durable_term_ == term_ ? messages_now_ : messages_after_sync_;
  queue.push_back({node, std::move(message)});
}

void Raft::Impl::SendAfterSync(Message message) {
  const NodeId node = NodeOf(message.to);
  messages_after_sync_.push_back({node, std::move(message)});
}

void Raft::Impl::Reply(const Message& to, Message message) {
  const NodeId node = to.from_node != 0 ? to.from_node : NodeOf(to.from);
  messages_after_sync_.push_back({node, std::move(message)});
}

// --- output

bool Raft::Impl::HasOutput() const {
  return replicate_ || persist_next_ <= log_.last_index() || handed_.term != term_ ||
         handed_.vote != vote_ || std::min(commit_, durable_) > emitted_ ||
         !messages_now_.empty() || !messages_after_sync_.empty() || !reads_.empty() ||
         !reads_failed_.empty() || !fetches_.empty() || !snapshots_.empty() ||
         configuration_changed_ || taken_role_ != role_ || taken_term_ != term_ ||
         taken_leader_ != leader_;
}

Output Raft::Impl::Take() {
  if (role_ == Role::kLeader) {
    StartReads();
    if (replicate_) Replicate();
  }
  replicate_ = false;
  Output output;
  TakeDurable(output);
  TakeCommitted(output);
  output.messages_now = std::exchange(messages_now_, {});
  output.messages_after_sync = std::exchange(messages_after_sync_, {});
  output.reads = std::exchange(reads_, {});
  output.reads_failed = std::exchange(reads_failed_, {});
  output.fetches = std::exchange(fetches_, {});
  output.snapshots = std::exchange(snapshots_, {});
  output.role_changed = taken_role_ != role_ || taken_term_ != term_ || taken_leader_ != leader_;
  output.configuration_changed = std::exchange(configuration_changed_, false);
  taken_role_ = role_;
  taken_term_ = term_;
  taken_leader_ = leader_;
  return output;
}

void Raft::Impl::TakeDurable(Output& output) {
  const bool entries = persist_next_ <= log_.last_index();
  const bool state = handed_.term != term_ || handed_.vote != vote_;
  if (entries) {
    output.entries.reserve(log_.last_index() - persist_next_ + 1);
    log_.CopyTo(persist_next_, log_.last_index(), SIZE_MAX, output.entries);
    persist_next_ = log_.last_index() + 1;
  }
  // The commit index alone is a hint not worth a sync: it rides along.
  if (state || (entries && handed_.commit != commit_)) {
    handed_ = HardState{term_, vote_, commit_};
    output.hard_state = handed_;
  }
  if (entries || state) {
    tickets_.push_back({++last_ticket_, log_.last_index(), term_, now_});
  }
  output.sync_ticket = tickets_.empty() ? 0 : last_ticket_;
}

void Raft::Impl::TakeCommitted(Output& output) {
  const Index through = std::min(commit_, durable_);
  if (through <= emitted_) return;
  output.committed.reserve(through - emitted_);
  log_.CopyTo(emitted_ + 1, through, SIZE_MAX, output.committed);
  emitted_ = through;
}

void Raft::Impl::Synced(uint64_t ticket) {
  FASTPATH_CHECK(ticket <= last_ticket_, "raft: unknown sync ticket");
  auto first = tickets_.begin();
  for (; first != tickets_.end() && first->ticket <= ticket; ++first) {
    durable_ = std::max(durable_, first->last);
    durable_term_ = std::max(durable_term_, first->term);
  }
  tickets_.erase(tickets_.begin(), first);
  if (role_ == Role::kLeader) MaybeCommit();
}

// --- the public face

Raft::Raft(Options options, InitialState initial, Micros now)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(initial), now)) {}
Raft::~Raft() = default;

void Raft::Tick(Micros now) {
  impl_->Advance(now);
  impl_->Tick();
}
Micros Raft::next_deadline() const { return impl_->next_deadline(); }
void Raft::Step(Micros now, Message message) {
  impl_->Advance(now);
  impl_->Step(std::move(message));
}
absl::StatusOr<Index> Raft::Propose(Micros now, Payload payload) {
  impl_->Advance(now);
  return impl_->Propose(std::move(payload));
}
absl::StatusOr<Index> Raft::ChangeConfiguration(Micros now, Configuration target) {
  impl_->Advance(now);
  return impl_->ChangeConfiguration(std::move(target));
}
void Raft::Read(Micros now, uint64_t id) {
  impl_->Advance(now);
  impl_->Read(id);
}
std::optional<Index> Raft::LeaseRead(Micros now) const {
  if (!impl_->CommittedInTerm() || !impl_->LeaseValid(now)) return std::nullopt;
  impl_->last_read_ = std::max(impl_->last_read_, now);
  return impl_->commit_;
}
bool Raft::lease_valid(Micros now) const { return impl_->LeaseValid(now); }
absl::Status Raft::TransferLeadership(Micros now, ReplicaId target) {
  impl_->Advance(now);
  return impl_->TransferLeadership(target);
}
void Raft::Campaign(Micros now) {
  impl_->Advance(now);
  impl_->Campaign();
}
void Raft::Wake(Micros now, bool leader_gone) {
  impl_->Advance(now);
  if (impl_->quiet_) impl_->Wake(leader_gone);
}
void Raft::Postpone(Micros now) {
  impl_->Advance(now);
  impl_->ResetElectionTimer();
}
void Raft::Synced(Micros now, uint64_t sync_ticket) {
  impl_->Advance(now);
  impl_->Synced(sync_ticket);
}
void Raft::Applied(Index index) { impl_->Applied(index); }
void Raft::Fetched(Micros now, const Fetch& fetch, std::vector<Entry> entries) {
  impl_->Advance(now);
  impl_->Fetched(fetch, std::move(entries));
}
void Raft::SnapshotSent(Micros now, ReplicaId to, Index index, bool ok) {
  impl_->Advance(now);
  impl_->SnapshotSent(to, index, ok);
}
bool Raft::WantsSnapshot(const SnapshotMeta& meta) const { return impl_->WantsSnapshot(meta); }
void Raft::Restored(Micros now, const SnapshotMeta& meta) {
  impl_->Advance(now);
  impl_->Restored(meta);
}
void Raft::Compacted(Index index) {
  FASTPATH_CHECK(index <= impl_->applied_, "raft: compaction of unapplied entries");
  if (index > impl_->log_.start_index()) impl_->log_.CompactTo(index);
}
Index Raft::CompactableTo(Index persisted) const { return impl_->CompactableTo(persisted); }
bool Raft::HasOutput() const { return impl_->HasOutput(); }
void Raft::Prefetch() const { PrefetchLines(impl_.get(), sizeof(Impl)); }
Output Raft::Take() { return impl_->Take(); }

bool Raft::quiet() const { return impl_->quiet_; }
Role Raft::role() const { return impl_->role_; }
Term Raft::term() const { return impl_->term_; }
HardState Raft::hard_state() const { return {impl_->term_, impl_->vote_, impl_->commit_}; }
ReplicaId Raft::id() const { return impl_->options.id; }
ReplicaId Raft::leader() const { return impl_->leader_; }
NodeId Raft::leader_node() const { return impl_->leader_node_; }
Index Raft::commit() const { return impl_->commit_; }
Index Raft::applied() const { return impl_->applied_; }
Index Raft::first_index() const { return impl_->log_.first_index(); }
Index Raft::last_index() const { return impl_->log_.last_index(); }
std::optional<Term> Raft::term_at(Index index) const { return impl_->log_.TermAt(index); }
const Configuration& Raft::configuration() const { return impl_->log_.configuration(); }
Index Raft::configuration_index() const { return impl_->log_.configuration_index(); }
bool Raft::committed_in_term() const { return impl_->CommittedInTerm(); }

std::vector<Raft::Progress> Raft::progress() const {
  std::vector<Progress> result;
  if (impl_->role_ != Role::kLeader) return result;
  result.reserve(impl_->followers_.size());
  for (const Follower& follower : impl_->followers_) {
    Progress progress;
    progress.member = follower.member;
    progress.voter = IsVoter(impl_->log_.configuration(), follower.member.replica);
    progress.active =
        impl_->quiet_ ||
        (follower.answered && impl_->now_ - std::max(follower.last_active, impl_->risen_at_) <
                                  impl_->options.election_timeout_min);
    progress.needs_snapshot = follower.state == Follower::State::kSnapshot;
    progress.match = follower.match;
    progress.next = follower.next;
    result.push_back(progress);
  }
  return result;
}

}  // namespace fastpath::raft
