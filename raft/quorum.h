// Quorum arithmetic, pure: what (joint) majorities of a configuration agree on.
// Everything that decides - votes, commits, read rounds, leases, check-quorum -
// decides here, so that learners and removed replicas cannot count by accident.
//
// A configuration without voters decides nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "raft/check.h"
#include "raft/types.h"

namespace fastpath::raft {

// More replicas than this in one set of voters are refused by membership.
inline constexpr size_t kMaxVoters = 32;

// How many of `size` voters are a majority.
constexpr size_t Majority(size_t size) { return size / 2 + 1; }

// The highest value that a majority of the `size` values has reached; permutes
// the values. REQUIRES: size > 0.
uint64_t MajorityValue(uint64_t* values, size_t size);

enum class Tally : uint8_t { kPending, kWon, kLost };

// What the votes amount to: `granted` and `refused` of `size` voters.
Tally CountVotes(size_t size, size_t granted, size_t refused);
// Both halves of a joint configuration must be won; one lost half loses.
Tally Combine(Tally incoming, Tally outgoing);

bool Contains(const std::vector<Member>& members, ReplicaId replica);
// In either set of voters.
bool IsVoter(const Configuration& configuration, ReplicaId replica);
// The only replica that counts is this one.
bool IsLoneVoter(const Configuration& configuration, ReplicaId replica);

// The highest value that every majority needed has reached; value(ReplicaId)
// gives a replica's. 0 without voters.
template <typename Value>
uint64_t QuorumValue(const Configuration& configuration, Value value) {
  uint64_t values[kMaxVoters];
  auto majority = [&](const std::vector<Member>& voters) {
    FASTPATH_CHECK(voters.size() <= kMaxVoters, "too many voters");
    for (size_t i = 0; i < voters.size(); ++i) values[i] = value(voters[i].replica);
    return MajorityValue(values, voters.size());
  };
  if (configuration.voters.empty()) return 0;
  uint64_t reached = majority(configuration.voters);
  if (!configuration.joint()) return reached;
  uint64_t outgoing = majority(configuration.outgoing);
  return reached < outgoing ? reached : outgoing;
}

// vote(ReplicaId) gives +1 granted, -1 refused, 0 not answered.
template <typename Vote>
Tally QuorumVotes(const Configuration& configuration, Vote vote) {
  auto count = [&](const std::vector<Member>& voters) {
    size_t granted = 0;
    size_t refused = 0;
    for (const Member& member : voters) {
      const int answer = vote(member.replica);
      granted += answer > 0;
      refused += answer < 0;
    }
    return CountVotes(voters.size(), granted, refused);
  };
  if (configuration.voters.empty()) return Tally::kLost;
  Tally incoming = count(configuration.voters);
  return configuration.joint() ? Combine(incoming, count(configuration.outgoing)) : incoming;
}

}  // namespace fastpath::raft
