#include "tests/fault/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace fastpath::fault {
namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

// In the child between fork and exec: only what is safe there.
[[noreturn]] void Become(char* const* argv, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (int null = open("/dev/null", O_RDONLY); null >= 0) dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(argv[0], argv);
  static const char failed[] = "cannot execute the program\n";
  [[maybe_unused]] ssize_t n = write(STDERR_FILENO, failed, sizeof(failed) - 1);
  _exit(127);
}

pid_t Spawn(const std::vector<std::string>& argv, int output) {
  std::vector<char*> arguments;
  for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) Die("fork");
  if (pid == 0) Become(arguments.data(), output);
  return pid;
}

}  // namespace

void Process::Start(const std::vector<std::string>& argv, const std::string& log) {
  if (running()) {
    std::fprintf(stderr, "%s already runs\n", argv[0].c_str());
    std::abort();
  }
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) Die(log.c_str());
  pid_ = Spawn(argv, output);
  close(output);
}

bool Process::Reap(bool block) {
  if (pid_ < 0) return true;
  if (waitpid(pid_, &status_, block ? 0 : WNOHANG) != pid_) return false;
  pid_ = -1;
  return true;
}

void Process::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

void Process::Kill() {
  Signal(SIGKILL);
  Reap(/*block=*/true);
}

bool Process::running() { return !Reap(/*block=*/false); }

int Process::WaitForEnd(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (running()) {
    if (Clock::now() > deadline) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

CommandResult RunCommand(const std::vector<std::string>& argv, std::chrono::milliseconds limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("pipe2");
  const pid_t pid = Spawn(argv, ends[1]);
  close(ends[1]);
  CommandResult result;
  const auto deadline = Clock::now() + limit;
  bool timed_out = false;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{ends[0], POLLIN, 0};
    if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) == 0) {
      timed_out = true;
      kill(pid, SIGKILL);
      break;
    }
    char buffer[4096];
    const ssize_t n = read(ends[0], buffer, sizeof(buffer));
    if (n <= 0) break;
    result.output.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!timed_out) {
    result.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return result;
}

TemporaryFolder::TemporaryFolder(const std::string& name) {
  const std::string parent = std::string(FASTPATH_BUILD_DIR) + "/test-data";
  std::filesystem::create_directories(parent);
  path_ = parent + "/" + name + "-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) Die(path_.c_str());
}

TemporaryFolder::~TemporaryFolder() {
  if (testing::Test::HasFailure()) {
    std::fprintf(stderr, "kept for inspection: %s\n", path_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool PortIsFree(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) Die("socket");
  const int reuse = 1;  // As the servers do: connections in TIME_WAIT do not matter.
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(listener);
  return free;
}

int FreePort() {
  // Below the range from which outgoing connections take theirs: a node must
  // find its port free again when it comes back.
  static int next = 10000 + static_cast<int>(getpid() % 2000) * 10;
  while (!PortIsFree(next)) ++next;
  return next++;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace fastpath::fault
