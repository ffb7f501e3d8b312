// `fastpath transact write` and `transact get`: several items of any tables, all or none.
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/expressions.h"

namespace fastpath::client::cli {
namespace {

struct Arguments {
  std::string file = "-";
  std::optional<std::string> token;
  bool retry_conflicts = false;
  bool capacity = false;
};

// One item of the file: what is asked of it, and the JSON texts that say so.
struct Part {
  std::string kind;
  std::map<std::string, std::string> members;
};

// What each kind of item says besides its table, and must say.
struct Kind {
  std::set<std::string> members;
  std::set<std::string> required;
};
using Kinds = std::map<std::string, Kind>;

const Kinds& WriteKinds() {
  static const Kinds kinds = {
      {"Put", {{"table", "item", "condition", "names", "values"}, {"table", "item"}}},
      {"Update",
       {{"table", "key", "update", "condition", "names", "values"}, {"table", "key", "update"}}},
      {"Delete", {{"table", "key", "condition", "names", "values"}, {"table", "key"}}},
      {"ConditionCheck",
       {{"table", "key", "condition", "names", "values"}, {"table", "key", "condition"}}}};
  return kinds;
}

const Kinds& GetKinds() {
  static const Kinds kinds = {{"Get", {{"table", "key", "projection", "names"}, {"table", "key"}}}};
  return kinds;
}

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

// A JSON list, or an object a line.
absl::StatusOr<std::vector<std::string>> SplitFile(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '[') return JsonParser().SplitArray(text);
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(std::move(line));
  }
  return lines;
}

absl::StatusOr<Part> ParsePart(const std::string& text, const Kinds& kinds) {
  JsonParser parser;
  const auto outer = parser.SplitObject(text);
  if (!outer.ok()) return outer.status();
  const auto kind = outer->size() == 1 ? kinds.find(outer->begin()->first) : kinds.end();
  if (kind == kinds.end()) {
    std::string names;
    for (const auto& [name, unused] : kinds)
      absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    return Wrong(absl::StrCat("an object with one member is expected, of: ", names));
  }
  auto members = parser.SplitObject(outer->begin()->second);
  if (!members.ok()) {
    return Wrong(absl::StrCat(kind->first, ": ", members.status().message()));
  }
  for (const auto& [name, unused] : *members) {
    if (!kind->second.members.contains(name)) {
      return Wrong(absl::StrCat(kind->first, " has no \"", name, "\""));
    }
  }
  for (const std::string& name : kind->second.required) {
    if (!members->contains(name)) {
      return Wrong(absl::StrCat(kind->first, " lacks \"", name, "\""));
    }
  }
  return Part{kind->first, *std::move(members)};
}

// A member that is a text; empty if it is not there.
absl::StatusOr<std::string> TextOf(const Part& part, const std::string& name) {
  const auto found = part.members.find(name);
  if (found == part.members.end()) return std::string();
  absl::StatusOr<Value> value = JsonParser().ParseValue(found->second, Dialect::kPlain);
  if (value.ok() && value->is(model::Type::kString) && !value->text().empty()) {
    return value->text();
  }
  return Wrong(absl::StrCat(part.kind, ": \"", name, "\" is a text that is not empty"));
}

std::string RawOf(const Part& part, const std::string& name) {
  const auto found = part.members.find(name);
  return found == part.members.end() ? "" : found->second;
}

// The texts of a part. Prints what is wrong, and gives nothing.
struct Understood {
  std::string table;
  Expressions expressions;
};
std::optional<Understood> Understand(Context& context, const Part& part, Exit& exit) {
  ExpressionArguments arguments;
  Understood result;
  exit = kRefused;
  for (const auto& [name, text] :
       std::map<std::string, std::string*>{{"table", &result.table},
                                           {"condition", &arguments.condition},
                                           {"update", &arguments.update},
                                           {"projection", &arguments.projection}}) {
    absl::StatusOr<std::string> got = TextOf(part, name);
    if (!got.ok()) {
      PrintError(std::string(got.status().message()));
      return std::nullopt;
    }
    *text = *std::move(got);
  }
  arguments.names = RawOf(part, "names");
  arguments.values = RawOf(part, "values");
  std::optional<Expressions> parsed = ParseExpressions(context, result.table, arguments, exit);
  if (!parsed) {
    if (exit == kUsage) exit = kRefused;  // The file is wrong, not the command line.
    return std::nullopt;
  }
  result.expressions = *std::move(parsed);
  return result;
}

