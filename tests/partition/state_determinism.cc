// Equal log, equal state: whatever the batches, the engine, stalls, late reads,
// crashes and snapshots (FAILURE-CASES 13, 20, 29, 33).
#include "tests/partition/transact_fixture.h"
#include "tests/support/passing_engine.h"

namespace fastpath::partition::testing {
namespace {

constexpr uint32_t kNotOurs = 65535;  // The bucket that the group does not own.

// A log of everything that a data group's log can hold. Its items have expiries in "ttl".
class RandomLog {
 public:
  explicit RandomLog(uint64_t seed, const std::string& ttl_attribute = "ttl") : random_(seed) {
    api::Table table = TableOf(kTable, kSpace);
    table.set_ttl_attribute(ttl_attribute);
    log.SetTable(table);
    for (int i = 0; i < 1500; ++i) {
      Step();
    }
    log.Digest();
  }

  Log log;
  std::vector<raft::Index> digests;

 private:
  void Step() {
    log.stamp += random_.Below(random_.OneIn(20) ? 60 * kMicrosPerSecond : kMicrosPerSecond);
    const uint64_t kind = random_.Below(100);
    if (kind < 65) {
      Write();
    } else if (kind < 85) {
      Transact();
    } else if (kind < 90) {
      Purge();
    } else if (kind < 92) {
      log.Time();
    } else if (kind < 94) {
      ++log.term;
      log.Noop();
    } else if (kind < 95) {
      raft::Configuration configuration{{{11, 1}, {12, 2}}, {}, {}};
      configuration.learners.push_back({20 + random_.Below(100), 3});
      log.Append(raft::EntryKind::kConfiguration, raft::EncodeConfiguration(configuration));
    } else if (kind < 97) {
      digests.push_back(log.Digest());
    } else if (kind < 99) {
      log.SetTable(TableOf("side" + std::to_string(side_), side_));
    } else {
      log.DropTable(side_++);
    }
  }

  void Write() {
    if (!sent_.empty() && random_.OneIn(8)) {
      log.Append(sent_[sent_.size() - 1 - random_.Below(std::min<size_t>(sent_.size(), 20))]);
      return;
    }
    command::Write write = NewWrite();
    write.set_space(random_.OneIn(6) ? side_ : kSpace);
    *write.mutable_session() = log.NextSession(static_cast<int>(random_.Below(5)));
    if (random_.OneIn(2)) {
      const uint64_t sequence = write.session().sequence();
      write.mutable_session()->set_done_below(sequence -
                                              random_.Below(std::min<uint64_t>(sequence, 9)));
    }
    sent_.push_back(write);
    log.Append(write);
  }

  // A step of a transaction: a new one, or any of the last ones, whatever came of it so far.
  void Transact() {
    if (transactions_.empty() || random_.OneIn(4)) {
      Transaction transaction;
      transaction.session = log.NextSession(10 + static_cast<int>(random_.Below(3)));
      if (random_.OneIn(2)) transaction.session.set_done_below(0);
      transaction.place = static_cast<storage::Bucket>(random_.OneIn(2) ? 1 : kNotOurs);
      if (random_.OneIn(3)) transaction.token = "token" + std::to_string(random_.Below(5));
      transactions_.push_back(transaction);
    }
    const Transaction& transaction =
        transactions_[transactions_.size() - 1 -
                      random_.Below(std::min<size_t>(transactions_.size(), 6))];
    std::vector<command::Write> writes;
    for (uint64_t i = random_.Below(3); i > 0; --i) {
      const model::Value key = S("key" + std::to_string(random_.Below(12)));
      writes.push_back(random_.OneIn(4)   ? CheckOf(key, Exists("pk"))
                       : random_.OneIn(4) ? NewWrite()
                                          : UpdateOf(key, Set("n", N(random_.Below(9)))));
      writes.back().set_space(random_.OneIn(20) ? side_ : kSpace);
      writes.back().set_return_capacity(random_.OneIn(3));
    }
    const uint64_t step = random_.Below(5);
    if (transaction.place == kNotOurs) {
      log.Append(step < 2 ? transaction.Prepare(writes) : transaction.Resolve(!random_.OneIn(3)));
    } else if (step < 3) {
      log.Append(transaction.Begin(writes, step == 0 ? Buckets{} : Buckets{kNotOurs}));
    } else if (step == 3) {
      log.Append(transaction.Decide(!random_.OneIn(3)));
    } else {
      log.Append(transaction.Forget());
    }
  }
  using Buckets = std::vector<uint32_t>;

