// `fastpathd debug log|state|digest`: what the files of a stopped node hold, for
// people and (--json) for programs. Reads only: no file is created, written or
// removed, and a running node's store is refused.
//
// What is in the engine is what was flushed: after a crash its applied index lies
// behind the log's, which holds the rest; --replay applies that in memory.
//
// Threads: blocks in the caller's; there is no other. Prints to stdout, errors to
// stderr.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "partition/state_machine.h"
#include "storage/disk.h"
#include "storage/engine.h"
#include "storage/log_inspect.h"

namespace fastpath::node {

// The exit code: 0 ok, 1 damage found or files that cannot be read, 2 a wrong
// command line, or a folder that holds no stopped node. argv[0] is "debug".
int RunDebug(int argc, const char* const* argv);

namespace debug {

// Runs what is posted, in the caller's thread; knows no time.
class InlineExecutor : public Executor {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  TimerId At(Micros monotonic, Task task) override;
  void Cancel(TimerId timer) override {}
  void Run();  // Until nothing is left.

 private:
  std::vector<Task> tasks_;
};

// Holds a node's data folder against a start of that node.
class StoppedStore {
 public:
  // FailedPrecondition: a node runs on it. NotFound: it holds no store.
  static absl::StatusOr<std::unique_ptr<StoppedStore>> Open(const std::string& data);
  ~StoppedStore();

  absl::StatusOr<storage::LogInspection> InspectLog();
  absl::StatusOr<std::unique_ptr<storage::Engine>> OpenEngine();

 private:
  StoppedStore(std::string data, int lock) : data_(std::move(data)), lock_(lock) {}

  const std::string data_;
  const int lock_;  // -1: the folder has no lock file.
  InlineExecutor executor_;
  std::unique_ptr<storage::Disk> disk_;
};

struct Options {
  std::optional<uint32_t> group;
  bool json = false;
  bool replay = false;             // Apply the log's rest in memory first,
  raft::Index until = UINT64_MAX;  // up to this index.
  std::string table;
  std::string key;      // JSON, as `fastpath item get` takes it.
  std::string raw_key;  // Hexadecimal, as it lies in the engine.
};

// A group's applied state, or why there is none.
struct GroupState {
  raft::GroupId group = 0;
  absl::StatusOr<std::unique_ptr<partition::StateMachine>> machine;
};
// All groups of which the engine has a row, by id; with the log's rest applied to
// them, if that is asked for, as far as the log knows it to be committed. DataLoss:
// the log is damaged, so that its rest is unknown.
absl::StatusOr<std::vector<GroupState>> LoadGroups(StoppedStore& store, storage::Engine* engine,
                                                   const Options& options);

// The subcommands. An error: what could not be read at all.
absl::StatusOr<int> ShowLog(StoppedStore& store, const Options& options);
absl::StatusOr<int> ShowState(StoppedStore& store, const Options& options);
absl::StatusOr<int> ShowItem(StoppedStore& store, const Options& options);
absl::StatusOr<int> ShowDigests(StoppedStore& store, const Options& options);

// The engine's key of an item of `table`. InvalidArgument: `json` is no such key.
absl::StatusOr<std::string> ItemKey(const api::Table& table, const std::string& json);

void PrintLine(const std::string& text);
void PrintDamage(const std::string& what);  // To stderr.

}  // namespace debug
}  // namespace fastpath::node
