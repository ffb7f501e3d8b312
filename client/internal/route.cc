// The core's half that decides whom to ask, and asks.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/internal/core.h"
#include "client/internal/op.h"

namespace fastpath::client::internal {
namespace {

constexpr Micros kRefreshTimeout = 5'000'000;
constexpr Micros kRefreshTryTimeout = 1'000'000;
constexpr Micros kRefreshPause = 30'000;  // Between refreshes that are only advisable.
// Maps asked for before a table is called missing, and before a put is called one without its
// key. The last is that of meta's leader, as of after the operation began: any other may be old.
constexpr int kMapsForATable = 2;
constexpr int kMapsForAKey = 1;
// A write is remembered this long past its deadline, for the drift between our
// clock and log time. With kDeadlineLimit within the servers' ten minutes.
constexpr Micros kNotAfterMargin = 30'000'000;

// Of an eventual read.
void SetMinStamp(api::Request& request, uint64_t stamp) {
  if (request.has_get()) {
    request.mutable_get()->set_min_stamp(stamp);
  } else if (request.has_query()) {
    request.mutable_query()->set_min_stamp(stamp);
  } else {
    request.mutable_scan()->set_min_stamp(stamp);
  }
}

// Its key is found by the schema of its table, of which ours may be old: the table may have
// been deleted and created anew.
bool RestsOnASchema(const api::Request& request) {
  const auto& items = request.transact_write().items();
  return request.write().has_put() || (!items.empty() && items[0].has_put());
}

int MapsFor(const absl::Status& no_hash, const api::Request& request) {
  if (absl::IsFailedPrecondition(no_hash)) return kMapsForATable;
  return RestsOnASchema(request) ? kMapsForAKey : 0;
}

}  // namespace

void Core::Try(OpId id) {
  Op& op = *Find(id);
  Micros now = ports_.clock->Monotonic();
  if (now >= op.deadline) {
    SetWake(op, op.deadline);
    return;
  }
  bool needs_map = op.target.kind != Target::Kind::kAny;
  if (needs_map && !routing_.known()) {
    WaitForMap(op);
    return;
  }
  if (op.target.kind == Target::Kind::kKey && !RouteKey(op)) return;
  std::string address = PickAddress(op, now);
  if (address.empty()) {
    if (needs_map) RefreshMap();
    RetryLater(op, Cause::kRoute, op.last_error.empty() ? "no node can be reached" : op.last_error);
    return;
  }
  SendVia(op, address);
}

// Sets the operation's group; false if it went another way.
bool Core::RouteKey(Op& op) {
  if (!op.hash) {
    absl::StatusOr<uint64_t> hash = routing_.HashOf(op.request);
    const int checks = hash.ok() ? 0 : MapsFor(hash.status(), op.request);
    if (op.map_checks < checks) {
      ++op.map_checks;
      WaitForMap(op, /*of_leader=*/op.map_checks == checks);
      return false;
    }
    if (!hash.ok()) {
      bool missing = absl::IsFailedPrecondition(hash.status());
      FinishLater(op, missing ? api::TABLE_NOT_FOUND : api::INVALID,
                  std::string(hash.status().message()));
      return false;
    }
    op.hash = *hash;
  }
  const api::GroupDescriptor* group = routing_.GroupOfHash(*op.hash);
  if (group == nullptr) {
    RefreshMap();
    RetryLater(op, Cause::kRoute, "the map has no group for the key");
    return false;
  }
  if (op.routed && op.group != group->group()) op.rerouted = true;
  op.routed = true;
  op.group = group->group();
  op.epoch = group->epoch();
  return true;
}

std::string Core::PickAddress(Op& op, Micros now) {
  switch (op.target.kind) {
    case Target::Kind::kAny:
      return PickAny(op, now);
    case Target::Kind::kNode:
      return PickNode(op.target.id, op, now);
    case Target::Kind::kGroup:
      op.group = op.target.id;
      op.routed = true;
      break;
    case Target::Kind::kKey:
      break;
  }
  const api::GroupDescriptor* group = routing_.Group(op.group);
  if (group == nullptr) {
    op.last_error = absl::StrCat("there is no group ", op.group);
    return "";
  }
  return PickReplica(*group, op, now);
}

std::string Core::PickNode(uint32_t node, Op& op, Micros now) {
  const std::string* address = routing_.AddressOf(node);
  if (address == nullptr) {
    op.last_error = absl::StrCat("there is no node ", node);
    return "";
  }
  if (links_.Down(*address, now)) {
    op.last_error = absl::StrCat(*address, ": ", links_.At(*address).error);
    return "";
  }
  op.node = node;
  return *address;
}

// The leader if it is known, otherwise the replicas in turn: each knows where
// the leader is. A first eventual read goes to any replica.
std::string Core::PickReplica(const api::GroupDescriptor& group, Op& op, Micros now) {
  bool eventual = op.eventual() && op.backoffs == 0 && op.redirects == 0;
  if (uint32_t leader = group.leader_node(); leader != 0 && !eventual) {
    std::string address = PickNode(leader, op, now);
    if (!address.empty()) return address;
    routing_.ForgetLeader(group.group(), leader);
    if (op.redirects > 0) return "";  // The redirect led to a node that is gone: wait.
  }
  size_t count = static_cast<size_t>(group.voters_size());
  uint64_t first = eventual ? ports_.random->Next() : any_cursor_ + op.tries;
  for (size_t i = 0; i < count; ++i) {
    const api::Member& member = group.voters(static_cast<int>((first + i) % count));
    std::string address = PickNode(member.node(), op, now);
    if (!address.empty()) return address;
  }
  return "";
}

std::string Core::PickAny(Op& op, Micros now) {
  std::vector<std::string> candidates;
  for (const auto& [node, address] : routing_.addresses()) candidates.push_back(address);
  for (const std::string& endpoint : options_.endpoints) {
    if (std::find(candidates.begin(), candidates.end(), endpoint) == candidates.end()) {
      candidates.push_back(endpoint);
    }
  }
  op.node = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const std::string& address = candidates[any_cursor_++ % candidates.size()];
    if (!links_.Down(address, now)) return address;
    op.last_error = absl::StrCat(address, ": ", links_.At(address).error);
  }
  return "";
}

