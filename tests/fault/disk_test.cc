// What disks do to real processes: FAILURE-CASES 10 and 14 to 20. Syncs fail or
// are slow by a preloaded shim; power cuts and full disks need filesystems of
// their own, and so root: without it those tests are skipped and say so.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "tests/fault/cluster.h"
#include "tests/fault/loop_disk.h"
#include "tests/fault/raw_client.h"
#include "tests/fault/workload.h"

namespace fastpath::fault {
namespace {

namespace fs = std::filesystem;
using client::Key;
using client::MakeItem;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Small enough that little data meets every limit.
constexpr char kSmall[] =
    "log.segment_bytes = 4194304\n"
    "engine.memtable_bytes = 1048576\n"
    "raft.catchup_limit_bytes = 1048576\n";

client::Client Connect(const Cluster& cluster, milliseconds deadline = seconds(10)) {
  client::Options options;
  options.endpoints = cluster.endpoints();
  options.deadline = deadline;  // Refusals that may pass are tried again until then.
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

bool PutOne(client::Client& client, const std::string& key) {
  return client.Put("fault", MakeItem({{"k", key}, {"v", "there"}})).Wait().ok();
}

// Every group is led, and none by this node.
bool LedByOthers(const Cluster& cluster, int node, uint32_t groups) {
  for (uint32_t group = 0; group <= groups; ++group) {
    const int leader = cluster.LeaderOf(group);
    if (leader < 0 || leader == node) return false;
  }
  return true;
}

void ExpectEqualDigests(const Cluster& cluster) {
  const CommandResult digest = cluster.Fastpath({"cluster", "digest"});
  EXPECT_EQ(digest.code, 0) << digest.output;
}

void ExpectAllIsKept(Workload& workload, const Cluster& cluster) {
  workload.Stop();
  std::printf("operations: %lu acknowledged, %lu refused, %lu unknown\n",
              static_cast<unsigned long>(workload.acknowledged()),
              static_cast<unsigned long>(workload.refused()),
              static_cast<unsigned long>(workload.unknown()));
  EXPECT_GT(workload.acknowledged(), 0u);
  workload.ExpectUniqueWritesKept();
  workload.ExpectCountersCountedOnce();
  workload.ExpectLinearizable(cluster.path() + "/history.jsonl");
  ExpectEqualDigests(cluster);
}

// A cluster at work.
#define START_OR_RETURN(cluster, workload) \
  (cluster).StartAll();                    \
  (cluster).WaitUntilServing();            \
  if (HasFatalFailure()) return;           \
  (workload).CreateTable();                \
  if (HasFatalFailure()) return;           \
  (workload).Start()

void Restart(Cluster& cluster, int node) {
  cluster.Start(node);
  cluster.WaitUntilServing();
}

// One filesystem a node.
class OwnDisks : public testing::Test {
 protected:
  void Mount(const std::string& name, uint64_t bytes) {
    folder_ = std::make_unique<TemporaryFolder>(name);
    for (int node = 0; node < 3; ++node) {
      disks_.push_back(
          std::make_unique<LoopDisk>(absl::StrCat(folder_->path(), "/disk", node + 1), bytes));
      if (!disks_.back()->why_not().empty()) GTEST_SKIP() << disks_.back()->why_not();
    }
  }
  std::vector<std::string> Folders() const {
    std::vector<std::string> folders;
    for (const auto& disk : disks_) folders.push_back(disk->path() + "/data");
    return folders;
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::vector<std::unique_ptr<LoopDisk>> disks_;
};

using PowerCut = OwnDisks;

TEST_F(PowerCut, OfOneNodeThenOfAllLosesNothingAcknowledged) {
  Mount("power-cut", 256u << 20);
  if (IsSkipped()) return;
  Cluster cluster({.name = "power-cut-logs", .groups = 4, .folders = Folders(), .config = kSmall});
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  START_OR_RETURN(cluster, workload);
  std::this_thread::sleep_for(seconds(2));

  const int victim = std::max(0, cluster.LeaderOf(1));
  disks_[victim]->PowerCut();
  EXPECT_EQ(cluster.process(victim).WaitForEnd(seconds(10)), 1) << "a node outlived its disk\n"
                                                                << cluster.log(victim);
  cluster.Kill(victim);
  disks_[victim]->Remount();
  Restart(cluster, victim);
  if (HasFatalFailure()) return;
  std::this_thread::sleep_for(seconds(1));

  for (const auto& disk : disks_) disk->PowerCut();
  cluster.KillAll();
  for (const auto& disk : disks_) disk->Remount();
  for (int node = 0; node < 3; ++node) cluster.Start(node);
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  std::this_thread::sleep_for(seconds(1));
  ExpectAllIsKept(workload, cluster);
}

// -------------------------------------------------------------------- full disks

using FilledDisk = OwnDisks;

bool RefusedForSpace(client::Client& client, const std::string& key) {
  const auto put = client.Put("fault", MakeItem({{"k", key}, {"v", "there"}})).Wait();
  return put.refused() && put.message().find("disk is full") != std::string::npos;
}

// Values enough that log and engine soon want space.
void WriteMuch(client::Client& client, int values) {
  for (int i = 0; i < values; ++i) {
    const auto put =
        client
            .Put("fault",
                 MakeItem({{"k", absl::StrCat("much", i % 64)}, {"v", std::string(64 << 10, 'x')}}))
            .Wait();
    if (!put.ok()) return;
  }
}

TEST_F(FilledDisk, OfOneNodeHandsItsGroupsOverAndWritesGoOn) {
  constexpr uint32_t kGroups = 4;
  Mount("full-disk", 128u << 20);
  if (IsSkipped()) return;
  Cluster cluster(
      {.name = "full-disk-logs", .groups = kGroups, .folders = Folders(), .config = kSmall});
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  START_OR_RETURN(cluster, workload);
  client::Client client = Connect(cluster);
  const int victim = std::max(0, cluster.LeaderOf(1));
  EXPECT_TRUE(WaitFor(
      [&] {
        disks_[victim]->Fill();
        WriteMuch(client, 32);
        return LedByOthers(cluster, victim, kGroups);
      },
      seconds(60)));
  const uint64_t before = workload.acknowledged();
  WriteMuch(client, 256);
  EXPECT_TRUE(PutOne(client, "during"));
  EXPECT_GT(workload.acknowledged(), before) << "writes go on";
  EXPECT_TRUE(cluster.process(victim).running()) << cluster.log(victim);

  cluster.Kill(victim);
  disks_[victim]->Fill();
  cluster.Start(victim);
  std::this_thread::sleep_for(seconds(3));
  EXPECT_TRUE(cluster.process(victim).running()) << "started on a full disk\n"
                                                 << cluster.log(victim);
  EXPECT_TRUE(PutOne(client, "without it"));
  disks_[victim]->Free();
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  ExpectAllIsKept(workload, cluster);
}

TEST_F(FilledDisk, OfAllNodesRefusesWritesUntilThereIsSpaceAgain) {
  constexpr uint32_t kGroups = 4;
  Mount("full-disks", 128u << 20);
  if (IsSkipped()) return;
  Cluster cluster(
      {.name = "full-disks-logs", .groups = kGroups, .folders = Folders(), .config = kSmall});
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  START_OR_RETURN(cluster, workload);
  client::Client client = Connect(cluster, seconds(1));
  EXPECT_TRUE(PutOne(client, "before"));
  const auto refused = [&] {
    for (const auto& disk : disks_) disk->Fill();
    WriteMuch(client, 64);
    for (int i = 0; i < 8; ++i) {  // Of every group, or nearly.
      if (!RefusedForSpace(client, absl::StrCat("during", i))) return false;
    }
    return true;
  };
  EXPECT_TRUE(WaitFor(refused, seconds(120)));
  std::this_thread::sleep_for(seconds(4));  // What began before has ended.
  const uint64_t unknown = workload.unknown();
  std::this_thread::sleep_for(seconds(5));
  EXPECT_EQ(workload.unknown(), unknown) << "refused, not left waiting";
  EXPECT_TRUE(client.Get(Key("fault", "before")).Wait().ok()) << "reads go on";

  const int victim = std::max(0, cluster.LeaderOf(1));
  cluster.Kill(victim);
  EXPECT_TRUE(WaitFor([&] { return LedByOthers(cluster, victim, kGroups); }, seconds(30)))
      << "elections go on";
  EXPECT_TRUE(client.Get(Key("fault", "before")).Wait().ok());
  cluster.Start(victim);
  std::this_thread::sleep_for(seconds(3));
  for (int node = 0; node < 3; ++node) {
    EXPECT_TRUE(cluster.process(node).running()) << cluster.log(node);
    disks_[node]->Free();
  }
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  EXPECT_TRUE(WaitFor([&] { return PutOne(client, "after"); }, seconds(30)));
  ExpectAllIsKept(workload, cluster);
}

TEST(FailedSync, StopsTheNodeTheClusterGoesOnAndARestartWorks) {
  Cluster cluster({.name = "failed-sync", .groups = 4, .shim = true});
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  START_OR_RETURN(cluster, workload);
  std::this_thread::sleep_for(seconds(1));

  const int victim = std::max(0, cluster.LeaderOf(1));
  cluster.SetShim(victim, "eio");
  EXPECT_EQ(cluster.process(victim).WaitForEnd(seconds(10)), 1) << "a node outlived a failed sync\n"
                                                                << cluster.log(victim);
  EXPECT_NE(cluster.log(victim).find("Input/output error"), std::string::npos)
      << cluster.log(victim);
  client::Client client = Connect(cluster);
  EXPECT_TRUE(PutOne(client, "after"));
  cluster.SetShim(victim, "");
  cluster.Kill(victim);
  Restart(cluster, victim);
  if (HasFatalFailure()) return;
  ExpectAllIsKept(workload, cluster);
}

TEST(SlowDisk, TheLeaderStepsDown) {
  constexpr uint32_t kGroups = 4;
  Cluster cluster({.name = "slow-disk", .groups = kGroups, .shim = true});
  Workload workload({.endpoints = cluster.endpoints(), .deadline = milliseconds(3000)});
  START_OR_RETURN(cluster, workload);

  const int victim = std::max(0, cluster.LeaderOf(1));
  cluster.SetShim(victim, "slow 2000");
  EXPECT_TRUE(WaitFor([&] { return LedByOthers(cluster, victim, kGroups); }, seconds(30)));
  client::Client client = Connect(cluster);
  EXPECT_TRUE(PutOne(client, "after"));
  cluster.SetShim(victim, "");
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  ExpectAllIsKept(workload, cluster);
}

// ------------------------------------------------------------------- a laggard

uint64_t SnapshotsInstalled(const Cluster& cluster, int node) {
  RawConnection http;
  if (!http.Connect(cluster.http_port(node))) return 0;
  http.Send("GET /metrics HTTP/1.0\r\n\r\n");
  const std::string page = http.ReadToEnd(seconds(5)).bytes;
  const std::string name = "\nfastpath_snapshots_installed_total ";
  const size_t at = page.find(name);
  return at == std::string::npos ? 0 : std::strtoull(page.c_str() + at + name.size(), nullptr, 10);
}

TEST(Laggard, PastTheLogLimitGetsASnapshotWhileWritesGoOn) {
  constexpr int kValues = 200;
  Cluster cluster({.name = "laggard", .groups = 1, .config = kSmall});
  Workload workload({.endpoints = cluster.endpoints()});
  START_OR_RETURN(cluster, workload);
  client::Client client = Connect(cluster);
  const int victim = (std::max(0, cluster.LeaderOf(1)) + 1) % 3;
  cluster.Kill(victim);
  for (int i = 0; i < kValues; ++i) {
    const auto put =
        client
            .Put("fault",
                 MakeItem({{"k", absl::StrCat("large", i)}, {"v", std::string(100 << 10, 'x')}}))
            .Wait();
    ASSERT_TRUE(put.ok()) << put.message();
  }
  const uint64_t before = workload.acknowledged();
  cluster.Start(victim);
  EXPECT_TRUE(WaitFor([&] { return SnapshotsInstalled(cluster, victim) > 0; }, seconds(30)));
  EXPECT_GT(workload.acknowledged(), before) << "writes go on meanwhile";
  cluster.WaitUntilServing();
  if (HasFatalFailure()) return;
  ExpectAllIsKept(workload, cluster);
}

// ------------------------------------------------------------------- corruption

// Flips one bit in the middle of every file that `wanted` picks below `folder`; how many. Not of a
// zero: between batches of the log those are padding, which nobody reads.
int Damage(const std::string& folder, const std::function<bool(const std::string&)>& wanted) {
  int damaged = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || !wanted(entry.path().filename().string())) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes = ReadFile(entry.path().string());
    const size_t written = bytes.find_last_not_of('\0');  // What follows is preallocated.
    if (written == std::string::npos) continue;
    const auto at = static_cast<std::streamoff>(bytes.find_first_not_of('\0', written / 3));
    file.seekg(at);
    const auto byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x10));
    ++damaged;
  }
  return damaged;
}

