#include "storage/log_inspect.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fastpath::storage {
namespace {

// Every segment that begins well, oldest first: what is left of a damaged log.
std::vector<LogVerdict::Part> WhateverIsWhole(const std::vector<SegmentScan>& scans) {
  std::vector<LogVerdict::Part> chain;
  for (size_t i = 0; i < scans.size(); ++i) {
    if (!scans[i].batches.empty()) {
      chain.push_back({i, scans[i].batches[0].generation, scans[i].end()});
    }
  }
  std::stable_sort(chain.begin(), chain.end(),
                   [](const auto& a, const auto& b) { return a.generation < b.generation; });
  return chain;
}

// A header of the newest generation, or of a later one, whose batch is not whole.
std::optional<std::string> TornTail(const std::vector<SegmentScan>& scans, uint64_t newest) {
  for (const SegmentScan& scan : scans) {
    for (const BatchHeader& header : scan.headers) {
      const bool whole =
          std::any_of(scan.batches.begin(), scan.batches.end(), [&](const BatchHeader& batch) {
            return batch.generation == header.generation && batch.offset == header.offset;
          });
      if (header.generation >= newest && !whole) {
        return absl::StrCat("segment ", scan.name, " offset ", header.offset, ": a batch of ",
                            header.records, " records in ", header.body_bytes,
                            " bytes is not whole");
      }
    }
  }
  return std::nullopt;
}

std::vector<SegmentReport> Segments(const LogFiles& log,
                                    const std::vector<LogVerdict::Part>& chain) {
  std::vector<SegmentReport> reports;
  for (size_t i = 0; i < log.files.size(); ++i) {
    const SegmentScan& scan = log.scans[i];
    SegmentReport report{.name = scan.name,
                         .file_bytes = log.files[i].bytes,
                         .end_bytes = scan.end(),
                         .batches = scan.batches.size()};
    if (!scan.batches.empty()) report.generation = scan.batches[0].generation;
    for (const BatchHeader& batch : scan.batches) report.records += batch.records;
    report.live = std::any_of(chain.begin(), chain.end(),
                              [&](const LogVerdict::Part& part) { return part.scan == i; });
    reports.push_back(std::move(report));
  }
  std::sort(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return std::tie(a.generation, a.name) < std::tie(b.generation, b.name);
  });
  return reports;
}

struct Inspection : std::enable_shared_from_this<Inspection> {
  LogFiles log;
  std::vector<LogVerdict::Part> chain;
  LogReplay replay;
  LogInspection result;
  absl::AnyInvocable<void(absl::StatusOr<LogInspection>)> done;

  void Judge() {
    absl::StatusOr<LogVerdict> verdict = JudgeLog(log.scans);
    result.damage = verdict.status();
    chain = verdict.ok() ? verdict->chain : WhateverIsWhole(log.scans);
    result.segments = Segments(log, chain);
    if (verdict.ok()) {
      result.torn_tail = TornTail(log.scans, chain.empty() ? 0 : chain.back().generation);
    }
    ReplayLog(log, chain, replay, nullptr, [self = shared_from_this()](absl::Status status) {
      self->result.damage.Update(status);
      self->Finish();
    });
  }

  void Finish() {
    result.damage.Update(replay.CheckHoles());
    result.groups = replay.TakeGroups();
    done(std::move(result));
  }
};

}  // namespace

void InspectLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<LogInspection>)> done) {
  ScanLog(disk, [done = std::move(done)](absl::StatusOr<LogFiles> log) mutable {
    if (!log.ok()) return done(log.status());
    auto run = std::make_shared<Inspection>();
    run->log = *std::move(log);
    run->done = std::move(done);
    run->Judge();
  });
}

}  // namespace fastpath::storage
