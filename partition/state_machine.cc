#include "partition/state_machine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/admission.h"
#include "partition/known_fields.h"
#include "partition/machine.h"
#include "partition/require.h"
#include "partition/write.h"
#include "raft/codec.h"

namespace fastpath::partition {

namespace {

absl::Status At(raft::Index index, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat("entry ", index, ": ", why.message()));
}

}  // namespace

Machine::Machine(Loaded loaded, storage::Engine* engine, Listeners listeners)
    : engine_(engine),
      listeners_(std::move(listeners)),
      applied_(std::move(loaded.applied)),
      catalog_(std::move(loaded.catalog)),
      meta_(std::move(loaded.meta)),
      sessions_(std::move(loaded.sessions)),
      transactions_(std::move(loaded.transactions)),
      locks_(std::move(loaded.locks)),
      removed_before_(applied_.stamp) {}

std::optional<Refusal> Machine::Admit(const api::WriteRequest& request, command::Write* out) {
  return AdmitWrite(catalog_, request, out);
}

std::optional<Refusal> Machine::AdmitTransact(const api::TransactWriteRequest& request,
                                              AdmittedTransact* out) {
  return partition::AdmitTransact(catalog_, request, out);
}

StateMachine::SnapshotPoint Machine::Pin() {
  return {
      {applied_.index, applied_.term, applied_.configuration}, engine_->Pin(), catalog_.ranges()};
}

void Machine::Apply(std::vector<raft::Entry> entries, absl::AnyInvocable<void(absl::Status)> done) {
  if (phase_ == Phase::kFailed) {
    done(failure_);
    return;
  }
  Require(phase_ == Phase::kIdle, "one Apply at a time");
  entries_ = std::move(entries);
  next_entry_ = 0;
  done_ = std::move(done);
  work_ = Work::Take();
  phase_ = Phase::kBuild;
  Advance();
}

// Runs phases until one waits for the engine. Completions that arrive inline
// only set the next phase: the loop below goes on, so that a long run of chunks
// does not nest.
void Machine::Advance() {
  if (advancing_) {
    return;
  }
  advancing_ = true;
  std::weak_ptr<bool> alive = alive_;
  while (!alive.expired()) {
    switch (phase_) {
      case Phase::kBuild:
        BuildChunk();
        break;
      case Phase::kRead:
        ReadChunk();
        break;
      case Phase::kEvaluate:
        EvaluateChunk();
        break;
      case Phase::kWrite:
        WriteChunk();
        break;
      case Phase::kCommit:
        CommitChunk();
        break;
      case Phase::kIdle:
      case Phase::kReading:
      case Phase::kWriting:
      case Phase::kFailed:
        advancing_ = false;
        return;
    }
  }
}

void Machine::Fail(absl::Status why) {
  failure_ = std::move(why);
  phase_ = Phase::kFailed;
  Work::Give(std::move(work_));
  entries_.clear();
  auto done = std::exchange(done_, nullptr);
  done(failure_);
}

// ------------------------------------------------------------------- building

namespace {

google::protobuf::ArenaOptions ArenaOf(std::array<char, 16u << 10>& block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  return options;
}

constexpr size_t kIdleWorkLimit = 4;

}  // namespace

Machine::Work::Work() : arena(ArenaOf(arena_block)) {}

std::vector<std::unique_ptr<Machine::Work>>& Machine::Work::Idle() {
  static thread_local std::vector<std::unique_ptr<Work>> idle;
  return idle;
}

std::unique_ptr<Machine::Work> Machine::Work::Take() {
  if (Idle().empty()) return std::make_unique<Work>();
  std::unique_ptr<Work> work = std::move(Idle().back());
  Idle().pop_back();
  return work;
}

void Machine::Work::Give(std::unique_ptr<Work> work) {
  if (work == nullptr || Idle().size() >= kIdleWorkLimit) return;
  work->Clear();
  Idle().push_back(std::move(work));
}

void Machine::Work::Clear() {
  chunk.steps.clear();
  chunk.overlay.Clear();
  chunk.session_changes.Clear();
  chunk.record_keys.clear();
  chunk.recorded.clear();
  chunk.index_row_of.clear();
  chunk.index_rows.clear();
  chunk.lock_keys.clear();
  chunk.lock_values.clear();
  chunk.intended.clear();
  chunk.rows = {};
  chunk.configuration.reset();
  chunk.catalog.reset();
  chunk.meta.reset();
  chunk.digest = false;
  chunk.decoded_bytes = 0;
  arena.Reset();
}

