// Reads: strong ones at a point that raft vouches for, eventual ones at a stamp.
#include <algorithm>
#include <iterator>
#include <utility>

#include "node/replica.h"

namespace fastpath::node {
namespace {

constexpr int kReadAttempts = 5;
constexpr Micros kStampWait_us = 100'000;
constexpr size_t kWaitingReadsLimit = 65536;

}  // namespace

template <class Request>
void Replica::BeginRead(const Request& request, ReplyDone done) {
  if (Unusable(done)) return;
  auto read = std::make_unique<Read>();
  read->request = request;
  read->done = std::move(done);
  read->eventual = request.eventual();
  read->min_stamp = request.min_stamp();
  if (request.eventual()) {
    read->until = env_.clock->Monotonic() + kStampWait_us;
    return EventualRead(std::move(read));
  }
  StrongRead(std::move(read));
}

void Replica::Get(const api::GetRequest& request, ReplyDone done) {
  BeginRead(request, std::move(done));
}

void Replica::Query(const api::QueryRequest& request, ReplyDone done) {
  BeginRead(request, std::move(done));
}

void Replica::Scan(const api::ScanRequest& request, ReplyDone done) {
  BeginRead(request, std::move(done));
}

void Replica::Observe(std::shared_ptr<Observation> observation, ReplyDone done) {
  if (Unusable(done)) return;
  auto read = std::make_unique<Read>();
  read->request = std::move(observation);
  read->done = std::move(done);
  StrongRead(std::move(read));
}

void Replica::Confirm(ReplyDone done) {
  if (Unusable(done)) return;
  auto read = std::make_unique<Read>();
  read->request = std::monostate();
  read->done = std::move(done);
  StrongRead(std::move(read));
}

namespace {

using Holders = std::vector<partition::StateMachine::Holder>;

Holders HoldersOf(const partition::StateMachine&, std::monostate, partition::Stamp, std::string*) {
  return {};
}

Holders HoldersOf(const partition::StateMachine& machine,
                  const std::shared_ptr<Observation>& observation, partition::Stamp now,
                  std::string*) {
  return machine.HoldersOf(observation->request, now);
}

Holders HoldersOf(const partition::StateMachine& machine, const api::GetRequest& get,
                  partition::Stamp now, std::string*) {
  return machine.HoldersOf(get, now);
}

template <class PageRequest>
Holders HoldersOf(const partition::StateMachine& machine, const PageRequest& request,
                  partition::Stamp now, std::string* from) {
  return machine.HoldersOf(request, now, from);
}

}  // namespace

// Who holds what a strong read is for and must be asked before it looks at the state.
Holders Replica::HoldersBefore(Read& read) const {
  const partition::Stamp now = std::max(read.now, machine_->applied().stamp);
  const auto look = [&](std::string* from) {
    return std::visit([&](const auto& request) { return HoldersOf(*machine_, request, now, from); },
                      read.request);
  };
  if (!read.settled) {
    Holders holders = look(&read.settle_from);
    read.settled = read.settle_from.empty();
    return holders;
  }
  // Expiry is judged by what is applied now, not by what was when they were asked: who holds
  // since, or was PENDING then, may have seen an item that this look would call expired.
  Holders outlived;
  std::string from;
  do {
    Holders holders = look(&from);
    std::erase_if(holders, [](const auto& holder) { return !holder.outlived; });
    std::move(holders.begin(), holders.end(), std::back_inserter(outlived));
  } while (!from.empty() && outlived.empty());
  return outlived;
}

// What a transaction holds is shown as it was before it, unless it is committed somewhere:
// so who holds it now is asked. Later holders did not end before the read began.
bool Replica::SettleFirst(ReadPtr& read) {
  if (read->eventual) return false;
  Holders holders = HoldersBefore(*read);
  if (holders.empty()) return false;
  hooks_.settle(
      std::move(holders), lifetime_.Guard([this, read = std::move(read)](Settled settled) mutable {
        if (settled == Settled::kUnknown) {
          return Refuse(api::NOT_READY, "a transaction that holds it cannot be asked", read->done);
        }
        if (Unusable(read->done)) return;
        if (!SettleFirst(read)) StrongRead(std::move(read));
      }));
  return true;
}

void Replica::StrongRead(ReadPtr read) {
  if (!leader()) return NotLeader(read->done);
  if (++read->attempts > kReadAttempts) {
    return Refuse(api::NOT_READY, "leadership is unsettled", read->done);
  }
  const auto point = raft().LeaseRead(env_.clock->Monotonic());
  if (point && group_.applied() >= *point) return ReadState(std::move(read), true);
  if (index_reads_.size() + lease_reads_.size() >= kWaitingReadsLimit) {
    return Refuse(api::OVERLOADED, "too many reads wait", read->done);
  }
  if (point) {
    lease_reads_.emplace_back(*point, std::move(read));
    return;
  }
  const uint64_t id = ++last_read_;
  index_reads_.emplace(id, std::move(read));
  ++env_.metrics->read_index_reads;
  group_.Read(id);
}

// Raft's answer to group_.Read: the point is applied, and leadership was
// confirmed after the read arrived, so no lease is needed.
void Replica::ReadDone(uint64_t id, bool ok) {
  const auto found = index_reads_.find(id);
  if (found == index_reads_.end()) return;
  ReadPtr read = std::move(found->second);
  index_reads_.erase(found);
  if (!ok) return NotLeader(read->done);
  ReadState(std::move(read), false);
}

void Replica::ReadState(ReadPtr read, bool under_lease) {
  // Kept when it must look again: one time entry then is enough, whatever expires meanwhile.
  if (read->now == 0) read->now = LogNow();
  if (SettleFirst(read)) return;
  const partition::StateMachine::ReadPoint at{.now = read->now};
  const auto answered = [&](ReadPtr owned) {
    return lifetime_.Guard([this, under_lease, read = std::move(owned)](auto answer) mutable {
      Answered(std::move(read), under_lease, std::move(answer));
    });
  };
  // The callback owns the read, so its request lives on.
  if (const auto* get = std::get_if<api::GetRequest>(&read->request)) {
    return machine_->Get(*get, at, answered(std::move(read)));
  }
  if (const auto* look = std::get_if<std::shared_ptr<Observation>>(&read->request)) {
    const std::shared_ptr<Observation> observation = *look;
    return machine_->Observe(observation->request, at, answered(std::move(read)));
  }
  if (std::holds_alternative<std::monostate>(read->request)) {
    api::Reply reply;
    return std::move(read->done)(reply);
  }
  if (*env_.metrics->pages_under_way >= env_.options->limits.pages) {
    return Refuse(api::OVERLOADED, "too many pages are being read", read->done);
  }
  read->slot.emplace(*env_.metrics);
  if (const auto* query = std::get_if<api::QueryRequest>(&read->request)) {
    return machine_->Query(*query, at, answered(std::move(read)));
  }
  const auto& scan = std::get<api::ScanRequest>(read->request);
  machine_->Scan(scan, at, answered(std::move(read)));
}

void Replica::Fill(partition::StateMachine::GetAnswer& answer, Read&, api::Reply& reply) {
  *reply.mutable_get() = std::move(answer.result);
}

void Replica::Fill(partition::StateMachine::PageAnswer& answer, Read&, api::Reply& reply) {
  *reply.mutable_page() = std::move(answer.result);
}

void Replica::Fill(partition::StateMachine::ObserveAnswer& answer, Read& read, api::Reply&) {
  std::get<std::shared_ptr<Observation>>(read.request)->answer = std::move(answer);
}

template <class Answer>
void Replica::Answered(ReadPtr read, bool under_lease, absl::StatusOr<Answer> answer) {
  read->slot.reset();
  if (!answer.ok()) return ReadFailed(answer.status(), read->done);
  if (answer->refusal) {
    // It may rest on tables of the past: the leader's are what CreateTable was answered with.
    if (read->eventual && !leader()) return NotLeader(read->done);
    return Refuse(answer->refusal->code, answer->refusal->message, read->done);
  }
  const bool strong = !read->eventual;
  if (strong && under_lease && !raft().lease_valid(env_.clock->Monotonic())) {
    return StrongRead(std::move(read));
  }
  if (strong && answer->needs_time_entry) return CommitTime(std::move(read));
  api::Reply reply;
  Fill(*answer, *read, reply);
  reply.set_stamp(machine_->applied().stamp);
  reply.set_log_time(LogNow());
  std::move(read->done)(reply);
}

// A replica whose state is damaged stops, so that another leads and answers.
void Replica::ReadFailed(const absl::Status& why, ReplyDone& done) {
  if (!absl::IsDataLoss(why)) {
    const api::Code code = absl::IsResourceExhausted(why) ? api::OVERLOADED : api::INTERNAL;
    return Refuse(code, std::string(why.message()), done);
  }
  Failed(why);
  Unusable(done);
}

// One entry for all reads that met an item expired since the last stamp.
void Replica::CommitTime(ReadPtr read) {
  time_reads_.push_back(std::move(read));
  if (time_proposed_) return;
  time_proposed_ = true;
  command::Command command;
  command.mutable_time();
  Propose(&command, [this](const Proposed& proposed) {
    time_proposed_ = false;
    for (ReadPtr& waiting : std::exchange(time_reads_, {})) {
      if (proposed.code == api::OK) {
        StrongRead(std::move(waiting));
      } else if (proposed.code == api::NOT_LEADER || proposed.code == api::UNKNOWN) {
        NotLeader(waiting->done);  // A read has no effect, whatever became of the entry.
      } else {
        Refuse(proposed.code, proposed.message, waiting->done);
      }
    }
  });
}

void Replica::EventualRead(ReadPtr read) {
  if (!replacing_ && machine_->applied().stamp >= read->min_stamp) {
    return ReadState(std::move(read), false);
  }
  if (env_.clock->Monotonic() >= read->until || stamp_reads_.size() >= kWaitingReadsLimit) {
    return NotLeader(read->done);
  }
  stamp_reads_.push_back(std::move(read));
  group_.ApplyGathered();
  hooks_.dirty();  // A tick ends the wait.
}

void Replica::RunWaitingReads() {
  if (stopped()) return;
  while (!lease_reads_.empty() && lease_reads_.front().first <= group_.applied()) {
    ReadPtr read = std::move(lease_reads_.front().second);
    lease_reads_.pop_front();
    // At its own point: a newer one may not be applied yet, and then again and again.
    if (raft().LeaseRead(env_.clock->Monotonic())) {
      ReadState(std::move(read), true);
    } else {
      StrongRead(std::move(read));
    }
  }
  if (stamp_reads_.empty()) return;
  for (ReadPtr& read : std::exchange(stamp_reads_, {})) EventualRead(std::move(read));
}

void Replica::FailReads() {
  for (auto& [index, read] : std::exchange(lease_reads_, {})) NotLeader(read->done);
  for (auto& [id, read] : std::exchange(index_reads_, {})) NotLeader(read->done);
}

void Replica::Export(const api::ExportRequest& request, ReplyDone done) {
  if (Unusable(done)) return;
  if (*env_.metrics->pages_under_way >= env_.options->limits.pages) {
    return Refuse(api::OVERLOADED, "too many pages are being read", done);
  }
  machine_->Export(
      request, {.now = LogNow()},
      lifetime_.Guard(
          [this, done = std::move(done), slot = std::make_unique<PageSlot>(*env_.metrics)](
              absl::StatusOr<partition::StateMachine::ExportAnswer> answer) mutable {
            slot.reset();
            if (!answer.ok()) return ReadFailed(answer.status(), done);
            if (answer->refusal) {
              return Refuse(answer->refusal->code, answer->refusal->message, done);
            }
            api::Reply reply;
            *reply.mutable_export_() = std::move(answer->result);
            reply.set_stamp(machine_->applied().stamp);
            std::move(done)(reply);
          }));
}

void Replica::TableSize(const api::TableSizeRequest& request, ReplyDone done) {
  if (Unusable(done)) return;
  machine_->TableSize(
      request, {.now = LogNow()},
      lifetime_.Guard([this, done = std::move(done)](
                          absl::StatusOr<partition::StateMachine::TableSizeAnswer> answer) mutable {
        if (!answer.ok()) return ReadFailed(answer.status(), done);
        if (answer->refusal) {
          return Refuse(answer->refusal->code, answer->refusal->message, done);
        }
        api::Reply reply;
        *reply.mutable_table_size() = std::move(answer->result);
        reply.set_stamp(machine_->applied().stamp);
        std::move(done)(reply);
      }));
}

}  // namespace fastpath::node
