#include "raft/log.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"
#include "raft/codec.h"

namespace fastpath::raft {
namespace {

constexpr size_t kEntryOverheadBytes = 64;  // An Entry and its shared payload's control block.
constexpr uint64_t kSampleBytes = 64u << 10;

}  // namespace

size_t Log::Cost(const Entry& entry) { return entry.payload->size() + kEntryOverheadBytes; }

Log::Log(SnapshotMeta start, std::vector<Entry> entries, size_t memory_limit_bytes)
    : memory_limit_bytes_(memory_limit_bytes),
      start_index_(start.index),
      start_term_(start.term),
      last_index_(start.index),
      mem_first_(start.index + 1) {
  configurations_.push_back({start.index, std::move(start.configuration)});
  for (Entry& entry : entries) Append(std::move(entry));
}

std::optional<Term> Log::TermAt(Index index) const {
  if (index == start_index_) return start_term_;
  if (index < start_index_ || index > last_index_) return std::nullopt;
  if (index >= runs_.back().first) return runs_.back().term;
  auto after = std::upper_bound(runs_.begin(), runs_.end(), index,
                                [](Index value, const Run& run) { return value < run.first; });
  return std::prev(after)->term;
}

Index Log::AgreementBound(Index index, Term term) const {
  index = std::min(index, last_index_);
  if (index <= start_index_) return index;
  for (size_t i = runs_.size(); i > 0; --i) {
    const Run& run = runs_[i - 1];
    if (run.first > index) continue;
    if (run.term <= term) return index;
    index = run.first - 1;
  }
  return start_index_;
}

void Log::Append(Entry entry) {
  FASTPATH_CHECK(entry.index == last_index_ + 1, "log: hole");
  FASTPATH_CHECK(entry.term >= last_term() && entry.term > 0, "log: terms run backwards");
  FASTPATH_CHECK(entry.payload != nullptr, "log: entry without payload");
  if (runs_.empty() || runs_.back().term != entry.term) runs_.push_back({entry.index, entry.term});
  if (entry.kind == EntryKind::kConfiguration) {
    absl::StatusOr<Configuration> configuration = DecodeConfiguration(*entry.payload);
    FASTPATH_CHECK(configuration.ok(), configuration.status().ToString());
    configurations_.push_back({entry.index, *std::move(configuration)});
  }
  const size_t cost = Cost(entry);
  memory_bytes_ += cost;
  total_bytes_ += cost;
  last_index_ = entry.index;
  if (samples_.empty() || total_bytes_ - samples_.back().total_bytes >= kSampleBytes) {
    samples_.push_back({entry.index, total_bytes_});
  }
  tail_.push_back(std::move(entry));
}

void Log::TruncateFrom(Index index) {
  FASTPATH_CHECK(index >= mem_first_ && index > start_index_, "log: truncation of applied entries");
  while (last_index_ >= index) {
    const size_t cost = Cost(tail_.back());
    memory_bytes_ -= cost;
    total_bytes_ -= cost;
    tail_.pop_back();
    --last_index_;
  }
  while (!runs_.empty() && runs_.back().first >= index) runs_.pop_back();
  while (configurations_.back().index >= index) configurations_.pop_back();
  while (!samples_.empty() && samples_.back().index >= index) samples_.pop_back();
}

void Log::Reset(const SnapshotMeta& start) { *this = Log(start, {}, memory_limit_bytes_); }

void Log::CompactTo(Index index) {
  FASTPATH_CHECK(index >= start_index_ && index <= last_index_, "log: compaction out of range");
  const Term term = *TermAt(index);
  while (mem_first_ <= index) {
    memory_bytes_ -= Cost(tail_.front());
    tail_.pop_front();
    ++mem_first_;
  }
  size_t dead = 0;  // Runs wholly at or below `index`.
  while (dead < runs_.size() &&
         (dead + 1 < runs_.size() ? runs_[dead + 1].first - 1 : last_index_) <= index) {
    ++dead;
  }
  runs_.erase(runs_.begin(), runs_.begin() + dead);
  if (!runs_.empty()) runs_.front().first = std::max(runs_.front().first, index + 1);
  size_t old = 0;  // All but the latest configuration at or below `index`.
  while (old + 1 < configurations_.size() && configurations_[old + 1].index <= index) ++old;
  configurations_.erase(configurations_.begin(), configurations_.begin() + old);
  while (!samples_.empty() && samples_.front().index <= index) samples_.pop_front();
  start_index_ = index;
  start_term_ = term;
}

void Log::Evict(Index through, Index unneeded) {
  while (mem_first_ <= through && !tail_.empty() &&
         (memory_bytes_ > memory_limit_bytes_ || mem_first_ <= unneeded)) {
    memory_bytes_ -= Cost(tail_.front());
    tail_.pop_front();
    ++mem_first_;
  }
}

size_t Log::CopyTo(Index from, Index through, size_t limit_bytes, std::vector<Entry>& out) const {
  FASTPATH_CHECK(from > through || (InMemory(from) && InMemory(through)), "log: not in memory");
  size_t bytes = 0;
  for (Index index = from; index <= through; ++index) {
    const Entry& entry = At(index);
    const size_t cost = Cost(entry);
    if (index > from && bytes + cost > limit_bytes) break;
    bytes += cost;
    out.push_back(entry);
  }
  return bytes;
}

const Configuration& Log::ConfigurationAt(Index index) const {
  for (size_t i = configurations_.size(); i > 1; --i) {
    if (configurations_[i - 1].index <= index) return configurations_[i - 1].configuration;
  }
  return configurations_.front().configuration;
}

Index Log::BytesBack(size_t bytes) const {
  if (samples_.empty() || total_bytes_ - samples_.front().total_bytes <= bytes) {
    return start_index_;
  }
  const uint64_t floor = total_bytes_ - bytes;
  auto at = std::lower_bound(
      samples_.begin(), samples_.end(), floor,
      [](const Sample& sample, uint64_t value) { return sample.total_bytes < value; });
  return at == samples_.end() ? last_index_ : at->index;
}

}  // namespace fastpath::raft