void Machine::BeginChunk() {
  if (!work_->chunk.steps.empty()) {
    work_->Clear();
  }
  work_->chunk.index = applied_.index;
  work_->chunk.term = applied_.term;
  work_->chunk.stamp = applied_.stamp;
}

// Its entries go while they are in the processor's cache.
void Machine::FinishApply() {
  phase_ = Phase::kIdle;
  Work::Give(std::move(work_));
  entries_ = std::vector<raft::Entry>();
  auto done = std::exchange(done_, nullptr);
  done(absl::OkStatus());
}

void Machine::BuildChunk() {
  if (next_entry_ == entries_.size()) {
    return FinishApply();
  }
  BeginChunk();
  size_t bytes = 0;
  bool last = false;
  while (!last && next_entry_ < entries_.size() && work_->chunk.steps.size() < kChunkEntriesLimit &&
         bytes < kChunkLimitBytes &&
         work_->chunk.overlay.cells().size() + work_->chunk.lock_keys.size() < kChunkRowsLimit) {
    const raft::Entry& entry = entries_[next_entry_];
    if (absl::Status added = AddStep(entry, &last); !added.ok()) {
      if (work_->chunk.steps.empty()) {
        return Fail(At(entry.index, added));
      }
      break;  // What comes before it is applied first.
    }
    bytes += entry.payload->size();
    ++next_entry_;
  }
  phase_ = Phase::kRead;
}

absl::Status Machine::AddStep(const raft::Entry& entry, bool* last_of_chunk) {
  Require(entry.index == work_->chunk.index + 1, "entries continue the last batch");
  Step step{.term = entry.term, .index = entry.index, .kind = entry.kind};
  *last_of_chunk = false;
  if (entry.kind == raft::EntryKind::kConfiguration) {
    absl::StatusOr<raft::Configuration> decoded = raft::DecodeConfiguration(*entry.payload);
    if (!decoded.ok()) {
      return absl::DataLossError(decoded.status().message());
    }
    step.configuration = *std::move(decoded);
    *last_of_chunk = true;
  } else if (entry.kind == raft::EntryKind::kCommand) {
    absl::StatusOr<const command::Command*> parsed = Parse(entry);
    if (!parsed.ok()) {
      return parsed.status();
    }
    step.command = *parsed;
    step.outcome = google::protobuf::Arena::CreateMessage<command::Outcome>(&work_->arena);
    work_->chunk.stamp = step.command->stamp();
    if (step.command->has_write()) {
      LocateWrite(step);
    } else if (step.command->has_transact()) {
      LocateTransact(step);
    } else if (step.command->has_purge()) {
      LocatePurge(step);
    } else if (step.command->has_retime()) {
      LocateRetime(step);
      *last_of_chunk = step.command->retime().through();
    } else {
      *last_of_chunk = !step.command->has_time();
    }
  }
  work_->chunk.index = entry.index;
  work_->chunk.term = entry.term;
  work_->chunk.steps.push_back(std::move(step));
  return absl::OkStatus();
}

absl::StatusOr<const command::Command*> Machine::Parse(const raft::Entry& entry) {
  auto* command = google::protobuf::Arena::CreateMessage<command::Command>(&work_->arena);
  if (!command->ParseFromArray(entry.payload->data(), static_cast<int>(entry.payload->size()))) {
    return absl::DataLossError("a command that does not parse");
  }
  if (command->version() == 0 || command->version() > kCommandVersion) {
    return absl::UnimplementedError(
        absl::StrCat("command version ", command->version(), " is not known"));
  }
  if (!OfItsVersion(*command)) {
    return absl::UnimplementedError("a command that its version does not know");
  }
  if (!FullyKnown(*command) || command->op_case() == command::Command::OP_NOT_SET ||
      (command->has_write() && (command->write().op_case() == command::Write::OP_NOT_SET ||
                                command->write().has_check()))) {
    return absl::UnimplementedError("a command with a field that is not known");
  }
  if (command->has_set_version() && command->set_version().version() > kCommandVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "the cluster goes to version ", command->set_version().version(), ", which is not known"));
  }
  if (command->stamp() <= work_->chunk.stamp) {
    return absl::DataLossError(
        absl::StrCat("stamp ", command->stamp(), " is not above ", work_->chunk.stamp));
  }
  return command;
}

void Machine::LocateRecorded(const api::Session& session) {
  if (std::optional<std::string> recorded = sessions_.RecordKey(session)) {
    work_->chunk.record_keys.push_back(*std::move(recorded));
  }
}

