// The bytes of the shared log. Never-change: a new layout needs a new format
// number. Fixed integers are little-endian.
//
//   segment := batch*             each at a multiple of 512 bytes, from 0 on
//   batch   := header record* zeros-or-garbage up to the next multiple of 512
//   header  := magic:u32 "FPLB"
//              crc:u32            CRC32C of the rest of the header
//              format:u32         1
//              records:u32
//              generation:u64     of the segment; its files are recycled
//              offset:u64         of the batch in its segment
//              body_bytes:u32     of all records
//              body_crc:u32       CRC32C of the records' crc fields, in order
//              through_generation:u64  through_offset:u64
//                                 everything before this position of the log
//                                 was durable when the batch was written; the
//                                 first batch of a segment so names the
//                                 segment before it and where that one ends
//              first_live:u64     segments of lower generations are dead
//   record  := crc:u32            CRC32C of generation:u64 offset:u64 (of the
//                                 record in its segment) body
//              varint(body bytes) body
//   body    := u8(kind) varint(group) rest
//   rest    := state:   varint(term) varint(vote) varint(commit)
//              entry:   entry as in raft/codec.h; replaces any suffix stored
//                       from its index on
//              reset:   varint(index) varint(term); the log restarts after it
//              destroy: nothing; forget the group. Of one from kFillerGroups on
//                       it says nothing and moves what follows it (see below)
//              kept:    an entry copied out of an old segment; goes back to its
//                       place, and what follows it stays
//              start:   varint(index) varint(term); entries up to it are gone
//
// A batch is one write and one sync, and the next begins after that sync: it is
// valid as a whole or not there. One LogWrite lies within one batch.
//
// Clients choose what is in entries, and parts of a batch may outlive it: its file
// is recycled, or it was torn. So no header but its own stands at a multiple of 512
// within a batch, for whoever looks for headers there: records that would show one
// are moved by fillers.
//
// Torn or corrupt (DESIGN 3.3): let the valid batches of the newest segment end
// at X. It is corrupt if a valid header of its generation has through_offset >
// X; an older segment is corrupt if its valid batches end before where the next
// one says. Otherwise what follows X was never durable and is cut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "raft/ports.h"
#include "raft/types.h"

namespace fastpath::storage {

inline constexpr uint64_t kLogAlignment = 512;  // Also what a disk writes whole.
inline constexpr size_t kBatchHeaderBytes = 64;
inline constexpr raft::GroupId kFillerGroups = 0xf0000000;  // No group has such an id.
// More than a record adds to an entry's payload, or takes without one.
inline constexpr size_t kRecordOverheadBytes = 64;

inline uint64_t AlignUp(uint64_t offset) {
  return (offset + kLogAlignment - 1) / kLogAlignment * kLogAlignment;
}

struct LogPosition {
  uint64_t generation = 0;  // 0: before the beginning.
  uint64_t offset = 0;
  auto operator<=>(const LogPosition&) const = default;
};

inline constexpr uint32_t kLogFormat = 1;

struct BatchHeader {
  uint32_t format = kLogFormat;  // Another one: a newer program's log.
  uint32_t records = 0;
  uint64_t generation = 0;
  uint64_t offset = 0;
  uint32_t body_bytes = 0;
  uint32_t body_crc = 0;
  LogPosition through;
  uint64_t first_live = 0;
  uint64_t end() const { return AlignUp(offset + kBatchHeaderBytes + body_bytes); }
};

// The header at `offset`, whose bytes `at` begins with; nullopt if there is none.
std::optional<BatchHeader> DecodeBatchHeader(std::string_view at, uint64_t offset);

// Never-change values.
enum class RecordKind : uint8_t {
  kState = 1,
  kEntry = 2,
  kReset = 3,
  kDestroy = 4,
  kKept = 5,
  kStart = 6,
};

struct Record {
  RecordKind kind = RecordKind::kState;
  raft::GroupId group = 0;
  raft::HardState state;              // kState.
  raft::Entry entry;                  // kEntry, kKept.
  raft::LogWrite::Position position;  // kReset, kStart.
};
absl::StatusOr<Record> DecodeRecord(std::string_view body);

// Where a record lies in its segment.
struct RecordPlace {
  uint32_t offset = 0;
  uint32_t bytes = 0;
};

// Takes the record at the front of `in`, which lies at `offset` of a segment of
// `generation`; the body, or nullopt if it is damaged. Advances both.
struct TakenRecord {
  std::string_view body;
  uint32_t crc = 0;
  RecordPlace place;
};
std::optional<TakenRecord> TakeRecord(std::string_view& in, uint64_t generation, uint64_t& offset);

// Encodes one batch for its place; records get their places as they are added.
class BatchBuilder {
 public:
  BatchBuilder(LogPosition at, size_t reserve_bytes);

  RecordPlace AddState(raft::GroupId group, const raft::HardState& state);
  RecordPlace AddEntry(raft::GroupId group, const raft::Entry& entry);
  RecordPlace AddPosition(RecordKind kind, raft::GroupId group,
                          const raft::LogWrite::Position& position);
  RecordPlace AddDestroy(raft::GroupId group);
  // A body as TakeRecord gave it.
  RecordPlace AddBody(std::string_view body);

  // The batch, padded; the builder is empty afterwards.
  std::string Finish(LogPosition through, uint64_t first_live);
  uint64_t end() const { return AlignUp(at_.offset + buffer_.size()); }

 private:
  std::string& StartBody(RecordKind kind, raft::GroupId group);
  RecordPlace EndBody(std::string_view payload);
  RecordPlace Append(std::string_view head, std::string_view payload);
  // Does what `append` does to the buffer, behind fillers if it would show a header.
  template <typename Change>
  void AppendUnseen(Change append);
  bool ShowsHeader(size_t appended_at) const;
  void AppendFillers(uint32_t count);

  LogPosition at_;
  std::string buffer_;
  std::string head_;  // The body being added, without its payload.
  uint32_t records_ = 0;
  uint32_t body_crc_ = 0;
};

// The body of a record of kind kEntry as one of kind kKept.
std::string AsKept(std::string_view entry_body);

}  // namespace fastpath::storage
