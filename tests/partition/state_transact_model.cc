// Many transactions over three groups at once: coordinators that die and are adopted, steps
// that are lost, repeated and late, plain writes between them, restarts. What is committed
// took effect exactly once and everywhere, the rest nowhere, in one order for all
// (FAILURE-CASES 21-23, 25, 28, 33, 34).
#include <deque>

#include "partition/txn/coordinator.h"
#include "tests/partition/transact_fixture.h"

namespace fastpath::partition::testing {
namespace {

using Do = TransactCoordinator::Do;

constexpr size_t kGroups = 3;
constexpr size_t kAccounts = 4;  // In each group.
constexpr size_t kMessages = 8;  // On their way at a time, when another transaction begins.
constexpr size_t kPages = 2;     // Likewise: items that hold the number of who wrote them last.

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    for (uint32_t i = 0; i < kGroups; ++i) {
      const uint32_t first = i * 65536 / kGroups;
      const uint32_t last = (i + 1) * 65536 / kGroups - 1;
      groups_.emplace_back(i + 1, first, last);
      accounts_.push_back(KeysIn(first, last, kAccounts, "account"));
      pages_.push_back(KeysIn(first, last, kPages, "page"));
    }
  }

  void Live(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    Drain();
  }
  void Check();

  int commits = 0, aborts = 0, adopted = 0, late = 0, met = 0, conflicts = 0;

 private:
  struct Part {
    size_t group = 0;
    std::vector<command::Write> writes;
  };
  struct Run {
    Transaction transaction;
    size_t home = 0;
    std::vector<command::Write> own;
    std::vector<Part> parts;
    std::vector<uint32_t> elsewhere;
    std::map<std::string, int64_t> deltas;
    TransactCoordinator coordinator{{}, {}};
    int driver = 0;  // Grows with every adoption.
    command::TransactState state = command::NO_TRANSACTION;
  };
  struct Message {
    size_t run = 0;
    int driver = 0;
    TransactCoordinator::Action action;
    bool commit = false;
    api::TransactWriteResult result;
    bool sent = false;
  };

  void Step();
  void New();
  void Push(size_t run, const TransactCoordinator::Actions& actions);
  void Send(size_t at);
  TransactCoordinator::Actions Execute(const Message& message, bool deliver);
  void Note(Run& run, command::TransactState state);
  void Plain();
  void Adopt(size_t run);
  void AdoptOne(size_t group);
  size_t RunOf(const std::string& id) const;
  void Meet(size_t group);
  void Drain();
  command::Outcome Apply(size_t group, command::Command command);
  void LookAtPages(size_t group);

  SimRandom random_;
  std::deque<Group> groups_;
  std::vector<std::vector<std::string>> accounts_;
  std::vector<std::vector<std::string>> pages_;
  std::vector<Run> runs_;
  std::vector<Message> messages_;
  std::map<std::string, int64_t> plain_;                 // What plain writes added.
  std::map<std::string, std::vector<int64_t>> written_;  // Pages: by whom, in order.
};

void World::Step() {
  const uint64_t kind = random_.Below(100);
  if (kind < 22) {
    if (messages_.size() < kMessages) New();
  } else if (kind < 80) {
    if (!messages_.empty()) Send(random_.Below(messages_.size()));
  } else if (kind < 90) {
    Plain();
  } else if (kind < 94) {
    Meet(random_.Below(kGroups));
  } else if (kind < 96) {
    AdoptOne(random_.Below(kGroups));
  } else if (kind < 98) {
    if (runs_.empty()) return;
    const size_t run = random_.Below(runs_.size());
    Push(run, runs_[run].coordinator.Expired());
  } else {
    Group& group = groups_[random_.Below(kGroups)];
    if (random_.OneIn(2)) group.replica->Flush();
    group.Restart();
  }
}

