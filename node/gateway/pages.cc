// Query and Scan.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/internal/scan.h"
#include "node/gateway/expressions.h"
#include "node/gateway/legacy.h"
#include "node/gateway/operations.h"
#include "node/gateway/results.h"
#include "node/gateway/values.h"

namespace fastpath::node::gateway {
namespace {

constexpr int64_t kSegmentsLimit = 1'000'000;

std::vector<Member> PageMembers(std::vector<Member> own) {
  std::vector<Member> members = {
      {"TableName", TableName()},
      {"IndexName", TableName()},
      {"AttributesToGet", ListOf(Text()).AtLeast(1)},
      {"ConditionalOperator", ConditionalOperatorShape()},
      {"ConsistentRead", Boolean()},
      {"ExclusiveStartKey", AttributeMapShape()},
      {"ExpressionAttributeNames", NamesShape()},
      {"ExpressionAttributeValues", AttributeMapShape()},
      {"FilterExpression", Text()},
      {"Limit", Integer().AtLeast(1)},
      {"ProjectionExpression", Text()},
      {"ReturnConsumedCapacity", CapacityShape()},
      {"Select",
       OneOf({"SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"})},
  };
  members[1].shape.required = false;
  std::move(own.begin(), own.end(), std::back_inserter(members));
  return members;
}

absl::Status CheckSelect(const Call& call) {
  const std::string_view select = call.Text("Select");
  const bool projects = Find(call.parameters, "ProjectionExpression").has_value();
  const bool lists = Find(call.parameters, "AttributesToGet").has_value();
  if (select == "ALL_PROJECTED_ATTRIBUTES" && !Find(call.parameters, "IndexName")) {
    return absl::InvalidArgumentError(
        "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when "
        "Querying using an IndexName");
  }
  if (select == "SPECIFIC_ATTRIBUTES" && !projects && !lists) {
    return absl::InvalidArgumentError(
        "One or more parameter values were invalid: Must specify the AttributesToGet or "
        "ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES");
  }
  if (select.empty() || select == "SPECIFIC_ATTRIBUTES" || (!projects && !lists)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "Cannot specify the ", projects ? "ProjectionExpression" : "AttributesToGet",
      " when choosing to get ",
      select == "COUNT" ? "only the Count" : absl::string_view(select.data(), select.size())));
}

// What both have in common, but for filters.
template <class Request>
absl::Status Fill(const Call& call, Expressions& expressions, Request& request) {
  request.set_table(std::string(call.Text("TableName")));
  const int64_t limit = IntegerOf(call.parameters, "Limit");
  request.set_limit(static_cast<uint32_t>(std::min<int64_t>(limit, INT32_MAX)));
  request.set_count_only(call.Text("Select") == "COUNT");
  request.set_eventual(!FlagOf(call.parameters, "ConsistentRead"));
  request.set_return_capacity(WantsCapacityOf(call) != WantsCapacity::kNone);
  absl::Status bad = expressions.Projection(*request.mutable_projection());
  if (bad.ok()) bad = ReadAttributesToGet(call.parameters, *request.mutable_projection());
  return bad;
}

absl::Status NoSuchIndex(const Call& call) {
  return absl::InvalidArgumentError(absl::StrCat("The table does not have the specified index: ",
                                                 std::string(call.Text("IndexName"))));
}

bool NamesKeysOf(const model::Item& item, const api::Table& table) {
  const bool sorted = !table.sort_key().name().empty();
  return item.size() == (sorted ? 2 : 1) && item.Find(table.partition_key().name()) != nullptr &&
         (!sorted || item.Find(table.sort_key().name()) != nullptr);
}

template <class Request>
absl::Status ReadStart(const Call& call, const api::Table& table, Request& request) {
  const auto start = Find(call.parameters, "ExclusiveStartKey");
  if (!start) return absl::OkStatus();
  auto attributes = ReadItem(*start);
  if (!attributes.ok()) return attributes.status();
  auto key = KeyOf(*attributes, table);
  if (!key.ok()) {
    if (!absl::IsFailedPrecondition(key.status())) return key.status();
    const bool of_other_types = NamesKeysOf(*attributes, table);
    return absl::FailedPreconditionError(
        absl::StrCat("The provided starting key is invalid", of_other_types ? ": " : "",
                     of_other_types ? key.status().message() : ""));
  }
  request.mutable_start_after()->Swap(&*key);
  return absl::OkStatus();
}

HttpResponse PageRead(const Answer& answer, const api::Table& table, WantsCapacity wants,
                      bool count_only) {
  if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
  const api::PageResult& page = answer.reply.page();
  model::JsonWriter json;
  json.BeginObject();
  if (!count_only) {
    json.Name("Items").BeginArray();
    for (const std::string& item : page.items()) {
      WriteItem(json, item);
    }
    json.EndArray();
  }
  json.Name("Count").Number(page.count()).Name("ScannedCount").Number(page.scanned_count());
  if (page.has_last_key()) {
    json.Name("LastEvaluatedKey");
    WriteKey(json, page.last_key(), table);
  }
  if (page.has_capacity()) WriteCapacity(json, page.capacity(), wants);
  return Json(json.EndObject().Take());
}

// Only the parts of a table that name its keys.
api::Table KeysOf(const api::Table& table) {
  api::Table keys;
  *keys.mutable_partition_key() = table.partition_key();
  *keys.mutable_sort_key() = table.sort_key();
  return keys;
}

template <class Request>
absl::Status ReadFilters(const Call& call, Expressions& expressions, std::string_view legacy,
                         const api::Table* queried, Request& request) {
  if (expressions.Has("FilterExpression")) {
    return expressions.Filter("FilterExpression", queried, *request.mutable_filter());
  }
  auto filter = ReadFilter(call.parameters, legacy, queried);
  if (!filter.ok()) return filter.status();
  if (*filter) request.mutable_filter()->Swap(&**filter);
  return absl::OkStatus();
}

}  // namespace

