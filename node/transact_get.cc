#include "node/transact_get.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "partition/known_fields.h"
#include "partition/limits.h"
#include "partition/model/capacity.h"
#include "partition/model/key.h"

namespace fastpath::node {
namespace {

constexpr size_t kJobLimit = 4096;
constexpr size_t kHeldLimitBytes = 64u << 20;  // Of items that wait for other groups'.
constexpr Micros kPause_us = 1'000;
constexpr Micros kPauseLimit_us = 50'000;

bool Same(const peer::TransactReadResult& a, const peer::TransactReadResult& b) {
  if (a.seen_size() != b.seen_size() || a.items_size() != b.items_size()) return false;
  for (int i = 0; i < a.seen_size(); ++i) {
    const auto& before = a.seen(i);
    const auto& now = b.seen(i);
    if (now.locked() || before.version() != now.version()) return false;
    // It expired in between: the row is what it was.
    if (a.items(i).found() != b.items(i).found()) return false;
    // Only of what is not there: a version is never used again.
    if (now.version() == 0 && before.removed() != now.removed()) return false;
  }
  return true;
}

// What the next look is compared with: the items are read again.
peer::TransactReadResult WithoutItems(peer::TransactReadResult look) {
  peer::TransactReadResult bare;
  bare.mutable_seen()->Swap(look.mutable_seen());
  for (const api::GetResult& got : look.items()) bare.add_items()->set_found(got.found());
  return bare;
}

}  // namespace

struct TransactGets::Job {
  struct Part {
    raft::GroupId group = 0;
    std::vector<int> items;  // Their places in the request.
    api::TransactGetRequest request;
    std::optional<peer::TransactReadResult> before;  // Without items.
    peer::TransactReadResult now;
  };
  raft::GroupId home = 0;
  int items = 0;
  bool capacity = false;
  std::vector<Part> parts;
  size_t missing = 0;
  size_t bytes = 0;  // Of the items in `now`.
  bool failed = false;
  Micros deadline = 0;
  Micros pause = kPause_us;
  ReplyDone done;
};

void TransactGets::Get(Replica& replica, const api::TransactGetRequest& request, Micros deadline,
                       ReplyDone done) {
  if (replica.RefusedUnlessServing(done)) return;
  if (!partition::FullyKnownTree(request)) {
    return replica.Refuse(api::UNIMPLEMENTED, "the request has a field that is not known", done);
  }
  if (request.items().empty() || request.items_size() > partition::kTransactItemLimit) {
    return replica.Refuse(api::INVALID,
                          absl::StrCat("a transact-get has 1 to ", partition::kTransactItemLimit,
                                       " items, not ", request.items_size()),
                          done);
  }
  if (under_way_ >= kJobLimit) {
    return replica.Refuse(api::OVERLOADED, "too many transact-gets are under way", done);
  }
  auto job = std::make_shared<Job>();
  job->home = replica.group();
  job->items = request.items_size();
  job->capacity = request.return_capacity();
  job->deadline = deadline;
  job->done = std::move(done);
  if (!Plan(replica, request, *job)) return;
  ++under_way_;
  Round(job);
}

// Divides the items by group. False, having answered, if that cannot be.
bool TransactGets::Plan(Replica& replica, const api::TransactGetRequest& request, Job& job) {
  std::map<raft::GroupId, Job::Part> parts;
  std::set<std::pair<uint32_t, std::string>> keys;
  for (int i = 0; i < request.items_size(); ++i) {
    const api::TransactGetItem& item = request.items(i);
    const api::Table* table = replica.machine()->FindTable(item.table());
    if (table == nullptr) {
      replica.Refuse(api::TABLE_NOT_FOUND, partition::TableNotFoundMessage(item.table()), job.done);
      return false;
    }
    const auto key = model::EncodeKey(*table, item.key());
    if (!key.ok()) {
      replica.Refuse(api::INVALID, absl::StrCat("items[", i, "]: ", key.status().message()),
                     job.done);
      return false;
    }
    if (!keys.emplace(table->space(), key->partition + key->sort).second) {
      replica.Refuse(api::INVALID,
                     "Transaction request cannot include multiple operations on one item",
                     job.done);
      return false;
    }
    const auto group = calls_->GroupOf(storage::BucketOf(key->hash));
    if (!group) {
      replica.Refuse(api::NOT_READY, "the map has no group for an item", job.done);
      return false;
    }
    Job::Part& part = parts[*group];
    part.group = *group;
    part.items.push_back(i);
    *part.request.add_items() = item;
    part.request.set_return_capacity(job.capacity);
  }
  if (!parts.contains(job.home)) {
    replica.Refuse(api::WRONG_GROUP, "no item is in the group", job.done);
    return false;
  }
  for (auto& [group, part] : parts) job.parts.push_back(std::move(part));
  return true;
}

void TransactGets::Round(const JobPtr& job) {
  job->missing = job->parts.size();
  for (size_t part = 0; part < job->parts.size(); ++part) {
    peer::Call call;
    call.mutable_transact_read()->set_group(job->parts[part].group);
    *call.mutable_transact_read()->mutable_request() = job->parts[part].request;
    calls_->Call(job->parts[part].group, std::move(call), job->deadline,
                 lifetime_.Guard([this, job, part](absl::StatusOr<peer::Answer> answer) {
                   Heard(job, part, std::move(answer));
                 }));
  }
}

void TransactGets::Heard(const JobPtr& job, size_t part, absl::StatusOr<peer::Answer> answer) {
  --job->missing;
  if (job->failed) return;
  if (!answer.ok() || !answer->has_transact_read()) {
    return Finish(job, api::DEADLINE, "an item's group did not answer in time");
  }
  peer::TransactReadResult& result = *answer->mutable_transact_read();
  if (result.code() != api::OK) return Finish(job, result.code(), result.message());
  size_t bytes = 0;
  for (const api::GetResult& got : result.items()) bytes += got.item().size();
  job->parts[part].now = std::move(result);
  job->bytes += bytes;
  held_bytes_ += bytes;
  if (job->bytes > partition::kTransactLimitBytes) {
    return Finish(job, api::TOO_LARGE, "the items are over 4 MB");
  }
  if (held_bytes_ > kHeldLimitBytes) {
    return Finish(job, api::OVERLOADED, "the items of transact-gets under way are too large");
  }
  if (job->missing == 0) Judge(job);
}

void TransactGets::Judge(const JobPtr& job) {
  bool same = true;
  bool locked = false;
  for (Job::Part& part : job->parts) {
    same = same && part.before && Same(*part.before, part.now);
    for (const auto& seen : part.now.seen()) locked = locked || seen.locked();
  }
  if (same) return Answer(job);
  for (Job::Part& part : job->parts) {
    part.before.reset();
    auto look = std::exchange(part.now, {});
    if (!locked) part.before = WithoutItems(std::move(look));
  }
  held_bytes_ -= std::exchange(job->bytes, 0);
  // The first look found nothing in its way: at once the second.
  if (!locked && job->pause == kPause_us) {
    job->pause *= 2;
    return Round(job);
  }
  const Micros next = env_.clock->Monotonic() + job->pause;
  if (next >= job->deadline) {
    return Finish(job, api::CONFLICT, "other transactions change the items");
  }
  if (locked) {
    env_.executor->At(next, lifetime_.Guard([this, job] { Round(job); }));
    job->pause = std::min(2 * job->pause, kPauseLimit_us);
    return;
  }
  Round(job);
}

void TransactGets::Finish(const JobPtr& job, api::Code code, const std::string& why) {
  job->failed = true;
  End(*job);
  if (const Replica* replica = shard_->Find(job->home)) replica->Refuse(code, why, job->done);
}

void TransactGets::End(Job& job) {
  --under_way_;
  held_bytes_ -= std::exchange(job.bytes, 0);
  job.parts.clear();
}

void TransactGets::Answer(const JobPtr& job) {
  api::Reply reply;
  api::TransactGetResult& result = *reply.mutable_transact_get();
  for (int i = 0; i < job->items; ++i) result.add_items();
  for (Job::Part& part : job->parts) {
    for (size_t i = 0; i < part.items.size(); ++i) {
      api::GetResult& got = *part.now.mutable_items(static_cast<int>(i));
      if (got.has_capacity()) {
        model::AddCapacity(got.capacity(), *result.mutable_capacity(), model::kTransactCost);
        got.clear_capacity();
      }
      *result.mutable_items(part.items[i]) = std::move(got);
    }
  }
  End(*job);
  if (const Replica* replica = shard_->Find(job->home)) {
    reply.set_stamp(replica->machine()->applied().stamp);
    reply.set_log_time(replica->LogNow());
  }
  std::move(job->done)(reply);
}

// --------------------------------------------------------------- the other side

void TransactGets::Read(const peer::TransactRead& read, Answerer answer) {
  Replica* replica = shard_->Find(read.group());
  if (replica == nullptr || !replica->serving()) {
    return AnswerCall(answer, peer::NOT_LEADER, "not the group's leader");
  }
  auto observation = std::make_shared<Observation>();
  observation->request = read.request();
  replica->Observe(
      observation,
      lifetime_.Guard([observation, answer = std::move(answer)](api::Reply& reply) mutable {
        if (reply.code() == api::NOT_LEADER || reply.code() == api::NOT_READY ||
            reply.code() == api::WRONG_GROUP) {
          return AnswerCall(answer, peer::NOT_LEADER, reply.message());
        }
        peer::Answer whole;
        peer::TransactReadResult& result = *whole.mutable_transact_read();
        result.set_code(reply.code());
        result.set_message(reply.message());
        for (api::GetResult& item : observation->answer.items)
          *result.add_items() = std::move(item);
        for (const auto& seen : observation->answer.seen) {
          auto& out = *result.add_seen();
          out.set_version(seen.version);
          out.set_removed(seen.removed);
          out.set_locked(seen.locked);
        }
        std::move(answer)(std::move(whole));
      }));
}

}  // namespace fastpath::node
