// The steps of a transaction at apply (DESIGN 5 "Transactions"): what of it lies in
// one group. Who takes them there, and when, is txn/coordinator.h's.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/admission.h"
#include "partition/limits.h"
#include "partition/machine.h"
#include "partition/model/capacity.h"
#include "partition/model/codec.h"
#include "partition/require.h"
#include "partition/txn/reasons.h"
#include "partition/write.h"

namespace fastpath::partition {

namespace {

using command::Transact;

// Part of command version 4: what a transaction leaves in one group.
constexpr size_t kIntendedLimitBytes = 4u << 20;

// Whose transaction it is.
api::Session SessionOf(const std::string& id) {
  api::Session session;
  session.set_client(id.substr(0, kClientIdBytes));
  session.set_sequence(storage::GetBig(std::string_view(id).substr(kClientIdBytes)));
  return session;
}

bool IsOf(const api::Session& session, const std::string& id) {
  const api::Session own = SessionOf(id);
  return session.client() == own.client() && session.sequence() == own.sequence();
}

bool WellFormed(const Transact::Begin& begin, const std::string& id) {
  const auto& elsewhere = begin.elsewhere();
  return IsOf(begin.session(), id) && begin.writes_size() <= kTransactItemLimit &&
         elsewhere.size() <= kTransactItemLimit &&
         std::all_of(elsewhere.begin(), elsewhere.end(),
                     [](uint32_t bucket) { return bucket <= UINT16_MAX; });
}

bool WellFormed(const Transact& transact) {
  if (transact.has_forget()) {
    return true;
  }
  if (transact.id().size() != kTransactIdBytes || transact.place() > UINT16_MAX) {
    return false;
  }
  switch (transact.step_case()) {
    case Transact::kBegin:
      return WellFormed(transact.begin(), transact.id());
    case Transact::kPrepare:
      return IsOf(transact.prepare().session(), transact.id()) &&
             transact.prepare().writes_size() <= kTransactItemLimit;
    default:
      return transact.step_case() != Transact::STEP_NOT_SET;
  }
}

Intent IntentOf(const command::Write& write) {
  switch (write.op_case()) {
    case command::Write::kDelete:
      return Intent::kDelete;
    case command::Write::kCheck:
      return Intent::kCheck;
    default:
      return Intent::kPut;
  }
}

bool Conflicts(const command::Outcome& outcome) {
  const auto& reasons = outcome.transact().reasons();
  return std::any_of(reasons.begin(), reasons.end(), [](const api::TransactReason& reason) {
    return reason.code() == api::CONFLICT;
  });
}

void Cancel(command::Outcome& outcome) {
  Refuse(outcome, api::TRANSACTION_CANCELLED, kCancelledMessage);
  outcome.set_state(command::ABORTED);
  outcome.mutable_transact()->clear_capacity();
}

}  // namespace

// ------------------------------------------------------------------- locating

void Machine::LocateTransact(Step& step) {
  const Transact& transact = step.command->transact();
  if (!WellFormed(transact)) {
    return;
  }
  switch (transact.step_case()) {
    case Transact::kBegin:
      LocateRecorded(transact.begin().session());
      return LocateParts(step, transact.begin().writes());
    case Transact::kPrepare:
      LocateRecorded(transact.prepare().session());
      return LocateParts(step, transact.prepare().writes());
    case Transact::kDecide:
      LocateRecorded(SessionOf(transact.id()));
      return LocateHeld(transact.id());
    case Transact::kResolve:
      return LocateHeld(transact.id());
    default:
      return;
  }
}

void Machine::LocateParts(Step& step, const Writes& writes) {
  for (const command::Write& write : writes) {
    Part& part = step.parts.emplace_back();
    part.write = &write;
    part.table = catalog_.FindSpace(write.space());
    if (part.table == nullptr) {
      continue;
    }
    absl::StatusOr<model::EncodedKey> key = KeyOfWrite(*part.table, write);
    if (!key.ok()) {
      part.key_error = key.status();
      continue;
    }
    if (!catalog_.Owns(storage::BucketOf(key->hash))) {
      continue;
    }
    Cell* cell =
        Touch(*part.table, storage::DataKey(write.space(), key->hash, key->partition, key->sort));
    if (std::any_of(step.parts.begin(), step.parts.end(),
                    [cell](const Part& other) { return other.cell == cell; })) {
      part.key_error = absl::InvalidArgumentError(kOneItemTwiceMessage);
    } else {
      part.cell = cell;
    }
  }
}

Cell* Machine::Touch(const api::Table& table, std::string data_key, bool ask) {
  Cell* cell = work_->chunk.overlay.Touch(std::move(data_key), ask);
  if (table.ttl_change().under_way()) {
    cell->JudgeBy(ExpiryRule(table));
  }
  return cell;
}

// What it holds since before this chunk: the items, and what it will leave of them.
void Machine::LocateHeld(const std::string& id) {
  const absl::btree_set<std::string>* keys = locks_.KeysOf(id);
  if (keys == nullptr) {
    return;
  }
  for (const std::string& key : *keys) {
    if (!work_->chunk.lock_values.try_emplace(key).second) {
      continue;
    }
    work_->chunk.lock_keys.push_back(key);
    const api::Table* table = catalog_.FindSpace(storage::ParseDataKey(key)->space);
    if (table != nullptr) {
      Touch(*table, key);
    }
  }
}

// ----------------------------------------------------------------- evaluating

absl::Status Machine::EvaluateTransact(Step& step) {
  const Transact& transact = step.command->transact();
  if (!WellFormed(transact)) {
    Refuse(*step.outcome, api::INVALID, "a transaction's step that is malformed");
    return absl::OkStatus();
  }
  switch (transact.step_case()) {
    case Transact::kBegin:
      return Once(step, transact.begin().session(), &Machine::BeginOnce);
    case Transact::kPrepare:
      return Once(step, transact.prepare().session(), &Machine::PrepareOnce);
    case Transact::kDecide:
      return Decide(step);
    case Transact::kResolve:
      return Release(transact.id(), transact.resolve().commit(), step.command->stamp());
    default:
      Forget(transact);
      return absl::OkStatus();
  }
}

absl::Status Machine::BeginOnce(Step& step) {
  const Transact& transact = step.command->transact();
  const Transact::Begin& begin = transact.begin();
  if (RefuseMisplaced(step) || RefuseBegun(step) || RefuseByToken(step)) {
    return absl::OkStatus();
  }
  const bool alone = begin.elsewhere().empty();
  std::deque<Cell> after;
  absl::StatusOr<bool> possible = TryParts(step, after);
  if (!possible.ok()) {
    return possible.status();
  }
  if (!*possible && (alone || Conflicts(*step.outcome))) {
    Cancel(*step.outcome);
  } else if (!*possible) {
    // Doomed, but the other groups are asked, too: the client is told all that fails.
    step.outcome->set_state(command::PENDING);
    RecordBegun(step);
  } else if (alone) {
    step.outcome->set_state(command::COMMITTED);
    if (absl::Status executed = ExecuteParts(step); !executed.ok()) {
      return executed;
    }
  } else {
    step.outcome->set_state(command::PENDING);
    LockParts(step, after);
    RecordBegun(step);
  }
  if (step.outcome->state() != command::ABORTED && !begin.token().empty()) {
    transactions_.PutToken(begin.token(),
                           {.place = static_cast<storage::Bucket>(transact.place()),
                            .state = step.outcome->state(),
                            .expires = step.command->stamp() + kTokenLife,
                            .id = transact.id(),
                            .fingerprint = begin.fingerprint()},
                           work_->chunk.rows);
  }
  RecordOutcome(step, begin.session(), static_cast<storage::Bucket>(transact.place()));
  return absl::OkStatus();
}

void Machine::RecordBegun(const Step& step) {
  const Transact& transact = step.command->transact();
  TransactRecord record{.place = static_cast<storage::Bucket>(transact.place()),
                        .state = command::PENDING,
                        .stamp = step.command->stamp(),
                        .token = transact.begin().token()};
  for (const uint32_t bucket : transact.begin().elsewhere()) {
    record.elsewhere.push_back(static_cast<storage::Bucket>(bucket));
  }
  transactions_.Put(transact.id(), std::move(record), work_->chunk.rows);
}

// Its answer is no longer remembered, but it is not forgotten itself.
bool Machine::RefuseBegun(Step& step) {
  const bool begun = transactions_.Find(step.command->transact().id()) != nullptr;
  if (begun) {
    Refuse(*step.outcome, api::SESSION_EXPIRED, "the transaction was begun long ago");
  }
  return begun;
}

// Without effect, and not recorded: it may be tried again, elsewhere or later.
bool Machine::RefuseMisplaced(Step& step) {
  const Transact& transact = step.command->transact();
  // Only the group of its place begins it, and only others prepare it.
  bool here = transact.has_begin() == catalog_.Owns(static_cast<storage::Bucket>(transact.place()));
  for (const Part& part : step.parts) {
    here = here && (part.table == nullptr || part.key_error.has_value() || part.cell != nullptr);
  }
  if (!here) {
    Refuse(*step.outcome, api::WRONG_GROUP,
           absl::StrCat("not all of the transaction is in the range of group ", catalog_.group()));
    return true;
  }
  const bool locks = transact.has_prepare() || !transact.begin().elsewhere().empty();
  const bool full =
      lock_changes_.size() + step.parts.size() > kLockLimit ||
      (transact.has_begin() && transactions_.records().size() >= kTransactRecordLimit);
  if (locks && full) {
    Refuse(*step.outcome, api::OVERLOADED, "too many transactions are under way in the group");
  }
  return locks && full;
}

// Also answers what its token has done already.
bool Machine::RefuseByToken(Step& step) {
  const Transact::Begin& begin = step.command->transact().begin();
  if (begin.token().empty()) {
    return false;
  }
  const TransactToken* known = transactions_.FindToken(begin.token(), step.command->stamp());
  if (known == nullptr) {
    const bool full = transactions_.tokens() >= kTokenLimit;
    if (full) {
      Refuse(*step.outcome, api::SESSION_LIMIT, "the group remembers its limit of tokens");
    }
    return full;
  }
  if (known->fingerprint != begin.fingerprint()) {
    Refuse(*step.outcome, api::TOKEN_MISMATCH,
           "the token stands for another transaction of the last ten minutes");
  } else if (known->state == command::PENDING) {
    Refuse(*step.outcome, api::IN_PROGRESS, "the token's transaction is under way");
  } else {
    // Recorded: a repeat of this one, too, must execute nothing when the token has expired.
    step.outcome->set_state(command::COMMITTED);
    RecordOutcome(step, begin.session(),
                  static_cast<storage::Bucket>(step.command->transact().place()));
  }
  return true;
}

// Counts once: one that comes late, after the Resolve, would have its writes done again by
// whoever meets its locks and finds the record COMMITTED.
absl::Status Machine::PrepareOnce(Step& step) {
  if (RefuseMisplaced(step)) {
    return absl::OkStatus();
  }
  std::deque<Cell> after;
  absl::StatusOr<bool> possible = TryParts(step, after);
  if (!possible.ok()) {
    return possible.status();
  }
  if (!*possible) {
    Cancel(*step.outcome);
    return absl::OkStatus();
  }
  step.outcome->set_state(command::PENDING);
  LockParts(step, after);
  if (!step.parts.empty()) {
    const storage::DataKeyParts first = *storage::ParseDataKey(step.parts.front().cell->key());
    RecordOutcome(step, step.command->transact().prepare().session(),
                  storage::BucketOf(first.hash));
  }
  return absl::OkStatus();
}

// One reason for each write, and what they cost. `after`: each item as its write leaves it.
absl::StatusOr<bool> Machine::TryParts(Step& step, std::deque<Cell>& after) {
  bool possible = true;
  size_t bytes = 0;
  api::TransactWriteResult& result = *step.outcome->mutable_transact();
  for (const Part& part : step.parts) {
    Cell& cell = after.emplace_back(part.cell == nullptr ? std::string() : part.cell->key());
    absl::StatusOr<api::Code> code = TryPart(step, part, cell, result);
    if (!code.ok()) {
      return code.status();
    }
    possible = possible && *code == api::OK;
    bytes += cell.present() ? cell.Encoded().size() : 0;
    cell.Compact();
    if (bytes > kIntendedLimitBytes && possible) {
      possible = false;
      result.mutable_reasons()->rbegin()->set_code(api::TOO_LARGE);
      result.mutable_reasons()->rbegin()->set_message(
          "the items that the transaction leaves are over 4 MB");
    }
    if (!possible) {
      after.clear();  // Nobody asks for them any more; the reasons of the others are still due.
    }
  }
  if (possible) {
    result.clear_reasons();
  }
  BoundItems(*result.mutable_reasons());
  return possible;
}

absl::StatusOr<api::Code> Machine::TryPart(const Step& step, const Part& part, Cell& after,
                                           api::TransactWriteResult& result) {
  command::Outcome outcome;
  const Lock* lock = part.cell == nullptr ? nullptr : lock_changes_.Find(part.cell->key());
  if (part.table == nullptr) {
    Refuse(outcome, api::TABLE_NOT_FOUND, "Requested resource not found");
  } else if (part.key_error.has_value()) {
    Refuse(outcome, api::INVALID, ToStd(part.key_error->message()));
  } else if (lock != nullptr && lock->id != step.command->transact().id()) {
    Refuse(outcome, api::CONFLICT, "Transaction is ongoing for the item");
  } else {
    after.Borrow(*part.cell);
    absl::Status tried =
        ExecuteWrite(*part.table, *part.write, step.command->stamp(), after, outcome);
    if (!tried.ok()) {
      return tried;
    }
  }
  api::TransactReason& reason = *result.add_reasons();
  reason.set_code(outcome.code());
  reason.set_message(outcome.message());
  if (outcome.code() == api::CONDITION_FAILED) {
    reason.set_item(outcome.write().item());
  }
  if (outcome.write().has_capacity()) {
    model::AddCapacity(outcome.write().capacity(), *result.mutable_capacity(),
                       model::kTransactCost);
  }
  return outcome.code();
}

// Those that it holds already, it held as they are: nobody else could change them.
void Machine::LockParts(Step& step, std::deque<Cell>& after) {
  const Transact& transact = step.command->transact();
  for (size_t i = 0; i < step.parts.size(); ++i) {
    const Part& part = step.parts[i];
    if (lock_changes_.Find(part.cell->key()) != nullptr) {
      continue;
    }
    const Intent intent = IntentOf(*part.write);
    Lock lock{.id = transact.id(),
              .place = static_cast<storage::Bucket>(transact.place()),
              .stamp = step.command->stamp(),
              .expiry_seconds = part.cell->present() ? part.cell->header().expiry_seconds : 0,
              .intent = intent};
    lock_changes_.Put(part.cell->key(), std::move(lock),
                      intent == Intent::kPut ? after[i].Encoded() : std::string_view());
  }
}

absl::Status Machine::ExecuteParts(Step& step) {
  for (const Part& part : step.parts) {
    command::Outcome outcome;
    absl::Status executed =
        ExecuteWrite(*part.table, *part.write, step.command->stamp(), *part.cell, outcome);
    if (!executed.ok()) {
      return executed;
    }
    BoundDecoded(*part.cell);
    Require(outcome.code() == api::OK, "what was tried can be done");
  }
  return absl::OkStatus();
}

// The first decision stands, whoever asks for another.
absl::Status Machine::Decide(Step& step) {
  const Transact& transact = step.command->transact();
  const TransactRecord* record = transactions_.Find(transact.id());
  if (record == nullptr || record->state != command::PENDING) {
    step.outcome->set_state(record == nullptr ? command::NO_TRANSACTION : record->state);
    return absl::OkStatus();
  }
  const bool commit = transact.decide().commit();
  if (const TransactToken* token = transactions_.FindToken(record->token, 0);
      token != nullptr && token->id == transact.id()) {
    TransactToken decided = *token;
    decided.state = command::COMMITTED;
    const std::string name = record->token;
    if (commit) {
      transactions_.PutToken(name, std::move(decided), work_->chunk.rows);
    } else {
      transactions_.DropToken(name, work_->chunk.rows);
    }
  }
  step.outcome->set_state(commit ? command::COMMITTED : command::ABORTED);
  transactions_.SetState(transact.id(), step.outcome->state(), work_->chunk.rows);
  if (absl::Status amended = AmendOutcome(step); !amended.ok()) {
    return amended;
  }
  return Release(transact.id(), commit, step.command->stamp());
}

// What the client is told from now on, if it may still ask.
absl::Status Machine::AmendOutcome(Step& step) {
  const Transact& transact = step.command->transact();
  const api::Session session = SessionOf(transact.id());
  if (!sessions_.RecordKey(session).has_value()) {
    return absl::OkStatus();
  }
  command::Outcome outcome;
  *outcome.mutable_transact() = transact.decide().result();
  if (transact.decide().commit()) {
    outcome.set_state(command::COMMITTED);
  } else {
    Cancel(outcome);
  }
  return sessions_.Amend(session, RecordOf(session), outcome.SerializeAsString(),
                         work_->chunk.session_changes);
}

absl::Status Machine::Release(const std::string& id, bool commit, Stamp stamp) {
  for (const std::string& key : lock_changes_.KeysOf(id)) {
    const std::string* value = lock_changes_.ValueOf(key);
    if (value == nullptr) {
      value = &work_->chunk.lock_values.at(key);
    }
    std::string_view item = *value;
    absl::StatusOr<Lock> lock = TakeLock(item);
    if (!lock.ok()) {
      return lock.status();
    }
    if (commit) {
      Leave(key, *lock, item, stamp);
    }
    lock_changes_.Drop(key);
  }
  return absl::OkStatus();
}

void Machine::Leave(const std::string& data_key, const Lock& lock, std::string_view item,
                    Stamp stamp) {
  const api::Table* table = catalog_.FindSpace(storage::ParseDataKey(data_key)->space);
  if (table == nullptr || lock.intent == Intent::kCheck) {
    return;  // Its table went meanwhile, and all items with it.
  }
  Cell* cell = work_->chunk.overlay.Find(data_key);
  Require(cell != nullptr, "a held item was touched");
  if (lock.intent == Intent::kPut) {
    const std::string& kept = work_->chunk.intended.emplace_back(item);
    cell->Replace(kept, {stamp, ExpirySeconds(*table, kept, stamp)});
  } else if (cell->present()) {
    cell->Remove();
  }
}

void Machine::Forget(const Transact& transact) {
  for (const std::string& id : transact.forget().ids()) {
    const TransactRecord* record = transactions_.Find(id);
    if (record != nullptr && record->state != command::PENDING) {
      transactions_.Forget(id, work_->chunk.rows);
    }
  }
}

}  // namespace fastpath::partition
