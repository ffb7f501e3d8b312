#include "storage/log_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fastpath::storage {
namespace {

// Runs that keep themselves alive through the callbacks they wait for.
class Scan : public std::enable_shared_from_this<Scan> {
 public:
  using DoneWith = absl::AnyInvocable<void(absl::StatusOr<LogFiles>)>;
  Scan(Disk* disk, DoneWith done) : disk_(disk), done_(std::move(done)) {}

  void Start() {
    disk_->List([self = shared_from_this()](absl::StatusOr<std::vector<Disk::Entry>> entries) {
      if (!entries.ok()) return self->done_(entries.status());
      for (const Disk::Entry& entry : *entries) {
        std::optional<uint64_t> number = SegmentNumber(entry.name);
        if (!number) continue;
        self->log_.files.push_back({entry.name, nullptr, entry.bytes});
        self->log_.next_number = std::max(self->log_.next_number, *number + 1);
      }
      self->OpenFile(0);
    });
  }

 private:
  void OpenFile(size_t i) {
    if (i == log_.files.size()) return ScanFile(0);
    disk_->Open(log_.files[i].name, 0, /*sync=*/false,
                [self = shared_from_this(), i](absl::StatusOr<std::unique_ptr<DiskFile>> file) {
                  if (!file.ok()) return self->done_(file.status());
                  self->log_.files[i].file = *std::move(file);
                  self->OpenFile(i + 1);
                });
  }

  void ScanFile(size_t i) {
    if (i == log_.files.size()) return done_(std::move(log_));
    LogFile& file = log_.files[i];
    file.file->Read(0, file.bytes,
                    [self = shared_from_this(), i](absl::StatusOr<std::string> bytes) {
                      if (!bytes.ok()) return self->done_(bytes.status());
                      self->log_.scans.push_back(ScanSegment(self->log_.files[i].name, *bytes));
                      self->ScanFile(i + 1);
                    });
  }

  Disk* disk_;
  DoneWith done_;
  LogFiles log_;
};

absl::Status ReplaySegment(const SegmentScan& scan, uint64_t end, std::string_view bytes,
                           LogReplay& replay, std::vector<std::string>* newest) {
  absl::Status status;
  for (size_t i = 0; i < scan.batches.size() && scan.batches[i].end() <= end; ++i) {
    const BatchHeader& batch = scan.batches[i];
    const bool last = newest != nullptr && i + 1 == scan.batches.size();
    auto visit = [&](const TakenRecord& taken) {
      if (last) return newest->emplace_back(taken.body), void();
      absl::StatusOr<Record> record = DecodeRecord(taken.body);
      if (record.ok()) return replay.Apply(*std::move(record), batch.generation, taken.place);
      status.Update(
          absl::DataLossError(absl::StrCat("log corrupt: segment ", scan.name, " offset ",
                                           taken.place.offset, ": ", record.status().message())));
    };
    if (batch.offset > bytes.size() || !BatchIsWhole(batch, bytes.substr(batch.offset), visit)) {
      status.Update(
          absl::DataLossError(absl::StrCat("log corrupt: segment ", scan.name, " offset ",
                                           batch.offset, ": changed since it was first read")));
    }
  }
  return status;
}

struct Replaying : std::enable_shared_from_this<Replaying> {
  const LogFiles& log;
  const std::vector<LogVerdict::Part>& chain;
  LogReplay& replay;
  std::vector<std::string>* const newest;
  Done done;

  Replaying(const LogFiles& log, const std::vector<LogVerdict::Part>& chain, LogReplay& replay,
            std::vector<std::string>* newest, Done done)
      : log(log), chain(chain), replay(replay), newest(newest), done(std::move(done)) {}

  void Next(size_t part) {
    if (part == chain.size()) return done(absl::OkStatus());
    const LogFile& file = log.files[chain[part].scan];
    file.file->Read(0, file.bytes, [self = shared_from_this(), part](auto bytes) {
      if (!bytes.ok()) return self->done(bytes.status());
      const bool last = part + 1 == self->chain.size();
      absl::Status status =
          ReplaySegment(self->log.scans[self->chain[part].scan], self->chain[part].end, *bytes,
                        self->replay, last ? self->newest : nullptr);
      if (!status.ok()) return self->done(status);
      self->Next(part + 1);
    });
  }
};

}  // namespace

void ScanLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<LogFiles>)> done) {
  std::make_shared<Scan>(disk, std::move(done))->Start();
}

void ReplayLog(const LogFiles& log, const std::vector<LogVerdict::Part>& chain, LogReplay& replay,
               std::vector<std::string>* newest, Done done) {
  std::make_shared<Replaying>(log, chain, replay, newest, std::move(done))->Next(0);
}

}  // namespace fastpath::storage
