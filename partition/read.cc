#include <algorithm>

#include "partition/admission.h"
#include "partition/expression/evaluate.h"
#include "partition/machine.h"
#include "partition/model/capacity.h"
#include "partition/model/codec.h"
#include "partition/ttl.h"

namespace fastpath::partition {

namespace {

// `item_bytes`: by DynamoDB's item size; 0 if there is none.
void FillCapacity(const api::GetRequest& request, size_t item_bytes, api::GetResult& result) {
  if (!request.return_capacity()) return;
  result.mutable_capacity()->set_table(request.table());
  result.mutable_capacity()->set_read_half_units(
      model::ReadHalfUnits(item_bytes, request.eventual()));
}

absl::Status Fill(const api::GetRequest& request, std::string_view item, Stamp version,
                  api::GetResult& result) {
  if (request.return_capacity()) {
    FillCapacity(request, model::EncodedItemSizeBytes(item), result);
  }
  result.set_found(true);
  result.set_version(version);
  if (request.projection_size() == 0) {
    result.set_item(item.data(), item.size());
    return absl::OkStatus();
  }
  absl::StatusOr<model::Item> decoded = model::DecodeItem(item);
  if (!decoded.ok()) {
    return absl::DataLossError("a stored item does not decode");
  }
  result.set_item(model::EncodeItem(expression::Project(request.projection(), *decoded)));
  return absl::OkStatus();
}

}  // namespace

Machine::Judged Machine::JudgedSince(const api::Table& table) {
  return {table.space(), table.ttl_change().at()};
}

bool Machine::StillJudged(const Judged& judged) const {
  const api::Table* table = catalog_.FindSpace(judged.space);
  return table == nullptr || table->ttl_change().at() == judged.since;
}

void Machine::Get(const api::GetRequest& request, ReadPoint at,
                  absl::AnyInvocable<void(absl::StatusOr<GetAnswer>)> done) {
  const api::Table* table = nullptr;
  model::EncodedKey key;
  std::optional<Refusal> refusal = FindActiveTable(catalog_, request.table(), &table);
  if (!refusal.has_value()) {
    refusal = LocateKey(catalog_, *table, request.key(), &key);
  }
  if (!refusal.has_value() && request.projection_size() > 0) {
    if (absl::Status valid = expression::ValidateProjection(request.projection()); !valid.ok()) {
      refusal = Refusal{api::INVALID, ToStd(valid.message())};
    }
  }
  if (refusal.has_value()) {
    return done(GetAnswer{.refusal = std::move(refusal)});
  }
  engine_->Get(storage::DataKey(table->space(), key.hash, key.partition, key.sort),
               [this, alive = std::weak_ptr<bool>(alive_), request, at, applied = applied_.stamp,
                rule = ExpiryRule(*table), judged = JudgedSince(*table),
                done = std::move(done)](absl::StatusOr<std::optional<std::string>> row) mutable {
                 if (alive.expired()) {
                   return;
                 }
                 if (!row.ok()) {
                   return done(row.status());
                 }
                 if (!StillJudged(judged)) {
                   return Get(request, at, std::move(done));
                 }
                 done(AnswerOf(request, at, applied, rule, *row));
               });
}

absl::StatusOr<StateMachine::GetAnswer> Machine::AnswerOf(const api::GetRequest& request,
                                                          ReadPoint at, Stamp applied,
                                                          const ExpiryRule& rule,
                                                          const std::optional<std::string>& row) {
  GetAnswer answer;
  FillCapacity(request, 0, answer.result);
  if (!row.has_value()) {
    return answer;
  }
  std::string_view item = *row;
  absl::StatusOr<ValueHeader> header = rule.TakeHeader(item);
  if (!header.ok()) {
    return header.status();
  }
  // What was expired to the last command then stays expired, whatever time it is here.
  // Commands since may have moved its expiry: they judge newer rows, not this one.
  if (header->ExpiredAt(std::max(at.now, applied))) {
    answer.needs_time_entry = !header->ExpiredAt(applied);
    return answer;
  }
  if (absl::Status filled = Fill(request, item, header->version, answer.result); !filled.ok()) {
    return filled;
  }
  return answer;
}

}  // namespace fastpath::partition
