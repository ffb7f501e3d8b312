// One shared log on a simulated disk, and what it must hold after a crash.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/raft_log.h"
#include "storage/sim_disk.h"
#include "tests/support/sim_executor.h"

namespace fastpath::storage {

inline raft::Entry MakeEntry(raft::Term term, raft::Index index, std::string payload) {
  return {term, index, raft::EntryKind::kCommand,
          std::make_shared<const std::string>(std::move(payload))};
}

// What the log says of one group, if every write so far is in it.
struct ModelGroup {
  raft::HardState state;
  raft::LogWrite::Position start;
  std::map<raft::Index, std::pair<raft::Term, std::string>> entries;  // Never cut by Truncate.
  raft::Index truncated = 0;
  raft::Index last() const { return entries.empty() ? start.index : entries.rbegin()->first; }
};
using Model = std::map<raft::GroupId, ModelGroup>;

inline void ApplyToModel(Model& model, const raft::LogWrite& write) {
  if (write.destroy) {
    model.erase(write.group);
    return;
  }
  ModelGroup& group = model[write.group];
  if (write.reset) {
    group.entries.clear();
    group.start = *write.reset;
    group.truncated = 0;
  }
  for (const raft::Entry& entry : write.entries) {
    group.entries.erase(group.entries.lower_bound(entry.index), group.entries.end());
    group.entries[entry.index] = {entry.term, *entry.payload};
  }
  if (write.hard_state) group.state = *write.hard_state;
}

// Empty if `recovered` is what `model` says, else the first difference.
inline std::string Difference(const Model& model,
                              const std::map<raft::GroupId, RaftLog::Recovered>& recovered) {
  for (const auto& [id, found] : recovered) {
    if (!model.contains(id)) return absl::StrCat("group ", id, " should not be there");
  }
  for (const auto& [id, group] : model) {
    auto found = recovered.find(id);
    if (found == recovered.end()) return absl::StrCat("group ", id, " is missing");
    const RaftLog::Recovered& log = found->second;
    const std::string where = absl::StrCat("group ", id, ": ");
    if (!(log.hard_state == group.state)) return where + "hard state";
    // Truncation is lazy: the log may begin earlier, never later.
    if (log.start.index < group.start.index ||
        log.start.index > std::max(group.start.index, group.truncated)) {
      return absl::StrCat(where, "starts after ", log.start.index);
    }
    auto start = group.entries.find(log.start.index);
    const raft::Term start_term =
        start != group.entries.end() ? start->second.first : group.start.term;
    if (log.start.term != start_term) return where + "start term";
    if (log.start.index + log.entries.size() != group.last()) {
      return absl::StrCat(where, "ends at ", log.start.index + log.entries.size(), " not ",
                          group.last());
    }
    for (const raft::Entry& entry : log.entries) {
      auto expected = group.entries.find(entry.index);
      if (expected == group.entries.end() ||
          expected->second != std::pair(entry.term, *entry.payload)) {
        return absl::StrCat(where, "entry ", entry.index);
      }
    }
  }
  return "";
}

// A node's life around the log: opened, killed, its power cut, opened again.
class LogHarness {
 public:
  explicit LogHarness(uint64_t seed, RaftLog::Options options = SmallSegments())
      : random_(seed), options_(options), device_(std::make_unique<SimDisk>(&random_)) {}

  static RaftLog::Options SmallSegments() {
    return {.segment_bytes = 16384, .batch_limit_bytes = 8192, .rewrite_above_segments = 3};
  }

  // The log's answer; nothing if the disk froze meanwhile.
  std::optional<absl::Status> Open() {
    Kill();
    executor_ = std::make_unique<testing::SimExecutor>(&loop_);
    disk_ = device_->Attach(executor_.get(), &clock_);
    if (freeze_next_open_) device_->FreezeAfter(*std::exchange(freeze_next_open_, std::nullopt));
    options_.clock = &clock_;
    std::optional<absl::Status> status;
    RaftLog::Open(disk_.get(), executor_.get(), options_, [&](auto log) {
      status = log.status();
      if (log.ok()) log_ = *std::move(log);
    });
    loop_.RunUntilIdle();
    return status;
  }

  // The process dies; the page cache lives.
  void Kill() {
    log_.reset();
    disk_.reset();
    executor_.reset();
  }
  void PowerCut(SimDisk::Unsynced unsynced) {
    Kill();
    device_->PowerCut(unsynced);
  }

  // Opens, and judges what is there by what was said: every acknowledged write,
  // and a prefix of the rest. What was found is the model from then on.
  void OpenAndCheck(const std::string& when) {
    std::optional<absl::Status> status = Open();
    ASSERT_TRUE(status.has_value()) << when;
    ASSERT_TRUE(status->ok()) << when << ": " << *status;
    Adopt(when);
  }
  void Adopt(const std::string& when) {
    const auto recovered = log_->TakeRecovered();
    std::string difference = Difference(acked_, recovered);
    std::string last = difference;
    while (!last.empty() && !unacked_.empty()) {
      ApplyToModel(acked_, unacked_.front());
      unacked_.pop_front();
      last = Difference(acked_, recovered);
    }
    ASSERT_EQ(last, "") << when << "; without the unacknowledged: " << difference;
    unacked_.clear();
    latest_ = acked_;
  }

