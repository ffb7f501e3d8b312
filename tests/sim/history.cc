#include "tests/sim/history.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/linearizability/history.h"
#include "tests/sim/trace.h"

namespace fastpath::sim {
namespace {

bool Removes(const Operation& op) {
  return op.kind == Kind::kDelete || (op.kind == Kind::kCas && !op.value);
}

// Returned before `moment`, whatever the outcome; unknown ones never have.
bool OverBefore(const Operation& op, int64_t moment) {
  return op.outcome != Outcome::kInfo && op.return_ns < moment;
}

std::string Show(const Seen& seen) {
  return seen.found ? absl::StrCat("\"", seen.value, "\" version ", seen.version) : "no item";
}

}  // namespace

int64_t History::Moment(Micros now) {
  last_ns_ = std::max(last_ns_ + 1, static_cast<int64_t>(now) * 1000);
  return last_ns_;
}

History::Id History::Call(Micros now, int64_t process, Operation operation) {
  operation.process = process;
  operation.call_ns = Moment(now);
  operation.outcome = Outcome::kInfo;
  strong_.push_back(std::move(operation));
  versions_.push_back(0);
  return strong_.size() - 1;
}

void History::Return(Micros now, Id id, Outcome outcome, const Operation& result,
                     uint64_t version) {
  Operation& op = strong_[id];
  op.read = result.read;
  op.swapped = result.swapped;
  op.new_value = result.new_value;
  op.existed = result.existed;
  op.outcome = outcome;
  op.return_ns = Moment(now);
  versions_[id] = version;
}

void History::Learn(uint32_t client, const std::string& key, const Seen& seen) {
  if (!seen.found) return;
  Seen& known = known_[{client, key}];
  if (seen.version > known.version) known = seen;
}

History::Id History::CallEventual(Micros now, uint32_t client, const std::string& key) {
  eventual_.push_back({client, key, known_[{client, key}], Moment(now)});
  return eventual_.size() - 1;
}

void History::ReturnEventual(Micros now, Id id, const Seen& seen) {
  Eventual& read = eventual_[id];
  read.return_ns = Moment(now);
  read.seen = seen;
  Learn(read.client, read.key, seen);
}

History::Id History::PutExpiring(Micros now, const std::string& key, Micros expires) {
  expiring_.push_back({key, expires});
  return expiring_.size() - 1;
}

void History::PutExpiringDone(Micros now, Id id, bool ok) {
  if (ok) expiring_[id].acknowledged = now;
}

std::vector<std::string> History::Keys() const {
  std::set<std::string> keys;
  for (const Operation& op : strong_) keys.insert(op.key);
  return {keys.begin(), keys.end()};
}

std::string History::AsLines() const {
  std::string out;
  for (const Operation& op : strong_) {
    absl::StrAppend(&out, linearizability::FormatOperation(op), "\n");
  }
  return out;
}

uint64_t History::Hash() const {
  uint64_t hash = HashBytes(AsLines());
  for (const Eventual& read : eventual_) {
    hash = HashBytes(absl::StrCat(read.key, read.call_ns, read.return_ns, Show(read.seen)), hash);
  }
  for (const ExpiringRead& read : expiring_reads_) {
    hash = HashBytes(absl::StrCat(read.item, read.called, read.returned, read.found), hash);
  }
  return hash;
}

// ---------------------------------------------------------------------- checks

std::vector<std::string> History::Check() const {
  std::vector<std::string> wrong;
  CheckLinearizable(wrong);
  CheckCounters(wrong);
  CheckVersions(wrong);
  CheckEventual(wrong);
  CheckExpiring(wrong);
  return wrong;
}

void History::CheckLinearizable(std::vector<std::string>& wrong) const {
  if (absl::Status valid = linearizability::Validate(strong_); !valid.ok()) {
    wrong.push_back(absl::StrCat("the history itself is wrong: ", std::string(valid.message())));
    return;
  }
  linearizability::Judgement judgement = linearizability::Check(strong_);
  if (judgement.verdict == linearizability::Verdict::kIllegal) {
    wrong.push_back(absl::StrCat("not linearizable: ", judgement.explanation));
  } else if (judgement.verdict != linearizability::Verdict::kLegal) {
    wrong.push_back("the judge gave up on whether the history is linearizable");
  }
}

// Told apart from the judge's verdict, since what is lost or doubled shows at a glance.
void History::CheckCounters(std::vector<std::string>& wrong) const {
  struct Count {
    int64_t sure = 0, unknown = 0, last_read = -1;
    int64_t last_read_ns = 0;
  };
  std::map<std::string, Count> counts;
  for (const Operation& op : strong_) {
    if (op.kind == Kind::kIncr) {
      Count& count = counts[op.key];
      if (op.outcome == Outcome::kOk) count.sure += op.delta;
      if (op.outcome == Outcome::kInfo) count.unknown += op.delta;
    }
  }
  for (const Operation& op : strong_) {
    if (op.kind != Kind::kGet || op.outcome != Outcome::kOk) continue;
    auto found = counts.find(op.key);
    if (found == counts.end() || op.call_ns < found->second.last_read_ns) continue;
    found->second.last_read_ns = op.call_ns;
    found->second.last_read = 0;
    if (op.read && !absl::SimpleAtoi(*op.read, &found->second.last_read)) {
      wrong.push_back(absl::StrCat("counter ", op.key, " reads ", *op.read));
    }
  }
  for (const auto& [key, count] : counts) {
    if (count.last_read < 0) continue;
    if (count.last_read >= count.sure && count.last_read <= count.sure + count.unknown) continue;
    wrong.push_back(absl::StrCat("counter ", key, " ends at ", count.last_read, " after ",
                                 count.sure, " acknowledged and ", count.unknown,
                                 " unknown increments"));
  }
}

// One version of a key is one value, whoever tells of it.
void History::CheckVersions(std::vector<std::string>& wrong) const {
  std::map<std::pair<std::string, uint64_t>, std::string> values;
  auto note = [&](const std::string& key, uint64_t version, const std::string& value) {
    auto [known, fresh] = values.emplace(std::pair(key, version), value);
    if (fresh || known->second == value) return;
    wrong.push_back(absl::StrCat("key ", key, " version ", version, " is both \"", value,
                                 "\" and \"", known->second, "\""));
  };
  for (size_t i = 0; i < strong_.size(); ++i) {
    const Operation& op = strong_[i];
    if (op.outcome != Outcome::kOk || versions_[i] == 0) continue;
    if (op.kind == Kind::kGet && op.read) note(op.key, versions_[i], *op.read);
    if (op.kind == Kind::kPut && op.value) note(op.key, versions_[i], *op.value);
    if (op.kind == Kind::kCas && op.swapped && op.value) note(op.key, versions_[i], *op.value);
    if (op.kind == Kind::kIncr) note(op.key, versions_[i], absl::StrCat(op.new_value));
  }
  for (const Eventual& read : eventual_) {
    if (read.return_ns != 0 && read.seen.found) note(read.key, read.seen.version, read.seen.value);
  }
}

void History::CheckEventual(std::vector<std::string>& wrong) const {
  for (const Eventual& read : eventual_) {
    if (read.return_ns == 0) continue;
    if (auto why = WhyImpossible(read)) {
      wrong.push_back(absl::StrCat("eventual read of ", read.key, " by client ", read.client,
                                   " at ", read.call_ns, "..", read.return_ns, " ns shows ",
                                   Show(read.seen), ", the client knew ", Show(read.floor), ": ",
                                   *why));
    }
  }
}

std::optional<std::string> History::WhyImpossible(const Eventual& read) const {
  if (read.seen.found) {
    if (!Written(read)) return "nobody wrote that";
    if (read.seen.version < read.floor.version) return "it is older";
    return std::nullopt;
  }
  if (read.floor.found && !DeletedSince(read)) return "nobody deleted it";
  return std::nullopt;
}

bool History::Written(const Eventual& read) const {
  for (const Operation& op : strong_) {
    if (op.key != read.key || op.outcome == Outcome::kFail || op.call_ns > read.return_ns) continue;
    if (op.kind == Kind::kIncr) return true;  // Its numbers are judged by the versions.
    if ((op.kind == Kind::kPut || op.kind == Kind::kCas) && op.value == read.seen.value)
      return true;
  }
  return false;
}

bool History::DeletedSince(const Eventual& read) const {
  int64_t written_from = 0;
  for (const Operation& op : strong_) {
    if (op.key == read.key && op.value == read.floor.value) written_from = op.call_ns;
  }
  return std::any_of(strong_.begin(), strong_.end(), [&](const Operation& op) {
    return op.key == read.key && Removes(op) && op.outcome != Outcome::kFail &&
           !OverBefore(op, written_from) && op.call_ns < read.return_ns;
  });
}

void History::CheckExpiring(std::vector<std::string>& wrong) const {
  std::map<Id, Micros> gone;  // When a read first returned without the item, after its put.
  std::vector<ExpiringRead> reads = expiring_reads_;
  std::stable_sort(reads.begin(), reads.end(), [](const ExpiringRead& a, const ExpiringRead& b) {
    return a.returned < b.returned;
  });
  for (const ExpiringRead& read : reads) {
    const Expiring& item = expiring_[read.item];
    const bool settled = item.acknowledged != 0 && read.called > item.acknowledged;
    auto complain = [&](std::string_view what) {
      wrong.push_back(absl::StrCat("item ", item.key, ", acknowledged at ", item.acknowledged,
                                   ", expiring at ", item.expires, " us: a strong read at ",
                                   read.called, "..", read.returned, " us ", std::string(what)));
    };
    if (clocks_right_ && read.found && read.called > item.expires + kLogTimeTolerance) {
      complain("still shows it");
    }
    if (read.found && gone.count(read.item) != 0 && read.called > gone[read.item]) {
      complain(absl::StrCat("shows it, but it was gone at ", gone[read.item]));
    }
    if (read.found || !settled) continue;
    if (read.returned < item.expires - kLogTimeTolerance) complain("does not show it");
    gone.emplace(read.item, read.returned);
  }
}

}  // namespace fastpath::sim
