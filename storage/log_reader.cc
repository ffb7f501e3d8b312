#include "storage/log_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/check.h"

namespace fastpath::storage {
namespace {

// Reading over a gap of this size costs less than another read.
constexpr uint64_t kMergeGapBytes = 4096;
constexpr uint64_t kSpanLimitBytes = 4u << 20;

struct Span {
  LogFile file;
  uint64_t generation = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  size_t first = 0;  // Into the places.
  size_t count = 0;
};

struct Job {
  std::vector<EntryPlace> places;
  std::vector<std::string> bodies;
  size_t spans_left = 0;
  absl::Status status;
  absl::AnyInvocable<void(absl::StatusOr<std::vector<std::string>>)> done;
};

bool Joins(const Span& span, const EntryPlace& place) {
  const uint64_t end = span.offset + span.bytes;
  return place.generation == span.generation && place.record.offset >= end &&
         place.record.offset - end <= kMergeGapBytes &&
         place.record.offset + place.record.bytes - span.offset <= kSpanLimitBytes;
}

std::vector<Span> PlanSpans(const LogSegments& segments, const std::vector<EntryPlace>& places) {
  std::vector<Span> spans;
  for (size_t i = 0; i < places.size(); ++i) {
    const EntryPlace& place = places[i];
    if (spans.empty() || !Joins(spans.back(), place)) {
      spans.push_back(
          {segments.at(place.generation).file, place.generation, place.record.offset, 0, i, 0});
    }
    Span& span = spans.back();
    span.bytes = place.record.offset + place.record.bytes - span.offset;
    ++span.count;
  }
  return spans;
}

absl::Status Extract(const Span& span, const std::string& bytes, Job& job) {
  for (size_t i = span.first; i < span.first + span.count; ++i) {
    const RecordPlace& place = job.places[i].record;
    std::optional<TakenRecord> record;
    if (bytes.size() == span.bytes) {
      std::string_view in = std::string_view(bytes).substr(place.offset - span.offset, place.bytes);
      uint64_t offset = place.offset;
      record = TakeRecord(in, span.generation, offset);
    }
    if (!record) {
      return absl::DataLossError(absl::StrCat("log corrupt: segment ", span.file.name, " offset ",
                                              place.offset, ": damaged record"));
    }
    job.bodies[i] = std::string(record->body);
  }
  return absl::OkStatus();
}

}  // namespace

void ReadRecords(const LogSegments& segments, const std::vector<EntryPlace>& places,
                 absl::AnyInvocable<void(absl::StatusOr<std::vector<std::string>>)> done) {
  FASTPATH_CHECK(!places.empty(), "there is something to read");
  auto job = std::make_shared<Job>();
  job->places = places;
  job->bodies.resize(places.size());
  job->done = std::move(done);
  std::vector<Span> spans = PlanSpans(segments, places);
  job->spans_left = spans.size();
  for (Span& span : spans) {
    DiskFile* file = span.file.file.get();
    const uint64_t offset = span.offset;
    const uint64_t bytes = span.bytes;
    file->Read(offset, bytes, [job, span = std::move(span)](absl::StatusOr<std::string> read) {
      job->status.Update(read.ok() ? Extract(span, *read, *job) : read.status());
      if (--job->spans_left > 0) return;
      if (!job->status.ok()) return job->done(job->status);
      job->done(std::move(job->bodies));
    });
  }
}

}  // namespace fastpath::storage
