#include "storage/log_scan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/crc32c.h"

namespace fastpath::storage {
namespace {

absl::Status Corrupt(const std::string& segment, uint64_t offset, const std::string& why) {
  return absl::DataLossError(
      absl::StrCat("log corrupt: segment ", segment, " offset ", offset, ": ", why));
}

// Which scan begins with a batch of each generation.
absl::StatusOr<std::map<uint64_t, size_t>> ByGeneration(const std::vector<SegmentScan>& scans) {
  std::map<uint64_t, size_t> by_generation;
  for (size_t i = 0; i < scans.size(); ++i) {
    if (scans[i].batches.empty()) continue;
    const uint64_t generation = scans[i].batches[0].generation;
    if (!by_generation.emplace(generation, i).second) {
      return Corrupt(scans[i].name, 0, absl::StrCat("generation ", generation, " occurs twice"));
    }
  }
  return by_generation;
}

// The newest segment's valid batches end at `newest.end()`. Headers that know of
// durable bytes beyond it, there or in a later segment, prove a loss.
absl::Status CheckTail(const std::vector<SegmentScan>& scans, const SegmentScan* newest) {
  const uint64_t generation = newest == nullptr ? 0 : newest->batches[0].generation;
  for (const SegmentScan& scan : scans) {
    for (const BatchHeader& header : scan.headers) {
      if (header.generation < generation) continue;
      if (header.through.generation == generation && newest != nullptr &&
          header.through.offset > newest->end()) {
        return Corrupt(newest->name, newest->end(),
                       absl::StrCat("a later batch, in ", scan.name, " at ", header.offset,
                                    ", was written after it was durable"));
      }
      if (header.generation > generation && header.through.generation > generation) {
        return Corrupt(scan.name, 0,
                       absl::StrCat("a later batch, at ", header.offset,
                                    ", was written after it was durable"));
      }
    }
  }
  return absl::OkStatus();
}

bool IsBoundary(const SegmentScan& scan, uint64_t offset) {
  return std::any_of(scan.batches.begin(), scan.batches.end(),
                     [&](const BatchHeader& batch) { return batch.end() == offset; });
}

}  // namespace

bool BatchIsWhole(const BatchHeader& header, std::string_view bytes,
                  const std::function<void(const TakenRecord&)>& visit) {
  if (bytes.size() < kBatchHeaderBytes || bytes.size() - kBatchHeaderBytes < header.body_bytes) {
    return false;
  }
  std::string_view in = bytes.substr(kBatchHeaderBytes, header.body_bytes);
  uint64_t offset = header.offset + kBatchHeaderBytes;
  uint32_t crc = 0;
  for (uint32_t i = 0; i < header.records; ++i) {
    const std::string_view crc_field = in.substr(0, 4);
    std::optional<TakenRecord> record = TakeRecord(in, header.generation, offset);
    if (!record) return false;
    crc = ExtendCrc32c(crc, crc_field);
    if (visit) visit(*record);
  }
  return in.empty() && crc == header.body_crc;
}

SegmentScan ScanSegment(std::string name, std::string_view bytes) {
  SegmentScan scan{.name = std::move(name)};
  uint64_t next = 0;  // Where the next batch of the unbroken run must begin.
  for (uint64_t offset = 0; offset < bytes.size(); offset += kLogAlignment) {
    // Inside a whole batch there is only payload, whatever it looks like.
    if (offset < next) continue;
    std::optional<BatchHeader> header = DecodeBatchHeader(bytes.substr(offset), offset);
    if (!header) continue;
    scan.headers.push_back(*header);
    const bool continues =
        offset == next && header->format == kLogFormat &&
        (scan.batches.empty() || scan.batches[0].generation == header->generation);
    if (continues && BatchIsWhole(*header, bytes.substr(offset))) {
      scan.batches.push_back(*header);
      next = header->end();
    }
  }
  return scan;
}

absl::StatusOr<LogVerdict> JudgeLog(const std::vector<SegmentScan>& scans) {
  LogVerdict verdict;
  for (const SegmentScan& scan : scans) {
    for (const BatchHeader& header : scan.headers) {
      if (header.format != kLogFormat) {
        return absl::FailedPreconditionError(absl::StrCat("log segment ", scan.name, " has format ",
                                                          header.format, ", of a newer version"));
      }
      verdict.next_generation = std::max(verdict.next_generation, header.generation + 1);
    }
  }
  absl::StatusOr<std::map<uint64_t, size_t>> segments = ByGeneration(scans);
  if (!segments.ok()) return segments.status();
  const SegmentScan* newest = segments->empty() ? nullptr : &scans[segments->rbegin()->second];
  absl::Status tail = CheckTail(scans, newest);
  if (!tail.ok()) return tail;
  if (newest == nullptr) return verdict;

  const uint64_t first_live = newest->batches.back().first_live;
  LogPosition at{newest->batches[0].generation, newest->end()};
  while (at.generation != 0 && at.generation >= first_live) {
    auto found = segments->find(at.generation);
    if (found == segments->end()) {
      return absl::DataLossError(absl::StrCat("log corrupt: the segment of generation ",
                                              at.generation, " is missing or damaged at offset 0"));
    }
    const SegmentScan& scan = scans[found->second];
    if (!IsBoundary(scan, at.offset)) {
      return Corrupt(scan.name, std::min(scan.end(), at.offset),
                     absl::StrCat("the log continues after offset ", at.offset));
    }
    verdict.chain.push_back({found->second, at.generation, at.offset});
    at = scan.batches[0].through;
  }
  std::reverse(verdict.chain.begin(), verdict.chain.end());
  return verdict;
}

}  // namespace fastpath::storage
