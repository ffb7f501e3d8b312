#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/raft/sim_cluster.h"

namespace fastpath::raft {
namespace {

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t z = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9u;
  return z ^ (z >> 29);
}

uint64_t Key(Index index, Term term) { return index << 32 | term; }

}  // namespace

uint64_t HashOf(const Entry& entry) {
  uint64_t hash = Mix(static_cast<uint64_t>(entry.kind), entry.index);
  hash = Mix(hash, entry.term);
  for (char c : *entry.payload) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

uint64_t NextDigest(uint64_t digest, const Entry& entry) { return Mix(digest, HashOf(entry)); }

void Checker::Fail(std::string what) { violations.push_back(std::move(what)); }

void Checker::Bootstrap(const SnapshotMeta& start) {
  committed_.assign(start.index + 1, Committed{start.term, 0, 0, 0});
}

void Checker::OnLeader(const Raft& raft) {
  auto [at, fresh] = leaders_.try_emplace(raft.term(), raft.id());
  if (at->second != raft.id()) {
    Fail(absl::StrCat("election safety: ", raft.id(), " and ", at->second, " lead term ",
                      raft.term()));
  }
  if (!fresh) return;
  // By log matching the last entry committed in an earlier term speaks for all.
  for (Index index = max_committed(); index >= raft.first_index(); --index) {
    if (committed_[index].committed_in >= raft.term()) continue;
    if (raft.term_at(index) != committed_[index].term) {
      Fail(absl::StrCat("leader completeness: ", raft.id(), " leads term ", raft.term(),
                        " without committed entry ", index));
    }
    return;
  }
}

void Checker::OnEntry(const Entry& entry, Term previous_term) {
  const uint64_t hash = HashOf(entry);
  auto [at, fresh] = entries_.try_emplace(Key(entry.index, entry.term), Known{hash, previous_term});
  if (at->second.hash != hash || at->second.previous_term != previous_term) {
    Fail(absl::StrCat("log matching: entry ", entry.index, " of term ", entry.term));
  }
}

void Checker::OnCommit(const Raft& raft, bool led, Index index, Term entry_term) {
  if (index <= max_committed()) {
    if (committed_[index].term != entry_term) {
      Fail(absl::StrCat("state-machine safety: ", raft.id(), " commits term ", entry_term, " at ",
                        index, ", but term ", committed_[index].term, " was"));
    }
    return;
  }
  if (!led) {
    Fail(absl::StrCat("follower ", raft.id(), " commits ", index, " before any leader"));
  }
  const auto known = entries_.find(Key(index, entry_term));
  if (known == entries_.end()) {
    return Fail(absl::StrCat("committed entry ", index, " was handed to no disk"));
  }
  Committed committed;
  committed.term = entry_term;
  committed.hash = known->second.hash;
  committed.committed_in = raft.term();
  committed.digest = Mix(committed_.back().digest, committed.hash);
  committed_.push_back(committed);
}

void Checker::OnApply(ReplicaId replica, const Entry& entry, uint64_t digest) {
  if (entry.index > max_committed()) {
    return Fail(absl::StrCat(replica, " applies uncommitted entry ", entry.index));
  }
  const Committed& committed = committed_[entry.index];
  if (committed.hash != HashOf(entry) || committed.digest != digest) {
    Fail(absl::StrCat("state-machine safety: ", replica, " applies another entry ", entry.index));
  }
}

void Checker::OnVote(Term term, ReplicaId voter, ReplicaId candidate) {
  auto [at, fresh] = votes_.try_emplace({term, voter}, candidate);
  if (at->second != candidate) {
    Fail(absl::StrCat("double vote: ", voter, " in term ", term));
  }
}

}  // namespace fastpath::raft