  void Write(raft::LogWrite write) {
    ++changes_[write.group];
    ApplyToModel(latest_, write);
    unacked_.push_back(write);
    log_->Write(std::move(write), [this](absl::Status status) {
      if (!status.ok()) {
        errors_.push_back(status);
        return;
      }
      ApplyToModel(acked_, unacked_.front());
      unacked_.pop_front();
    });
  }
  void Truncate(raft::GroupId group, raft::Index index) {
    ++changes_[group];
    log_->Truncate(group, index);
    for (Model* model : {&acked_, &latest_}) {
      auto found = model->find(group);
      if (found != model->end()) found->second.truncated = std::max(found->second.truncated, index);
    }
  }
  void Run() { loop_.RunUntilIdle(); }

  // A random step of a node with `groups` groups: a burst of writes, with now
  // and then a truncation, a reset, a destroyed group.
  void RandomBurst(testing::SimRandom& random, raft::GroupId groups, size_t payload_limit) {
    for (uint64_t i = random.Below(4); i < 4; ++i) RandomWrite(random, groups, payload_limit);
    Run();
    if (random.OneIn(2)) RandomTruncate(random, groups);
    Run();
  }
  // The same without waiting for the end, so that writes, reads, truncations and
  // the log's own work overlap.
  void HastyBurst(testing::SimRandom& random, raft::GroupId groups, size_t payload_limit) {
    for (uint64_t i = random.Below(4); i < 4; ++i) RandomWrite(random, groups, payload_limit);
    loop_.RunFor(static_cast<Micros>(random.Below(1500)));
    if (random.OneIn(2)) RandomTruncate(random, groups);
    RandomRead(random, groups);
    loop_.RunFor(static_cast<Micros>(random.Below(500)));
  }

  testing::SimRandom random_;
  testing::SimLoop loop_;
  testing::SimClock clock_{&loop_};
  RaftLog::Options options_;
  std::unique_ptr<SimDisk> device_;
  std::unique_ptr<testing::SimExecutor> executor_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<RaftLog> log_;
  Model acked_;                         // Every acknowledged write.
  Model latest_;                        // And every one asked for.
  std::deque<raft::LogWrite> unacked_;  // Asked for, in order, not acknowledged.
  std::vector<absl::Status> errors_;
  std::optional<uint64_t> freeze_next_open_;
  uint64_t judged_reads_ = 0;

 private:
  void RandomWrite(testing::SimRandom& random, raft::GroupId groups, size_t payload_limit) {
    const raft::GroupId id = static_cast<raft::GroupId>(random.Below(groups));
    if (random.OneIn(40)) return Write({.group = id, .destroy = true});
    ModelGroup& group = latest_[id];
    raft::LogWrite write{.group = id};
    if (random.OneIn(30)) {
      write.reset = raft::LogWrite::Position{group.last() + random.Below(10), group.state.term};
    }
    raft::Index next = (write.reset ? write.reset->index : group.last()) + 1;
    const raft::Index floor =
        write.reset ? write.reset->index : std::max(group.start.index, group.truncated);
    if (!write.reset && next - 1 > floor && random.OneIn(6)) {
      next = floor + 1 + random.Below(next - 1 - floor);  // Replace a suffix.
    }
    raft::HardState state = group.state;
    if (random.OneIn(3)) state.term += random.Below(2) + 1;
    for (uint64_t i = random.Below(4); i < 4; ++i) {
      std::string payload(random.Below(payload_limit), static_cast<char>('a' + random.Below(26)));
      write.entries.push_back(MakeEntry(state.term, next++, std::move(payload)));
    }
    if (random.OneIn(2) || !(state == group.state)) {
      state.vote = random.Below(4);
      write.hard_state = state;
    }
    Write(std::move(write));
  }

  // What is read is what was last written, synced or not; judged if nothing
  // changed the group until the answer.
  void RandomRead(testing::SimRandom& random, raft::GroupId groups) {
    const raft::GroupId id = static_cast<raft::GroupId>(random.Below(groups));
    auto found = latest_.find(id);
    if (found == latest_.end()) return;
    const raft::Index begin = std::max(found->second.start.index, found->second.truncated);
    if (found->second.last() <= begin) return;
    const raft::Index from = begin + 1 + random.Below(found->second.last() - begin);
    auto expected = found->second.entries;
    log_->Read(
        id, from, found->second.last(), random.Below(5000),
        [this, id, changes = changes_[id], expected = std::move(expected), from](auto entries) {
          if (changes != changes_[id]) return;
          ++judged_reads_;
          ASSERT_TRUE(entries.ok()) << entries.status();
          ASSERT_FALSE(entries->empty());
          raft::Index index = from;
          for (const raft::Entry& entry : *entries) {
            ASSERT_EQ(entry.index, index);
            ASSERT_EQ(expected.at(index), std::pair(entry.term, *entry.payload));
            ++index;
          }
        });
  }

  std::map<raft::GroupId, uint64_t> changes_;

  void RandomTruncate(testing::SimRandom& random, raft::GroupId groups) {
    const raft::GroupId id = static_cast<raft::GroupId>(random.Below(groups));
    auto found = acked_.find(id);
    if (found == acked_.end()) return;
    for (const raft::LogWrite& write : unacked_) {
      if (write.group == id) return;
    }
    const raft::Index from = std::max(found->second.start.index, found->second.truncated);
    if (found->second.last() > from)
      Truncate(id, from + random.Below(found->second.last() - from + 1));
  }
};

}  // namespace fastpath::storage
