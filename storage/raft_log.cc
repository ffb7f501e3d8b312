#include "storage/raft_log.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "raft/check.h"
#include "storage/log_format.h"
#include "storage/log_index.h"
#include "storage/log_reader.h"
#include "storage/log_recovery.h"
#include "storage/log_segments.h"

namespace fastpath::storage {
namespace {

// Of copies in one batch, unless a single one is larger. Fits the share below, of usual segments.
constexpr uint64_t kRewritePieceBytes = 256u << 10;
// Copying is paid for by what groups write: at most this many bytes for one.
constexpr uint64_t kRewriteShare = 2;
constexpr uint64_t kMaxCreditSegments = 8;
constexpr Micros kFullRetryMicros = 200'000;
// The last part of a segment is kept for the records that let an old segment be
// given up, so that a full disk cannot keep the log from making space. Copies may
// take half of it: the rest is for the last word, that the segment is dead.
constexpr uint64_t kReservedShare = 64;

uint64_t BoundOf(const raft::LogWrite& write) {
  uint64_t bytes = 3 * kRecordOverheadBytes;
  for (const raft::Entry& entry : write.entries) {
    bytes += entry.payload->size() + kRecordOverheadBytes;
  }
  return bytes;
}

// Not nested: its initializers are wanted before the class is complete.
struct InFlight {
  std::vector<absl::AnyInvocable<void(absl::Status)>> durable;
  std::vector<Task> internal;
  uint64_t bytes = 0;
  uint64_t first_live = 0;
  LogPosition end;
};

class RaftLogImpl : public RaftLog {
 public:
  RaftLogImpl(Disk* disk, Executor* executor, Options options, RecoveredLog recovered)
      : executor_(executor),
        options_(options),
        recovered_(std::move(recovered.groups)),
        index_(std::move(recovered.index)),
        segments_(disk, options.segment_bytes, options.spare_segments),
        next_generation_(recovered.generation) {
    segments_.Restore(std::move(recovered.live), std::move(recovered.free), recovered.next_number);
  }
  ~RaftLogImpl() override {
    if (retry_ != 0) executor_->Cancel(retry_);
  }

  // Writes recovery's seal into `first`; nothing else is called before `done`.
  void Begin(LogFile first, std::string seal, std::vector<LogFile> free_once_sealed, Done done);

  void Write(raft::LogWrite write, absl::AnyInvocable<void(absl::Status)> durable) override;
  void Read(raft::GroupId group, raft::Index from, raft::Index to, size_t limit_bytes,
            absl::AnyInvocable<void(absl::StatusOr<std::vector<raft::Entry>>)> done) override;
  void Truncate(raft::GroupId group, raft::Index index) override {
    index_.Truncate(group, index);
    MaybeRewrite();
    Schedule();  // Copies that wait for room may not be wanted any more.
  }

  std::map<raft::GroupId, Recovered> TakeRecovered() override {
    return std::exchange(recovered_, {});
  }
  uint64_t used_bytes() const override { return segments_.live_bytes(); }
  bool full() const override { return full_; }
  uint64_t written_bytes() const override { return written_bytes_; }
  uint64_t syncs() const override { return syncs_; }
  uint64_t queued_bytes() const override { return queued_bytes_; }

 private:
  struct Pending {
    raft::LogWrite write;
    absl::AnyInvocable<void(absl::Status)> durable;
    uint64_t bytes = 0;  // At most what its records take.
  };
  // The log's own records.
  struct Internal {
    bool copies = false;  // Of the oldest segment's live entries; else it is given up.
    uint64_t bytes = 0;   // At most what its records take.
    absl::AnyInvocable<void(BatchBuilder&)> form;
    Task durable;
  };
  // What queued writes of a group will change, so that reads wait for it.
  struct Queued {
    size_t writes = 0;
    raft::Index lowest = std::numeric_limits<raft::Index>::max();
  };
  using Alive = std::weak_ptr<bool>;

