// FAILURE-CASES 10 and 14 to 20 with whole nodes: what disks do to a cluster
// that is at work. Every run ends with equal digests and a history that can be
// explained; each test runs over several seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "node/peer.pb.h"
#include "node/peer_link.h"
#include "storage/keys.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

constexpr uint64_t kSeeds = 6;

std::map<std::string, std::string> Files(storage::SimDisk& disk) {
  std::map<std::string, std::string> files;
  for (const std::string& name : disk.names()) files[name] = disk.contents(name);
  return files;
}

bool Mentions(const std::vector<std::string>& lines, const std::string& what) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(what) != std::string::npos; });
}

// Of its machine's replicas, by group.
std::map<uint32_t, uint64_t> ReplicaIds(Simulation& simulation, size_t node) {
  std::map<uint32_t, uint64_t> ids;
  const api::StatusResult status = simulation.cluster().StatusOf(node);
  for (const api::ReplicaStatus& replica : status.replicas()) {
    ids[replica.group()] = replica.replica();
  }
  return ids;
}

// Whether the map says that the node has a voter of every group, and that nothing is under way.
bool VoterOfAll(Simulation& simulation, uint32_t node) {
  api::Request request;
  request.mutable_map();
  const auto answer = simulation.Ask(std::move(request), client::internal::Target::Any(), kSecond);
  const api::Map& map = answer.reply.map();
  return map.groups_size() > 0 &&
         std::all_of(map.groups().begin(), map.groups().end(), [&](const auto& group) {
           return group.voters_size() == 3 && group.learners_size() == 0 &&
                  std::any_of(group.voters().begin(), group.voters().end(),
                              [&](const api::Member& voter) { return voter.node() == node; });
         });
}

// The machine comes back with an empty disk, as another node, and gets new replicas in place of
// those that are gone for good.
void ReplaceAndExpectNewIdentity(Simulation& simulation, size_t node, uint64_t old_id,
                                 const std::map<uint32_t, uint64_t>& old_replicas) {
  simulation.cluster().LoseDisk(node);
  simulation.cluster().Start(node);
  const auto replaced = [&] {
    const uint32_t id = simulation.cluster().StatusOf(node).node();
    return id > old_id && VoterOfAll(simulation, id);
  };
  EXPECT_TRUE(simulation.WaitFor(replaced, 60 * kSecond)) << simulation.cluster().Describe();
  const auto replicas = ReplicaIds(simulation, node);
  EXPECT_EQ(replicas.size(), old_replicas.size());
  for (const auto& [group, replica] : replicas) {
    for (const auto& [other, old] : old_replicas) EXPECT_NE(replica, old) << "group " << group;
  }
}

TEST(StorageFaults, Case14_PowerCutOfOneThenOfAllLosesNothingAcknowledged) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.torn_percent = seed % 2 == 0 ? 100 : 0;  // Torn in any order, or lost altogether.
    Simulation simulation(scenario);
    StartBusy(simulation);
    simulation.cluster().Kill(seed % 3, Death::kPower);
    simulation.RunFor(3 * kSecond);
    simulation.cluster().Start(seed % 3);
    simulation.RunFor(kSecond);
    for (size_t node = 0; node < 3; ++node) simulation.cluster().Kill(node, Death::kPower);
    simulation.RunFor(kSecond);
    for (size_t node = 0; node < 3; ++node) simulation.cluster().Start(node);
    simulation.RunFor(2 * kSecond);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// As the real disk reports EIO: the log, and with it the node, must stop whatever the code.
