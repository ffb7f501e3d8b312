#include "node/purge.h"

#include <algorithm>
#include <utility>

#include "node/replica.h"
#include "partition/ttl.h"
#include "raft/check.h"

namespace fastpath::node {
namespace {

using partition::kMicrosPerSecond;

// Between passes while something is due. The commands of a pass go to the log
// together: each batch there costs every replica's disk a sync.
constexpr Micros kPass_us = 10'000;
constexpr Micros kLongestSleep_us = 60'000'000;
// What expired waits this long for company: then a page of the index finds more.
constexpr uint64_t kGather_s = 5;
constexpr size_t kCommandItems = 32;  // Small, so that nobody waits long behind its apply.
constexpr size_t kCommandLimitBytes = 64u << 10;
constexpr size_t kPageRows = 64;  // Read in line, between users' requests.
constexpr int64_t kPageCost = 4;  // Of the budget, whatever it finds.
// Of items and pages a pass: beside users 4,000 a second, up to six times as much
// while what is due waits for longer than it should; 100,000 without users. What
// expires in one second is due at once: twice the budget did it in half of each
// second, and reads met a node that had no time left in that half.
constexpr int64_t kBusyBudget = 40;
constexpr uint64_t kMostTimes = 6;
constexpr int64_t kIdleBudget = 1000;
constexpr Micros kRefusedPause_us = 200'000;
// Items that a Purge did not find as named are looked for again after this.
constexpr uint64_t kSurvivorPause_s = 60;

// storage/keys.h: ttl := kind bucket:u16 expiry:u64 data
constexpr size_t kBucketAt = 1;
constexpr size_t kExpiryAt = 3;
constexpr size_t kDataAt = 11;

ExpirySchedule::Expiry ExpiryOf(std::string_view row) {
  FASTPATH_CHECK(row.size() > kDataAt, "a row of the TTL index");
  return {static_cast<storage::Bucket>(storage::GetBig(row.substr(kBucketAt, 2))),
          storage::GetBig(row.substr(kExpiryAt, 8))};
}

std::string StartOfBucketAfter(storage::Bucket bucket) {
  return bucket == UINT16_MAX ? std::string(1, static_cast<char>(storage::KeyKind::kTransaction))
                              : storage::TtlKey(static_cast<storage::Bucket>(bucket + 1), 0, {});
}

// A bucket is looked at once its bound is not after this.
uint64_t DueBound(uint64_t now_s) { return now_s - std::min(now_s, kGather_s); }

std::string After(std::string key) {
  key.push_back('\0');
  return key;
}

}  // namespace

struct Purge::Job {
  Job(raft::GroupId group, uint64_t id, const storage::BucketRange& buckets)
      : group(group), id(id), buckets(buckets), schedule(buckets), next(buckets.first) {}

  std::string EndKey() const { return StartOfBucketAfter(buckets.last); }
  std::string StartKey() const { return storage::TtlKey(buckets.first, 0, {}); }

  const raft::GroupId group;
  const uint64_t id;  // Tells it from a later job of the group.
  const storage::BucketRange buckets;
  ExpirySchedule schedule;
  std::vector<storage::SpaceId> spaces;  // Known at the last look at the catalog.
  // Reading the whole index for rows of dropped tables: where to go on.
  std::optional<std::string> sweep;

