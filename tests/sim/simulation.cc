#include "tests/sim/simulation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/check.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;

constexpr Micros kSecond = 1'000'000;
constexpr Micros kStartLimit = 60 * kSecond;
constexpr Micros kConvergeLimit = 120 * kSecond;
constexpr Micros kPollEvery = 200'000;
// So many events without time going on: something chases its own tail.
constexpr uint64_t kEventsAtOnceLimit = 2'000'000;
constexpr int64_t kAdminProcess = 0;
constexpr int kDigestAttempts = 5;
constexpr int kCreateAttempts = 5;

}  // namespace

std::string Summary(const Report& report) {
  std::string out =
      absl::StrCat("simulated ", report.simulated / kSecond, " s, ", report.events, " events, ",
                   report.acknowledged, " acknowledged, ", report.unknown, " unknown, ",
                   report.frames_lost, " frames lost, ", report.nodes.starts, " starts, ",
                   report.nodes.snapshots_installed, " snapshots; faults:");
  for (size_t i = 0; i < kFaults; ++i) {
    if (report.faults[i] == 0) continue;
    absl::StrAppend(&out, " ", FaultName(static_cast<Fault>(i)), "=", report.faults[i]);
  }
  return out;
}

Simulation::Simulation(Scenario scenario)
    : scenario_(std::move(scenario)),
      fabric_(&loop_, HashBytes("fabric", scenario_.seed), scenario_.fabric, &trace_),
      cluster_(std::make_unique<SimCluster>(scenario_, &loop_, &fabric_, &trace_)) {
  const std::vector<std::string> endpoints = cluster_->client_endpoints();
  admin_ = std::make_unique<ClientHost>(&loop_, &fabric_, "admin",
                                        HashBytes("admin", scenario_.seed), endpoints, kStartLimit);
  std::vector<HostId> hosts;
  for (uint32_t i = 1; i <= scenario_.clients; ++i) {
    clients_.push_back(
        std::make_unique<SimClient>(scenario_, i, &loop_, &fabric_, endpoints, &history_, &trace_));
    hosts.push_back(clients_.back()->host());
  }
  nemesis_ = std::make_unique<Nemesis>(scenario_, &loop_, cluster_.get(), &fabric_,
                                       std::move(hosts), &trace_);
}

Simulation::~Simulation() = default;

Report Simulation::Run() {
  StartFirst();
  StartOthers();
  // Half of the runs already meet faults while the replicas are being placed.
  if (scenario_.seed % 2 == 0) AwaitReplication();
  if (problems_.empty()) {
    BeginClients();
    RunFaults();
    Converge();
  }
  if (problems_.empty()) Judge();
  return Finish();
}

// --------------------------------------------------------------------- the parts

void Simulation::StartFirst() {
  cluster_->Start(0);
  for (const auto& [name, expiring] : {std::pair(kTable, false), std::pair(kExpiringTable, true)}) {
    if (!Create(name, expiring)) Problem(absl::StrCat("table ", name, " not created"));
  }
}

// Its outcome is unknown where a try was lost: then asking again tells.
bool Simulation::Create(const std::string& name, bool expiring) {
  for (int attempt = 0; attempt < kCreateAttempts; ++attempt) {
    const Answer answer = Ask(CreateTable(name, expiring), Target::Group(0), kStartLimit);
    if (answer.outcome == client::Outcome::kOk) return true;
    if (answer.reply.code() == api::TABLE_EXISTS) return true;
    // A try whose answer was lost is making it; it is not there yet.
    if (answer.reply.code() == api::TABLE_BUSY) RunFor(kSecond);
  }
  return false;
}

void Simulation::StartOthers() {
  for (size_t node = 1; node < cluster_->size(); ++node) cluster_->Start(node);
}

void Simulation::AwaitReplication() {
  if (!WaitFor([this] { return AllReplicated(); }, kStartLimit)) {
    Problem("the replicas were not placed in time");
  }
}

void Simulation::BeginClients() {
  for (const auto& client : clients_) client->Begin();
}

void Simulation::RunFaults() {
  nemesis_->Begin();
  RunFor(scenario_.faults_for);
}

void Simulation::Converge() {
  nemesis_->HealAll();
  for (const auto& client : clients_) client->Finish();
  const bool ended = WaitFor(
      [this] {
        for (const auto& client : clients_) {
          if (!client->idle()) return false;
        }
        return true;
      },
      kConvergeLimit);
  if (!ended) return Problem("operations do not end");
  if (!WaitFor([this] { return AllReplicated(); }, kConvergeLimit)) {
    Problem("healed, but not every group has a leader and all its voters");
  }
}

void Simulation::Judge() {
  for (const std::string& key : history_.Keys()) ReadBack(key);
  for (uint32_t group = 0; group <= scenario_.groups; ++group) CompareReplicas(group);
  if (nemesis_->counts()[static_cast<size_t>(Fault::kClockJump)] != 0) history_.DistrustClocks();
  for (std::string& what : history_.Check()) Problem(std::move(what));
}

Report Simulation::Finish() {
  for (size_t node = 0; node < cluster_->size(); ++node) cluster_->NoteFailedReplicas(node);
  for (const std::string& failure : cluster_->failures()) Problem(failure);
  trace_.Event(loop_.Now(), "history", 0, history_.Hash());
  trace_.Event(loop_.Now(), "disks", 0, cluster_->Hash());
  Report report;
  report.hash = trace_.hash();
  report.problems = problems_;
  report.replicas = cluster_->Describe();
  report.faults = nemesis_->counts();
  report.nodes = cluster_->counts();
  for (const auto& client : clients_) {
    report.acknowledged += client->acknowledged();
    report.unknown += client->unknown();
  }
  report.frames_lost = fabric_.frames_lost();
  report.events = loop_.events_run();
  report.simulated = loop_.Now();
  return report;
}