// Moves money between accounts, writes its number on pages, checks others.
void World::New() {
  Run run;
  const int64_t number = static_cast<int64_t>(runs_.size()) + 1;
  std::map<size_t, std::vector<command::Write>> writes;
  std::set<std::string> used;
  const size_t home = random_.Below(kGroups);
  const auto pick = [&](const std::vector<std::vector<std::string>>& keys, size_t* group) {
    *group = random_.OneIn(3) ? home : random_.Below(kGroups);
    const std::string& key = keys[*group][random_.Below(keys[*group].size())];
    return used.insert(key).second ? key : std::string();
  };
  size_t group = 0;
  const int64_t amount = static_cast<int64_t>(random_.Below(100));
  for (const int64_t delta : {amount, -amount}) {
    const std::string key = pick(accounts_, &group);
    if (key.empty()) continue;
    run.deltas[key] = delta;
    writes[group].push_back(UpdateOf(S(key), Add("n", delta)));
  }
  for (uint64_t i = random_.Below(3); i > 0; --i) {
    const std::string key = pick(pages_, &group);
    if (key.empty()) continue;
    command::Write write = PutOf(I({{"pk", S(key)}, {"n", N(number)}}));
    if (random_.OneIn(6)) write = If(random_.OneIn(2) ? Exists("pk") : NotExists("pk"), write);
    writes[group].push_back(write);
  }
  if (random_.OneIn(3)) {
    const std::string key = pick(pages_, &group);
    if (!key.empty()) writes[group].push_back(CheckOf(S(key), Exists("pk")));
  }
  std::vector<int> own;
  std::vector<std::vector<int>> parts;
  int item = 0;
  for (auto& [where, list] : writes) {
    std::vector<int> items;
    for (const command::Write& write : list) {
      items.push_back(item++);
      const std::string pk = write.has_update()  ? write.update().key().partition()
                             : write.has_check() ? write.check().key().partition()
                                                 : std::string();
      if (where == home) continue;
      const absl::StatusOr<model::EncodedKey> key =
          write.has_put() ? model::KeyOfItem(TableOf(kTable, kSpace), write.put().item())
                          : model::EncodeKey(TableOf(kTable, kSpace), K(*model::DecodeValue(pk)));
      run.elsewhere.push_back(storage::BucketOf(key->hash));
    }
    if (where == home) {
      own = items;
      run.own = list;
    } else {
      parts.push_back(items);
      run.parts.push_back({where, list});
    }
  }
  std::sort(run.elsewhere.begin(), run.elsewhere.end());
  run.home = home;
  const int client = 10 + static_cast<int>(random_.Below(4));
  run.transaction.session = groups_[0].log.NextSession(client);
  if (!random_.OneIn(10)) run.transaction.session.set_done_below(0);
  run.transaction.session.set_not_after(kStart + 300 * kMicrosPerSecond);
  run.transaction.place = static_cast<storage::Bucket>(BucketOfKey(accounts_[home][0]));
  run.coordinator = TransactCoordinator(own, parts);
  runs_.push_back(std::move(run));
  Push(runs_.size() - 1, runs_.back().coordinator.Start());
}

void World::Push(size_t run, const TransactCoordinator::Actions& actions) {
  const TransactCoordinator& coordinator = runs_[run].coordinator;
  for (const auto& action : actions) {
    if (action.what == Do::kAnswer) {
      if (coordinator.code() == api::OK) {
        EXPECT_EQ(runs_[run].state, command::COMMITTED);
      } else if (coordinator.code() == api::TRANSACTION_CANCELLED) {
        EXPECT_NE(runs_[run].state, command::COMMITTED);
        for (const auto& reason : coordinator.result().reasons()) {
          conflicts += reason.code() == api::CONFLICT ? 1 : 0;
        }
      }
      continue;
    }
    messages_.push_back(
        {run, runs_[run].driver, action, coordinator.commit(), coordinator.result()});
  }
}