void Machine::LocateWrite(Step& step) {
  const command::Write& write = step.command->write();
  LocateRecorded(write.session());
  step.table = catalog_.FindSpace(write.space());
  if (step.table == nullptr) {
    return;
  }
  absl::StatusOr<model::EncodedKey> key = KeyOfWrite(*step.table, write);
  if (!key.ok()) {
    step.key_error = key.status();
    return;
  }
  step.bucket = storage::BucketOf(key->hash);
  if (catalog_.Owns(step.bucket)) {
    step.cell =
        Touch(*step.table, storage::DataKey(write.space(), key->hash, key->partition, key->sort),
              AsksForItem(*step.table, write));
  }
}

// -------------------------------------------------------------------- reading

void Machine::ReadChunk() {
  std::vector<std::string> keys;
  keys.reserve(work_->chunk.overlay.cells().size() + work_->chunk.record_keys.size() +
               work_->chunk.index_rows.size());
  for (const Cell& cell : work_->chunk.overlay.cells()) {
    if (cell.asked()) {
      keys.push_back(cell.key());
    }
  }
  keys.insert(keys.end(), work_->chunk.record_keys.begin(), work_->chunk.record_keys.end());
  for (const IndexRow& row : work_->chunk.index_rows) {
    keys.push_back(row.key);
  }
  for (const std::string& key : work_->chunk.lock_keys) {
    keys.push_back(LockRowKey(key));
  }
  if (keys.empty()) {
    phase_ = Phase::kEvaluate;
    return;
  }
  phase_ = Phase::kReading;
  engine_->MultiGet(std::move(keys), [this, alive = std::weak_ptr<bool>(alive_)](auto rows) {
    if (!alive.expired()) {
      TakeRead(std::move(rows));
    }
  });
}

void Machine::TakeRead(absl::StatusOr<std::vector<std::optional<std::string>>> rows) {
  if (absl::IsResourceExhausted(rows.status())) {
    return Retry(Phase::kRead);
  }
  absl::Status taken = rows.ok() ? TakeRows(*std::move(rows)) : rows.status();
  if (!taken.ok()) {
    return Fail(std::move(taken));
  }
  phase_ = Phase::kEvaluate;
  Advance();
}

void Machine::Retry(Phase phase) {
  engine_->WhenWritable([this, phase, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) {
      phase_ = phase;
      Advance();
    }
  });
}

absl::Status Machine::TakeRows(std::vector<std::optional<std::string>> rows) {
  size_t next = 0;
  for (Cell& cell : work_->chunk.overlay.cells()) {
    if (!cell.asked()) {
      continue;
    }
    if (absl::Status loaded = cell.Load(std::move(rows[next++])); !loaded.ok()) {
      return loaded;
    }
  }
  for (std::string& key : work_->chunk.record_keys) {
    std::optional<std::string>& row = rows[next++];
    if (!row.has_value()) {
      return absl::DataLossError("a recorded answer is missing");
    }
    work_->chunk.recorded[std::move(key)] = *std::move(row);
  }
  for (IndexRow& row : work_->chunk.index_rows) {
    row.stored = rows[next++].has_value();
  }
  for (const std::string& key : work_->chunk.lock_keys) {
    std::optional<std::string>& row = rows[next++];
    if (!row.has_value()) {
      return absl::DataLossError("a lock's row is missing");
    }
    work_->chunk.lock_values[key] = *std::move(row);
  }
  return absl::OkStatus();
}

// ----------------------------------------------------------------- evaluating

void Machine::EvaluateChunk() {
  for (Step& step : work_->chunk.steps) {
    if (absl::Status evaluated = Evaluate(step); !evaluated.ok()) {
      return Fail(At(step.index, evaluated));
    }
  }
  phase_ = Phase::kWrite;
}

absl::Status Machine::Evaluate(Step& step) {
  switch (step.kind) {
    case raft::EntryKind::kNoop:
      return absl::OkStatus();
    case raft::EntryKind::kConfiguration:
      Reconfigure(step);
      return absl::OkStatus();
    case raft::EntryKind::kCommand:
      sessions_.Sweep(step.command->stamp(), work_->chunk.session_changes);
      transactions_.Sweep(step.command->stamp(), work_->chunk.rows);
      return EvaluateCommand(step);
  }
  return absl::UnimplementedError("an entry of an unknown kind");
}

absl::Status Machine::EvaluateCommand(Step& step) {
  switch (step.command->op_case()) {
    case command::Command::kWrite:
      return Once(step, step.command->write().session(), &Machine::ExecuteOnce);
    case command::Command::kTransact:
      return EvaluateTransact(step);
    case command::Command::kTime:
      return absl::OkStatus();
    case command::Command::kPurge:
      EvaluatePurge(step);
      return absl::OkStatus();
    case command::Command::kRetime:
      for (Cell* cell : step.retimed) {
        cell->Retime();
      }
      if (step.command->retime().through()) {
        ChangeCatalog(step);
      }
      return absl::OkStatus();
    case command::Command::kDigest:
      work_->chunk.digest = true;
      return absl::OkStatus();
    case command::Command::kSetTable:
    case command::Command::kSetVersion:
      ChangeCatalog(step);
      return absl::OkStatus();
    default:
      ChangeMeta(step);
      return absl::OkStatus();
  }
}

