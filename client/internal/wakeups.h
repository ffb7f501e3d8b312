// When to look at which operation next: a heap over one timer of the executor,
// so that an operation costs no timer of its own. Entries of operations that
// moved on are stale; they are dropped when met, and all at once when they are
// most of the heap. Not thread-safe; pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "client/internal/ports.h"

namespace fastpath::client::internal {

class Wakeups {
 public:
  struct Entry {
    Micros at = 0;
    uint64_t id = 0;
    bool operator>(const Entry& other) const {
      return at != other.at ? at > other.at : id > other.id;
    }
  };
  // `live`: whether the entry is still what its operation waits for.
  explicit Wakeups(std::function<bool(const Entry&)> live) : live_(std::move(live)) {}

  // `live_count`: operations there are, each with at most one live entry.
  void Push(Entry entry, size_t live_count) {
    if (heap_.size() > 2 * live_count + kSlack) Compact();
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  // The earliest live entry, or null.
  const Entry* Top() {
    while (!heap_.empty() && !live_(heap_.front())) Pop();
    return heap_.empty() ? nullptr : &heap_.front();
  }
  void Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  size_t size() const { return heap_.size(); }

 private:
  static constexpr size_t kSlack = 1024;

  void Compact() {
    std::erase_if(heap_, [&](const Entry& entry) { return !live_(entry); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  std::function<bool(const Entry&)> live_;
  std::vector<Entry> heap_;
};

}  // namespace fastpath::client::internal
