#include "tests/sim/sim_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fastpath::sim {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr size_t kColdValueBytes = 700;
// Processes of different clients never meet.
constexpr int64_t kProcessesPerClient = 1'000'000;

client::Options OptionsFor(std::vector<std::string> endpoints, Micros deadline) {
  client::Options options;
  options.endpoints = std::move(endpoints);
  options.deadline = std::chrono::milliseconds(deadline / 1000);
  options.try_timeout = std::chrono::milliseconds(500);
  return options;
}

Outcome OutcomeOf(const client::internal::Answer& answer) {
  switch (answer.outcome) {
    case client::Outcome::kOk:
      return Outcome::kOk;
    case client::Outcome::kRefused:
      return Outcome::kFail;
    case client::Outcome::kUnknown:
      break;
  }
  return Outcome::kInfo;
}

}  // namespace

ClientHost::ClientHost(testing::SimLoop* loop, Fabric* fabric, const std::string& name,
                       uint64_t seed, std::vector<std::string> endpoints, Micros deadline)
    : clock_(loop),
      random_(seed),
      executor_(loop),
      host_(fabric->AddHost(name)),
      network_(fabric->Attach(host_, &executor_, /*carries_raft=*/false)),
      client_clock_(&clock_),
      client_random_(&random_),
      client_executor_(&executor_),
      dialer_(network_.get()),
      core_(std::make_unique<client::internal::Core>(
          OptionsFor(std::move(endpoints), deadline),
          ports::Ports{&client_clock_, &client_random_, &client_executor_, &dialer_})) {}

ClientHost::~ClientHost() = default;

SimClient::SimClient(const Scenario& scenario, uint32_t number, testing::SimLoop* loop,
                     Fabric* fabric, std::vector<std::string> endpoints, History* history,
                     Trace* trace)
    : scenario_(scenario),
      number_(number),
      history_(history),
      trace_(trace),
      host_(loop, fabric, absl::StrCat("client", number),
            HashBytes("client", scenario.seed + number), std::move(endpoints), scenario.deadline),
      next_process_(number * kProcessesPerClient) {
  for (uint32_t i = 0; i < scenario.lanes; ++i) lanes_.push_back(next_process_++);
}

void SimClient::Begin() {
  busy_lanes_ = lanes_.size();
  for (size_t lane = 0; lane < lanes_.size(); ++lane) Think(lane);
}

void SimClient::Think(size_t lane) {
  const auto pause = static_cast<Micros>(host_.random().Below(scenario_.think_max));
  host_.executor().At(host_.Now() + pause, [this, lane] { Act(lane); });
}

void SimClient::Ended(size_t lane, bool unknown) {
  if (unknown) {
    ++unknown_;
    lanes_[lane] = next_process_++;
  }
  Think(lane);
}

void SimClient::Note(std::string_view kind, const Answer& answer) {
  trace_->Event(host_.Now(), kind, number_, answer.reply.SerializeAsString());
}

std::string SimClient::UniqueValue() { return absl::StrCat(number_, "-", next_value_++); }

void SimClient::Act(size_t lane) {
  if (finishing_) {
    --busy_lanes_;
    return;
  }
  testing::SimRandom& random = host_.random();
  const uint64_t roll = random.Below(100);
  if (roll < scenario_.cold_key_percent) return PutColdKey(lane);
  const uint64_t expiring = scenario_.expiring_percent;
  if (roll < scenario_.cold_key_percent + expiring * 2 / 5) return PutExpiring(lane);
  if (roll < scenario_.cold_key_percent + expiring) return ReadExpiring(lane);
  return random.Below(3) == 0 ? ActOnCounter(lane) : ActOnRegister(lane);
}

// -------------------------------------------------------------------- registers

void SimClient::ActOnRegister(size_t lane) {
  testing::SimRandom& random = host_.random();
  Operation op;
  op.key = absl::StrCat("r", random.Below(scenario_.registers));
  switch (random.Below(8)) {
    case 0:
    case 1:
      return StrongGet(lane, op.key);
    case 2:
    case 3:
      return EventualGet(lane, op.key);
    case 4: {
      op.kind = Kind::kDelete;
      api::Request request = Delete(op.key);
      return Write(lane, std::move(op), std::move(request),
                   [](const api::Reply& reply, Operation& result) {
                     result.existed = !reply.write().item().empty();
                   });
    }
    case 5:
    case 6: {
      op.kind = Kind::kCas;
      const auto last = last_values_.find(op.key);
      if (last != last_values_.end() && random.Below(4) != 0) op.expect = last->second;
      if (!op.expect || random.Below(8) != 0) op.value = UniqueValue();
      api::Request request = CompareAndSet(op.key, op.expect, op.value);
      return Write(lane, std::move(op), std::move(request),
                   [](const api::Reply&, Operation& result) { result.swapped = true; });
    }
    default: {
      op.kind = Kind::kPut;
      op.value = UniqueValue();
      api::Request request = Put(op.key, *op.value);
      return Write(lane, std::move(op), std::move(request), [](const api::Reply&, Operation&) {});
    }
  }
}

void SimClient::PutColdKey(size_t lane) {
  Operation op;
  op.kind = Kind::kPut;
  op.value = UniqueValue();
  op.key = absl::StrCat("cold", *op.value);
  while (op.value->size() < kColdValueBytes) absl::StrAppend(&*op.value, host_.random().Next());
  api::Request request = Put(op.key, *op.value);
  Write(lane, std::move(op), std::move(request), [](const api::Reply&, Operation&) {});
}

// --------------------------------------------------------------------- counters

