#include "node/io/network.h"

#include <gtest/gtest.h>

#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>

#include "node/host_port.h"
#include "partition/frame.h"
#include "tests/node/loopback.h"

namespace fastpath::node {
namespace {

using testing::RawClient;
using testing::RunUntil;

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() {
    const auto bound =
        network_.Listen("127.0.0.1:0", [this](std::unique_ptr<Connection> connection) {
          Connection* raw = connection.get();
          server_side_ = std::move(connection);
          raw->Start({.on_frame = [this](std::string_view frame) { frames_.emplace_back(frame); },
                      .on_close = [this](absl::Status why) { closed_ = why; }});
        });
    EXPECT_TRUE(bound.ok()) << bound.status();
    address_ = *bound;
  }

  AsioExecutor executor_;
  TcpNetwork network_{&executor_,
                      {.preface = std::string(kClientPreface), .frame_limit_bytes = 1 << 20}};
  std::string address_;
  std::unique_ptr<Connection> server_side_;
  std::vector<std::string> frames_;
  std::optional<absl::Status> closed_;
};

TEST_F(NetworkTest, FramesArriveWholeAndInOrder) {
  std::unique_ptr<Connection> client;
  network_.Connect(address_, [&](absl::StatusOr<std::unique_ptr<Connection>> made) {
    ASSERT_TRUE(made.ok()) << made.status();
    client = *std::move(made);
    client->Start({.on_frame = [](std::string_view) {}, .on_close = [](absl::Status) {}});
    for (int i = 0; i < 1000; ++i) client->Send(absl::Cord(std::string(i, 'x')));
  });
  ASSERT_TRUE(RunUntil(executor_, [&] { return frames_.size() == 1000; }));
  for (size_t i = 0; i < frames_.size(); ++i) EXPECT_EQ(frames_[i].size(), i);
  EXPECT_EQ(client->buffered_bytes(), 0u);
}

TEST_F(NetworkTest, RubbishEndsTheConnectionWithTheReason) {
  RawClient client(address_);
  client.Send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(RunUntil(executor_, [&] { return closed_.has_value(); }));
  EXPECT_TRUE(absl::IsInvalidArgument(*closed_)) << *closed_;
  EXPECT_TRUE(RunUntil(executor_, [&] { return client.Ended(); }));
  EXPECT_TRUE(frames_.empty());
}

TEST_F(NetworkTest, ALyingLengthEndsTheConnectionBeforeAnythingIsBuffered) {
  RawClient client(address_);
  client.Send(std::string(kClientPreface) + "\xff\xff\xff\xff");
  ASSERT_TRUE(RunUntil(executor_, [&] { return closed_.has_value(); }));
  EXPECT_TRUE(absl::IsInvalidArgument(*closed_)) << *closed_;
}

TEST_F(NetworkTest, AFrameCutShortByACloseIsNeverDelivered) {
  {
    RawClient client(address_);
    client.Send(std::string(kClientPreface) + FrameHeader(100) + "only this");
    ASSERT_TRUE(RunUntil(executor_, [&] { return server_side_ != nullptr; }));
  }
  ASSERT_TRUE(RunUntil(executor_, [&] { return closed_.has_value(); }));
  EXPECT_TRUE(frames_.empty());
}

TEST_F(NetworkTest, OneWhoDoesNotReadIsNoLongerRead) {
  RawClient client(address_);
  client.Send(kClientPreface);
  ASSERT_TRUE(RunUntil(executor_, [&] { return server_side_ != nullptr; }));
  const std::string big(1 << 20, 'r');
  for (int i = 0; i < 24; ++i) server_side_->Send(absl::Cord(big));
  ASSERT_GT(server_side_->buffered_bytes(), 0u);
  // It keeps sending: at some point the server's side takes no more, so nor does
  // the kernel.
  const std::string request = FrameHeader(60'000) + std::string(60'000, 'q');
  size_t sent = 0;
  int full = 0;
  ASSERT_TRUE(RunUntil(executor_, [&] {
    const size_t taken = client.Send(request);
    sent += taken;
    full = taken == 0 ? full + 1 : 0;
    return full > 50 || sent > (256u << 20);
  }));
  EXPECT_LT(sent, 256u << 20);
  EXPECT_FALSE(closed_.has_value());
}

TEST_F(NetworkTest, AConnectionMayBeDestroyedInsideItsOwnCallback) {
  RawClient client(address_);
  AsioExecutor& executor = executor_;
  ASSERT_TRUE(client.connected());
  ASSERT_TRUE(RunUntil(executor, [&] { return server_side_ != nullptr; }));
  int delivered = 0;
  server_side_->Start({.on_frame =
                           [&](std::string_view) {
                             ++delivered;
                             server_side_.reset();
                           },
                       .on_close = [](absl::Status) { FAIL() << "it was destroyed"; }});
  client.Send(std::string(kClientPreface) + FrameHeader(1) + "a" + FrameHeader(1) + "b");
  ASSERT_TRUE(RunUntil(executor, [&] { return client.Ended(); }));
  EXPECT_EQ(delivered, 1);
}

// The kernel's view of connections to or from a port, by the kind of timer that runs for them.
int KeptAlive(const std::string& address) {
  char port[8];
  std::snprintf(port, sizeof port, ":%04X", std::stoi(address.substr(address.rfind(':') + 1)));
  std::ifstream table("/proc/net/tcp");
  int kept = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer;
    fields >> number >> local >> remote >> state >> queues >> timer;
    const bool ours = local.ends_with(port) || remote.ends_with(port);
    kept += ours && state == "01" && timer.starts_with("02:");  // Established; keepalive.
  }
  return kept;
}