  void Schedule();
  void StartBatch();
  bool HasRoom(uint64_t bytes, uint64_t limit) const;
  bool Oversized(uint64_t bytes) const;
  uint64_t user_limit() const {
    return options_.segment_bytes - options_.segment_bytes / kReservedShare;
  }
  uint64_t limit_of(const Internal& item) const {
    const uint64_t kept = item.copies ? options_.segment_bytes / kReservedShare / 2 : 0;
    return options_.segment_bytes - kept;
  }
  void DropUnwantedCopies();
  Micros NotBefore() const;
  void FormBatch(bool internal, bool users);
  void FormWrite(BatchBuilder& builder, Pending pending);
  void Dequeued(raft::GroupId group);
  void Written(absl::Status status);
  void Fail(absl::Status status);

  void PrepareNext();
  void Prepared(absl::Status status);

  void MaybeRewrite();
  void RewriteSome();
  void Rewrite(std::vector<LogIndex::LiveEntry> entries, std::vector<std::string> bodies);
  void RetireOldest();

  Executor* executor_;
  const Options options_;
  std::map<raft::GroupId, Recovered> recovered_;
  LogIndex index_;
  LogSegments segments_;
  uint64_t next_generation_;
  LogPosition position_;  // The end of what is durable.

  std::deque<Pending> queue_;
  std::deque<Internal> internal_;
  absl::flat_hash_map<raft::GroupId, Queued> queued_;
  std::vector<Task> waiting_reads_;
  std::set<raft::GroupId> refused_;  // A write of theirs exceeded the queue.
  std::optional<InFlight> in_flight_;
  bool scheduled_ = false;
  size_t last_writes_ = 0;  // Of the last batch, and when it began.
  Micros last_start_ = 0;
  absl::Status failed_;
  uint64_t queued_bytes_ = 0;
  uint64_t syncs_ = 0;
  uint64_t written_bytes_ = 0;

  bool full_ = false;
  TimerId retry_ = 0;