void SimClient::ActOnCounter(size_t lane) {
  testing::SimRandom& random = host_.random();
  Operation op;
  op.key = absl::StrCat("c", random.Below(scenario_.counters));
  const uint64_t roll = random.Below(8);
  if (roll == 0) return StrongGet(lane, op.key);
  if (roll == 1) return EventualGet(lane, op.key);
  op.kind = Kind::kIncr;
  op.delta = 1;
  api::Request request = Increment(op.key, op.delta);
  Write(lane, std::move(op), std::move(request), [](const api::Reply& reply, Operation& result) {
    result.new_value = std::stoll(Content(reply.write().item()));
  });
}

// ----------------------------------------------------------------------- writes

void SimClient::Write(size_t lane, Operation operation, api::Request request, Fill fill) {
  const History::Id id = history_->Call(host_.Now(), lanes_[lane], std::move(operation));
  host_.core().Call(
      std::move(request), client::internal::Target::Key(), 0,
      [this, lane, id, fill = std::move(fill)](Answer answer) { Written(lane, id, answer, fill); });
}

void SimClient::Written(size_t lane, History::Id id, const Answer& answer, const Fill& fill) {
  Note("write", answer);
  Outcome outcome = OutcomeOf(answer);
  Operation result;
  const Operation& op = history_->at(id);
  if (outcome == Outcome::kOk) fill(answer.reply, result);
  if (outcome == Outcome::kFail && answer.reply.code() == api::CONDITION_FAILED) {
    outcome = Outcome::kOk;  // It was evaluated, and did nothing, as it should.
  }
  const bool changed = answer.outcome == client::Outcome::kOk;
  const uint64_t version = changed ? answer.reply.write().version() : 0;
  if (outcome == Outcome::kOk) {
    ++acknowledged_;
    if (op.kind == Kind::kIncr) {
      history_->Learn(number_, op.key, {true, absl::StrCat(result.new_value), version});
    } else if (changed && op.value) {
      history_->Learn(number_, op.key, {true, *op.value, version});
      if (op.key[0] == 'r') last_values_[op.key] = *op.value;
    }
  }
  history_->Return(host_.Now(), id, outcome, result, version);
  Ended(lane, outcome == Outcome::kInfo);
}

// ------------------------------------------------------------------------ reads

void SimClient::StrongGet(size_t lane, const std::string& key) {
  Operation op;
  op.kind = Kind::kGet;
  op.key = key;
  const History::Id id = history_->Call(host_.Now(), lanes_[lane], std::move(op));
  // A query of a partition with one item tells the same, by another way.
  const bool as_query = ++strong_gets_ % 3 == 0;
  host_.core().Call(
      as_query ? QueryOne(kTable, key) : Get(kTable, key, /*eventual=*/false),
      client::internal::Target::Key(), 0, [this, lane, id, key, as_query](Answer answer) {
        Note("get", answer);
        const bool ok = answer.outcome == client::Outcome::kOk;
        Operation result;
        Seen seen;
        if (ok) {
          seen = as_query ? SeenBy(answer.reply.page()) : SeenBy(answer.reply.get());
        }
        if (seen.found) result.read = seen.value;
        if (seen.found && key[0] == 'r') last_values_[key] = seen.value;
        history_->Learn(number_, key, seen);
        history_->Return(host_.Now(), id, ok ? Outcome::kOk : Outcome::kFail, result, seen.version);
        Ended(lane, false);
      });
}

void SimClient::EventualGet(size_t lane, const std::string& key) {
  const History::Id id = history_->CallEventual(host_.Now(), number_, key);
  host_.core().Call(Get(kTable, key, /*eventual=*/true), client::internal::Target::Key(), 0,
                    [this, lane, id](Answer answer) {
                      Note("peek", answer);
                      if (answer.outcome == client::Outcome::kOk) {
                        history_->ReturnEventual(host_.Now(), id, SeenBy(answer.reply.get()));
                      }
                      Ended(lane, false);
                    });
}

void SimClient::PutExpiring(size_t lane) {
  const std::string key = absl::StrCat("x", UniqueValue());
  const int64_t expires_s =
      host_.Wall() / kSecond + 1 + static_cast<int64_t>(host_.random().Below(6));
  const History::Id id =
      history_->PutExpiring(host_.Now(), key, expires_s * kSecond - testing::SimClock::kEpoch);
  host_.core().Call(sim::PutExpiring(key, expires_s), client::internal::Target::Key(), 0,
                    [this, lane, id](Answer answer) {
                      Note("put-ttl", answer);
                      history_->PutExpiringDone(host_.Now(), id,
                                                answer.outcome == client::Outcome::kOk);
                      Ended(lane, false);
                    });
}

// Of the last few, by whichever client.
void SimClient::ReadExpiring(size_t lane) {
  constexpr size_t kRecent = 4;
  const size_t items = history_->expiring_items();
  if (items == 0) return PutExpiring(lane);
  const History::Id id = items - 1 - host_.random().Below(items < kRecent ? items : kRecent);
  const Micros called = host_.Now();
  const bool as_query = ++strong_gets_ % 2 == 0;
  const std::string& key = history_->expiring_key(id);
  host_.core().Call(
      as_query ? QueryOne(kExpiringTable, key) : Get(kExpiringTable, key, /*eventual=*/false),
      client::internal::Target::Key(), 0, [this, lane, id, called](Answer answer) {
        Note("get-ttl", answer);
        if (answer.outcome == client::Outcome::kOk) {
          const bool found = answer.reply.get().found() || answer.reply.page().count() > 0;
          history_->ReadExpiring({id, called, host_.Now(), found});
        }
        Ended(lane, false);
      });
}

}  // namespace fastpath::sim