  // Of what may have expired lately, by every expiry that it may have.
  void Purge() {
    std::vector<std::pair<std::string, uint64_t>> items;
    const uint64_t now = log.stamp / kMicrosPerSecond;
    for (int key = 0; key < 12; ++key) {
      for (uint64_t expiry = now - 20; expiry < now + 20; ++expiry) {
        items.emplace_back(
            DataKeyOf(random_.OneIn(6) ? side_ - 1 : kSpace, S("key" + std::to_string(key))),
            expiry);
      }
    }
    log.Purge(items);
  }

  command::Write NewWrite() {
    const model::Value key = S("key" + std::to_string(random_.Below(12)));
    command::Write write;
    switch (random_.Below(4)) {
      case 0:
        write = PutOf(I({{"pk", key}, {"n", N(random_.Below(9))}, {"ttl", Expiry()}}));
        Decorate(*write.mutable_put());
        break;
      case 1:
        write = UpdateOf(key, Add("n", 1));
        Decorate(*write.mutable_update());
        break;
      case 2:
        write = UpdateOf(key, random_.OneIn(2) ? Set("ttl", Expiry()) : Set("n", S("text")));
        Decorate(*write.mutable_update());
        break;
      default:
        write = DeleteOf(key);
        Decorate(*write.mutable_delete_());
    }
    return write;
  }
  model::Value Expiry() { return N(log.stamp / kMicrosPerSecond + random_.Below(40)); }
  template <typename Op>
  void Decorate(Op& op) {
    if (random_.OneIn(3)) {
      *op.mutable_condition() = random_.OneIn(2) ? Exists("n") : Eq("n", N(random_.Below(9)));
    }
    op.set_return_values(random_.OneIn(2) ? api::ALL_OLD : api::NONE);
    op.set_return_item_on_failure(random_.OneIn(2));
  }

  SimRandom random_;
  uint32_t side_ = 100;
  std::vector<command::Write> sent_;
  std::vector<Transaction> transactions_;
};

api::GroupDescriptor AllButOne() { return DescriptorOf(1, 0, kNotOurs - 1); }

// Applies everything after the replica's index, in batches of up to `limit`.
void ApplyInBatches(Replica& replica, const Log& log, SimRandom& random, size_t limit,
                    const std::function<void()>& between = {}) {
  while (replica.machine().applied().index < log.last()) {
    std::vector<raft::Entry> entries = log.After(replica.machine().applied().index);
    entries.resize(std::min<size_t>(entries.size(), 1 + random.Below(limit)));
    absl::Status applied = replica.Apply(std::move(entries));
    ASSERT_TRUE(applied.ok()) << applied;
    if (between) {
      between();
    }
  }
}

void ExpectSame(Replica& a, Replica& b, const RandomLog& random_log) {
  EXPECT_EQ(a.Digest(), b.Digest());
  EXPECT_EQ(a.Rows(), b.Rows());
  ASSERT_EQ(a.outcomes.size(), b.outcomes.size());
  for (const auto& [index, outcome] : a.outcomes) {
    ASSERT_EQ(outcome.SerializeAsString(), b.outcomes[index].SerializeAsString()) << index;
  }
  size_t compared = 0;  // Either may have skipped some: few are made at once.
  for (raft::Index index : random_log.digests) {
    if (!a.digests.contains(index) || !b.digests.contains(index)) continue;
    EXPECT_EQ(a.digests[index], b.digests[index]) << index;
    ++compared;
  }
  EXPECT_GT(compared, 0u);
}

// Refuses every other read of many keys, as an engine with a full queue does.
class BusyEngine : public fastpath::testing::PassingEngine {
 public:
  using PassingEngine::PassingEngine;
  void MultiGet(std::vector<std::string> keys, GotMany done) override {
    if (++reads_ % 2 == 1) {
      return done(absl::ResourceExhaustedError("busy"));
    }
    PassingEngine::MultiGet(std::move(keys), std::move(done));
  }
  void Scan(storage::KeyRange range, storage::ScanOptions options,
            absl::AnyInvocable<void(absl::StatusOr<storage::ScanResult>)> done) override {
    if (++reads_ % 2 == 1) {
      return done(absl::ResourceExhaustedError("busy"));
    }
    PassingEngine::Scan(std::move(range), std::move(options), std::move(done));
  }

