#include "client/primitives/random.h"

#include <random>

#include "absl/strings/str_cat.h"

namespace fastpath::client {
namespace {

uint64_t Draw() {
  thread_local std::mt19937_64 numbers([] {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
  }());
  return numbers();
}

uint64_t DrawSecurely() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

RandomSource SystemRandom() { return Draw; }

std::string NewToken() {
  return absl::StrCat(absl::Hex(DrawSecurely(), absl::kZeroPad16),
                      absl::Hex(DrawSecurely(), absl::kZeroPad16));
}

}  // namespace fastpath::client
