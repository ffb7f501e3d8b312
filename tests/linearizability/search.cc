#include "tests/linearizability/search.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/linearizability/history.h"

namespace fastpath::linearizability {
namespace {

uint64_t Mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

int Interner::Of(const MaybeText& text) {
  if (!text) return kAbsent;
  auto [it, fresh] = ids_.try_emplace(*text, static_cast<int>(texts_.size()));
  if (fresh) texts_.push_back(*text);
  return it->second;
}

int Interner::Sum(int state, int64_t delta) {
  int64_t base = 0;
  if (state != kAbsent && !absl::SimpleAtoi(texts_[state], &base)) return -1;
  int64_t sum = 0;
  if (__builtin_add_overflow(base, delta, &sum)) return -1;
  return Of(std::to_string(sum));
}

std::string Interner::Name(int state) const {
  return state == kAbsent ? "absent" : absl::StrCat("\"", texts_[state], "\"");
}

Search::Search(const std::vector<Operation>& history, const std::vector<size_t>& indices,
               uint64_t steps_limit)
    : history_(history), steps_limit_(steps_limit) {
  AddOps(indices);
  BuildEvents();
}

void Search::AddOps(const std::vector<size_t>& indices) {
  for (size_t index : indices) {
    const Operation& source = history_[index];
    if (source.outcome == Outcome::kFail) continue;
    const bool unknown = source.outcome == Outcome::kInfo;
    if (unknown && source.kind == Kind::kGet) continue;
    Op op;
    op.source = &source;
    op.unknown = unknown;
    op.value = interner_.Of(source.value);
    op.expect = interner_.Of(source.expect);
    op.result = source.kind == Kind::kIncr ? interner_.Of(std::to_string(source.new_value))
                                           : interner_.Of(source.read);
    SetBounds(op);
    op.mark_low = Mix(2 * ops_.size());
    op.mark_high = Mix(2 * ops_.size() + 1);
    ops_.push_back(op);
    Count(op, 1);
    if (unknown && source.kind == Kind::kIncr) any_sum_ = true;
    if (!unknown) ++certain_total_;
  }
  certain_left_ = certain_total_;
}

void Search::SetBounds(Op& op) {
  const Operation& source = *op.source;
  switch (source.kind) {
    case Kind::kGet:
      op.sees = op.result;
      break;
    case Kind::kPut:
      op.makes = op.value;
      break;
    case Kind::kCas:
      if (op.unknown || source.swapped) op.makes = op.value;
      if (!op.unknown && source.swapped) op.sees = op.expect;
      break;
    case Kind::kIncr: {
      int64_t base = 0;
      if (op.unknown) break;
      op.makes = op.result;
      // From 0 it may also have been absent.
      if (!__builtin_sub_overflow(source.new_value, source.delta, &base) && base != 0) {
        op.sees = interner_.Of(std::to_string(base));
      }
      break;
    }
    case Kind::kDelete:
      if (op.unknown || source.existed) op.makes = Interner::kAbsent;
      if (!op.unknown && !source.existed) op.sees = Interner::kAbsent;
      break;
  }
}

void Search::Count(const Op& op, int by) {
  const size_t states = static_cast<size_t>(std::max(op.sees, op.makes) + 1);
  if (observers_left_.size() < states) observers_left_.resize(states);
  if (makers_left_.size() < states) makers_left_.resize(states);
  if (op.sees != kNothing && !op.unknown) observers_left_[op.sees] += by;
  if (op.makes != kNothing) makers_left_[op.makes] += by;
}

// Whether going from the present state to `after` leaves an operation behind
// that can only happen in the present one, with nothing to bring that back.
bool Search::StrandsAnObserver(const Op& op, int after) const {
  if (after == state_ || static_cast<size_t>(state_) >= observers_left_.size()) return false;
  if (any_sum_ && state_ != Interner::kAbsent) return false;
  const int others = observers_left_[state_] - (op.sees == state_ ? 1 : 0);
  const bool returns =
      static_cast<size_t>(state_) < makers_left_.size() && makers_left_[state_] > 0;
  return others > 0 && !returns;
}

void Search::BuildEvents() {
  // Calls come before returns of the same instant: such operations overlap.
  std::vector<std::tuple<int64_t, bool, int>> moments;  // (time, is return, op)
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    moments.emplace_back(ops_[i].source->call_ns, false, i);
    if (!ops_[i].unknown) moments.emplace_back(ops_[i].source->return_ns, true, i);
  }
  std::sort(moments.begin(), moments.end());

