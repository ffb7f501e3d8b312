#include "client/internal/answers.h"

#include "absl/strings/str_cat.h"
#include "partition/model/capacity.h"
#include "partition/model/codec.h"

namespace fastpath::client::internal {
namespace {

// The server did its part, but what it said cannot be read.
Failure Unreadable(Outcome outcome, const absl::Status& why) {
  return Failure{outcome, api::INTERNAL,
                 absl::StrCat("the answer holds a malformed item: ", why.message()), std::nullopt};
}

const Value* Follow(const Value* value, const api::Step& step) {
  if (step.has_name()) {
    return value->is(model::Type::kMap) ? value->map().Find(step.name()) : nullptr;
  }
  if (!value->is(model::Type::kList) || value->list().empty()) return nullptr;
  // Of a list, the answer holds only the elements that changed.
  const std::vector<Value>& list = value->list();
  return &list[std::min<size_t>(step.index(), list.size() - 1)];
}

void AddReasons(const api::TransactWriteResult& result, Failure& failure) {
  std::string names;
  for (const api::TransactReason& reason : result.reasons()) {
    CancellationReason& out = failure.reasons.emplace_back();
    out.code = reason.code();
    out.message = reason.message();
    absl::StrAppend(&names, names.empty() ? "" : ", ", ReasonName(reason.code()));
    if (reason.item().empty()) continue;
    absl::StatusOr<Item> decoded = model::DecodeItem(reason.item());
    if (decoded.ok()) out.item = *std::move(decoded);
  }
  if (names.empty()) return;
  failure.message = absl::StrCat(
      "Transaction cancelled, please refer cancellation reasons for specific reasons [", names,
      "]");
}

}  // namespace

Failure FailureOf(const Answer& answer) {
  Failure failure{answer.outcome, answer.reply.code(), answer.reply.message(), std::nullopt};
  const std::string& item = answer.reply.write().item();
  if (!item.empty()) {
    absl::StatusOr<Item> decoded = model::DecodeItem(item);
    if (decoded.ok()) failure.item = *std::move(decoded);
  }
  if (answer.reply.write().has_capacity()) failure.capacity = answer.reply.write().capacity();
  AddReasons(answer.reply.transact_write(), failure);
  return failure;
}

Result<WriteAnswer> WriteAnswerOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  WriteAnswer result{.version = answer.reply.write().version()};
  if (answer.reply.write().has_capacity()) result.capacity = answer.reply.write().capacity();
  if (const std::string& item = answer.reply.write().item(); !item.empty()) {
    absl::StatusOr<Item> decoded = model::DecodeItem(item);
    if (!decoded.ok()) return Unreadable(Outcome::kUnknown, decoded.status());
    result.item = *std::move(decoded);
  }
  return result;
}

Result<GetAnswer> GetAnswerOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  const api::GetResult& got = answer.reply.get();
  GetAnswer result;
  if (got.has_capacity()) result.capacity = got.capacity();
  if (!got.found()) return result;
  absl::StatusOr<Item> decoded = model::DecodeItem(got.item());
  if (!decoded.ok()) return Unreadable(Outcome::kRefused, decoded.status());
  result.item = *std::move(decoded);
  result.version = got.version();
  return result;
}

namespace {

absl::StatusOr<Key> KeyOf(const api::Key& proto, const std::string& table) {
  absl::StatusOr<Value> partition = model::DecodeValue(proto.partition());
  if (!partition.ok()) return partition.status();
  if (proto.sort().empty()) return Key(table, *std::move(partition));
  absl::StatusOr<Value> sort = model::DecodeValue(proto.sort());
  if (!sort.ok()) return sort.status();
  return Key(table, *std::move(partition), *std::move(sort));
}

}  // namespace

Result<Page> PageOf(Answer answer, const std::string& table) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  const api::PageResult& got = answer.reply.page();
  Page page;
  page.items.reserve(static_cast<size_t>(got.items_size()));
  for (const std::string& item : got.items()) {
    absl::StatusOr<Item> decoded = model::DecodeItem(item);
    if (!decoded.ok()) return Unreadable(Outcome::kRefused, decoded.status());
    page.items.push_back(*std::move(decoded));
  }
  page.count = got.count();
  page.scanned_count = got.scanned_count();
  if (got.has_last_key()) {
    absl::StatusOr<Key> key = KeyOf(got.last_key(), table);
    if (!key.ok()) return Unreadable(Outcome::kRefused, key.status());
    page.last_key = *std::move(key);
  }
  if (got.has_capacity()) page.capacity = got.capacity();
  return page;
}