  bool busy = false;      // A command is being made or under way.
  bool ready = false;     // The command waits for the next pass, to be proposed.
  bool sweeping = false;  // What is being read is for `sweep`.
  Micros not_before = 0;
  storage::Bucket next = 0;
  std::optional<std::string> resume;  // In the middle of a bucket, for this command.
  std::optional<std::string> paused;  // The page to read next, once there is budget.
  uint64_t now_s = 0;                 // When the command was begun, by log time.
  command::Command command;
  size_t command_bytes = 0;
  std::vector<ExpirySchedule::Expiry> named;  // In the command.
};

Purge::Purge(const Environment& environment, Find find)
    : env_(environment), find_(std::move(find)) {}

Purge::~Purge() {
  if (wake_at_ != 0) env_.executor->Cancel(timer_);
}

Purge::Job* Purge::Living(raft::GroupId group, uint64_t id) {
  const auto found = jobs_.find(group);
  return found == jobs_.end() || found->second->id != id ? nullptr : found->second.get();
}

// ------------------------------------------------------------- what to look at

void Purge::Changed(raft::GroupId group) {
  const Replica* replica = find_(group);
  if (replica == nullptr || !replica->serving() || replica->machine()->buckets().empty ||
      replica->machine()->version() < partition::kPurgeVersion) {
    jobs_.erase(group);
    return;
  }
  std::unique_ptr<Job>& job = jobs_[group];
  if (job == nullptr || !(job->buckets == replica->machine()->buckets())) {
    job = std::make_unique<Job>(group, ++last_job_, replica->machine()->buckets());
  }
  std::vector<storage::SpaceId> spaces;
  for (const api::Table& table : replica->machine()->tables()) spaces.push_back(table.space());
  if (!std::includes(spaces.begin(), spaces.end(), job->spaces.begin(), job->spaces.end())) {
    job->sweep = job->StartKey();
  }
  job->spaces = std::move(spaces);
  Wake(env_.clock->Monotonic() + kPass_us);
}

void Purge::Note(raft::GroupId group, ExpirySchedule::Expiry expiry) {
  const auto found = jobs_.find(group);
  if (found == jobs_.end()) return;
  found->second->schedule.Note(expiry);
  const Replica* replica = find_(group);
  if (replica == nullptr) return;
  const uint64_t at = (expiry.seconds + kGather_s) * kMicrosPerSecond;
  const partition::Stamp now = replica->LogNow();
  const Micros wait = at <= now ? 0 : static_cast<Micros>(at - now);
  if (wait < kLongestSleep_us) Wake(env_.clock->Monotonic() + std::max(wait, kPass_us));
}

void Purge::Wake(Micros at) {
  if (wake_at_ != 0 && wake_at_ <= at) return;
  if (wake_at_ != 0) env_.executor->Cancel(timer_);
  wake_at_ = at;
  timer_ = env_.executor->At(at, lifetime_.Guard([this] {
    wake_at_ = 0;
    Pass();
  }));
}

// ------------------------------------------------------------------- the pace

// What is begun in one pass is read and found out later: a command is charged
// in full when it is begun, and what it did not need is given back. Debts stay.
int64_t Purge::Allowance() {
  if (!users_.Busy(*env_.metrics)) return kIdleBudget;
  const uint64_t backlog_s = env_.metrics->purge_backlog_s;
  const uint64_t late_s = backlog_s - std::min(backlog_s, kGather_s);
  return kBusyBudget * static_cast<int64_t>(std::min(1 + late_s, kMostTimes));
}

void Purge::Pass() {
  budget_ = std::min(budget_, int64_t{0}) + Allowance();
  const Micros now = env_.clock->Monotonic();
  for (const auto& [group, job] : jobs_) {
    if (job->ready) Propose(*job);
  }
  for (const raft::GroupId group : InTurn(jobs_, next_group_)) {
    next_group_ = group;
    if (budget_ <= 0) break;
    Job& job = *jobs_.at(group);
    if (job.paused) {
      PostLook(job, *std::exchange(job.paused, std::nullopt));
    } else if (!job.busy && now >= job.not_before && Begin(job)) {
      budget_ -= static_cast<int64_t>(kCommandItems);
    }
  }
  Rearm();
}

// At once while something is due, else at the earliest expiry.
void Purge::Rearm() {
  const Micros now = env_.clock->Monotonic();
  Micros wake = now + kLongestSleep_us;
  uint64_t oldest_s = 0;
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const Job& job = *it->second;
    const Replica* replica = find_(job.group);
    if (replica == nullptr || !replica->serving()) {
      it = jobs_.erase(it);
      continue;
    }
    ++it;
    const partition::Stamp log_now = replica->LogNow();
    const uint64_t earliest = job.schedule.Earliest();
    if (earliest != 0 && earliest < log_now / kMicrosPerSecond) {
      oldest_s = std::max(oldest_s, log_now / kMicrosPerSecond - earliest);
    }
    Micros due = now + kPass_us;
    if (job.ready || job.paused) wake = due;
    if (!job.sweep && earliest > partition::kMaxExpirySeconds) continue;
    const uint64_t gathered = (earliest + kGather_s) * kMicrosPerSecond;
    if (!job.sweep && earliest != 0 && gathered > log_now) {
      due = now + static_cast<Micros>(gathered - log_now);
    }
    wake = std::min(wake, std::max({due, job.not_before, now + kPass_us}));
  }
  env_.metrics->purge_backlog_s = oldest_s;
  if (!jobs_.empty()) Wake(wake);
}

