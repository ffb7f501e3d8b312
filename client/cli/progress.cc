#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/context.h"

namespace fastpath::client::cli {
namespace {

constexpr int kBarWidth = 24;
constexpr auto kRedraw = std::chrono::milliseconds(100);

}  // namespace

Progress::Progress(std::string_view what, uint64_t total_bytes, bool quiet)
    : what_(what), total_bytes_(total_bytes), visible_(!quiet && IsTerminal(STDERR_FILENO)) {}

double Progress::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::Show(uint64_t items, uint64_t bytes) {
  if (!visible_) return;
  auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kRedraw;
  double seconds = std::max(elapsed_s(), 0.001);
  std::string line = what_;
  double share = 0;
  if (total_bytes_ > 0) {
    share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_bytes_));
    int full = static_cast<int>(share * kBarWidth);
    line += " [" + std::string(static_cast<size_t>(full), '#') +
            std::string(static_cast<size_t>(kBarWidth - full), '.') + "]";
    line += absl::StrFormat(" %3.0f%%", share * 100);
  }
  line += "  " + Thousands(items) + " items";
  line += "  " + Thousands(static_cast<uint64_t>(static_cast<double>(items) / seconds)) + "/s";
  if (share > 0) line += "  ETA " + Duration(seconds * (1 - share) / share);
  std::fputs(("\r\033[K" + line).c_str(), stderr);
  drawn_ = true;
}

void Progress::Clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  drawn_ = false;
  next_ = std::chrono::steady_clock::now();
}

std::string Thousands(uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string Duration(double seconds) {
  uint64_t whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole < 60) return absl::StrCat(whole, "s");
  if (whole < 3600) return absl::StrFormat("%dm %02ds", whole / 60, whole % 60);
  return absl::StrFormat("%dh %02dm", whole / 3600, whole % 3600 / 60);
}

}  // namespace fastpath::client::cli
