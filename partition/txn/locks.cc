#include "partition/txn/locks.h"

#include <utility>

#include "partition/require.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

constexpr char kFormat = 1;  // Never-change.
constexpr size_t kPlaceBytes = 2;

}  // namespace

std::string LockRowKey(const std::string& data_key) {
  return storage::LockKey(storage::BucketOf(storage::ParseDataKey(data_key)->hash), data_key);
}

std::string EncodeLock(const Lock& lock, std::string_view item) {
  Require(lock.id.size() == kTransactIdBytes, "a transaction's id has its length");
  std::string value(1, kFormat);
  value.reserve(1 + kTransactIdBytes + kPlaceBytes + 20 + item.size());
  value += lock.id;
  storage::PutBig16(value, lock.place);
  raft::PutVarint(value, lock.stamp);
  raft::PutVarint(value, lock.expiry_seconds);
  value.push_back(static_cast<char>(lock.intent));
  value += item;
  return value;
}

absl::StatusOr<Lock> TakeLock(std::string_view& value) {
  if (value.empty() || value[0] != kFormat) {
    return absl::DataLossError("lock of an unknown format");
  }
  value.remove_prefix(1);
  if (value.size() < kTransactIdBytes + kPlaceBytes) {
    return absl::DataLossError("lock cut short");
  }
  Lock lock;
  lock.id = value.substr(0, kTransactIdBytes);
  value.remove_prefix(kTransactIdBytes);
  lock.place = static_cast<storage::Bucket>(storage::GetBig(value.substr(0, kPlaceBytes)));
  value.remove_prefix(kPlaceBytes);
  if (!raft::TakeVarint(value, lock.stamp) || !raft::TakeVarint(value, lock.expiry_seconds) ||
      lock.expiry_seconds > kMaxExpirySeconds || value.empty() ||
      static_cast<uint8_t>(value[0]) > static_cast<uint8_t>(Intent::kDelete)) {
    return absl::DataLossError("lock cut short, or with an unknown intent");
  }
  lock.intent = static_cast<Intent>(value[0]);
  value.remove_prefix(1);
  return lock;
}

const Lock* LockTable::Find(std::string_view data_key) const {
  if (by_key_.empty()) {
    return nullptr;
  }
  auto found = by_key_.find(absl::string_view(data_key.data(), data_key.size()));
  return found == by_key_.end() ? nullptr : &found->second;
}

const absl::btree_set<std::string>* LockTable::KeysOf(const std::string& id) const {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

void LockTable::Insert(const std::string& data_key, Lock lock) {
  by_id_[lock.id].insert(data_key);
  bool inserted = by_key_.emplace(data_key, std::move(lock)).second;
  Require(inserted, "one transaction at a time holds an item");
}

void LockTable::Erase(const std::string& data_key) {
  auto found = by_key_.find(data_key);
  auto holder = by_id_.find(found->second.id);
  holder->second.erase(data_key);
  if (holder->second.empty()) {
    by_id_.erase(holder);
  }
  by_key_.erase(found);
}

absl::Status LockTable::Restore(std::string_view row_key, std::string_view value) {
  constexpr size_t kPrefix = 3;  // Kind and bucket.
  std::optional<storage::DataKeyParts> parts;
  if (row_key.size() > kPrefix) {
    parts = storage::ParseDataKey(row_key.substr(kPrefix));
  }
  if (!parts.has_value()) {
    return absl::DataLossError("not a lock key among the locks");
  }
  absl::StatusOr<Lock> lock = TakeLock(value);
  if (lock.ok()) {
    Insert(std::string(row_key.substr(kPrefix)), *std::move(lock));
  }
  return lock.status();
}

const Lock* LockChanges::Find(const std::string& data_key) const {
  if (!changes_.empty()) {
    auto changed = changes_.find(data_key);
    if (changed != changes_.end()) {
      return changed->second.has_value() ? &changed->second->lock : nullptr;
    }
  }
  return base_->Find(data_key);
}

std::vector<std::string> LockChanges::KeysOf(const std::string& id) const {
  absl::btree_set<std::string> keys;
  if (const absl::btree_set<std::string>* held = base_->KeysOf(id); held != nullptr) {
    keys = *held;
  }
  for (const auto& [key, held] : changes_) {
    if (held.has_value() && held->lock.id == id) {
      keys.insert(key);
    } else {
      keys.erase(key);
    }
  }
  return {keys.begin(), keys.end()};
}

const std::string* LockChanges::ValueOf(const std::string& data_key) const {
  auto changed = changes_.find(data_key);
  return changed == changes_.end() || !changed->second.has_value() ? nullptr
                                                                   : &changed->second->value;
}

void LockChanges::Put(const std::string& data_key, Lock lock, std::string_view item) {
  Require(Find(data_key) == nullptr, "one transaction at a time holds an item");
  std::string value = EncodeLock(lock, item);
  changes_[data_key] = Held{std::move(lock), std::move(value)};
  ++growth_;
}

void LockChanges::Drop(const std::string& data_key) {
  Require(Find(data_key) != nullptr, "a lock that is dropped is there");
  changes_[data_key].reset();
  --growth_;
}

void LockChanges::AppendTo(storage::WriteBatch& batch) const {
  for (const auto& [key, held] : changes_) {
    if (held.has_value()) {
      batch.Put(LockRowKey(key), held->value);
    } else if (base_->Find(key) != nullptr) {
      batch.Delete(LockRowKey(key));
    }
  }
}

void LockChanges::CommitTo(LockTable& table) const {
  for (const auto& [key, held] : changes_) {
    if (table.Find(key) != nullptr) {
      table.Erase(key);
    }
    if (held.has_value()) {
      table.Insert(key, held->lock);
    }
  }
}

void LockChanges::Clear() {
  changes_.clear();
  growth_ = 0;
}

}  // namespace fastpath::partition