// ----------------------------------------------------------------------- helpers

void Simulation::Problem(std::string what) {
  trace_.Event(loop_.Now(), "problem", 0, what);
  problems_.push_back(std::move(what));
}

bool Simulation::WaitFor(const std::function<bool()>& done, Micros at_most) {
  const Micros end = loop_.Now() + at_most;
  while (!done()) {
    if (loop_.Now() >= end) return false;
    RunFor(kPollEvery);
  }
  return true;
}

void Simulation::RunFor(Micros duration) {
  bool over = false;
  testing::SimExecutor alarm(&loop_);
  alarm.At(loop_.Now() + duration, [&over] { over = true; });
  RunUntil([&over] { return over; });
}

void Simulation::RunUntil(const std::function<bool()>& done) {
  Micros now = loop_.Now();
  uint64_t at_once = 0;
  while (!done() && loop_.RunOne()) {
    at_once = loop_.Now() == now ? at_once + 1 : 0;
    now = loop_.Now();
    FASTPATH_CHECK(at_once < kEventsAtOnceLimit, "events go on without time going on");
  }
}

Answer Simulation::Ask(api::Request request, Target target, Micros deadline) {
  return Await(
      [&](client::internal::Core& core, client::internal::Core::Done done) {
        core.Call(std::move(request), target, deadline, std::move(done));
      },
      deadline);
}

Answer Simulation::Await(
    const std::function<void(client::internal::Core&, client::internal::Core::Done)>& begin,
    Micros deadline) {
  auto answer = std::make_shared<std::optional<Answer>>();
  begin(admin_->core(), [answer](Answer result) { *answer = std::move(result); });
  const Micros end = loop_.Now() + deadline + kSecond;
  RunUntil([&] { return answer->has_value() || loop_.Now() >= end; });
  if (answer->has_value()) return **std::move(answer);
  Problem("a call did not end by its deadline");
  return {};
}

bool Simulation::AllReplicated() {
  api::Request request;
  request.mutable_map();
  const Answer answer = Ask(std::move(request), Target::Any(), kSecond);
  if (answer.outcome != client::Outcome::kOk) return false;
  const api::Map& map = answer.reply.map();
  if (static_cast<uint32_t>(map.groups_size()) != scenario_.groups + 1) return false;
  for (const api::GroupDescriptor& group : map.groups()) {
    if (static_cast<uint32_t>(group.voters_size()) != ReplicationFactor(scenario_)) return false;
    if (group.learners_size() != 0 || group.leader_node() == 0) return false;
  }
  return true;
}

void Simulation::ReadBack(const std::string& key) {
  Operation op;
  op.kind = Kind::kGet;
  op.key = key;
  const History::Id id = history_.Call(loop_.Now(), kAdminProcess, std::move(op));
  const Answer answer = Ask(Get(kTable, key, /*eventual=*/false), Target::Key(), 20 * kSecond);
  if (answer.outcome != client::Outcome::kOk) {
    history_.Return(loop_.Now(), id, Outcome::kFail, {}, 0);
    return Problem(absl::StrCat("healed, but ", key, " cannot be read: ", answer.reply.message()));
  }
  const Seen seen = SeenBy(answer.reply.get());
  Operation result;
  if (seen.found) result.read = seen.value;
  history_.Return(loop_.Now(), id, Outcome::kOk, result, seen.version);
}

// A replica that came by a later state as a snapshot never was at the point: then another is taken.
void Simulation::CompareReplicas(uint32_t group) {
  std::string why;
  for (int attempt = 0; attempt < kDigestAttempts; ++attempt) {
    api::Request request;
    request.mutable_digest()->set_group(group);
    const Answer point = Ask(request, Target::Group(group), 20 * kSecond);
    if (point.outcome != client::Outcome::kOk) {
      return Problem(absl::StrCat("no digest point in group ", group, ": ", point.reply.message()));
    }
    if (DigestsAgree(group, point.reply.digest().index(), why)) return;
  }
  Problem(why);
}

// Any node's map, which of a node that just started may be an old one for a moment.
std::vector<uint32_t> Simulation::VotersOf(uint32_t group) {
  std::vector<uint32_t> nodes;
  const auto all_known = [&] {
    api::Request request;
    request.mutable_map();
    const Answer answer = Ask(std::move(request), Target::Any(), kSecond);
    nodes.clear();
    for (const api::GroupDescriptor& known : answer.reply.map().groups()) {
      if (known.group() != group) continue;
      for (const api::Member& voter : known.voters()) nodes.push_back(voter.node());
    }
    return nodes.size() == ReplicationFactor(scenario_);
  };
  if (!WaitFor(all_known, 20 * kSecond)) {
    Problem(absl::StrCat("group ", group, " has ", nodes.size(), " voters"));
  }
  return nodes;
}

bool Simulation::DigestsAgree(uint32_t group, uint64_t index, std::string& why) {
  std::optional<uint64_t> first;
  for (const uint32_t node : VotersOf(group)) {
    api::Request request;
    request.mutable_digest()->set_group(group);
    request.mutable_digest()->set_index(index);
    const Answer answer = Ask(request, Target::Node(node), 5 * kSecond);
    if (answer.outcome != client::Outcome::kOk) {
      why = absl::StrCat("no digest of group ", group, " at index ", index, " on node ", node, ": ",
                         answer.reply.message());
      return false;
    }
    const uint64_t digest = answer.reply.digest().digest();
    if (!first) first = digest;
    if (digest == *first) continue;
    Problem(absl::StrCat("group ", group, " at index ", index, ": the state of node ", node,
                         " differs from the first's"));
  }
  return true;
}

}  // namespace fastpath::sim
