// Groups that nobody uses: no heartbeats, no election timers, no lease.
//
// A leader whose members all hold all, committed and applied, and that was asked
// for nothing for a while says Quiet and stops: for `quiet_after` if it was read
// from, since the lease is worth its heartbeats then; else instead of the first
// heartbeat after a write, which costs less and is missed by nobody. A follower whose log ends
// where the message says stops its election timer. From then on the owners watch the nodes instead
// of the groups (Wake), and anything that is asked of the group, or said by another member, wakes
// it.
//
// Nothing here decides safety: votes, commits and reads go as ever. The leader
// gives its lease up first, so its next read asks a majority; what followers
// promised runs on by time. Quiet may be lost, late or repeated: a follower that
// missed it stands for election and thereby wakes the leader, and one that was
// put to sleep by a late one is woken by the next heartbeat, or by its deadline.
#include <algorithm>

#include "raft/raft_impl.h"

namespace fastpath::raft {

bool Raft::Impl::MayGoQuiet() const {
  if (options.quiet_after == 0 || now_ - last_read_ < options.quiet_after) return false;
  if (now_ - last_write_ < std::min(options.heartbeat_interval, options.quiet_after)) return false;
  const Index last = log_.last_index();
  const bool settled = commit_ == last && applied_ == last && durable_ == last &&
                       tickets_.empty() && CommittedInTerm() && commit_ >= lease_blocked_until_;
  const Configuration& configuration = log_.configuration();
  if (!settled || transferee_ != 0 || reads_pending_ != 0 || configuration.joint() ||
      !IsVoter(configuration, options.id)) {
    return false;
  }
  return std::all_of(followers_.begin(), followers_.end(), [&](const Follower& follower) {
    return follower.state == Follower::State::kReplicate && follower.match == last &&
           follower.commit_sent == last && follower.inflight.empty() &&
           follower.acked_round >= announced_round_;
  });
}

void Raft::Impl::GoQuiet() {
  lease_started_ = false;
  rounds_.clear();
  quiet_ = true;
  SayQuiet();
}

void Raft::Impl::SayQuiet() {
  quiet_deadline_ = now_ + options.quiet_repeat;
  for (const Follower& follower : followers_) {
    Message message = Make(MessageType::kQuiet, follower.member.replica);
    message.index = log_.last_index();
    message.log_term = log_.last_term();
    SendNow(std::move(message));
  }
}

void Raft::Impl::Rise() {
  if (!quiet_) return;
  quiet_ = false;
  risen_at_ = now_;
  heartbeat_deadline_ = now_ + options.heartbeat_interval;
  quorum_since_ = now_;
  quorum_deadline_ = now_ + options.election_timeout_min;
}

void Raft::Impl::Wake(bool leader_gone) {
  FASTPATH_CHECK(quiet_, "raft: woken twice");
  if (role_ == Role::kLeader) {
    Rise();
    last_read_ = now_;
    return AnnounceRound();
  }
  quiet_ = false;
  ResetElectionTimer();
  if (!leader_gone) return;
  // A minimum timeout has passed for the node already. Two heartbeats later the
  // others know it too; many groups wake at once and must not all stand at once.
  const Micros known = std::max(now_, lease_promised_until_) + 2 * options.heartbeat_interval;
  const Micros drawn = election_deadline_ - options.election_timeout_min - now_;
  election_deadline_ = std::min(election_deadline_, known + drawn);
}

void Raft::Impl::OnQuiet(const Message& message) {
  HeardFromLeader(message);
  if (message.index != log_.last_index() || message.log_term != log_.last_term()) return;
  SetCommit(message.index);
  quiet_ = true;
  quiet_deadline_ = now_ + options.quiet_repeat * 5 / 2;
}

}  // namespace fastpath::raft
