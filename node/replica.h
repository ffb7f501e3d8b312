// One replica of one group on this node: raft, state machine and log clock
// together, and what waits for them: proposals until they are applied, reads
// until their point is.
//
// A replica made by a peer's message knows nothing ("uninitialised") until a
// snapshot is installed; until then it votes and acknowledges as raft allows and
// refuses every request.
//
// Threads: the shard's executor. The environment outlives it. Its owner pumps
// it after `dirty`, ticks it, and destroys it at any time but from inside one of
// its hooks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "node/environment.h"
#include "node/lifetime.h"
#include "node/membership.h"
#include "node/metrics.h"
#include "partition/log_time.h"
#include "partition/state_machine.h"
#include "raft/group.h"

namespace fastpath::node {

using ReplyDone = absl::AnyInvocable<void(api::Reply&)>;

// What became of a proposed command. `outcome` is set if and only if code is OK
// and valid during the call: the command was applied, whatever it says.
struct Proposed {
  api::Code code = api::OK;
  const command::Outcome* outcome = nullptr;
  partition::Stamp stamp = 0;
  std::string message;
};
using ProposedDone = absl::AnyInvocable<void(const Proposed&)>;

// What is known of the transactions that held items: none holds them any more; one is not
// decided yet; or who knows cannot be asked.
enum class Settled : uint8_t { kGone, kPending, kUnknown };
using SettledDone = absl::AnyInvocable<void(Settled)>;

// A transact-get's look at the items of one group, before and after.
struct Observation {
  api::TransactGetRequest request;
  partition::StateMachine::ObserveAnswer answer;
};

// One of the pages that a node reads at a time; counted while it lives.
class PageSlot {
 public:
  explicit PageSlot(const Metrics& metrics) : count_(metrics.pages_under_way) { ++*count_; }
  ~PageSlot() { --*count_; }
  PageSlot(const PageSlot&) = delete;
  PageSlot& operator=(const PageSlot&) = delete;

 private:
  const std::shared_ptr<uint64_t> count_;
};

class Replica final : public raft::StateMachine {
 public:
  struct Hooks {
    std::function<void()> dirty;    // Pump() me soon.
    std::function<void()> changed;  // Role, leader, members, tables or map.
    // Applied: partition::StateMachine::Listeners.
    std::function<void(std::string_view data_key, uint64_t from, uint64_t to)> expiry_moved;
    // These hold items that a request is for: has what they decided applied here.
    std::function<void(std::vector<partition::StateMachine::Holder>, SettledDone)> settle;
    std::function<void()> removed;                  // Applied: this node is no longer a member.
    std::function<void(absl::Status)> node_failed;  // The node cannot go on (DESIGN 3.2).
    std::function<void(const raft::SnapshotOffer&)> snapshot_wanted;
  };
  struct Start {
    raft::GroupId group = 0;
    raft::ReplicaId id = 0;
    raft::InitialState initial;
    bool fresh = false;
    std::unique_ptr<partition::StateMachine> machine;  // Null: uninitialised.
  };
  using Machine = absl::StatusOr<std::unique_ptr<partition::StateMachine>>;

  Replica(const Environment& environment, Start start, Hooks hooks);
  ~Replica() override;

  // Loads the state machine of a group with this replica's listeners; used at
  // start before the replica exists, so the listeners find it through `slot`.
  struct Slot {
    Replica* replica = nullptr;
  };
  static void LoadMachine(raft::GroupId group, storage::Engine* engine, std::shared_ptr<Slot> slot,
                          absl::AnyInvocable<void(Machine)> done);
  void BindSlot(std::shared_ptr<Slot> slot);

  // --- events
  void Step(raft::Message message);
  void Prefetch(int stage) const;  // See raft::Group; one stage more, and before it.
  void Tick();
  void Pump();
  // Nothing is under way and the group is quiet: a tick a second will do.
  bool dozing() const {
    return stopped() || (group_.idle() && stamp_reads_.empty() && membership_.idle());
  }
  void Wake(bool leader_gone) { group_.Wake(leader_gone); }  // See raft::Raft::Wake.
  // When it wants a tick at the latest; 0: at the next.
  Micros next_tick() const {
    const bool soon = group_.gathered() || !stamp_reads_.empty() || !membership_.idle();
    return soon ? 0 : raft().next_deadline();
  }
  // Somebody waits for this replica to learn of commits.
  bool awaited() const { return !stamp_reads_.empty(); }
  static constexpr size_t kNoTickSlot = SIZE_MAX;
  size_t tick_slot = kNoTickSlot;  // The owner's note.
  void Persisted(raft::Index index) { group_.Persisted(index); }

