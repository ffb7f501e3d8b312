#include "node/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "node/io/network.h"
#include "partition/frame.h"
#include "tests/node/loopback.h"

namespace fastpath::node {
namespace {

using ::testing::HasSubstr;
using testing::RawClient;
using testing::RunUntil;

// A node's peer side: transport, identity, and what it received.
struct Peer {
  Peer(AsioExecutor* executor, uint32_t node, const std::string& cluster,
       const Transport::Watch& watch = {})
      : network(executor,
                {.preface = std::string(kPeerPreface), .frame_limit_bytes = kPeerFrameLimitBytes}) {
    identity.cluster_id = cluster;
    identity.incarnation = std::string(16, static_cast<char>(node));
    identity.node = node;
    self.set_id(node);
    transport = std::make_unique<Transport>(
        &clock, executor, &network, &identity, NodeOptions(), watch,
        Transport::Handlers{
            .message =
                [this](raft::NodeId from, raft::Message message) {
                  messages.emplace_back(from, std::move(message));
                },
            .call =
                [this](raft::NodeId from, const peer::Call& call, Answerer answer) {
                  callers.push_back(from);
                  if (!answers) return waiting.push_back(std::move(answer));
                  peer::Answer reply;
                  reply.set_message("for group " + std::to_string(call.move_leader().group()));
                  std::move(answer)(std::move(reply));
                },
            .find_node = [this](raft::NodeId id) -> const api::Node* {
              const auto found = nodes.find(id);
              return found == nodes.end() ? nullptr : &found->second;
            },
            .introduced = [this](const api::Node& node) { introduced.push_back(node.id()); },
            .lost = [this](raft::NodeId node) { lost.push_back(node); },
            .required_version =
                [this](raft::NodeId node) { return node == 4 ? 0 : required_version; },
            .self = &self});
    const auto bound = transport->Listen("127.0.0.1:0");
    EXPECT_TRUE(bound.ok()) << bound.status();
    self.set_peer_address(*bound);
  }
  void Knows(const Peer& other) { nodes[other.self.id()] = other.self; }

  SystemClock clock;
  TcpNetwork network;
  Identity identity;
  api::Node self;
  std::map<raft::NodeId, api::Node> nodes;
  std::vector<std::pair<raft::NodeId, raft::Message>> messages;
  std::vector<raft::NodeId> callers;
  std::vector<raft::NodeId> introduced;
  std::vector<raft::NodeId> lost;
  std::vector<Answerer> waiting;
  bool answers = true;
  uint32_t required_version = 0;
  std::unique_ptr<Transport> transport;
};

const std::string kCluster(16, 'c');

raft::Message Heartbeat(raft::GroupId group) {
  raft::Message message;
  message.group = group;
  message.from = 1;
  message.to = 2;
  message.term = 3;
  return message;
}

peer::Call CallFor(uint32_t group) {
  peer::Call call;
  call.mutable_move_leader()->set_group(group);
  return call;
}

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() { spdlog::set_level(spdlog::level::off); }
  absl::StatusOr<peer::Answer> CallNow(Peer& from, raft::NodeId to, Micros timeout) {
    std::optional<absl::StatusOr<peer::Answer>> result;
    from.transport->Call(to, CallFor(9), timeout,
                         [&](absl::StatusOr<peer::Answer> answer) { result = std::move(answer); });
    EXPECT_FALSE(result.has_value()) << "answered inside the call";
    EXPECT_TRUE(RunUntil(executor_, [&] {
      from.transport->Tick();
      return result.has_value();
    }));
    return *std::move(result);
  }
  AsioExecutor executor_;
};

TEST_F(TransportTest, AllMessagesOfOneIterationTravelInOneFrame) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  a.Knows(b);
  for (raft::GroupId group = 0; group < 100; ++group) a.transport->Send(2, Heartbeat(group));
  ASSERT_TRUE(RunUntil(executor_, [&] { return b.messages.size() == 100; }));
  EXPECT_EQ(a.transport->counters().frames_out, 1u);
  for (raft::GroupId group = 0; group < 100; ++group) {
    EXPECT_EQ(b.messages[group].first, 1u);
    EXPECT_EQ(b.messages[group].second.group, group);
  }
  EXPECT_EQ(b.introduced, std::vector<raft::NodeId>{1});
  ASSERT_TRUE(b.transport->ClockOffset_us(1).has_value());
  EXPECT_FALSE(b.transport->ClockOffset_us(7).has_value());
}

TEST_F(TransportTest, WhoIsSilentOrStartsAnewIsLostOnce) {
  const Transport::Watch watch{.interval = 5'000, .silence = 300'000, .boot = 7};
  Peer a(&executor_, 1, kCluster, watch);
  auto b = std::make_unique<Peer>(&executor_, 2, kCluster, watch);
  a.Knows(*b);
  b->Knows(a);
  b->transport->Redial(1);
  const auto beat = [&](bool both) {
    a.transport->Beat();
    if (both) b->transport->Beat();
  };
  // Empty frames keep it alive, and carry its clock.
  const Micros start = a.clock.Monotonic();
  ASSERT_TRUE(RunUntil(executor_, [&] {
    beat(true);
    return a.clock.Monotonic() > start + 2 * watch.silence && a.transport->ClockOffset_us(2);
  }));
  const bool starved = !a.lost.empty();  // By this machine, not by the code.
  ASSERT_TRUE(RunUntil(executor_, [&] {
    beat(false);
    return !a.lost.empty() && a.lost.back() == 2;
  }));
  const size_t said = a.lost.size();
  for (int i = 0; i < 10; ++i) beat(false);
  EXPECT_EQ(a.lost.size(), said);
  if (!starved) {
    EXPECT_EQ(said, 1u);
  }
  // Another process of the same store, though it greets at once.
  b = std::make_unique<Peer>(&executor_, 2, kCluster, Transport::Watch{.boot = 8});
  b->Knows(a);
  b->transport->Redial(1);
  ASSERT_TRUE(RunUntil(executor_, [&] { return a.lost.size() > said; }));
}