absl::Status Machine::Once(Step& step, const api::Session& session,
                           absl::Status (Machine::*execute)(Step&)) {
  switch (sessions_.Judge(session, step.command->stamp())) {
    case SessionTable::Verdict::kExecute:
      return (this->*execute)(step);
    case SessionTable::Verdict::kRecorded:
      return AnswerRecorded(step, session);
    case SessionTable::Verdict::kExpired:
      Refuse(*step.outcome, api::SESSION_EXPIRED,
             "the write came after its last moment, or after its client was done with it");
      break;
    case SessionTable::Verdict::kInvalid:
      Refuse(*step.outcome, api::INVALID,
             "session: malformed, or its last moment is more than ten minutes ahead");
      break;
    case SessionTable::Verdict::kFull:
      Refuse(*step.outcome, api::SESSION_LIMIT, "the group remembers its limit of answers");
      break;
  }
  return absl::OkStatus();
}

// Requires that there is one.
const std::string& Machine::RecordOf(const api::Session& session) const {
  const std::string key = *sessions_.RecordKey(session);
  if (const std::string* value = work_->chunk.session_changes.Find(key); value != nullptr) {
    return *value;
  }
  auto read = work_->chunk.recorded.find(key);
  Require(read != work_->chunk.recorded.end(), "a record from before the chunk was read");
  return read->second;
}

absl::Status Machine::AnswerRecorded(Step& step, const api::Session& session) {
  absl::StatusOr<std::string_view> outcome = RecordedOutcome(RecordOf(session));
  if (!outcome.ok()) {
    return outcome.status();
  }
  if (!step.outcome->ParseFromArray(outcome->data(), static_cast<int>(outcome->size()))) {
    return absl::DataLossError("a recorded answer does not parse");
  }
  step.outcome->set_repeated(step.command->has_transact());
  return absl::OkStatus();
}

absl::Status Machine::ExecuteOnce(Step& step) {
  const command::Write& write = step.command->write();
  if (step.table == nullptr) {
    Refuse(*step.outcome, api::TABLE_NOT_FOUND, "Requested resource not found");
    return absl::OkStatus();
  }
  if (step.key_error.has_value()) {
    Refuse(*step.outcome, api::INVALID, ToStd(step.key_error->message()));
    return absl::OkStatus();
  }
  if (step.cell == nullptr) {
    Refuse(*step.outcome, api::WRONG_GROUP,
           absl::StrCat("the key is not in the range of group ", catalog_.group()));
    return absl::OkStatus();
  }
  if (lock_changes_.Find(step.cell->key()) != nullptr) {
    Refuse(*step.outcome, api::CONFLICT, "a transaction holds the item");
    return absl::OkStatus();
  }
  const Stamp stamp = step.command->stamp();
  absl::Status executed = ExecuteWrite(*step.table, write, stamp, *step.cell, *step.outcome);
  BoundDecoded(*step.cell);
  if (executed.ok()) {
    RecordOutcome(step, write.session(), step.bucket);
  }
  return executed;
}

// A hot item is decoded once for all commands of a chunk; many large ones must not be at a time.
void Machine::BoundDecoded(Cell& cell) {
  work_->chunk.decoded_bytes += cell.decoded_weight();
  if (work_->chunk.decoded_bytes > kChunkDecodedBytes) {
    cell.Compact();
  }
}

void Machine::RecordOutcome(Step& step, const api::Session& session, storage::Bucket bucket) {
  work_->scratch.clear();
  step.outcome->AppendToString(&work_->scratch);
  sessions_.Record(session, bucket, step.command->stamp(), work_->scratch,
                   work_->chunk.session_changes);
}

void Machine::Reconfigure(const Step& step) {
  work_->chunk.configuration = step.configuration;
  work_->chunk.catalog = catalog_;
  work_->chunk.catalog->Reconfigured(work_->chunk.rows);
  if (catalog_.group() == raft::kMetaGroup) {
    work_->chunk.meta = meta_;
    work_->chunk.meta->Reconfigured(work_->chunk.catalog->Descriptor(step.configuration),
                                    step.index, work_->chunk.rows);
  }
}