  // --- requests; each `done` runs once, maybe inline, unless the replica dies
  void Write(const api::WriteRequest& request, command::Command* scratch, ReplyDone done);
  void Get(const api::GetRequest& request, ReplyDone done);
  void Query(const api::QueryRequest& request, ReplyDone done);
  void Scan(const api::ScanRequest& request, ReplyDone done);
  // Strongly; on OK `observation` has its answer.
  void Observe(std::shared_ptr<Observation> observation, ReplyDone done);
  // OK: this replica leads, and what it has applied is all that was committed at the call.
  void Confirm(ReplyDone done);
  void Export(const api::ExportRequest& request, ReplyDone done);
  void TableSize(const api::TableSizeRequest& request, ReplyDone done);
  void Digest(const api::DigestRequest& request, ReplyDone done);
  // Fills in version and stamp, and proposes.
  void Propose(command::Command* command, ProposedDone done);
  // Answers, if this replica cannot say what there is to write to: stopped, uninitialised, not
  // the leader, or not serving yet.
  bool RefusedUnlessServing(ReplyDone& done) const;
  bool RefusedAsTooFarAhead(const api::Session& session, ReplyDone& done) const;
  void Refuse(api::Code code, const std::string& why, ReplyDone& done) const;

  // --- leadership and members
  bool leader() const { return group_.raft().is_leader(); }
  // Leads, has applied all it found at its election, and takes writes.
  bool serving() const { return serving_; }
  absl::Status TransferTo(raft::NodeId node);
  // Hands leadership to the voter best able to lead, with space on its disk if any has.
  // False: there is none.
  bool StepAside();
  void AddReplica(Membership::Addition addition, Membership::Done done) {
    membership_.Add(addition, std::move(done));
  }

  // --- snapshots
  bool WantsSnapshot(const raft::SnapshotMeta& meta) const;
  // Puts a received snapshot in place of everything here.
  void Install(const raft::SnapshotMeta& meta, std::unique_ptr<storage::Installer> installer,
               std::function<void(absl::Status)> done);
  void SnapshotSent(raft::ReplicaId to, raft::Index index, bool ok) {
    group_.SnapshotSent(to, index, ok);
  }

  // --- views
  raft::GroupId group() const { return group_id_; }
  raft::ReplicaId id() const { return id_; }
  const raft::Raft& raft() const { return group_.raft(); }
  raft::Group& raft_group() { return group_; }
  partition::StateMachine* machine() { return machine_.get(); }  // Null: uninitialised.
  const partition::StateMachine* machine() const { return machine_.get(); }
  raft::NodeId leader_node() const { return group_.raft().leader_node(); }
  // As applied, with leader hint. Requires machine().
  api::GroupDescriptor Descriptor() const;
  void Describe(api::ReplicaStatus* status) const;
  const absl::Status& failure() const { return failure_; }
  bool stopped() const { return !failure_.ok(); }
  partition::Stamp LogNow() const;
  size_t pending() const { return proposals_.size(); }

