#include "bench/stalls.h"

#include <algorithm>

namespace fastpath::bench {

std::vector<Stall> Disturbed(std::vector<Stall> stalls) {
  for (Stall& stall : stalls) stall.to += stall.to - stall.from;
  std::sort(stalls.begin(), stalls.end(),
            [](const Stall& a, const Stall& b) { return a.from < b.from; });
  std::vector<Stall> disturbed;
  for (const Stall& stall : stalls) {
    if (disturbed.empty() || stall.from > disturbed.back().to) {
      disturbed.push_back(stall);
    } else {
      disturbed.back().to = std::max(disturbed.back().to, stall.to);
    }
  }
  return disturbed;
}

bool Met(const std::vector<Stall>& disturbed, Nanos from, Nanos to) {
  // Disjoint: the first that ends at `from` or later is the only one to look at.
  const auto first =
      std::lower_bound(disturbed.begin(), disturbed.end(), from,
                       [](const Stall& stall, Nanos time) { return stall.to < time; });
  return first != disturbed.end() && first->from <= to;
}

}  // namespace fastpath::bench
