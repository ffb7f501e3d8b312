// The core under everything at once: drops, duplicates, reordering, one-way
// partitions, pauses, crashes that lose what was not synced, slow disks,
// membership changes, transfers, snapshots, reads and leases, groups that go
// quiet and are woken for no reason, on clocks that drift within the bound. Every
// safety property is checked as things happen.
//
//   FASTPATH_SEED=n    one seed, for replay     FASTPATH_SEEDS=n   seeds to run
//   FASTPATH_STEPS=n   steps a seed             FASTPATH_TRACE=1   say everything
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "raft/quorum.h"
#include "tests/raft/sim_cluster.h"

namespace fastpath::raft {
namespace {

uint64_t EnvOr(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool Percent(uint64_t percent) { return Below(100) < percent; }
  bool Permille(uint64_t permille) { return Below(1000) < permille; }

 private:
  uint64_t state_;
};

// How bad this seed's world is. Zeros for some, so that progress is seen too.
struct Weather {
  uint64_t drop_percent, duplicate_percent, reorder_percent, cut_permille, crash_permille;
  uint64_t pause_permille, member_permille, transfer_permille, compact_permille, sync_percent;
  uint64_t read_percent, propose_percent, step_us, heal_permille, restart_percent;
  uint64_t leader_crash_permille, bridge_permille;
  uint64_t lull_permille, wake_permille;
};

enum class Climate {
  kMixed,         // Some of everything.
  kDyingLeaders,  // Of five, one entry a message: what Figure 8 needs.
  kBridges,       // Three, of which two do not see each other: what leases need.
  kLulls,         // Mostly asleep, with trouble while they sleep.
};

Climate Climates(Dice& dice) {
  const uint64_t roll = dice.Below(100);
  if (roll < 50) return Climate::kMixed;
  return roll < 67 ? Climate::kDyingLeaders : roll < 84 ? Climate::kBridges : Climate::kLulls;
}

class World {
 public:
  explicit World(uint64_t seed)
      : dice_(seed), climate_(Climates(dice_)), cluster_(MakeSetup(seed, dice_, climate_)) {
    auto some = [&](uint64_t most) { return dice_.Percent(40) ? 0 : dice_.Below(most + 1); };
    weather_ = {some(20),
                some(20),
                some(60),
                some(12),
                some(15),
                some(8),
                some(15),
                some(15),
                some(40),
                20 + dice_.Below(80),
                some(40),
                10 + dice_.Below(70),
                1000 + dice_.Below(12'000),
                3 + dice_.Below(20),
                4,
                0,
                0,
                some(4),
                some(20)};
    if (climate_ != Climate::kMixed) {
      weather_.member_permille = weather_.transfer_permille = weather_.pause_permille = 0;
      weather_.cut_permille = weather_.crash_permille = weather_.reorder_percent = 0;
      weather_.restart_percent = 15;
    }
    if (climate_ == Climate::kDyingLeaders) {
      weather_.cut_permille = dice_.Below(12);
      weather_.step_us = 25'000;
      weather_.propose_percent = 5;
      weather_.leader_crash_permille = 100 + dice_.Below(300);
    }
    if (climate_ == Climate::kBridges) {
      weather_.drop_percent = 0;
      weather_.sync_percent = 90;
      weather_.propose_percent = 50;
      weather_.heal_permille = 0;
      weather_.bridge_permille = 2 + dice_.Below(10);
      weather_.crash_permille = dice_.Below(4);
    }
    if (climate_ == Climate::kLulls) {
      weather_.drop_percent = weather_.duplicate_percent = dice_.Below(3);
      weather_.reorder_percent = some(20);
      weather_.sync_percent = 90;
      weather_.propose_percent = weather_.read_percent = 50;
      weather_.cut_permille = some(2);
      weather_.heal_permille = 10;
      weather_.crash_permille = some(3);
      weather_.pause_permille = some(3);
      weather_.restart_percent = 10;
      weather_.lull_permille = 10;
      weather_.wake_permille = some(10);
    }
    const size_t n = cluster_.size();
    cut_.assign((n + 1) * (n + 1), false);
    cluster_.admit = [this](const Message& m) {
      return !Cut(m.from, m.to) && !dice_.Percent(weather_.drop_percent);
    };
    for (ReplicaId id = 1; id <= n; ++id) {
      SimNode& node = cluster_.node(id);
      node.rate = 0.95 + static_cast<double>(dice_.Below(1001)) / 10000.0;
      node.offset = static_cast<Micros>(dice_.Below(1'000'000'000));
      cluster_.Start(id);
    }
    if (EnvOr("FASTPATH_TRACE", 0) != 0) {
      cluster_.trace = [this](const std::string& line) {
        std::fprintf(stderr, "%10ld %s\n", static_cast<long>(cluster_.now), line.c_str());
      };
    }
  }

  SimCluster& cluster() { return cluster_; }

  void Step() {
    cluster_.now += static_cast<Micros>(dice_.Below(dice_.Percent(5) ? 60'000 : weather_.step_us));
    Deliver();
    const ReplicaId id = 1 + dice_.Below(cluster_.size());
    SimNode& node = cluster_.node(id);
    if (node.raft == nullptr) {
      if (dice_.Percent(weather_.restart_percent)) cluster_.Start(id);
      return;
    }
    if (node.paused) {
      if (dice_.Percent(3)) node.paused = false;
      return;
    }
    Work(id, node);
    if (node.raft == nullptr) return;
    Ask(id, node);
    Disturb(id, node);
    cluster_.CheckLeases();
  }

  // After the storm: everything heals, and the group must get somewhere.
  void Heal() {
    weather_ = {0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    lull_steps_ = 0;
    std::fill(cut_.begin(), cut_.end(), false);
    for (ReplicaId id = 1; id <= cluster_.size(); ++id) {
      cluster_.node(id).paused = false;
      if (!cluster_.alive(id)) cluster_.Start(id);
    }
    bool proposed = false;
    for (int round = 0; round < 400; ++round) {
      cluster_.now += 25'000;
      for (ReplicaId id = 1; id <= cluster_.size(); ++id) TickIfDue(id);
      cluster_.Settle([](const Message&) { return true; });
      cluster_.CheckLeases();
      const ReplicaId leader = Leader();
      if (leader == 0) continue;
      if (!proposed) proposed = cluster_.Propose(leader, "healed").ok();
      if (proposed && Converged(leader)) return;
    }
    std::string states;
    for (ReplicaId id = 1; id <= cluster_.size(); ++id) {
      const Raft& raft = *cluster_.node(id).raft;
      absl::StrAppend(&states, "\n  ", id, " ", RoleName(raft.role()), " term ", raft.term(),
                      " last ", raft.last_index(), " commit ", raft.commit(), " ",
                      Describe(raft.configuration()), " at ", raft.configuration_index());
    }
    cluster_.checker.Fail("no convergence after healing" + states);
  }

 private:
  static SimCluster::Setup MakeSetup(uint64_t seed, Dice& dice, Climate climate) {
    SimCluster::Setup setup;
    setup.seed = seed;
    setup.nodes = 4 + dice.Below(3);
    const uint64_t sizes[] = {1, 2, 3, 3, 3, 4, 5};
    uint64_t voters = std::min<uint64_t>(sizes[dice.Below(7)], setup.nodes - 1);
    if (climate == Climate::kDyingLeaders) voters = setup.nodes = 5;
    if (climate == Climate::kBridges) voters = setup.nodes = 3;
    if (climate == Climate::kLulls) voters = setup.nodes = 3 + dice.Below(3);
    for (ReplicaId id = 1; id <= voters; ++id) {
      setup.initial.voters.push_back({id, static_cast<NodeId>(id)});
    }
    if (dice.Percent(50)) setup.bootstrap = {1, 1, {}};
    // Small limits, so that windows fill, entries are evicted and batches split.
    const size_t appends[] = {1, 1, 200, 4096};
    setup.options.append_limit_bytes =
        climate == Climate::kDyingLeaders ? 1 : appends[dice.Below(4)];
    setup.options.inflight_limit = 1 + dice.Below(8);
    setup.options.memory_limit_bytes = dice.Percent(50) ? 500 : 1u << 20;
    setup.options.uncommitted_limit_bytes = dice.Percent(20) ? 300 : 1u << 20;
    if (climate == Climate::kLulls || dice.Percent(30)) {
      setup.options.quiet_after = 20'000 + 20'000 * static_cast<Micros>(dice.Below(20));
    }
    setup.options.quiet_repeat = 1'000'000;
    return setup;
  }

  bool Cut(ReplicaId from, ReplicaId to) const { return cut_[from * (cluster_.size() + 1) + to]; }

  ReplicaId Leader() {
    ReplicaId best = 0;
    for (ReplicaId id = 1; id <= cluster_.size(); ++id) {
      if (!cluster_.alive(id) || !cluster_.node(id).raft->is_leader()) continue;
      if (best == 0 || cluster_.node(id).raft->term() > cluster_.node(best).raft->term()) best = id;
    }
    return best;
  }

  bool Converged(ReplicaId leader) {
    const Raft& raft = *cluster_.node(leader).raft;
    if (raft.commit() != raft.last_index() || raft.configuration().joint()) return false;
    for (const Raft::Progress& p : raft.progress()) {
      const SimNode& node = cluster_.node(p.member.replica);
      if (node.raft->commit() != raft.commit() || node.state.meta.index != raft.commit()) {
        return false;
      }
    }
    // A sleeping leader holds no lease, and found all settled before it slept.
    return raft.quiet() || raft.LeaseRead(cluster_.NowOf(cluster_.node(leader))).has_value();
  }

  void TickIfDue(ReplicaId id) {
    SimNode& node = cluster_.node(id);
    if (node.raft->next_deadline() <= cluster_.NowOf(node)) cluster_.Tick(id);
  }

  void Deliver() {
    auto& network = cluster_.network;
    if (network.size() > 400) network.erase(network.begin(), network.begin() + 200);
    for (uint64_t i = dice_.Below(6); i > 0 && !network.empty(); --i) {
      const size_t at = dice_.Percent(weather_.reorder_percent) ? dice_.Below(network.size()) : 0;
      const Message& message = network[at].message;
      const SimNode& to = cluster_.node(message.to);
      if (Cut(message.from, message.to) || to.raft == nullptr) {
        network.erase(network.begin() + static_cast<ptrdiff_t>(at));
        continue;
      }
      if (to.paused) return;
      cluster_.Deliver(at, dice_.Percent(weather_.duplicate_percent));
    }
  }

  void Work(ReplicaId id, SimNode& node) {
    TickIfDue(id);
    while (dice_.Percent(weather_.sync_percent) && cluster_.Sync(id)) {
    }
    if (dice_.Percent(70)) cluster_.Apply(id, 1 + dice_.Below(8));
    if (!node.fetches.empty() && dice_.Percent(50)) cluster_.ServeFetch(id);
    if (!node.snapshots.empty() && dice_.Percent(40)) {
      cluster_.SendSnapshot(id, !Cut(id, node.snapshots.front()) && dice_.Percent(85));
    }
    if (node.incoming && dice_.Percent(50)) cluster_.InstallSnapshot(id, dice_.Percent(10));
    if (node.raft == nullptr) return;  // Crashed in the middle of the install.
    if (dice_.Permille(weather_.compact_permille)) {
      cluster_.Persist(id);
      const Index persisted = node.engine.meta.index;
      const Index first = node.raft->first_index();
      if (dice_.Percent(70) && persisted >= first) {
        cluster_.Compact(id, first + dice_.Below(persisted - first + 1));
      }
    }
  }

  void Ask(ReplicaId id, SimNode& node) {
    if (lull_steps_ > 0) return;
    if (dice_.Percent(weather_.read_percent)) cluster_.Read(id, ++next_read_);
    if (!node.raft->is_leader()) return;
    if (dice_.Percent(weather_.propose_percent)) {
      for (uint64_t i = 1 + dice_.Below(3); i > 0; --i) {
        cluster_.Propose(id, absl::StrCat("v", ++next_value_)).IgnoreError();
      }
    }
    if (dice_.Permille(weather_.member_permille * 5)) {
      cluster_.Change(id, RandomTarget()).IgnoreError();
    }
    if (dice_.Permille(weather_.transfer_permille * 3)) {
      cluster_.Transfer(id, 1 + dice_.Below(cluster_.size())).IgnoreError();
    }
  }

  Configuration RandomTarget() {
    Configuration target;
    for (ReplicaId id = 1; id <= cluster_.size(); ++id) {
      const uint64_t kind = dice_.Below(5);
      const Member member{id, static_cast<NodeId>(id)};
      if (kind < 3) target.voters.push_back(member);
      if (kind == 3) target.learners.push_back(member);
    }
    return target;
  }

  void Disturb(ReplicaId id, SimNode& node) {
    if (dice_.Permille(weather_.cut_permille)) {
      const ReplicaId other = 1 + dice_.Below(cluster_.size());
      const size_t width = cluster_.size() + 1;
      cut_[id * width + other] = !cut_[id * width + other];
      if (dice_.Percent(50)) cut_[other * width + id] = cut_[id * width + other];
    }
    // Isolated, often while it leads: what it has is replaced, or returns.
    if (dice_.Permille(node.raft->is_leader() ? weather_.cut_permille * 2
                                              : weather_.cut_permille)) {
      for (ReplicaId other = 1; other <= cluster_.size(); ++other) {
        cut_[id * (cluster_.size() + 1) + other] = true;
        cut_[other * (cluster_.size() + 1) + id] = true;
      }
    }
    if (dice_.Permille(weather_.bridge_permille)) {
      std::fill(cut_.begin(), cut_.end(), false);
      const ReplicaId other = id % cluster_.size() + 1;
      cut_[id * (cluster_.size() + 1) + other] = true;
      cut_[other * (cluster_.size() + 1) + id] = dice_.Percent(70);
    }
    // Nobody asks for anything for a while.
    if (lull_steps_ > 0) --lull_steps_;
    if (dice_.Permille(weather_.lull_permille)) lull_steps_ = 100 + dice_.Below(300);
    if (dice_.Permille(weather_.wake_permille)) cluster_.Wake(id, dice_.Percent(50));
    if (dice_.Permille(weather_.heal_permille)) std::fill(cut_.begin(), cut_.end(), false);
    if (dice_.Permille(weather_.pause_permille)) node.paused = true;
    const bool leads = node.raft->is_leader();
    if (dice_.Permille(leads ? weather_.leader_crash_permille : 0) ||
        dice_.Permille(weather_.crash_permille)) {
      cluster_.Crash(id, dice_.Below(3));
    }
  }

  Dice dice_;
  const Climate climate_;
  SimCluster cluster_;
  Weather weather_{};
  std::vector<bool> cut_;
  uint64_t next_read_ = 0;
  uint64_t next_value_ = 0;
  uint64_t lull_steps_ = 0;
};

// The first violation, or nothing.
std::string RunSeed(uint64_t seed, uint64_t steps, SimCounts& counts) {
  World world(seed);
  const std::vector<std::string>& violations = world.cluster().checker.violations;
  for (uint64_t step = 0; step < steps; ++step) {
    world.Step();
    if (!violations.empty())
      return absl::StrCat("seed ", seed, " step ", step, ": ", violations[0]);
  }
  world.Heal();
  counts.Add(world.cluster().counts);
  if (!violations.empty()) return absl::StrCat("seed ", seed, " at the end: ", violations[0]);
  return "";
}

class Campaign {
 public:
  Campaign(uint64_t first, uint64_t seeds, uint64_t steps)
      : next_(first), end_(first + seeds), steps_(steps) {}

  void Run(unsigned threads) {
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back([this] { Work(); });
    for (std::thread& worker : workers) worker.join();
  }

  std::vector<std::string> failures;
  SimCounts counts;

 private:
  void Work() {
    SimCounts mine;
    for (uint64_t seed = next_++; seed < end_; seed = next_++) {
      std::string failure = RunSeed(seed, steps_, mine);
      if (failure.empty()) continue;
      std::lock_guard<std::mutex> lock(mutex_);
      failures.push_back(failure);
      if (failures.size() >= 5) end_ = 0;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    counts.Add(mine);
  }

  std::atomic<uint64_t> next_;
  std::atomic<uint64_t> end_;
  const uint64_t steps_;
  std::mutex mutex_;
};

TEST(Random, EverythingAtOnce) {
  const uint64_t one = EnvOr("FASTPATH_SEED", 0);
  const uint64_t seeds = one != 0 ? 1 : EnvOr("FASTPATH_SEEDS", 20'000);
  Campaign campaign(one != 0 ? one : 1, seeds, EnvOr("FASTPATH_STEPS", 2000));
  campaign.Run(one != 0 ? 1 : 2);
  for (const std::string& failure : campaign.failures) {
    ADD_FAILURE() << failure << "\nreplay: FASTPATH_SEED=<seed> raft_random";
  }
  const SimCounts& c = campaign.counts;
  std::printf(
      "seeds %lu: elections %lu commits %lu snapshots %lu joint %lu learners %lu truncations %lu "
      "transfers %lu reads %lu lease reads %lu crashes %lu fetches %lu quiet %lu\n",
      seeds, c.elections, c.commits, c.snapshots, c.joint, c.learners, c.truncations, c.transfers,
      c.reads, c.lease_reads, c.crashes, c.fetches, c.quiet);
  if (one != 0 || !campaign.failures.empty()) return;
  EXPECT_GT(c.snapshots, 0u);
  EXPECT_GT(c.joint, 0u);
  EXPECT_GT(c.learners, 0u);
  EXPECT_GT(c.truncations, 0u);
  EXPECT_GT(c.transfers, 0u);
  EXPECT_GT(c.reads, 0u);
  EXPECT_GT(c.lease_reads, 0u);
  EXPECT_GT(c.fetches, 0u);
  EXPECT_GT(c.quiet, 0u);
}

}  // namespace
}  // namespace fastpath::raft
