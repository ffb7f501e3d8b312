#include "node/retime.h"

#include <utility>
#include <vector>

#include "node/replica.h"
#include "partition/ttl.h"

namespace fastpath::node {
namespace {

constexpr Micros kPass_us = 10'000;
constexpr size_t kPageRows = 64;  // Read in line, and at most so many items a command.
constexpr size_t kPageLimitBytes = 256u << 10;
// Pages a pass: 12,800 rows a second beside users, 400,000 without.
constexpr size_t kBusyBudget = 2;
constexpr size_t kIdleBudget = 64;
constexpr Micros kRefusedPause_us = 200'000;

const api::Table* TableUnderWay(const partition::StateMachine& machine) {
  for (const api::Table& table : machine.tables()) {
    if (table.ttl_change().under_way()) return &table;
  }
  return nullptr;
}

}  // namespace

struct Retime::Job {
  raft::GroupId group = 0;
  uint64_t id = 0;  // Tells it from a later job of the group.
  storage::SpaceId space = 0;
  uint64_t revision = 0;
  partition::ExpiryRule rule;
  storage::KeyRange rest;  // Rows not looked at.

  bool busy = false;  // A page is read or a command is under way.
  Micros not_before = 0;
  std::string after;  // Where `rest` begins once the command is applied.
  command::Command command;
};

Retime::Retime(const Environment& environment, Find find)
    : env_(environment), find_(std::move(find)) {}

Retime::~Retime() {
  if (waking_) env_.executor->Cancel(timer_);
}

Retime::Job* Retime::Living(raft::GroupId group, uint64_t id) {
  const auto found = jobs_.find(group);
  return found == jobs_.end() || found->second->id != id ? nullptr : found->second.get();
}

void Retime::Changed(raft::GroupId group) {
  Replica* replica = find_(group);
  const api::Table* table =
      replica == nullptr || !replica->serving() ? nullptr : TableUnderWay(*replica->machine());
  if (table == nullptr) {
    jobs_.erase(group);
    return;
  }
  std::unique_ptr<Job>& job = jobs_[group];
  if (job == nullptr || job->space != table->space() || job->revision != table->revision()) {
    job = std::make_unique<Job>();
    job->group = group;
    job->id = ++last_job_;
    job->space = table->space();
    job->revision = table->revision();
    job->rule = partition::ExpiryRule(*table);
    job->rest = replica->machine()->DataRange(table->space());
  }
  Wake();
}

void Retime::Wake() {
  if (waking_ || jobs_.empty()) return;
  waking_ = true;
  timer_ = env_.executor->At(env_.clock->Monotonic() + kPass_us, lifetime_.Guard([this] {
    waking_ = false;
    Pass();
  }));
}

void Retime::Pass() {
  budget_ = users_.Busy(*env_.metrics) ? kBusyBudget : kIdleBudget;
  const Micros now = env_.clock->Monotonic();
  for (const raft::GroupId group : InTurn(jobs_, next_group_)) {
    next_group_ = group;
    if (budget_ == 0) break;
    Job& job = *jobs_.at(group);
    if (job.busy || now < job.not_before) continue;
    --budget_;
    PostLook(job);
  }
  Wake();
}

// Others have their turn before every page.
void Retime::PostLook(Job& job) {
  job.busy = true;
  env_.executor->Post(lifetime_.Guard([this, group = job.group, id = job.id] {
    if (Job* living = Living(group, id)) Look(*living);
  }));
}

void Retime::Look(Job& job) {
  storage::ScanOptions options;
  options.limit_rows = kPageRows;
  options.limit_bytes = kPageLimitBytes;
  env_.engine->Scan(job.rest, options,
                    lifetime_.Guard([this, group = job.group,
                                     id = job.id](absl::StatusOr<storage::ScanResult> page) {
                      Job* living = Living(group, id);
                      if (living == nullptr) return;
                      // What cannot be read now is asked for again; a broken engine
                      // stops the node by its writes.
                      if (!page.ok()) return Retry(*living);
                      Looked(*living, *page);
                    }));
}

void Retime::Looked(Job& job, const storage::ScanResult& page) {
  job.command.Clear();
  command::Retime& retime = *job.command.mutable_retime();
  for (const auto& [key, row] : page.rows) {
    std::string_view item = row;
    const absl::StatusOr<partition::ValueHeader> header = partition::TakeValueHeader(item);
    // What is damaged stops the group when it is read for a user, or here at apply.
    if (!header.ok() || job.rule.ExpiryOf(*header, item) != header->expiry_seconds) {
      retime.add_keys(key);
    }
  }
  retime.set_space(job.space);
  retime.set_revision(job.revision);
  retime.set_through(!page.more);
  job.after = page.rows.empty() ? job.rest.begin : page.rows.back().first + '\0';
  if (retime.keys_size() > 0 || retime.through()) return Propose(job);
  job.rest.begin = job.after;
  job.busy = false;
  if (budget_ == 0) return;
  --budget_;
  PostLook(job);
}

void Retime::Propose(Job& job) {
  Replica* replica = find_(job.group);
  if (replica == nullptr) return Retry(job);
  ++env_.metrics->retime_commands;
  const auto named = static_cast<uint64_t>(job.command.retime().keys_size());
  replica->Propose(&job.command, lifetime_.Guard([this, group = job.group, id = job.id,
                                                  named](const Proposed& proposed) {
    Job* living = Living(group, id);
    if (living == nullptr) return;
    if (proposed.code != api::OK) return Retry(*living);
    env_.metrics->retimed_items += named;
    living->rest.begin = living->after;
    living->busy = false;
  }));
}

void Retime::Retry(Job& job) {
  job.busy = false;
  job.not_before = env_.clock->Monotonic() + kRefusedPause_us;
}

}  // namespace fastpath::node
