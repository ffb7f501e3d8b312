// Judges whether a history of concurrent operations is linearizable: whether
// every operation can be given one moment between its call and its return so
// that, in the order of these moments, each result is what a single map of
// strings would have answered. Used by the simulation, by the tests with real
// processes, and by check_history on files.
//
// The search is Wing and Gong's with Lowe's memory of the configurations seen
// ("Testing for linearizability", 2016), key by key, which is enough because
// linearizability is local. Pure and deterministic; no threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace fastpath::linearizability {

// Null is "no item".
using MaybeText = std::optional<std::string>;

enum class Kind { kGet, kPut, kCas, kIncr, kDelete };

enum class Outcome {
  kOk,    // Took effect exactly as the result says; a failed condition is ok.
  kFail,  // Certainly no effect.
  kInfo,  // Unknown: may take effect later, once, or never.
};

// One line of a history (see history.h for its written form). Only the fields
// of its kind are read; results only where the outcome is kOk.
struct Operation {
  int64_t process = 0;  // Operations of one process do not overlap.
  std::string key;
  Kind kind = Kind::kGet;
  Outcome outcome = Outcome::kOk;
  int64_t call_ns = 0;    // One monotonic clock for the whole history.
  int64_t return_ns = 0;  // Ignored for kInfo.

  MaybeText value;    // put, cas: what to write; a cas to null deletes.
  MaybeText expect;   // cas
  int64_t delta = 0;  // incr; an absent item counts as 0.

  MaybeText read;         // get's result
  bool swapped = false;   // cas's
  int64_t new_value = 0;  // incr's
  bool existed = false;   // delete's
};

enum class Verdict {
  kLegal,
  kIllegal,
  kUndecided,  // The search met its limit on some key, and no key is illegal.
};

struct Limits {
  // Configurations visited per key; memory is about 40 bytes each.
  uint64_t steps_per_key = 20'000'000;
};

struct Judgement {
  Verdict verdict = Verdict::kLegal;
  // For a verdict other than legal: the key, how far an order exists, and the
  // operation that no order explains. Empty otherwise.
  std::string explanation;
  uint64_t steps = 0;
};

// InvalidArgument names the first operation that breaks the rules of a history:
// it returns before its call, overlaps with another of its process, or goes on
// under the process of an unknown outcome.
absl::Status Validate(const std::vector<Operation>& history);

// Operations may be given in any order. The history must be valid. All keys
// start absent.
Judgement Check(const std::vector<Operation>& history, Limits limits = {});

}  // namespace fastpath::linearizability