  // raft::StateMachine: passes on to the state machine of the day.
  void Apply(std::vector<raft::Entry> entries,
             absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  struct Proposal {
    raft::Index index = 0;
    raft::Term term = 0;
    partition::Stamp stamp = 0;
    ProposedDone done;
  };
  struct Read {
    std::variant<api::GetRequest, api::QueryRequest, api::ScanRequest, std::shared_ptr<Observation>,
                 std::monostate>
        request;  // The last: nothing is read, see Confirm.
    ReplyDone done;
    bool eventual = false;
    partition::Stamp min_stamp = 0;
    int attempts = 0;
    bool settled = false;          // Who held what it reads was asked;
    std::string settle_from;       // or not yet from this key on, of a page.
    Micros until = 0;              // Eventual reads: how long to wait for the stamp.
    partition::Stamp now = 0;      // Log time as it first looked at the state; 0: not yet.
    std::optional<PageSlot> slot;  // While it reads a page.
  };
  using ReadPtr = std::unique_ptr<Read>;

  static partition::StateMachine::Listeners ListenersOf(const std::shared_ptr<Slot>& slot);
  raft::Group::Hooks GroupHooks();

  // --- replica.cc
  void RoleChanged();
  void AfterApply();
  void ObserveApplied();
  void CheckRemoved();
  void Failed(absl::Status why);
  void RefreshClock(Micros now) const;
  int64_t OwnOffset_us() const;  // Our wall clock less the median.
  // Whether a node may whose clock is `offset_us` ahead of ours.
  bool MayLead(int64_t offset_us) const;
  void HandOverIfSkewed();
  int64_t MedianWall(Micros now) const;

  // Whether entries still find space on a majority of live nodes. Requires leadership.
  bool MajorityHasSpace() const;
  void HandOverIfFull();

  // --- replica_write.cc
  // A write that waits for a transaction that holds its item.
  struct HeldWrite {
    api::WriteRequest request;
    ReplyDone done;
    Micros until = 0;
    Micros pause = 0;
  };
  using HeldWritePtr = std::shared_ptr<HeldWrite>;
  void SettleFirst(HeldWritePtr held, std::vector<partition::StateMachine::Holder> holders);
  void WriteAgain(HeldWritePtr held);
  void ProposeWrite(command::Command* command, ReplyDone done);
  void OnOutcome(raft::Index index, raft::Term term, const command::Outcome& outcome);
  void DropOverwritten(raft::Index through);
  void FailProposals(api::Code code, const std::string& why);

  // --- replica_read.cc
  template <class Request>
  void BeginRead(const Request& request, ReplyDone done);
  void StrongRead(ReadPtr read);
  std::vector<partition::StateMachine::Holder> HoldersBefore(Read& read) const;
  // True: the read goes on once who holds what it reads was asked.
  bool SettleFirst(ReadPtr& read);
  void ReadState(ReadPtr read, bool under_lease);
  template <class Answer>
  void Answered(ReadPtr read, bool under_lease, absl::StatusOr<Answer> answer);
  static void Fill(partition::StateMachine::GetAnswer& answer, Read& read, api::Reply& reply);
  static void Fill(partition::StateMachine::PageAnswer& answer, Read& read, api::Reply& reply);
  static void Fill(partition::StateMachine::ObserveAnswer& answer, Read& read, api::Reply& reply);
  void ReadFailed(const absl::Status& why, ReplyDone& done);
  void CommitTime(ReadPtr read);
  void EventualRead(ReadPtr read);
  void ReadDone(uint64_t id, bool ok);
  void RunWaitingReads();
  void FailReads();

  // --- replies
  void NotLeader(ReplyDone& done) const;
  bool Unusable(ReplyDone& done) const;  // Answers if stopped or uninitialised.

  const Environment env_;
  const raft::GroupId group_id_;
  const raft::ReplicaId id_;
  Hooks hooks_;
  std::unique_ptr<partition::StateMachine> machine_;
  std::shared_ptr<Slot> slot_;
  absl::Status failure_;
  bool replacing_ = false;  // The engine may hold a snapshot's rows, machine_ is of before.
  bool was_member_ = false;
  bool removed_ = false;

  bool was_leader_ = false;
  bool serving_ = false;
  raft::Index ready_index_ = 0;  // Serving once this is applied.
  raft::Term leader_term_ = 0;

  LogClock log_clock_;
  // Median wall clock less our monotonic one, so that a jump of our wall clock
  // does not move it; looked up again when it is used and old.
  mutable int64_t median_ahead_us_ = 0;
  mutable Micros clock_read_at_ = INT64_MIN;
  Micros next_hand_over_ = 0;

  std::deque<Proposal> proposals_;                           // By index; all of leader_term_.
  std::map<uint64_t, ReadPtr> index_reads_;                  // Asked raft for a point.
  std::deque<std::pair<raft::Index, ReadPtr>> lease_reads_;  // Wait for apply, by index.
  std::vector<ReadPtr> time_reads_;                          // Wait for the time entry under way.
  bool time_proposed_ = false;
  size_t held_writes_ = 0;
  std::vector<ReadPtr> stamp_reads_;  // Eventual ones that wait for a stamp.
  uint64_t last_read_ = 0;

  raft::Group group_;
  Membership membership_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
