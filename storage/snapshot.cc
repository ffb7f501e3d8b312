#include "storage/snapshot.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "raft/codec.h"
#include "storage/crc32c.h"

namespace fastpath::storage {
namespace {

constexpr char kChunkFormat = 1;
constexpr size_t kCrcBytes = 4;
constexpr size_t kRowsPerScan = 4096;
constexpr size_t kDigestScanBytes = 1u << 20;

absl::Status BadChunk(const char* why) {
  return absl::DataLossError(absl::StrCat("snapshot chunk: ", why));
}

bool TakeBytes(std::string_view& in, std::string& out) {
  uint64_t bytes = 0;
  if (!raft::TakeVarint(in, bytes) || bytes > in.size()) return false;
  out.assign(in.substr(0, bytes));
  in.remove_prefix(bytes);
  return true;
}

void PutCrc(std::string& out) {
  const uint32_t crc = Crc32c(out);
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(crc >> shift));
}

// Reads ranges one scan after the other.
class RangeCursor {
 public:
  RangeCursor(Engine* engine, View view, std::vector<KeyRange> ranges)
      : engine_(engine), view_(std::move(view)), ranges_(std::move(ranges)) {}

  // The next rows; none at the end.
  static void Next(std::shared_ptr<RangeCursor> self, size_t limit_bytes,
                   absl::AnyInvocable<void(absl::StatusOr<std::vector<KeyValue>>)> done) {
    if (self->range_ == self->ranges_.size()) return done(std::vector<KeyValue>());
    ScanOptions options{.limit_rows = kRowsPerScan, .limit_bytes = limit_bytes};
    options.view = self->view_;
    self->engine_->Scan(
        self->ranges_[self->range_], std::move(options),
        [self, limit_bytes, done = std::move(done)](absl::StatusOr<ScanResult> result) mutable {
          if (!result.ok()) return done(result.status());
          if (result->more) {
            self->ranges_[self->range_].begin = result->rows.back().first + '\0';
          } else {
            ++self->range_;
          }
          if (result->rows.empty()) return Next(self, limit_bytes, std::move(done));
          done(std::move(result->rows));
        });
  }

 private:
  Engine* engine_;
  View view_;
  std::vector<KeyRange> ranges_;
  size_t range_ = 0;
};

// Mixes eight bytes at a time; lengths are mixed in, so rows keep their borders.
class Digest {
 public:
  void Add(std::string_view bytes) {
    Mix(bytes.size());
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) Mix(Load(bytes.substr(0, 8)));
    if (!bytes.empty()) Mix(Load(bytes));
  }
  uint64_t value() const { return state_; }

 private:
  static uint64_t Load(std::string_view bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      word |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    }
    return word;
  }
  // The finaliser of splitmix64.
  void Mix(uint64_t word) {
    uint64_t z = (state_ ^ word) + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    state_ = z ^ (z >> 31);
  }

  uint64_t state_ = 0;
};

struct DigestRun {
  std::shared_ptr<RangeCursor> cursor;
  Digest digest;
  absl::AnyInvocable<void(absl::StatusOr<uint64_t>)> done;

  static void Go(std::shared_ptr<DigestRun> run) {
    RangeCursor::Next(run->cursor, kDigestScanBytes,
                      [run](absl::StatusOr<std::vector<KeyValue>> rows) {
                        if (!rows.ok()) return run->done(rows.status());
                        if (rows->empty()) return run->done(run->digest.value());
                        for (const auto& [key, value] : *rows) {
                          run->digest.Add(key);
                          run->digest.Add(value);
                        }
                        Go(run);
                      });
  }
};

}  // namespace

struct SnapshotReader::State {
  std::shared_ptr<RangeCursor> cursor;
  size_t chunk_bytes;
};

SnapshotReader::SnapshotReader(Engine* engine, View view, std::vector<KeyRange> ranges,
                               size_t chunk_bytes)
    : state_(std::make_shared<State>(
          State{std::make_shared<RangeCursor>(engine, std::move(view), std::move(ranges)),
                chunk_bytes})) {}

void SnapshotReader::Next(absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
  RangeCursor::Next(state_->cursor, state_->chunk_bytes,
                    [weak = std::weak_ptr<State>(state_),
                     done = std::move(done)](absl::StatusOr<std::vector<KeyValue>> rows) mutable {
                      if (weak.expired()) return;
                      if (!rows.ok()) return done(rows.status());
                      if (rows->empty()) return done(std::string());
                      done(EncodeChunk(*rows));
                    });
}

std::string EncodeChunk(const std::vector<KeyValue>& rows) {
  std::string out(1, kChunkFormat);
  raft::PutVarint(out, rows.size());
  for (const auto& [key, value] : rows) {
    raft::PutVarint(out, key.size());
    out += key;
    raft::PutVarint(out, value.size());
    out += value;
  }
  PutCrc(out);
  return out;
}

absl::StatusOr<std::vector<KeyValue>> DecodeChunk(std::string_view chunk) {
  if (chunk.size() < 1 + kCrcBytes) return BadChunk("truncated");
  std::string check(chunk.substr(0, chunk.size() - kCrcBytes));
  PutCrc(check);
  if (check != chunk) return BadChunk("bad checksum");
  std::string_view in = chunk.substr(0, chunk.size() - kCrcBytes);
  if (in[0] != kChunkFormat) return BadChunk("unknown format");
  in.remove_prefix(1);
  uint64_t count = 0;
  if (!raft::TakeVarint(in, count) || count > in.size() / 2) return BadChunk("bad row count");
  std::vector<KeyValue> rows(count);
  for (KeyValue& row : rows) {
    if (!TakeBytes(in, row.first) || !TakeBytes(in, row.second)) return BadChunk("truncated row");
  }
  if (!in.empty()) return BadChunk("bytes after the last row");
  return rows;
}

void DigestRanges(Engine* engine, View view, std::vector<KeyRange> ranges,
                  absl::AnyInvocable<void(absl::StatusOr<uint64_t>)> done) {
  auto run = std::make_shared<DigestRun>();
  run->cursor = std::make_shared<RangeCursor>(engine, std::move(view), std::move(ranges));
  run->done = std::move(done);
  DigestRun::Go(std::move(run));
}

}  // namespace fastpath::storage
