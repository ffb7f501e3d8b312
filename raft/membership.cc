// Configurations: joint consensus (Ongaro's dissertation, 4.3). A configuration
// is in force from its append to its truncation.
#include <algorithm>

#include "raft/codec.h"
#include "raft/raft_impl.h"

namespace fastpath::raft {
namespace {

void Sort(std::vector<Member>& members) {
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.replica < b.replica; });
}

// A replica twice, replica 0, or one that another node is said to hold.
bool Clash(const std::vector<Member>& sorted) {
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].replica == 0) return true;
    if (i > 0 && sorted[i - 1].replica == sorted[i].replica) return true;
  }
  return false;
}

bool MovesNode(const Configuration& now, const Configuration& target) {
  for (const auto* before : {&now.voters, &now.learners}) {
    for (const Member& old : *before) {
      for (const auto* after : {&target.voters, &target.learners}) {
        for (const Member& member : *after) {
          if (member.replica == old.replica && member.node != old.node) return true;
        }
      }
    }
  }
  return false;
}

absl::Status CheckTarget(const Configuration& now, const Configuration& target) {
  if (target.voters.empty()) return absl::InvalidArgumentError("no voters");
  if (target.joint()) return absl::InvalidArgumentError("the target is itself joint");
  if (target.voters.size() > kMaxVoters) return absl::InvalidArgumentError("too many voters");
  std::vector<Member> all = target.voters;
  all.insert(all.end(), target.learners.begin(), target.learners.end());
  Sort(all);
  if (Clash(all)) return absl::InvalidArgumentError("a replica twice, or replica 0");
  if (MovesNode(now, target)) return absl::InvalidArgumentError("a replica changes its node");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Index> Raft::Impl::ChangeConfiguration(Configuration target) {
  if (role_ != Role::kLeader) return absl::FailedPreconditionError("not the leader");
  if (transferee_ != 0) return absl::FailedPreconditionError("leadership is being handed over");
  const Configuration& now = log_.configuration();
  if (now.joint() || log_.configuration_index() > commit_) {
    return absl::FailedPreconditionError("a change is under way");
  }
  // Else two leaders could each commit a change from the same configuration
  // without overlapping majorities.
  if (!CommittedInTerm()) {
    return absl::FailedPreconditionError("no entry of this term is committed yet");
  }
  Sort(target.voters);
  Sort(target.learners);
  if (absl::Status s = CheckTarget(now, target); !s.ok()) return s;
  if (target.voters != now.voters) target.outgoing = now.voters;
  return AppendConfiguration(target);
}

Index Raft::Impl::AppendConfiguration(const Configuration& configuration) {
  return AppendOwn(EntryKind::kConfiguration,
                   std::make_shared<const std::string>(EncodeConfiguration(configuration)));
}

void Raft::Impl::ConfigurationChanged() {
  configuration_changed_ = true;
  if (role_ != Role::kLeader) return;
  RebuildFollowers();
  // The old majorities' answers say nothing about the new ones.
  lease_started_ = false;
  AnnounceRound();
  ConfirmRounds();
}

void Raft::Impl::RebuildFollowers() {
  const Configuration& configuration = log_.configuration();
  std::vector<Member> wanted = configuration.voters;
  wanted.insert(wanted.end(), configuration.outgoing.begin(), configuration.outgoing.end());
  wanted.insert(wanted.end(), configuration.learners.begin(), configuration.learners.end());
  Sort(wanted);
  std::vector<Follower> rebuilt;
  rebuilt.reserve(wanted.size());
  for (const Member& member : wanted) {
    if (member.replica == options.id) continue;
    if (!rebuilt.empty() && rebuilt.back().member.replica == member.replica) continue;
    if (Follower* known = Find(member.replica); known != nullptr) {
      rebuilt.push_back(std::move(*known));
      continue;
    }
    Follower follower;
    follower.member = member;
    follower.next = log_.last_index() + 1;
    follower.last_active = now_;
    rebuilt.push_back(std::move(follower));
  }
  followers_ = std::move(rebuilt);
}

// What a commit sets off: the final configuration once the joint one is
// committed, and the end of a leader that the final one left out.
void Raft::Impl::AfterCommit() {
  if (log_.configuration_index() > commit_ || !CommittedInTerm()) return;
  const Configuration& configuration = log_.configuration();
  if (configuration.joint()) {
    Configuration final_configuration = configuration;
    final_configuration.outgoing.clear();
    AppendConfiguration(final_configuration);
    return;
  }
  if (Contains(configuration.voters, options.id)) return;
  const Follower* best = nullptr;
  for (const Follower& follower : followers_) {
    if (!Contains(configuration.voters, follower.member.replica)) continue;
    if (best == nullptr || follower.match > best->match) best = &follower;
  }
  if (best != nullptr) SendTimeoutNow(best->member.replica);
  BecomeFollower(term_, 0, 0);
}

}  // namespace fastpath::raft
