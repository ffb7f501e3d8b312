// What every subcommand of `fastpath` shares: the cluster it talks to, how it
// prints, and what its exit code means.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/json.h"
#include "client/client.h"

namespace fastpath::client::cli {

enum Exit : int {
  kOk = 0,
  kRefused = 1,      // Certainly no effect: condition failed, not found, invalid input.
  kUsage = 2,        // The command line itself.
  kUnknown = 3,      // The write may have taken effect.
  kUnreachable = 4,  // No answer in time.
  kUnwritten = 5,    // Done, but what it printed could not be written.
};

struct Context {
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  double timeout_s = 10;
  bool json = false;
  bool typed = false;

  Dialect dialect() const { return typed ? Dialect::kTyped : Dialect::kPlain; }
  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(static_cast<int64_t>(timeout_s * 1000));
  }
  // Connects on first use; prints and exits with kUsage if the options are wrong.
  Client& client();

 private:
  std::optional<Client> client_;
};

// --- output. Colour only where it is seen, and not where NO_COLOR is set.
bool IsTerminal(int fd);
std::string Bold(std::string_view text);   // For stdout.
std::string Red(std::string_view text);    // For stderr.
std::string Green(std::string_view text);  // For stdout.
void PrintLine(std::string_view text);     // To stdout.
void PrintError(std::string_view text);    // "error: ..." to stderr.
// `exit`; of kOk, kUnwritten with a word if what was printed to stdout could not be written.
Exit Written(Exit exit);
// Rows in columns, the first one being the head.
void PrintColumns(const std::vector<std::vector<std::string>>& rows);

Exit ExitOf(const Failure& failure);
// Prints what went wrong, with the item that failed a condition.
Exit Report(const Context& context, const Failure& failure);

inline constexpr char kCapacityHelp[] = "Also tell the capacity units that it took, by table";
// To stderr, a line for each table; `unit`: "read" or "write".
void PrintCapacity(const std::vector<api::Capacity>& capacity, const char* unit);
std::string ReadUnits(const api::Capacity& capacity);  // "0.5": in units, of halves.

// --- arguments
// The text itself, "@file" or "-" for standard input. Prints and gives nothing
// if it cannot be read.
std::optional<std::string> ReadArgument(const std::string& argument);
// {"id":"a","n":1}; or in plain JSON "a" or ["a",1] for partition and sort key.
// Prints and gives nothing if it is no key of the table.
std::optional<Key> ParseKey(Context& context, const std::string& table, const std::string& text,
                            Exit& exit);
// "PATH=JSON", cut at the first "=".
struct Assignment {
  std::string path;
  Value value;
};
// Prints and gives nothing if it is none.
std::optional<Assignment> ParseAssignment(const Context& context, std::string_view option,
                                          const std::string& text);
// Asks the cluster; prints and gives nothing if it does not answer with one.
std::optional<api::Table> Describe(Context& context, const std::string& table, Exit& exit);

}  // namespace fastpath::client::cli
