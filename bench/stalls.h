// When the machine stood still (host_watch.h), and which operations met that. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace fastpath::bench {

using Nanos = int64_t;  // Of bench::Clock.

struct Stall {
  Nanos from = 0, to = 0;
};

// The stalls of all processors and, after each, as much time again in which what it
// held up may still be caught up with. In order; what overlaps or touches is one.
std::vector<Stall> Disturbed(std::vector<Stall> stalls);

// Whether anything from `from` to `to` lies in one of them, which are as Disturbed() makes them.
bool Met(const std::vector<Stall>& disturbed, Nanos from, Nanos to);

}  // namespace fastpath::bench
