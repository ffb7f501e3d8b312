#include "storage/write_table.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "raft/check.h"
#include "raft/codec.h"
#include "raft/prefetch.h"
#include "storage/keys.h"

namespace fastpath::storage {
namespace {

// Of an entry besides its bytes: the object, its place in the hash set, what the
// allocator rounds up.
constexpr size_t kEntryBytes = 168;
constexpr size_t kVersionBytes = 80;
constexpr size_t kPageBytes = 4096;  // Of memory, the smallest that is had from the kernel.
// An absl set finds a key's place by its hash without these lowest bits.
constexpr int kControlBits = 7;
// Of a lane: where erased entries are more than the living, and so many, they go.
constexpr size_t kErasedAtOnce = 64;
constexpr size_t kPrefetchValueBytes = 512;
constexpr size_t kPrefetchKeyBytes = 64;

bool Inside(const KeyRange& range, std::string_view key) {
  return range.begin <= key && key < range.end;
}

bool OfAGroup(std::string_view key) {
  return !key.empty() && key[0] == static_cast<char>(KeyKind::kGroup);
}

// Where the upper byte of the bucket stands (storage/keys.h).
size_t PlaceOfLane(std::string_view key) {
  return !key.empty() && key[0] == static_cast<char>(KeyKind::kData) ? 5 : 1;
}

uint8_t ByteAt(std::string_view key, size_t at) {
  return at < key.size() ? static_cast<uint8_t>(key[at]) : 0;
}

// The least key after all that begin with `prefix`; empty: there is none.
std::string After(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace

// The lanes of a range that lies in one kind, and one space if it is of items:
// there they follow each other as the keys do.
class WriteTable::Lanes {
 public:
  explicit Lanes(const KeyRange& range)
      : prefix_(range.begin.substr(0, PlaceOfLane(range.begin))),
        first_(ByteAt(range.begin, prefix_.size())) {
    const std::string after = After(prefix_);
    known_ = prefix_.size() == PlaceOfLane(range.begin) && !after.empty() && range.end <= after;
    last_ = range.end.compare(0, prefix_.size(), prefix_) == 0 ? ByteAt(range.end, prefix_.size())
                                                               : UINT8_MAX;
  }

  bool known() const { return known_; }
  int first() const { return first_; }
  int last() const { return last_; }
  Lane At(int byte) const { return LaneOf(prefix_[0], byte); }
  std::string Begin(int byte) const { return prefix_ + static_cast<char>(byte); }

  static Lane LaneOf(std::string_view key) {
    return key.empty() ? 0 : LaneOf(key[0], ByteAt(key, PlaceOfLane(key)));
  }

 private:
  static Lane LaneOf(char kind, int byte) {
    return static_cast<Lane>(static_cast<uint8_t>(kind) << 8 | byte);
  }

  std::string prefix_;
  bool known_ = false;
  int first_ = 0;
  int last_ = 0;
};

WriteTable::Entry::Entry(std::string_view key) : key_bytes_(static_cast<uint32_t>(key.size())) {
  std::memcpy(reinterpret_cast<char*>(this) + sizeof(Entry), key.data(), key.size());
}

WriteTable::Entry::Ptr WriteTable::Entry::New(std::string_view key) {
  return Ptr(new (::operator new(sizeof(Entry) + key.size())) Entry(key));
}

void WriteTable::Entry::Delete::operator()(Entry* entry) const {
  entry->~Entry();
  ::operator delete(entry);
}

WriteTable::WriteTable(size_t bytes) { entries_.reserve(bytes / kEntryBytes); }

// By slots that are spread over its pages and taken out again. They leave no
// trace: none has a neighbour.
void WriteTable::Touch() {
  FASTPATH_CHECK(empty(), "a table is touched before it is used");
  constexpr size_t kApart = kPageBytes / sizeof(Slot);
  for (size_t place = 0; place < entries_.capacity(); place += kApart) {
    entries_.insert(Slot{place << kControlBits, nullptr});
  }
  for (auto slot = entries_.begin(); slot != entries_.end();) entries_.erase(slot++);
}

void WriteTable::Apply(WriteBatch batch, Sequence sequence, Sequence pinned) {
  std::vector<WriteBatch::Item> items = batch.Release();
  absl::InlinedVector<Probe, kPrefetchedTogether> probes;
  for (size_t begin = 0; begin < items.size(); begin += kPrefetchedTogether) {
    const size_t end = std::min(begin + kPrefetchedTogether, items.size());
    probes.clear();
    for (size_t i = begin; i < end; ++i) probes.emplace_back(items[i].key);
    for (int stage = 0; stage < kPrefetchStages; ++stage) {
      for (const Probe& probe : probes) Prefetch(probe.hash, stage);
    }
    for (size_t i = begin; i < end; ++i) {
      ApplyOne(items[i], probes[i - begin], sequence, pinned);
    }
  }
}

void WriteTable::ApplyOne(WriteBatch::Item& item, const Probe& probe, Sequence sequence,
                          Sequence pinned) {
  NoteApplied(item);
  switch (item.op) {
    case WriteBatch::Op::kPut:
    case WriteBatch::Op::kPutNew:
      return Put(probe, std::move(item.value), item.op == WriteBatch::Op::kPutNew, sequence,
                 pinned);
    case WriteBatch::Op::kDelete:
      return Delete(probe, sequence, pinned);
    case WriteBatch::Op::kDeleteRange:
      if (item.key < item.value) {
        DeleteRange({std::move(item.key), std::move(item.value)}, sequence, pinned);
      }
  }
}

void WriteTable::NoteApplied(const WriteBatch::Item& item) {
  if (item.op != WriteBatch::Op::kDeleteRange && !OfAGroup(item.key)) return;
  if (item.op == WriteBatch::Op::kDeleteRange) {
    absl::erase_if(applied_, [&](const auto& group) {
      const std::string key = AppliedKey(group.first);
      return item.key <= key && key < item.value;
    });
    return;
  }
  const std::optional<raft::GroupId> group = ParseAppliedKey(item.key);
  if (!group) return;
  std::string_view value = item.value;
  if (!value.empty()) value.remove_prefix(1);  // The format.
  raft::Index index = 0;
  if (item.op != WriteBatch::Op::kDelete && raft::TakeVarint(value, index)) {
    applied_[*group] = index;
  } else {
    applied_.erase(*group);
  }
}

WriteTable::Entry& WriteTable::Add(const Probe& probe) {
  Entry::Ptr entry = Entry::New(probe.key);
  std::vector<Entry*>& lane = unordered_[Lanes::LaneOf(probe.key)].entries;
  entry->unordered_at = lane.size();
  bytes_ += kEntryBytes + probe.key.size();
  Entry& added = *entry;
  lane.push_back(&added);
  entries_.insert({probe.hash, std::move(entry)});
  return added;
}

void WriteTable::Put(const Probe& probe, std::string value, bool fresh, Sequence sequence,
                     Sequence pinned) {
  const auto found = entries_.find(probe);
  if (found != entries_.end()) {
    return Supersede(*found->entry, false, std::move(value), sequence, pinned);
  }
  Entry& entry = Add(probe);
  entry.born_here = fresh;
  entry.newest.sequence = sequence;
  entry.newest.value = std::move(value);
  bytes_ += entry.newest.value.size();
}

void WriteTable::Delete(const Probe& probe, Sequence sequence, Sequence pinned) {
  const auto found = entries_.find(probe);
  if (found == entries_.end()) {
    Entry& entry = Add(probe);
    entry.newest.sequence = sequence;
    entry.newest.deleted = true;
    return;
  }
  Entry& entry = *found->entry;
  if (entry.born_here && entry.newest.older == nullptr && entry.newest.sequence > pinned) {
    return Erase(found);
  }
  Supersede(entry, true, {}, sequence, pinned);
}

void WriteTable::DeleteRange(KeyRange range, Sequence sequence, Sequence pinned) {
  OrderIn(range);
  std::vector<Entry*> inside(ordered_.lower_bound(std::string_view(range.begin)),
                             ordered_.lower_bound(std::string_view(range.end)));
  for (Entry* entry : inside) {
    // The range says it from here on, unless a view asks for what was before.
    if (entry->newest.older == nullptr && entry->newest.sequence > pinned) {
      Erase(entries_.find(Probe(entry->key())));
    } else {
      Supersede(*entry, true, {}, sequence, pinned);
    }
  }
  bytes_ += kEntryBytes + range.begin.size() + range.end.size();
  ranges_.push_back({std::move(range), sequence});
}

void WriteTable::Supersede(Entry& entry, bool deleted, std::string value, Sequence sequence,
                           Sequence pinned) {
  Version& newest = entry.newest;
  if (newest.sequence <= pinned && newest.sequence < sequence) {
    auto older = std::make_unique<Version>(std::move(newest));
    newest = Version{};
    newest.older = std::move(older);
    bytes_ += kVersionBytes;
  } else {
    bytes_ -= newest.value.size();
  }
  newest.sequence = sequence;
  newest.deleted = deleted;
  newest.value = std::move(value);
  bytes_ += newest.value.size();
}

void WriteTable::Erase(Slots::iterator slot) {
  const Entry& entry = *slot->entry;
  bytes_ -= kEntryBytes + entry.key().size() + entry.newest.value.size();
  Forget(entry);
  entries_.erase(slot);
}

// In a lane it leaves a gap: closing it would touch the entry that takes its place.
void WriteTable::Forget(const Entry& entry) {
  if (entry.unordered_at == kOrdered) {
    ordered_.erase(ordered_.find(entry.key()));
    return;
  }
  const auto found = unordered_.find(Lanes::LaneOf(entry.key()));
  Unordered& lane = found->second;
  lane.entries[entry.unordered_at] = nullptr;
  ++lane.erased;
  if (lane.erased == lane.entries.size()) {
    unordered_.erase(found);
  } else if (lane.erased >= kErasedAtOnce && lane.erased > lane.entries.size() / 2) {
    std::erase(lane.entries, nullptr);
    lane.erased = 0;
    for (size_t i = 0; i < lane.entries.size(); ++i) lane.entries[i]->unordered_at = i;
  }
}

void WriteTable::Order(Lane lane) {
  const auto found = unordered_.find(lane);
  if (found == unordered_.end()) return;
  for (Entry* entry : found->second.entries) {
    if (entry == nullptr) continue;
    entry->unordered_at = kOrdered;
    ordered_.insert(entry);
  }
  unordered_.erase(found);
}

void WriteTable::OrderAll() {
  while (!unordered_.empty()) Order(unordered_.begin()->first);
}

void WriteTable::OrderIn(const KeyRange& range) {
  const Lanes lanes(range);
  if (!lanes.known()) return OrderAll();
  for (int byte = lanes.first(); byte <= lanes.last(); ++byte) Order(lanes.At(byte));
}

WriteTable::Verdict WriteTable::At(const Version& newest, Sequence at) {
  const Version* version = &newest;
  while (version != nullptr && version->sequence > at) version = version->older.get();
  if (version == nullptr) return {};
  return {true, version->deleted ? nullptr : &version->value};
}

WriteTable::Verdict WriteTable::Find(const Probe& probe, Sequence at) const {
  if (const auto found = entries_.find(probe); found != entries_.end()) {
    const Verdict verdict = At(found->entry->newest, at);
    if (verdict.decided) return verdict;
  }
  return {Covers(probe.key, at), nullptr};
}

void WriteTable::Prefetch(size_t hash, int stage) const {
  if (stage == 0) return entries_.prefetch(ByHash{hash});
  const auto found = entries_.find(ByHash{hash});
  if (found == entries_.end()) return;
  if (stage == 1) {
    raft::PrefetchLines(found->entry.get(), sizeof(Entry) + kPrefetchKeyBytes);
  } else {
    const std::string& value = found->entry->newest.value;
    raft::PrefetchLines(value.data(), std::min(value.size(), kPrefetchValueBytes));
  }
}

bool WriteTable::Covers(std::string_view key, Sequence at) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const DeletedRange& deleted) {
    return deleted.sequence <= at && Inside(deleted.range, key);
  });
}

