// Counts every write once: the answers a group remembers (DESIGN 5 "Sessions").
//
// A record is the answer of one executed write, kept under its key's bucket:
//
//   key   := request key (storage/keys.h): bucket, client, sequence
//   value := u8(format = 1) varint(stamp) varint(expires) varint(low_water)
//            command.Outcome
//
// Never-change. `stamp` is the command's. `low_water` is the client's highest
// done_below, and `expires` its latest not_after, both as of that command. So a
// client's newest record holds what must be known about the client, and cannot
// leave before it stops to matter: its sequence is not below its own low water,
// and past `expires` every write that the low water could refuse is refused by
// its own not_after. No row of its own is needed for the low water, and the
// table is a function of the records alone: a replica that loads them goes on
// exactly like one that wrote them.
//
// Records leave only below the low water or past `expires`, a few per command,
// in an order that follows from the records; nothing else evicts.
//
// Threads: the owner's. Memory: some 150 bytes a record; answers stay in the
// engine.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/api.pb.h"
#include "partition/value_header.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

// Part of command version 1: replicas must agree on them, so they are no
// configuration, and another value needs another command version.
inline constexpr size_t kSessionRecordLimit = 100'000;
inline constexpr size_t kSessionLimitBytes = 64u << 20;  // Of record values.
inline constexpr Stamp kSessionHorizon = 600 * kMicrosPerSecond;
inline constexpr int kSessionDropsPerCommand = 64;   // Below the low water.
inline constexpr int kSessionSweepsPerCommand = 16;  // Past `expires`.

inline constexpr size_t kClientIdBytes = std::tuple_size_v<storage::ClientId>;

// The rows that a batch of commands adds and drops; what is added and dropped
// by one batch never reaches the engine.
class SessionChanges {
 public:
  SessionChanges() = default;
  SessionChanges(const SessionChanges&) = delete;
  SessionChanges& operator=(const SessionChanges&) = delete;

  void Put(std::string key, std::string value);      // A new row.
  void Replace(std::string key, std::string value);  // One that is there.
  void Drop(std::string key);
  // The value put by this batch, if it still stands.
  const std::string* Find(const std::string& key) const;
  size_t size() const { return changes_.size(); }
  void AppendTo(storage::WriteBatch& batch) const;
  void Clear();

 private:
  struct Change {
    std::string key;
    std::optional<std::string> value;
    bool fresh = false;
    bool void_ = false;  // Added and dropped again.
  };
  Change& Add(Change change) { return changes_.emplace_back(std::move(change)); }
  std::deque<Change> changes_;  // Stable addresses.
  absl::flat_hash_map<std::string_view, Change*> puts_;
};

class SessionTable {
 public:
  enum class Verdict {
    kExecute,
    kRecorded,  // Answer with the record under RecordKey().
    kExpired,   // Past its not_after, or below the client's low water.
    kInvalid,   // Malformed, or not_after too far ahead.
    kFull,
  };
  struct Limits {
    size_t records = kSessionRecordLimit;
    size_t bytes = kSessionLimitBytes;
  };
  explicit SessionTable(Limits limits) : limits_(limits) {}
  SessionTable() : SessionTable(Limits{}) {}

  // What to do with a write of this session at `stamp`. Changes nothing.
  Verdict Judge(const api::Session& session, Stamp stamp) const;
  // The key of the recorded answer, if there is one.
  std::optional<std::string> RecordKey(const api::Session& session) const;
  // Remembers an executed write's answer. Requires that Judge says kExecute.
  void Record(const api::Session& session, storage::Bucket bucket, Stamp stamp,
              std::string_view outcome, SessionChanges& changes);
  // Gives a record, whose value is `before`, another answer. DataLoss: not a record's value.
  absl::Status Amend(const api::Session& session, std::string_view before, std::string_view outcome,
                     SessionChanges& changes);
  // Drops some of the records whose time has passed; once per command.
  void Sweep(Stamp stamp, SessionChanges& changes);

  // A row read back from the engine. DataLoss: not a record.
  absl::Status Restore(std::string_view key, std::string_view value);

  size_t records() const { return by_expiry_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Info {
    storage::Bucket bucket = 0;
    Stamp expires = 0;
    uint32_t bytes = 0;
  };
  struct Client {
    Stamp newest = 0;        // Stamp of the newest record; the next two are that record's.
    Stamp expires = 0;       // Latest not_after.
    uint64_t low_water = 0;  // Means nothing past `expires`.
    absl::btree_map<uint64_t, Info> records;  // By sequence; never empty.
  };
  using Clients = absl::flat_hash_map<storage::ClientId, Client>;

  static uint64_t LowWater(const Client& client, Stamp stamp) {
    return client.expires < stamp ? 0 : client.low_water;
  }
  const Client* Find(const api::Session& session) const;
  bool HasRoom(const Client* client, uint64_t low_water) const;
  void Insert(const storage::ClientId& id, uint64_t sequence, const Info& info, Client& client);
  // Drops records of `client` below `low_water`, at most the limit of a command.
  void DropBelow(const storage::ClientId& id, Client& client, uint64_t low_water,
                 SessionChanges& changes);

  Limits limits_;
  Clients clients_;
  absl::btree_set<std::tuple<Stamp, storage::ClientId, uint64_t>> by_expiry_;
  size_t bytes_ = 0;
};

// The answer inside a record's value. DataLoss: not a record.
absl::StatusOr<std::string_view> RecordedOutcome(std::string_view value);

}  // namespace fastpath::partition
