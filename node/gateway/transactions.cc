// TransactWriteItems and TransactGetItems.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/internal/transact.h"
#include "client/transaction.h"
#include "node/gateway/expressions.h"
#include "node/gateway/operations.h"
#include "node/gateway/results.h"
#include "node/gateway/values.h"
#include "partition/expression/evaluate.h"
#include "partition/frame.h"
#include "partition/limits.h"
#include "partition/model/key.h"

namespace fastpath::node::gateway {
namespace {

constexpr int64_t kItemsLimit = partition::kTransactItemLimit;
constexpr int64_t kTokenLimit = partition::kTokenLimitBytes;

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

Shape PartShape(std::vector<Member> own, Shape condition = Text()) {
  std::vector<Member> members = {
      {"TableName", TableName()},
      {"ConditionExpression", std::move(condition)},
      {"ExpressionAttributeNames", NamesShape()},
      {"ExpressionAttributeValues", AttributeMapShape()},
      {"ReturnValuesOnConditionCheckFailure", OneOf({"ALL_OLD", "NONE"})}};
  std::move(own.begin(), own.end(), std::back_inserter(members));
  return Structure(std::move(members));
}

Shape KeyMember() { return AttributeMapShape().Required(); }

// The one action of an item.
absl::StatusOr<std::pair<std::string_view, dom::object>> ActionOf(const dom::element& item) {
  static constexpr std::string_view kActions[] = {"Put", "Update", "Delete", "ConditionCheck"};
  const dom::object actions = ObjectOf(item);
  std::optional<std::pair<std::string_view, dom::object>> found;
  for (const std::string_view name : kActions) {
    const auto action = Find(actions, name);
    if (!action) continue;
    if (found) {
      return Wrong("TransactItems can only contain one of Check, Put, Update or Delete");
    }
    found = {name, ObjectOf(*action)};
  }
  if (!found) {
    return Wrong(
        "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request");
  }
  return *found;
}

// ---------------------------------------------------------------------- writes

template <class Write>
absl::Status ReadCommon(const dom::object& action, Expressions& expressions, Write& write) {
  if (absl::Status bad = expressions.Condition("ConditionExpression", write); !bad.ok()) return bad;
  write.set_return_item_on_failure(TextOf(action, "ReturnValuesOnConditionCheckFailure") ==
                                   "ALL_OLD");
  return absl::OkStatus();
}

// By its table's schema; FailedPrecondition: it does not match.
template <class Write>
absl::Status ReadKeyOf(const dom::object& action, const api::Table& table, Write& write) {
  auto attributes = ReadItem(*Find(action, "Key"));
  if (!attributes.ok()) return attributes.status();
  auto key = KeyOf(*attributes, table);
  if (!key.ok()) return key.status();
  write.mutable_key()->Swap(&*key);
  return Suspect(model::EncodeKey(table, write.key()).status());
}

// All that is said without the table.
absl::Status ReadAction(std::string_view kind, const dom::object& action, Expressions& expressions,
                        api::TransactItem& to) {
  absl::Status status;
  if (kind == "Put") {
    auto item = ReadEncodedItem(*Find(action, "Item"));
    if (!item.ok()) return item.status();
    to.mutable_put()->set_item(*std::move(item));
    status = ReadCommon(action, expressions, *to.mutable_put());
  } else if (kind == "Update") {
    status = expressions.Update("UpdateExpression", *to.mutable_update()->mutable_update());
    if (status.ok()) status = ReadCommon(action, expressions, *to.mutable_update());
  } else if (kind == "Delete") {
    status = ReadCommon(action, expressions, *to.mutable_delete_());
  } else {
    status = ReadCommon(action, expressions, *to.mutable_check());
  }
  return status.ok() ? expressions.Close() : status;
}

absl::Status ReadByTable(const dom::object& action, const api::Table& table,
                         api::TransactItem& to) {
  if (to.has_put()) return CheckKeyOf(to.put().item(), table);
  if (to.has_delete_()) return ReadKeyOf(action, table, *to.mutable_delete_());
  if (to.has_check()) return ReadKeyOf(action, table, *to.mutable_check());
  const absl::Status bad = ReadKeyOf(action, table, *to.mutable_update());
  return bad.ok() ? Suspect(expression::ValidateUpdate(table, to.update().update())) : bad;
}

absl::Status ReadWrite(Call& call, const dom::element& json, api::TransactItem& to) {
  auto action = ActionOf(json);
  if (!action.ok()) return action.status();
  const auto& [kind, parameters] = *action;
  to.set_table(std::string(TextOf(parameters, "TableName")));
  auto expressions = Expressions::Open(parameters, {"UpdateExpression", "ConditionExpression"}, {});
  if (!expressions.ok()) return expressions.status();
  absl::Status bad = ReadAction(kind, parameters, *expressions, to);
  if (!bad.ok()) return bad;
  auto table = call.Table(to.table());
  return table.ok() ? ReadByTable(parameters, **table, to) : table.status();
}

using Reasons = google::protobuf::RepeatedPtrField<api::TransactReason>;

// "Transaction cancelled, ... [None, ConditionalCheckFailed]" and each item's reason.
Error Cancelled(const Reasons& reasons) {
  std::vector<std::string> codes;
  model::JsonWriter json;
  json.BeginArray();
  for (const api::TransactReason& reason : reasons) {
    codes.push_back(client::ReasonName(reason.code()));
    json.BeginObject().Name("Code").String(codes.back());
    if (!reason.message().empty()) json.Name("Message").String(reason.message());
    if (!reason.item().empty()) {
      json.Name("Item");
      WriteItem(json, reason.item());
    }
    json.EndObject();
  }
  json.EndArray();
  Error error = ServiceError("TransactionCanceledException",
                             absl::StrCat(std::string(partition::kCancelledMessage), " [",
                                          absl::StrJoin(codes, ", "), "]"));
  error.members = absl::StrCat("\"CancellationReasons\":", json.text());
  return error;
}

// As if others had been in the way of each item.
Error CancelledByConflicts(int items) {
  Reasons reasons;
  for (int i = 0; i < items; ++i) reasons.Add()->set_code(api::CONFLICT);
  return Cancelled(reasons);
}

// Reads the items into `request`. One that its table's schema speaks against cancels the
// transaction, as a condition does; what is wrong with an item by itself is the whole call's error.
template <class Request, class Item>
absl::Status ReadItems(Call& call, Request& request,
                       absl::Status (*read)(Call&, const dom::element&, Item&)) {
  GrowingRequest growing(kClientFrameLimitBytes);
  Reasons reasons;
  absl::Status cancelled;
  for (const dom::element json : ArrayOf(*Find(call.parameters, "TransactItems"))) {
    Item& item = *request.add_items();
    absl::Status bad = read(call, json, item);
    api::TransactReason& reason = *reasons.Add();
    if (absl::IsFailedPrecondition(bad)) {
      reason.set_code(api::INVALID);
      reason.set_message(std::string(bad.message()));
      cancelled = std::exchange(bad, absl::OkStatus());
    }
    if (bad.ok()) bad = growing.Add(item);
    if (!bad.ok()) return bad;
  }
  if (!cancelled.ok()) call.refusal = Cancelled(reasons);
  return cancelled;
}

HttpResponse TransactWritten(const Answer& answer, WantsCapacity wants, int items) {
  if (answer.reply.code() == api::TRANSACTION_CANCELLED) {
    const Reasons& reasons = answer.reply.transact_write().reasons();
    // Without any, its coordinators were lost again and again.
    return Render(reasons.empty() ? CancelledByConflicts(items) : Cancelled(reasons));
  }
  if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
  model::JsonWriter json;
  json.BeginObject();
  WriteCapacities(json, answer.reply.transact_write().capacity(), wants, true);
  return Json(json.EndObject().Take());
}

// ------------------------------------------------------------------------ reads

absl::Status ReadGet(Call& call, const dom::element& json, api::TransactGetItem& to) {
  const dom::object get = ObjectOf(*Find(ObjectOf(json), "Get"));
  to.set_table(std::string(TextOf(get, "TableName")));
  auto expressions = Expressions::Open(get, {"ProjectionExpression"}, {});
  if (!expressions.ok()) return expressions.status();
  absl::Status bad = expressions->Projection(*to.mutable_projection());
  if (bad.ok()) bad = expressions->Close();
  if (!bad.ok()) return bad;
  auto table = call.Table(to.table());
  return table.ok() ? ReadKeyOf(get, **table, to) : table.status();
}

// In conflict until the deadline: any of the items may be the one that others kept changing.
HttpResponse TransactRead(const Answer& answer, WantsCapacity wants, int items) {
  if (answer.reply.code() == api::CONFLICT) return Render(CancelledByConflicts(items));
  if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
  const api::TransactGetResult& result = answer.reply.transact_get();
  model::JsonWriter json;
  json.BeginObject().Name("Responses").BeginArray();
  for (const api::GetResult& item : result.items()) {
    json.BeginObject();
    if (item.found()) {
      json.Name("Item");
      WriteItem(json, item.item());
    }
    json.EndObject();
  }
  json.EndArray();
  WriteCapacities(json, result.capacity(), wants, true);
  return Json(json.EndObject().Take());
}

}  // namespace

const Shape& TransactWriteItemsShape() {
  static const Shape shape = Structure(
      {{"TransactItems",
        ListOf(
            Structure({{"Put", PartShape({{"Item", KeyMember()}})},
                       {"Update",
                        PartShape({{"Key", KeyMember()}, {"UpdateExpression", Text().Required()}})},
                       {"Delete", PartShape({{"Key", KeyMember()}})},
                       {"ConditionCheck", PartShape({{"Key", KeyMember()}}, Text().Required())}}))
            .Required()
            .Between(1, kItemsLimit)},
       {"ClientRequestToken", Text().Between(1, kTokenLimit)},
       {"ReturnConsumedCapacity", CapacityShape()},
       {"ReturnItemCollectionMetrics", OneOf({"SIZE", "NONE"})}});
  return shape;
}

const Shape& TransactGetItemsShape() {
  static const Shape shape =
      Structure({{"TransactItems",
                  ListOf(Structure({{"Get", Structure({{"TableName", TableName()},
                                                       {"Key", KeyMember()},
                                                       {"ProjectionExpression", Text()},
                                                       {"ExpressionAttributeNames", NamesShape()}})
                                                .Required()}}))
                      .Required()
                      .Between(1, kItemsLimit)},
                 {"ReturnConsumedCapacity", CapacityShape()}});
  return shape;
}

absl::Status TransactWriteItems(Call& call) {
  api::TransactWriteRequest request;
  const WantsCapacity wants = WantsCapacityOf(call);
  request.set_return_capacity(wants != WantsCapacity::kNone);
  request.set_token(std::string(call.Text("ClientRequestToken")));
  call.Identify(*request.mutable_session());
  if (absl::Status bad = ReadItems(call, request, ReadWrite); !bad.ok()) return bad;
  const int items = request.items_size();
  client::internal::RunTransactWrite(call.core, std::move(request), false, 0,
                                     [wants, items, end = call.TakeEnd()](Answer answer) mutable {
                                       end(TransactWritten(answer, wants, items));
                                     });
  return absl::OkStatus();
}

absl::Status TransactGetItems(Call& call) {
  api::TransactGetRequest request;
  const WantsCapacity wants = WantsCapacityOf(call);
  request.set_return_capacity(wants != WantsCapacity::kNone);
  if (absl::Status bad = ReadItems(call, request, ReadGet); !bad.ok()) return bad;
  const int items = request.items_size();
  client::internal::RunTransactGet(call.core, std::move(request), 0,
                                   [wants, items, end = call.TakeEnd()](Answer answer) mutable {
                                     end(TransactRead(answer, wants, items));
                                   });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
