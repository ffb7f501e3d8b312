// A line on a terminal's stderr that says how far a long command is; nothing
// where stderr is no terminal. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace fastpath::client::cli {

class Progress {
 public:
  // `total_bytes` 0: unknown, so no bar and no time left.
  Progress(std::string_view what, uint64_t total_bytes, bool quiet);
  ~Progress() { Clear(); }

  // Cheap: draws at most ten times a second.
  void Show(uint64_t items, uint64_t bytes);
  void Clear();  // Removes the line, so that something else can be printed.

  double elapsed_s() const;

 private:
  std::string what_;
  uint64_t total_bytes_;
  bool visible_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_ = start_;
};

// "12,345" and "1m 05s", for people.
std::string Thousands(uint64_t number);
std::string Duration(double seconds);

}  // namespace fastpath::client::cli
