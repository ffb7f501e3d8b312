#include "partition/session.h"

#include <algorithm>
#include <cstring>

#include "partition/require.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

constexpr char kFormat = 1;  // Never-change.

struct RecordHeader {
  Stamp stamp = 0;
  Stamp expires = 0;
  uint64_t low_water = 0;
};

std::string EncodeRecord(const RecordHeader& header, std::string_view outcome) {
  std::string value;
  value.reserve(1 + 3 * 10 + outcome.size());
  value.push_back(kFormat);
  raft::PutVarint(value, header.stamp);
  raft::PutVarint(value, header.expires);
  raft::PutVarint(value, header.low_water);
  value.append(outcome);
  return value;
}

absl::StatusOr<RecordHeader> TakeRecordHeader(std::string_view& value) {
  RecordHeader header;
  if (value.empty() || value[0] != kFormat) {
    return absl::DataLossError("request record of an unknown format");
  }
  value.remove_prefix(1);
  if (!raft::TakeVarint(value, header.stamp) || !raft::TakeVarint(value, header.expires) ||
      !raft::TakeVarint(value, header.low_water)) {
    return absl::DataLossError("request record cut short");
  }
  return header;
}

storage::ClientId ClientOf(const api::Session& session) {
  storage::ClientId id;
  std::memcpy(id.data(), session.client().data(), id.size());
  return id;
}

}  // namespace

void SessionChanges::Put(std::string key, std::string value) {
  Change& put = Add({.key = std::move(key), .value = std::move(value), .fresh = true});
  puts_[put.key] = &put;
}

void SessionChanges::Replace(std::string key, std::string value) {
  if (auto put = puts_.find(key); put != puts_.end()) {
    put->second->value = std::move(value);
    return;
  }
  Change& put_here = Add({.key = std::move(key), .value = std::move(value)});
  puts_[put_here.key] = &put_here;
}

void SessionChanges::Drop(std::string key) {
  if (auto put = puts_.find(key); put != puts_.end()) {
    Change& change = *put->second;
    puts_.erase(put);
    change.void_ = change.fresh;
    change.value.reset();
    return;
  }
  Add({.key = std::move(key)});
}

const std::string* SessionChanges::Find(const std::string& key) const {
  auto put = puts_.find(key);
  return put == puts_.end() ? nullptr : &*put->second->value;
}

void SessionChanges::AppendTo(storage::WriteBatch& batch) const {
  for (const Change& change : changes_) {
    if (change.void_) {
      continue;
    }
    if (change.value.has_value() && change.fresh) {
      batch.PutNew(change.key, *change.value);  // Its sequence is recorded once.
    } else if (change.value.has_value()) {
      batch.Put(change.key, *change.value);
    } else {
      batch.Delete(change.key);
    }
  }
}

void SessionChanges::Clear() {
  puts_.clear();
  changes_.clear();
}

const SessionTable::Client* SessionTable::Find(const api::Session& session) const {
  auto found = clients_.find(ClientOf(session));
  return found == clients_.end() ? nullptr : &found->second;
}

SessionTable::Verdict SessionTable::Judge(const api::Session& session, Stamp stamp) const {
  if (session.client().size() != kClientIdBytes || session.done_below() > session.sequence() ||
      (session.not_after() > stamp && session.not_after() - stamp > kSessionHorizon)) {
    return Verdict::kInvalid;
  }
  if (session.not_after() < stamp) {
    return Verdict::kExpired;
  }
  const Client* client = Find(session);
  uint64_t low_water = session.done_below();
  if (client != nullptr) {
    if (client->records.contains(session.sequence())) {
      return Verdict::kRecorded;
    }
    if (session.sequence() < LowWater(*client, stamp)) {
      return Verdict::kExpired;
    }
    low_water = std::max(low_water, LowWater(*client, stamp));
  }
  return HasRoom(client, low_water) ? Verdict::kExecute : Verdict::kFull;
}

bool SessionTable::HasRoom(const Client* client, uint64_t low_water) const {
  size_t records = by_expiry_.size();
  size_t bytes = bytes_;
  if (records < limits_.records && bytes < limits_.bytes) {
    return true;
  }
  // The write may drop records of its own client.
  int drops = 0;
  if (client != nullptr) {
    for (const auto& [sequence, info] : client->records) {
      if (sequence >= low_water || drops++ == kSessionDropsPerCommand) {
        break;
      }
      --records;
      bytes -= info.bytes;
    }
  }
  return records < limits_.records && bytes < limits_.bytes;
}