TEST(StorageFaults, Case15_AFailedSyncStopsTheNodeAndTheClusterGoesOn) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = Calm(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = LeaderOf(simulation, 1).value_or(0);
    if (seed % 2 == 0) {
      simulation.cluster().disk(victim).FailSync(0, absl::DataLossError("EIO"));
    } else {
      simulation.cluster().disk(victim).FailWrite(0, absl::DataLossError("EIO"));
    }
    simulation.RunFor(2 * kSecond);
    EXPECT_FALSE(simulation.cluster().up(victim)) << "a node outlived a failed sync";
    EXPECT_TRUE(Mentions(simulation.cluster().TakeFailures(), "EIO"));
    EXPECT_TRUE(Ok(PutOnce(simulation, "after")));
    simulation.cluster().Start(victim);
    simulation.RunFor(3 * kSecond);
    EXPECT_TRUE(simulation.cluster().up(victim)) << "a restart must work";
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Bits flip at random places of a stopped node's log until it refuses to start; each flip before
// did no harm, as the end of the run shows.
TEST(StorageFaults, Case16_AFlippedBitInTheLogRefusesTheStoreWhichIsReplacedAsANewReplica) {
  uint64_t refused = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = Calm(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = seed % 3;
    testing::SimRandom random(seed);
    storage::SimDisk& disk = simulation.cluster().disk(victim);
    const uint64_t old_id = simulation.cluster().StatusOf(victim).node();
    const auto old_replicas = ReplicaIds(simulation, victim);
    bool corrupt = false;
    for (int attempt = 0; attempt < 40 && !corrupt; ++attempt) {
      simulation.cluster().Kill(victim, Death::kProcess);
      const std::vector<std::string> names = disk.names();
      const std::string name = names[random.Below(names.size())];
      disk.FlipBits(name, random.Below(disk.contents(name).size() / 4),
                    static_cast<uint8_t>(1u << random.Below(8)));
      const auto before = Files(disk);
      simulation.cluster().Start(victim);
      simulation.RunFor(kSecond);
      corrupt = !simulation.cluster().up(victim);
      EXPECT_TRUE(!corrupt || Files(disk) == before) << "a corrupt log was changed";
    }
    if (corrupt) {
      ++refused;
      EXPECT_FALSE(simulation.cluster().TakeFailures().empty()) << "refused without a word";
      EXPECT_TRUE(Ok(PutOnce(simulation, "after")));
      simulation.cluster().Start(victim);
      simulation.RunFor(kSecond);
      EXPECT_FALSE(simulation.cluster().up(victim)) << "it stays refused";
      simulation.cluster().TakeFailures();
      ReplaceAndExpectNewIdentity(simulation, victim, old_id, old_replicas);
    }
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_GT(refused, kSeeds / 2);
}

TEST(StorageFaults, Case17_ANodeThatLostItsDiskRejoinsUnderANewIdentity) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = Calm(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = seed % 3;
    const uint64_t old_id = simulation.cluster().StatusOf(victim).node();
    const auto old_replicas = ReplicaIds(simulation, victim);
    simulation.cluster().Kill(victim, Death::kPower);
    simulation.RunFor(kSecond);
    ReplaceAndExpectNewIdentity(simulation, victim, old_id, old_replicas);
    // The new replicas count: one more may go.
    simulation.cluster().Kill((victim + 1) % 3, Death::kPower);
    simulation.RunFor(5 * kSecond);
    EXPECT_TRUE(Ok(PutOnce(simulation, "after", 10 * kSecond)));
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Chunks damaged on their way or at their sender: none is installed, and the laggard gets a whole
// one later.
TEST(StorageFaults, Case17_ACorruptSnapshotIsRefused) {
  uint64_t damaged = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.catchup_bytes = 2 << 10;
    scenario.raft_memory_bytes = 2 << 10;
    scenario.cold_key_percent = 60;
    Simulation simulation(scenario);
    StartBusy(simulation);
    simulation.cluster().Kill(seed % 3, Death::kProcess);
    simulation.RunFor(6 * kSecond);
    const HostId victim = simulation.cluster().host(seed % 3);
    const uint64_t before = simulation.cluster().counts().snapshots_installed;
    simulation.fabric().Meddle([&](HostId, HostId to, std::string& frame) {
      if (to != victim || frame.empty() || frame[0] != char(node::PeerFrame::kCall)) return;
      peer::Call call;
      if (!call.ParseFromString(frame.substr(1)) || !call.has_snapshot_chunk()) return;
      std::string& chunk = *call.mutable_snapshot_chunk()->mutable_chunk();
      if (chunk.empty()) return;
      chunk[chunk.size() / 2] = static_cast<char>(chunk[chunk.size() / 2] ^ 0x10);
      ++damaged;
      frame.resize(1);
      call.AppendToString(&frame);
    });
    simulation.cluster().Start(seed % 3);
    simulation.RunFor(4 * kSecond);
    EXPECT_EQ(simulation.cluster().counts().snapshots_installed, before);
    simulation.fabric().Meddle(nullptr);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_GT(damaged, kSeeds);
}

TEST(StorageFaults, Case18_FullDisksRefuseWritesWhileReadsAndElectionsGoOn) {
  uint64_t filled = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.segment_bytes = 64 << 10;
    scenario.flush_after_batches = 0;    // Nothing lets the log give up segments
    scenario.flush_log_bytes = 1 << 30;  // until there is space again.
    scenario.cold_key_percent = 50;
    Simulation simulation(scenario);
    StartBusy(simulation);
    EXPECT_TRUE(Ok(PutOnce(simulation, "before")));
    for (size_t node = 0; node < 3; ++node) {
      storage::SimDisk& disk = simulation.cluster().disk(node);
      disk.set_capacity_bytes(disk.used_bytes());
    }
    const auto refused = [&] {
      const auto answer = PutOnce(simulation, "during", kSecond);
      return answer.outcome == client::Outcome::kRefused &&
             answer.reply.message().find("disk is full") != std::string::npos;
    };
    filled += simulation.WaitFor(refused, 60 * kSecond);
    EXPECT_TRUE(Ok(GetOnce(simulation, "before"))) << "reads go on";
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().Kill(leader, Death::kProcess);
    EXPECT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, leader, scenario.groups); },
                                   10 * kSecond))
        << "elections go on";
    EXPECT_TRUE(Ok(GetOnce(simulation, "before")));
    for (size_t node = 0; node < 3; ++node) {
      simulation.cluster().disk(node).set_capacity_bytes(UINT64_MAX);
    }
    EXPECT_TRUE(simulation.WaitFor([&] { return Ok(PutOnce(simulation, "back")); }, 10 * kSecond));
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_EQ(filled, kSeeds);
}

