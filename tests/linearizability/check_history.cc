// check_history [FILE]: judges a history of JSON lines (see history.h), from the
// file or from standard input. Exit code 0 legal, 1 illegal, 2 undecided within
// the limit, 3 not a valid history.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/linearizability/checker.h"
#include "tests/linearizability/history.h"

namespace {

constexpr int kInvalid = 3;

int Judge(const std::string& text) {
  using namespace fastpath::linearizability;
  auto history = ParseHistory(text);
  if (!history.ok()) {
    std::cerr << "check_history: " << history.status().message() << "\n";
    return kInvalid;
  }
  if (absl::Status valid = Validate(*history); !valid.ok()) {
    std::cerr << "check_history: " << valid.message() << "\n";
    return kInvalid;
  }
  const Judgement judgement = Check(*history);
  switch (judgement.verdict) {
    case Verdict::kLegal:
      std::cout << "linearizable: " << history->size() << " operations\n";
      return 0;
    case Verdict::kIllegal:
      std::cout << "NOT linearizable: " << judgement.explanation << "\n";
      return 1;
    case Verdict::kUndecided:
      std::cout << "undecided after " << judgement.steps << " steps: " << judgement.explanation
                << "\n";
      return 2;
  }
  return kInvalid;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string argument = argc == 2 ? argv[1] : "";
  if (argc > 2 || argument == "--help") {
    std::cerr << "usage: check_history [FILE]\n"
                 "Judges whether a history (JSON lines) is linearizable.\n";
    return argument == "--help" ? 0 : kInvalid;
  }
  std::ifstream file;
  if (argc == 2) {
    file.open(argument, std::ios::binary);
    if (!file) {
      std::cerr << "check_history: cannot read " << argument << "\n";
      return kInvalid;
    }
  }
  std::istream& in = argc == 2 ? file : std::cin;
  return Judge({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
}