bool AddWrite(Context& context, const Part& part, TransactWrite& transaction, Exit& exit) {
  std::optional<Understood> understood = Understand(context, part, exit);
  if (!understood) return false;
  Condition& condition = understood->expressions.condition;
  OnlyIf only_if = OnlyIf(condition).ReturnItemOnFailure(condition.present());
  if (part.kind == "Put") {
    absl::StatusOr<Item> item = JsonParser().ParseItem(RawOf(part, "item"), context.dialect());
    if (item.ok()) {
      transaction.Put(understood->table, *item, std::move(only_if));
      return true;
    }
    PrintError(absl::StrCat("item: ", item.status().message()));
    exit = kRefused;
    return false;
  }
  std::optional<Key> key = ParseKey(context, understood->table, RawOf(part, "key"), exit);
  if (!key) return false;
  if (part.kind == "Update") {
    transaction.Update(*key, understood->expressions.update, std::move(only_if));
  } else if (part.kind == "Delete") {
    transaction.Delete(*key, std::move(only_if));
  } else {
    transaction.Check(*key, std::move(only_if));
  }
  return true;
}

bool AddGet(Context& context, const Part& part, TransactGet& transaction,
            std::vector<std::string>& tables, Exit& exit) {
  std::optional<Understood> understood = Understand(context, part, exit);
  if (!understood) return false;
  std::optional<Key> key = ParseKey(context, understood->table, RawOf(part, "key"), exit);
  if (!key) return false;
  transaction.Get(*key, understood->expressions.projection);
  tables.push_back(understood->table);
  return true;
}

// Every item of the file through `add`. False: printed which one is wrong, and `exit` set.
template <class Add>
bool ReadParts(const Arguments& arguments, const Kinds& kinds, Exit& exit, Add add) {
  exit = kRefused;
  const std::string source = arguments.file == "-" ? "-" : absl::StrCat("@", arguments.file);
  const std::optional<std::string> text = ReadArgument(source);
  if (!text) return false;
  const auto parts = SplitFile(*text);
  if (!parts.ok()) {
    PrintError(std::string(parts.status().message()));
    return false;
  }
  for (size_t i = 0; i < parts->size(); ++i) {
    exit = kRefused;
    const absl::StatusOr<Part> part = ParsePart((*parts)[i], kinds);
    if (part.ok() && add(*part, exit)) continue;
    PrintError(absl::StrCat("item ", i + 1, " of the transaction is wrong; nothing was sent",
                            part.ok() ? "" : ": ", part.ok() ? "" : part.status().message()));
    return false;
  }
  return true;
}

void AddCapacity(const std::vector<api::Capacity>& capacity, const char* unit, JsonWriter& json) {
  if (capacity.empty()) return;
  json.Name("capacity").BeginArray();
  for (const api::Capacity& table : capacity) {
    json.BeginObject().Name("table").String(table.table()).Name(absl::StrCat(unit, "_units"));
    json.Raw(unit[0] == 'r' ? ReadUnits(table) : std::to_string(table.write_units())).EndObject();
  }
  json.EndArray();
}

Exit Write(Context& context, const Arguments& arguments) {
  TransactWrite transaction;
  Exit exit = kOk;
  if (!ReadParts(arguments, WriteKinds(), exit, [&](const Part& part, Exit& wrong) {
        return AddWrite(context, part, transaction, wrong);
      })) {
    return exit;
  }
  if (arguments.token) transaction.Token(*arguments.token);
  const Result<TransactWriteAnswer> written =
      context.client()
          .TransactWrite(transaction, TransactOptions()
                                          .RetryConflicts(arguments.retry_conflicts)
                                          .ReturnCapacity(arguments.capacity))
          .Wait();
  if (!written.ok()) return Report(context, written.failure());
  if (!context.json) {
    PrintLine("ok");
    PrintCapacity(written->capacity, "write");
    return kOk;
  }
  JsonWriter json;
  json.BeginObject().Name("outcome").String("ok");
  AddCapacity(written->capacity, "write", json);
  PrintLine(json.EndObject().text());
  return kOk;
}

