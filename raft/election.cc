// Pre-votes, votes, roles and leadership transfer.
#include <algorithm>

#include "raft/raft_impl.h"

namespace fastpath::raft {

uint64_t Raft::Impl::NextRandom() {  // SplitMix64.
  random_ += kSplitMixIncrement;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void Raft::Impl::ResetElectionTimer() {
  const uint64_t spread = options.election_timeout_max - options.election_timeout_min;
  election_deadline_ =
      now_ + options.election_timeout_min + static_cast<Micros>(NextRandom() % spread);
}

// A replica left out by a configuration that may not be committed can be the
// only one whose log is complete: it still stands, without a vote of its own
// (Ongaro's dissertation, 4.2.2).
bool Raft::Impl::Promotable() const {
  if (IsVoter(log_.configuration(), options.id)) return true;
  const Index index = log_.configuration_index();
  return index > commit_ && IsVoter(log_.ConfigurationAt(index - 1), options.id);
}

// Time alone decides, not whether the leader is still known: a message of a
// later term can make it forgotten while its lease lives on.
bool Raft::Impl::LeasePromised() const {
  return role_ == Role::kLeader || now_ < lease_promised_until_;
}

// A replica without configuration votes like any other: a leader that crashed
// with a joint configuration it had sent to nobody is elected again only with
// the votes of replicas that never heard of the group. It counts where the
// candidate's configuration says so, and its id never voted before.
bool Raft::Impl::VotesWithheld() const { return now_ < votes_withheld_until_; }

// --- roles

void Raft::Impl::BecomeFollower(Term term, ReplicaId leader, NodeId leader_node) {
  FASTPATH_CHECK(term >= term_, "raft: term runs backwards");
  if (role_ == Role::kLeader) {
    FailReads();
    followers_.clear();
    transferee_ = 0;
  }
  if (term > term_) {
    term_ = term;
    vote_ = 0;
  }
  role_ = Role::kFollower;
  quiet_ = false;
  leader_ = leader;
  leader_node_ = leader_node;
  votes_.clear();
  ResetElectionTimer();
}

void Raft::Impl::BecomeLeader() {
  FASTPATH_CHECK(role_ == Role::kCandidate, "raft: leader without an election");
  role_ = Role::kLeader;
  leader_ = options.id;
  leader_node_ = options.node;
  votes_.clear();
  followers_.clear();
  RebuildFollowers();
  round_ = announced_round_ = confirmed_round_ = 0;
  rounds_.clear();
  lease_started_ = false;
  lease_blocked_until_ = 0;
  heartbeat_deadline_ = now_ + options.heartbeat_interval;
  quorum_since_ = now_;
  quorum_deadline_ = now_ + options.election_timeout_min;
  AppendOwn(EntryKind::kNoop, std::make_shared<const std::string>());
  AnnounceRound();
  ConfirmRounds();
}

// --- campaigning

void Raft::Impl::Campaign() {
  if (role_ == Role::kLeader || !Promotable() || LeasePromised()) return;
  quiet_ = false;
  ResetElectionTimer();
  StartPreVote();
}

void Raft::Impl::StartPreVote() {
  // No one but a lone voter's own leadership could have granted a lease that
  // rests on it (a leader outside its configuration holds none), so it need not
  // sit out its start.
  if (IsLoneVoter(log_.configuration(), options.id)) return StartElection(false);
  if (VotesWithheld() || LeasePromised()) return;
  role_ = Role::kPreCandidate;
  leader_ = 0;
  leader_node_ = 0;
  votes_.clear();
  RequestVotes(MessageType::kPreVote, term_ + 1, false);
  RecordVote(options.id, true);
}

void Raft::Impl::StartElection(bool force) {
  BecomeFollower(term_ + 1, 0, 0);
  role_ = Role::kCandidate;
  vote_ = options.id;
  RequestVotes(MessageType::kVote, term_, force);
  RecordVote(options.id, true);
}

void Raft::Impl::RequestVotes(MessageType type, Term term, bool force) {
  const Configuration& configuration = log_.configuration();
  auto request = [&](const Member& member) {
    if (member.replica == options.id) return;
    Message message = Make(type, member.replica);
    message.term = term;
    message.index = log_.last_index();
    message.log_term = log_.last_term();
    message.force = force;
    SendAfterSync(std::move(message));
  };
  for (const Member& member : configuration.voters) request(member);
  for (const Member& member : configuration.outgoing) {
    if (!Contains(configuration.voters, member.replica)) request(member);
  }
}

void Raft::Impl::RecordVote(ReplicaId from, bool granted) {
  for (const auto& [replica, vote] : votes_) {
    if (replica == from) return;  // A repeated answer changes nothing.
  }
  votes_.emplace_back(from, granted);
  DecideElection();
}

void Raft::Impl::DecideElection() {
  const Tally tally = QuorumVotes(log_.configuration(), [&](ReplicaId replica) {
    for (const auto& [voter, granted] : votes_) {
      if (voter == replica) return granted ? 1 : -1;
    }
    return 0;
  });
  if (tally == Tally::kLost) BecomeFollower(term_, 0, 0);
  if (tally != Tally::kWon) return;
  if (role_ == Role::kPreCandidate) return StartElection(false);
  BecomeLeader();
}

// --- voting

bool Raft::Impl::UpToDate(const Message& message) const {
  return message.log_term > log_.last_term() ||
         (message.log_term == log_.last_term() && message.index >= log_.last_index());
}

void Raft::Impl::OnPreVote(const Message& message) {
  Message reply = Make(MessageType::kPreVoteReply, message.from);
  // A quiet follower's owner watches the leader's node: the leader is believed to
  // live until it has been silent from now on.
  const bool believes = quiet_ && message.from != leader_;
  if (quiet_) Wake(false);
  reply.reject =
      message.term <= term_ || VotesWithheld() || LeasePromised() || believes || !UpToDate(message);
  if (!reply.reject) reply.term = message.term;
  Reply(message, std::move(reply));
}

void Raft::Impl::OnVote(const Message& message) {
  const bool free = vote_ == 0 && leader_ == 0 && (message.force || !LeasePromised());
  Message reply = Make(MessageType::kVoteReply, message.from);
  reply.reject = VotesWithheld() || !(vote_ == message.from || free) || !UpToDate(message);
  if (!reply.reject) {
    vote_ = message.from;
    ResetElectionTimer();
  }
  Reply(message, std::move(reply));
}

void Raft::Impl::OnVoteReply(const Message& message) {
  if (message.type == MessageType::kPreVoteReply) {
    if (role_ != Role::kPreCandidate) return;
    if (!message.reject && message.term != term_ + 1) return;
  } else if (role_ != Role::kCandidate) {
    return;
  }
  RecordVote(message.from, !message.reject);
}

// --- leadership transfer

// A log that ends elsewhere means that the transfer was given up meanwhile, and
// that the leader may rely on its lease again.
void Raft::Impl::OnTimeoutNow(const Message& message) {
  if (role_ != Role::kFollower || message.from != leader_ || !Promotable()) return;
  if (message.index != log_.last_index() || message.log_term != log_.last_term()) return;
  if (VotesWithheld()) return;
  StartElection(true);
}

absl::Status Raft::Impl::TransferLeadership(ReplicaId target) {
  if (role_ != Role::kLeader) return absl::FailedPreconditionError("not the leader");
  if (target == options.id) return absl::OkStatus();
  if (!Contains(log_.configuration().voters, target)) {
    return absl::InvalidArgumentError("the transfer's target is not a voter");
  }
  if (transferee_ == target) return absl::OkStatus();
  if (quiet_) Wake(false);
  if (transferee_ != 0) return absl::FailedPreconditionError("another transfer is under way");
  transferee_ = target;
  transfer_deadline_ = now_ + options.election_timeout_max;
  timeout_now_sent_ = false;
  replicate_ = true;
  ContinueTransfer();
  return absl::OkStatus();
}

void Raft::Impl::ContinueTransfer() {
  if (transferee_ == 0 || timeout_now_sent_) return;
  const Follower* target = Find(transferee_);
  if (target == nullptr || !Contains(log_.configuration().voters, transferee_)) {
    return AbortTransfer();
  }
  if (target->match != log_.last_index()) return;
  timeout_now_sent_ = true;
  SendTimeoutNow(transferee_);
}

void Raft::Impl::SendTimeoutNow(ReplicaId target) {
  lease_blocked_until_ = kNever;
  Message message = Make(MessageType::kTimeoutNow, target);
  message.index = log_.last_index();
  message.log_term = log_.last_term();
  SendNow(std::move(message));
}

void Raft::Impl::AbortTransfer() {
  transferee_ = 0;
  if (lease_blocked_until_ != kNever) return;
  lease_blocked_until_ = AppendOwn(EntryKind::kNoop, std::make_shared<const std::string>());
}

}  // namespace fastpath::raft
