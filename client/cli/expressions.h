// The options with which item commands say conditions, updates and projections:
// short forms for a person, or text as DynamoDB's with placeholders.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/context.h"

namespace fastpath::client::cli {

struct ExpressionArguments {
  bool if_exists = false;
  bool if_not_exists = false;
  std::vector<std::string> conditions;  // PATH=JSON
  std::vector<std::string> sets, adds, removes, deletes;
  std::vector<std::string> fields;
  // Texts, and the JSON of what their placeholders stand for.
  std::string condition, update, projection, names, values;
};

void AddConditionOptions(CLI::App* command, ExpressionArguments& arguments);
void AddUpdateOptions(CLI::App* command, ExpressionArguments& arguments);
void AddProjectionOptions(CLI::App* command, ExpressionArguments& arguments);
void AddFilterOptions(CLI::App* command, ExpressionArguments& arguments);  // And projection.

// What a command's options mean; of what it has no options for, nothing.
struct Expressions {
  Condition condition;  // All that are given, together.
  Update update;
  std::vector<Path> projection;
};
// Asks the cluster for the table where a key's name is needed. Prints what is
// wrong, sets `exit` and gives nothing.
std::optional<Expressions> ParseExpressions(Context& context, const std::string& table,
                                            const ExpressionArguments& arguments, Exit& exit);

// Of a query or scan: its filter is the condition of `expressions`, and the text
// of a query's keys may be empty. Prints what is wrong with the command line, and
// gives nothing.
std::optional<KeyCondition> ParseRead(const Context& context, const api::Table& table,
                                      const std::string& key_condition, bool query,
                                      const ExpressionArguments& arguments,
                                      Expressions& expressions);

}  // namespace fastpath::client::cli
