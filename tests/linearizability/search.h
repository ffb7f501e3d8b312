// The search for one key's order. Internal to the checker.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "tests/linearizability/checker.h"

namespace fastpath::linearizability {

// Texts as small integers, so that states compare and hash at once.
class Interner {
 public:
  static constexpr int kAbsent = 0;
  int Of(const MaybeText& text);
  // The state after adding `delta`; -1 where the text is no number that the sum fits.
  int Sum(int state, int64_t delta);
  std::string Name(int state) const;

 private:
  absl::flat_hash_map<std::string, int> ids_;
  std::vector<std::string> texts_{""};
};

// Depth-first over the orders of one key's operations. Three things keep it
// from exploding, above all with unknown outcomes, which stay concurrent with
// all that follows:
// - a state is not left while a certain operation still has to see it and
//   nothing is left that could bring it back;
// - equal unknown ones are interchangeable, so only the earliest called is tried;
// - an unknown one is used only where the next operation could not have gone the
//   same way without it: an order with a superfluous one stays an order without.
class Search {
 public:
  // `history` outlives the search; `indices` are the key's operations.
  Search(const std::vector<Operation>& history, const std::vector<size_t>& indices,
         uint64_t steps_limit);
  Verdict Run();
  uint64_t steps() const { return steps_; }
  std::string Explanation() const;  // After kIllegal or kUndecided.

 private:
  static constexpr int kNothing = -1;

  struct Op {
    const Operation* source = nullptr;
    int value = 0;   // Interned: put, cas.
    int expect = 0;  // cas
    int result = 0;  // get's text, incr's new value.
    bool unknown = false;
    int sees = kNothing;   // The one state it can happen in, where that is known beforehand.
    int makes = kNothing;  // The one state it leads to, likewise, where it changes the state.
    uint64_t mark_low = 0, mark_high = 0;  // Its share of a configuration's hash.
  };
  // A call or a return of a certain operation, in a list in order of time.
  struct Event {
    int op = -1;
    bool is_call = false;
    int previous = -1, next = -1;
    int matching_return = -1;  // Calls only.
  };
  // Unknown operations that differ in nothing but their call.
  struct Group {
    std::vector<std::pair<int, int>> members;  // (position of the call, op), ascending.
    size_t used = 0;
  };
  // One operation given its place; what to return to when it is taken back.
  struct Placed {
    int event = -1;  // A certain one's call event, or
    int group = -1;  // an unknown one's group.
    int state_before = 0;
    int prior_before = -1;
  };

  void AddOps(const std::vector<size_t>& indices);
  void SetBounds(Op& op);  // `sees` and `makes`.
  void BuildEvents();
  int Apply(const Op& op, int state);  // -1: cannot happen in this state.
  bool StrandsAnObserver(const Op& op, int after) const;
  void Count(const Op& op, int by);
  int Try(int op);  // The state after it, or -1 if it leads nowhere new.
  bool Advance(int from_event, int from_group);
  void Place(Placed placed, int op, int state_after);
  Placed TakeBack();
  void Lift(int event);
  void Unlift(int event);
  int FirstReturn() const;
  void NoteDepth();

  const std::vector<Operation>& history_;
  const uint64_t steps_limit_;
  Interner interner_;
  std::vector<Op> ops_;
  std::vector<Event> events_;  // [0] heads the list; its position is the order of time.
  std::vector<Group> groups_;
  std::vector<Placed> stack_;
  absl::flat_hash_set<std::pair<uint64_t, uint64_t>> seen_;

  std::vector<int> observers_left_;  // By state: operations to place that see it, and
  std::vector<int> makers_left_;     // that make it.
  bool any_sum_ = false;             // An unknown increment may make any number.

  int state_ = Interner::kAbsent;
  int prior_ = -1;  // The state before the last operation where that is an unknown one, else -1.
  uint64_t hash_low_ = 0, hash_high_ = 0;
  size_t certain_left_ = 0, certain_total_ = 0;
  uint64_t steps_ = 0;

  size_t fewest_left_ = SIZE_MAX;  // The furthest point reached, for the explanation.
  int stuck_op_ = -1;
  int stuck_state_ = 0;
};

}  // namespace fastpath::linearizability
