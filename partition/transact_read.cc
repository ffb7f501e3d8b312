// What transactions mean for reads: who holds an item, and a transact-get's look at the
// items of one group.
#include <algorithm>
#include <utility>

#include "partition/admission.h"
#include "partition/expression/evaluate.h"
#include "partition/machine.h"
#include "partition/ttl.h"

namespace fastpath::partition {

// -------------------------------------------------------------------- holders

// Also if another TTL attribute decides since then when the item expires.
bool Machine::Outlived(std::string_view data_key, const Lock& lock, Stamp now) const {
  const api::Table* table = catalog_.FindSpace(storage::ParseDataKey(data_key)->space);
  const bool retimed = table != nullptr && table->ttl_change().at() > lock.stamp;
  return lock.OutlivedBy(now) || (retimed && table->ttl_change().at() <= now);
}

std::vector<StateMachine::Holder> Machine::HoldersIn(storage::KeyRange range, Stamp now,
                                                     std::string* from) const {
  range.begin = std::max(range.begin, *from);
  from->clear();
  absl::btree_map<std::string, Holder> found;
  for (auto held = locks_.by_key().lower_bound(range.begin);
       held != locks_.by_key().end() && held->first < range.end; ++held) {
    const Lock& lock = held->second;
    if (found.size() == kHoldersLimit && !found.contains(lock.id)) {
      *from = held->first;
      break;
    }
    Holder& holder = found[lock.id];
    holder.id = lock.id;
    holder.place = lock.place;
    holder.outlived = holder.outlived || Outlived(held->first, lock, now);
  }
  std::vector<Holder> holders;
  for (auto& [id, holder] : found) {
    holders.push_back(std::move(holder));
  }
  return holders;
}

std::vector<StateMachine::Holder> Machine::HolderOf(std::string_view data_key, Stamp now) const {
  const Lock* lock = locks_.Find(data_key);
  if (lock == nullptr) {
    return {};
  }
  return {{.id = lock->id, .place = lock->place, .outlived = Outlived(data_key, *lock, now)}};
}

std::vector<StateMachine::Holder> Machine::HoldersOf(const command::Write& write) const {
  const api::Table* table = locks_.empty() ? nullptr : catalog_.FindSpace(write.space());
  if (table == nullptr) {
    return {};
  }
  absl::StatusOr<model::EncodedKey> key = KeyOfWrite(*table, write);
  if (!key.ok()) {
    return {};
  }
  return HolderOf(storage::DataKey(table->space(), key->hash, key->partition, key->sort), 0);
}

std::vector<StateMachine::Holder> Machine::HoldersOf(const api::GetRequest& request,
                                                     Stamp now) const {
  const api::Table* table = nullptr;
  model::EncodedKey key;
  if (locks_.empty() || FindActiveTable(catalog_, request.table(), &table).has_value() ||
      LocateKey(catalog_, *table, request.key(), &key).has_value()) {
    return {};
  }
  return HolderOf(storage::DataKey(table->space(), key.hash, key.partition, key.sort), now);
}

std::vector<StateMachine::Holder> Machine::HoldersOf(const api::TransactGetRequest& request,
                                                     Stamp now) const {
  if (locks_.empty()) {
    return {};
  }
  std::vector<Holder> holders;
  for (const api::TransactGetItem& item : request.items()) {
    api::GetRequest get;
    get.set_table(item.table());
    *get.mutable_key() = item.key();
    for (Holder& holder : HoldersOf(get, now)) {
      const auto same = [&](const Holder& other) { return other.id == holder.id; };
      auto known = std::find_if(holders.begin(), holders.end(), same);
      if (known == holders.end()) {
        holders.push_back(std::move(holder));
      } else {
        known->outlived = known->outlived || holder.outlived;
      }
    }
  }
  return holders;
}

std::vector<StateMachine::Holder> Machine::HoldersSince(Stamp stamp,
                                                        const std::string& after) const {
  std::vector<Holder> holders;
  for (auto held = locks_.by_id().upper_bound(after);
       held != locks_.by_id().end() && holders.size() < kHoldersLimit; ++held) {
    const Lock& lock = *locks_.Find(*held->second.begin());
    if (lock.stamp < stamp) {
      holders.push_back({.id = held->first, .place = lock.place});
    }
  }
  return holders;
}

// ------------------------------------------------------------------- removals

Stamp Machine::RemovedBy(storage::Bucket bucket) const {
  auto found = removed_.find(bucket);
  return found == removed_.end() ? removed_before_ : found->second;
}

void Machine::NoteRemovals() {
  for (const Cell& cell : work_->chunk.overlay.cells()) {
    if (cell.removed()) {
      removed_[storage::BucketOf(storage::ParseDataKey(cell.key())->hash)] = applied_.stamp;
    }
  }
}

// ---------------------------------------------------------------- transact-get

// One look at the items, from their rows as the engine had them at the call.
struct Machine::Observation {
  std::vector<api::GetRequest> gets;
  std::vector<ExpiryRule> rules;
  std::vector<Judged> judged;
  std::vector<std::string> keys;
  std::vector<Seen> seen;  // Without what comes with the rows.
  Stamp applied = 0;
};

std::optional<Refusal> Machine::LookAt(const api::TransactGetItem& item, bool capacity,
                                       Observation& look) const {
  const api::Table* table = nullptr;
  model::EncodedKey key;
  if (auto refusal = FindActiveTable(catalog_, item.table(), &table)) {
    return refusal;
  }
  if (auto refusal = LocateKey(catalog_, *table, item.key(), &key)) {
    return refusal;
  }
  if (absl::Status valid = expression::ValidateProjection(item.projection());
      !item.projection().empty() && !valid.ok()) {
    return Refusal{api::INVALID, ToStd(valid.message())};
  }
  api::GetRequest& get = look.gets.emplace_back();
  get.set_table(item.table());
  *get.mutable_projection() = item.projection();
  get.set_return_capacity(capacity);
  look.rules.emplace_back(*table);
  look.judged.push_back(JudgedSince(*table));
  look.keys.push_back(storage::DataKey(table->space(), key.hash, key.partition, key.sort));
  look.seen.push_back({.locked = locks_.Find(look.keys.back()) != nullptr});
  return std::nullopt;
}

void Machine::Observe(const api::TransactGetRequest& request, ReadPoint at,
                      absl::AnyInvocable<void(absl::StatusOr<ObserveAnswer>)> done) {
  auto look = std::make_shared<Observation>();
  look->applied = applied_.stamp;
  for (const api::TransactGetItem& item : request.items()) {
    if (auto refusal = LookAt(item, request.return_capacity(), *look)) {
      return done(ObserveAnswer{.refusal = std::move(refusal)});
    }
  }
  engine_->MultiGet(look->keys, [this, alive = std::weak_ptr<bool>(alive_), request, at, look,
                                 done = std::move(done)](auto rows) mutable {
    if (alive.expired()) {
      return;
    }
    if (!rows.ok()) {
      return done(rows.status());
    }
    for (const Judged& judged : look->judged) {
      if (!StillJudged(judged)) {
        return Observe(request, at, std::move(done));
      }
    }
    done(Observed(*look, at, *rows));
  });
}

absl::StatusOr<StateMachine::ObserveAnswer> Machine::Observed(
    Observation& look, ReadPoint at, const std::vector<std::optional<std::string>>& rows) {
  ObserveAnswer answer;
  size_t bytes = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StatusOr<GetAnswer> got =
        AnswerOf(look.gets[i], at, look.applied, look.rules[i], rows[i]);
    if (!got.ok()) {
      return got.status();
    }
    if (rows[i].has_value()) {
      std::string_view row = *rows[i];
      look.seen[i].version = TakeValueHeader(row)->version;
    }
    // Asked after the row: what was removed before it was read counts.
    look.seen[i].removed = RemovedBy(storage::BucketOf(storage::ParseDataKey(look.keys[i])->hash));
    answer.needs_time_entry = answer.needs_time_entry || got->needs_time_entry;
    bytes += got->result.item().size();
    answer.items.push_back(std::move(got->result));
  }
  if (bytes > kTransactLimitBytes) {
    return ObserveAnswer{.refusal = Refusal{api::TOO_LARGE, "the items are over 4 MB"}};
  }
  answer.seen = std::move(look.seen);
  return answer;
}

}  // namespace fastpath::partition
