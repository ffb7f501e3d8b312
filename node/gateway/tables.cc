// CreateTable, DescribeTable, UpdateTable, DeleteTable, ListTables.
#include "client/internal/tables.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/gateway/operations.h"
#include "node/gateway/table_results.h"

namespace fastpath::node::gateway {
namespace {

constexpr int64_t kListLimit = 100;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

Shape ThroughputShape() {
  return Structure({{"ReadCapacityUnits", Integer().Required().AtLeast(1)},
                    {"WriteCapacityUnits", Integer().Required().AtLeast(1)}});
}

Shape KeySchemaShape() {
  return ListOf(Structure({{"AttributeName", Text().Required().Between(1, 255)},
                           {"KeyType", OneOf({"HASH", "RANGE"}).Required()}}))
      .Required()
      .Between(1, 2);
}

Shape AttributeDefinitionsShape() {
  return ListOf(Structure({{"AttributeName", Text().Required().Between(1, 255)},
                           {"AttributeType", OneOf({"B", "N", "S"}).Required()}}));
}

Shape StreamShape() {
  return Structure(
      {{"StreamEnabled", Boolean().Required()},
       {"StreamViewType", OneOf({"NEW_AND_OLD_IMAGES", "KEYS_ONLY", "OLD_IMAGE", "NEW_IMAGE"})}});
}

Shape BillingShape() { return OneOf({"PROVISIONED", "PAY_PER_REQUEST"}); }
Shape ClassShape() { return OneOf({"STANDARD", "STANDARD_INFREQUENT_ACCESS"}); }

// What is not built is refused, never passed over.
absl::Status RefuseUnbuilt(const Call& call) {
  static constexpr std::pair<std::string_view, absl::string_view> kUnbuilt[] = {
      {"LocalSecondaryIndexes", "secondary indexes are not supported"},
      {"GlobalSecondaryIndexes", "secondary indexes are not supported"},
      {"GlobalSecondaryIndexUpdates", "secondary indexes are not supported"},
      {"ReplicaUpdates", "global tables are not supported"},
      {"ResourcePolicy", "resource policies are not supported"},
      {"OnDemandThroughput", "limits of on-demand throughput are not supported"},
      {"WarmThroughput", "warm throughput is not supported"}};
  for (const auto& [name, why] : kUnbuilt) {
    if (Find(call.parameters, name)) return Wrong(why);
  }
  const auto stream = Find(call.parameters, "StreamSpecification");
  if (stream && FlagOf(ObjectOf(*stream), "StreamEnabled")) {
    return Wrong("streams are not supported");
  }
  const auto encryption = Find(call.parameters, "SSESpecification");
  if (encryption && (FlagOf(ObjectOf(*encryption), "Enabled") ||
                     Find(ObjectOf(*encryption), "KMSMasterKeyId").has_value())) {
    return Wrong("encryption under keys of KMS is not supported");
  }
  if (call.Text("TableClass") == "STANDARD_INFREQUENT_ACCESS") {
    return Wrong("the table class STANDARD_INFREQUENT_ACCESS is not supported");
  }
  return absl::OkStatus();
}

absl::Status CheckThroughput(const Call& call) {
  const bool given = Find(call.parameters, "ProvisionedThroughput").has_value();
  const bool on_demand = call.Text("BillingMode") == "PAY_PER_REQUEST";
  if (given && on_demand) {
    return Wrong(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
        "PAY_PER_REQUEST");
  }
  if (given || on_demand) return absl::OkStatus();
  return Wrong(
      "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
      "PROVISIONED");
}

struct KeyNames {
  std::string partition;
  std::string sort;
};

absl::StatusOr<KeyNames> ReadKeySchema(const Call& call) {
  KeyNames names;
  size_t place = 0;
  for (const dom::element json : ArrayOf(*Find(call.parameters, "KeySchema"))) {
    const dom::object element = ObjectOf(json);
    const bool hash = TextOf(element, "KeyType") == "HASH";
    if (hash != (place == 0)) {
      return absl::InvalidArgumentError(
          place == 0 ? "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
                     : "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
    }
    (place++ == 0 ? names.partition : names.sort) = TextOf(element, "AttributeName");
  }
  if (names.partition == names.sort) {
    return absl::InvalidArgumentError(
        "Both the Hash Key and the Range Key element in the KeySchema have the same name");
  }
  return names;
}

absl::Status AddKeyAttribute(const std::vector<api::KeyAttribute>& defined, const KeyNames& names,
                             const std::string& name, api::KeyAttribute& to) {
  for (const api::KeyAttribute& attribute : defined) {
    if (attribute.name() == name) {
      to = attribute;
      return absl::OkStatus();
    }
  }
  std::vector<std::string> keys = {names.partition};
  if (!names.sort.empty()) keys.push_back(names.sort);
  std::vector<std::string> known;
  for (const api::KeyAttribute& attribute : defined) known.push_back(attribute.name());
  return Wrong(absl::StrCat(
      "Some index key attributes are not defined in AttributeDefinitions. Keys: [",
      absl::StrJoin(keys, ", "), "], AttributeDefinitions: [", absl::StrJoin(known, ", "), "]"));
}

absl::Status ReadKeys(const Call& call, api::Table& table) {
  std::vector<api::KeyAttribute> defined;
  std::set<std::string> seen;
  const dom::array definitions = ArrayOf(*Find(call.parameters, "AttributeDefinitions"));
  for (const dom::element json : definitions) {
    const dom::object definition = ObjectOf(json);
    api::KeyAttribute& attribute = defined.emplace_back();
    attribute.set_name(std::string(TextOf(definition, "AttributeName")));
    api::KeyType type = api::KEY_TYPE_UNSPECIFIED;
    api::KeyType_Parse(std::string(TextOf(definition, "AttributeType")), &type);
    attribute.set_type(type);
    if (!seen.insert(attribute.name()).second) {
      return Wrong(
          absl::StrCat("Duplicate AttributeName in AttributeDefinitions: ", attribute.name()));
    }
  }
  auto names = ReadKeySchema(call);
  if (!names.ok()) return names.status();
  absl::Status bad =
      AddKeyAttribute(defined, *names, names->partition, *table.mutable_partition_key());
  if (bad.ok() && !names->sort.empty()) {
    bad = AddKeyAttribute(defined, *names, names->sort, *table.mutable_sort_key());
  }
  if (!bad.ok()) return bad;
  if (defined.size() == (names->sort.empty() ? 1 : 2)) return absl::OkStatus();
  return Wrong(
      "Number of attributes in KeySchema does not exactly match number of attributes defined in "
      "AttributeDefinitions");
}

HttpResponse Described(const char* member, const api::Table& table, const std::string& arn,
                       std::string_view status, const api::TableSizeResult* size = nullptr) {
  model::JsonWriter json;
  json.BeginObject().Name(member);
  WriteTable(json, table, arn, status, size);
  return Json(json.EndObject().Take());
}

std::string StatusOf(const api::Table& table) { return api::TableState_Name(table.state()); }

// DescribeTable's second half: how much the table holds, if that can be told now.
void Measure(Core& core, api::Table table, std::string arn, Call::End end) {
  const std::string name = table.name();
  client::internal::TableSize(core, name, 0,
                              [table = std::move(table), arn = std::move(arn),
                               end = std::move(end)](Answer answer) mutable {
                                const bool known = answer.outcome == Outcome::kOk;
                                end(Described("Table", table, arn, StatusOf(table),
                                              known ? &answer.reply.table_size() : nullptr));
                              });
}

}  // namespace

const Shape& CreateTableShape() {
  static const Shape shape =
      Structure({{"AttributeDefinitions", AttributeDefinitionsShape().Required()},
                 {"TableName", TableName()},
                 {"KeySchema", KeySchemaShape()},
                 {"LocalSecondaryIndexes", ListOf(Structure({}))},
                 {"GlobalSecondaryIndexes", ListOf(Structure({}))},
                 {"BillingMode", BillingShape()},
                 {"ProvisionedThroughput", ThroughputShape()},
                 {"StreamSpecification", StreamShape()},
                 {"SSESpecification", Structure({{"Enabled", Boolean()}})},
                 {"Tags", ListOf(Structure({{"Key", Text().Required().Between(1, 128)},
                                            {"Value", Text().Required().Between(0, 256)}}))},
                 {"TableClass", ClassShape()},
                 {"DeletionProtectionEnabled", Boolean()}});
  return shape;
}

const Shape& UpdateTableShape() {
  static const Shape shape = Structure({{"TableName", TableName()},
                                        {"AttributeDefinitions", AttributeDefinitionsShape()},
                                        {"BillingMode", BillingShape()},
                                        {"ProvisionedThroughput", ThroughputShape()},
                                        {"GlobalSecondaryIndexUpdates", ListOf(Structure({}))},
                                        {"ReplicaUpdates", ListOf(Structure({}))},
                                        {"StreamSpecification", StreamShape()},
                                        {"SSESpecification", Structure({{"Enabled", Boolean()}})},
                                        {"TableClass", ClassShape()},
                                        {"DeletionProtectionEnabled", Boolean()}});
  return shape;
}

const Shape& TableNameOnlyShape() {
  static const Shape shape = Structure({{"TableName", TableName()}});
  return shape;
}

const Shape& ListTablesShape() {
  static const Shape shape = [] {
    Shape start = TableName();
    start.required = false;
    return Structure({{"ExclusiveStartTableName", std::move(start)},
                      {"Limit", Integer().Between(1, kListLimit)}});
  }();
  return shape;
}

absl::Status CreateTable(Call& call) {
  api::Table table;
  table.set_name(std::string(call.Text("TableName")));
  absl::Status bad = CheckThroughput(call);
  if (bad.ok()) bad = ReadKeys(call, table);
  if (bad.ok()) bad = RefuseUnbuilt(call);
  if (!bad.ok()) return bad;
  table.set_deletion_protection(FlagOf(call.parameters, "DeletionProtectionEnabled"));
  if (const auto tags = Find(call.parameters, "Tags")) {
    for (const dom::element json : ArrayOf(*tags)) {
      api::Tag& tag = *table.add_tags();
      tag.set_key(std::string(TextOf(ObjectOf(json), "Key")));
      tag.set_value(std::string(TextOf(ObjectOf(json), "Value")));
    }
  }
  const std::string arn = ArnOf(call, table.name());
  const std::string name = table.name();
  client::internal::CreateTable(
      call.core, std::move(table), 0, [name, arn, end = call.TakeEnd()](Answer answer) mutable {
        if (answer.reply.code() == api::TABLE_EXISTS) {
          return end(Render(ServiceError("ResourceInUseException",
                                         absl::StrCat("Table already exists: ", name))));
        }
        if (answer.outcome != Outcome::kOk) return end(Render(TableError(answer, name)));
        const api::Table& made = answer.reply.table();
        end(Described("TableDescription", made, arn, StatusOf(made)));
      });
  return absl::OkStatus();
}

absl::Status DescribeTable(Call& call) {
  const std::string name(call.Text("TableName"));
  api::Request request;
  request.mutable_describe_table()->set_name(name);
  call.core.Call(std::move(request), Target::Group(0), 0,
                 [&core = call.core, name, arn = ArnOf(call, name),
                  end = call.TakeEnd()](Answer answer) mutable {
                   if (answer.outcome != Outcome::kOk) {
                     return end(Render(TableError(answer, name)));
                   }
                   const api::Table& table = answer.reply.table();
                   if (table.state() == api::ACTIVE || table.state() == api::UPDATING) {
                     return Measure(core, table, std::move(arn), std::move(end));
                   }
                   end(Described("Table", table, arn, StatusOf(table)));
                 });
  return absl::OkStatus();
}

absl::Status UpdateTable(Call& call) {
  if (absl::Status bad = RefuseUnbuilt(call); !bad.ok()) return bad;
  const std::string name(call.Text("TableName"));
  const auto protect = Find(call.parameters, "DeletionProtectionEnabled");
  static constexpr std::string_view kChanges[] = {
      "DeletionProtectionEnabled", "BillingMode",      "ProvisionedThroughput",
      "StreamSpecification",       "SSESpecification", "TableClass"};
  const bool any = std::any_of(std::begin(kChanges), std::end(kChanges), [&](std::string_view one) {
    return Find(call.parameters, one).has_value();
  });
  if (!any) {
    return absl::InvalidArgumentError(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required");
  }
  // Throughput alone is for whatever mode the table is in.
  if (Find(call.parameters, "BillingMode")) {
    if (absl::Status bad = CheckThroughput(call); !bad.ok()) return bad;
  }
  // What is neither refused nor kept leaves the table as it is.
  api::Request request;
  if (protect) {
    request.mutable_update_table()->set_name(name);
    request.mutable_update_table()->set_deletion_protection(TruthOf(*protect));
  } else {
    request.mutable_describe_table()->set_name(name);
  }
  call.Send(std::move(request), Target::Group(0), [name, arn = ArnOf(call, name)](Answer answer) {
    if (answer.outcome != Outcome::kOk) return Render(TableError(answer, name));
    const api::Table& table = answer.reply.table();
    return Described("TableDescription", table, arn, StatusOf(table));
  });
  return absl::OkStatus();
}

absl::Status DeleteTable(Call& call) {
  const std::string name(call.Text("TableName"));
  client::internal::DeleteTable(
      call.core, name, 0,
      [name, arn = ArnOf(call, name), end = call.TakeEnd()](Answer answer) mutable {
        if (answer.outcome != Outcome::kOk) return end(Render(TableError(answer, name)));
        end(Described("TableDescription", answer.reply.table(), arn, "DELETING"));
      });
  return absl::OkStatus();
}

absl::Status ListTables(Call& call) {
  api::Request request;
  request.mutable_map()->set_of_leader(true);
  const std::string after(call.Text("ExclusiveStartTableName"));
  const auto limit = static_cast<size_t>(IntegerOf(call.parameters, "Limit", kListLimit));
  call.Send(std::move(request), Target::Group(0), [after, limit](Answer answer) {
    if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
    std::set<std::string> names;
    for (const api::Table& table : answer.reply.map().tables()) {
      if (table.name() > after) names.insert(table.name());
    }
    model::JsonWriter json;
    json.BeginObject().Name("TableNames").BeginArray();
    size_t written = 0;
    std::string last;
    for (const std::string& name : names) {
      if (written++ == limit) break;
      json.String(last = name);
    }
    json.EndArray();
    if (names.size() > limit) json.Name("LastEvaluatedTableName").String(last);
    return Json(json.EndObject().Take());
  });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
