#include "partition/write.h"

#include <algorithm>

#include "partition/expression/evaluate.h"
#include "partition/limits.h"
#include "partition/model/capacity.h"
#include "partition/model/codec.h"
#include "partition/require.h"
#include "partition/ttl.h"

namespace fastpath::partition {

namespace {

// One write on one cell; the three operations share these steps.
class Execution {
 public:
  Execution(const api::Table& table, Stamp stamp, Cell& cell, command::Outcome& outcome)
      : table_(table), stamp_(stamp), cell_(cell), outcome_(outcome) {}

  absl::Status Put(const api::Put& put);
  absl::Status Update(const api::Update& update);
  absl::Status Delete(const api::Delete& del);
  absl::Status Check(const api::ConditionCheck& check);

 private:
  // The item as conditions and updates see it.
  absl::StatusOr<const model::Item*> Before();
  // False, with the outcome said, if the condition does not hold.
  absl::StatusOr<bool> ConditionHolds(const api::Condition& condition, bool return_item);
  absl::StatusOr<model::Item> NewItem(const api::Key& key) const;
  void ReturnOld(api::ReturnValues return_values);
  void ReturnItem(const model::Item& item);

  const api::Table& table_;
  const Stamp stamp_;
  Cell& cell_;
  command::Outcome& outcome_;
};

absl::StatusOr<const model::Item*> Execution::Before() {
  static const model::Item* const kNone = new model::Item;
  if (!cell_.VisibleAt(stamp_)) {
    return kNone;
  }
  return cell_.Decoded();
}

absl::StatusOr<bool> Execution::ConditionHolds(const api::Condition& condition, bool return_item) {
  absl::StatusOr<const model::Item*> before = Before();
  if (!before.ok()) {
    return before.status();
  }
  if (expression::Holds(condition, **before)) {
    return true;
  }
  Refuse(outcome_, api::CONDITION_FAILED, kConditionFailedMessage);
  if (return_item && cell_.VisibleAt(stamp_)) {
    std::string_view encoded = cell_.Encoded();
    outcome_.mutable_write()->set_item(encoded.data(), encoded.size());
    outcome_.mutable_write()->set_version(cell_.header().version);
  }
  return false;
}

absl::Status Execution::Put(const api::Put& put) {
  if (put.has_condition()) {
    absl::StatusOr<bool> holds = ConditionHolds(put.condition(), put.return_item_on_failure());
    if (!holds.ok() || !*holds) {
      return holds.status();
    }
  }
  if (model::EncodedItemSizeBytes(put.item()) > model::kItemLimitBytes) {
    Refuse(outcome_, api::TOO_LARGE, kItemTooLargeMessage);
    return absl::OkStatus();
  }
  ReturnOld(put.return_values());
  cell_.Replace(put.item(), {stamp_, ExpirySeconds(table_, put.item(), stamp_)});
  outcome_.mutable_write()->set_version(stamp_);
  return absl::OkStatus();
}

absl::Status Execution::Delete(const api::Delete& del) {
  if (del.has_condition()) {
    absl::StatusOr<bool> holds = ConditionHolds(del.condition(), del.return_item_on_failure());
    if (!holds.ok() || !*holds) {
      return holds.status();
    }
  }
  ReturnOld(del.return_values());
  outcome_.mutable_write()->set_version(0);
  if (cell_.present()) {
    cell_.Remove();
  }
  return absl::OkStatus();
}

absl::Status Execution::Check(const api::ConditionCheck& check) {
  return ConditionHolds(check.condition(), check.return_item_on_failure()).status();
}

absl::Status Execution::Update(const api::Update& update) {
  if (update.has_condition()) {
    absl::StatusOr<bool> holds =
        ConditionHolds(update.condition(), update.return_item_on_failure());
    if (!holds.ok() || !*holds) {
      return holds.status();
    }
  }
  absl::StatusOr<const model::Item*> before = Before();
  if (!before.ok()) {
    return before.status();
  }
  absl::StatusOr<model::Item> after =
      cell_.VisibleAt(stamp_) ? absl::StatusOr<model::Item>(**before) : NewItem(update.key());
  if (!after.ok()) {
    return after.status();
  }
  model::Item updated;
  const bool wants_updated = update.return_values() == api::UPDATED_NEW;
  absl::Status applied =
      expression::Apply(update.update(), *after, wants_updated ? &updated : nullptr);
  if (!applied.ok()) {
    Refuse(outcome_, absl::IsResourceExhausted(applied) ? api::TOO_LARGE : api::INVALID,
           ToStd(applied.message()));
    return absl::OkStatus();
  }
  switch (update.return_values()) {
    case api::UPDATED_OLD:
      ReturnItem(expression::Touched(update.update(), **before));
      break;
    case api::UPDATED_NEW:
      ReturnItem(updated);
      break;
    default:
      ReturnOld(update.return_values());
  }
  const uint64_t expiry = ExpirySeconds(table_, *after, stamp_);
  cell_.Replace(*std::move(after), {stamp_, expiry});
  if (update.return_values() == api::ALL_NEW) {
    std::string_view encoded = cell_.Encoded();
    outcome_.mutable_write()->set_item(encoded.data(), encoded.size());
  }
  outcome_.mutable_write()->set_version(stamp_);
  return absl::OkStatus();
}

absl::StatusOr<model::Item> Execution::NewItem(const api::Key& key) const {
  model::Item item;
  absl::StatusOr<model::Value> partition = model::DecodeValue(key.partition());
  if (!partition.ok()) {
    return absl::DataLossError("a committed update's key does not decode");
  }
  item.Set(table_.partition_key().name(), *std::move(partition));
  if (!table_.sort_key().name().empty()) {
    absl::StatusOr<model::Value> sort = model::DecodeValue(key.sort());
    if (!sort.ok()) {
      return absl::DataLossError("a committed update's key does not decode");
    }
    item.Set(table_.sort_key().name(), *std::move(sort));
  }
  return item;
}

void Execution::ReturnOld(api::ReturnValues return_values) {
  if (return_values == api::ALL_OLD && cell_.VisibleAt(stamp_)) {
    std::string_view encoded = cell_.Encoded();
    outcome_.mutable_write()->set_item(encoded.data(), encoded.size());
  }
}

void Execution::ReturnItem(const model::Item& item) {
  if (!item.empty()) {
    outcome_.mutable_write()->set_item(model::EncodeItem(item));
  }
}

}  // namespace

bool AsksForItem(const api::Table& table, const command::Write& write) {
  return !write.has_put() || write.put().has_condition() ||
         write.put().return_values() != api::NONE || write.return_capacity() ||
         !table.ttl_attribute().empty() || table.ttl_change().at() != 0;
}

void Refuse(command::Outcome& outcome, api::Code code, std::string_view message) {
  outcome.set_code(code);
  outcome.set_message(message.data(), message.size());
}

namespace {

absl::Status Execute(const api::Table& table, const command::Write& write, Stamp stamp, Cell& cell,
                     command::Outcome& outcome) {
  Execution execution(table, stamp, cell, outcome);
  switch (write.op_case()) {
    case command::Write::kPut:
      return execution.Put(write.put());
    case command::Write::kUpdate:
      return execution.Update(write.update());
    case command::Write::kDelete:
      return execution.Delete(write.delete_());
    case command::Write::kCheck:
      return execution.Check(write.check());
    case command::Write::OP_NOT_SET:
      break;
  }
  return absl::UnimplementedError("a write of an unknown kind");
}

}  // namespace

absl::Status ExecuteWrite(const api::Table& table, const command::Write& write, Stamp stamp,
                          Cell& cell, command::Outcome& outcome) {
  if (!write.return_capacity()) {
    return Execute(table, write, stamp, cell, outcome);
  }
  size_t bytes = cell.VisibleAt(stamp) ? cell.SizeBytes() : 0;
  absl::Status executed = Execute(table, write, stamp, cell, outcome);
  if (outcome.code() == api::OK) {
    bytes = std::max(bytes, cell.SizeBytes());
  } else if (outcome.code() != api::CONDITION_FAILED) {
    return executed;  // Refused for what it asked.
  }
  api::Capacity& capacity = *outcome.mutable_write()->mutable_capacity();
  capacity.set_table(table.name());
  capacity.set_write_units(model::WriteUnits(bytes));
  return executed;
}

}  // namespace fastpath::partition