// The node ended by itself, or says of a replica that it has stopped.
bool Refuses(Cluster& cluster, int node) {
  if (!cluster.process(node).running()) return true;
  api::Request request;
  request.set_id(1);
  request.mutable_status();
  const auto reply = Ask(cluster.client_port(node), request, seconds(1));
  return reply && std::any_of(reply->status().replicas().begin(), reply->status().replicas().end(),
                              [](const auto& replica) { return !replica.failure().empty(); });
}

// One node's files are damaged while it is down. It must refuse its store, or what of it turns out
// to be damaged, and say why; with an empty folder it comes back as another node and gets its
// replicas.
void ExpectRefusedAndReplaced(Cluster& cluster, int victim, const std::string& part,
                              const std::function<bool(const std::string&)>& wanted) {
  SCOPED_TRACE(part);
  cluster.Kill(victim);
  const auto newest = static_cast<uint32_t>(cluster.Map().nodes_size() + 1);
  const std::string data = cluster.folder(victim);
  ASSERT_GT(Damage(data + "/" + part, wanted), 0);
  const size_t said = cluster.log(victim).size();
  cluster.Start(victim);
  EXPECT_TRUE(WaitFor([&] { return Refuses(cluster, victim); }, seconds(20)));
  const std::string log = cluster.log(victim).substr(said);
  EXPECT_NE(log.find("reason="), std::string::npos) << log;
  std::printf("%s: %s\n", part.c_str(), log.substr(0, log.find('\n')).c_str());
  cluster.Kill(victim);
  fs::remove_all(data);
  cluster.Start(victim);
  const auto replaced = [&] {
    const api::Map map = cluster.Map();
    return map.groups_size() > 0 &&
           std::all_of(map.groups().begin(), map.groups().end(), [&](const auto& group) {
             return group.voters_size() == 3 && group.learners_size() == 0 &&
                    std::any_of(group.voters().begin(), group.voters().end(),
                                [&](const auto& voter) { return voter.node() == newest; });
           });
  };
  EXPECT_TRUE(WaitFor(replaced, seconds(30))) << cluster.Map().ShortDebugString();
  cluster.WaitUntilServing();
  const CommandResult all = cluster.Fastpath({"--timeout", "10", "cluster", "wait"});
  EXPECT_EQ(all.code, 0) << "the node that is gone is not waited for: " << all.output;
}

