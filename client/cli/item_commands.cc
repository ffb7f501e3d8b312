#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/expressions.h"

namespace fastpath::client::cli {
namespace {

// Options that several item commands share; each command has its own.
struct Arguments : ExpressionArguments {
  std::string table;
  std::string key;
  std::string item;
  std::string returns = "none";
  std::string attribute;
  std::string delta = "1";
  double ttl_s = 0;
  bool eventual = false;
  bool capacity = false;
};

Exit PrintWritten(const Context& context, const Result<WriteAnswer>& result, bool wants_item) {
  if (!result.ok()) return Report(context, result.failure());
  if (context.json) {
    JsonWriter json;
    json.BeginObject().Name("version").Number(result->version);
    if (result->item) json.Name("item").Item(*result->item, context.dialect());
    if (result->capacity) json.Name("write_units").Number(result->capacity->write_units());
    PrintLine(json.EndObject().text());
  } else if (result->item) {
    JsonWriter json(2);
    PrintLine(json.Item(*result->item, context.dialect()).text());
  } else if (wants_item) {
    PrintLine("null");
  } else {
    PrintLine(result->version == 0 ? std::string("ok")
                                   : absl::StrCat("ok, version ", result->version));
  }
  if (result->capacity && !context.json) {
    std::fputs(absl::StrCat("write units: ", result->capacity->write_units(), "\n").c_str(),
               stderr);
  }
  return kOk;
}

// Sets the table's TTL attribute to a time from now.
bool SetExpiry(Context& context, const Arguments& arguments, Item& item, Exit& exit) {
  std::optional<api::Table> table = Describe(context, arguments.table, exit);
  if (!table) return false;
  if (table->ttl_attribute().empty()) {
    PrintError(absl::StrCat("--ttl: table \"", arguments.table, "\" has no TTL attribute"));
    exit = kRefused;
    return false;
  }
  auto now = std::chrono::system_clock::now().time_since_epoch();
  int64_t expiry =
      static_cast<int64_t>(std::chrono::duration<double>(now).count() + arguments.ttl_s + 0.999);
  item.Set(table->ttl_attribute(), Value::Num(expiry));
  return true;
}

PutOptions OptionsOf(const Condition& condition, const Arguments& arguments) {
  return PutOptions(condition)
      .ReturnOld(arguments.returns == "old")
      .ReturnItemOnFailure(condition.present())
      .ReturnCapacity(arguments.capacity);
}

Exit Put(Context& context, const Arguments& arguments) {
  std::optional<std::string> text = ReadArgument(arguments.item);
  if (!text) return kRefused;
  JsonParser parser;
  absl::StatusOr<Item> item = parser.ParseItem(*text, context.dialect());
  if (!item.ok()) {
    PrintError(std::string(item.status().message()));
    return kRefused;
  }
  Exit exit = kOk;
  if (arguments.ttl_s > 0 && !SetExpiry(context, arguments, *item, exit)) return exit;
  std::optional<Expressions> parsed = ParseExpressions(context, arguments.table, arguments, exit);
  if (!parsed) return exit;
  bool old = arguments.returns == "old";
  return PrintWritten(
      context,
      context.client().Put(arguments.table, *item, OptionsOf(parsed->condition, arguments)).Wait(),
      old);
}

Exit Get(Context& context, const Arguments& arguments) {
  Exit exit = kOk;
  std::optional<Key> key = ParseKey(context, arguments.table, arguments.key, exit);
  if (!key) return exit;
  std::optional<Expressions> parsed = ParseExpressions(context, arguments.table, arguments, exit);
  if (!parsed) return exit;
  Result<GetAnswer> got = context.client()
                              .Get(*key, GetOptions()
                                             .Eventual(arguments.eventual)
                                             .Projection(parsed->projection)
                                             .ReturnCapacity(arguments.capacity))
                              .Wait();
  if (!got.ok()) return Report(context, got.failure());
  if (context.json) {
    JsonWriter json;
    json.BeginObject().Name("found").Bool(got->item.has_value());
    if (got->item) {
      json.Name("version").Number(got->version);
      json.Name("item").Item(*got->item, context.dialect());
    }
    if (got->capacity) json.Name("read_units").Raw(ReadUnits(*got->capacity));
    PrintLine(json.EndObject().text());
  } else if (got->item) {
    JsonWriter json(2);
    PrintLine(json.Item(*got->item, context.dialect()).text());
  } else {
    PrintError("there is no such item");
  }
  if (got->capacity && !context.json) {
    std::fputs(absl::StrCat("read units: ", ReadUnits(*got->capacity), "\n").c_str(), stderr);
  }
  return got->item ? kOk : kRefused;
}

Exit Delete(Context& context, const Arguments& arguments) {
  Exit exit = kOk;
  std::optional<Key> key = ParseKey(context, arguments.table, arguments.key, exit);
  if (!key) return exit;
  std::optional<Expressions> parsed = ParseExpressions(context, arguments.table, arguments, exit);
  if (!parsed) return exit;
  bool old = arguments.returns == "old";
  return PrintWritten(
      context, context.client().Delete(*key, OptionsOf(parsed->condition, arguments)).Wait(), old);
}

Exit Change(Context& context, const Arguments& arguments) {
  Exit exit = kOk;
  std::optional<Expressions> parsed = ParseExpressions(context, arguments.table, arguments, exit);
  if (!parsed) return exit;
  std::optional<Key> key = ParseKey(context, arguments.table, arguments.key, exit);
  if (!key) return exit;
  UpdateOptions options(parsed->condition);
  options.ReturnItemOnFailure(parsed->condition.present()).ReturnCapacity(arguments.capacity);
  const std::map<std::string, api::ReturnValues> names = {{"none", api::NONE},
                                                          {"old", api::ALL_OLD},
                                                          {"new", api::ALL_NEW},
                                                          {"updated-old", api::UPDATED_OLD},
                                                          {"updated-new", api::UPDATED_NEW}};
  options.return_values = names.at(arguments.returns);
  return PrintWritten(context, context.client().Update(*key, parsed->update, options).Wait(),
                      options.return_values != api::NONE);
}

Exit Increment(Context& context, const Arguments& arguments) {
  absl::StatusOr<model::Number> delta = model::Number::Parse(arguments.delta);
  if (!delta.ok()) {
    PrintError(absl::StrCat("\"", arguments.delta, "\": ", delta.status().message()));
    return kUsage;
  }
  Exit exit = kOk;
  std::optional<Key> key = ParseKey(context, arguments.table, arguments.key, exit);
  if (!key) return exit;
  Result<model::Number> value =
      context.client().Increment(*key, arguments.attribute, *delta).Wait();
  if (!value.ok()) return Report(context, value.failure());
  std::string digits = value->ToString();
  PrintLine(context.json ? JsonWriter().BeginObject().Name("value").Raw(digits).EndObject().text()
                         : digits);
  return kOk;
}

// A subcommand with its own arguments, TABLE first.
CLI::App* Add(CLI::App* item, Context& context, Exit& exit, const char* name, const char* help,
              std::shared_ptr<Arguments> arguments, Exit (*run)(Context&, const Arguments&)) {
  CLI::App* command = item->add_subcommand(name, help);
  command->add_option("table", arguments->table, "The table")->required();
  command->callback([&context, &exit, arguments, run] { exit = run(context, *arguments); });
  return command;
}

void AddKey(CLI::App* command, Arguments& arguments) {
  command
      ->add_option("--key", arguments.key,
                   "{\"id\":\"a\"}; or the partition key's value; or [partition, sort]")
      ->required();
}

void AddCapacity(CLI::App* command, Arguments& arguments) {
  command->add_flag("--capacity", arguments.capacity, "Also tell the capacity units that it took");
}

void AddReturns(CLI::App* command, Arguments& arguments, std::vector<std::string> choices) {
  command->add_option("--return", arguments.returns, "What to print of the item")
      ->check(CLI::IsMember(std::move(choices)))
      ->capture_default_str();
}

}  // namespace

void AddItemCommands(CLI::App& app, Context& context, Exit& exit) {
  CLI::App* item =
      app.add_subcommand("item", "Put, get, update, increment, delete, query, scan items; batches");
  item->require_subcommand(1);
  item->fallthrough();

  auto put = std::make_shared<Arguments>();
  CLI::App* command = Add(item, context, exit, "put", "Write a whole item", put, Put);
  command->add_option("item", put->item, "JSON, @FILE, or - for standard input")->required();
  command->add_option("--ttl", put->ttl_s, "Seconds until it expires: sets the TTL attribute")
      ->check(CLI::PositiveNumber);
  AddConditionOptions(command, *put);
  AddCapacity(command, *put);
  AddReturns(command, *put, {"none", "old"});

  auto get = std::make_shared<Arguments>();
  command = Add(item, context, exit, "get", "Read an item; exit code 1 if there is none", get, Get);
  AddKey(command, *get);
  command->add_flag("--eventual", get->eventual, "From any replica, perhaps a moment old");
  AddProjectionOptions(command, *get);
  AddCapacity(command, *get);

  auto remove = std::make_shared<Arguments>();
  command = Add(item, context, exit, "delete", "Delete an item", remove, Delete);
  AddKey(command, *remove);
  AddConditionOptions(command, *remove);
  AddCapacity(command, *remove);
  AddReturns(command, *remove, {"none", "old"});

  auto update = std::make_shared<Arguments>();
  command =
      Add(item, context, exit, "update", "Change parts of an item, or begin one", update, Change);
  AddKey(command, *update);
  AddUpdateOptions(command, *update);
  AddConditionOptions(command, *update);
  AddCapacity(command, *update);
  AddReturns(command, *update, {"none", "old", "new", "updated-old", "updated-new"});

  auto increment = std::make_shared<Arguments>();
  command = Add(item, context, exit, "increment", "Add to a number, once, and print it", increment,
                Increment);
  AddKey(command, *increment);
  command->add_option("attribute", increment->attribute, "The number's path")->required();
  auto* delta = command->add_option("delta", increment->delta, "How much")->capture_default_str();
  command->add_option("--by", increment->delta, "The same, for --by=-1")->excludes(delta);

  AddBatchCommands(*item, context, exit);
  AddPageCommands(item, context, exit);
}

}  // namespace fastpath::client::cli