// One message arrives; or arrives again, late; or its answer is lost, so it is sent again.
void World::Send(size_t at) {
  Message message = messages_[at];
  const uint64_t fate = random_.Below(8);
  late += message.sent ? 1 : 0;
  if (fate >= 2 || (message.sent && !random_.OneIn(3))) {
    messages_.erase(messages_.begin() + static_cast<ptrdiff_t>(at));
  } else {
    messages_[at].sent = true;
  }
  const TransactCoordinator::Actions next = Execute(message, fate != 0);
  Push(message.run, next);
}

TransactCoordinator::Actions World::Execute(const Message& message, bool deliver) {
  Run& run = runs_[message.run];
  deliver = deliver && message.driver == run.driver;
  const size_t part = message.action.part;
  switch (message.action.what) {
    case Do::kBegin: {
      const auto outcome = Apply(run.home, run.transaction.Begin(run.own, run.elsewhere));
      Note(run, outcome.state());
      if (!deliver || run.parts.empty()) return {};
      return run.coordinator.Begun(outcome);
    }
    case Do::kPrepare: {
      const auto outcome =
          Apply(run.parts[part].group, run.transaction.Prepare(run.parts[part].writes));
      return deliver ? run.coordinator.Prepared(part, outcome) : TransactCoordinator::Actions{};
    }
    case Do::kDecide: {
      const auto outcome = Apply(run.home, run.transaction.Decide(message.commit, message.result));
      Note(run, outcome.state());
      return deliver ? run.coordinator.Decided(outcome.state()) : TransactCoordinator::Actions{};
    }
    case Do::kResolve:
      Apply(run.parts[part].group, run.transaction.Resolve(message.commit));
      return deliver ? run.coordinator.Resolved(part, {}) : TransactCoordinator::Actions{};
    default:
      Apply(run.home, run.transaction.Forget());
      return {};
  }
}

// It is decided once.
void World::Note(Run& run, command::TransactState state) {
  if (state != command::COMMITTED && state != command::ABORTED) return;
  EXPECT_TRUE(run.state == command::NO_TRANSACTION || run.state == state);
  if (run.state == command::NO_TRANSACTION) ++(state == command::COMMITTED ? commits : aborts);
  run.state = state;
}

command::Outcome World::Apply(size_t group, command::Command command) {
  command::Outcome outcome = groups_[group].Run(std::move(command));
  LookAtPages(group);
  return outcome;
}

void World::LookAtPages(size_t group) {
  for (const std::string& key : pages_[group]) {
    const int64_t number = groups_[group].Number(key);
    std::vector<int64_t>& written = written_[key];
    if (number != 0 && (written.empty() || written.back() != number)) written.push_back(number);
  }
}

void World::Plain() {
  const size_t group = random_.Below(kGroups);
  const std::string& key = accounts_[group][random_.Below(kAccounts)];
  const int64_t delta = static_cast<int64_t>(random_.Below(10));
  const command::Outcome outcome = groups_[group].Run(UpdateOf(S(key), Add("n", delta)));
  if (outcome.code() == api::OK) plain_[key] += delta;
  conflicts += outcome.code() == api::CONFLICT ? 1 : 0;
}

// The place has another leader: the driver is gone, what it sent is still on its way.
void World::Adopt(size_t at) {
  Run& run = runs_[at];
  const TransactRecord* record =
      groups_[run.home].replica->machine().FindTransact(run.transaction.id());
  if (record == nullptr) return;
  ++adopted;
  ++run.driver;
  run.coordinator = TransactCoordinator::Adopt(record->state, run.parts.size());
  Push(at, run.coordinator.Start());
}

void World::AdoptOne(size_t group) {
  const auto& records = groups_[group].replica->machine().transacts();
  if (records.empty()) return;
  auto record = records.begin();
  std::advance(record, random_.Below(records.size()));
  Adopt(RunOf(record->first));
}

size_t World::RunOf(const std::string& id) const {
  const auto run = std::find_if(runs_.begin(), runs_.end(),
                                [&](const Run& run) { return run.transaction.id() == id; });
  EXPECT_NE(run, runs_.end());
  return static_cast<size_t>(run - runs_.begin());
}

