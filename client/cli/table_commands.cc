#include <map>
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

void WriteTable(JsonWriter& json, const api::Table& table,
                const api::TableSizeResult* size = nullptr) {
  json.BeginObject();
  json.Name("name").String(table.name());
  json.Name("partition_key").String(KeyText(table.partition_key()));
  if (!table.sort_key().name().empty()) json.Name("sort_key").String(KeyText(table.sort_key()));
  if (!table.ttl_attribute().empty()) json.Name("ttl_attribute").String(table.ttl_attribute());
  json.Name("state").String(api::TableState_Name(table.state()));
  if (table.deletion_protection()) json.Name("deletion_protection").Bool(true);
  if (!table.tags().empty()) {
    json.Name("tags").BeginObject();
    for (const api::Tag& tag : table.tags()) json.Name(tag.key()).String(tag.value());
    json.EndObject();
  }
  if (size != nullptr) {
    json.Name(size->exact() ? "items" : "items_about").Number(size->items());
    json.Name(size->exact() ? "bytes" : "bytes_about").Number(size->bytes());
  }
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

// With its size, unless a group does not answer.
Exit DescribeAll(Context& context, const std::string& name) {
  Result<api::Table> table = context.client().DescribeTable(name).Wait();
  if (!table.ok()) return Report(context, table.failure());
  Result<api::TableSizeResult> size = context.client().TableSize(name).Wait();
  JsonWriter json(context.json ? 0 : 2);
  WriteTable(json, *table, size.ok() ? &*size : nullptr);
  PrintLine(json.text());
  return kOk;
}

// "key=value"; without "=" an empty value.
std::map<std::string, std::string> TagsOf(const std::vector<std::string>& words) {
  std::map<std::string, std::string> tags;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    tags[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return tags;
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
  bool protect = false;
  std::vector<std::string> tags;
};

struct UpdateArguments {
  std::string name, ttl, protection;
  bool no_ttl = false;
  std::vector<std::string> words;  // Tags, or their keys.
};

// One change after the other; ends at the first that is refused.
Exit Change(Context& context, const UpdateArguments& arguments) {
  Client& client = context.client();
  Exit exit = kOk;
  if (!arguments.protection.empty()) {
    exit = PrintTable(
        context, client.SetDeletionProtection(arguments.name, arguments.protection == "on").Wait(),
        absl::StrCat("deletion protection is ", arguments.protection));
  }
  if (exit == kOk && (arguments.no_ttl || !arguments.ttl.empty())) {
    Result<api::Table> table = client.SetTtl(arguments.name, arguments.ttl).Wait();
    if (table.ok()) table = client.WaitUntilActive(arguments.name).Wait();
    exit = PrintTable(context, table,
                      arguments.no_ttl ? "has no TTL attribute any more" : "has its TTL attribute");
  }
  return exit;
}

Exit Create(Context& context, const CreateArguments& arguments) {
  api::Table table;
  table.set_name(arguments.name);
  table.set_ttl_attribute(arguments.ttl);
  table.set_deletion_protection(arguments.protect);
  for (const auto& [key, value] : TagsOf(arguments.tags)) {
    table.add_tags()->set_key(key);
    table.mutable_tags()->rbegin()->set_value(value);
  }
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

void AddChangeCommands(CLI::App& table, Context& context, Exit& exit) {
  auto update = std::make_shared<UpdateArguments>();
  CLI::App* sub = table.add_subcommand("update", "Change a table, and wait until it is active");
  sub->add_option("name", update->name, "The table")->required();
  sub->add_option("--deletion-protection", update->protection, "on: it cannot be deleted")
      ->check(CLI::IsMember({"on", "off"}));
  CLI::Option* ttl = sub->add_option("--ttl", update->ttl, "Items expire by this attribute");
  sub->add_flag("--no-ttl", update->no_ttl, "Items do not expire any more")->excludes(ttl);
  sub->callback([&, update] {
    if (update->protection.empty() && update->ttl.empty() && !update->no_ttl) {
      PrintError("nothing to change");
      exit = kUsage;
      return;
    }
    exit = Change(context, *update);
  });

  sub = table.add_subcommand("tag", "Add tags to a table, or change their values");
  sub->add_option("name", update->name, "The table")->required();
  sub->add_option("tags", update->words, "KEY=VALUE")->required();
  sub->callback([&, update] {
    exit = PrintTable(
        context, context.client().TagTable(update->name, TagsOf(update->words)).Wait(), "tagged");
  });

  sub = table.add_subcommand("untag", "Take tags from a table");
  sub->add_option("name", update->name, "The table")->required();
  sub->add_option("keys", update->words, "Their keys")->required();
  sub->callback([&, update] {
    exit = PrintTable(context, context.client().UntagTable(update->name, update->words).Wait(),
                      "untagged");
  });

  auto gone = std::make_shared<bool>(false);
  sub = table.add_subcommand("wait", "Wait until a table is active, under --timeout");
  sub->add_option("name", update->name, "The table")->required();
  sub->add_flag("--gone", *gone, "Until there is no such table");
  sub->callback([&, update, gone] {
    Client& client = context.client();
    exit = *gone ? PrintTable(context, client.WaitUntilGone(update->name).Wait(), "gone")
                 : PrintTable(context, client.WaitUntilActive(update->name).Wait(), "active");
  });
}

}  // namespace

void AddTableCommands(CLI::App& app, Context& context, Exit& exit) {
  CLI::App* table =
      app.add_subcommand("table", "Create, list, describe, change, tag, delete tables");
  table->require_subcommand(1);
  table->fallthrough();

  auto create = std::make_shared<CreateArguments>();
  CLI::App* sub = table->add_subcommand("create", "Create a table, and wait until it is active");
  sub->add_option("name", create->name, "Its name")->required();
  sub->add_option("--partition-key", create->partition_key, "NAME:S, NAME:N or NAME:B")->required();
  sub->add_option("--sort-key", create->sort_key, "As the partition key; orders items under one");
  sub->add_option("--ttl", create->ttl,
                  "The attribute with the second (Unix time) at which an item expires");
  sub->add_flag("--protect", create->protect, "It cannot be deleted until that is switched off");
  sub->add_option("--tag", create->tags, "KEY=VALUE; may be repeated");
  sub->callback([&, create] { exit = Create(context, *create); });

  table->add_subcommand("list", "List the tables")->callback([&] { exit = List(context); });

  auto name = std::make_shared<std::string>();
  sub = table->add_subcommand("describe", "Show one table");
  sub->add_option("name", *name, "The table")->required();
  sub->callback([&, name] { exit = DescribeAll(context, *name); });

  AddChangeCommands(*table, context, exit);

  sub = table->add_subcommand("delete", "Delete a table and its items");
  sub->add_option("name", *name, "The table")->required();
  sub->callback([&, name] {
    exit = PrintTable(context, context.client().DeleteTable(*name).Wait(), "deleted");
  });
}

}  // namespace fastpath::client::cli
