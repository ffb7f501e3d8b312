// Rounds: numbered questions "am I still the leader?", carried by heartbeats and
// appends and echoed in the answers. Round R, begun at time t and answered by
// the (joint) majorities, proves that at some time after t no later leader had
// been elected. Reads asked for before R was begun may be served from the
// commit index of then; and a lease runs from t, because everyone who answered
// refuses votes for a minimum election timeout after it heard R.
#include <algorithm>

#include "raft/raft_impl.h"

namespace fastpath::raft {

void Raft::Impl::Read(uint64_t id) {
  if (role_ != Role::kLeader || reads_pending_ >= options.read_limit) {
    reads_failed_.push_back(id);
    return;
  }
  Rise();
  last_read_ = now_;
  if (CommittedInTerm() && LeaseValid(now_)) {
    reads_.push_back({id, commit_});
    return;
  }
  waiting_reads_.push_back(id);
  ++reads_pending_;
  replicate_ = true;
}

bool Raft::Impl::CommittedInTerm() const { return log_.TermAt(commit_) == term_; }

void Raft::Impl::BeginRound() {
  ++round_;
  round_started_ = now_;
  rounds_.push_back({round_, now_});
}

void Raft::Impl::AnnounceRound() {
  BeginRound();
  announced_round_ = round_;
  replicate_ = true;
}

// Everything that waits joins one round. Few rounds are on their way at once;
// what comes meanwhile joins the next.
void Raft::Impl::StartReads() {
  if (waiting_reads_.empty() || !CommittedInTerm()) return;
  if (read_batches_.size() >= kReadRoundsLimit) return;
  AnnounceRound();
  read_batches_.push_back({round_, commit_, std::exchange(waiting_reads_, {})});
  ConfirmRounds();
}

void Raft::Impl::ConfirmRounds() {
  const uint64_t confirmed = QuorumValue(log_.configuration(), [&](ReplicaId replica) {
    if (replica == options.id) return round_;
    const Follower* follower = Find(replica);
    return follower == nullptr ? uint64_t{0} : follower->acked_round;
  });
  if (confirmed <= confirmed_round_) return;
  confirmed_round_ = confirmed;
  auto first = rounds_.begin();
  for (; first != rounds_.end() && first->round <= confirmed; ++first) {
    lease_start_ = first->started;
    lease_started_ = true;
  }
  rounds_.erase(rounds_.begin(), first);
  while (!read_batches_.empty() && read_batches_.front().round <= confirmed) {
    ReadBatch& batch = read_batches_.front();
    for (uint64_t id : batch.ids) reads_.push_back({id, batch.index});
    reads_pending_ -= batch.ids.size();
    read_batches_.pop_front();
  }
  if (!waiting_reads_.empty()) replicate_ = true;
}

void Raft::Impl::FailReads() {
  for (const ReadBatch& batch : read_batches_) {
    reads_failed_.insert(reads_failed_.end(), batch.ids.begin(), batch.ids.end());
  }
  reads_failed_.insert(reads_failed_.end(), waiting_reads_.begin(), waiting_reads_.end());
  read_batches_.clear();
  waiting_reads_.clear();
  reads_pending_ = 0;
}

bool Raft::Impl::LeaseValid(Micros now) const {
  if (role_ != Role::kLeader || !IsVoter(log_.configuration(), options.id)) return false;
  if (IsLoneVoter(log_.configuration(), options.id)) return true;
  return commit_ >= lease_blocked_until_ && lease_started_ &&
         now < lease_start_ + options.lease_duration;
}

// --- check-quorum

// A leader whose own disk hangs applies nothing and so answers nobody.
bool Raft::Impl::DiskStalled() const {
  return !tickets_.empty() && now_ - tickets_.front().since > options.election_timeout_max &&
         !IsLoneVoter(log_.configuration(), options.id);
}

void Raft::Impl::CheckQuorum() {
  const Tally tally = QuorumVotes(log_.configuration(), [&](ReplicaId replica) {
    if (replica == options.id) return 1;
    const Follower* follower = Find(replica);
    const bool active =
        follower != nullptr && follower->answered && follower->last_active >= quorum_since_;
    return active ? 1 : 0;
  });
  if (tally != Tally::kWon || DiskStalled()) return BecomeFollower(term_, 0, 0);
  quorum_since_ = now_;
  quorum_deadline_ = now_ + options.election_timeout_min;
}

}  // namespace fastpath::raft