// A row is damaged that only reads meet. Its replica stops and says so, a sound one leads and
// answers.
TEST(StorageFaults, Case17_ALeaderThatReadsDamageStopsAndASoundReplicaAnswers) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.groups = 1;
    Simulation simulation(scenario);
    StartBusy(simulation);
    EXPECT_TRUE(Ok(PutOnce(simulation, "harmed")));
    const size_t victim = LeaderOf(simulation, 1).value_or(0);
    const uint64_t old_id = simulation.cluster().StatusOf(victim).node();
    const auto old_replicas = ReplicaIds(simulation, victim);
    simulation.cluster().store(victim).set_damage(
        [](const std::string& key) { return key.find("harmed") != std::string::npos; });
    EXPECT_TRUE(Ok(GetOnce(simulation, "harmed")));
    EXPECT_NE(LeaderOf(simulation, 1), victim);
    EXPECT_TRUE(simulation.cluster().up(victim)) << "its other groups go on";
    simulation.cluster().NoteFailedReplicas(victim);
    EXPECT_TRUE(Mentions(simulation.cluster().TakeFailures(), "damaged row"));
    simulation.cluster().Kill(victim, Death::kProcess);
    simulation.cluster().TakeFailures();
    ReplaceAndExpectNewIdentity(simulation, victim, old_id, old_replicas);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Writes that overwrite each other fill the log and never an engine: it is flushed for the log's
// sake, or the log could never be cut.
TEST(StorageFaults, Case13_AnEngineIsFlushedForALogThatCannotBeCut) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.flush_after_batches = 0;
    scenario.flush_log_bytes = 64 << 10;
    scenario.segment_bytes = 16 << 10;
    scenario.think_max = 10'000;
    scenario.catchup_bytes = 4 << 10;
    Simulation simulation(scenario);
    StartBusy(simulation);
    simulation.RunFor(5 * kSecond);
    const uint64_t soon = simulation.cluster().disk(0).used_bytes();
    simulation.RunFor(25 * kSecond);
    EXPECT_LT(simulation.cluster().disk(0).used_bytes(), 2 * soon);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// A scenario whose engines have little to write out and notice soon that they cannot.
Scenario BusyEngines(uint64_t seed) {
  Scenario scenario = Calm(seed);
  scenario.flush_after_batches = 20;
  scenario.cold_key_percent = 50;
  return scenario;
}

// Unknown is as good: a try was under way as the time was up.
bool RefusedForSpace(Simulation& simulation) {
  const auto answer = PutOnce(simulation, "during", 2 * kSecond);
  return answer.outcome != client::Outcome::kOk &&
         answer.reply.message().find("disk is full") != std::string::npos;
}