void WriteTable::Visit(const KeyRange& range, bool reverse, Sequence at,
                       const std::function<bool(Row)>& take) {
  if (range.begin >= range.end) return;
  const Lanes lanes(range);
  if (!lanes.known()) {
    OrderAll();
    VisitOrdered(range, reverse, at, take);
    return;
  }
  // In pieces: up to the next lane that is not in order yet, which then is put so.
  KeyRange rest = range;
  const int end = reverse ? lanes.first() - 1 : lanes.last() + 1;
  for (int byte = reverse ? lanes.last() : lanes.first(); byte != end; byte += reverse ? -1 : 1) {
    if (!unordered_.contains(lanes.At(byte))) continue;
    KeyRange piece = rest;
    if (reverse && byte < UINT8_MAX) {
      piece.begin = std::clamp(lanes.Begin(byte + 1), rest.begin, rest.end);
      rest.end = piece.begin;
    } else if (!reverse) {
      piece.end = std::clamp(lanes.Begin(byte), rest.begin, rest.end);
      rest.begin = piece.end;
    } else {
      piece.begin = rest.end;  // Nothing lies above the last lane.
    }
    if (!VisitOrdered(piece, reverse, at, take)) return;
    Order(lanes.At(byte));
  }
  VisitOrdered(rest, reverse, at, take);
}

// False: `take` said so.
bool WriteTable::VisitOrdered(const KeyRange& range, bool reverse, Sequence at,
                              const std::function<bool(Row)>& take) const {
  if (range.begin >= range.end) return true;
  auto first = ordered_.lower_bound(std::string_view(range.begin));
  auto last = ordered_.lower_bound(std::string_view(range.end));
  while (first != last) {
    const Entry& entry = reverse ? **--last : **first++;
    const Verdict verdict = At(entry.newest, at);
    if (verdict.decided && !take({entry.key(), verdict.value})) return false;
  }
  return true;
}

std::vector<WriteTable::Row> WriteTable::Sorted() const {
  std::vector<Row> rows;
  rows.reserve(entries_.size());
  for (const auto& [hash, entry] : entries_) {
    rows.push_back({entry->key(), entry->newest.deleted ? nullptr : &entry->newest.value});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  return rows;
}

std::vector<KeyRange> WriteTable::DeletedRanges(Sequence at) const {
  std::vector<KeyRange> ranges;
  for (const DeletedRange& deleted : ranges_) {
    if (deleted.sequence <= at) ranges.push_back(deleted.range);
  }
  return ranges;
}

}  // namespace fastpath::storage