std::optional<std::string> SessionTable::RecordKey(const api::Session& session) const {
  if (session.client().size() != kClientIdBytes) {
    return std::nullopt;
  }
  const Client* client = Find(session);
  if (client == nullptr) {
    return std::nullopt;
  }
  auto record = client->records.find(session.sequence());
  if (record == client->records.end()) {
    return std::nullopt;
  }
  return storage::RequestKey(record->second.bucket, ClientOf(session), session.sequence());
}

void SessionTable::Record(const api::Session& session, storage::Bucket bucket, Stamp stamp,
                          std::string_view outcome, SessionChanges& changes) {
  const storage::ClientId id = ClientOf(session);
  Client& client = clients_[id];
  RecordHeader header;
  header.stamp = stamp;
  header.low_water = std::max(LowWater(client, stamp), session.done_below());
  header.expires = std::max(client.expires < stamp ? 0 : client.expires, session.not_after());
  Require(session.sequence() >= header.low_water,
          "a client's newest record is not below its water");
  client.newest = stamp;
  client.expires = header.expires;
  client.low_water = header.low_water;
  DropBelow(id, client, header.low_water, changes);
  std::string value = EncodeRecord(header, outcome);
  Insert(id, session.sequence(), {bucket, header.expires, static_cast<uint32_t>(value.size())},
         client);
  changes.Put(storage::RequestKey(bucket, id, session.sequence()), std::move(value));
}

absl::Status SessionTable::Amend(const api::Session& session, std::string_view before,
                                 std::string_view outcome, SessionChanges& changes) {
  absl::StatusOr<RecordHeader> header = TakeRecordHeader(before);
  if (!header.ok()) {
    return header.status();
  }
  const storage::ClientId id = ClientOf(session);
  Info& info = clients_.at(id).records.at(session.sequence());
  std::string value = EncodeRecord(*header, outcome);
  bytes_ += value.size() - info.bytes;
  info.bytes = static_cast<uint32_t>(value.size());
  changes.Replace(storage::RequestKey(info.bucket, id, session.sequence()), std::move(value));
  return absl::OkStatus();
}

void SessionTable::Insert(const storage::ClientId& id, uint64_t sequence, const Info& info,
                          Client& client) {
  bool inserted = client.records.emplace(sequence, info).second;
  Require(inserted, "a sequence is recorded once");
  by_expiry_.emplace(info.expires, id, sequence);
  bytes_ += info.bytes;
}

void SessionTable::DropBelow(const storage::ClientId& id, Client& client, uint64_t low_water,
                             SessionChanges& changes) {
  for (int drops = 0; drops < kSessionDropsPerCommand; ++drops) {
    auto oldest = client.records.begin();
    if (oldest == client.records.end() || oldest->first >= low_water) {
      return;
    }
    const Info& info = oldest->second;
    changes.Drop(storage::RequestKey(info.bucket, id, oldest->first));
    by_expiry_.erase({info.expires, id, oldest->first});
    bytes_ -= info.bytes;
    client.records.erase(oldest);
  }
}

void SessionTable::Sweep(Stamp stamp, SessionChanges& changes) {
  for (int sweeps = 0; sweeps < kSessionSweepsPerCommand && !by_expiry_.empty(); ++sweeps) {
    const auto [expires, id, sequence] = *by_expiry_.begin();
    if (expires >= stamp) {
      return;
    }
    auto client = clients_.find(id);
    auto record = client->second.records.find(sequence);
    changes.Drop(storage::RequestKey(record->second.bucket, id, sequence));
    bytes_ -= record->second.bytes;
    client->second.records.erase(record);
    if (client->second.records.empty()) {
      clients_.erase(client);
    }
    by_expiry_.erase(by_expiry_.begin());
  }
}

absl::Status SessionTable::Restore(std::string_view key, std::string_view value) {
  std::optional<storage::RequestKeyParts> parts = storage::ParseRequestKey(key);
  if (!parts.has_value()) {
    return absl::DataLossError("not a request key among the request records");
  }
  const uint32_t bytes = static_cast<uint32_t>(value.size());
  absl::StatusOr<RecordHeader> header = TakeRecordHeader(value);
  if (!header.ok()) {
    return header.status();
  }
  Client& client = clients_[parts->client];
  if (client.records.contains(parts->sequence)) {
    return absl::DataLossError("a sequence recorded twice");
  }
  if (header->stamp > client.newest) {
    client.newest = header->stamp;
    client.expires = header->expires;
    client.low_water = header->low_water;
  }
  Insert(parts->client, parts->sequence, {parts->bucket, header->expires, bytes}, client);
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> RecordedOutcome(std::string_view value) {
  absl::StatusOr<RecordHeader> header = TakeRecordHeader(value);
  if (!header.ok()) {
    return header.status();
  }
  return value;
}

}  // namespace fastpath::partition