// The log still has segments, the engine finds no space to write out: what is proposed would never
// be applied.
TEST(StorageFaults, Case18_FullEnginesRefuseWritesWhileReadsAndElectionsGoOn) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = BusyEngines(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    EXPECT_TRUE(Ok(PutOnce(simulation, "before")));
    for (size_t node = 0; node < 3; ++node) simulation.cluster().store(node).set_no_space(true);
    simulation.RunFor(10 * kSecond);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(RefusedForSpace(simulation));
      EXPECT_TRUE(Ok(GetOnce(simulation, "before"))) << "reads go on";
    }
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().Kill(leader, Death::kProcess);
    EXPECT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, leader, scenario.groups); },
                                   10 * kSecond))
        << "elections go on";
    EXPECT_TRUE(
        simulation.WaitFor([&] { return Ok(GetOnce(simulation, "before")); }, kSecond * 10));
    simulation.cluster().Start(leader);
    simulation.RunFor(5 * kSecond);
    for (size_t node = 0; node < 3; ++node) {
      EXPECT_TRUE(simulation.cluster().up(node)) << "a full disk ends no node";
      simulation.cluster().store(node).set_no_space(false);
    }
    EXPECT_TRUE(simulation.WaitFor([&] { return Ok(PutOnce(simulation, "back")); }, 10 * kSecond));
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Log and engine of one node: its groups are led by others, and writes go on.
TEST(StorageFaults, Case18_OneFullDiskHandsItsGroupsOver) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = BusyEngines(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().FillDisk(victim);
    EXPECT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, victim, scenario.groups); },
                                   30 * kSecond));
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(Ok(PutOnce(simulation, "during")));
      simulation.RunFor(kSecond);
    }
    EXPECT_TRUE(LedByOthers(simulation, victim, scenario.groups)) << "none is given back";
    EXPECT_TRUE(simulation.cluster().up(victim));
    simulation.cluster().FreeDisk(victim);
    simulation.RunFor(2 * kSecond);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// A follower's log that has no space holds what it is given; its queue is bounded, and a queue that
// overflows ends a node.
TEST(StorageFaults, Case18_AFollowerWhoseLogIsFullIsNotDrowned) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = BusyEngines(seed);
    scenario.groups = 1;
    scenario.segment_bytes = 16 << 10;
    scenario.log_queue_bytes = 32 << 10;
    scenario.inflight = 10'000;
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = (LeaderOf(simulation, 1).value_or(0) + 1) % 3;
    simulation.cluster().FillDisk(victim);
    simulation.RunFor(30 * kSecond);
    EXPECT_TRUE(simulation.cluster().up(victim)) << "a full disk ends no node";
    EXPECT_TRUE(Ok(PutOnce(simulation, "during")));
    simulation.cluster().FreeDisk(victim);
    simulation.RunFor(2 * kSecond);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// What a leader with space proposes would find no majority.
TEST(StorageFaults, Case18_FullDisksOfBothFollowersRefuseWrites) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = BusyEngines(seed);
    scenario.groups = 1;
    Simulation simulation(scenario);
    StartBusy(simulation);
    EXPECT_TRUE(Ok(PutOnce(simulation, "before")));
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    for (size_t node = 0; node < 3; ++node) {
      if (node != leader) simulation.cluster().FillDisk(node);
    }
    EXPECT_TRUE(simulation.WaitFor([&] { return RefusedForSpace(simulation); }, 30 * kSecond));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(RefusedForSpace(simulation));
    EXPECT_TRUE(Ok(GetOnce(simulation, "before")));
    for (size_t node = 0; node < 3; ++node) simulation.cluster().FreeDisk(node);
    EXPECT_TRUE(simulation.WaitFor([&] { return Ok(PutOnce(simulation, "back")); }, 10 * kSecond));
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Found full at its begin, at its first rows, or at its end, by seed.
TEST(StorageFaults, Case18_ASnapshotOntoAFullDiskIsRefusedAndComesLater) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.catchup_bytes = 2 << 10;
    scenario.raft_memory_bytes = 2 << 10;
    scenario.cold_key_percent = 60;
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = seed % 3;
    simulation.cluster().Kill(victim, Death::kProcess);
    simulation.RunFor(6 * kSecond);
    const HostId host = simulation.cluster().host(victim);
    const uint64_t before = simulation.cluster().counts().snapshots_installed;
    uint64_t begun = 0, ended = 0;
    simulation.fabric().Meddle([&](HostId, HostId to, std::string& frame) {
      if (to != host || frame.empty() || frame[0] != char(node::PeerFrame::kCall)) return;
      peer::Call call;
      if (!call.ParseFromString(frame.substr(1))) return;
      begun += call.has_snapshot_begin();
      if (!call.has_snapshot_chunk() || (seed % 2 == 0 && !call.snapshot_chunk().last())) return;
      ++ended;
      simulation.cluster().store(victim).set_no_space(true);
    });
    simulation.cluster().Start(victim);
    EXPECT_TRUE(simulation.WaitFor([&] { return ended > 0; }, 10 * kSecond));
    simulation.RunFor(5 * kSecond);
    EXPECT_TRUE(simulation.cluster().up(victim)) << "a full disk ends no node";
    EXPECT_TRUE(Ok(PutOnce(simulation, "during")));
    const uint64_t during = simulation.cluster().counts().snapshots_installed;
    simulation.fabric().Meddle(nullptr);
    simulation.cluster().store(victim).set_no_space(false);
    EXPECT_TRUE(simulation.WaitFor(
        [&] { return simulation.cluster().counts().snapshots_installed > during; }, 20 * kSecond))
        << begun << " begun, " << during - before << " installed before";
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// The index up to which the node's engine would restart with group 1.
raft::Index Persisted(Simulation& simulation, size_t node) {
  const auto& image = simulation.cluster().store(node).image();
  const auto found = image.find(storage::AppliedKey(1));
  return found == image.end() ? 0 : storage::DecodeAppliedRow(found->second)->index;
}

