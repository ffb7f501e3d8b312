#include "node/gateway/table_results.h"

#include <cinttypes>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace fastpath::node::gateway {
namespace {

constexpr char kAccount[] = "000000000000";  // There is one.
constexpr char kDefaultRegion[] = "us-east-1";
constexpr std::string_view kTablePart = ":table/";
constexpr uint64_t kMicrosPerSecond = 1'000'000;

// A UUID of its own for every table that ever was: from its space, which is never used again.
std::string TableId(const api::Table& table) {
  char id[37];
  std::snprintf(id, sizeof(id), "%08" PRIx32 "-0000-4000-8000-%012" PRIx64, table.space(),
                table.created() & 0xffffffffffff);
  return id;
}

std::string Seconds(uint64_t micros) {
  const uint64_t millis = micros % kMicrosPerSecond / 1000;
  return absl::StrCat(micros / kMicrosPerSecond, ".", millis / 100, millis / 10 % 10, millis % 10);
}

void WriteKeyAttribute(model::JsonWriter& json, const api::KeyAttribute& attribute) {
  json.BeginObject().Name("AttributeName").String(attribute.name());
  json.Name("AttributeType").String(api::KeyType_Name(attribute.type())).EndObject();
}

void WriteKeyElement(model::JsonWriter& json, const std::string& name, std::string_view type) {
  json.BeginObject().Name("AttributeName").String(name);
  json.Name("KeyType").String(type).EndObject();
}

}  // namespace

std::string ArnOf(const Call& call, const std::string& table) {
  const std::string& region = call.sender.caller.region;
  return absl::StrCat("arn:aws:dynamodb:", region.empty() ? kDefaultRegion : region, ":", kAccount,
                      std::string(kTablePart), table);
}

absl::StatusOr<std::string> TableOfArn(std::string_view arn) {
  const size_t place = arn.find(kTablePart);
  if (arn.rfind("arn:", 0) != 0 || place == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid TableArn: Invalid ResourceArn provided as input ", std::string(arn)));
  }
  return std::string(arn.substr(place + kTablePart.size()));
}

void WriteTable(model::JsonWriter& json, const api::Table& table, const std::string& arn,
                std::string_view status, const api::TableSizeResult* size) {
  const bool sorted = !table.sort_key().name().empty();
  json.BeginObject().Name("AttributeDefinitions").BeginArray();
  WriteKeyAttribute(json, table.partition_key());
  if (sorted) WriteKeyAttribute(json, table.sort_key());
  json.EndArray().Name("TableName").String(table.name()).Name("KeySchema").BeginArray();
  WriteKeyElement(json, table.partition_key().name(), "HASH");
  if (sorted) WriteKeyElement(json, table.sort_key().name(), "RANGE");
  json.EndArray().Name("TableStatus").String(status);
  json.Name("CreationDateTime").Raw(Seconds(table.created()));
  json.Name("ProvisionedThroughput").BeginObject();
  json.Name("NumberOfDecreasesToday").Number(0);
  json.Name("ReadCapacityUnits").Number(0).Name("WriteCapacityUnits").Number(0).EndObject();
  json.Name("BillingModeSummary").BeginObject();
  json.Name("BillingMode").String("PAY_PER_REQUEST").EndObject();
  json.Name("TableSizeBytes").Number(size == nullptr ? 0 : size->bytes());
  json.Name("ItemCount").Number(size == nullptr ? 0 : size->items());
  json.Name("TableArn").String(arn).Name("TableId").String(TableId(table));
  json.Name("DeletionProtectionEnabled").Bool(table.deletion_protection()).EndObject();
}

Error TableError(const Answer& answer, std::string_view table) {
  if (answer.reply.code() != api::TABLE_NOT_FOUND) return ErrorOf(answer);
  return ServiceError(
      "ResourceNotFoundException",
      absl::StrCat("Requested resource not found: Table: ", std::string(table), " not found"));
}

}  // namespace fastpath::node::gateway
