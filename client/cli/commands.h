// The subcommands: each adds itself, with its options and help, to the command
// line, and sets `exit` when it ran.
#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/context.h"

namespace fastpath::client::cli {

void AddTableCommands(CLI::App& app, Context& context, Exit& exit);
// Of `item`.
void AddBatchCommands(CLI::App& item, Context& context, Exit& exit);
void AddItemCommands(CLI::App& app, Context& context, Exit& exit);
// `item query` and `item scan`.
void AddPageCommands(CLI::App* item, Context& context, Exit& exit);
void AddTransactCommands(CLI::App& app, Context& context, Exit& exit);
void AddImport(CLI::App& app, Context& context, Exit& exit);
void AddExport(CLI::App& app, Context& context, Exit& exit);
void AddClusterCommands(CLI::App& app, Context& context, Exit& exit);
void AddDebug(CLI::App& app, Context& context, Exit& exit);

}  // namespace fastpath::client::cli
