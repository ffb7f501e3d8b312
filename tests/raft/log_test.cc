#include "raft/log.h"

#include "gtest/gtest.h"
#include "raft/codec.h"
#include "raft/progress.h"

namespace fastpath::raft {
namespace {

Entry Command(Term term, Index index, size_t bytes = 4) {
  return {term, index, EntryKind::kCommand,
          std::make_shared<const std::string>(std::string(bytes, 'v'))};
}

Entry Change(Term term, Index index, ReplicaId voter) {
  Configuration configuration{{{voter, static_cast<NodeId>(voter)}}, {}, {}};
  return {term, index, EntryKind::kConfiguration,
          std::make_shared<const std::string>(EncodeConfiguration(configuration))};
}

ReplicaId VoterOf(const Configuration& configuration) { return configuration.voters.at(0).replica; }

Configuration Initial() { return {{{100, 100}}, {}, {}}; }

// Terms 1 1 2 2 2 5 at 1..6.
Log Example() {
  Log log({0, 0, Initial()}, {}, 1 << 20);
  const Term terms[] = {1, 1, 2, 2, 2, 5};
  for (Index i = 1; i <= 6; ++i) log.Append(Command(terms[i - 1], i));
  return log;
}

TEST(Log, KnowsTermsFromItsStartToItsEnd) {
  Log log = Example();
  EXPECT_EQ(log.TermAt(0), 0u);
  EXPECT_EQ(log.TermAt(2), 1u);
  EXPECT_EQ(log.TermAt(3), 2u);
  EXPECT_EQ(log.TermAt(5), 2u);
  EXPECT_EQ(log.TermAt(6), 5u);
  EXPECT_EQ(log.TermAt(7), std::nullopt);
  log.CompactTo(4);
  EXPECT_EQ(log.first_index(), 5u);
  EXPECT_EQ(log.TermAt(3), std::nullopt);
  EXPECT_EQ(log.TermAt(4), 2u);
  EXPECT_EQ(log.TermAt(5), 2u);
  EXPECT_EQ(log.TermAt(6), 5u);
  log.CompactTo(6);
  EXPECT_EQ(log.TermAt(6), 5u);
  EXPECT_EQ(log.last_term(), 5u);
  log.Append(Command(6, 7));
  EXPECT_EQ(log.TermAt(7), 6u);
}

TEST(Log, AgreementBoundIsTheHighestIndexOfNoLaterTerm) {
  Log log = Example();
  EXPECT_EQ(log.AgreementBound(6, 5), 6u);
  EXPECT_EQ(log.AgreementBound(9, 4), 5u);
  EXPECT_EQ(log.AgreementBound(5, 1), 2u);
  EXPECT_EQ(log.AgreementBound(4, 2), 4u);
  EXPECT_EQ(log.AgreementBound(4, 0), 0u);
  log.CompactTo(3);
  EXPECT_EQ(log.AgreementBound(5, 1), 3u) << "not searched below the start";
  EXPECT_EQ(log.AgreementBound(1, 9), 1u);
}

TEST(Log, TruncationTakesTermsAndConfigurationsWithIt) {
  Log log({0, 0, Initial()}, {}, 1 << 20);
  log.Append(Command(1, 1));
  log.Append(Change(2, 2, 7));
  log.Append(Command(2, 3));
  log.Append(Change(3, 4, 8));
  EXPECT_EQ(VoterOf(log.configuration()), 8u);
  EXPECT_EQ(VoterOf(log.ConfigurationAt(3)), 7u);
  EXPECT_EQ(VoterOf(log.ConfigurationAt(1)), 100u);
  log.TruncateFrom(4);
  EXPECT_EQ(VoterOf(log.configuration()), 7u);
  EXPECT_EQ(log.configuration_index(), 2u);
  EXPECT_EQ(log.last_term(), 2u);
  log.TruncateFrom(2);
  EXPECT_EQ(VoterOf(log.configuration()), 100u);
  EXPECT_EQ(log.last_index(), 1u);
  EXPECT_EQ(log.last_term(), 1u);
  log.TruncateFrom(1);
  EXPECT_EQ(log.last_index(), 0u);
  EXPECT_EQ(log.last_term(), 0u);
}

TEST(Log, CompactionKeepsTheConfigurationInForceAtTheStart) {
  Log log({0, 0, Initial()}, {}, 1 << 20);
  log.Append(Change(1, 1, 7));
  log.Append(Command(1, 2));
  log.Append(Change(1, 3, 8));
  log.CompactTo(2);
  EXPECT_EQ(VoterOf(log.ConfigurationAt(2)), 7u);
  EXPECT_EQ(VoterOf(log.configuration()), 8u);
  log.TruncateFrom(3);
  EXPECT_EQ(VoterOf(log.configuration()), 7u);
}

TEST(Log, EvictsOnlyWhatItMayAndOnlyAboveItsLimit) {
  Log log({0, 0, Initial()}, {}, 1000);
  for (Index i = 1; i <= 20; ++i) log.Append(Command(1, i, 100));
  EXPECT_GT(log.memory_bytes(), 1000u) << "nothing may leave yet";
  log.Evict(3, 0);
  EXPECT_EQ(log.mem_first(), 4u);
  log.Evict(20, 0);
  EXPECT_LE(log.memory_bytes(), 1000u);
  EXPECT_GT(log.memory_bytes(), 800u);
  EXPECT_FALSE(log.InMemory(log.mem_first() - 1));
  EXPECT_TRUE(log.InMemory(20));
  EXPECT_EQ(log.TermAt(1), 1u) << "terms stay";
}

TEST(Log, EvictsAtOnceWhatNobodyIsGoingToAskFor) {
  Log log({0, 0, Initial()}, {}, 1 << 20);
  for (Index i = 1; i <= 20; ++i) log.Append(Command(1, i, 100));
  log.Evict(12, 8);
  EXPECT_EQ(log.mem_first(), 9u);
  log.Evict(12, 30);
  EXPECT_EQ(log.mem_first(), 13u) << "what is not applied stays";
  EXPECT_EQ(log.last_index(), 20u);
}

TEST(Log, CopiesAtLeastOneEntryAndStopsAtTheLimit) {
  Log log({0, 0, Initial()}, {}, 1 << 20);
  for (Index i = 1; i <= 10; ++i) log.Append(Command(1, i, 100));
  std::vector<Entry> out;
  log.CopyTo(3, 10, 1, out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].index, 3u);
  out.clear();
  log.CopyTo(3, 10, 500, out);
  EXPECT_EQ(out.size(), 3u);
  out.clear();
  log.CopyTo(3, 2, 500, out);
  EXPECT_TRUE(out.empty());
}

TEST(Log, BytesBackBoundsWhatIsKept) {
  Log log({0, 0, Initial()}, {}, 100u << 20);
  for (Index i = 1; i <= 1000; ++i) log.Append(Command(1, i, 10'000));
  EXPECT_EQ(log.BytesBack(100u << 20), 0u);
  const Index cut = log.BytesBack(1'000'000);
  EXPECT_LE(1000 - cut, 100u);
  EXPECT_GE(1000 - cut, 90u);
  log.CompactTo(cut);
  EXPECT_GE(log.BytesBack(1'000'000), cut);
}

TEST(Log, ResetStartsAnew) {
  Log log = Example();
  log.Reset({50, 9, Initial()});
  EXPECT_EQ(log.first_index(), 51u);
  EXPECT_EQ(log.last_index(), 50u);
  EXPECT_EQ(log.last_term(), 9u);
  EXPECT_EQ(log.memory_bytes(), 0u);
  log.Append(Command(9, 51));
  EXPECT_EQ(log.TermAt(51), 9u);
}

TEST(LogDeathTest, HolesAndTermsThatRunBackwardsAbort) {
  EXPECT_DEATH(
      {
        Log log = Example();
        log.Append(Command(5, 9));
      },
      "hole");
  EXPECT_DEATH(
      {
        Log log = Example();
        log.Append(Command(4, 7));
      },
      "backwards");
}

TEST(Inflight, IsFullByCountOrByBytesAndFreesInOrder) {
  Inflight window;
  window.Add(5, 100, 1);
  window.Add(9, 100, 2);
  EXPECT_TRUE(window.Full(2, 1000));
  EXPECT_TRUE(window.Full(10, 200));
  EXPECT_FALSE(window.Full(3, 201));
  EXPECT_EQ(window.oldest_sent(), 1);
  window.Acknowledge(4);
  EXPECT_EQ(window.oldest_sent(), 1);
  window.Acknowledge(8);
  EXPECT_EQ(window.oldest_sent(), 2);
  EXPECT_FALSE(window.Full(2, 200));
  window.Acknowledge(9);
  EXPECT_TRUE(window.empty());
}

TEST(Follower, NextStaysAboveMatch) {
  Follower follower;
  follower.next = 10;
  EXPECT_TRUE(follower.Acknowledge(4));
  EXPECT_EQ(follower.next, 10u);
  EXPECT_FALSE(follower.Acknowledge(4));
  EXPECT_TRUE(follower.Acknowledge(12));
  EXPECT_EQ(follower.next, 13u);
  follower.BecomeReplicate();
  EXPECT_EQ(follower.next, 13u);
}

}  // namespace
}  // namespace fastpath::raft
