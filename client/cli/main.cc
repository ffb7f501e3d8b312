// `fastpath`: the command line of a Fastpath cluster.
#include <string>

#include "client/cli/commands.h"

namespace {

constexpr char kFooter[] =
    R"(Items are JSON: strings, numbers (all digits are kept), true, false, null, lists
and objects. --typed reads and writes DynamoDB's JSON ({"S":"x"}, {"N":"1"}, {"B":"base64"},
{"SS":["a"]}), which also has binary values and sets.

Exit codes:
  0  ok
  1  refused, certainly without effect: a failed condition, not found, wrong input
  2  wrong command line
  3  unknown: the write may have taken effect
  4  no answer in time: nothing can be reached, or no leader
  5  done, but what it printed could not be written)";

}  // namespace

int main(int argc, char** argv) {
  using namespace fastpath::client::cli;
  CLI::App app("Fastpath: a replicated key-value store. Tables of typed items, by key.",
               "fastpath");
  Context context;
  Exit exit = kOk;
  app.add_option("--endpoints", context.endpoints, "Nodes of the cluster: host:port,...")
      ->envname("FASTPATH_ENDPOINTS")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--timeout", context.timeout_s, "Seconds for an operation")
      ->check(CLI::Range(0.001, 540.0))
      ->take_last()
      ->capture_default_str();
  app.add_flag("--json", context.json, "Print JSON, for programs");
  app.add_flag("--typed", context.typed, "Items in DynamoDB's typed JSON");
  app.set_version_flag("--version", std::string("fastpath ") + FASTPATH_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  AddTableCommands(app, context, exit);
  AddItemCommands(app, context, exit);
  AddTransactCommands(app, context, exit);
  AddImport(app, context, exit);
  AddExport(app, context, exit);
  AddClusterCommands(app, context, exit);
  AddDebug(app, context, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Written(app.exit(error) == 0 ? kOk : kUsage);
  }
  return Written(exit);
}
