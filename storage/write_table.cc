#include "storage/write_table.h"

#include <algorithm>
#include <utility>

#include "raft/check.h"
#include "raft/codec.h"
#include "storage/keys.h"

namespace fastpath::storage {
namespace {

// Of an entry besides its bytes: the object, its place in the hash set, what the
// allocator rounds up.
constexpr size_t kEntryBytes = 160;
constexpr size_t kVersionBytes = 80;

bool Inside(const KeyRange& range, std::string_view key) {
  return range.begin <= key && key < range.end;
}

}  // namespace

void WriteTable::Apply(WriteBatch batch, Sequence sequence, Sequence pinned) {
  for (WriteBatch::Item& item : batch.Release()) {
    NoteApplied(item);
    switch (item.op) {
      case WriteBatch::Op::kPut:
      case WriteBatch::Op::kPutNew:
        Put(std::move(item.key), std::move(item.value), item.op == WriteBatch::Op::kPutNew,
            sequence, pinned);
        break;
      case WriteBatch::Op::kDelete:
        Delete(std::move(item.key), sequence, pinned);
        break;
      case WriteBatch::Op::kDeleteRange:
        if (item.key < item.value) {
          DeleteRange({std::move(item.key), std::move(item.value)}, sequence, pinned);
        }
        break;
    }
  }
}

void WriteTable::NoteApplied(const WriteBatch::Item& item) {
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

WriteTable::Entry& WriteTable::Add(std::string key) {
  auto entry = std::make_unique<Entry>();
  entry->key = std::move(key);
  entry->unordered_at = unordered_.size();
  bytes_ += kEntryBytes + entry->key.size();
  Entry& added = *entry;
  unordered_.push_back(&added);
  entries_.insert(std::move(entry));
  return added;
}

void WriteTable::Put(std::string key, std::string value, bool fresh, Sequence sequence,
                     Sequence pinned) {
  const auto found = entries_.find(std::string_view(key));
  if (found != entries_.end()) {
    return Supersede(**found, false, std::move(value), sequence, pinned);
  }
  Entry& entry = Add(std::move(key));
  entry.born_here = fresh;
  entry.newest.sequence = sequence;
  entry.newest.value = std::move(value);
  bytes_ += entry.newest.value.size();
}

void WriteTable::Delete(std::string key, Sequence sequence, Sequence pinned) {
  const auto found = entries_.find(std::string_view(key));
  if (found == entries_.end()) {
    Entry& entry = Add(std::move(key));
    entry.newest.sequence = sequence;
    entry.newest.deleted = true;
    return;
  }
  Entry& entry = **found;
  if (entry.born_here && entry.newest.older == nullptr && entry.newest.sequence > pinned) {
    return Erase(entry);
  }
  Supersede(entry, true, {}, sequence, pinned);
}

void WriteTable::DeleteRange(KeyRange range, Sequence sequence, Sequence pinned) {
  Order();
  std::vector<Entry*> inside(ordered_.lower_bound(std::string_view(range.begin)),
                             ordered_.lower_bound(std::string_view(range.end)));
  for (Entry* entry : inside) {
    // The range says it from here on, unless a view asks for what was before.
    if (entry->newest.older == nullptr && entry->newest.sequence > pinned) {
      Erase(*entry);
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

void WriteTable::Erase(Entry& entry) {
  bytes_ -= kEntryBytes + entry.key.size() + entry.newest.value.size();
  if (entry.unordered_at == kOrdered) {
    ordered_.erase(&entry);
  } else {
    unordered_.back()->unordered_at = entry.unordered_at;
    unordered_[entry.unordered_at] = unordered_.back();
    unordered_.pop_back();
  }
  entries_.erase(entries_.find(std::string_view(entry.key)));
}

void WriteTable::Order() {
  for (Entry* entry : unordered_) {
    entry->unordered_at = kOrdered;
    ordered_.insert(entry);
  }
  unordered_.clear();
}

WriteTable::Verdict WriteTable::At(const Version& newest, Sequence at) {
  const Version* version = &newest;
  while (version != nullptr && version->sequence > at) version = version->older.get();
  if (version == nullptr) return {};
  return {true, version->deleted ? nullptr : &version->value};
}

WriteTable::Verdict WriteTable::Find(std::string_view key, Sequence at) const {
  if (const auto found = entries_.find(key); found != entries_.end()) {
    const Verdict verdict = At((*found)->newest, at);
    if (verdict.decided) return verdict;
  }
  return {Covers(key, at), nullptr};
}

bool WriteTable::Covers(std::string_view key, Sequence at) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const DeletedRange& deleted) {
    return deleted.sequence <= at && Inside(deleted.range, key);
  });
}

void WriteTable::Visit(const KeyRange& range, bool reverse, Sequence at,
                       const std::function<bool(Row)>& take) {
  if (range.begin >= range.end) return;
  Order();
  auto first = ordered_.lower_bound(std::string_view(range.begin));
  auto last = ordered_.lower_bound(std::string_view(range.end));
  while (first != last) {
    const Entry& entry = reverse ? **--last : **first++;
    const Verdict verdict = At(entry.newest, at);
    if (verdict.decided && !take({&entry.key, verdict.value})) return;
  }
}

std::vector<WriteTable::Row> WriteTable::Sorted() const {
  std::vector<Row> rows;
  rows.reserve(entries_.size());
  for (const std::unique_ptr<Entry>& entry : entries_) {
    rows.push_back({&entry->key, entry->newest.deleted ? nullptr : &entry->newest.value});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return *a.key < *b.key; });
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