 private:
  uint64_t reads_ = 0;
};

TEST(StateOverload, AReadThatTheEngineRefusesIsAskedAgain) {
  SimLoop loop;
  SimExecutor executor(&loop);
  storage::SimStore store;
  auto engine = storage::OpenSimEngine(&store, {}, &executor);
  BusyEngine busy(engine.get());
  storage::WriteBatch batch;
  BootstrapGroup(DescriptorOf(1), kStart, batch);
  engine->Write(std::move(batch), [](absl::Status) {});
  std::unique_ptr<StateMachine> machine;
  StateMachine::Load(1, &busy, {}, [&](auto loaded) { machine = *std::move(loaded); });
  loop.RunUntilIdle();
  ASSERT_NE(machine, nullptr);
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  for (int i = 0; i < 10; ++i) {
    log.Append(UpdateOf(S("a"), Add("n", 1)));
    std::optional<absl::Status> applied;
    machine->Apply(log.After(machine->applied().index),
                   [&](absl::Status status) { applied = status; });
    loop.RunUntilIdle();
    ASSERT_TRUE(applied.has_value());
    ASSERT_TRUE(applied->ok()) << *applied;
  }
  EXPECT_EQ(machine->applied().index, log.last());
}

// Its Gets are answered when the test says so, as those are that miss memory.
class LateEngine : public BusyEngine {
 public:
  using BusyEngine::BusyEngine;
  void Get(std::string key, Got done) override {
    BusyEngine::Get(std::move(key), [this, done = std::move(done)](auto row) mutable {
      held_.push_back([done = std::move(done), row = std::move(row)]() mutable {
        std::move(done)(std::move(row));
      });
    });
  }
  void Release() {
    for (Task& answer : std::exchange(held_, {})) std::move(answer)();
  }
  bool holds() const { return !held_.empty(); }