  std::map<std::tuple<int, int, int, int64_t>, int> group_of;
  std::vector<int> call_event(ops_.size(), -1);
  events_.push_back(Event{});
  int last = 0;
  for (const auto& [time, is_return, op] : moments) {
    const int position = static_cast<int>(events_.size());
    events_.push_back(Event{op, !is_return});
    if (ops_[op].unknown) {  // Holds a position, but is not in the list.
      const Op& o = ops_[op];
      auto [it, fresh] = group_of.try_emplace(
          {static_cast<int>(o.source->kind), o.value, o.expect, o.source->delta},
          static_cast<int>(groups_.size()));
      if (fresh) groups_.emplace_back();
      groups_[it->second].members.emplace_back(position, op);
      continue;
    }
    if (is_return) {
      events_[call_event[op]].matching_return = position;
    } else {
      call_event[op] = position;
    }
    events_[last].next = position;
    events_[position].previous = last;
    last = position;
  }
}

int Search::Apply(const Op& op, int state) {
  const bool present = state != Interner::kAbsent;
  switch (op.source->kind) {
    case Kind::kGet:
      return state == op.result ? state : -1;
    case Kind::kPut:
      return op.unknown && op.value == state ? -1 : op.value;
    case Kind::kCas: {
      const bool matches = state == op.expect;
      if (op.unknown) return matches && op.value != state ? op.value : -1;
      if (matches != op.source->swapped) return -1;
      return matches ? op.value : state;
    }
    case Kind::kIncr: {
      const int sum = interner_.Sum(state, op.source->delta);
      if (op.unknown) return sum == state ? -1 : sum;
      return sum == op.result ? sum : -1;
    }
    case Kind::kDelete:
      if (op.unknown) return present ? Interner::kAbsent : -1;
      return op.source->existed == present ? Interner::kAbsent : -1;
  }
  return -1;
}

int Search::Try(int index) {
  const Op& op = ops_[index];
  const int after = Apply(op, state_);
  if (after < 0) return -1;
  if (StrandsAnObserver(op, after)) return -1;
  if (prior_ >= 0 && Apply(op, prior_) == after) return -1;  // The unknown one was superfluous.
  ++steps_;
  // The state before an unknown operation decides what may follow it.
  const uint64_t tail =
      (static_cast<uint64_t>(after) << 32) | static_cast<uint32_t>(op.unknown ? state_ + 1 : 0);
  const std::pair<uint64_t, uint64_t> configuration{hash_low_ ^ op.mark_low ^ Mix(tail),
                                                    hash_high_ ^ op.mark_high ^ Mix(~tail)};
  return seen_.insert(configuration).second ? after : -1;
}

int Search::FirstReturn() const {
  int event = events_[0].next;
  while (event >= 0 && events_[event].is_call) event = events_[event].next;
  return event;
}

// Places the next operation that can follow, trying those after the given
// event and group (-1: none was tried yet); false if there is none.
bool Search::Advance(int from_event, int from_group) {
  const int deadline = FirstReturn();  // What was called after it cannot come before it.
  if (from_group < 0) {
    int event = from_event < 0 ? events_[0].next : events_[from_event].next;
    for (; event >= 0 && event < deadline; event = events_[event].next) {
      if (!events_[event].is_call) continue;
      const int after = Try(events_[event].op);
      if (after < 0) continue;
      Place({event, -1, state_, prior_}, events_[event].op, after);
      return true;
    }
  }
  for (int g = from_group + 1; g < static_cast<int>(groups_.size()); ++g) {
    const Group& group = groups_[g];
    if (group.members.front().first > deadline) break;  // Groups are in order of first call.
    if (group.used == group.members.size()) continue;
    const auto [position, op] = group.members[group.used];
    if (position > deadline) continue;
    const int after = Try(op);
    if (after < 0) continue;
    Place({-1, g, state_, prior_}, op, after);
    return true;
  }
  return false;
}

void Search::Place(Placed placed, int op, int state_after) {
  hash_low_ ^= ops_[op].mark_low;
  hash_high_ ^= ops_[op].mark_high;
  Count(ops_[op], -1);
  prior_ = placed.group >= 0 ? state_ : -1;
  state_ = state_after;
  if (placed.group >= 0) {
    ++groups_[placed.group].used;
  } else {
    Lift(placed.event);
    --certain_left_;
  }
  stack_.push_back(placed);
}

Search::Placed Search::TakeBack() {
  const Placed placed = stack_.back();
  stack_.pop_back();
  int op = -1;
  if (placed.group >= 0) {
    Group& group = groups_[placed.group];
    op = group.members[--group.used].second;
  } else {
    op = events_[placed.event].op;
    Unlift(placed.event);
    ++certain_left_;
  }
  hash_low_ ^= ops_[op].mark_low;
  hash_high_ ^= ops_[op].mark_high;
  Count(ops_[op], 1);
  state_ = placed.state_before;
  prior_ = placed.prior_before;
  return placed;
}

void Search::Lift(int event) {
  for (int e : {event, events_[event].matching_return}) {
    events_[events_[e].previous].next = events_[e].next;
    if (events_[e].next >= 0) events_[events_[e].next].previous = events_[e].previous;
  }
}

void Search::Unlift(int event) {
  for (int e : {events_[event].matching_return, event}) {
    events_[events_[e].previous].next = e;
    if (events_[e].next >= 0) events_[events_[e].next].previous = e;
  }
}

void Search::NoteDepth() {
  if (certain_left_ >= fewest_left_) return;
  fewest_left_ = certain_left_;
  stuck_op_ = events_[FirstReturn()].op;
  stuck_state_ = state_;
}

Verdict Search::Run() {
  int from_event = -1, from_group = -1;
  while (certain_left_ > 0) {
    if (steps_ > steps_limit_) return Verdict::kUndecided;
    if (Advance(from_event, from_group)) {
      from_event = from_group = -1;
      continue;
    }
    NoteDepth();
    if (stack_.empty()) return Verdict::kIllegal;
    const Placed placed = TakeBack();
    from_event = placed.event;
    from_group = placed.group;
  }
  return Verdict::kLegal;
}

std::string Search::Explanation() const {
  if (stuck_op_ < 0) return "the search met its limit before its first dead end";
  const Operation& stuck = *ops_[stuck_op_].source;
  return absl::StrCat("key \"", stuck.key, "\": an order exists for ",
                      certain_total_ - fewest_left_, " of ", certain_total_,
                      " operations, after which the value is ", interner_.Name(stuck_state_),
                      "; it does not go on to ", FormatOperation(stuck));
}

}  // namespace fastpath::linearizability