raft::Index Applied(Simulation& simulation, size_t node) {
  const api::StatusResult status = simulation.cluster().StatusOf(node);
  for (const api::ReplicaStatus& replica : status.replicas()) {
    if (replica.group() == 1) return replica.applied();
  }
  return 0;
}

// Group 1 comes to be led by this node: whoever else leads it dies for a while.
bool ComesToLead(Simulation& simulation, size_t node) {
  for (int tries = 0; tries < 30; ++tries) {
    const std::optional<size_t> leader = LeaderOf(simulation, 1);
    if (leader == node) return true;
    if (leader) simulation.cluster().Kill(*leader, Death::kProcess);
    simulation.RunFor(2 * kSecond);
    if (leader) simulation.cluster().Start(*leader);
    simulation.RunFor(2 * kSecond);
  }
  return false;
}

// The leader that sends the snapshot dies; the next one still has the entries, and no snapshot is
// needed any more.
TEST(StorageFaults, Case18_AReplicaWhoseInstallFoundNoSpaceCatchesUpByEntriesAndLeads) {
  uint64_t caught_up = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = BusyEngines(seed);
    scenario.groups = 1;
    scenario.flush_after_batches = 100;
    scenario.catchup_bytes = 2 << 10;
    scenario.raft_memory_bytes = 2 << 10;
    Simulation simulation(scenario);
    StartBusy(simulation);
    SimCluster& cluster = simulation.cluster();
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    const size_t victim = (leader + 1) % 3, other = (leader + 2) % 3;
    // What the other has not persisted stays in its log.
    const raft::Index persisted = Persisted(simulation, other);
    EXPECT_TRUE(
        simulation.WaitFor([&] { return Persisted(simulation, other) > persisted; }, 20 * kSecond));
    cluster.store(other).set_no_space(true);
    const raft::Index last = Applied(simulation, victim);
    cluster.Kill(victim, Death::kProcess);
    simulation.WaitFor([&] { return Persisted(simulation, leader) > last; }, 5 * kSecond);

    bool ended = false;
    simulation.fabric().Meddle([&](HostId, HostId to, std::string& frame) {
      if (to != cluster.host(victim) || frame.empty()) return;
      if (frame[0] != char(node::PeerFrame::kCall)) return;
      peer::Call call;
      if (!call.ParseFromString(frame.substr(1)) || !call.snapshot_chunk().last()) return;
      ended = true;
      cluster.store(victim).set_no_space(true);
    });
    const uint64_t installed = cluster.counts().snapshots_installed;
    cluster.Start(victim);
    simulation.WaitFor([&] { return ended; }, 3 * kSecond);
    simulation.RunFor(kSecond / 10);
    cluster.Kill(leader, Death::kProcess);
    simulation.WaitFor([&] { return Applied(simulation, victim) >= Applied(simulation, other); },
                       10 * kSecond);
    if (ended && cluster.counts().snapshots_installed == installed) {
      caught_up += Applied(simulation, victim) > last;
    }

    simulation.fabric().Meddle(nullptr);
    for (size_t node = 0; node < 3; ++node) cluster.store(node).set_no_space(false);
    cluster.Start(leader);
    simulation.RunFor(5 * kSecond);
    EXPECT_TRUE(ComesToLead(simulation, victim));
    EXPECT_TRUE(Ok(PutOnce(simulation, "led"))) << PutOnce(simulation, "why").reply.message();
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_GT(caught_up, 0u);
}