 private:
  std::vector<Task> held_;
};

// An item whose expiry is moved in time is there at every moment, also to a read
// whose row is older than the move and answered after the old expiry.
TEST(StateLateRead, AMovedExpiryHidesNothingFromAReadThatBeganBefore) {
  SimLoop loop;
  SimExecutor executor(&loop);
  storage::SimStore store;
  auto engine = storage::OpenSimEngine(&store, {}, &executor);
  LateEngine late(engine.get());
  storage::WriteBatch batch;
  BootstrapGroup(DescriptorOf(1), kStart, batch);
  engine->Write(std::move(batch), [](absl::Status) {});
  std::unique_ptr<StateMachine> machine;
  StateMachine::Load(1, &late, {}, [&](auto loaded) { machine = *std::move(loaded); });
  loop.RunUntil([&] { return late.holds() || machine != nullptr; });
  while (machine == nullptr) {
    late.Release();
    loop.RunUntil([&] { return late.holds() || machine != nullptr; });
  }
  Log log;
  const auto apply = [&] {
    machine->Apply(log.After(machine->applied().index), [](absl::Status) {});
    loop.RunUntilIdle();
    ASSERT_EQ(machine->applied().index, log.last());
  };
  log.SetTable(TableOf(kTable, kSpace));
  log.Append(PutOf(I({{"pk", S("a")}, {"ttl", N(kStartSeconds + 10)}})));
  apply();
  api::GetRequest request;
  request.set_table(kTable);
  *request.mutable_key() = K(S("a"));
  std::optional<StateMachine::GetAnswer> answer;
  machine->Get(request, {machine->applied().stamp}, [&](auto got) { answer = *std::move(got); });
  loop.RunUntilIdle();
  ASSERT_TRUE(late.holds());
  log.Append(PutOf(I({{"pk", S("a")}, {"ttl", N(kStartSeconds + 1000)}})));
  log.stamp = (kStartSeconds + 20) * kMicrosPerSecond;
  log.Append(UpdateOf(S("other"), Add("n", 1)));
  apply();
  late.Release();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->result.found());
}

class StateDeterminism : public ::testing::TestWithParam<uint64_t> {};

TEST_P(StateDeterminism, BatchingStallsAndLateReadsDoNotMatter) {
  RandomLog log(GetParam());
  SimRandom random(GetParam() + 1);
  auto one_by_one = Replica::Bootstrapped(AllButOne());
  ApplyInBatches(*one_by_one, log.log, random, 1);
  storage::SimEngineOptions trouble;
  trouble.random = &random;
  trouble.late_read_one_in = 3;
  trouble.stall_one_in = 3;
  auto troubled = Replica::Bootstrapped(AllButOne(), std::make_unique<SimHost>(trouble));
  ApplyInBatches(*troubled, log.log, random, 200);
  auto at_once = Replica::Bootstrapped(AllButOne());
  at_once->Apply(log.log);
  std::map<command::TransactState, int> states;
  int conflicts = 0;
  for (const auto& [index, outcome] : one_by_one->outcomes) {
    ++states[outcome.state()];
    conflicts += outcome.code() == api::CONFLICT ? 1 : 0;
  }
  EXPECT_GT(states[command::PENDING], 10);
  EXPECT_GT(states[command::COMMITTED], 3);
  EXPECT_GT(states[command::ABORTED], 5);
  EXPECT_GT(conflicts, 5);
  ExpectSame(*one_by_one, *troubled, log);
  ExpectSame(*one_by_one, *at_once, log);
}

// In a table without a TTL attribute plain puts do not ask what the item was; in one with an
// attribute that no item has they do.
TEST_P(StateDeterminism, NothingComesOfWhatAPutDoesNotAsk) {
  const auto rows_of = [](Replica& replica) {
    return replica.Rows(replica.machine().DataRange(kSpace));
  };
  RandomLog not_asked(GetParam(), ""), asked(GetParam(), "never");
  SimRandom random(GetParam() + 5);
  auto one_by_one = Replica::Bootstrapped(AllButOne());
  ApplyInBatches(*one_by_one, not_asked.log, random, 1);
  auto batches = Replica::Bootstrapped(AllButOne());
  ApplyInBatches(*batches, not_asked.log, random, 30);
  ExpectSame(*one_by_one, *batches, not_asked);
  auto reference = Replica::Bootstrapped(AllButOne());
  ApplyInBatches(*reference, asked.log, random, 30);
  EXPECT_FALSE(rows_of(*reference).empty());
  EXPECT_EQ(rows_of(*one_by_one), rows_of(*reference));
  ASSERT_EQ(one_by_one->outcomes.size(), reference->outcomes.size());
  for (const auto& [index, outcome] : reference->outcomes) {
    ASSERT_EQ(outcome.SerializeAsString(), one_by_one->outcomes[index].SerializeAsString())
        << index;
  }
}

TEST_P(StateDeterminism, EnginesDoNotMatter) {
  RandomLog log(GetParam());
  SimRandom random(GetParam() + 2);
  auto sim = Replica::Bootstrapped(AllButOne());
  ApplyInBatches(*sim, log.log, random, 50);
  auto rocks = Replica::Bootstrapped(AllButOne(), std::make_unique<RocksHost>());
  ApplyInBatches(*rocks, log.log, random, 100);
  ExpectSame(*sim, *rocks, log);
}

TEST_P(StateDeterminism, CrashesAndReplaysDoNotMatter) {
  RandomLog log(GetParam());
  SimRandom random(GetParam() + 3);
  auto steady = Replica::Bootstrapped(AllButOne());
  steady->Apply(log.log);
  auto crashing = Replica::Bootstrapped(AllButOne());
  std::map<raft::Index, std::string> first;
  int crashes = 0;
  ApplyInBatches(*crashing, log.log, random, 30, [&] {
    if (random.OneIn(4)) {
      crashing->Flush();
    }
    if (crashes < 40 && random.OneIn(4)) {
      crashing->Crash();
      ++crashes;
    }
  });
  EXPECT_GT(crashes, 5);
  // A digest command that was applied before a crash is not applied again.
  EXPECT_EQ(steady->Digest(), crashing->Digest());
  EXPECT_EQ(steady->Rows(), crashing->Rows());
  for (const auto& [index, outcome] : steady->outcomes) {
    ASSERT_EQ(outcome.SerializeAsString(), crashing->outcomes[index].SerializeAsString()) << index;
  }
}

TEST_P(StateDeterminism, ASnapshotGoesOnLikeItsSender) {
  RandomLog log(GetParam());
  SimRandom random(GetParam() + 4);
  auto sender = Replica::Bootstrapped(AllButOne());
  const size_t cut = log.log.entries.size() / 2;
  ASSERT_TRUE(sender->Apply({log.log.entries.begin(), log.log.entries.begin() + cut}).ok());
  StateMachine::SnapshotPoint point = sender->machine().Pin();
  EXPECT_EQ(point.meta.index, sender->machine().applied().index);

  // The receiver has an older state, which the snapshot replaces.
  auto receiver = Replica::Bootstrapped(AllButOne());
  ASSERT_TRUE(receiver->Apply({log.log.entries.begin(), log.log.entries.begin() + cut / 3}).ok());
  std::set<storage::SpaceId> spaces;
  for (Replica* replica : {sender.get(), receiver.get()}) {
    for (const api::Table& table : replica->machine().tables()) {
      spaces.insert(table.space());
    }
  }
  std::unique_ptr<storage::Installer> installer = receiver->engine()->NewInstall(
      InstallRanges(1, receiver->machine().buckets(), {spaces.begin(), spaces.end()}));
  storage::SnapshotReader reader(sender->engine(), point.view, point.ranges, 2000);
  for (bool more = true; more;) {
    std::optional<std::string> chunk;
    reader.Next([&](auto next) { chunk = *next; });
    sender->Wait([&] { return chunk.has_value(); });
    more = !chunk->empty();
    if (more) {
      std::optional<absl::Status> added;
      installer->Add(*storage::DecodeChunk(*chunk), [&](absl::Status status) { added = status; });
      receiver->Wait([&] { return added.has_value(); });
      ASSERT_TRUE(added->ok()) << *added;
    }
  }
  std::optional<absl::Status> committed;
  installer->Commit([&](absl::Status status) { committed = status; });
  receiver->Wait([&] { return committed.has_value(); });
  ASSERT_TRUE(committed->ok()) << *committed;
  receiver->Load();
  EXPECT_EQ(receiver->machine().applied().index, point.meta.index);
  EXPECT_EQ(receiver->machine().applied().configuration, point.meta.configuration);

  ApplyInBatches(*sender, log.log, random, 100);
  ApplyInBatches(*receiver, log.log, random, 100);
  EXPECT_EQ(sender->Digest(), receiver->Digest());
  EXPECT_EQ(sender->Rows(), receiver->Rows());
}

INSTANTIATE_TEST_SUITE_P(Seeds, StateDeterminism, ::testing::Range<uint64_t>(1, 9));

TEST(StateDigest, IsOfExactlyItsIndexWhateverCameLater) {
  auto replica = Replica::Bootstrapped(DescriptorOf(1));
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  log.Append(PutOf(I({{"pk", S("a")}})));
  const raft::Index index = log.Digest();
  log.Append(PutOf(I({{"pk", S("a")}, {"later", N(1)}})));
  replica->Apply(log);
  replica->Wait([&] { return replica->digests.contains(index); });
  EXPECT_EQ(replica->machine().digest_at(index), replica->digests[index]);
  EXPECT_EQ(replica->machine().digest_at(index + 1), std::nullopt);

  auto up_to_it = Replica::Bootstrapped(DescriptorOf(1));
  log.entries.pop_back();
  up_to_it->Apply(log);
  EXPECT_EQ(up_to_it->Digest(), replica->digests[index]);
  EXPECT_NE(up_to_it->Digest(), replica->Digest());
}

TEST(StateDigest, TheLast16AreKept) {
  auto replica = Replica::Bootstrapped(DescriptorOf(1));
  Log log;
  std::vector<raft::Index> indexes;
  for (int i = 0; i < 20; ++i) {
    indexes.push_back(log.Digest());
    replica->Apply(log);
    replica->Wait([&] { return replica->digests.contains(indexes.back()); });
  }
  EXPECT_FALSE(replica->machine().digest_at(indexes[3]).has_value());
  EXPECT_TRUE(replica->machine().digest_at(indexes[4]).has_value());
}

// A group on an engine whose reads all come late.
class Late {
 public:
  explicit Late(uint32_t version = kCommandVersion) {
    storage::WriteBatch batch;
    BootstrapGroup(DescriptorOf(1), kStart, batch, version);
    engine_->Write(std::move(batch), [](absl::Status) {});
    loop.RunUntilIdle();
  }

