#include "client/internal/session.h"

#include <cassert>

namespace fastpath::client::internal {

Session::Session(Random& random) {
  for (int word = 0; word < 2; ++word) {
    uint64_t bits = random.Next();
    for (int byte = 0; byte < 8; ++byte) id_.push_back(static_cast<char>(bits >> (8 * byte)));
  }
}

uint64_t Session::Begin() {
  finished_.push_back(false);
  return base_ + finished_.size() - 1;
}

void Session::Finish(uint64_t sequence) {
  assert(sequence >= base_ && sequence - base_ < finished_.size());
  assert(!finished_[sequence - base_]);
  finished_[sequence - base_] = true;
  while (!finished_.empty() && finished_.front()) {
    finished_.pop_front();
    ++base_;
  }
}

}  // namespace fastpath::client::internal
