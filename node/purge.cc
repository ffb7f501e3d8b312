#include "node/purge.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
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
// What expired waits this long for company, in a page of the index and in a command.
constexpr uint64_t kGather_s = 5;
// What expires within this is kept by name: at 10,000 a second over all buckets a look at one
// finds ten items, not one.
constexpr uint64_t kAhead_s = 60;
constexpr size_t kNamesLimitBytes = 16u << 20;  // Of all groups led here.
constexpr size_t kCommandItems = 32;  // Small, so that nobody waits long behind its apply.
constexpr size_t kCommandLimitBytes = 64u << 10;
constexpr size_t kPageRows = 64;       // Read in line, between users' requests.
constexpr size_t kLookBuckets = 4096;  // Most of them are empty when a new leader looks at all.
constexpr int64_t kPageCost = 4;       // Of the budget, whatever it finds.
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

std::string_view DataKeyOf(std::string_view row) {
  FASTPATH_CHECK(row.size() > kDataAt, "a row of the TTL index");
  return row.substr(kDataAt);
}

storage::Bucket BucketOf(std::string_view data_key) {
  const auto parts = storage::ParseDataKey(data_key);
  FASTPATH_CHECK(parts.has_value(), "an expiry is that of an item");
  return storage::BucketOf(parts->hash);
}

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

// Of each of `buckets` what expires by `until_s` and what is next: there may be any number of
// later ones, and of other buckets.
std::function<std::string(std::string_view)> SkipTo(std::vector<storage::Bucket> buckets,
                                                    uint64_t until_s, std::string end) {
  return [buckets = std::move(buckets), until_s, end = std::move(end)](std::string_view row) {
    const ExpirySchedule::Expiry expiry = ExpiryOf(row);
    auto bucket = std::lower_bound(buckets.begin(), buckets.end(), expiry.bucket);
    if (bucket != buckets.end() && *bucket == expiry.bucket) {
      if (expiry.seconds <= until_s) return std::string();
      ++bucket;
    }
    return bucket == buckets.end() ? end : storage::TtlKey(*bucket, 0, {});
  };
}

}  // namespace

struct Purge::Job {
  Job(raft::GroupId group, uint64_t id, const storage::BucketRange& buckets,
      ExpiryNames::Budget* budget)
      : group(group),
        id(id),
        buckets(buckets),
        schedule(buckets),
        names(budget),
        next(buckets.first) {}

  std::string EndKey() const { return StartOfBucketAfter(buckets.last); }
  std::string StartKey() const { return storage::TtlKey(buckets.first, 0, {}); }
  uint64_t Earliest() const { return std::min(schedule.Earliest(), names.Earliest()); }
  bool Full() const { return named.size() >= kCommandItems || command_bytes >= kCommandLimitBytes; }

  const raft::GroupId group;
  const uint64_t id;  // Tells it from a later job of the group.
  const storage::BucketRange buckets;
  ExpirySchedule schedule;
  ExpiryNames names;
  std::vector<storage::SpaceId> spaces;  // Known at the last look at the catalog.
  // Reading the whole index for rows of dropped tables: where to go on.
  std::optional<std::string> sweep;
  std::optional<std::string> sweep_again;  // For those dropped meanwhile.

  bool busy = false;      // A command is being made or under way.
  bool ready = false;     // The command waits for the next pass, to be proposed.
  bool sweeping = false;  // What is being read is for `sweep`.
  Micros not_before = 0;
  storage::Bucket next = 0;
  std::optional<std::string> paused;  // The page to read next, once there is budget.
  // Of the look under way: the last bucket, and the rows that went since it began.
  std::optional<storage::Bucket> look_last;
  absl::flat_hash_set<std::pair<uint64_t, std::string>> gone;
  uint64_t now_s = 0;  // When the command was begun, by log time.
  command::Command command;
  size_t command_bytes = 0;
  std::vector<ExpirySchedule::Expiry> named;  // In the command.
};

Purge::Purge(const Environment& environment, Find find)
    : env_(environment), find_(std::move(find)), names_{kNamesLimitBytes} {}

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
    job = std::make_unique<Job>(group, ++last_job_, replica->machine()->buckets(), &names_);
  }
  std::vector<storage::SpaceId> spaces;
  for (const api::Table& table : replica->machine()->tables()) spaces.push_back(table.space());
  if (!std::includes(spaces.begin(), spaces.end(), job->spaces.begin(), job->spaces.end())) {
    // Of what a sweep under way has passed, and what it reads now, that table was not dropped yet.
    (job->busy && job->sweeping ? job->sweep_again : job->sweep) = job->StartKey();
  }
  job->spaces = std::move(spaces);
  Wake(env_.clock->Monotonic() + kPass_us);
}

