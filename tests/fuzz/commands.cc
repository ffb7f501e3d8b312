// A group's state machine: whatever a leader admits, or finds in its log, is
// executed or refused, never a crash, and two replicas end in the same state:
// one applies entry by entry, crashes now and then and is asked meanwhile, the
// other applies the whole log at once.
//
//   input := Story (commands.proto)
#include <algorithm>

#include "google/protobuf/stubs/logging.h"
#include "partition/txn/locks.h"
#include "tests/fuzz/commands.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::fuzz {
namespace {

using partition::testing::Log;
using partition::testing::Replica;

constexpr int kEventLimit = 64;

api::Map FirstMap() {
  api::Map map;
  map.set_cluster_id("cluster");
  map.add_nodes()->set_id(1);
  map.mutable_nodes(0)->set_incarnation("first");
  for (uint32_t group : {0, 1, 2}) *map.add_groups() = partition::testing::DescriptorOf(group);
  map.mutable_groups(0)->set_first_bucket(1);
  map.mutable_groups(0)->set_last_bucket(0);
  return map;
}

std::unique_ptr<Replica> NewReplica(bool meta) {
  return meta ? Replica::Bootstrapped(FirstMap())
              : Replica::Bootstrapped(partition::testing::DescriptorOf(1, 0, 49151));
}

void CheckPage(const partition::StateMachine::PageAnswer& answer) {
  if (answer.refusal.has_value()) return;
  const api::PageResult& page = answer.result;
  FUZZ_CHECK(page.count() <= page.scanned_count());
  FUZZ_CHECK(page.scanned_bytes() <= partition::kPageLimitBytes);
  for (const std::string& item : page.items()) FUZZ_CHECK(model::ValidateItem(item).ok());
}

class Run {
 public:
  explicit Run(bool meta) : one_(NewReplica(meta)), other_(NewReplica(meta)) {
    if (meta) return;
    api::Table pairs = partition::testing::TableOf("pairs", 8);
    pairs.mutable_sort_key()->set_name("sk");
    pairs.mutable_sort_key()->set_type(api::N);
    log_.SetTable(partition::testing::TableOf(partition::testing::kTable, 7));
    log_.SetTable(pairs);
    FUZZ_CHECK(ApplyToOne());
  }

  // False once the log has stopped the group.
  bool Take(const Event& event);
  void Compare();

 private:
  bool ApplyToOne();
  bool Write(const api::WriteRequest& request);
  bool Transact(const api::TransactWriteRequest& request);
  void Look(const api::TransactGetRequest& request);
  void Crash(bool flush);

