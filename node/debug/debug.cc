#include "node/debug/debug.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/config.h"
#include "raft/check.h"
#include "storage/read_only.h"

namespace fastpath::node {
namespace debug {

TimerId InlineExecutor::At(Micros, Task) {
  FASTPATH_CHECK(false, "reading files needs no timer");
  return 0;
}

void InlineExecutor::Run() {
  while (!tasks_.empty()) {
    std::vector<Task> tasks;
    tasks.swap(tasks_);
    for (Task& task : tasks) task();
  }
}

absl::StatusOr<std::unique_ptr<StoppedStore>> StoppedStore::Open(const std::string& data) {
  const std::string path = data + "/LOCK";
  const int lock = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0 && errno != ENOENT) {
    return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  if (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0) {
    close(lock);
    return absl::FailedPreconditionError(
        absl::StrCat(data, " is in use by a running fastpathd; stop it first"));
  }
  std::unique_ptr<StoppedStore> store(new StoppedStore(data, lock));
  auto disk = storage::OpenReadOnlyDisk(data + "/log", &store->executor_);
  if (absl::IsNotFound(disk.status())) {
    return absl::NotFoundError(absl::StrCat(data, " holds no store: it has no log folder"));
  }
  if (!disk.ok()) return disk.status();
  store->disk_ = *std::move(disk);
  return store;
}

StoppedStore::~StoppedStore() {
  disk_.reset();
  if (lock_ >= 0) close(lock_);
}

absl::StatusOr<storage::LogInspection> StoppedStore::InspectLog() {
  absl::StatusOr<storage::LogInspection> result = absl::InternalError("the log gave no answer");
  storage::InspectLog(disk_.get(), [&](auto inspection) { result = std::move(inspection); });
  executor_.Run();
  return result;
}

absl::StatusOr<std::unique_ptr<storage::Engine>> StoppedStore::OpenEngine() {
  return storage::OpenReadOnlyEngine(data_ + "/engine");
}

void PrintLine(const std::string& text) { std::printf("%s\n", text.c_str()); }
void PrintDamage(const std::string& what) { std::fprintf(stderr, "damage: %s\n", what.c_str()); }

namespace {

constexpr char kFooter[] =
    R"(Nothing is written: no file is created, changed or removed. A running node's data
is refused. The state is what was flushed; the log holds what came after, and
--replay applies it, in memory, as far as the log knows it to be committed.

Exit codes: 0 ok; 1 damage was found, a file cannot be read, or the output not be
written; 2 a wrong command line, or no stopped node's folder.)";

int Report(const absl::Status& status) {
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  const bool usage = absl::IsFailedPrecondition(status) || absl::IsNotFound(status) ||
                     absl::IsInvalidArgument(status);
  return usage ? 2 : 1;
}

// `code`; of 0, 1 with a word if what was printed could not be written.
int Written(int code) {
  const bool flushed = std::fflush(stdout) == 0;
  if ((flushed && std::ferror(stdout) == 0) || code != 0) return code;
  return Report(absl::UnavailableError("the output could not be written"));
}

}  // namespace
}  // namespace debug

int RunDebug(int argc, const char* const* argv) {
  using namespace debug;
  CLI::App app("Looks into the files of a stopped node.", "debug");
  Config config;
  std::string file;
  Options options;
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  auto* data = app.add_option("--data", config.data, "folder of the node's data");
  app.add_option("--config", file, "the node's TOML file, which says where its data is")
      ->excludes(data);
  auto* group = app.add_option("--group", options.group, "one group only; log: with its entries");
  auto* replay =
      app.add_flag("--replay", options.replay, "state, digest: with what only the log holds");
  app.add_option("--until", options.until, "replay the group's log up to this index")
      ->needs(replay)
      ->needs(group);
  app.add_flag("--json", options.json, "JSON, an object a line");
  auto* log = app.add_subcommand("log", "what the shared log holds of each group");
  auto* state = app.add_subcommand("state", "each group's applied state, or one item");
  app.add_subcommand("digest", "digests as `fastpath cluster digest` compares them");
  auto* table = state->add_option("--table", options.table, "the table of --key");
  auto* key = state->add_option("--key", options.key, "an item's key, as JSON")->needs(table);
  table->needs(key);
  state->add_option("--raw-key", options.raw_key, "a key of the engine, hexadecimal")
      ->excludes(key);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Written(app.exit(error) == 0 ? 0 : 2);
  }
  if (!file.empty()) {
    if (absl::Status read = ApplyTomlFile(file, config); !read.ok()) return Report(read);
  }
  if (config.data.empty()) return Report(absl::InvalidArgumentError("--data is required"));
  auto store = StoppedStore::Open(config.data);
  if (!store.ok()) return Report(store.status());
  const bool item = !options.key.empty() || !options.raw_key.empty();
  const absl::StatusOr<int> code = log->parsed()      ? ShowLog(**store, options)
                                   : !state->parsed() ? ShowDigests(**store, options)
                                   : item             ? ShowItem(**store, options)
                                                      : ShowState(**store, options);
  return code.ok() ? Written(*code) : Report(code.status());
}

}  // namespace fastpath::node
