#include "client/internal/answers.h"

#include "absl/strings/str_cat.h"
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

}  // namespace

Failure FailureOf(const Answer& answer) {
  Failure failure{answer.outcome, answer.reply.code(), answer.reply.message(), std::nullopt};
  const std::string& item = answer.reply.write().item();
  if (!item.empty()) {
    absl::StatusOr<Item> decoded = model::DecodeItem(item);
    if (decoded.ok()) failure.item = *std::move(decoded);
  }
  if (answer.reply.write().has_capacity()) failure.capacity = answer.reply.write().capacity();
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

Result<api::Table> TableIn(Answer answer, const std::string& name) {
  if (answer.outcome != Outcome::kOk) return FailureOf(answer);
  for (const api::Table& table : answer.reply.map().tables()) {
    if (table.name() == name) return table;
  }
  return Failure{Outcome::kRefused, api::TABLE_NOT_FOUND,
                 absl::StrCat("there is no table \"", name, "\""), std::nullopt};
}

}  // namespace fastpath::client::internal