  absl::StatusOr<std::unique_ptr<StateMachine>> Load(StateMachine::Listeners listeners = {}) {
    absl::StatusOr<std::unique_ptr<StateMachine>> machine = absl::UnknownError("not loaded");
    StateMachine::Load(1, engine_.get(), std::move(listeners),
                       [&](auto loaded) { machine = std::move(loaded); });
    loop.RunUntilIdle();
    return machine;
  }

  SimLoop loop;

 private:
  SimRandom random_{1};
  SimExecutor executor_{&loop};
  storage::SimStore store_;
  std::unique_ptr<storage::Engine> engine_ =
      storage::OpenSimEngine(&store_, {.random = &random_, .late_read_one_in = 1}, &executor_);
};

// Whoever may ask for digests may ask for many, and each holds a view and reads everything.
TEST(StateDigest, FewAreMadeAtOnce) {
  Late group;
  std::vector<raft::Index> made;
  auto machine =
      *group.Load({.digest = [&](raft::Index index, uint64_t) { made.push_back(index); }});
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  const raft::Index first = log.Digest();
  for (int i = 0; i < 19; ++i) log.Digest();
  machine->Apply(log.entries, [](absl::Status status) { EXPECT_TRUE(status.ok()) << status; });
  group.loop.RunUntilIdle();
  EXPECT_EQ(made, (std::vector<raft::Index>{first, first + 1}));
}

TEST(StateLifetime, AMachineMayDieWhileItsApplyWaits) {
  Late group;
  auto machine = *group.Load();
  Log log;
  log.SetTable(TableOf(kTable, kSpace));
  log.Append(PutOf(I({{"pk", S("a")}})));
  log.Digest();
  bool done = false;
  machine->Apply(log.entries, [&](absl::Status) { done = true; });
  machine.reset();
  group.loop.RunUntilIdle();
  EXPECT_FALSE(done);
}

TEST(StateLifetime, AStoreOfANewerProgramIsNotLoaded) {
  EXPECT_TRUE(absl::IsUnimplemented(Late(kCommandVersion + 1).Load().status()));
}

}  // namespace
}  // namespace fastpath::partition::testing
