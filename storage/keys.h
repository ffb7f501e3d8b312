// Every on-disk key and its format. Never-change. Integers in keys are
// big-endian, so byte order is numeric order.
//
//   key       := kind rest
//   store     := 0x01 name                                  store-wide rows (identity)
//   group     := 0x02 group:u32 row:u8 rest                 rows of one group
//   data      := 0x10 space:u32 hash:u64 pk sk              items
//   lock      := 0x11 bucket:u16 data                       transaction locks
//   request   := 0x12 bucket:u16 client:u128 sequence:u64   sessions' answers
//   ttl       := 0x13 bucket:u16 expiry:u64 data            expiry index, seconds
//   txn       := 0x14 bucket:u16 id                         transaction records
//   0x15, 0x16 are reserved: stream rows (group-local), index backfill.
//
// `bucket` is the top 16 bits of `hash`; splits happen on bucket boundaries
// only. `pk` and `sk` are order-preserving and self-delimiting
// (partition/model/key_codec.h); `sk` is empty in tables without a sort key.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/types.h"
#include "storage/engine.h"

namespace fastpath::storage {

using SpaceId = uint32_t;  // A table or local index; issued by meta, never reused.
using Bucket = uint16_t;
using ClientId = std::array<char, 16>;

enum class KeyKind : uint8_t {
  kStore = 0x01,
  kGroup = 0x02,
  kData = 0x10,
  kLock = 0x11,
  kRequest = 0x12,
  kTtl = 0x13,
  kTransaction = 0x14,
  kStream = 0x15,
  kBackfill = 0x16,
};

// Rows of one group. kApplied is written by every batch.
enum class GroupRow : uint8_t {
  kApplied = 1,
  kDescriptor = 2,
  kTable = 3,    // + space id
  kMeta = 4,     // Rows of the meta group's state machine, + its own suffix
  kSession = 5,  // Reserved: clients' low waters that a split hands to its children
};

inline Bucket BucketOf(uint64_t hash) { return static_cast<Bucket>(hash >> 48); }

std::string StoreKey(std::string_view name);
std::string GroupKey(raft::GroupId group, GroupRow row, std::string_view rest = {});
std::string AppliedKey(raft::GroupId group);
// The group whose AppliedKey `key` is.
std::optional<raft::GroupId> ParseAppliedKey(std::string_view key);
std::string DataKey(SpaceId space, uint64_t hash, std::string_view pk, std::string_view sk);
std::string LockKey(Bucket bucket, std::string_view data_key);
std::string RequestKey(Bucket bucket, const ClientId& client, uint64_t sequence);
std::string TtlKey(Bucket bucket, uint64_t expiry_seconds, std::string_view data_key);
std::string TransactionKey(Bucket bucket, std::string_view id);

struct DataKeyParts {
  SpaceId space = 0;
  uint64_t hash = 0;
  std::string_view keys;  // pk sk
};
std::optional<DataKeyParts> ParseDataKey(std::string_view key);
struct RequestKeyParts {
  Bucket bucket = 0;
  ClientId client{};
  uint64_t sequence = 0;
};
std::optional<RequestKeyParts> ParseRequestKey(std::string_view key);

// What a group owns of the key space: buckets [first, last], inclusive.
struct BucketRange {
  Bucket first = 0;
  Bucket last = 0;
  bool empty = false;  // The meta group owns none.
  bool operator==(const BucketRange&) const = default;
};

// The rows of one kind, lock to transaction, in buckets that are not empty.
KeyRange BucketedRange(KeyKind kind, const BucketRange& buckets);

// Everything that belongs to a group, sorted and disjoint: the only source for
// snapshot, destroy, digest, size and split. `spaces` are all the group's
// tables, sorted, those being deleted included.
std::vector<KeyRange> Ranges(raft::GroupId group, const BucketRange& buckets,
                             const std::vector<SpaceId>& spaces);

// The value under AppliedKey: where the group's state machine is.
//   applied := u8(format = 1) varint(index) varint(term) varint(stamp) configuration
struct AppliedRow {
  raft::Index index = 0;
  raft::Term term = 0;
  uint64_t stamp = 0;  // Microseconds; the last command's.
  raft::Configuration configuration;
};
std::string EncodeAppliedRow(const AppliedRow& row);
std::string EncodeAppliedRow(raft::Index index, raft::Term term, uint64_t stamp,
                             const raft::Configuration& configuration);
absl::StatusOr<AppliedRow> DecodeAppliedRow(std::string_view value);

// Big-endian helpers, shared by everything that builds keys.
void PutBig16(std::string& out, uint16_t value);
void PutBig32(std::string& out, uint32_t value);
void PutBig64(std::string& out, uint64_t value);
uint64_t GetBig(std::string_view bytes);  // All of `bytes`, at most 8.

}  // namespace fastpath::storage
