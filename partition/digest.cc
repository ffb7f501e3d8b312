#include "partition/machine.h"
#include "storage/snapshot.h"

namespace fastpath::partition {

// The chunk that was just written ends with the digest command, and no other
// write of this group came since: the view is the state at exactly that index.
void Machine::StartDigest() {
  if (digests_under_way_ == kDigestsAtOnce) {
    return;  // Whoever asks for it is told that there is none, and may order another.
  }
  ++digests_under_way_;
  const raft::Index index = applied_.index;
  storage::DigestRanges(
      engine_, engine_->Pin(), catalog_.ranges(),
      [this, index, alive = std::weak_ptr<bool>(alive_)](absl::StatusOr<uint64_t> digest) {
        if (alive.expired()) {
          return;
        }
        --digests_under_way_;
        if (!digest.ok()) {
          return;
        }
        digests_[index] = *digest;
        if (digests_.size() > kDigestsKept) {
          digests_.erase(digests_.begin());
        }
        if (listeners_.digest) {
          listeners_.digest(index, *digest);
        }
      });
}

std::optional<uint64_t> Machine::digest_at(raft::Index index) const {
  auto found = digests_.find(index);
  return found == digests_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace fastpath::partition
