// Group over fake ports: the order of durability, failure, and snapshot install.
#include "raft/group.h"

#include <deque>

#include "gtest/gtest.h"
#include "raft/codec.h"

namespace fastpath::raft {
namespace {

class FakeClock : public Clock {
 public:
  Micros now = 1'000'000;
  Micros Monotonic() override { return now; }
  Micros Wall() override { return 0; }
};

class FakeLog : public LogStore {
 public:
  struct Pending {
    LogWrite write;
    absl::AnyInvocable<void(absl::Status)> durable;
  };
  std::deque<Pending> pending;
  std::vector<LogWrite> done;
  std::vector<Entry> readable;
  absl::Status read_error;
  Index truncated = 0;

  void Write(LogWrite write, absl::AnyInvocable<void(absl::Status)> durable) override {
    pending.push_back({std::move(write), std::move(durable)});
  }
  void Read(GroupId, Index from, Index to, size_t,
            absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done_reading) override {
    if (!read_error.ok()) return done_reading(read_error);
    std::vector<Entry> entries;
    for (const Entry& e : readable) {
      if (e.index >= from && e.index <= to) entries.push_back(e);
    }
    done_reading(std::move(entries));
  }
  void Truncate(GroupId, Index index) override { truncated = index; }

  void CompleteOne(absl::Status status = absl::OkStatus()) {
    Pending p = std::move(pending.front());
    pending.pop_front();
    for (const Entry& e : p.write.entries) readable.push_back(e);
    done.push_back(std::move(p.write));
    p.durable(status);
  }
};

class FakeStateMachine : public StateMachine {
 public:
  bool inline_done = true;
  std::vector<Index> applied;
  int running = 0;
  int most_running = 0;
  absl::AnyInvocable<void(absl::Status)> pending;

  void Apply(std::vector<Entry> entries, absl::AnyInvocable<void(absl::Status)> done) override {
    most_running = std::max(most_running, ++running);
    for (const Entry& e : entries) applied.push_back(e.index);
    if (!inline_done) {
      pending = std::move(done);
      return;
    }
    --running;
    done(absl::OkStatus());
  }
  void Finish(absl::Status status = absl::OkStatus()) {
    --running;
    std::exchange(pending, nullptr)(status);
  }
};

class FakeTransport : public Transport {
 public:
  std::vector<Message> sent;
  void Send(NodeId, Message message) override { sent.push_back(std::move(message)); }
  size_t Count(MessageType type) const {
    size_t count = 0;
    for (const Message& m : sent) count += m.type == type;
    return count;
  }
};

Configuration Three() { return {{{1, 1}, {2, 2}, {3, 3}}, {}, {}}; }
Configuration Alone() { return {{{1, 1}}, {}, {}}; }

class GroupTest : public testing::Test {
 protected:
  void Make(Configuration configuration, InitialState initial = {}) {
    Options options;
    options.group = 5;
    options.id = 1;
    options.node = 1;
    options.fresh = true;
    options.memory_limit_bytes = memory_limit;
    options.gather_entries = gather_entries;
    initial.snapshot.configuration = std::move(configuration);
    Group::Hooks hooks;
    hooks.dirty = [this] { ++dirty; };
    hooks.read_done = [this](uint64_t id, bool ok) { reads.emplace_back(id, ok); };
    hooks.snapshot_wanted = [this](const SnapshotOffer& offer) { offers.push_back(offer.to); };
    hooks.role_changed = [this] { ++role_changes; };
    hooks.configuration_changed = [this] { ++configuration_changes; };
    hooks.failed = [this](absl::Status status) { failure = status; };
    group = std::make_unique<Group>(options, std::move(initial),
                                    Group::Ports{&clock, &log, &machine, &transport}, hooks);
    group->Pump();
  }

  void SyncAll() {
    while (!log.pending.empty()) {
      log.CompleteOne();
      group->Pump();
    }
  }