  std::unique_ptr<Replica> one_;
  std::unique_ptr<Replica> other_;
  Log log_;
  absl::Status stopped_;
};

bool Run::ApplyToOne() {
  stopped_ = one_->Apply(log_.After(one_->machine().applied().index));
  if (stopped_.ok()) return true;
  FUZZ_CHECK(absl::IsDataLoss(stopped_) || absl::IsUnimplemented(stopped_));
  return false;
}

bool Run::Write(const api::WriteRequest& request) {
  command::Command command;
  if (one_->machine().Admit(request, command.mutable_write())) return true;
  log_.Append(std::move(command));
  const bool applied = ApplyToOne();
  FUZZ_CHECK(applied);  // What was admitted never stops a group.
  const std::string& item = one_->outcomes[log_.last()].write().item();
  FUZZ_CHECK(item.empty() || model::ValidateItem(item).ok());
  return true;
}

bool Run::Transact(const api::TransactWriteRequest& request) {
  partition::StateMachine::AdmittedTransact admitted;
  if (one_->machine().AdmitTransact(request, &admitted)) return true;
  command::Command command;
  command::Transact& transact = *command.mutable_transact();
  transact.set_id(admitted.id);
  transact.set_place(admitted.place);
  *transact.mutable_begin()->mutable_session() = request.session();
  transact.mutable_begin()->set_token(request.token());
  transact.mutable_begin()->set_fingerprint(admitted.fingerprint);
  for (const command::Write& write : admitted.writes)
    *transact.mutable_begin()->add_writes() = write;
  log_.Append(std::move(command));
  const bool applied = ApplyToOne();
  FUZZ_CHECK(applied);
  const command::Outcome& outcome = one_->outcomes[log_.last()];
  const auto& reasons = outcome.transact().reasons();
  FUZZ_CHECK(reasons.empty() || outcome.repeated() || reasons.size() == request.items_size());
  for (const api::TransactReason& reason : reasons) {
    FUZZ_CHECK(reason.item().empty() || model::ValidateItem(reason.item()).ok());
  }
  return true;
}

void Run::Look(const api::TransactGetRequest& request) {
  const auto answer = one_->Observe(request, log_.stamp);
  FUZZ_CHECK(answer.refusal.has_value() ||
             answer.items.size() == static_cast<size_t>(request.items_size()));
  for (const api::GetResult& item : answer.items) {
    FUZZ_CHECK(!item.found() || model::ValidateItem(item.item()).ok());
  }
  for (const auto& holder : one_->machine().HoldersOf(request, log_.stamp)) {
    FUZZ_CHECK(holder.id.size() == partition::kTransactIdBytes);
  }
}

void Run::Crash(bool flush) {
  if (flush) one_->Flush();
  one_->Crash();
  FUZZ_CHECK(ApplyToOne());
}

bool Run::Take(const Event& event) {
  switch (event.kind_case()) {
    case Event::kWrite:
      return Write(event.write());
    case Event::kCommand:
      if (event.command().has_write()) return true;  // Those are admitted.
      log_.Append(event.command());
      return ApplyToOne();
    case Event::kEntry: {
      command::Command command;
      if (command.ParseFromString(event.entry()) && command.has_write()) return true;
      log_.Append(raft::EntryKind::kCommand, event.entry());
      const bool applied = ApplyToOne();
      log_.stamp = std::max(log_.stamp, one_->machine().applied().stamp);
      return applied && log_.stamp < UINT64_MAX / 2;
    }
    case Event::kConfiguration:
      log_.Append(raft::EntryKind::kConfiguration, event.configuration());
      return ApplyToOne();
    case Event::kPassUs:
      log_.stamp += std::min<uint64_t>(event.pass_us(), uint64_t{1} << 50);
      return log_.stamp < UINT64_MAX / 2;
    case Event::kGet: {
      const auto answer = one_->Get(event.get(), log_.stamp);
      FUZZ_CHECK(!answer.result.found() || model::ValidateItem(answer.result.item()).ok());
      return true;
    }
    case Event::kExport:
      one_->Export(event.export_(), log_.stamp);
      return true;
    case Event::kQuery:
      CheckPage(one_->Query(event.query(), log_.stamp));
      return true;
    case Event::kScan:
      CheckPage(one_->Scan(event.scan(), log_.stamp));
      return true;
    case Event::kTransact:
      return Transact(event.transact());
    case Event::kTransactGet:
      Look(event.transact_get());
      return true;
    case Event::kCrash:
      Crash(event.crash());
      return true;
    case Event::KIND_NOT_SET:
      return true;
  }
  return true;
}

void Run::Compare() {
  const absl::Status all = other_->Apply(log_.After(1));
  FUZZ_CHECK(all == stopped_);
  FUZZ_CHECK(one_->machine().applied().index == other_->machine().applied().index);
  FUZZ_CHECK(one_->Digest() == other_->Digest());
  for (const auto& [index, outcome] : other_->outcomes) {
    const auto mine = one_->outcomes.find(index);
    FUZZ_CHECK(mine != one_->outcomes.end());
    FUZZ_CHECK(mine->second.SerializeAsString() == outcome.SerializeAsString());
  }
  other_->Flush();
  other_->Crash();  // Loads what was written.
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  [[maybe_unused]] static const bool kExpectationsAbort = [] {
    return testing::GTEST_FLAG(break_on_failure) = true;
  }();
  google::protobuf::SetLogHandler(nullptr);
  Story story;
  if (!story.ParsePartialFromArray(data, static_cast<int>(size))) return 0;
  Run run(story.meta());
  for (int i = 0; i < std::min(story.events_size(), kEventLimit); ++i) {
    if (!run.Take(story.events(i))) break;
  }
  run.Compare();
  return 0;
}
