#include "storage/log_format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "raft/codec.h"
#include "storage/crc32c.h"

namespace fastpath::storage {
namespace {

constexpr uint32_t kMagic = 0x424c5046;  // "FPLB"
constexpr size_t kRecordCrcBytes = 4;
// Before a record that is moved: at most so many, twice as many each time that it must be moved
// again.
constexpr uint32_t kFillers = 4;
constexpr int kDoublings = 16;

template <typename Integer>
void Store(char* at, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <typename Integer>
Integer Load(const char* at) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<Integer>(static_cast<uint8_t>(at[i])) << (8 * i);
  }
  return value;
}

uint32_t PlaceCrc(uint64_t generation, uint64_t offset) {
  char place[16];
  Store<uint64_t>(place, generation);
  Store<uint64_t>(place + 8, offset);
  return Crc32c(std::string_view(place, sizeof(place)));
}

uint32_t HeaderCrc(const char* header) {
  return Crc32c(std::string_view(header + 8, kBatchHeaderBytes - 8));
}

}  // namespace

std::optional<BatchHeader> DecodeBatchHeader(std::string_view at, uint64_t offset) {
  if (at.size() < kBatchHeaderBytes || Load<uint32_t>(at.data()) != kMagic) return std::nullopt;
  const char* bytes = at.data();
  if (Load<uint32_t>(bytes + 4) != HeaderCrc(bytes)) return std::nullopt;
  BatchHeader header;
  header.format = Load<uint32_t>(bytes + 8);
  header.records = Load<uint32_t>(bytes + 12);
  header.generation = Load<uint64_t>(bytes + 16);
  header.offset = Load<uint64_t>(bytes + 24);
  header.body_bytes = Load<uint32_t>(bytes + 32);
  header.body_crc = Load<uint32_t>(bytes + 36);
  header.through = {Load<uint64_t>(bytes + 40), Load<uint64_t>(bytes + 48)};
  header.first_live = Load<uint64_t>(bytes + 56);
  if (header.offset != offset) return std::nullopt;
  return header;
}

absl::StatusOr<Record> DecodeRecord(std::string_view body) {
  Record record;
  uint64_t group = 0;
  if (body.empty()) return absl::DataLossError("log record: empty");
  record.kind = static_cast<RecordKind>(body[0]);
  body.remove_prefix(1);
  if (!raft::TakeVarint(body, group) || group > UINT32_MAX) {
    return absl::DataLossError("log record: bad group");
  }
  record.group = static_cast<raft::GroupId>(group);
  bool whole = true;
  switch (record.kind) {
    case RecordKind::kState:
      whole = raft::TakeVarint(body, record.state.term) &&
              raft::TakeVarint(body, record.state.vote) &&
              raft::TakeVarint(body, record.state.commit);
      break;
    case RecordKind::kEntry:
    case RecordKind::kKept: {
      absl::StatusOr<raft::Entry> entry = raft::DecodeEntry(body);
      if (!entry.ok()) {
        return absl::DataLossError(absl::StrCat("log record: ", entry.status().message()));
      }
      record.entry = *std::move(entry);
      break;
    }
    case RecordKind::kReset:
    case RecordKind::kStart:
      whole = raft::TakeVarint(body, record.position.index) &&
              raft::TakeVarint(body, record.position.term);
      break;
    case RecordKind::kDestroy:
      break;
    default:
      return absl::DataLossError(
          absl::StrCat("log record: unknown kind ", static_cast<int>(record.kind)));
  }
  if (!whole || !body.empty()) return absl::DataLossError("log record: bad length");
  return record;
}

std::optional<TakenRecord> TakeRecord(std::string_view& in, uint64_t generation, uint64_t& offset) {
  if (in.size() < kRecordCrcBytes) return std::nullopt;
  std::string_view rest = in.substr(kRecordCrcBytes);
  uint64_t bytes = 0;
  if (!raft::TakeVarint(rest, bytes) || bytes > rest.size()) return std::nullopt;
  TakenRecord taken;
  taken.body = rest.substr(0, bytes);
  taken.crc = Load<uint32_t>(in.data());
  if (ExtendCrc32c(PlaceCrc(generation, offset), taken.body) != taken.crc) return std::nullopt;
  const size_t record_bytes = static_cast<size_t>(rest.data() - in.data()) + bytes;
  taken.place = {static_cast<uint32_t>(offset), static_cast<uint32_t>(record_bytes)};
  in.remove_prefix(record_bytes);
  offset += record_bytes;
  return taken;
}

BatchBuilder::BatchBuilder(LogPosition at, size_t reserve_bytes) : at_(at) {
  FASTPATH_CHECK(at.offset % kLogAlignment == 0, "batches are aligned");
  buffer_.reserve(AlignUp(reserve_bytes + kBatchHeaderBytes) + kLogAlignment);
  buffer_.resize(kBatchHeaderBytes);
}

std::string& BatchBuilder::StartBody(RecordKind kind, raft::GroupId group) {
  head_.assign(1, static_cast<char>(kind));
  raft::PutVarint(head_, group);
  return head_;
}

