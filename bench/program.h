// What the load generators have in common: options, runs, output. Each adds its own
// options and says how its target is reached.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/load.h"

namespace fastpath::bench {

// Ends the process with 2 and a message that points to --help.
[[noreturn]] void Refuse(const std::string& why);
// Ends the process with 1: nothing can be measured any more.
[[noreturn]] void Die(const std::string& why);

// A number from `low` to `high`, or Refuse.
uint64_t Number(const std::string& name, const std::string& text, uint64_t low, uint64_t high);
// One of these, or Refuse.
std::string OneOf(const std::string& name, const std::string& text,
                  const std::vector<std::string>& allowed);
bool YesOrNo(const std::string& name, const std::string& text);

struct Program {
  std::string usage;  // All but the common options, which are printed after it.
  // The program's own options by name ("--endpoints"), each taking a value.
  std::map<std::string, std::function<void(const std::string& value)>> options;
  std::string reads = "strong reads";  // In tables; an option may change it.
  MakeTarget make;                     // Called after all options were set.
};

// The whole of main: returns the exit code, 1 if any operation failed.
int RunProgram(int argc, char** argv, const Program& program);

}  // namespace fastpath::bench
