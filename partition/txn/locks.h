// The items that transactions hold in one group: what a Prepare leaves until its
// Resolve (DESIGN 5 "Transactions").
//
//   key   := lock key (storage/keys.h): bucket, data key
//   value := u8(format = 1) id:24 place:u16be varint(stamp) varint(expiry) u8(intent) item
//
// Never-change. `stamp` is the Prepare's, `expiry` (seconds; 0: none) that of the item as
// the Prepare saw it, `item` what a put will leave. The rows are the state; the table in
// memory says who holds what without reading them, so that a held item costs others no
// read, absent items included. It is a function of the rows.
//
// Threads: the owner's. Memory: some 250 bytes a lock; what is to be written stays in the
// engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/value_header.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

inline constexpr size_t kTransactIdBytes = 24;
// Part of command version 4: replicas must agree on it.
inline constexpr size_t kLockLimit = 100'000;  // In a group.

// What becomes of the item if the transaction commits.
enum class Intent : uint8_t { kCheck = 0, kPut = 1, kDelete = 2 };

struct Lock {
  std::string id;             // The transaction's.
  storage::Bucket place = 0;  // Where its record lies.
  Stamp stamp = 0;
  uint64_t expiry_seconds = 0;
  Intent intent = Intent::kCheck;

  // Time went over what the Prepare saw: an item that it saw is no longer visible at `now`.
  bool OutlivedBy(Stamp now) const {
    const Stamp expiry = expiry_seconds * kMicrosPerSecond;
    return expiry_seconds != 0 && stamp < expiry && expiry <= now;
  }
};

std::string LockRowKey(const std::string& data_key);
std::string EncodeLock(const Lock& lock, std::string_view item);
// Consumes all but the item. DataLoss: not a lock's value.
absl::StatusOr<Lock> TakeLock(std::string_view& value);

class LockTable {
 public:
  bool empty() const { return by_key_.empty(); }
  size_t size() const { return by_key_.size(); }
  const Lock* Find(std::string_view data_key) const;  // Null: nobody holds it.
  const absl::btree_map<std::string, Lock>& by_key() const { return by_key_; }
  // The data keys that a transaction holds, ascending. Null: none.
  const absl::btree_set<std::string>* KeysOf(const std::string& id) const;
  const absl::btree_map<std::string, absl::btree_set<std::string>>& by_id() const { return by_id_; }

  void Insert(const std::string& data_key, Lock lock);
  void Erase(const std::string& data_key);
  // A row read back from the engine. DataLoss: not a lock's row.
  absl::Status Restore(std::string_view row_key, std::string_view value);

 private:
  absl::btree_map<std::string, Lock> by_key_;
  absl::btree_map<std::string, absl::btree_set<std::string>> by_id_;
};

// The locks as a batch of commands has left them so far: over those of a table, which
// change when the batch is written, so that reads never miss a lock whose item they see
// as it was before.
class LockChanges {
 public:
  explicit LockChanges(const LockTable* base) : base_(base) {}

  const Lock* Find(const std::string& data_key) const;
  std::vector<std::string> KeysOf(const std::string& id) const;  // Ascending.
  // What this batch put for the key, if it still stands.
  const std::string* ValueOf(const std::string& data_key) const;
  // Of all locks, the table's and these.
  size_t size() const { return base_->size() + static_cast<size_t>(growth_); }

  void Put(const std::string& data_key, Lock lock, std::string_view item);
  void Drop(const std::string& data_key);

  void AppendTo(storage::WriteBatch& batch) const;
  void CommitTo(LockTable& table) const;
  void Clear();

 private:
  struct Held {
    Lock lock;
    std::string value;
  };
  const LockTable* base_;
  absl::btree_map<std::string, std::optional<Held>> changes_;
  int64_t growth_ = 0;
};

}  // namespace fastpath::partition