  bool rewriting_ = false;
  uint64_t rewrite_credit_bytes_ = 0;
  std::deque<LogIndex::LiveEntry> to_rewrite_;  // Of the oldest segment.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// --- Writing ---

void RaftLogImpl::Write(raft::LogWrite write, absl::AnyInvocable<void(absl::Status)> durable) {
  const uint64_t bytes = BoundOf(write);
  absl::Status refusal = failed_;
  if (refusal.ok() && (refused_.contains(write.group) ||
                       (queued_bytes_ > 0 && queued_bytes_ + bytes > options_.queue_limit_bytes))) {
    refused_.insert(write.group);
    refusal = absl::ResourceExhaustedError("the log's queue is full");
  }
  if (!refusal.ok()) {
    executor_->Post([durable = std::move(durable), refusal]() mutable { durable(refusal); });
    return;
  }
  Queued& queued = queued_[write.group];
  ++queued.writes;
  if (write.reset || write.destroy) queued.lowest = 0;
  if (!write.entries.empty()) queued.lowest = std::min(queued.lowest, write.entries[0].index);
  queued_bytes_ += bytes;
  queue_.push_back({std::move(write), std::move(durable), bytes});
  Schedule();
}

// The batch is formed after the events now queued, so that what they write
// joins it.
void RaftLogImpl::Schedule() {
  if (scheduled_ || in_flight_ || !failed_.ok() || (queue_.empty() && internal_.empty())) return;
  scheduled_ = true;
  Task start = [this, alive = Alive(alive_)] {
    if (alive.expired()) return;
    scheduled_ = false;
    StartBatch();
  };
  const Micros not_before = NotBefore();
  if (not_before == 0) return executor_->Post(std::move(start));
  executor_->At(not_before, std::move(start));
}

// 0: at once.
Micros RaftLogImpl::NotBefore() const {
  if (options_.clock == nullptr || last_writes_ < options_.busy_writes) return 0;
  const Micros at = last_start_ + options_.pace_us;
  return at <= options_.clock->Monotonic() ? 0 : at;
}

bool RaftLogImpl::HasRoom(uint64_t bytes, uint64_t limit) const {
  const uint64_t end = segments_.active().end;
  return end == 0 || AlignUp(end + kBatchHeaderBytes + bytes) <= limit;
}

bool RaftLogImpl::Oversized(uint64_t bytes) const {
  return AlignUp(kBatchHeaderBytes + bytes) > user_limit();
}

void RaftLogImpl::StartBatch() {
  if (in_flight_ || !failed_.ok()) return;
  DropUnwantedCopies();
  bool users = !queue_.empty() && HasRoom(queue_.front().bytes, user_limit());
  bool internal =
      !internal_.empty() && HasRoom(internal_.front().bytes, limit_of(internal_.front()));
  if ((!queue_.empty() && !users) || (!internal_.empty() && !internal)) {
    if (segments_.ready()) {
      segments_.Rotate(next_generation_++);
      users = !queue_.empty();
      // A write larger than a segment needs an empty one, which a record of the
      // log's own in front of it would spoil, again and again.
      internal = !internal_.empty() && !(users && Oversized(queue_.front().bytes));
    }
    PrepareNext();
    if (!users && !internal) segments_.Hurry();
  }
  if (users || internal) FormBatch(internal, users);
}

// All that they were made for may have been cut while they waited for room.
void RaftLogImpl::DropUnwantedCopies() {
  if (internal_.empty() || !internal_.front().copies) return;
  if (index_.has_live(segments_.oldest().generation)) return;
  internal_.clear();
  RetireOldest();
}

void RaftLogImpl::FormBatch(bool internal, bool users) {
  Segment& active = segments_.active();
  const LogPosition at{active.generation, active.end};
  uint64_t bytes = 0;
  for (const Pending& pending : queue_) {
    if ((bytes += pending.bytes) > options_.batch_limit_bytes) break;
  }
  BatchBuilder builder(at, std::min(bytes, options_.batch_limit_bytes));
  InFlight& batch = in_flight_.emplace();
  // One of the log's own at a time: they are in pieces to stay out of the way.
  if (internal) {
    internal_.front().form(builder);
    batch.internal.push_back(std::move(internal_.front().durable));
    internal_.pop_front();
  }
  bool first = !internal;
  while (users && !queue_.empty()) {
    const uint64_t more = queue_.front().bytes;
    const uint64_t end = builder.end() + more;
    if (!first && (end > user_limit() || batch.bytes + more > options_.batch_limit_bytes)) break;
    first = false;
    batch.bytes += more;
    batch.durable.push_back(std::move(queue_.front().durable));
    FormWrite(builder, std::move(queue_.front()));
    queue_.pop_front();
  }
  last_writes_ = batch.durable.size();
  if (options_.clock != nullptr) last_start_ = options_.clock->Monotonic();
  batch.first_live = segments_.oldest().generation;
  batch.end = {at.generation, builder.end()};
  std::vector<std::string> pieces;
  pieces.push_back(builder.Finish(position_, batch.first_live));
  active.file.file->Write(at.offset, std::move(pieces), /*sync=*/true,
                          [this, alive = Alive(alive_)](absl::Status status) {
                            if (!alive.expired()) Written(std::move(status));
                          });
  for (Task& read : std::exchange(waiting_reads_, {})) read();
}

void RaftLogImpl::FormWrite(BatchBuilder& builder, Pending pending) {
  const raft::LogWrite& write = pending.write;
  const raft::GroupId group = write.group;
  const uint64_t generation = segments_.active().generation;
  Dequeued(group);
  if (write.destroy) {
    builder.AddDestroy(group);
    index_.Destroy(group);
    return;
  }
  if (write.reset) {
    builder.AddPosition(RecordKind::kReset, group, *write.reset);
    index_.Reset(group, *write.reset, generation);
  }
  for (const raft::Entry& entry : write.entries) {
    const RecordPlace place = builder.AddEntry(group, entry);
    index_.Append(group, entry.index, {entry.term, generation, place});
  }
  if (write.hard_state) {
    builder.AddState(group, *write.hard_state);
    index_.SetState(group, *write.hard_state, generation);
  }
}

void RaftLogImpl::Dequeued(raft::GroupId group) {
  auto queued = queued_.find(group);
  if (--queued->second.writes == 0) queued_.erase(queued);
}

void RaftLogImpl::Written(absl::Status status) {
  if (!failed_.ok()) return;
  if (!status.ok()) return Fail(std::move(status));
  InFlight batch = *std::exchange(in_flight_, std::nullopt);
  ++syncs_;
  position_ = batch.end;
  queued_bytes_ -= batch.bytes;
  written_bytes_ += batch.bytes;
  rewrite_credit_bytes_ = std::min(rewrite_credit_bytes_ + kRewriteShare * batch.bytes,
                                   kMaxCreditSegments * options_.segment_bytes);
  Segment& active = segments_.active();
  active.end = batch.end.offset;
  active.file.bytes = std::max(active.file.bytes, active.end);
  const bool freed = segments_.Release(batch.first_live);
  if (freed && retry_ != 0) executor_->Cancel(std::exchange(retry_, 0));
  if (freed) PrepareNext();
  segments_.Advance();
  const Alive alive = alive_;
  for (Task& done : batch.internal) done();
  for (auto& durable : batch.durable) {
    durable(absl::OkStatus());
    if (alive.expired()) return;
  }
  MaybeRewrite();
  Schedule();
}

void RaftLogImpl::Fail(absl::Status status) {
  if (!failed_.ok()) return;
  // Not the device's own code: DataLoss (EIO) means one group's bytes to a replica, and this ends
  // the node.
  failed_ = absl::AbortedError(absl::StrCat("the shared log failed: ", status.message()));
  std::vector<absl::AnyInvocable<void(absl::Status)>> told;
  if (in_flight_) told = std::move(in_flight_->durable);
  in_flight_.reset();
  for (Pending& pending : queue_) told.push_back(std::move(pending.durable));
  queue_.clear();
  queued_.clear();
  internal_.clear();
  const Alive alive = alive_;
  std::vector<Task> reads = std::exchange(waiting_reads_, {});
  for (auto& durable : told) {
    durable(failed_);
    if (alive.expired()) return;
  }
  for (Task& read : reads) {
    read();
    if (alive.expired()) return;
  }
}

// --- Reading ---

void RaftLogImpl::Read(raft::GroupId group, raft::Index from, raft::Index to, size_t limit_bytes,
                       absl::AnyInvocable<void(absl::StatusOr<std::vector<raft::Entry>>)> done) {
  auto queued = queued_.find(group);
  if (queued != queued_.end() && queued->second.lowest <= to) {
    waiting_reads_.push_back(
        [this, group, from, to, limit_bytes, done = std::move(done)]() mutable {
          Read(group, from, to, limit_bytes, std::move(done));
        });
    return;
  }
  const GroupLog* log = index_.Find(group);
  if (log == nullptr || from <= log->start.index) {
    return done(absl::NotFoundError(
        absl::StrCat("group ", group, " entry ", from, ": below the log's start")));
  }
  if (from > log->last() || to < from) {
    return done(absl::OutOfRangeError(
        absl::StrCat("group ", group, " entry ", from, ": past the log's end ", log->last())));
  }
  std::vector<EntryPlace> places;
  uint64_t bytes = 0;
  for (raft::Index index = from; index <= std::min(to, log->last()); ++index) {
    const EntryPlace& place = log->at(index);
    bytes += place.record.bytes;
    if (!places.empty() && bytes > limit_bytes) break;
    places.push_back(place);
  }
  ReadRecords(segments_, places,
              [group, from,
               done = std::move(done)](absl::StatusOr<std::vector<std::string>> bodies) mutable {
                if (!bodies.ok()) return done(bodies.status());
                std::vector<raft::Entry> entries;
                entries.reserve(bodies->size());
                for (const std::string& body : *bodies) {
                  absl::StatusOr<Record> record = DecodeRecord(body);
                  if (!record.ok()) return done(record.status());
                  FASTPATH_CHECK(
                      record->group == group && record->entry.index == from + entries.size(),
                      "the index points at the entry's record");
                  entries.push_back(std::move(record->entry));
                }
                done(std::move(entries));
              });
}

// --- Segments ---

void RaftLogImpl::PrepareNext() {
  if (segments_.ready() || segments_.preparing() || retry_ != 0 || !failed_.ok()) return;
  segments_.Prepare([this](absl::Status status) { Prepared(std::move(status)); });
}

void RaftLogImpl::Prepared(absl::Status status) {
  full_ = absl::IsResourceExhausted(status);
  if (status.ok()) return Schedule();
  if (!full_) return Fail(std::move(status));
  if (options_.clock == nullptr) return;
  retry_ = executor_->At(options_.clock->Monotonic() + kFullRetryMicros, [this] {
    retry_ = 0;
    PrepareNext();
  });
}

void RaftLogImpl::Begin(LogFile first, std::string seal, std::vector<LogFile> free_once_sealed,
                        Done done) {
  segments_.Begin(std::move(first), next_generation_++);
  const LogPosition end{segments_.active().generation, seal.size()};
  std::vector<std::string> pieces;
  pieces.push_back(std::move(seal));
  segments_.active().file.file->Write(0, std::move(pieces), /*sync=*/true,
                                      [this, end, free = std::move(free_once_sealed),
                                       done = std::move(done)](absl::Status status) mutable {
                                        if (!status.ok()) return done(std::move(status));
                                        position_ = end;
                                        segments_.active().end = end.offset;
                                        for (LogFile& file : free) segments_.Free(std::move(file));
                                        PrepareNext();
                                        MaybeRewrite();
                                        done(absl::OkStatus());
                                      });
}

// --- Giving up the oldest segment ---

void RaftLogImpl::MaybeRewrite() {
  if (rewriting_ || !failed_.ok() || segments_.live() < 2) return;
  const uint64_t oldest = segments_.oldest().generation;
  if (index_.has_live(oldest)) {
    if (segments_.live() <= options_.rewrite_above_segments) return;
    // Else copying would not shrink the log, only turn it over.
    if (index_.live_bytes() > segments_.live_bytes() / 2) return;
    if (rewrite_credit_bytes_ < options_.segment_bytes) return;
    rewrite_credit_bytes_ -= options_.segment_bytes;
  }
  rewriting_ = true;
  std::vector<LogIndex::LiveEntry> live = index_.LiveIn(oldest);
  to_rewrite_.assign(live.begin(), live.end());
  RewriteSome();
}

void RaftLogImpl::RewriteSome() {
  std::vector<LogIndex::LiveEntry> piece;
  std::vector<EntryPlace> places;
  uint64_t bytes = 0;
  while (!to_rewrite_.empty()) {
    const LogIndex::LiveEntry& entry = to_rewrite_.front();
    if (index_.IsAt(entry.group, entry.index, entry.place)) {
      bytes += entry.place.record.bytes + kRecordOverheadBytes;
      if (!piece.empty() && bytes > kRewritePieceBytes) break;
      places.push_back(entry.place);
      piece.push_back(entry);
    }
    to_rewrite_.pop_front();
  }
  if (piece.empty()) return RetireOldest();
  ReadRecords(segments_, places,
              [this, alive = Alive(alive_),
               piece = std::move(piece)](absl::StatusOr<std::vector<std::string>> bodies) mutable {
                if (alive.expired() || !failed_.ok()) return;
                if (!bodies.ok()) return Fail(bodies.status());
                Rewrite(std::move(piece), *std::move(bodies));
              });
}

void RaftLogImpl::Rewrite(std::vector<LogIndex::LiveEntry> entries,
                          std::vector<std::string> bodies) {
  Internal item{.copies = true};
  for (const std::string& body : bodies) item.bytes += body.size() + kRecordOverheadBytes;
  item.form = [this, entries = std::move(entries),
               bodies = std::move(bodies)](BatchBuilder& builder) {
    const uint64_t generation = segments_.active().generation;
    for (size_t i = 0; i < entries.size(); ++i) {
      const auto& [group, index, place] = entries[i];
      // Replaced or cut since it was read?
      if (!index_.IsAt(group, index, place)) continue;
      index_.Move(group, index, {place.term, generation, builder.AddBody(AsKept(bodies[i]))});
    }
  };
  item.durable = [this] { RewriteSome(); };
  internal_.push_back(std::move(item));
  Schedule();
}

// The last of a segment: what its records say of groups is said again, in a
// batch that declares it dead.
void RaftLogImpl::RetireOldest() {
  Internal item;
  item.bytes = index_.groups().size() * 2 * kRecordOverheadBytes;
  item.form = [this](BatchBuilder& builder) {
    const uint64_t oldest = segments_.oldest().generation;
    const uint64_t generation = segments_.active().generation;
    FASTPATH_CHECK(!index_.has_live(oldest), "a retired segment holds no live entry");
    std::vector<raft::GroupId> states, starts;
    for (const auto& [group, log] : index_.groups()) {
      if (log.state_generation == oldest) states.push_back(group);
      if (log.start_generation == oldest || log.written_start < log.start.index) {
        starts.push_back(group);
      }
    }
    for (raft::GroupId group : states) {
      const raft::HardState state = index_.Find(group)->state;
      builder.AddState(group, state);
      index_.SetState(group, state, generation);
    }
    for (raft::GroupId group : starts) {
      builder.AddPosition(RecordKind::kStart, group, index_.Find(group)->start);
      index_.StartWritten(group, generation);
    }
    segments_.RetireOldest();
  };
  item.durable = [this] {
    rewriting_ = false;
    MaybeRewrite();
  };
  internal_.push_back(std::move(item));
  Schedule();
}

// Held by the callbacks it waits for, so that it ends with the disk.
struct Opening {
  std::unique_ptr<RaftLogImpl> log;
  LogFile first;
  std::string seal;
  std::vector<LogFile> free_once_sealed;
  absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<RaftLog>>)> done;

