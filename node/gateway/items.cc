// PutItem, GetItem, UpdateItem, DeleteItem.
#include <string>
#include <utility>

#include "node/gateway/expressions.h"
#include "node/gateway/legacy.h"
#include "node/gateway/operations.h"
#include "node/gateway/results.h"
#include "node/gateway/values.h"

namespace fastpath::node::gateway {
namespace {

// What all three writes take besides their own.
std::vector<Member> WriteMembers(std::vector<Member> own) {
  std::vector<Member> members = {
      {"TableName", TableName()},
      {"Expected", ExpectedShape()},
      {"ConditionalOperator", ConditionalOperatorShape()},
      {"ConditionExpression", Text()},
      {"ExpressionAttributeNames", NamesShape()},
      {"ExpressionAttributeValues", AttributeMapShape()},
      {"ReturnConsumedCapacity", CapacityShape()},
      {"ReturnItemCollectionMetrics", OneOf({"SIZE", "NONE"})},
      {"ReturnValues", OneOf({"ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"})},
      {"ReturnValuesOnConditionCheckFailure", OneOf({"ALL_OLD", "NONE"})},
  };
  std::move(own.begin(), own.end(), std::back_inserter(members));
  return members;
}

// Put, Delete and Update alike.
template <class Write>
absl::Status ReadCondition(const Call& call, Expressions& expressions, Write& write) {
  if (expressions.Has("ConditionExpression")) {
    return expressions.Condition("ConditionExpression", write);
  }
  auto condition = ReadExpected(call.parameters);
  if (!condition.ok()) return condition.status();
  if (*condition) *write.mutable_condition() = **std::move(condition);
  return absl::OkStatus();
}

template <class Write>
absl::Status ReadReturns(const Call& call, bool any, Write& write) {
  const std::string_view asked = call.Text("ReturnValues");
  api::ReturnValues values = api::NONE;
  if (!asked.empty()) api::ReturnValues_Parse(std::string(asked), &values);
  if (!any && values != api::NONE && values != api::ALL_OLD) {
    return absl::InvalidArgumentError("Return values set to invalid value");
  }
  write.set_return_values(values);
  write.set_return_item_on_failure(call.Text("ReturnValuesOnConditionCheckFailure") == "ALL_OLD");
  return absl::OkStatus();
}

HttpResponse Written(const Answer& answer, WantsCapacity wants) {
  if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
  const api::WriteResult& result = answer.reply.write();
  model::JsonWriter json;
  json.BeginObject();
  if (!result.item().empty()) {
    json.Name("Attributes");
    WriteItem(json, result.item());
  }
  if (result.has_capacity()) WriteCapacity(json, result.capacity(), wants);
  return Json(json.EndObject().Take());
}

void SendWrite(Call& call, api::Request request) {
  api::WriteRequest& write = *request.mutable_write();
  const WantsCapacity wants = WantsCapacityOf(call);
  write.set_return_capacity(wants != WantsCapacity::kNone);
  call.Identify(*write.mutable_session());
  call.Send(std::move(request), Target::Key(),
            [wants](Answer answer) { return Written(answer, wants); });
}

api::Request WriteTo(const Call& call) {
  api::Request request;
  request.mutable_write()->set_table(std::string(call.Text("TableName")));
  return request;
}

}  // namespace

const Shape& PutItemShape() {
  static const Shape shape = Structure(WriteMembers({{"Item", AttributeMapShape().Required()}}));
  return shape;
}

const Shape& DeleteItemShape() {
  static const Shape shape = Structure(WriteMembers({{"Key", AttributeMapShape().Required()}}));
  return shape;
}

const Shape& UpdateItemShape() {
  static const Shape shape = Structure(WriteMembers(
      {{"Key", AttributeMapShape().Required()},
       {"UpdateExpression", Text()},
       {"AttributeUpdates", MapOf(Structure({{"Action", OneOf({"ADD", "DELETE", "PUT"})},
                                             {"Value", AttributeValue()}}))}}));
  return shape;
}

const Shape& GetItemShape() {
  static const Shape shape = Structure({{"TableName", TableName()},
                                        {"Key", AttributeMapShape().Required()},
                                        {"AttributesToGet", ListOf(Text()).AtLeast(1)},
                                        {"ConsistentRead", Boolean()},
                                        {"ReturnConsumedCapacity", CapacityShape()},
                                        {"ProjectionExpression", Text()},
                                        {"ExpressionAttributeNames", NamesShape()}});
  return shape;
}

absl::Status PutItem(Call& call) {
  auto expressions = Expressions::Open(call.parameters, {"ConditionExpression"},
                                       {"Expected", "ConditionalOperator"});
  if (!expressions.ok()) return expressions.status();
  api::Request request = WriteTo(call);
  api::Put& put = *request.mutable_write()->mutable_put();
  if (absl::Status bad = ReadReturns(call, false, put); !bad.ok()) return bad;
  auto item = ReadEncodedItem(*Find(call.parameters, "Item"));
  if (!item.ok()) return item.status();
  put.set_item(*std::move(item));
  if (absl::Status bad = ReadCondition(call, *expressions, put); !bad.ok()) return bad;
  if (absl::Status unused = expressions->Close(); !unused.ok()) return unused;
  auto table = call.Table(call.Text("TableName"));
  if (!table.ok()) return table.status();
  if (absl::Status bad = CheckKeyOf(put.item(), **table); !bad.ok()) return bad;
  SendWrite(call, std::move(request));
  return absl::OkStatus();
}

absl::Status DeleteItem(Call& call) {
  auto expressions = Expressions::Open(call.parameters, {"ConditionExpression"},
                                       {"Expected", "ConditionalOperator"});
  if (!expressions.ok()) return expressions.status();
  api::Request request = WriteTo(call);
  api::Delete& erase = *request.mutable_write()->mutable_delete_();
  if (absl::Status bad = ReadReturns(call, false, erase); !bad.ok()) return bad;
  auto attributes = ReadItem(*Find(call.parameters, "Key"));
  if (!attributes.ok()) return attributes.status();
  if (absl::Status bad = ReadCondition(call, *expressions, erase); !bad.ok()) return bad;
  if (absl::Status unused = expressions->Close(); !unused.ok()) return unused;
  auto table = call.Table(call.Text("TableName"));
  if (!table.ok()) return table.status();
  auto key = KeyOf(*attributes, **table);
  if (!key.ok()) return key.status();
  erase.mutable_key()->Swap(&*key);
  SendWrite(call, std::move(request));
  return absl::OkStatus();
}

absl::Status UpdateItem(Call& call) {
  auto expressions = Expressions::Open(call.parameters, {"UpdateExpression", "ConditionExpression"},
                                       {"AttributeUpdates", "Expected", "ConditionalOperator"});
  if (!expressions.ok()) return expressions.status();
  api::Request request = WriteTo(call);
  api::Update& update = *request.mutable_write()->mutable_update();
  if (absl::Status bad = ReadReturns(call, true, update); !bad.ok()) return bad;
  auto attributes = ReadItem(*Find(call.parameters, "Key"));
  if (!attributes.ok()) return attributes.status();
  if (expressions->Has("UpdateExpression")) {
    absl::Status bad = expressions->Update("UpdateExpression", *update.mutable_update());
    if (!bad.ok()) return bad;
  } else if (const auto updates = Find(call.parameters, "AttributeUpdates")) {
    auto tree = ReadAttributeUpdates(*updates);
    if (!tree.ok()) return tree.status();
    update.mutable_update()->Swap(&*tree);
  }
  if (absl::Status bad = ReadCondition(call, *expressions, update); !bad.ok()) return bad;
  if (absl::Status unused = expressions->Close(); !unused.ok()) return unused;
  auto table = call.Table(call.Text("TableName"));
  if (!table.ok()) return table.status();
  auto key = KeyOf(*attributes, **table);
  if (!key.ok()) return key.status();
  update.mutable_key()->Swap(&*key);
  SendWrite(call, std::move(request));
  return absl::OkStatus();
}

absl::Status GetItem(Call& call) {
  auto expressions =
      Expressions::Open(call.parameters, {"ProjectionExpression"}, {"AttributesToGet"});
  if (!expressions.ok()) return expressions.status();
  api::Request request;
  api::GetRequest& get = *request.mutable_get();
  get.set_table(std::string(call.Text("TableName")));
  get.set_eventual(!FlagOf(call.parameters, "ConsistentRead"));
  auto attributes = ReadItem(*Find(call.parameters, "Key"));
  if (!attributes.ok()) return attributes.status();
  absl::Status bad = expressions->Projection(*get.mutable_projection());
  if (bad.ok()) bad = ReadAttributesToGet(call.parameters, *get.mutable_projection());
  if (bad.ok()) bad = expressions->Close();
  if (!bad.ok()) return bad;
  auto table = call.Table(call.Text("TableName"));
  if (!table.ok()) return table.status();
  auto key = KeyOf(*attributes, **table);
  if (!key.ok()) return key.status();
  get.mutable_key()->Swap(&*key);
  const WantsCapacity wants = WantsCapacityOf(call);
  get.set_return_capacity(wants != WantsCapacity::kNone);
  call.Send(std::move(request), Target::Key(), [wants](Answer answer) {
    if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
    const api::GetResult& result = answer.reply.get();
    model::JsonWriter json;
    json.BeginObject();
    if (result.found()) {
      json.Name("Item");
      WriteItem(json, result.item());
    }
    if (result.has_capacity()) WriteCapacity(json, result.capacity(), wants);
    return Json(json.EndObject().Take());
  });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