// Each start takes a segment; when there is none left it waits.
TEST(StorageFaults, Case18_ANodeStartedOnAFullDiskWaitsForSpace) {
  uint64_t waited = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(BusyEngines(seed));
    StartBusy(simulation);
    const size_t victim = seed % 3;
    simulation.cluster().Kill(victim, Death::kPower);
    simulation.cluster().FillDisk(victim);
    for (int start = 0; start < 8; ++start) {
      simulation.cluster().Start(victim);
      simulation.RunFor(2 * kSecond);
      EXPECT_TRUE(simulation.cluster().up(victim)) << "a full disk ends no node";
      waited += simulation.cluster().StatusOf(victim).replicas_size() == 0;
      if (start < 7) simulation.cluster().Kill(victim, Death::kProcess);
    }
    EXPECT_TRUE(Ok(PutOnce(simulation, "during")));
    simulation.cluster().FreeDisk(victim);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_GT(waited, kSeeds);
}

TEST(StorageFaults, Case19_ALeaderWithASlowDiskStepsDown) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const Scenario scenario = Calm(seed);
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t victim = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().SlowDisk(victim, 2 * kSecond);
    EXPECT_TRUE(simulation.WaitFor([&] { return LedByOthers(simulation, victim, scenario.groups); },
                                   30 * kSecond));
    EXPECT_TRUE(Ok(PutOnce(simulation, "after")));
    simulation.RunFor(5 * kSecond);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// What its followers' disks committed, its own has not: whenever it looks, more is committed than
// it applied.
TEST(StorageFaults, Case19_ALeaderWhoseDiskIsSlowerThanItsFollowersAnswersStrongReads) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.groups = 1;
    scenario.clients = 6;
    scenario.lanes = 4;
    scenario.think_max = 1'000;
    Simulation simulation(scenario);
    StartBusy(simulation);
    const std::optional<size_t> leader = LeaderOf(simulation, 1);
    ASSERT_TRUE(leader);
    simulation.cluster().SlowDisk(*leader, 20'000);
    int strong_reads = 0, unsettled = 0;
    simulation.fabric().Meddle([&](HostId from, HostId to, std::string& frame) {
      api::Reply reply;
      if (from != simulation.cluster().host(*leader) || to <= simulation.cluster().host(2) ||
          !reply.ParseFromString(frame)) {
        return;
      }
      strong_reads += reply.has_get() ? 1 : 0;
      unsettled += reply.message() == "leadership is unsettled" ? 1 : 0;
    });
    simulation.RunFor(5 * kSecond);
    EXPECT_EQ(LeaderOf(simulation, 1), leader);
    simulation.fabric().Meddle(nullptr);
    EXPECT_GT(strong_reads, 100);
    EXPECT_EQ(unsettled, 0);
    ExpectAllIsWell(simulation);
  }
}

TEST(StorageFaults, Case10_ALaggardPastTheLogLimitGetsASnapshotWhileWritesGoOn) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.catchup_bytes = 2 << 10;
    scenario.raft_memory_bytes = 2 << 10;
    scenario.cold_key_percent = 60;
    Simulation simulation(scenario);
    StartBusy(simulation);
    const uint64_t before = simulation.cluster().counts().snapshots_installed;
    simulation.cluster().Kill(seed % 3, Death::kProcess);
    simulation.RunFor(6 * kSecond);
    const size_t asked = simulation.history().size();
    simulation.cluster().Start(seed % 3);
    EXPECT_TRUE(simulation.WaitFor(
        [&] { return simulation.cluster().counts().snapshots_installed > before; }, 20 * kSecond));
    simulation.RunFor(kSecond);
    EXPECT_GT(simulation.history().size(), asked);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace fastpath::sim
