#include "tests/sim/trace.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fastpath::sim {
namespace {

uint64_t Mix(uint64_t a, uint64_t b) {
  const unsigned __int128 product =
      static_cast<unsigned __int128>(a ^ 0xa0761d6478bd642f) * (b ^ 0xe7037ed1a0b428db);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

uint64_t HashBytes(std::string_view bytes, uint64_t seed) {
  uint64_t hash = Mix(seed, bytes.size());
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t n = bytes.size() < sizeof(word) ? bytes.size() : sizeof(word);
    std::memcpy(&word, bytes.data(), n);
    hash = Mix(hash, word);
    bytes.remove_prefix(n);
  }
  return hash;
}

Trace::Trace() : print_(std::getenv("FASTPATH_TRACE") != nullptr) {}

void Trace::Event(Micros time, std::string_view kind, uint64_t who, uint64_t detail) {
  hash_ = Mix(hash_, static_cast<uint64_t>(time));
  hash_ = Mix(hash_, HashBytes(kind, who));
  hash_ = Mix(hash_, detail);
  ++events_;
  if (!print_) return;
  std::fprintf(stderr, "%12.6f %-10.*s %2" PRIu64 " %016" PRIx64 "\n",
               static_cast<double>(time) / 1e6, static_cast<int>(kind.size()), kind.data(), who,
               detail);
}

}  // namespace fastpath::sim
