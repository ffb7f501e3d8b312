// FAILURE-CASES 7 and 29 to 34 with whole nodes: wall clocks that jump,
// monotonic clocks that drift, nodes that stand still, answers that are lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/bank.h"
#include "tests/sim/requests.h"
#include "tests/sim/scripted.h"

namespace fastpath::sim {
namespace {

using client::internal::Answer;
using client::internal::Target;
using testing::SimClock;

constexpr uint64_t kSeeds = 6;
constexpr Micros kTenMinutes = 600 * kSecond;

Scenario OneGroup(uint64_t seed) {
  Scenario scenario = Calm(seed);
  scenario.groups = 1;
  return scenario;
}

// Wherever the group's leadership was, it is elsewhere afterwards.
void FailOver(Simulation& simulation, uint32_t group) {
  const size_t leader = LeaderOf(simulation, group).value_or(0);
  simulation.cluster().Kill(leader, Death::kProcess);
  simulation.RunFor(3 * kSecond);
  simulation.cluster().Start(leader);
  simulation.RunFor(2 * kSecond);
}

// A connection that says exactly what it is told to say, under a session of the test's making.
class RawClient {
 public:
  RawClient(Simulation& simulation, const std::string& name)
      : simulation_(simulation),
        host_(simulation.fabric().AddHost(name)),
        executor_(&simulation.loop()),
        network_(simulation.fabric().Attach(host_, &executor_, /*carries_raft=*/false)) {}

  HostId host() const { return host_; }
  void Connect(size_t node) {
    connection_.reset();
    network_->Connect(simulation_.cluster().client_endpoints()[node],
                      [this](absl::StatusOr<std::unique_ptr<Connection>> made) {
                        ASSERT_TRUE(made.ok()) << made.status();
                        connection_ = *std::move(made);
                        connection_->Start({.on_frame =
                                                [this](std::string_view frame) {
                                                  replies_.emplace_back().ParseFromArray(
                                                      frame.data(), static_cast<int>(frame.size()));
                                                },
                                            .on_close = [](absl::Status) {}});
                      });
    ASSERT_TRUE(simulation_.WaitFor([this] { return connection_ != nullptr; }, kSecond));
  }
  void Send(api::Request request, uint64_t epoch) {
    request.set_id(++last_id_);
    request.set_group(1);
    request.set_epoch(epoch);
    connection_->Send(absl::Cord(request.SerializeAsString()));
  }
  // The next one; an empty one with code INTERNAL if none comes.
  api::Reply Hear() {
    api::Reply reply;
    reply.set_code(api::INTERNAL);
    if (!simulation_.WaitFor([this] { return !replies_.empty(); }, 5 * kSecond)) return reply;
    reply = replies_.front();
    replies_.pop_front();
    return reply;
  }
  bool silent() const { return replies_.empty(); }

