// What primitives draw: tokens that nobody else has, and shards.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace fastpath::client {

// Uniform over 64 bits; callable on any thread. Tests bring their own.
using RandomSource = std::function<uint64_t()>;
RandomSource SystemRandom();

std::string NewToken();  // 128 bits of the system's, as text.

}  // namespace fastpath::client