// ------------------------------------------------------- one group's command

bool Purge::Begin(Job& job) {
  const Replica* replica = find_(job.group);
  if (replica == nullptr || !replica->serving()) return false;
  job.now_s = replica->LogNow() / kMicrosPerSecond;
  job.command.Clear();
  job.command.mutable_purge();
  job.command_bytes = 0;
  job.named.clear();
  job.resume.reset();
  job.paused.reset();
  job.sweeping = job.sweep.has_value();
  if (job.sweeping) {
    PostLook(job, *job.sweep);
    return true;
  }
  const auto due = job.schedule.NextDue(job.next, DueBound(job.now_s));
  if (!due) return false;
  PostLook(job, storage::TtlKey(*due, 0, {}));
  return true;
}

// Others have their turn before every page.
void Purge::PostLook(Job& job, std::string from) {
  job.busy = true;
  budget_ -= kPageCost;
  env_.executor->Post(
      lifetime_.Guard([this, group = job.group, id = job.id, from = std::move(from)] {
        if (Job* living = Living(group, id)) Look(*living, from);
      }));
}

void Purge::Look(Job& job, std::string from) {
  ++env_.metrics->purge_pages;
  if (!job.sweeping) {
    job.next =
        static_cast<storage::Bucket>(storage::GetBig(std::string_view(from).substr(kBucketAt, 2)));
    job.schedule.Looking();
  }
  storage::ScanOptions options;
  options.limit_rows = kPageRows;
  // Of a bucket only what is due and what is next: there may be any number of later ones.
  if (!job.sweeping) {
    options.skip_to = [now_s = job.now_s](std::string_view row) {
      const ExpirySchedule::Expiry expiry = ExpiryOf(row);
      return expiry.seconds <= now_s ? std::string() : StartOfBucketAfter(expiry.bucket);
    };
  }
  env_.engine->Scan({std::move(from), job.EndKey()}, options,
                    lifetime_.Guard([this, group = job.group,
                                     id = job.id](absl::StatusOr<storage::ScanResult> page) {
                      Job* living = Living(group, id);
                      if (living == nullptr) return;
                      // What cannot be read now is asked for again; a broken engine
                      // stops the node by its writes.
                      if (!page.ok()) return Retry(*living, kRefusedPause_us);
                      Looked(*living, *page);
                    }));
}

void Purge::Looked(Job& job, const storage::ScanResult& page) {
  if (job.sweeping) {
    TakeOrphans(job, page);
  } else {
    TakeDue(job, page);
  }
  GoOn(job);
}

// False: the command is full.
bool Purge::Doom(Job& job, const std::string& row_key, ExpirySchedule::Expiry expiry) {
  command::Purge::Item* item = job.command.mutable_purge()->add_items();
  item->set_expiry(expiry.seconds);
  item->set_key(row_key.substr(kDataAt));
  job.named.push_back(expiry);
  job.command_bytes += row_key.size();
  return job.named.size() < kCommandItems && job.command_bytes < kCommandLimitBytes;
}