// Somebody meets the locks of a group and asks how their transactions are.
void World::Meet(size_t group) {
  const auto holders = groups_[group].replica->machine().HoldersSince(UINT64_MAX, {});
  for (const StateMachine::Holder& holder : holders) {
    const Run* run = &runs_[RunOf(holder.id)];
    EXPECT_EQ(holder.place, run->transaction.place);
    const TransactRecord* record = groups_[run->home].replica->machine().FindTransact(holder.id);
    if (record != nullptr && record->state == command::PENDING) continue;
    ++met;
    Apply(group,
          run->transaction.Resolve(record != nullptr && record->state == command::COMMITTED));
  }
}

void World::Drain() {
  bool left = true;
  for (int round = 0; left && round < 50; ++round) {
    for (int i = 0; !messages_.empty() && i < 100'000; ++i) Send(random_.Below(messages_.size()));
    left = false;
    for (size_t run = 0; run < runs_.size(); ++run) Adopt(run);
    for (size_t group = 0; group < kGroups; ++group) {
      Meet(group);
      left = left || groups_[group].Locks() > 0 ||
             !groups_[group].replica->machine().transacts().empty();
    }
    left = left || !messages_.empty();
  }
  EXPECT_FALSE(left);
}

void World::Check() {
  std::map<std::string, int64_t> expected = plain_;
  for (const Run& run : runs_) {
    if (run.state != command::COMMITTED) continue;
    for (const auto& [key, delta] : run.deltas) expected[key] += delta;
  }
  std::map<int64_t, std::set<int64_t>> before;
  for (size_t group = 0; group < kGroups; ++group) {
    for (const std::string& key : accounts_[group]) {
      EXPECT_EQ(groups_[group].Number(key), expected[key]) << key;
    }
    for (const std::string& key : pages_[group]) {
      const std::vector<int64_t>& written = written_[key];
      for (size_t i = 0; i < written.size(); ++i) {
        EXPECT_EQ(runs_[static_cast<size_t>(written[i] - 1)].state, command::COMMITTED);
        before[written[i]];
        if (i > 0) before[written[i]].insert(written[i - 1]);
      }
    }
  }
  // One order for all: who has nobody before it goes first, again and again.
  for (bool found = true; found && !before.empty();) {
    found = false;
    for (auto it = before.begin(); it != before.end();) {
      const int64_t first = it->first;
      if (!it->second.empty()) {
        ++it;
        continue;
      }
      it = before.erase(it);
      for (auto& [number, others] : before) others.erase(first);
      found = true;
    }
  }
  EXPECT_TRUE(before.empty());
  // However the logs are cut, and from a snapshot of rows, the same.
  for (Group& group : groups_) {
    auto at_once = Replica::Bootstrapped(group.descriptor);
    at_once->Apply(group.log);
    EXPECT_EQ(at_once->Rows(), group.replica->Rows());
    auto cut = Replica::Bootstrapped(group.descriptor);
    while (cut->machine().applied().index < group.log.last()) {
      std::vector<raft::Entry> entries = group.log.After(cut->machine().applied().index);
      entries.resize(std::min<size_t>(entries.size(), 1 + random_.Below(20)));
      ASSERT_TRUE(cut->Apply(std::move(entries)).ok());
      if (random_.OneIn(20)) cut->Flush();
      if (random_.OneIn(60)) cut->Crash();
    }
    EXPECT_EQ(cut->Rows(), group.replica->Rows());
  }
}

class StateTransactModel : public ::testing::TestWithParam<uint64_t> {};

TEST_P(StateTransactModel, CommittedOnceAndEverywhereOrNowhere) {
  World world(GetParam());
  world.Live(4000);
  world.Check();
  EXPECT_GT(world.commits, 50);
  EXPECT_GT(world.aborts, 50);
  EXPECT_GT(world.adopted, 20);
  EXPECT_GT(world.late, 100);
  EXPECT_GT(world.met, 5);
  EXPECT_GT(world.conflicts, 50);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StateTransactModel, ::testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace fastpath::partition::testing