const Shape& QueryShape() {
  static const Shape shape = Structure(PageMembers({{"KeyConditionExpression", Text()},
                                                    {"KeyConditions", ConditionsShape()},
                                                    {"QueryFilter", ConditionsShape()},
                                                    {"ScanIndexForward", Boolean()}}));
  return shape;
}

const Shape& ScanShape() {
  static const Shape shape =
      Structure(PageMembers({{"ScanFilter", ConditionsShape()},
                             {"Segment", Integer().Between(0, kSegmentsLimit - 1)},
                             {"TotalSegments", Integer().Between(1, kSegmentsLimit)}}));
  return shape;
}

absl::Status Query(Call& call) {
  auto expressions = Expressions::Open(
      call.parameters, {"KeyConditionExpression", "FilterExpression", "ProjectionExpression"},
      {"KeyConditions", "QueryFilter", "AttributesToGet", "ConditionalOperator"});
  if (!expressions.ok()) return expressions.status();
  if (absl::Status bad = CheckSelect(call); !bad.ok()) return bad;
  const auto conditions = Find(call.parameters, "KeyConditions");
  if (!conditions && !expressions->Has("KeyConditionExpression")) {
    return absl::InvalidArgumentError(
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request.");
  }
  api::Request request;
  api::QueryRequest& query = *request.mutable_query();
  if (absl::Status bad = Fill(call, *expressions, query); !bad.ok()) return bad;
  query.set_reverse(!FlagOf(call.parameters, "ScanIndexForward", true));
  auto found = call.Table(call.Text("TableName"));
  if (!found.ok()) return found.status();
  const api::Table& table = **found;
  if (Find(call.parameters, "IndexName")) return NoSuchIndex(call);
  auto key = conditions ? ReadKeyConditions(*conditions, table) : expressions->KeyCondition(table);
  if (!key.ok()) return Suspect(key.status());
  query.set_partition(key->partition);
  if (auto sort = expression::SortConditionOf(*key)) query.mutable_sort()->Swap(&*sort);
  absl::Status bad = ReadFilters(call, *expressions, "QueryFilter", &table, query);
  if (!bad.ok()) return Suspect(bad);
  if (absl::Status unused = expressions->Close(); !unused.ok()) return unused;
  if (bad = ReadStart(call, table, query); !bad.ok()) return bad;
  call.Send(std::move(request), Target::Key(),
            [wants = WantsCapacityOf(call), count_only = query.count_only(), keys = KeysOf(table)](
                Answer answer) { return PageRead(answer, keys, wants, count_only); });
  return absl::OkStatus();
}

absl::Status Scan(Call& call) {
  auto expressions =
      Expressions::Open(call.parameters, {"FilterExpression", "ProjectionExpression"},
                        {"ScanFilter", "AttributesToGet", "ConditionalOperator"});
  if (!expressions.ok()) return expressions.status();
  if (absl::Status bad = CheckSelect(call); !bad.ok()) return bad;
  const bool segmented = Find(call.parameters, "Segment").has_value();
  const int64_t segment = IntegerOf(call.parameters, "Segment");
  const int64_t segments = IntegerOf(call.parameters, "TotalSegments");
  if (segmented != (segments > 0)) {
    return absl::InvalidArgumentError(
        segmented ? "The TotalSegments parameter is required but was not present in the request "
                    "when Segment parameter is present"
                  : "The Segment parameter is required but was not present in the request when "
                    "parameter TotalSegments is present");
  }
  if (segmented && segment >= segments) {
    return absl::InvalidArgumentError(
        absl::StrCat("The Segment parameter is zero-based and must be less than parameter "
                     "TotalSegments: Segment: ",
                     segment, " is not less than TotalSegments: ", segments));
  }
  api::ScanRequest scan;
  scan.set_segment(static_cast<uint32_t>(segment));
  scan.set_total_segments(static_cast<uint32_t>(segments));
  if (absl::Status bad = Fill(call, *expressions, scan); !bad.ok()) return bad;
  absl::Status bad = ReadFilters(call, *expressions, "ScanFilter", nullptr, scan);
  if (!bad.ok()) return bad;
  if (absl::Status unused = expressions->Close(); !unused.ok()) return unused;
  auto table = call.Table(call.Text("TableName"));
  if (!table.ok()) return table.status();
  if (Find(call.parameters, "IndexName")) return NoSuchIndex(call);
  if (bad = ReadStart(call, **table, scan); !bad.ok()) return bad;
  const bool count_only = scan.count_only();
  client::internal::ScanPage(
      call.core, std::move(scan), 0,
      [wants = WantsCapacityOf(call), count_only, keys = KeysOf(**table), end = call.TakeEnd()](
          Answer answer) mutable { end(PageRead(answer, keys, wants, count_only)); });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
