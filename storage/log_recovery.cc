#include "storage/log_recovery.h"

#include <memory>
#include <utility>

#include "storage/log_files.h"

namespace fastpath::storage {
namespace {

// One run; keeps itself alive through the callbacks it waits for.
class Recovery : public std::enable_shared_from_this<Recovery> {
 public:
  using DoneWith = absl::AnyInvocable<void(absl::StatusOr<RecoveredLog>)>;
  Recovery(Disk* disk, DoneWith done) : disk_(disk), done_(std::move(done)) {}

  void Start() {
    ScanLog(disk_, [self = shared_from_this()](absl::StatusOr<LogFiles> files) {
      if (!files.ok()) return self->done_(files.status());
      self->files_ = *std::move(files);
      self->Judge();
    });
  }

 private:
  void Judge() {
    absl::StatusOr<LogVerdict> verdict = JudgeLog(files_.scans);
    if (!verdict.ok()) return done_(verdict.status());
    verdict_ = *std::move(verdict);
    log_.next_number = files_.next_number;
    log_.generation = verdict_.next_generation;
    ReplayLog(files_, verdict_.chain, replay_, &tail_,
              [self = shared_from_this()](absl::Status status) {
                if (!status.ok()) return self->done_(status);
                self->Finish();
              });
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
      const BatchHeader& last = files_.scans[newest.scan].batches.back();
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
      const std::vector<BatchHeader>& batches = files_.scans[part->scan].batches;
      for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
        if (batch->end() <= part->end) return batch->first_live;
      }
    }
    return 0;
  }

  void SortFiles() {
    const uint64_t durable_first_live = DurableFirstLive();
    for (const LogVerdict::Part& part : verdict_.chain) {
      LogFile& file = files_.files[part.scan];
      if (part.end == 0) {
        log_.free_once_sealed.push_back(std::move(file));
      } else {
        log_.live.push_back({std::move(file), part.generation, part.end});
      }
    }
    for (size_t i = 0; i < files_.files.size(); ++i) {
      if (files_.files[i].file == nullptr) continue;
      const std::vector<BatchHeader>& batches = files_.scans[i].batches;
      const bool dead = batches.empty() || batches[0].generation < durable_first_live;
      (dead ? log_.free : log_.free_once_sealed).push_back(std::move(files_.files[i]));
    }
  }

  Disk* disk_;
  DoneWith done_;
  RecoveredLog log_;
  LogFiles files_;
  LogVerdict verdict_;
  LogReplay replay_;
  std::vector<std::string> tail_;  // The newest batch's records.
};

}  // namespace

void RecoverLog(Disk* disk, absl::AnyInvocable<void(absl::StatusOr<RecoveredLog>)> done) {
  std::make_shared<Recovery>(disk, std::move(done))->Start();
}

}  // namespace fastpath::storage