Result<ExportPage> ExportPageOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  ExportPage page;
  for (const std::string& item : answer.reply.export_().items()) {
    absl::StatusOr<Item> decoded = model::DecodeItem(item);
    if (!decoded.ok()) return Unreadable(Outcome::kRefused, decoded.status());
    page.items.push_back(*std::move(decoded));
  }
  page.after = answer.reply.export_().after();
  return page;
}

Result<model::Number> NumberAt(Answer answer, const api::Path& path) {
  Result<WriteAnswer> written = WriteAnswerOf(std::move(answer));
  if (!written.ok()) return written.failure();
  const Value* value = nullptr;
  if (written->item && path.steps_size() > 0) value = written->item->Find(path.steps(0).name());
  for (int i = 1; i < path.steps_size() && value != nullptr; ++i) {
    value = Follow(value, path.steps(i));
  }
  if (value == nullptr || !value->is(model::Type::kNumber)) {
    return Failure{Outcome::kUnknown, api::INTERNAL, "the answer lacks the new value",
                   std::nullopt};
  }
  return value->number();
}

Result<api::Table> TableOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  return std::move(*answer.reply.mutable_table());
}

namespace {

// The first refusal if nothing of the batch was done: as of a single request.
std::optional<Failure> NothingDone(const BatchEnd& end, const std::vector<BatchLeft>& refused) {
  if (end.refusal.outcome != Outcome::kOk) return FailureOf(end.refusal);
  if (refused.empty() || refused.size() < end.answers.size()) return std::nullopt;
  return refused.front().why;
}

}  // namespace

Result<BatchGetAnswer> BatchGetAnswerOf(BatchEnd end) {
  BatchGetAnswer result;
  result.items.resize(end.answers.size());
  google::protobuf::RepeatedPtrField<api::Capacity> capacity;
  for (size_t i = 0; i < end.answers.size(); ++i) {
    Result<GetAnswer> got = GetAnswerOf(std::move(end.answers[i]));
    if (!got.ok()) {
      result.unprocessed.push_back({i, got.failure()});
      continue;
    }
    if (got->capacity) model::AddCapacity(*got->capacity, capacity);
    result.items[i] = {std::move(got->item), got->version};
  }
  if (auto failure = NothingDone(end, result.unprocessed)) return *std::move(failure);
  result.capacity.assign(capacity.begin(), capacity.end());
  return result;
}

Result<BatchWriteAnswer> BatchWriteAnswerOf(BatchEnd end) {
  BatchWriteAnswer result;
  google::protobuf::RepeatedPtrField<api::Capacity> capacity;
  for (size_t i = 0; i < end.answers.size(); ++i) {
    const Answer& answer = end.answers[i];
    if (answer.reply.write().has_capacity()) {
      model::AddCapacity(answer.reply.write().capacity(), capacity);
    }
    if (answer.outcome == Outcome::kOk) continue;
    auto& left = answer.outcome == Outcome::kRefused ? result.unprocessed : result.unknown;
    left.push_back({i, FailureOf(answer)});
  }
  if (auto failure = NothingDone(end, result.unprocessed)) return *std::move(failure);
  result.capacity.assign(capacity.begin(), capacity.end());
  return result;
}

Result<TransactWriteAnswer> TransactWriteAnswerOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  TransactWriteAnswer result;
  const auto& capacity = answer.reply.transact_write().capacity();
  result.capacity.assign(capacity.begin(), capacity.end());
  return result;
}

Result<TransactGetAnswer> TransactGetAnswerOf(Answer answer, int asked) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  const api::TransactGetResult& got = answer.reply.transact_get();
  if (got.items_size() != asked) {
    return Failure{Outcome::kRefused, api::INTERNAL, "the answer lacks items", std::nullopt};
  }
  TransactGetAnswer result;
  for (const api::GetResult& item : got.items()) {
    TransactGetAnswer::Read& read = result.items.emplace_back();
    if (!item.found()) continue;
    absl::StatusOr<Item> decoded = model::DecodeItem(item.item());
    if (!decoded.ok()) return Unreadable(Outcome::kRefused, decoded.status());
    read.item = *std::move(decoded);
    read.version = item.version();
  }
  result.capacity.assign(got.capacity().begin(), got.capacity().end());
  return result;
}

}  // namespace fastpath::client::internal
