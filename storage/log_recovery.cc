#include "storage/log_recovery.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/log_replay.h"
#include "storage/log_scan.h"

namespace fastpath::storage {
namespace {

// One run; keeps itself alive through the callbacks it waits for.
class Recovery : public std::enable_shared_from_this<Recovery> {
 public:
  using DoneWith = absl::AnyInvocable<void(absl::StatusOr<RecoveredLog>)>;
  Recovery(Disk* disk, DoneWith done) : disk_(disk), done_(std::move(done)) {}

  void Start() {
    disk_->List([self = shared_from_this()](absl::StatusOr<std::vector<Disk::Entry>> entries) {
      if (!entries.ok()) return self->done_(entries.status());
      for (const Disk::Entry& entry : *entries) {
        std::optional<uint64_t> number = SegmentNumber(entry.name);
        if (!number) continue;
        self->files_.push_back({entry.name, nullptr, entry.bytes});
        self->log_.next_number = std::max(self->log_.next_number, *number + 1);
      }
      self->OpenFile(0);
    });
  }

 private:
  void OpenFile(size_t i) {
    if (i == files_.size()) return ScanFile(0);
    disk_->Open(files_[i].name, 0, /*sync=*/false,
                [self = shared_from_this(), i](absl::StatusOr<std::unique_ptr<DiskFile>> file) {
                  if (!file.ok()) return self->done_(file.status());
                  self->files_[i].file = *std::move(file);
                  self->OpenFile(i + 1);
                });
  }

  void ReadFile(size_t i, absl::AnyInvocable<void(const std::string&)> then) {
    files_[i].file->Read(0, files_[i].bytes,
                         [self = shared_from_this(),
                          then = std::move(then)](absl::StatusOr<std::string> bytes) mutable {
                           if (!bytes.ok()) return self->done_(bytes.status());
                           then(*bytes);
                         });
  }

  void ScanFile(size_t i) {
    if (i == files_.size()) return Judge();
    ReadFile(i, [this, i](const std::string& bytes) {
      scans_.push_back(ScanSegment(files_[i].name, bytes));
      ScanFile(i + 1);
    });
  }

  void Judge() {
    absl::StatusOr<LogVerdict> verdict = JudgeLog(scans_);
    if (!verdict.ok()) return done_(verdict.status());
    verdict_ = *std::move(verdict);
    log_.generation = verdict_.next_generation;
    Replay(0);
  }

  void Replay(size_t part) {
    if (part == verdict_.chain.size()) return Finish();
    ReadFile(verdict_.chain[part].scan, [this, part](const std::string& bytes) {
      absl::Status status = ReplaySegment(part, bytes);
      if (!status.ok()) return done_(status);
      Replay(part + 1);
    });
  }

  absl::Status ReplaySegment(size_t part, std::string_view bytes) {
    const LogVerdict::Part& segment = verdict_.chain[part];
    const std::vector<BatchHeader>& batches = scans_[segment.scan].batches;
    const bool newest = part + 1 == verdict_.chain.size();
    absl::Status status;
    for (size_t i = 0; i < batches.size() && batches[i].end() <= segment.end; ++i) {
      const bool copy = newest && i + 1 == batches.size();
      auto visit = [&](const TakenRecord& taken) {
        if (copy) return tail_.emplace_back(taken.body), void();
        absl::StatusOr<Record> record = DecodeRecord(taken.body);
        if (record.ok()) return replay_.Apply(*std::move(record), segment.generation, taken.place);
        status.Update(absl::DataLossError(
            absl::StrCat("log corrupt: segment ", scans_[segment.scan].name, " offset ",
                         taken.place.offset, ": ", record.status().message())));
      };
      if (!BatchIsWhole(batches[i], bytes.substr(batches[i].offset), visit)) {
        status.Update(absl::DataLossError(
            absl::StrCat("log corrupt: segment ", scans_[segment.scan].name, " offset ",
                         batches[i].offset, ": changed since it was first read")));
      }
    }
    return status;
  }

  void Finish() {
    absl::Status status = Seal();
    if (status.ok()) status = replay_.Finish(log_.index, log_.groups);
    if (!status.ok()) return done_(status);
    SortFiles();
    done_(std::move(log_));
  }

  // The new segment's first batch follows on what came before the newest one,
  // which it repeats.
  absl::Status Seal() {
    BatchBuilder builder({log_.generation, 0}, 0);
    for (const std::string& body : tail_) {
      absl::StatusOr<Record> record = DecodeRecord(body);
      if (!record.ok()) return record.status();
      const RecordPlace place = builder.AddBody(body);
      replay_.Apply(*std::move(record), log_.generation, place);
    }
    LogPosition through;
    if (!verdict_.chain.empty()) {
      LogVerdict::Part& newest = verdict_.chain.back();
      const BatchHeader& last = scans_[newest.scan].batches.back();
      through = last.offset == 0 ? last.through : LogPosition{newest.generation, last.offset};
      newest.end = last.offset;
    }
    const bool any = !verdict_.chain.empty() && verdict_.chain.front().end != 0;
    log_.seal = builder.Finish(through, any ? verdict_.chain.front().generation : log_.generation);
    return absl::OkStatus();
  }

  // What the batch before the newest one gave up: the newest may itself be lost
  // yet, and with it what it says about older segments.
  uint64_t DurableFirstLive() const {
    for (auto part = verdict_.chain.rbegin(); part != verdict_.chain.rend(); ++part) {
      const std::vector<BatchHeader>& batches = scans_[part->scan].batches;
      for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
        if (batch->end() <= part->end) return batch->first_live;
      }
    }
    return 0;
  }

  void SortFiles() {
    const uint64_t durable_first_live = DurableFirstLive();
    for (const LogVerdict::Part& part : verdict_.chain) {
      LogFile& file = files_[part.scan];
      if (part.end == 0) {
        log_.free_once_sealed.push_back(std::move(file));
      } else {
        log_.live.push_back({std::move(file), part.generation, part.end});
      }
    }
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i].file == nullptr) continue;
      const std::vector<BatchHeader>& batches = scans_[i].batches;
      const bool dead = batches.empty() || batches[0].generation < durable_first_live;
      (dead ? log_.free : log_.free_once_sealed).push_back(std::move(files_[i]));
    }
  }

  Disk* disk_;
  DoneWith done_;
  RecoveredLog log_;
  std::vector<LogFile> files_;
  std::vector<SegmentScan> scans_;  // Of files_, in order.
  LogVerdict verdict_;
  LogReplay replay_;
  std::vector<std::string> tail_;  // The newest batch's records.
};

}  // namespace

void RecoverLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<RecoveredLog>)> done) {
  std::make_shared<Recovery>(disk, std::move(done))->Start();
}

}  // namespace fastpath::storage
