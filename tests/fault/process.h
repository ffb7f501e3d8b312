// Real processes for tests: started, killed and started again, and never left
// behind (they die with the test). One thread, unless said otherwise.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace fastpath::fault {

using Clock = std::chrono::steady_clock;

// Runs `argv`, both outputs appended to `log`. Aborts the test program if the
// process cannot be made.
class Process {
 public:
  Process() = default;
  ~Process() { Kill(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start(const std::vector<std::string>& argv, const std::string& log);
  void Signal(int signal);  // Nothing if it does not run.
  void Kill();              // SIGKILL, and waits.
  bool running();
  pid_t pid() const { return pid_; }
  // Waits for its end by itself; -1 if it still runs after `limit`, 128 + the
  // signal if one ended it, else its exit code.
  int WaitForEnd(std::chrono::milliseconds limit);

 private:
  bool Reap(bool block);
  pid_t pid_ = -1;
  int status_ = 0;
};

struct CommandResult {
  int code = -1;       // As WaitForEnd's.
  std::string output;  // Both outputs, in the order written.
};
// Any thread.
CommandResult RunCommand(const std::vector<std::string>& argv,
                         std::chrono::milliseconds limit = std::chrono::seconds(60));

// A folder below the build's own (so a real filesystem wherever the build is
// on one), removed at the end unless the test failed.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool PortIsFree(int port);  // On loopback, for a listener that reuses addresses.
// A port that nothing listens on now and that this program was not given before.
int FreePort();

std::string ReadFile(const std::string& path);  // Empty if it cannot be read.

}  // namespace fastpath::fault
