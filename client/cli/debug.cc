// `fastpath debug`: the files of a stopped node are read by the server's program,
// for this one knows no engine. It is replaced by that.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"

namespace fastpath::client::cli {
namespace {

// Beside this program, as packages and builds put it; else wherever PATH says.
std::string ServerProgram() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const std::string beside = (self.parent_path() / "fastpathd").string();
    if (access(beside.c_str(), X_OK) == 0) return beside;
  }
  return "fastpathd";
}

Exit Debug(const Context& context, const std::vector<std::string>& arguments) {
  const std::string program = ServerProgram();
  std::vector<std::string> words = {program, "debug"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (context.json) words.push_back("--json");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(program.c_str(), argv.data());
  const int error = errno;
  PrintError(
      absl::StrCat("fastpath debug needs the server's program, fastpathd, beside this one or in "
                   "PATH (package fastpath-server): ",
                   std::strerror(error)));
  return kUsage;
}

}  // namespace

void AddDebug(CLI::App& app, Context& context, Exit& exit) {
  auto* debug = app.add_subcommand("debug", "Look into a stopped node's files: log, state, digest");
  // Everything after it is fastpathd's, --help and --json too.
  debug->set_help_flag();
  debug->fallthrough(false);
  debug->prefix_command();
  debug->callback([&context, &exit, debug] { exit = Debug(context, debug->remaining()); });
}

}  // namespace fastpath::client::cli