RecordPlace BatchBuilder::EndBody(std::string_view payload) {
  RecordPlace place;
  AppendUnseen([&] { place = Append(head_, payload); });
  return place;
}

RecordPlace BatchBuilder::Append(std::string_view head, std::string_view payload) {
  const size_t begin = buffer_.size();
  const uint64_t offset = at_.offset + begin;
  uint32_t crc = ExtendCrc32c(PlaceCrc(at_.generation, offset), head);
  crc = ExtendCrc32c(crc, payload);
  char crc_bytes[kRecordCrcBytes];
  Store<uint32_t>(crc_bytes, crc);
  body_crc_ = ExtendCrc32c(body_crc_, std::string_view(crc_bytes, sizeof(crc_bytes)));
  buffer_.append(crc_bytes, sizeof(crc_bytes));
  raft::PutVarint(buffer_, head.size() + payload.size());
  buffer_.append(head);
  buffer_.append(payload);
  ++records_;
  FASTPATH_CHECK(at_.offset + buffer_.size() <= UINT32_MAX, "a segment is below 4 GiB");
  return {static_cast<uint32_t>(offset), static_cast<uint32_t>(buffer_.size() - begin)};
}

// As after a collision (exponential backoff): how far depends on checksums of what a client does
// not choose, stamps among it, so that it cannot be waiting there as well.
template <typename Change>
void BatchBuilder::AppendUnseen(Change append) {
  const size_t begin = buffer_.size();
  const uint32_t records = records_;
  const uint32_t body_crc = body_crc_;
  append();
  for (int tries = 0; ShowsHeader(begin); ++tries) {
    const uint32_t fillers = 1 + body_crc_ % (kFillers << std::min(tries, kDoublings));
    buffer_.resize(begin);
    records_ = records;
    body_crc_ = body_crc;
    AppendFillers(fillers);
    append();
  }
}

// Whether what was appended there completes one.
bool BatchBuilder::ShowsHeader(size_t appended_at) const {
  size_t at = AlignUp(appended_at - kBatchHeaderBytes + 1);
  for (; at + kBatchHeaderBytes <= buffer_.size(); at += kLogAlignment) {
    if (DecodeBatchHeader(std::string_view(buffer_).substr(at), at_.offset + at)) return true;
  }
  return false;
}

// Their groups differ with their number, so that what they complete differs, too.
void BatchBuilder::AppendFillers(uint32_t count) {
  std::string head(1, static_cast<char>(RecordKind::kDestroy));
  raft::PutVarint(head, kFillerGroups + count);
  for (uint32_t i = 0; i < count; ++i) Append(head, {});
}

RecordPlace BatchBuilder::AddState(raft::GroupId group, const raft::HardState& state) {
  std::string& body = StartBody(RecordKind::kState, group);
  raft::PutVarint(body, state.term);
  raft::PutVarint(body, state.vote);
  raft::PutVarint(body, state.commit);
  return EndBody({});
}

RecordPlace BatchBuilder::AddEntry(raft::GroupId group, const raft::Entry& entry) {
  raft::EncodeEntryHeader(StartBody(RecordKind::kEntry, group), entry);
  return EndBody(*entry.payload);
}

RecordPlace BatchBuilder::AddPosition(RecordKind kind, raft::GroupId group,
                                      const raft::LogWrite::Position& position) {
  std::string& body = StartBody(kind, group);
  raft::PutVarint(body, position.index);
  raft::PutVarint(body, position.term);
  return EndBody({});
}

RecordPlace BatchBuilder::AddDestroy(raft::GroupId group) {
  StartBody(RecordKind::kDestroy, group);
  return EndBody({});
}

RecordPlace BatchBuilder::AddBody(std::string_view body) {
  head_.clear();
  return EndBody(body);
}

std::string BatchBuilder::Finish(LogPosition through, uint64_t first_live) {
  size_t end = 0;
  AppendUnseen([&] {
    end = buffer_.size();
    buffer_.resize(AlignUp(end), '\0');
  });
  char* header = buffer_.data();
  Store<uint32_t>(header, kMagic);
  Store<uint32_t>(header + 8, kLogFormat);
  Store<uint32_t>(header + 12, records_);
  Store<uint64_t>(header + 16, at_.generation);
  Store<uint64_t>(header + 24, at_.offset);
  Store<uint32_t>(header + 32, static_cast<uint32_t>(end - kBatchHeaderBytes));
  Store<uint32_t>(header + 36, body_crc_);
  Store<uint64_t>(header + 40, through.generation);
  Store<uint64_t>(header + 48, through.offset);
  Store<uint64_t>(header + 56, first_live);
  Store<uint32_t>(header + 4, HeaderCrc(header));
  return std::move(buffer_);
}

std::string AsKept(std::string_view entry_body) {
  std::string body(entry_body);
  body[0] = static_cast<char>(RecordKind::kKept);
  return body;
}

}  // namespace fastpath::storage