  Message From(ReplicaId from, MessageType type, Term term) {
    Message m;
    m.type = type;
    m.group = 5;
    m.from = from;
    m.to = 1;
    m.term = term;
    m.from_node = static_cast<NodeId>(from);
    return m;
  }
  Message Append(Term term, Index previous, Term previous_term, size_t entries, Index commit) {
    Message m = From(2, MessageType::kAppend, term);
    m.index = previous;
    m.log_term = previous_term;
    m.commit = commit;
    m.round = 1;
    for (size_t i = 1; i <= entries; ++i) {
      m.entries.push_back({term, previous + i, EntryKind::kCommand,
                           std::make_shared<const std::string>("command")});
    }
    return m;
  }
  void Step(Message m) {
    group->Step(std::move(m));
    group->Pump();
  }
  Payload Command() { return std::make_shared<const std::string>("x"); }
  void LeadAlone() {
    Make(Alone());
    group->Campaign();
    group->Pump();
    SyncAll();
  }
  SnapshotMeta Snapshot(Index index, Term term) { return {index, term, Three()}; }

  size_t memory_limit = 8u << 20;
  size_t gather_entries = 0;
  FakeClock clock;
  FakeLog log;
  FakeStateMachine machine;
  FakeTransport transport;
  int dirty = 0;
  int role_changes = 0;
  int configuration_changes = 0;
  std::vector<std::pair<uint64_t, bool>> reads;
  std::vector<ReplicaId> offers;
  absl::Status failure;
  std::unique_ptr<Group> group;
};

TEST_F(GroupTest, AcknowledgementsWaitForTheSync) {
  Make(Three());
  Step(Append(1, 0, 0, 2, 0));
  EXPECT_EQ(transport.Count(MessageType::kAppendReply), 0u);
  ASSERT_EQ(log.pending.size(), 1u);
  EXPECT_EQ(log.pending[0].write.entries.size(), 2u);
  EXPECT_EQ(log.pending[0].write.hard_state->term, 1u);
  log.CompleteOne();
  ASSERT_EQ(transport.Count(MessageType::kAppendReply), 1u);
  EXPECT_EQ(transport.sent.back().index, 2u);
}

TEST_F(GroupTest, AClaimAboutAnEarlierWriteWaitsForThatWrite) {
  Make(Three());
  Step(Append(1, 0, 0, 2, 0));
  Step(Append(1, 0, 0, 2, 0));  // A duplicate: nothing new to write.
  EXPECT_EQ(log.pending.size(), 1u);
  EXPECT_EQ(transport.Count(MessageType::kAppendReply), 0u);
  log.CompleteOne();
  EXPECT_EQ(transport.Count(MessageType::kAppendReply), 2u);
}

TEST_F(GroupTest, VotesWaitForTheSync) {
  Make(Three());
  Message vote = From(2, MessageType::kVote, 1);
  Step(vote);
  EXPECT_EQ(transport.sent.size(), 0u);
  ASSERT_EQ(log.pending.size(), 1u);
  EXPECT_EQ(log.pending[0].write.hard_state->vote, 2u);
  log.CompleteOne();
  ASSERT_EQ(transport.Count(MessageType::kVoteReply), 1u);
  EXPECT_FALSE(transport.sent.back().reject);
}

TEST_F(GroupTest, OnlyDurableEntriesAreApplied) {
  Make(Three());
  Step(Append(1, 0, 0, 2, 2));  // The leader says they are committed.
  EXPECT_EQ(group->raft().commit(), 2u);
  EXPECT_TRUE(machine.applied.empty());
  SyncAll();
  EXPECT_EQ(machine.applied, (std::vector<Index>{1, 2}));
  EXPECT_EQ(group->applied(), 2u);
}

TEST_F(GroupTest, OneApplyAtATimeInOrder) {
  Make(Three());
  machine.inline_done = false;
  Step(Append(1, 0, 0, 2, 2));
  SyncAll();
  Step(Append(1, 2, 1, 2, 4));
  SyncAll();
  EXPECT_EQ(machine.applied, (std::vector<Index>{1, 2}));
  EXPECT_EQ(group->applied(), 0u);
  machine.Finish();
  EXPECT_EQ(group->applied(), 2u);
  machine.Finish();
  EXPECT_EQ(machine.applied, (std::vector<Index>{1, 2, 3, 4}));
  EXPECT_EQ(machine.most_running, 1);
}

TEST_F(GroupTest, LargeBacklogsAreAppliedInBoundedBatches) {
  Make(Three());
  machine.inline_done = false;
  Step(Append(1, 0, 0, 5000, 5000));
  SyncAll();
  EXPECT_LT(machine.applied.size(), 5000u);
  machine.Finish();
  EXPECT_EQ(machine.applied.size(), 5000u);
}

TEST_F(GroupTest, AFollowerGathersUntilAskedOrFull) {
  gather_entries = 8;
  Make(Three());
  Step(Append(1, 0, 0, 3, 3));
  SyncAll();
  EXPECT_TRUE(machine.applied.empty());
  group->ApplyGathered();
  EXPECT_EQ(machine.applied.size(), 3u);
  EXPECT_EQ(group->applied(), 3u);
  Step(Append(1, 3, 1, 7, 10));
  SyncAll();
  EXPECT_EQ(machine.applied.size(), 3u);
  Step(Append(1, 10, 1, 1, 11));  // The eighth.
  SyncAll();
  EXPECT_EQ(machine.applied.size(), 11u);
  EXPECT_EQ(group->applied(), 11u);
}

TEST_F(GroupTest, ALeaderAppliesAtOnceWhatItGatheredAsFollower) {
  gather_entries = 8;
  Make(Three());
  Step(Append(1, 0, 0, 3, 3));
  SyncAll();
  EXPECT_TRUE(machine.applied.empty());
  Message timeout_now = From(2, MessageType::kTimeoutNow, 1);
  timeout_now.index = 3;
  timeout_now.log_term = 1;
  Step(timeout_now);
  SyncAll();
  EXPECT_EQ(machine.applied.size(), 3u);
}

// FAILURE-CASES 12: what a group has to apply may take as long as it likes.
TEST_F(GroupTest, AnApplyThatHangsStopsNeitherHeartbeatsNorAcknowledgements) {
  Make(Three());
  machine.inline_done = false;
  Step(Append(1, 0, 0, 2, 2));
  SyncAll();
  EXPECT_EQ(machine.running, 1);
  transport.sent.clear();
  Message heartbeat = From(2, MessageType::kHeartbeat, 1);
  heartbeat.round = 2;
  Step(heartbeat);
  Step(Append(1, 2, 1, 1, 3));
  SyncAll();
  EXPECT_EQ(transport.Count(MessageType::kHeartbeatReply), 1u);
  EXPECT_EQ(transport.Count(MessageType::kAppendReply), 1u);
  Message timeout_now = From(2, MessageType::kTimeoutNow, 1);
  timeout_now.index = 3;
  timeout_now.log_term = 1;
  Step(timeout_now);
  SyncAll();
  Step(From(3, MessageType::kVoteReply, 2));
  ASSERT_TRUE(group->raft().is_leader());
  transport.sent.clear();
  for (int i = 0; i < 5; ++i) {
    clock.now += Options{}.heartbeat_interval;
    group->Tick();
    group->Pump();
  }
  EXPECT_EQ(transport.Count(MessageType::kHeartbeat), 10u) << "five to each of two";
  EXPECT_EQ(machine.running, 1);
}

TEST_F(GroupTest, DirtyIsCalledOncePerPump) {
  Make(Alone());
  group->Campaign();
  group->Pump();
  SyncAll();
  dirty = 0;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(group->Propose(Command()).ok());
  EXPECT_EQ(dirty, 1);
  EXPECT_TRUE(log.pending.empty()) << "nothing happens before Pump";
  group->Pump();
  ASSERT_EQ(log.pending.size(), 1u) << "one write for the batch";
  EXPECT_EQ(log.pending[0].write.entries.size(), 10u);
  log.CompleteOne();
  EXPECT_EQ(dirty, 2);
}

TEST_F(GroupTest, ReadsWaitForApply) {
  LeadAlone();
  machine.inline_done = false;
  ASSERT_TRUE(group->Propose(Command()).ok());
  group->Pump();
  SyncAll();
  group->Read(7);
  group->Pump();
  EXPECT_TRUE(reads.empty());
  machine.Finish();
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0], std::make_pair(uint64_t{7}, true));
}