void PrintReads(const Context& context, const std::vector<std::string>& tables,
                const TransactGetAnswer& got) {
  JsonWriter json;
  json.BeginObject().Name("items").BeginArray();
  for (size_t i = 0; i < tables.size(); ++i) {
    const TransactGetAnswer::Read& read = got.items[i];
    json.BeginObject().Name("table").String(tables[i]).Name("found").Bool(read.item.has_value());
    if (read.item) {
      json.Name("version").Number(read.version).Name("item").Item(*read.item, context.dialect());
    }
    json.EndObject();
  }
  json.EndArray();
  AddCapacity(got.capacity, "read", json);
  PrintLine(json.EndObject().text());
}

// A line an item, also of those that are not there: as they were asked for.
Exit Get(Context& context, const Arguments& arguments) {
  TransactGet transaction;
  std::vector<std::string> tables;
  Exit exit = kOk;
  if (!ReadParts(arguments, GetKinds(), exit, [&](const Part& part, Exit& wrong) {
        return AddGet(context, part, transaction, tables, wrong);
      })) {
    return exit;
  }
  const Result<TransactGetAnswer> got =
      context.client()
          .TransactGet(transaction, TransactOptions().ReturnCapacity(arguments.capacity))
          .Wait();
  if (!got.ok()) return Report(context, got.failure());
  if (context.json) {
    PrintReads(context, tables, *got);
    return kOk;
  }
  for (size_t i = 0; i < tables.size(); ++i) {
    JsonWriter json;
    json.BeginObject().Name("table").String(tables[i]).Name("item");
    if (got->items[i].item) {
      json.Item(*got->items[i].item, context.dialect());
    } else {
      json.Raw("null");
    }
    PrintLine(json.EndObject().text());
  }
  PrintCapacity(got->capacity, "read");
  return kOk;
}

constexpr char kWriteFooter[] = R"help(Each item is one of
  {"Put":            {"table":T, "item":ITEM}}
  {"Update":         {"table":T, "key":KEY, "update":TEXT}}
  {"Delete":         {"table":T, "key":KEY}}
  {"ConditionCheck": {"table":T, "key":KEY, "condition":TEXT}}
and may have "condition":TEXT, and "names":{..} and "values":{..} for its texts.
KEY is {"id":"a"}, or the partition key's value, or [partition, sort].

Example: sell two of p1, if there are two, and take the order, or do neither:
  fastpath transact write --token order-17 <<'END'
 [{"Update":{"table":"products","key":"p1","update":"SET stock = stock - :q",
    "condition":"stock >= :q","values":{":q":2}}},
  {"Put":{"table":"orders","item":{"id":"o17","product":"p1","quantity":2},
    "condition":"attribute_not_exists(id)"}}]
  END

Exit code 1 and TRANSACTION_CANCELLED: without effect; the reasons are told, item by item.)help";

constexpr char kGetFooter[] = R"help(Each item is {"Get": {"table":T, "key":KEY}}, and may have
"projection":TEXT with "names":{..}. An item that is not there is null.

Example:
  fastpath transact get <<'END'
  {"Get":{"table":"products","key":"p1","projection":"stock"}}
  {"Get":{"table":"orders","key":"o17"}}
  END)help";

CLI::App* Add(CLI::App* transact, Context& context, Exit& exit, const char* name, const char* help,
              std::shared_ptr<Arguments> arguments, Exit (*run)(Context&, const Arguments&)) {
  CLI::App* command = transact->add_subcommand(name, help);
  command
      ->add_option("--file", arguments->file,
                   "The items: a JSON list, or an object a line; - for standard input")
      ->capture_default_str();
  command->add_flag("--capacity", arguments->capacity, kCapacityHelp);
  command->callback([&context, &exit, arguments, run] { exit = run(context, *arguments); });
  return command;
}

}  // namespace

void AddTransactCommands(CLI::App& app, Context& context, Exit& exit) {
  CLI::App* transact =
      app.add_subcommand("transact", "Write or read several items of any tables: all or none");
  transact->require_subcommand(1);
  transact->fallthrough();

  auto write = std::make_shared<Arguments>();
  CLI::App* command =
      Add(transact, context, exit, "write",
          "Put, update, delete and check up to 100 items, all or none", write, Write);
  command->add_option("--token", write->token,
                      "1 to 36 bytes: with it, again within ten minutes still counts once");
  command->add_flag("--retry-conflicts", write->retry_conflicts,
                    "Try again, to the timeout, while others hold the items");
  command->footer(kWriteFooter);

  auto get = std::make_shared<Arguments>();
  command = Add(transact, context, exit, "get", "Read up to 100 items as of one moment", get, Get);
  command->footer(kGetFooter);
}

}  // namespace fastpath::client::cli