// Passes over whole buckets; the last one may stay due, for what follows the page.
void Purge::TakeDue(Job& job, const storage::ScanResult& page) {
  std::vector<ExpirySchedule::Expiry> found;
  const storage::Bucket first = job.next;
  storage::Bucket last = job.buckets.last;
  bool stopped = false;
  job.resume.reset();
  for (size_t i = 0; i < page.rows.size() && !stopped; ++i) {
    const std::string& row = page.rows[i].first;
    const ExpirySchedule::Expiry expiry = ExpiryOf(row);
    const bool end_of_page = i + 1 == page.rows.size() && page.more;
    if (expiry.seconds > job.now_s) {
      found.push_back(expiry);
      if (end_of_page) last = expiry.bucket;
      continue;
    }
    const bool full = !Doom(job, row, expiry);
    if (!full && !end_of_page) continue;
    stopped = true;
    last = expiry.bucket;
    found.push_back(expiry);
    job.resume = After(row);
  }
  job.schedule.Looked(first, last, found);
  job.next = last == job.buckets.last ? job.buckets.first : static_cast<storage::Bucket>(last + 1);
}

void Purge::TakeOrphans(Job& job, const storage::ScanResult& page) {
  for (const storage::KeyValue& row : page.rows) {
    const auto parts = storage::ParseDataKey(std::string_view(row.first).substr(kDataAt));
    FASTPATH_CHECK(parts.has_value(), "a row of the TTL index names an item");
    if (std::binary_search(job.spaces.begin(), job.spaces.end(), parts->space)) continue;
    if (!Doom(job, row.first, ExpiryOf(row.first))) {
      job.sweep = After(row.first);
      return;
    }
  }
  if (page.more) {
    job.sweep = After(page.rows.back().first);
  } else {
    job.sweep.reset();
  }
}

// Reads on until the command is full or nothing more is due, a page at a time
// and while there is budget. Then the next pass proposes.
void Purge::GoOn(Job& job) {
  std::optional<std::string> from;
  const bool full = job.named.size() >= kCommandItems || job.command_bytes >= kCommandLimitBytes;
  if (!full && job.sweeping) {
    from = job.sweep;
  } else if (!full && job.resume) {
    from = job.resume;
  } else if (!full) {
    const auto due = job.schedule.NextDue(job.next, DueBound(job.now_s));
    if (due) from = storage::TtlKey(*due, 0, {});
  }
  if (!from) {
    budget_ += static_cast<int64_t>(kCommandItems - job.named.size());
    job.ready = !job.named.empty();
    job.busy = job.ready;
  } else if (budget_ > 0) {
    return PostLook(job, *std::move(from));
  } else {
    job.paused = std::move(from);
  }
  Wake(env_.clock->Monotonic() + kPass_us);
}

void Purge::Propose(Job& job) {
  job.ready = false;
  Replica* replica = find_(job.group);
  if (replica == nullptr) return;
  ++env_.metrics->purge_commands;
  replica->Propose(&job.command, lifetime_.Guard([this, group = job.group,
                                                  id = job.id](const Proposed& proposed) {
    Job* living = Living(group, id);
    if (living == nullptr) return;
    if (proposed.code != api::OK) return Retry(*living, kRefusedPause_us);
    living->busy = false;
    env_.metrics->purged_items += proposed.outcome->purged();
    if (proposed.outcome->purged() == living->named.size()) return;
    for (const ExpirySchedule::Expiry& expiry : living->named) {
      living->schedule.Note({expiry.bucket, living->now_s + kSurvivorPause_s});
    }
  }));
}

void Purge::Retry(Job& job, Micros pause) {
  for (const ExpirySchedule::Expiry& expiry : job.named) job.schedule.Note(expiry);
  if (job.sweeping) job.sweep = job.StartKey();
  job.busy = false;
  job.not_before = env_.clock->Monotonic() + pause;
}

}  // namespace fastpath::node