 private:
  Simulation& simulation_;
  const HostId host_;
  testing::SimExecutor executor_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Connection> connection_;
  std::deque<api::Reply> replies_;
  uint64_t last_id_ = 0;
};

api::Request CountUnder(uint64_t sequence, uint64_t done_below, uint64_t not_after) {
  api::Request request = Increment("counted", 1);
  api::Session& session = *request.mutable_write()->mutable_session();
  session.set_client("0123456789abcdef");
  session.set_sequence(sequence);
  session.set_done_below(done_below);
  session.set_not_after(not_after);
  return request;
}

// As a strong read says; 0 if there is none.
std::string Counted(Simulation& simulation) {
  const Answer answer = GetOnce(simulation, "counted", 10 * kSecond);
  EXPECT_TRUE(Ok(answer));
  return answer.reply.get().found() ? Content(answer.reply.get().item()) : "0";
}

uint64_t EpochOf(Simulation& simulation) {
  api::Request request;
  request.mutable_map();
  const Answer answer = simulation.Ask(std::move(request), Target::Any(), 5 * kSecond);
  for (const api::GroupDescriptor& group : answer.reply.map().groups()) {
    if (group.group() == 1) return group.epoch();
  }
  return 0;
}

// The log time of the one data group, by a write.
int64_t Stamp(Simulation& simulation) {
  const Answer answer = PutOnce(simulation, "stamp", 10 * kSecond);
  EXPECT_TRUE(Ok(answer));
  return static_cast<int64_t>(answer.reply.stamp());
}

int64_t TrueTime(Simulation& simulation) { return SimClock::kEpoch + simulation.loop().Now(); }

// ------------------------------------------------------------------------- clocks

TEST(Time, Case29_StampsFollowTheMedianWhileAMinorityJumps) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = OneGroup(seed);
    scenario.clients = scenario.lanes = 1;
    Simulation simulation(scenario);
    StartBusy(simulation);
    testing::SimRandom random(seed);
    int64_t last = 0;
    for (int step = 0; step < 40; ++step) {
      const auto jump = static_cast<Micros>(random.Below(2 * kTenMinutes)) - kTenMinutes;
      simulation.cluster().SetClock(seed % 3, jump);
      if (step % 10 == 9) FailOver(simulation, 1);
      simulation.RunFor(static_cast<Micros>(random.Below(kSecond)));
      const int64_t stamp = Stamp(simulation);
      EXPECT_GT(stamp, last);
      EXPECT_NEAR(stamp, TrueTime(simulation), 500'000) << "step " << step;
      last = stamp;
    }
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// A node without a replica of meta knows no log time, and its own clock is nobody's measure.
TEST(Time, Case30_ANodeWhoseClockIsFarAheadLeadsNoWriterAstray) {
  Scenario scenario = OneGroup(1);
  scenario.nodes = 4;
  Simulation simulation(scenario);
  simulation.StartFirst();
  simulation.StartOthers();
  simulation.AwaitReplication();
  for (size_t node = 0; node < simulation.cluster().size(); ++node) {
    const api::StatusResult status = simulation.cluster().StatusOf(node);
    const bool has_meta = std::any_of(status.replicas().begin(), status.replicas().end(),
                                      [](const auto& replica) { return replica.group() == 0; });
    if (!has_meta) simulation.cluster().SetClock(node, 3600 * kSecond);
  }
  for (uint64_t i = 0; i < 12; ++i) {  // Each asks for its own first map.
    Teller teller(simulation, absl::StrCat("client", i), i);
    teller.Begin(Put("key", "value"), Target::Key(), 5 * kSecond);
    ASSERT_TRUE(simulation.WaitFor([&] { return !teller.busy(); }, 6 * kSecond));
    EXPECT_TRUE(Ok(teller.answer())) << teller.answer().reply.ShortDebugString();
  }
}

// Whose own clock is ahead hears what log time is, and that it may try again.
TEST(Time, Case30_ALastMomentTooFarAheadIsToldWithLogTime) {
  Simulation simulation(OneGroup(1));
  StartBusy(simulation);
  RawClient client(simulation, "ahead");
  client.Connect(LeaderOf(simulation, 1).value_or(0));
  const int64_t far = TrueTime(simulation) + kTenMinutes + kSecond;
  client.Send(CountUnder(1, 0, static_cast<uint64_t>(far)), EpochOf(simulation));
  const api::Reply reply = client.Hear();
  EXPECT_EQ(reply.code(), api::SESSION_EXPIRED) << reply.ShortDebugString();
  EXPECT_NEAR(static_cast<int64_t>(reply.log_time()), TrueTime(simulation), kSecond);
  EXPECT_EQ(Counted(simulation), "0");
}

// No command tells a quiet group's restarted replica the time. (The item is not purged yet.)
TEST(Time, Case29_ARestartedReplicaOfAQuietGroupHidesWhatExpired) {
  Scenario scenario = OneGroup(1);
  scenario.clients = 0;
  Simulation simulation(scenario);
  StartBusy(simulation);
  const int64_t expires_s = TrueTime(simulation) / kSecond + 60;
  const Answer put = simulation.Ask(PutExpiring("quiet", expires_s), Target::Key(), 5 * kSecond);
  ASSERT_TRUE(Ok(put)) << put.reply.ShortDebugString();
  simulation.RunFor(30 * kSecond);
  const size_t follower = (LeaderOf(simulation, 1).value_or(0) + 1) % 3;
  simulation.cluster().Kill(follower, Death::kProcess);
  simulation.RunFor(kSecond);
  simulation.cluster().Start(follower);
  simulation.RunFor(kSecond);
  RawClient client(simulation, "raw");
  client.Connect(follower);
  const uint64_t epoch = EpochOf(simulation);
  const auto sees = [&] {
    client.Send(Get(kExpiringTable, "quiet", /*eventual=*/true), epoch);
    const api::Reply reply = client.Hear();
    EXPECT_EQ(reply.code(), api::OK) << reply.ShortDebugString();
    return reply.get().found();
  };
  EXPECT_TRUE(sees());
  simulation.RunFor(expires_s * kSecond + kSecond - TrueTime(simulation));
  EXPECT_FALSE(sees());
}

// The history knows when items expire by the world's time, and judges lateness, too.
TEST(Time, Case30_AMinoritysClockNeitherExpiresEarlyNorLateNorResurrectsAcrossFailover) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.lanes = 4;
    Simulation simulation(scenario);
    StartBusy(simulation);
    for (int round = 0; round < 4; ++round) {
      simulation.cluster().SetClock(seed % 3, round % 2 == 0 ? kTenMinutes : -kTenMinutes);
      simulation.RunFor(kSecond);
      FailOver(simulation, 1 + static_cast<uint32_t>(round) % scenario.groups);
    }
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

TEST(Time, Case30_ANodeWhoseClockIsOffDoesNotLead) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = Calm(seed);
    scenario.clients = scenario.lanes = 1;
    Simulation simulation(scenario);
    StartBusy(simulation);
    const size_t wrong = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().SetClock(wrong, seed % 2 == 0 ? kTenMinutes : -kTenMinutes);
    const auto others = [&] { return LedByOthers(simulation, wrong, scenario.groups); };
    EXPECT_TRUE(simulation.WaitFor(others, 10 * kSecond)) << "it hands over";
    // One right clock is gone; what was known of it still tells who is off.
    const size_t down = (wrong + 1) % 3;
    simulation.cluster().Kill(down, Death::kProcess);
    EXPECT_TRUE(simulation.WaitFor(others, 10 * kSecond));
    for (int look = 0; look < 50; ++look) {
      simulation.RunFor(kSecond / 5);
      const api::StatusResult status = simulation.cluster().StatusOf(wrong);
      for (const api::ReplicaStatus& replica : status.replicas()) {
        EXPECT_NE(replica.role(), "leader") << "group " << replica.group() << ", look " << look;
      }
      if (HasFailure()) return;
    }
    simulation.cluster().Start(down);
    simulation.RunFor(2 * kSecond);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// The clock jumps when the election is won and the new term's first entry is still on its way:
// the stamp that the term starts from is not taken from it.
TEST(Time, Case30_AJumpBetweenElectionAndServiceDoesNotEnterTheLog) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    const size_t old = LeaderOf(simulation, 1).value_or(0);
    simulation.cluster().Kill(old, Death::kProcess);
    const auto elected = [&] {
      const auto leader = LeaderOf(simulation, 1);
      return leader && *leader != old;
    };
    for (int ms = 0; ms < 10'000 && !elected(); ++ms) simulation.RunFor(kSecond / 1000);
    ASSERT_TRUE(elected());
    simulation.cluster().SetClock(*LeaderOf(simulation, 1), kTenMinutes);
    EXPECT_NEAR(Stamp(simulation), TrueTime(simulation), 500'000);
    simulation.cluster().Start(old);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// A conditional put that may take the place of nothing: reads and conditions turn at one moment,
// failover or not, and what is put then stays.
TEST(Time, Case31_AConditionAtExpiryAgreesWithReadsAndANewPutStays) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    const int64_t expires_s = TrueTime(simulation) / kSecond + 5;
    ASSERT_TRUE(Ok(simulation.Ask(PutExpiring("passes", expires_s), Target::Key(), 5 * kSecond)));
    if (seed % 2 == 0) FailOver(simulation, 1);
    api::Request replace = PutExpiring("passes", expires_s + 3600);
    replace.mutable_write()
        ->mutable_put()
        ->mutable_condition()
        ->mutable_not_exists()
        ->add_steps()
        ->set_name("k");
    bool gone = false;
    while (TrueTime(simulation) < (expires_s + 2) * kSecond) {
      const Answer read =
          simulation.Ask(Get(kExpiringTable, "passes", false), Target::Key(), 5 * kSecond);
      ASSERT_TRUE(Ok(read));
      gone = !read.reply.get().found();
      const Answer put = simulation.Ask(replace, Target::Key(), 5 * kSecond);
      EXPECT_TRUE(!gone || Ok(put)) << "gone for a read is gone for a condition";
      if (!Ok(put)) {
        EXPECT_EQ(put.reply.code(), api::CONDITION_FAILED);
        EXPECT_LT(TrueTime(simulation), expires_s * kSecond + kSecond) << "late";
        continue;
      }
      EXPECT_GE(static_cast<int64_t>(put.reply.stamp()), expires_s * kSecond) << "early";
      gone = true;
      break;
    }
    EXPECT_TRUE(gone);
    // The expired one's row of the index may still wait for its purge.
    FailOver(simulation, 1);
    simulation.RunFor(5 * kSecond);
    const Answer read =
        simulation.Ask(Get(kExpiringTable, "passes", false), Target::Key(), 5 * kSecond);
    EXPECT_TRUE(Ok(read) && read.reply.get().found()) << "the new item went with the old";
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// ------------------------------------------------------------------------- leases

// Clocks as far apart as the bound allows; leaders cut off from their peers, or standing still,
// while clients reach them.
TEST(Time, Case32_LeasesHoldUnderDriftAndPauses) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario = OneGroup(seed);
    scenario.think_max = 20'000;
    scenario.registers = 3;
    scenario.clients = 3;
    scenario.lanes = 1;
    scenario.cold_key_percent = 0;
    Simulation simulation(scenario);
    for (size_t node = 0; node < 3; ++node) {
      simulation.cluster().SetDrift(node, node == seed % 3 ? -50'000 : 50'000);
    }
    StartBusy(simulation);
    for (int round = 0; round < 4; ++round) {
      // The slow clock leads, if it can be brought to.
      for (int attempt = 0; attempt < 3 && LeaderOf(simulation, 1) != seed % 3; ++attempt) {
        FailOver(simulation, 1);
      }
      const size_t leader = LeaderOf(simulation, 1).value_or(0);
      if (round % 2 == 0) {
        for (size_t other = 0; other < 3; ++other) {
          if (other == leader) continue;
          simulation.fabric().Block(simulation.cluster().host(leader),
                                    simulation.cluster().host(other));
          simulation.fabric().Block(simulation.cluster().host(other),
                                    simulation.cluster().host(leader));
        }
        simulation.RunFor(2 * kSecond);
        simulation.fabric().UnblockAll();
      } else {
        simulation.cluster().Pause(leader);
        simulation.RunFor(2 * kSecond);
        simulation.cluster().Resume(leader);
      }
      simulation.RunFor(kSecond);
    }
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Counts one key up through whoever leads, and asks one node what it is, all on connections of
// their own: no answer may be behind what had been acknowledged when it was asked for.
class StaleReadWatch {
 public:
  StaleReadWatch(Simulation& simulation, size_t asked)
      : simulation_(simulation), epoch_(EpochOf(simulation)), reader_(simulation, "reader") {
    reader_.Connect(asked);
    for (size_t node = 0; node < 3; ++node) {
      writers_.push_back(std::make_unique<RawClient>(simulation, "writer"));
      writers_.back()->Connect(node);
    }
  }

  int64_t acknowledged() const { return acknowledged_; }
  uint64_t answered() const { return answered_; }
  void Ask() {
    asked_.push_back(acknowledged_);  // Requests are numbered from 1.
    reader_.Send(Get(kTable, "watched", /*eventual=*/false), epoch_);
  }
  void AskFor(Micros duration) {
    for (Micros passed = 0; passed < duration; passed += kPause) {
      Ask();
      Step();
    }
  }
  // False if that is not acknowledged in time.
  bool CountBeyond(int64_t count) {
    for (int i = 0; i < 1'000 && acknowledged_ <= count; ++i) Step();
    return acknowledged_ > count;
  }

 private:
  static constexpr Micros kPause = 10'000;
  static constexpr int64_t kSixteenDigits = 1'000'000'000'000'000;
  static int64_t NumberIn(const std::string& item) { return std::stoll(Content(item)); }

  void Step() {
    Count();
    simulation_.RunFor(kPause);
    HearWriters();
    Judge();
  }
  // Every node is given one; only who leads takes it.
  void Count() {
    ++sequence_;
    for (size_t node = 0; node < writers_.size(); ++node) {
      api::Request request = Increment("watched", 1);
      api::Session& session = *request.mutable_write()->mutable_session();
      session.set_client(std::to_string(kSixteenDigits + 4 * born_ + static_cast<int64_t>(node)));
      session.set_sequence(sequence_);
      session.set_done_below(sequence_);
      session.set_not_after(static_cast<uint64_t>(TrueTime(simulation_) + 60 * kSecond));
      writers_[node]->Send(std::move(request), epoch_);
    }
  }
  void HearWriters() {
    for (const auto& writer : writers_) {
      while (!writer->silent()) {
        const api::Reply reply = writer->Hear();
        if (reply.code() != api::OK) continue;
        acknowledged_ = std::max(acknowledged_, NumberIn(reply.write().item()));
      }
    }
  }
  void Judge() {
    while (!reader_.silent()) {
      const api::Reply reply = reader_.Hear();
      if (reply.code() != api::OK) continue;
      ++answered_;
      const int64_t read = reply.get().found() ? NumberIn(reply.get().item()) : 0;
      EXPECT_GE(read, asked_[reply.id() - 1]) << "a stale read";
    }
  }

  Simulation& simulation_;
  const uint64_t epoch_;
  const int64_t born_ = simulation_.loop().Now();  // Each watch counts under sessions of its own.
  RawClient reader_;
  std::vector<std::unique_ptr<RawClient>> writers_;
  std::vector<int64_t> asked_;
  uint64_t sequence_ = 0;
  int64_t acknowledged_ = 0;
  uint64_t answered_ = 0;
};

// From the others, both ways; clients still reach it.
void CutOff(Simulation& simulation, size_t node) {
  for (size_t other = 0; other < 3; ++other) {
    if (other == node) continue;
    const HostId a = simulation.cluster().host(node), b = simulation.cluster().host(other);
    simulation.fabric().Block(a, b);
    simulation.fabric().Block(b, a);
  }
}

// The slow clock leads, alone does not know that it was deposed, and is asked all the while.
TEST(Time, Case32_ADeposedLeaderWithASlowClockServesNoStaleRead) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    for (int round = 0; round < 4; ++round) {
      simulation.RunFor(3 * kSecond);
      const size_t leader = LeaderOf(simulation, 1).value_or(0);
      for (size_t node = 0; node < 3; ++node) {
        simulation.cluster().SetDrift(node, node == leader ? -50'000 : 50'000);
      }
      StaleReadWatch watch(simulation, leader);
      watch.AskFor(kSecond / 2);
      EXPECT_GT(watch.answered(), 0u);
      const int64_t before = watch.acknowledged();
      CutOff(simulation, leader);
      watch.AskFor(3 * kSecond);
      EXPECT_GT(watch.acknowledged(), before) << "others lead";
      simulation.fabric().UnblockAll();
    }
    for (size_t node = 0; node < 3; ++node) simulation.cluster().SetDrift(node, 0);
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// It stood still while another was elected, and goes on before it hears of it.
TEST(Time, Case07_APausedAndDeposedLeaderThatIsCutOffServesNoStaleRead) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    for (int round = 0; round < 4; ++round) {
      simulation.RunFor(3 * kSecond);
      const size_t leader = LeaderOf(simulation, 1).value_or(0);
      StaleReadWatch watch(simulation, leader);
      watch.AskFor(kSecond / 2 + seed * 10'000);
      const int64_t before = watch.acknowledged();
      simulation.cluster().Pause(leader);
      CutOff(simulation, leader);
      EXPECT_TRUE(watch.CountBeyond(before));
      for (int i = 0; i < 5; ++i) watch.Ask();
      simulation.RunFor(5'000);
      simulation.cluster().Resume(leader);
      watch.AskFor(2 * kSecond);
      simulation.fabric().UnblockAll();
    }
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// ------------------------------------------------------------------------ retries

TEST(Time, Case33_ALostReplyRetriedOnANewLeaderCountsOnce) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    const uint64_t epoch = EpochOf(simulation);
    const auto not_after = static_cast<uint64_t>(TrueTime(simulation) + 60 * kSecond);
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    RawClient client(simulation, "raw");
    client.Connect(leader);
    simulation.fabric().Block(simulation.cluster().host(leader), client.host());
    client.Send(CountUnder(1, 1, not_after), epoch);
    simulation.RunFor(kSecond);
    EXPECT_TRUE(client.silent());
    EXPECT_EQ(Counted(simulation), "1") << "it was executed";
    simulation.cluster().Kill(leader, seed % 2 == 0 ? Death::kPower : Death::kProcess);
    simulation.RunFor(4 * kSecond);
    const size_t next = LeaderOf(simulation, 1).value_or(0);
    ASSERT_NE(next, leader);
    client.Connect(next);
    client.Send(CountUnder(1, 1, not_after), epoch);
    const api::Reply reply = client.Hear();
    EXPECT_EQ(reply.code(), api::OK) << reply.message();
    EXPECT_EQ(Content(reply.write().item()), "1");
    EXPECT_EQ(Counted(simulation), "1");
    simulation.cluster().Start(leader);
    simulation.fabric().UnblockAll();
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// An original overtaken by its retry, which was answered: on arrival it gets the same answer, or,
// once the client moved done_below on, a refusal; past its not_after a refusal, too.
TEST(Time, Case34_ALateOriginalAfterItsRetryDoesNothing) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    const uint64_t epoch = EpochOf(simulation);
    const auto not_after = static_cast<uint64_t>(TrueTime(simulation) + 4 * kSecond);
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    RawClient slow(simulation, "slow"), fast(simulation, "fast");
    slow.Connect(leader);
    fast.Connect(leader);
    simulation.fabric().Block(slow.host(), simulation.cluster().host(leader));
    slow.Send(CountUnder(1, 1, not_after), epoch);
    fast.Send(CountUnder(1, 1, not_after), epoch);
    EXPECT_EQ(fast.Hear().code(), api::OK);
    uint64_t done_below = 1;
    if (seed % 3 == 0) {  // The next write says that the first has its answer.
      done_below = 2;
      fast.Send(CountUnder(2, 2, not_after + 60 * kSecond), epoch);
      EXPECT_EQ(fast.Hear().code(), api::OK);
    }
    if (seed % 3 == 1) simulation.RunFor(6 * kSecond);  // Past not_after.
    simulation.fabric().UnblockAll();
    const api::Reply late = slow.Hear();
    if (seed % 3 == 2) {
      EXPECT_EQ(late.code(), api::OK) << late.message();
      EXPECT_EQ(Content(late.write().item()), "1");
    } else {
      EXPECT_EQ(late.code(), api::SESSION_EXPIRED) << late.message();
    }
    EXPECT_EQ(Counted(simulation), std::to_string(done_below));
    FailOver(simulation, 1);
    EXPECT_EQ(Counted(simulation), std::to_string(done_below));
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// Where the request may have arrived the outcome is unknown; where nothing was sent, refused.
TEST(Time, Case34_TimeoutsAreUnknown) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    ASSERT_EQ(Counted(simulation), "0");
    ClientHost client(&simulation.loop(), &simulation.fabric(), "timed", seed,
                      simulation.cluster().client_endpoints(), kSecond);
    const auto count = [&](Micros deadline) {
      std::optional<Answer> answer;
      client.core().Call(Increment("counted", 1), Target::Key(), deadline,
                         [&](Answer result) { answer = std::move(result); });
      EXPECT_TRUE(simulation.WaitFor([&] { return answer.has_value(); }, 10 * kSecond));
      return answer->outcome;
    };
    const auto block = [&](bool there, bool back) {
      for (size_t node = 0; node < 3; ++node) {
        if (there) simulation.fabric().Block(client.host(), simulation.cluster().host(node));
        if (back) simulation.fabric().Block(simulation.cluster().host(node), client.host());
      }
    };
    block(true, true);
    EXPECT_EQ(count(kSecond), client::Outcome::kRefused) << "it never had a connection";
    simulation.fabric().UnblockAll();
    simulation.RunFor(10 * kSecond);
    EXPECT_EQ(count(5 * kSecond), client::Outcome::kOk);
    block(false, true);
    EXPECT_EQ(count(kSecond), client::Outcome::kUnknown);
    simulation.RunFor(2 * kSecond);
    EXPECT_EQ(Counted(simulation), "2") << "it had arrived";
    simulation.fabric().UnblockAll();
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
}

// A leader that stood still past its lease must not answer what waited for it from its own state.
TEST(Time, Case07_APausedLeaderResumesAndAnswersNoStaleRead) {
  uint64_t answered = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(OneGroup(seed));
    StartBusy(simulation);
    ASSERT_TRUE(Ok(simulation.Ask(Put("paused", "old"), Target::Key(), 5 * kSecond)));
    const uint64_t epoch = EpochOf(simulation);
    const size_t leader = LeaderOf(simulation, 1).value_or(0);
    RawClient client(simulation, "raw");
    client.Connect(leader);
    simulation.cluster().Pause(leader);
    simulation.RunFor(3 * kSecond);
    ASSERT_TRUE(Ok(simulation.Ask(Put("paused", "new"), Target::Key(), 5 * kSecond)));
    client.Send(Get(kTable, "paused", /*eventual=*/false), epoch);
    simulation.RunFor(kSecond / 10);
    simulation.cluster().Resume(leader);
    const api::Reply reply = client.Hear();
    if (reply.code() == api::OK) {
      EXPECT_EQ(Content(reply.get().item()), "new");
    } else {
      EXPECT_TRUE(reply.code() == api::NOT_LEADER || reply.code() == api::NOT_READY)
          << api::Code_Name(reply.code()) << " " << reply.message();
    }
    ++answered;
    ExpectAllIsWell(simulation);
    if (HasFailure()) return;
  }
  EXPECT_EQ(answered, kSeeds);
}

}  // namespace
}  // namespace fastpath::sim