  static void Begin(std::shared_ptr<Opening> opening) {
    opening->log->Begin(std::move(opening->first), std::move(opening->seal),
                        std::move(opening->free_once_sealed), [opening](absl::Status status) {
                          if (!status.ok()) return opening->done(std::move(status));
                          opening->done(std::move(opening->log));
                        });
  }
};

// The file to begin with: a free one, or a new one.
std::string TakeFirstName(RecoveredLog& recovered) {
  std::optional<LogFile> free = TakeLargest(recovered.free);
  return free ? std::move(free->name) : SegmentName(recovered.next_number++);
}

}  // namespace

RaftLog::~RaftLog() = default;

void RaftLog::Open(Disk* disk, Executor* executor, Options options,
                   absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<RaftLog>>)> done) {
  RecoverLog(disk, [disk, executor, options,
                    done = std::move(done)](absl::StatusOr<RecoveredLog> recovered) mutable {
    if (!recovered.ok()) return done(recovered.status());
    auto opening = std::make_shared<Opening>();
    opening->first = {TakeFirstName(*recovered), nullptr, options.segment_bytes};
    opening->seal = std::move(recovered->seal);
    opening->free_once_sealed = std::move(recovered->free_once_sealed);
    opening->log = std::make_unique<RaftLogImpl>(disk, executor, options, *std::move(recovered));
    opening->done = std::move(done);
    disk->Open(opening->first.name, options.segment_bytes, /*sync=*/true,
               [opening](absl::StatusOr<std::unique_ptr<DiskFile>> file) {
                 if (!file.ok()) return opening->done(file.status());
                 opening->first.file = *std::move(file);
                 Opening::Begin(opening);
               });
  });
}

}  // namespace fastpath::storage