TEST_F(GroupTest, ReadsOnAFollowerFail) {
  Make(Three());
  group->Read(7);
  group->Pump();
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_FALSE(reads[0].second);
}

TEST_F(GroupTest, AFailedSyncSilencesTheGroup) {
  Make(Three());
  Step(Append(1, 0, 0, 1, 0));
  Step(Append(1, 1, 1, 1, 0));
  ASSERT_EQ(log.pending.size(), 2u);
  log.CompleteOne(absl::DataLossError("fsync"));
  EXPECT_TRUE(group->failed());
  EXPECT_EQ(failure.code(), absl::StatusCode::kDataLoss);
  log.CompleteOne();  // Even if the next claimed to succeed.
  Step(From(2, MessageType::kHeartbeat, 1));
  group->Tick();
  group->Pump();
  EXPECT_TRUE(transport.sent.empty());
  EXPECT_EQ(group->Propose(Command()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(GroupTest, AFailedApplyStopsTheGroup) {
  LeadAlone();
  machine.inline_done = false;
  ASSERT_TRUE(group->Propose(Command()).ok());
  ASSERT_TRUE(group->Propose(Command()).ok());
  group->Pump();
  SyncAll();
  const size_t before = machine.applied.size();
  machine.Finish(absl::InternalError("unknown version"));
  EXPECT_TRUE(group->failed());
  EXPECT_EQ(machine.applied.size(), before);
}

TEST_F(GroupTest, CompletionsAfterDestructionDoNothing) {
  LeadAlone();
  ASSERT_TRUE(group->Propose(Command()).ok());
  group->Pump();
  machine.inline_done = false;
  ASSERT_EQ(log.pending.size(), 1u);
  group.reset();
  log.CompleteOne();
  EXPECT_EQ(machine.applied, (std::vector<Index>{1}));
}

TEST_F(GroupTest, CommittedEntriesOfARestartAreAppliedByTheFirstPump) {
  InitialState initial;
  initial.hard_state = {3, 2, 2};
  for (Index i = 1; i <= 3; ++i) {
    initial.entries.push_back(
        {3, i, EntryKind::kCommand, std::make_shared<const std::string>("old")});
  }
  initial.applied = 1;
  Make(Three(), std::move(initial));
  EXPECT_EQ(machine.applied, (std::vector<Index>{2}));
}

TEST_F(GroupTest, InstallWaitsForApplyAndWritesThenResetsTheLogAndAcknowledges) {
  Make(Three());
  machine.inline_done = false;
  Step(Append(2, 0, 0, 2, 2));
  SyncAll();                    // Apply of 1..2 is under way.
  Step(Append(2, 2, 2, 1, 2));  // So is a write.
  transport.sent.clear();
  int ready = 0;
  ASSERT_TRUE(group->BeginInstall(Snapshot(50, 2), [&] { ++ready; }));
  EXPECT_FALSE(group->BeginInstall(Snapshot(60, 2), [] {})) << "one at a time";
  log.CompleteOne();
  EXPECT_EQ(ready, 0);
  machine.Finish();
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(transport.sent.empty()) << "nothing is acknowledged meanwhile";
  Step(Append(2, 3, 2, 1, 4));
  group->Tick();
  group->Pump();
  EXPECT_TRUE(log.pending.empty());

  group->FinishInstall(Snapshot(50, 2));
  ASSERT_EQ(log.pending.size(), 1u);
  EXPECT_EQ(log.pending[0].write.reset->index, 50u);
  EXPECT_EQ(log.pending[0].write.hard_state->term, 2u);
  EXPECT_EQ(group->applied(), 2u);
  log.CompleteOne();
  group->Pump();
  EXPECT_EQ(group->applied(), 50u);
  EXPECT_EQ(group->raft().last_index(), 50u);
  EXPECT_EQ(group->raft().first_index(), 51u);
  ASSERT_EQ(transport.sent.size(), 1u);
  EXPECT_EQ(transport.sent[0].type, MessageType::kAppendReply);
  EXPECT_EQ(transport.sent[0].index, 50u);

  machine.inline_done = true;
  Step(Append(2, 50, 2, 1, 51));
  SyncAll();
  EXPECT_EQ(machine.applied.back(), 51u);
}

TEST_F(GroupTest, AnAbortedInstallGoesOnAsBefore) {
  Make(Three());
  Step(Append(2, 0, 0, 2, 1));
  ASSERT_TRUE(group->BeginInstall(Snapshot(50, 2), [] {}));
  log.CompleteOne();
  EXPECT_TRUE(transport.sent.empty());
  EXPECT_TRUE(machine.applied.empty());
  group->AbortInstall();
  EXPECT_EQ(transport.Count(MessageType::kAppendReply), 1u) << "held back, now said";
  group->Pump();
  EXPECT_EQ(machine.applied, (std::vector<Index>{1}));
}

TEST_F(GroupTest, SnapshotsThatBringNothingAreNotWanted) {
  Make(Three());
  Step(Append(2, 0, 0, 4, 2));
  SyncAll();
  EXPECT_FALSE(group->BeginInstall(Snapshot(2, 2), [] {})) << "already committed";
  EXPECT_FALSE(group->BeginInstall(Snapshot(4, 2), [] {})) << "the log agrees with it";
  EXPECT_TRUE(group->BeginInstall(Snapshot(5, 2), [] {}));
}

TEST_F(GroupTest, AnInstallThatCannotResetTheLogFails) {
  Make(Three());
  ASSERT_TRUE(group->BeginInstall(Snapshot(50, 2), [] {}));
  group->FinishInstall(Snapshot(50, 2));
  log.CompleteOne(absl::DataLossError("fsync"));
  EXPECT_TRUE(group->failed());
  EXPECT_EQ(group->applied(), 0u);
}

TEST_F(GroupTest, TheLogIsCutToWhatIsPersistedLessTheCatchUpWindow) {
  LeadAlone();
  const std::string big(1u << 15, 'b');
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(group->Propose(std::make_shared<const std::string>(big)).ok());
  }
  group->Pump();
  SyncAll();
  ASSERT_EQ(group->applied(), 9u);
  group->Persisted(3);
  EXPECT_EQ(log.truncated, 3u);
  EXPECT_EQ(group->raft().first_index(), 4u);
  group->Persisted(100);
  EXPECT_GE(log.truncated, 4u) << "about 128 KiB stay";
  EXPECT_LT(log.truncated, 8u);
}

TEST_F(GroupTest, EvictedEntriesAreReadBackForAFollower) {
  memory_limit = 100;
  Make(Three());
  group->Campaign();
  group->Pump();
  Step(From(2, MessageType::kPreVoteReply, 1));
  SyncAll();
  Step(From(2, MessageType::kVoteReply, 1));
  SyncAll();
  ASSERT_TRUE(group->raft().is_leader());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(group->Propose(std::make_shared<const std::string>(std::string(80, 'x'))).ok());
    group->Pump();
    SyncAll();
    Message ack = From(2, MessageType::kAppendReply, 1);
    ack.index = group->raft().last_index();
    Step(ack);
  }
  transport.sent.clear();
  Message ack = From(3, MessageType::kAppendReply, 1);
  ack.index = 1;
  Step(ack);
  size_t entries = 0;
  for (const Message& m : transport.sent) {
    if (m.to == 3) entries += m.entries.size();
  }
  EXPECT_EQ(entries, 5u) << "2..6, most of them from the log";
}

TEST_F(GroupTest, RolesAndConfigurationsAreReported) {
  LeadAlone();
  EXPECT_GE(role_changes, 1);
  Configuration target = Alone();
  target.learners.push_back({9, 9});
  ASSERT_TRUE(group->ChangeConfiguration(target).ok());
  group->Pump();
  EXPECT_EQ(configuration_changes, 1);
  EXPECT_EQ(group->raft().configuration(), target);
}

}  // namespace
}  // namespace fastpath::raft