void Purge::Moved(raft::GroupId group, std::string_view data_key, uint64_t from_s, uint64_t to_s) {
  const auto found = jobs_.find(group);
  if (found == jobs_.end()) return;
  Job& job = *found->second;
  if (from_s != 0) job.names.Remove(from_s, data_key);
  if (job.look_last) {
    job.gone.emplace(from_s, data_key);
    job.gone.erase({to_s, std::string(data_key)});
  }
  if (to_s == 0) return;
  const Replica* replica = find_(group);
  const partition::Stamp now = replica == nullptr ? 0 : replica->LogNow();
  const bool soon = to_s <= now / kMicrosPerSecond + kAhead_s;
  if (!soon || !job.names.Add(to_s, data_key)) job.schedule.Note({BucketOf(data_key), to_s});
  const uint64_t at = (to_s + kGather_s) * kMicrosPerSecond;
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
    } else if (!job.busy && now >= job.not_before) {
      Begin(job);
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
    const uint64_t earliest = job.Earliest();
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

void Purge::Begin(Job& job) {
  const Replica* replica = find_(job.group);
  if (replica == nullptr || !replica->serving()) return;
  job.now_s = replica->LogNow() / kMicrosPerSecond;
  if (!job.sweep && job.Earliest() > DueBound(job.now_s)) return;
  job.command.Clear();
  job.command.mutable_purge();
  job.command_bytes = 0;
  job.named.clear();
  job.paused.reset();
  job.sweeping = job.sweep.has_value();
  job.busy = true;
  GoOn(job);
  budget_ -= static_cast<int64_t>(kCommandItems);
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
  storage::ScanOptions options;
  options.limit_rows = kPageRows;
  if (!job.sweeping) {
    job.next =
        static_cast<storage::Bucket>(storage::GetBig(std::string_view(from).substr(kBucketAt, 2)));
    std::vector<storage::Bucket> due =
        job.schedule.Due(job.next, DueBound(job.now_s), kLookBuckets);
    if (due.empty() || due.front() != job.next) due.insert(due.begin(), job.next);
    job.look_last = due.back();
    job.gone.clear();
    job.schedule.Looking(due);
    options.skip_to =
        SkipTo(std::move(due), job.now_s + (names_.full() ? 0 : kAhead_s), job.EndKey());
  }
  env_.engine->Scan({std::move(from), job.EndKey()}, options,
                    lifetime_.Guard([this, group = job.group,
                                     id = job.id](absl::StatusOr<storage::ScanResult> page) {
                      Job* living = Living(group, id);
                      if (living == nullptr) return;
                      // What cannot be read now is asked for again; a broken engine
                      // stops the node by its writes.
                      if (!page.ok()) return Retry(*living, kRefusedPause_us);
                      env_.metrics->purge_rows += page->rows.size();
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

void Purge::Doom(Job& job, uint64_t expiry_s, std::string data_key) {
  job.named.push_back({BucketOf(data_key), expiry_s});
  job.command_bytes += data_key.size();
  command::Purge::Item* item = job.command.mutable_purge()->add_items();
  item->set_expiry(expiry_s);
  item->set_key(std::move(data_key));
}

void Purge::TakeNamed(Job& job) {
  while (!job.Full()) {
    std::optional<ExpiryNames::Name> name = job.names.TakeDue(job.now_s);
    if (!name) return;
    Doom(job, name->seconds, std::move(name->data_key));
  }
}

// Of what the look passed; the last bucket may stay due, for what follows the page.
void Purge::TakeDue(Job& job, const storage::ScanResult& page) {
  std::vector<ExpirySchedule::Expiry> found;
  storage::Bucket last = *std::exchange(job.look_last, std::nullopt);
  for (size_t i = 0; i < page.rows.size(); ++i) {
    const std::string& row = page.rows[i].first;
    const ExpirySchedule::Expiry expiry = ExpiryOf(row);
    const bool end_of_page = i + 1 == page.rows.size() && page.more;
    if (end_of_page) last = expiry.bucket;
    const bool due = expiry.seconds <= job.now_s;
    const bool named = expiry.seconds <= job.now_s + kAhead_s &&
                       job.names.Add(expiry.seconds, DataKeyOf(row), due);
    if (!named || end_of_page) found.push_back(expiry);
  }
  for (const auto& [seconds, data_key] : job.gone) job.names.Remove(seconds, data_key);
  job.schedule.Looked(last, found);
  job.next = last == job.buckets.last ? job.buckets.first : static_cast<storage::Bucket>(last + 1);
}

void Purge::TakeOrphans(Job& job, const storage::ScanResult& page) {
  for (const storage::KeyValue& row : page.rows) {
    const auto parts = storage::ParseDataKey(DataKeyOf(row.first));
    FASTPATH_CHECK(parts.has_value(), "a row of the TTL index names an item");
    if (std::binary_search(job.spaces.begin(), job.spaces.end(), parts->space)) continue;
    const uint64_t expiry_s = ExpiryOf(row.first).seconds;
    job.names.Remove(expiry_s, DataKeyOf(row.first));
    Doom(job, expiry_s, std::string(DataKeyOf(row.first)));
    if (job.Full()) {
      job.sweep = After(row.first);
      return;
    }
  }
  if (page.more) {
    job.sweep = After(page.rows.back().first);
  } else {
    job.sweep = std::exchange(job.sweep_again, std::nullopt);
  }
}

// Looks until enough is due by name for a command, or nothing more must be looked for, a page
// at a time and while there is budget. Names leave when nothing is read any more: a look finds
// their rows until the command is applied. The next pass proposes.
void Purge::GoOn(Job& job) {
  std::optional<std::string> from;
  if (!job.Full() && job.sweeping) {
    from = job.sweep;
  } else if (!job.sweeping && !job.names.HaveDue(job.now_s, kCommandItems)) {
    const auto due = job.schedule.NextDue(job.next, DueBound(job.now_s));
    if (due) from = storage::TtlKey(*due, 0, {});
  }
  if (!from) {
    TakeNamed(job);
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
  job.look_last.reset();
  job.busy = false;
  job.not_before = env_.clock->Monotonic() + pause;
}

}  // namespace fastpath::node