TEST(Corruption, OfLogManifestOrTablesRefusesTheStoreWhichIsReplaced) {
  Cluster cluster({.name = "corruption", .groups = 4, .config = kSmall});
  Workload workload({.endpoints = cluster.endpoints()});
  START_OR_RETURN(cluster, workload);
  std::this_thread::sleep_for(seconds(2));
  // The log of a node that goes on from it has valid batches past the damage.
  ExpectRefusedAndReplaced(cluster, 1, "log", [](const std::string& name) {
    return name.find("LOCK") == std::string::npos;
  });
  if (testing::Test::HasFailure()) return;
  ExpectRefusedAndReplaced(cluster, 2, "engine",
                           [](const std::string& name) { return name.rfind("MANIFEST", 0) == 0; });
  if (testing::Test::HasFailure()) return;
  // What of these is read while the clients go on is found out then.
  cluster.process(0).Signal(SIGTERM);
  EXPECT_EQ(cluster.process(0).WaitForEnd(seconds(30)), 0);
  ExpectRefusedAndReplaced(cluster, 0, "engine", [](const std::string& name) {
    return name.size() > 4 && name.substr(name.size() - 4) == ".sst";
  });
  if (testing::Test::HasFailure()) return;
  ExpectAllIsKept(workload, cluster);
}

}  // namespace
}  // namespace fastpath::fault
