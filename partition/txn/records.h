// What a group remembers of the transactions whose place is in it, and of their
// tokens (DESIGN 5 "Transactions").
//
//   key    := transaction key (storage/keys.h): bucket, then 'R' id:24 or 'T' token
//   record := u8(format = 1) u8(state) varint(stamp) varint(size) token elsewhere:u16be*
//   token  := u8(format = 1) u8(state) varint(expires) id:24 fingerprint:u64be
//
// Never-change. A record is there from Begin until Forget, which comes when every group of
// `elsewhere` has resolved it: so a lock without a record is what a late Prepare left, and
// may go. A token is there, PENDING or COMMITTED, until `expires`: ten minutes after its
// Begin; that of an aborted transaction goes at once, because nothing happened.
//
// The table in memory is a function of the rows. It may be ahead of the engine by the batch
// under way: what it says is committed in the log.
//
// Threads: the owner's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "partition/command.pb.h"
#include "partition/value_header.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

// Part of command version 4: replicas must agree on them.
inline constexpr size_t kTransactRecordLimit = 10'000;  // In a group: under way at a time.
inline constexpr size_t kTokenLimit = 100'000;          // In a group.
inline constexpr Stamp kTokenLife = 600 * kMicrosPerSecond;
inline constexpr int kTokenSweepsPerCommand = 16;

struct TransactRecord {
  storage::Bucket place = 0;
  command::TransactState state = command::PENDING;
  Stamp stamp = 0;  // Its Begin's.
  std::string token;
  std::vector<storage::Bucket> elsewhere;  // Of the other groups' items; ascending.
};

struct TransactToken {
  storage::Bucket place = 0;
  command::TransactState state = command::PENDING;
  Stamp expires = 0;
  std::string id;
  uint64_t fingerprint = 0;
};

class TransactTable {
 public:
  const TransactRecord* Find(const std::string& id) const;  // Null: none.
  const absl::btree_map<std::string, TransactRecord>& records() const { return records_; }
  // As of `stamp`: null if there is none, or its ten minutes are over.
  const TransactToken* FindToken(const std::string& token, Stamp stamp) const;
  size_t tokens() const { return tokens_.size(); }

  // Each changes the table, and the rows in `batch`. Put: of a transaction that never was
  // there; PutToken replaces one that is.
  void Put(const std::string& id, TransactRecord record, storage::WriteBatch& batch);
  void SetState(const std::string& id, command::TransactState state, storage::WriteBatch& batch);
  void Forget(const std::string& id, storage::WriteBatch& batch);
  void PutToken(const std::string& token, TransactToken entry, storage::WriteBatch& batch);
  void DropToken(const std::string& token, storage::WriteBatch& batch);
  // Drops some of the tokens whose time has passed; once per command.
  void Sweep(Stamp stamp, storage::WriteBatch& batch);

  // A row read back from the engine. DataLoss: neither record nor token.
  absl::Status Restore(std::string_view row_key, std::string_view value);

 private:
  void Insert(const std::string& token, TransactToken entry);

  absl::btree_map<std::string, TransactRecord> records_;
  absl::btree_map<std::string, TransactToken> tokens_;
  absl::btree_set<std::tuple<Stamp, std::string>> tokens_by_expiry_;
};

}  // namespace fastpath::partition
