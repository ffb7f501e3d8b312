#include "client/cli/expressions.h"

#include "absl/strings/str_cat.h"

namespace fastpath::client::cli {
namespace {

std::optional<Item> ParseObject(std::string_view option, const std::string& text, Dialect dialect) {
  if (text.empty()) return Item();
  absl::StatusOr<Item> object = JsonParser().ParseItem(text, dialect);
  if (object.ok()) return *std::move(object);
  PrintError(absl::StrCat(std::string(option), ": ", object.status().message()));
  return std::nullopt;
}

// --names and --values.
std::optional<Placeholders> ParsePlaceholders(const Context& context,
                                              const ExpressionArguments& arguments) {
  const std::optional<Item> names = ParseObject("--names", arguments.names, Dialect::kPlain);
  const std::optional<Item> values = ParseObject("--values", arguments.values, context.dialect());
  if (!names || !values) return std::nullopt;
  Names name_of;
  for (const auto& [placeholder, name] : *names) {
    if (!name.is(model::Type::kString)) {
      PrintError(absl::StrCat("--names: ", placeholder, " stands for an attribute's name: a text"));
      return std::nullopt;
    }
    name_of.emplace(placeholder, name.text());
  }
  Values value_of;
  for (const auto& [placeholder, value] : *values) value_of.emplace(placeholder, value);
  return Placeholders(name_of, value_of);
}

// --if-exists, --if-not-exists, every --if and --condition, all together.
std::optional<Condition> BuildCondition(Context& context, const std::string& table,
                                        const ExpressionArguments& arguments,
                                        Placeholders& placeholders, Exit& exit) {
  Condition all;
  if (arguments.if_exists || arguments.if_not_exists) {
    std::optional<api::Table> described = Describe(context, table, exit);
    if (!described) return std::nullopt;
    Path key({described->partition_key().name()});
    all = all && (arguments.if_exists ? AttrExists(key) : AttrNotExists(key));
  }
  exit = kUsage;
  for (const std::string& text : arguments.conditions) {
    std::optional<Assignment> assignment = ParseAssignment(context, "--if", text);
    if (!assignment) return std::nullopt;
    all = all && Attr(assignment->path) == Literal(assignment->value);
  }
  if (!arguments.condition.empty()) {
    all = all && Condition::Parse(arguments.condition, placeholders);
  }
  return all;
}

std::optional<Update> BuildUpdate(Context& context, const std::string& table,
                                  const ExpressionArguments& arguments, Placeholders& placeholders,
                                  Exit& exit) {
  if (!arguments.update.empty()) {
    std::optional<api::Table> described = Describe(context, table, exit);
    if (!described) return std::nullopt;
    exit = kUsage;
    return Update::Parse(arguments.update, placeholders, &*described);
  }
  exit = kUsage;
  Update update;
  for (const std::string& text : arguments.sets) {
    std::optional<Assignment> set = ParseAssignment(context, "--set", text);
    if (!set) return std::nullopt;
    update.Set(set->path, Literal(set->value));
  }
  for (const std::string& text : arguments.adds) {
    std::optional<Assignment> add = ParseAssignment(context, "--add", text);
    if (!add) return std::nullopt;
    update.Add(add->path, add->value);
  }
  for (const std::string& text : arguments.deletes) {
    std::optional<Assignment> members = ParseAssignment(context, "--delete", text);
    if (!members) return std::nullopt;
    update.Delete(members->path, members->value);
  }
  for (const std::string& path : arguments.removes) update.Remove(path);
  return update;
}

std::vector<Path> BuildProjection(const ExpressionArguments& arguments,
                                  Placeholders& placeholders) {
  if (!arguments.projection.empty()) return ParseProjection(arguments.projection, placeholders);
  return {arguments.fields.begin(), arguments.fields.end()};
}

// The first error of texts and paths; then what of the placeholders is left over.
absl::Status Check(const Expressions& expressions, const Placeholders& placeholders) {
  if (!expressions.condition.status().ok()) return expressions.condition.status();
  if (!expressions.update.status().ok()) return expressions.update.status();
  for (const Path& path : expressions.projection) {
    if (!path.status().ok()) return path.status();
  }
  return placeholders.status();
}

void AddList(CLI::App* command, const char* name, std::vector<std::string>& list,
             const char* help) {
  command->add_option(name, list, help)->allow_extra_args(false);
}

// Once for each command, however many texts it takes.
void AddNamesOption(CLI::App* command, ExpressionArguments& arguments) {
  if (command->get_option_no_throw("--names") != nullptr) return;
  command->add_option("--names", arguments.names,
                      "{\"#n\":\"name\"}: attribute names for #n in texts");
}
void AddPlaceholderOptions(CLI::App* command, ExpressionArguments& arguments) {
  AddNamesOption(command, arguments);
  if (command->get_option_no_throw("--values") != nullptr) return;
  command->add_option("--values", arguments.values,
                      "{\":v\":JSON}: values for :v in texts; with --typed typed");
}

}  // namespace

void AddConditionOptions(CLI::App* command, ExpressionArguments& arguments) {
  auto* exists = command->add_flag("--if-exists", arguments.if_exists, "Only if the item exists");
  command->add_flag("--if-not-exists", arguments.if_not_exists, "Only if it does not")
      ->excludes(exists);
  AddList(command, "--if", arguments.conditions,
          "PATH=JSON: only if it has this value; repeatable");
  command->add_option("--condition", arguments.condition,
                      "Only if this holds: \"stock >= :q AND attribute_exists(#t)\"");
  AddPlaceholderOptions(command, arguments);
}

void AddUpdateOptions(CLI::App* command, ExpressionArguments& arguments) {
  AddList(command, "--set", arguments.sets, "PATH=JSON; repeatable, as all of these");
  AddList(command, "--add", arguments.adds, "PATH=NUMBER adds; with --typed also to sets");
  AddList(command, "--remove", arguments.removes, "PATH");
  AddList(command, "--delete", arguments.deletes, "PATH=SET (--typed): takes members away");
  auto* text = command->add_option("--update", arguments.update,
                                   "All of it as text: \"SET stock = stock - :q REMOVE draft\"");
  for (const char* option : {"--set", "--add", "--remove", "--delete"}) {
    text->excludes(command->get_option(option));
  }
  AddPlaceholderOptions(command, arguments);
}

void AddProjectionOptions(CLI::App* command, ExpressionArguments& arguments) {
  auto* fields = command->add_option("--fields", arguments.fields, "Only these paths: a,b.c,d[0]")
                     ->delimiter(',')
                     ->allow_extra_args(false);
  command->add_option("--projection", arguments.projection, "The same as text: \"id, #t, d[0]\"")
      ->excludes(fields);
  AddNamesOption(command, arguments);
}

void AddFilterOptions(CLI::App* command, ExpressionArguments& arguments) {
  AddList(command, "--filter", arguments.conditions,
          "PATH=JSON: only items with this value; repeatable, as all of these");
  command->add_option("--filter-expression", arguments.condition,
                      "Only items for which this holds: \"stock >= :q AND attribute_exists(#t)\"");
  AddProjectionOptions(command, arguments);
  AddPlaceholderOptions(command, arguments);
}

std::optional<KeyCondition> ParseRead(const Context& context, const api::Table& table,
                                      const std::string& key_condition, bool query,
                                      const ExpressionArguments& arguments,
                                      Expressions& expressions) {
  std::optional<Placeholders> placeholders = ParsePlaceholders(context, arguments);
  if (!placeholders) return std::nullopt;
  absl::StatusOr<KeyCondition> key = KeyCondition();
  if (!key_condition.empty()) key = KeyCondition::Parse(key_condition, table, *placeholders);
  for (const std::string& text : arguments.conditions) {
    std::optional<Assignment> assignment = ParseAssignment(context, "--filter", text);
    if (!assignment) return std::nullopt;
    expressions.condition =
        std::move(expressions.condition) && Attr(assignment->path) == Literal(assignment->value);
  }
  if (!arguments.condition.empty()) {
    expressions.condition =
        std::move(expressions.condition) &&
        Condition::ParseFilter(arguments.condition, *placeholders, query ? &table : nullptr);
  }
  expressions.projection = BuildProjection(arguments, *placeholders);
  const absl::Status status = key.ok() ? Check(expressions, *placeholders) : key.status();
  if (status.ok()) return *std::move(key);
  PrintError(std::string(status.message()));
  return std::nullopt;
}

std::optional<Expressions> ParseExpressions(Context& context, const std::string& table,
                                            const ExpressionArguments& arguments, Exit& exit) {
  exit = kUsage;
  std::optional<Placeholders> placeholders = ParsePlaceholders(context, arguments);
  if (!placeholders) return std::nullopt;
  std::optional<Condition> condition =
      BuildCondition(context, table, arguments, *placeholders, exit);
  if (!condition) return std::nullopt;
  std::optional<Update> update = BuildUpdate(context, table, arguments, *placeholders, exit);
  if (!update) return std::nullopt;
  Expressions expressions{*std::move(condition), *std::move(update),
                          BuildProjection(arguments, *placeholders)};
  const absl::Status status = Check(expressions, *placeholders);
  if (!status.ok()) {
    PrintError(std::string(status.message()));
    return std::nullopt;
  }
  exit = kOk;
  return expressions;
}

}  // namespace fastpath::client::cli
