// What expires next in a group, by name: nothing needs to be looked for in the
// TTL index when it is due. The names of all groups share one bound of memory;
// what finds no room must be looked for.
//
// A name may have become wrong (the item is gone, or expires at another time):
// the Purge that uses it decides at apply.
//
// Threads as values have; the budget outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/btree_set.h"

namespace fastpath::node {

class ExpiryNames {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  struct Budget {
    const size_t limit_bytes;  // Of memory, about.
    size_t used_bytes = 0;
    bool full() const { return used_bytes >= limit_bytes; }
  };
  struct Name {
    uint64_t seconds = 0;
    std::string data_key;
  };

  explicit ExpiryNames(Budget* budget) : budget_(budget) {}
  ~ExpiryNames();
  ExpiryNames(const ExpiryNames&) = delete;
  ExpiryNames& operator=(const ExpiryNames&) = delete;

  // False: there is no room, and it is not `urgent`. True also if it was there already.
  bool Add(uint64_t seconds, std::string_view data_key, bool urgent = false);
  void Remove(uint64_t seconds, std::string_view data_key);
  // Whether `count` of them expire by `now`; as many steps.
  bool HaveDue(uint64_t now, size_t count) const;
  // The earliest, if it expires by `now`; it is not here any more then.
  std::optional<Name> TakeDue(uint64_t now);
  uint64_t Earliest() const;  // kNever: there are none.

 private:
  struct Order {
    using is_transparent = void;
    using View = std::pair<uint64_t, std::string_view>;
    static View Of(const Name& name) { return {name.seconds, name.data_key}; }
    static View Of(const View& view) { return view; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) < Of(b);
    }
  };

  Budget* budget_;
  absl::btree_set<Name, Order> names_;
};

}  // namespace fastpath::node
