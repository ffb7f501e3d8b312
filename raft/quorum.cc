#include "raft/quorum.h"

#include <algorithm>

namespace fastpath::raft {

uint64_t MajorityValue(uint64_t* values, size_t size) {
  FASTPATH_CHECK(size > 0, "majority of nothing");
  std::sort(values, values + size);
  return values[size - Majority(size)];
}

Tally CountVotes(size_t size, size_t granted, size_t refused) {
  FASTPATH_CHECK(granted + refused <= size, "more votes than voters");
  if (granted >= Majority(size)) return Tally::kWon;
  if (size - refused < Majority(size)) return Tally::kLost;
  return Tally::kPending;
}

Tally Combine(Tally incoming, Tally outgoing) {
  if (incoming == Tally::kLost || outgoing == Tally::kLost) return Tally::kLost;
  if (incoming == Tally::kWon && outgoing == Tally::kWon) return Tally::kWon;
  return Tally::kPending;
}

bool Contains(const std::vector<Member>& members, ReplicaId replica) {
  return std::any_of(members.begin(), members.end(),
                     [&](const Member& member) { return member.replica == replica; });
}

bool IsVoter(const Configuration& configuration, ReplicaId replica) {
  return Contains(configuration.voters, replica) || Contains(configuration.outgoing, replica);
}

bool IsLoneVoter(const Configuration& configuration, ReplicaId replica) {
  return !configuration.joint() && configuration.voters.size() == 1 &&
         configuration.voters[0].replica == replica;
}

}  // namespace fastpath::raft