void Machine::ChangeCatalog(Step& step) {
  work_->chunk.catalog = catalog_;
  if (step.command->has_set_version()) {
    work_->chunk.catalog->SetVersion(step.command->set_version().version(), work_->chunk.rows);
  } else if (step.command->has_retime()) {
    work_->chunk.catalog->Retimed(step.command->retime().space(), step.command->retime().revision(),
                                  work_->chunk.rows);
  } else {
    work_->chunk.catalog->SetTable(step.command->set_table().table(), step.command->stamp(),
                                   work_->chunk.rows, *step.outcome);
  }
}

void Machine::ChangeMeta(Step& step) {
  if (catalog_.group() != raft::kMetaGroup) {
    Refuse(*step.outcome, api::INVALID, "only the meta group executes this command");
    return;
  }
  Require(Meta::Understands(*step.command), "every known command is executed");
  work_->chunk.meta = meta_;
  work_->chunk.meta->Apply(*step.command, step.index, work_->chunk.rows, *step.outcome);
}

// -------------------------------------------------------------------- writing

void Machine::WriteChunk() {
  storage::WriteBatch batch;
  batch.Reserve(work_->chunk.rows.items().size() + 2 * work_->chunk.overlay.cells().size() +
                work_->chunk.session_changes.size() + 1);
  // Before the rows: if the chunk ends with a table's drop, its range tombstone takes them too.
  work_->chunk.overlay.AppendTo(batch);
  for (const storage::WriteBatch::Item& row : work_->chunk.rows.items()) {
    switch (row.op) {
      case storage::WriteBatch::Op::kPut:
        batch.Put(row.key, row.value);
        break;
      case storage::WriteBatch::Op::kPutNew:
        batch.PutNew(row.key, row.value);
        break;
      case storage::WriteBatch::Op::kDelete:
        batch.Delete(row.key);
        break;
      case storage::WriteBatch::Op::kDeleteRange:
        batch.DeleteRange({row.key, row.value});
        break;
    }
  }
  work_->chunk.session_changes.AppendTo(batch);
  lock_changes_.AppendTo(batch);
  const Chunk& chunk = work_->chunk;
  batch.Put(storage::AppliedKey(catalog_.group()),
            storage::EncodeAppliedRow(
                chunk.index, chunk.term, chunk.stamp,
                chunk.configuration ? *chunk.configuration : applied_.configuration));
  phase_ = Phase::kWriting;
  engine_->Write(std::move(batch),
                 [this, alive = std::weak_ptr<bool>(alive_)](absl::Status status) {
                   if (alive.expired()) {
                     return;
                   }
                   if (status.ok()) {
                     phase_ = Phase::kCommit;
                     return Advance();
                   }
                   if (absl::IsUnavailable(status)) {
                     return Retry(Phase::kWrite);
                   }
                   Fail(std::move(status));
                 });
}

void Machine::CommitChunk() {
  const bool changed = work_->chunk.catalog.has_value() ||
                       (work_->chunk.meta.has_value() &&
                        work_->chunk.meta->map().version() != meta_.map().version());
  applied_.index = work_->chunk.index;
  applied_.term = work_->chunk.term;
  applied_.stamp = work_->chunk.stamp;
  if (work_->chunk.configuration.has_value()) {
    applied_.configuration = *std::move(work_->chunk.configuration);
  }
  if (work_->chunk.catalog.has_value()) {
    catalog_ = *std::move(work_->chunk.catalog);
  }
  if (work_->chunk.meta.has_value()) {
    meta_ = *std::move(work_->chunk.meta);
  }
  if (work_->chunk.digest) {
    StartDigest();
  }
  lock_changes_.CommitTo(locks_);
  lock_changes_.Clear();
  NoteRemovals();
  phase_ = Phase::kBuild;
  TellExpiryMoves();
  std::weak_ptr<bool> alive = alive_;
  if (listeners_.outcome) {
    for (const Step& step : work_->chunk.steps) {
      if (step.command != nullptr) {
        listeners_.outcome(step.index, step.term, *step.outcome);
        if (alive.expired()) {
          return;
        }
      }
    }
  }
  if (changed && listeners_.catalog_changed) {
    listeners_.catalog_changed();
  }
}

void Machine::TellExpiryMoves() {
  if (!listeners_.expiry_moved) {
    return;
  }
  for (const Cell& cell : work_->chunk.overlay.cells()) {
    const Cell::ExpiryMove expiry = cell.expiry_move();
    if (expiry.from_seconds != expiry.to_seconds) {
      listeners_.expiry_moved(cell.key(), expiry.from_seconds, expiry.to_seconds);
    }
  }
}

}  // namespace fastpath::partition