TEST_F(TransportTest, CallsAreAnsweredAlsoByTheNodeItself) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  a.Knows(b);
  const auto remote = CallNow(a, 2, 60'000'000);
  ASSERT_TRUE(remote.ok()) << remote.status();
  EXPECT_EQ(remote->message(), "for group 9");
  const auto own = CallNow(a, 1, 60'000'000);
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(a.callers, std::vector<raft::NodeId>{1});
}

TEST_F(TransportTest, ACallEndsByItsTimeout) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  a.Knows(b);
  b.answers = false;
  EXPECT_TRUE(absl::IsDeadlineExceeded(CallNow(a, 2, 100'000).status()));
}

TEST_F(TransportTest, ANodeOfAnotherClusterIsRefusedAndNothingDies) {
  Peer a(&executor_, 1, kCluster);
  Peer stranger(&executor_, 2, std::string(16, 'x'));
  Peer b(&executor_, 3, kCluster);
  stranger.Knows(a);
  b.Knows(a);
  const auto refused = CallNow(stranger, 1, 60'000'000);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("this node belongs to cluster"));
  stranger.transport->Send(1, Heartbeat(4));
  EXPECT_TRUE(CallNow(b, 1, 60'000'000).ok());
  EXPECT_TRUE(a.messages.empty());
  EXPECT_EQ(a.callers, std::vector<raft::NodeId>{3});
}

TEST_F(TransportTest, AnotherStoreUnderAKnownIdIsRefused) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  b.Knows(a);
  a.nodes[2].set_id(2);
  a.nodes[2].set_incarnation("the one that was registered");
  EXPECT_THAT(std::string(CallNow(b, 1, 60'000'000).status().message()),
              HasSubstr("registered with another store"));
}

TEST_F(TransportTest, NodesSayWhatTheyKnowAndWhoIsTooOldIsRefused) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  b.Knows(a);
  EXPECT_EQ(a.transport->CommandVersion(2), 0u);
  a.required_version = partition::kCommandVersion;
  EXPECT_TRUE(CallNow(b, 1, 60'000'000).ok());
  EXPECT_EQ(a.transport->CommandVersion(2), partition::kCommandVersion);

  Peer c(&executor_, 3, kCluster);
  c.Knows(a);
  a.required_version = partition::kCommandVersion + 1;
  EXPECT_THAT(std::string(CallNow(c, 1, 60'000'000).status().message()),
              HasSubstr("the caller's program is too old"));
  // What counts is what they share.
  Peer d(&executor_, 4, kCluster);
  d.Knows(a);
  EXPECT_TRUE(CallNow(d, 1, 60'000'000).ok());
}

TEST_F(TransportTest, TheWrongNodeBehindAnAddressIsNotSpokenTo) {
  Peer a(&executor_, 1, kCluster);
  Peer b(&executor_, 2, kCluster);
  a.nodes[3] = b.self;
  EXPECT_THAT(std::string(CallNow(a, 3, 60'000'000).status().message()),
              HasSubstr("node 2 answers at the address of node 3"));
  EXPECT_TRUE(b.callers.empty());
}

TEST_F(TransportTest, RubbishAndFramesBeforeTheHandshakeAreRefused) {
  Peer a(&executor_, 1, kCluster);
  const std::string call(1, 4);
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(kPeerPreface) + "\xff\xff\xff\xff",
        std::string(kPeerPreface) + FrameHeader(1) + call,
        std::string(kPeerPreface) + FrameHeader(0),
        std::string(kPeerPreface) + FrameHeader(4) + std::string("\x01\xff\xff\xff")}) {
    RawClient client(a.self.peer_address());
    client.Send(bytes);
    EXPECT_TRUE(RunUntil(executor_, [&] { return client.Ended(); })) << bytes;
  }
  EXPECT_TRUE(a.callers.empty());
  Peer b(&executor_, 2, kCluster);
  b.Knows(a);
  EXPECT_TRUE(CallNow(b, 1, 60'000'000).ok());
}

TEST_F(TransportTest, ABrokenLinkIsDialledAgain) {
  Peer a(&executor_, 1, kCluster);
  auto b = std::make_unique<Peer>(&executor_, 2, kCluster);
  a.Knows(*b);
  ASSERT_TRUE(CallNow(a, 2, 60'000'000).ok());
  b = std::make_unique<Peer>(&executor_, 2, kCluster);
  a.Knows(*b);
  ASSERT_TRUE(RunUntil(executor_, [&] { return CallNow(a, 2, 60'000'000).ok(); }));
}

}  // namespace
}  // namespace fastpath::node
