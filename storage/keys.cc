#include "storage/keys.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "raft/codec.h"

namespace fastpath::storage {
namespace {

constexpr char kAppliedFormat = 1;
constexpr size_t kAppliedRowBytes = 48;  // Mostly.

std::string Start(KeyKind kind) { return std::string(1, static_cast<char>(kind)); }

std::string Successor(KeyKind kind) {
  return std::string(1, static_cast<char>(static_cast<uint8_t>(kind) + 1));
}

KeyRange GroupRange(raft::GroupId group) {
  KeyRange range{Start(KeyKind::kGroup), Start(KeyKind::kGroup)};
  PutBig32(range.begin, group);
  if (group == UINT32_MAX) {
    range.end = Successor(KeyKind::kGroup);
  } else {
    PutBig32(range.end, group + 1);
  }
  return range;
}

KeyRange DataRange(SpaceId space, const BucketRange& buckets) {
  KeyRange range{Start(KeyKind::kData), Start(KeyKind::kData)};
  PutBig32(range.begin, space);
  PutBig64(range.begin, uint64_t{buckets.first} << 48);
  if (buckets.last != UINT16_MAX) {
    PutBig32(range.end, space);
    PutBig64(range.end, (uint64_t{buckets.last} + 1) << 48);
  } else if (space != UINT32_MAX) {
    PutBig32(range.end, space + 1);
  } else {
    range.end = Successor(KeyKind::kData);
  }
  return range;
}

template <typename Integer>
void PutBig(std::string& out, Integer value) {
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

}  // namespace

void PutBig16(std::string& out, uint16_t value) { PutBig(out, value); }
void PutBig32(std::string& out, uint32_t value) { PutBig(out, value); }
void PutBig64(std::string& out, uint64_t value) { PutBig(out, value); }

uint64_t GetBig(std::string_view bytes) {
  FASTPATH_CHECK(bytes.size() <= 8, "an integer has at most 8 bytes");
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

std::string StoreKey(std::string_view name) {
  std::string key = Start(KeyKind::kStore);
  key.append(name);
  return key;
}

std::string GroupKey(raft::GroupId group, GroupRow row, std::string_view rest) {
  std::string key = Start(KeyKind::kGroup);
  PutBig32(key, group);
  key.push_back(static_cast<char>(row));
  key.append(rest);
  return key;
}

std::string AppliedKey(raft::GroupId group) { return GroupKey(group, GroupRow::kApplied); }

std::optional<raft::GroupId> ParseAppliedKey(std::string_view key) {
  if (key.size() != 6 || key[0] != static_cast<char>(KeyKind::kGroup) ||
      key[5] != static_cast<char>(GroupRow::kApplied)) {
    return std::nullopt;
  }
  return static_cast<raft::GroupId>(GetBig(key.substr(1, 4)));
}

std::string DataKey(SpaceId space, uint64_t hash, std::string_view pk, std::string_view sk) {
  std::string key;
  key.reserve(13 + pk.size() + sk.size());
  key.push_back(static_cast<char>(KeyKind::kData));
  PutBig32(key, space);
  PutBig64(key, hash);
  key.append(pk);
  key.append(sk);
  return key;
}

std::string LockKey(Bucket bucket, std::string_view data_key) {
  std::string key = Start(KeyKind::kLock);
  PutBig16(key, bucket);
  key.append(data_key);
  return key;
}

std::string RequestKey(Bucket bucket, const ClientId& client, uint64_t sequence) {
  std::string key = Start(KeyKind::kRequest);
  PutBig16(key, bucket);
  key.append(client.data(), client.size());
  PutBig64(key, sequence);
  return key;
}

std::string TtlKey(Bucket bucket, uint64_t expiry_seconds, std::string_view data_key) {
  std::string key = Start(KeyKind::kTtl);
  PutBig16(key, bucket);
  PutBig64(key, expiry_seconds);
  key.append(data_key);
  return key;
}

std::string TransactionKey(Bucket bucket, std::string_view id) {
  std::string key = Start(KeyKind::kTransaction);
  PutBig16(key, bucket);
  key.append(id);
  return key;
}

std::optional<DataKeyParts> ParseDataKey(std::string_view key) {
  constexpr size_t kPrefix = 1 + 4 + 8;
  if (key.size() < kPrefix || key[0] != static_cast<char>(KeyKind::kData)) return std::nullopt;
  DataKeyParts parts;
  parts.space = static_cast<SpaceId>(GetBig(key.substr(1, 4)));
  parts.hash = GetBig(key.substr(5, 8));
  parts.keys = key.substr(kPrefix);
  return parts;
}

std::optional<RequestKeyParts> ParseRequestKey(std::string_view key) {
  constexpr size_t kBytes = 1 + 2 + 16 + 8;
  if (key.size() != kBytes || key[0] != static_cast<char>(KeyKind::kRequest)) return std::nullopt;
  RequestKeyParts parts;
  parts.bucket = static_cast<Bucket>(GetBig(key.substr(1, 2)));
  std::memcpy(parts.client.data(), key.data() + 3, parts.client.size());
  parts.sequence = GetBig(key.substr(19, 8));
  return parts;
}

KeyRange BucketedRange(KeyKind kind, const BucketRange& buckets) {
  KeyRange range{Start(kind), Start(kind)};
  PutBig16(range.begin, buckets.first);
  if (buckets.last == UINT16_MAX) {
    range.end = Successor(kind);
  } else {
    PutBig16(range.end, static_cast<Bucket>(buckets.last + 1));
  }
  return range;
}

std::vector<KeyRange> Ranges(raft::GroupId group, const BucketRange& buckets,
                             const std::vector<SpaceId>& spaces) {
  std::vector<KeyRange> ranges;
  ranges.push_back(GroupRange(group));
  if (buckets.empty) return ranges;
  FASTPATH_CHECK(buckets.first <= buckets.last, "a bucket range ascends");
  for (size_t i = 0; i < spaces.size(); ++i) {
    FASTPATH_CHECK(i == 0 || spaces[i - 1] < spaces[i], "spaces are sorted and unique");
    ranges.push_back(DataRange(spaces[i], buckets));
  }
  for (KeyKind kind : {KeyKind::kLock, KeyKind::kRequest, KeyKind::kTtl, KeyKind::kTransaction}) {
    ranges.push_back(BucketedRange(kind, buckets));
  }
  return ranges;
}

std::string EncodeAppliedRow(const AppliedRow& row) {
  return EncodeAppliedRow(row.index, row.term, row.stamp, row.configuration);
}

std::string EncodeAppliedRow(raft::Index index, raft::Term term, uint64_t stamp,
                             const raft::Configuration& configuration) {
  std::string out;
  out.reserve(kAppliedRowBytes);
  out.push_back(kAppliedFormat);
  raft::PutVarint(out, index);
  raft::PutVarint(out, term);
  raft::PutVarint(out, stamp);
  out += raft::EncodeConfiguration(configuration);
  return out;
}

absl::StatusOr<AppliedRow> DecodeAppliedRow(std::string_view value) {
  if (value.empty()) return absl::DataLossError("applied row: empty");
  if (value[0] != kAppliedFormat) {
    return absl::DataLossError(
        absl::StrCat("applied row: unknown format ", static_cast<uint8_t>(value[0])));
  }
  value.remove_prefix(1);
  AppliedRow row;
  if (!raft::TakeVarint(value, row.index) || !raft::TakeVarint(value, row.term) ||
      !raft::TakeVarint(value, row.stamp)) {
    return absl::DataLossError("applied row: truncated");
  }
  absl::StatusOr<raft::Configuration> configuration = raft::DecodeConfiguration(value);
  if (!configuration.ok()) return configuration.status();
  row.configuration = *std::move(configuration);
  return row;
}

}  // namespace fastpath::storage