void Core::SendVia(Op& op, const std::string& address) {
  Link& link = links_.At(address);
  op.link = &link;
  if (link.state == Link::State::kOpen) {
    Send(op, link);
    return;
  }
  op.state = Op::State::kDial;
  op.sent_at = ports_.clock->Monotonic();
  link.waiting.push_back(op.id);
  SetWake(op, op.sent_at + (op.try_timeout << std::min(op.timeouts, 4)));
  if (link.state == Link::State::kIdle) links_.Dial(link);
}

void Core::Send(Op& op, Link& link) {
  // What ended meanwhile lies there still, beside the operations in flight.
  if (link.channel->unsent() > options_.max_in_flight_bytes) {
    RetryLater(op, Cause::kBusy,
               absl::StrCat(link.address, ": ", link.channel->unsent(), " bytes wait to be sent"));
    return;
  }
  Micros now = ports_.clock->Monotonic();
  ++op.tries;
  op.state = Op::State::kSent;
  op.sent_at = now;
  api::Request& request = op.request;
  request.set_id(op.frame_id());
  request.set_deadline_ms(static_cast<uint32_t>(std::max<Micros>(1, (op.deadline - now) / 1000)));
  if (op.target.kind == Target::Kind::kKey) {
    request.set_group(op.group);
    request.set_epoch(op.epoch);
  }
  if (op.counted()) StampSession(op, now);
  if (op.eventual()) SetMinStamp(request, routing_.Stamp(op.group));
  SetWake(op, now + (op.try_timeout << std::min(op.timeouts, 4)));
  if (link.silent_since == 0) link.silent_since = now;
  link.channel->Send(request.SerializeAsString());
}

// The same client, sequence and not_after on every try: that is what counts it once.
void Core::StampSession(Op& op, Micros now) {
  api::Session& session = op.session();
  if (!op.stamped) {
    op.stamped = true;
    uint64_t log_now =
        log_time_.known() ? log_time_.At(now) : static_cast<uint64_t>(ports_.clock->Wall());
    Micros remember = op.foreign() ? op.remember : op.deadline - now + kNotAfterMargin;
    session.set_not_after(log_now + static_cast<uint64_t>(remember));
    if (!op.foreign()) {
      session.set_client(session_.id());
      session.set_sequence(op.sequence);
    }
  }
  if (!op.foreign()) session.set_done_below(session_.done_below());
}

// ------------------------------------------------------------------------ map

// That of meta's leader may take as long as an election: nobody else waits for it.
void Core::WaitForMap(Op& op, bool of_leader) {
  op.state = Op::State::kMap;
  op.link = nullptr;
  SetWake(op, op.deadline);
  (of_leader ? want_leaders_map_ : want_map_).insert(op.id);
  of_leader ? AskLeadersMap() : RefreshMap();
}

void Core::RefreshMap() {
  Micros now = ports_.clock->Monotonic();
  bool recent = refreshed_at_ != 0 && now - refreshed_at_ < kRefreshPause;
  if (refresh_ != 0 || stopped_ || (recent && want_map_.empty())) return;
  refresh_ = next_id_++;
  api::Request request;
  request.mutable_map();
  AskForMap(refresh_, std::move(request), Target::Any(), [this](const Answer& answer) {
    refresh_ = 0;
    refreshed_at_ = ports_.clock->Monotonic();
    GoOnWithMap(std::exchange(want_map_, {}), answer);
  });
}

// Only those who wait when it is asked for go on with it: it may be too old for later ones.
void Core::AskLeadersMap() {
  if (leaders_refresh_ != 0 || stopped_ || want_leaders_map_.empty()) return;
  leaders_refresh_ = next_id_++;
  api::Request request;
  request.mutable_map()->set_of_leader(true);
  AskForMap(leaders_refresh_, std::move(request), Target::Group(0),
            [this, asked = std::exchange(want_leaders_map_, {})](const Answer& answer) {
              leaders_refresh_ = 0;
              GoOnWithMap(asked, answer);
              AskLeadersMap();
            });
}

void Core::AskForMap(OpId id, api::Request request, Target target, Done done) {
  auto owned = std::make_unique<Op>();
  Op& op = *owned;
  op.id = id;
  op.request = std::move(request);
  op.target = target;
  op.started = ports_.clock->Monotonic();
  op.deadline = op.started + kRefreshTimeout;
  op.try_timeout = kRefreshTryTimeout;
  op.done = std::move(done);
  ops_.emplace(id, std::move(owned));
  Try(id);
}

void Core::GoOnWithMap(const std::set<OpId>& waiting, const Answer& answer) {
  for (OpId id : waiting) {
    Op* op = Find(id);
    if (op == nullptr) continue;
    if (answer.outcome == Outcome::kOk) {
      Try(id);
    } else {
      op->map_checks = 0;  // No map was looked at.
      RetryLater(*op, Cause::kRoute, answer.reply.message());
    }
  }
}

}  // namespace fastpath::client::internal