TEST_F(NetworkTest, WhoVanishesFromAnIdleConnectionIsNoticed) {
  std::unique_ptr<Connection> client;
  network_.Connect(address_, [&](absl::StatusOr<std::unique_ptr<Connection>> made) {
    ASSERT_TRUE(made.ok()) << made.status();
    client = *std::move(made);
    client->Start({.on_frame = [](std::string_view) {}, .on_close = [](absl::Status) {}});
  });
  EXPECT_TRUE(RunUntil(executor_, [&] { return KeptAlive(address_) == 2; }))
      << KeptAlive(address_) << " of its two sides";
}

TEST_F(NetworkTest, NobodyThereIsAnError) {
  RawClient probe(address_);
  std::optional<absl::Status> result;
  network_.Connect("127.0.0.1:1", [&](auto made) { result = made.status(); });
  ASSERT_TRUE(RunUntil(executor_, [&] { return result.has_value(); }));
  EXPECT_TRUE(absl::IsUnavailable(*result)) << *result;
  result.reset();
  network_.Connect("nonsense", [&](auto made) { result = made.status(); });
  ASSERT_TRUE(RunUntil(executor_, [&] { return result.has_value(); }));
  EXPECT_TRUE(absl::IsInvalidArgument(*result)) << *result;
}

TEST(SplitHostPort, TakesWhatItShould) {
  EXPECT_EQ(SplitHostPort("h:1")->host, "h");
  EXPECT_EQ(SplitHostPort("[::1]:7400")->host, "::1");
  for (const char* bad : {"", "h", ":1", "h:", "h:x", "h:70000", "::1:1", "[]:1"}) {
    EXPECT_FALSE(SplitHostPort(bad).has_value()) << bad;
  }
}

TEST(AsioExecutor, TimersRunInOrderAndCanBeCancelled) {
  AsioExecutor executor;
  SystemClock clock;
  std::string order;
  const Micros now = clock.Monotonic();
  executor.At(now + 3000, [&] { order += "c"; });
  const TimerId never = executor.At(now + 2000, [&] { order += "x"; });
  executor.At(now + 1000, [&] { order += "b"; });
  executor.Post([&] { order += "a"; });
  executor.Cancel(never);
  ASSERT_TRUE(RunUntil(executor, [&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
}

// What is posted in turn goes on in the same one; between slices of long work others are heard.
TEST(AsioExecutor, WhatTheKernelHasComesBetweenSlices) {
  for (const bool yields : {false, true}) {
    AsioExecutor executor;
    asio::io_context::executor_type io = executor.context().get_executor();
    asio::local::stream_protocol::socket near(io), far(io);
    asio::local::connect_pair(near, far);
    std::string order;
    far.async_wait(asio::socket_base::wait_read, [&](asio::error_code) { order += "frame "; });
    int slices = 0;
    std::function<void()> go_on = [&] {
      if (slices == 0) near.write_some(asio::buffer("x", 1));
      order += "slice ";
      if (++slices == 3) return;
      yields ? executor.Yield(go_on) : executor.Post(go_on);
    };
    executor.Post(go_on);
    ASSERT_TRUE(RunUntil(executor, [&] { return order.size() == 24; })) << order;
    EXPECT_EQ(order, yields ? "slice slice frame slice " : "slice slice slice frame ");
  }
}

}  // namespace
}  // namespace fastpath::node
