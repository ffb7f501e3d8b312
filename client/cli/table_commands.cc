#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"

namespace fastpath::client::cli {
namespace {

// "id:S"; the type defaults to S.
std::optional<api::KeyAttribute> ParseKeyAttribute(const std::string& text) {
  size_t colon = text.rfind(':');
  api::KeyAttribute key;
  key.set_name(text.substr(0, colon));
  std::string type = colon == std::string::npos ? "S" : text.substr(colon + 1);
  if (type == "S") {
    key.set_type(api::S);
  } else if (type == "N") {
    key.set_type(api::N);
  } else if (type == "B") {
    key.set_type(api::B);
  } else {
    PrintError(absl::StrCat("\"", text, "\" is not NAME:S, NAME:N or NAME:B"));
    return std::nullopt;
  }
  return key;
}

std::string KeyText(const api::KeyAttribute& key) {
  if (key.name().empty()) return "-";
  return absl::StrCat(key.name(), ":", api::KeyType_Name(key.type()));
}

void WriteTable(JsonWriter& json, const api::Table& table) {
  json.BeginObject();
  json.Name("name").String(table.name());
  json.Name("partition_key").String(KeyText(table.partition_key()));
  if (!table.sort_key().name().empty()) json.Name("sort_key").String(KeyText(table.sort_key()));
  if (!table.ttl_attribute().empty()) json.Name("ttl_attribute").String(table.ttl_attribute());
  json.Name("state").String(api::TableState_Name(table.state()));
  json.Name("space").Number(table.space());
  json.EndObject();
}

Exit PrintTable(const Context& context, const Result<api::Table>& table, std::string_view did) {
  if (!table.ok()) return Report(context, table.failure());
  JsonWriter json(context.json ? 0 : 2);
  WriteTable(json, *table);
  if (context.json || did.empty()) {
    PrintLine(json.text());
  } else {
    PrintLine(absl::StrCat("table ", table->name(), " ", std::string(did)));
  }
  return kOk;
}

Exit List(Context& context) {
  Result<std::vector<api::Table>> tables = context.client().ListTables().Wait();
  if (!tables.ok()) return Report(context, tables.failure());
  if (context.json) {
    JsonWriter json;
    json.BeginArray();
    for (const api::Table& table : *tables) WriteTable(json, table);
    PrintLine(json.EndArray().text());
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {
      {"TABLE", "PARTITION KEY", "SORT KEY", "TTL", "STATE"}};
  for (const api::Table& table : *tables) {
    rows.push_back({table.name(), KeyText(table.partition_key()), KeyText(table.sort_key()),
                    table.ttl_attribute().empty() ? "-" : table.ttl_attribute(),
                    api::TableState_Name(table.state())});
  }
  PrintColumns(rows);
  return kOk;
}

struct CreateArguments {
  std::string name, partition_key, sort_key, ttl;
};

Exit Create(Context& context, const CreateArguments& arguments) {
  api::Table table;
  table.set_name(arguments.name);
  table.set_ttl_attribute(arguments.ttl);
  std::optional<api::KeyAttribute> partition = ParseKeyAttribute(arguments.partition_key);
  if (!partition) return kUsage;
  *table.mutable_partition_key() = *partition;
  if (!arguments.sort_key.empty()) {
    std::optional<api::KeyAttribute> sort = ParseKeyAttribute(arguments.sort_key);
    if (!sort) return kUsage;
    *table.mutable_sort_key() = *sort;
  }
  return PrintTable(context, context.client().CreateTable(table).Wait(), "created");
}

}  // namespace

void AddTableCommands(CLI::App& app, Context& context, Exit& exit) {
  CLI::App* table = app.add_subcommand("table", "Create, list, describe, delete tables");
  table->require_subcommand(1);
  table->fallthrough();

  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = table->add_subcommand("create", "Create a table, and wait until it is active");
  sub->add_option("name", create->name, "Its name")->required();
  sub->add_option("--partition-key", create->partition_key, "NAME:S, NAME:N or NAME:B")->required();
  sub->add_option("--sort-key", create->sort_key, "As the partition key; orders items under one");
  sub->add_option("--ttl", create->ttl,
                  "The attribute with the second (Unix time) at which an item expires");
  sub->callback([&, create] { exit = Create(context, *create); });

  table->add_subcommand("list", "List the tables")->callback([&] { exit = List(context); });

  auto name = std::make_shared<std::string>();
  sub = table->add_subcommand("describe", "Show one table");
  sub->add_option("name", *name, "The table")->required();
  sub->callback(
      [&, name] { exit = PrintTable(context, context.client().DescribeTable(*name).Wait(), ""); });

  sub = table->add_subcommand("delete", "Delete a table and its items");
  sub->add_option("name", *name, "The table")->required();
  sub->callback([&, name] {
    exit = PrintTable(context, context.client().DeleteTable(*name).Wait(), "deleted");
  });
}

}  // namespace fastpath::client::cli
