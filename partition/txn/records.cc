#include "partition/txn/records.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/require.h"
#include "partition/txn/locks.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

constexpr char kFormat = 1;  // Never-change.
constexpr char kRecord = 'R';
constexpr char kToken = 'T';
constexpr size_t kBucketBytes = 2;
constexpr size_t kFingerprintBytes = 8;

std::string RowKey(storage::Bucket place, char kind, std::string_view name) {
  std::string rest(1, kind);
  rest += name;
  return storage::TransactionKey(place, rest);
}

std::string Head(command::TransactState state) {
  std::string value(1, kFormat);
  value.push_back(static_cast<char>(state));
  return value;
}

absl::StatusOr<command::TransactState> TakeHead(std::string_view& value) {
  if (value.size() < 2 || value[0] != kFormat || value[1] <= command::NO_TRANSACTION ||
      value[1] > command::ABORTED) {
    return absl::DataLossError("transaction row of an unknown format or state");
  }
  const auto state = static_cast<command::TransactState>(value[1]);
  value.remove_prefix(2);
  return state;
}

std::string Encode(const TransactRecord& record) {
  std::string value = Head(record.state);
  raft::PutVarint(value, record.stamp);
  raft::PutVarint(value, record.token.size());
  value += record.token;
  for (storage::Bucket bucket : record.elsewhere) {
    storage::PutBig16(value, bucket);
  }
  return value;
}

absl::StatusOr<TransactRecord> DecodeRecord(std::string_view value) {
  absl::StatusOr<command::TransactState> state = TakeHead(value);
  if (!state.ok()) {
    return state.status();
  }
  TransactRecord record{.state = *state};
  uint64_t token_bytes = 0;
  if (!raft::TakeVarint(value, record.stamp) || !raft::TakeVarint(value, token_bytes) ||
      token_bytes > value.size() || (value.size() - token_bytes) % kBucketBytes != 0) {
    return absl::DataLossError("transaction record cut short");
  }
  record.token = value.substr(0, token_bytes);
  value.remove_prefix(token_bytes);
  for (; !value.empty(); value.remove_prefix(kBucketBytes)) {
    record.elsewhere.push_back(
        static_cast<storage::Bucket>(storage::GetBig(value.substr(0, kBucketBytes))));
  }
  return record;
}

std::string Encode(const TransactToken& token) {
  std::string value = Head(token.state);
  raft::PutVarint(value, token.expires);
  value += token.id;
  storage::PutBig64(value, token.fingerprint);
  return value;
}

absl::StatusOr<TransactToken> DecodeToken(std::string_view value) {
  absl::StatusOr<command::TransactState> state = TakeHead(value);
  if (!state.ok()) {
    return state.status();
  }
  TransactToken token{.state = *state};
  if (!raft::TakeVarint(value, token.expires) ||
      value.size() != kTransactIdBytes + kFingerprintBytes) {
    return absl::DataLossError("transaction token cut short");
  }
  token.id = value.substr(0, kTransactIdBytes);
  token.fingerprint = storage::GetBig(value.substr(kTransactIdBytes));
  return token;
}

}  // namespace

const TransactRecord* TransactTable::Find(const std::string& id) const {
  auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

const TransactToken* TransactTable::FindToken(const std::string& token, Stamp stamp) const {
  auto found = tokens_.find(token);
  return found == tokens_.end() || found->second.expires < stamp ? nullptr : &found->second;
}

void TransactTable::Put(const std::string& id, TransactRecord record, storage::WriteBatch& batch) {
  batch.PutNew(RowKey(record.place, kRecord, id), Encode(record));
  bool inserted = records_.emplace(id, std::move(record)).second;
  Require(inserted, "a transaction begins once");
}

void TransactTable::SetState(const std::string& id, command::TransactState state,
                             storage::WriteBatch& batch) {
  TransactRecord& record = records_.at(id);
  record.state = state;
  batch.Put(RowKey(record.place, kRecord, id), Encode(record));
}

void TransactTable::Forget(const std::string& id, storage::WriteBatch& batch) {
  auto found = records_.find(id);
  batch.Delete(RowKey(found->second.place, kRecord, id));
  records_.erase(found);
}

void TransactTable::Insert(const std::string& token, TransactToken entry) {
  tokens_by_expiry_.emplace(entry.expires, token);
  tokens_.emplace(token, std::move(entry));
}

void TransactTable::PutToken(const std::string& token, TransactToken entry,
                             storage::WriteBatch& batch) {
  DropToken(token, batch);
  batch.Put(RowKey(entry.place, kToken, token), Encode(entry));
  Insert(token, std::move(entry));
}

void TransactTable::DropToken(const std::string& token, storage::WriteBatch& batch) {
  auto found = tokens_.find(token);
  if (found == tokens_.end()) {
    return;
  }
  batch.Delete(RowKey(found->second.place, kToken, token));
  tokens_by_expiry_.erase({found->second.expires, token});
  tokens_.erase(found);
}

void TransactTable::Sweep(Stamp stamp, storage::WriteBatch& batch) {
  for (int sweeps = 0; sweeps < kTokenSweepsPerCommand && !tokens_by_expiry_.empty(); ++sweeps) {
    const auto [expires, token] = *tokens_by_expiry_.begin();
    if (expires >= stamp) {
      return;
    }
    DropToken(token, batch);
  }
}

absl::Status TransactTable::Restore(std::string_view row_key, std::string_view value) {
  constexpr size_t kPrefix = 3;  // Kind and bucket.
  if (row_key.size() <= kPrefix + 1) {
    return absl::DataLossError("not a transaction's key");
  }
  const auto place = static_cast<storage::Bucket>(storage::GetBig(row_key.substr(1, 2)));
  const std::string name(row_key.substr(kPrefix + 1));
  if (row_key[kPrefix] == kRecord && name.size() == kTransactIdBytes) {
    absl::StatusOr<TransactRecord> record = DecodeRecord(value);
    if (record.ok()) {
      record->place = place;
      records_.emplace(name, *std::move(record));
    }
    return record.status();
  }
  if (row_key[kPrefix] != kToken) {
    return absl::DataLossError("a transaction's row of an unknown kind");
  }
  absl::StatusOr<TransactToken> token = DecodeToken(value);
  if (token.ok()) {
    token->place = place;
    Insert(name, *std::move(token));
  }
  return token.status();
}

}  // namespace fastpath::partition
