// BatchGetItem and BatchWriteItem.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/internal/answers.h"
#include "client/internal/batch.h"
#include "node/gateway/expressions.h"
#include "node/gateway/legacy.h"
#include "node/gateway/operations.h"
#include "node/gateway/results.h"
#include "node/gateway/values.h"

namespace fastpath::node::gateway {
namespace {

using client::BatchLeft;
using client::internal::BatchEnd;

constexpr int64_t kGetLimit = client::kBatchGetLimit;
constexpr int64_t kWriteLimit = client::kBatchWriteLimit;

// Where an answer belongs in what was asked: a table, and the JSON of what was not done.
struct Place {
  std::string table;
  std::string json;
};

// The whole call fails if a part may have been executed, or was refused for what it is;
// otherwise what is left is told.
const client::Failure* FailureOf(const std::vector<BatchLeft>& unprocessed,
                                 const std::vector<BatchLeft>& unknown) {
  if (!unknown.empty()) return &unknown.front().why;
  for (const BatchLeft& left : unprocessed) {
    const bool later = left.why.code == api::OVERLOADED || left.why.code == api::SESSION_LIMIT ||
                       left.why.code == api::CONFLICT || left.why.code == api::DEADLINE ||
                       left.why.code == api::NOT_READY || left.why.code == api::SHUTTING_DOWN;
    const bool past_limit = left.why.code == api::TOO_LARGE;
    if (!later && !past_limit) return &left.why;
  }
  return nullptr;
}

HttpResponse Failed(const client::Failure& failure) {
  Answer answer{.outcome = failure.outcome};
  answer.reply.set_code(failure.code);
  answer.reply.set_message(failure.message);
  return Render(ErrorOf(answer));
}

google::protobuf::RepeatedPtrField<api::Capacity> Repeated(
    const std::vector<api::Capacity>& capacities) {
  return {capacities.begin(), capacities.end()};
}

// ------------------------------------------------------------------------ reads

// What is asked of one table, apart from its keys; to be told again of keys not read.
struct ReadOptions {
  expression::Paths projection;
  bool eventual = true;
  std::string json;  // "ConsistentRead":true,...
};

absl::StatusOr<ReadOptions> ReadOptionsOf(const dom::object& asked) {
  ReadOptions options;
  auto expressions = Expressions::Open(asked, {"ProjectionExpression"}, {"AttributesToGet"});
  if (!expressions.ok()) return expressions.status();
  absl::Status bad = expressions->Projection(options.projection);
  if (bad.ok()) bad = ReadAttributesToGet(asked, options.projection);
  if (bad.ok()) bad = expressions->Close();
  if (!bad.ok()) return bad;
  options.eventual = !FlagOf(asked, "ConsistentRead");
  for (const dom::key_value_pair field : asked) {
    if (field.key == "Keys" || field.value.is_null()) continue;
    options.json += ',';
    options.json += model::JsonWriter().String(field.key).text();
    options.json += ':';
    options.json += simdjson::minify(field.value);
  }
  return options;
}

struct Reads {
  std::vector<api::Request> requests;
  std::vector<Place> places;
  std::map<std::string, std::string> options;  // By table, as JSON.
  WantsCapacity wants = WantsCapacity::kNone;
  GrowingRequest growing{client::kBatchLimitBytes};
};

absl::Status AddReads(Call& call, std::string_view name, const dom::object& asked, Reads& reads) {
  auto options = ReadOptionsOf(asked);
  if (!options.ok()) return options.status();
  const dom::array keys = ArrayOf(*Find(asked, "Keys"));
  std::vector<model::Item> read;
  for (const dom::element json : keys) {
    auto attributes = ReadItem(json);
    if (!attributes.ok()) return attributes.status();
    read.push_back(*std::move(attributes));
  }
  auto table = call.Table(name);
  if (!table.ok()) return table.status();
  size_t place = 0;
  for (const dom::element json : keys) {
    auto key = KeyOf(read[place++], **table);
    if (!key.ok()) return key.status();
    api::GetRequest& get = *reads.requests.emplace_back().mutable_get();
    get.set_table(std::string(name));
    get.mutable_key()->Swap(&*key);
    get.set_eventual(options->eventual);
    *get.mutable_projection() = options->projection;
    get.set_return_capacity(reads.wants != WantsCapacity::kNone);
    if (absl::Status bad = reads.growing.Add(get); !bad.ok()) return bad;
    reads.places.push_back({std::string(name), simdjson::minify(json)});
  }
  reads.options[std::string(name)] = std::move(options->json);
  return absl::OkStatus();
}

// {"table": {"Keys": [...], ...}}
void WriteUnread(model::JsonWriter& json, const std::vector<BatchLeft>& left,
                 const std::vector<Place>& places,
                 const std::map<std::string, std::string>& options) {
  std::map<std::string, std::string> keys;
  for (const BatchLeft& one : left) {
    std::string& list = keys[places[one.index].table];
    list += (list.empty() ? "" : ",") + places[one.index].json;
  }
  json.Name("UnprocessedKeys").BeginObject();
  for (const auto& [table, list] : keys) {
    json.Name(table).Raw("{\"Keys\":[" + list + "]" + options.at(table) + "}");
  }
  json.EndObject();
}

HttpResponse BatchRead(BatchEnd end, const std::vector<Place>& places,
                       const std::map<std::string, std::string>& options, WantsCapacity wants) {
  auto result = client::internal::BatchGetAnswerOf(std::move(end));
  if (!result.ok()) return Failed(result.failure());
  const client::BatchGetAnswer& answer = *result;
  if (const auto* failure = FailureOf(answer.unprocessed, {})) {
    return Failed(*failure);
  }
  std::map<std::string, std::vector<const model::Item*>> found;
  for (size_t i = 0; i < places.size(); ++i) {
    auto& items = found[places[i].table];
    if (answer.items[i].item) items.push_back(&*answer.items[i].item);
  }
  model::JsonWriter json;
  json.BeginObject().Name("Responses").BeginObject();
  for (const auto& [table, items] : found) {
    json.Name(table).BeginArray();
    for (const model::Item* item : items) json.Item(*item, model::Dialect::kTyped);
    json.EndArray();
  }
  json.EndObject();
  WriteUnread(json, answer.unprocessed, places, options);
  WriteCapacities(json, Repeated(answer.capacity), wants, false);
  return Json(json.EndObject().Take());
}

// ----------------------------------------------------------------------- writes

struct Writes {
  std::vector<api::Request> requests;
  std::vector<Place> places;
  WantsCapacity wants = WantsCapacity::kNone;
};

// The one of both that a write is; its type: "PutRequest" or "DeleteRequest".
absl::StatusOr<std::string_view> KindOf(const dom::object& write) {
  const bool put = Find(write, "PutRequest").has_value();
  const bool erase = Find(write, "DeleteRequest").has_value();
  if (put && erase) {
    return absl::InvalidArgumentError(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
        "supported datatypes");
  }
  if (!put && !erase) {
    return absl::InvalidArgumentError(
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  return put ? std::string_view("PutRequest") : std::string_view("DeleteRequest");
}

absl::Status AddWrite(Call& call, std::string_view name, const dom::element& json, Writes& writes) {
  const dom::object write = ObjectOf(json);
  auto kind = KindOf(write);
  if (!kind.ok()) return kind.status();
  const dom::object content = ObjectOf(*Find(write, *kind));
  api::Request request;
  api::WriteRequest& to = *request.mutable_write();
  to.set_table(std::string(name));
  if (*kind == "PutRequest") {
    auto item = ReadEncodedItem(*Find(content, "Item"));
    if (!item.ok()) return item.status();
    to.mutable_put()->set_item(*std::move(item));
    const auto table = call.Table(name);
    if (!table.ok()) return table.status();
    if (absl::Status bad = CheckKeyOfBatched(to.put().item(), **table); !bad.ok()) return bad;
  } else {
    auto attributes = ReadItem(*Find(content, "Key"));
    if (!attributes.ok()) return attributes.status();
    auto table = call.Table(name);
    if (!table.ok()) return table.status();
    auto key = KeyOf(*attributes, **table);
    if (!key.ok()) return key.status();
    to.mutable_delete_()->mutable_key()->Swap(&*key);
  }
  to.set_return_capacity(writes.wants != WantsCapacity::kNone);
  call.Identify(*to.mutable_session(), writes.requests.size() + 1);
  writes.requests.push_back(std::move(request));
  writes.places.push_back({std::string(name), simdjson::minify(json)});
  return absl::OkStatus();
}

HttpResponse BatchWritten(BatchEnd end, const std::vector<Place>& places, WantsCapacity wants) {
  auto result = client::internal::BatchWriteAnswerOf(std::move(end));
  if (!result.ok()) return Failed(result.failure());
  const client::BatchWriteAnswer& answer = *result;
  if (const auto* failure = FailureOf(answer.unprocessed, answer.unknown)) {
    return Failed(*failure);
  }
  std::map<std::string, std::string> left;
  for (const BatchLeft& one : answer.unprocessed) {
    std::string& list = left[places[one.index].table];
    list += (list.empty() ? "" : ",") + places[one.index].json;
  }
  model::JsonWriter json;
  json.BeginObject().Name("UnprocessedItems").BeginObject();
  for (const auto& [table, list] : left) json.Name(table).Raw("[" + list + "]");
  json.EndObject();
  WriteCapacities(json, Repeated(answer.capacity), wants, false);
  return Json(json.EndObject().Take());
}

}  // namespace

const Shape& BatchGetItemShape() {
  static const Shape shape = Structure(
      {{"RequestItems",
        MapOf(Structure({{"Keys", ListOf(AttributeMapShape()).Required().Between(1, kGetLimit)},
                         {"AttributesToGet", ListOf(Text()).AtLeast(1)},
                         {"ConsistentRead", Boolean()},
                         {"ProjectionExpression", Text()},
                         {"ExpressionAttributeNames", NamesShape()}}))
            .Required()
            .Between(1, kGetLimit)
            .WithTableNames()},
       {"ReturnConsumedCapacity", CapacityShape()}});
  return shape;
}

const Shape& BatchWriteItemShape() {
  static const Shape shape = Structure(
      {{"RequestItems",
        MapOf(ListOf(Structure(
                         {{"PutRequest", Structure({{"Item", AttributeMapShape().Required()}})},
                          {"DeleteRequest", Structure({{"Key", AttributeMapShape().Required()}})}}))
                  .Between(1, kWriteLimit))
            .Required()
            .Between(1, kWriteLimit)
            .WithTableNames()},
       {"ReturnConsumedCapacity", CapacityShape()},
       {"ReturnItemCollectionMetrics", OneOf({"SIZE", "NONE"})}});
  return shape;
}

absl::Status BatchGetItem(Call& call) {
  Reads reads{.wants = WantsCapacityOf(call)};
  const dom::object tables = ObjectOf(*Find(call.parameters, "RequestItems"));
  int64_t count = 0;
  for (const dom::key_value_pair table : tables) {
    const dom::object asked = ObjectOf(table.value);
    count += static_cast<int64_t>(ArrayOf(*Find(asked, "Keys")).size());
  }
  if (count > kGetLimit) {
    return absl::InvalidArgumentError("Too many items requested for the BatchGetItem call");
  }
  for (const dom::key_value_pair table : tables) {
    absl::Status bad = AddReads(call, table.key, ObjectOf(table.value), reads);
    if (!bad.ok()) return bad;
  }
  client::internal::RunBatch(call.core, std::move(reads.requests), 0,
                             [places = std::move(reads.places), options = std::move(reads.options),
                              wants = reads.wants, end = call.TakeEnd()](BatchEnd batch) mutable {
                               end(BatchRead(std::move(batch), places, options, wants));
                             });
  return absl::OkStatus();
}

absl::Status BatchWriteItem(Call& call) {
  Writes writes{.wants = WantsCapacityOf(call)};
  const dom::object tables = ObjectOf(*Find(call.parameters, "RequestItems"));
  int64_t count = 0;
  for (const dom::key_value_pair table : tables) {
    count += static_cast<int64_t>(ArrayOf(table.value).size());
  }
  if (count > kWriteLimit) {
    return absl::InvalidArgumentError("Too many items requested for the BatchWriteItem call");
  }
  for (const dom::key_value_pair table : tables) {
    for (const dom::element write : ArrayOf(table.value)) {
      absl::Status bad = AddWrite(call, table.key, write, writes);
      if (!bad.ok()) return bad;
    }
  }
  client::internal::RunBatch(
      call.core, std::move(writes.requests), 0,
      [places = std::move(writes.places), wants = writes.wants, end = call.TakeEnd()](
          BatchEnd batch) mutable { end(BatchWritten(std::move(batch), places, wants)); });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
