// The gateway's sockets: real connections to its thread, with a service that echoes.
#include "node/io/gateway_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "node/gateway/error.h"
#include "node/io/operation_counters.h"
#include "tests/node/loopback.h"

namespace fastpath::node {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::RawClient;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// False if it does not hold within a minute: a hang, not a measurement.
bool Eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Answers with the body at once; "hold" is answered when it stops, "large" with much.
class Echo : public HttpService {
 public:
  void Serve(const gateway::HttpRequest& request, Done done) override {
    if (request.body == "hold") {
      held_.push_back(std::move(done));
    } else if (request.body == "large") {
      done({.body = std::string(4u << 20, 'L')});
    } else {
      done({.body = "echo:" + request.body});
    }
  }
  void Stop() override {
    for (Done& done : held_) done({.status = 500, .body = "stopped"});
    held_.clear();
  }

 private:
  std::vector<Done> held_;
};

std::string Post(const std::string& body, const std::string& headers = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class GatewayServerTest : public ::testing::Test {
 protected:
  void Start(GatewayServerOptions options = {}, bool serve = true) {
    options.sweep = 10'000;
    server_ = std::make_unique<GatewayServer>(options);
    address_ = *server_->Listen("127.0.0.1:0");
    if (serve) Serve();
  }
  void Serve() {
    server_->Serve([](client::internal::Ports) { return std::make_unique<Echo>(); });
  }
  // Until the client has heard `text`.
  static bool Hears(RawClient& client, const std::string& text) {
    return Eventually([&] {
      client.Ended();
      return client.received().find(text) != std::string::npos;
    });
  }
  static bool Ends(RawClient& client) {
    return Eventually([&] { return client.Ended(); });
  }
  const GatewayCounters& counters() const { return server_->counters(); }

  std::unique_ptr<GatewayServer> server_;
  std::string address_;
};

TEST_F(GatewayServerTest, AConnectionIsKept) {
  Start();
  RawClient client(address_);
  for (const char* body : {"one", "two", "three"}) {
    client.Send(Post(body));
    ASSERT_TRUE(Hears(client, std::string("\r\n\r\necho:") + body));
  }
  EXPECT_THAT(client.received(), HasSubstr("\r\nDate: "));
  EXPECT_EQ(counters().accepted, 1u);
  EXPECT_EQ(counters().requests, 3u);
  EXPECT_EQ(counters().connections, 1u);
}

TEST_F(GatewayServerTest, PipelinedRequestsPastTheirBoundAreServedLater) {
  GatewayServerOptions options;
  options.http.pipelined = 4;
  Start(options);
  RawClient client(address_);
  std::string all;
  for (int i = 0; i < 100; ++i) all += Post("<" + std::to_string(i) + ">");
  client.Send(all + Post("last", "Connection: close\r\n"));
  ASSERT_TRUE(Ends(client));
  size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = client.received().find("echo:<" + std::to_string(i) + ">", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_THAT(client.received(), EndsWith("echo:last"));
}

TEST_F(GatewayServerTest, BeforeTheNodeIsReady) {
  Start({}, false);
  RawClient client(address_);
  client.Send("GET / HTTP/1.1\r\nHost: db\r\n\r\n");
  ASSERT_TRUE(Hears(client, "not ready: dynamodb.db\n"));
  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 503 "));
  client.Send(Post("x"));
  ASSERT_TRUE(Hears(client, "the node is starting"));
  Serve();
  client.Send("GET /healthz HTTP/1.1\r\nHost: db\r\n\r\n");
  ASSERT_TRUE(Hears(client, "\nhealthy: dynamodb.db\n"));
}

TEST_F(GatewayServerTest, TheNodesHealthIsAskedEachTime) {
  GatewayServerOptions options;
  std::atomic<bool> healthy = false;
  options.health = [&](std::function<void(bool)> answer) {
    std::thread([&healthy, answer] { answer(healthy); }).detach();
  };
  Start(options);
  RawClient client(address_);
  client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Hears(client, "HTTP/1.1 503 "));
  healthy = true;
  client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(Hears(client, "HTTP/1.1 200 "));
}

TEST_F(GatewayServerTest, APreflightIsAnswered) {
  Start();
  RawClient client(address_);
  client.Send(
      "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://a\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  ASSERT_TRUE(Hears(client, "Access-Control-Allow-Methods: POST\r\n"));
  EXPECT_THAT(client.received(), HasSubstr("Access-Control-Allow-Origin: *\r\n"));
}

TEST_F(GatewayServerTest, RubbishIsRefusedAndEndsItsConnectionOnly) {
  Start();
  RawClient other(address_);
  other.Send(Post("before"));
  ASSERT_TRUE(Hears(other, "echo:before"));
  RawClient client(address_);
  client.Send("\x16\x03\x01 rubbish\r\n\r\n");
  ASSERT_TRUE(Ends(client));
  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(counters().malformed, 1u);
  other.Send(Post("after"));
  ASSERT_TRUE(Hears(other, "echo:after"));
}

TEST_F(GatewayServerTest, WhoSendsTooMuchHearsWhy) {
  GatewayServerOptions options;
  options.http.body_bytes = 1000;
  Start(options);
  RawClient client(address_);
  // The answer comes though most of this was not read when it was given.
  const std::string all = Post(std::string(1'000'000, 'x'));
  size_t sent = client.Send(all);
  ASSERT_TRUE(Hears(client, "HTTP/1.1 413 "));
  while (sent < all.size()) {
    const size_t more = client.Send(std::string_view(all).substr(sent));
    if (more == 0 && client.Ended()) break;
    sent += more;
  }
  EXPECT_THAT(client.received(), HasSubstr("body too large"));
}

TEST_F(GatewayServerTest, ARequestThatDripsIsCutOff) {
  GatewayServerOptions options;
  options.request = 50'000;
  Start(options);
  RawClient client(address_);
  const std::string request = Post("never");
  // A byte now and then does not buy time.
  ASSERT_TRUE(Eventually([&] {
    static size_t at = 0;
    client.Send(request.substr(at++ % 20, 1));
    std::this_thread::sleep_for(5ms);
    return client.Ended();
  }));
  EXPECT_THAT(client.received(),
              ::testing::AnyOf(HasSubstr("HTTP/1.1 408 "), HasSubstr("HTTP/1.1 400 ")));
}

TEST_F(GatewayServerTest, AnUnfinishedBodyIsCutOff) {
  GatewayServerOptions options;
  options.request = 50'000;
  Start(options);
  RawClient client(address_);
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(Ends(client));
  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(counters().cut_off, 1u);
}

TEST_F(GatewayServerTest, AnIdleConnectionIsClosedAndABusyOneIsNot) {
  GatewayServerOptions options;
  options.idle = 50'000;
  Start(options);
  RawClient busy(address_);
  busy.Send(Post("hold"));
  RawClient idle(address_);
  idle.Send(Post("x"));
  ASSERT_TRUE(Ends(idle));
  EXPECT_THAT(idle.received(), EndsWith("echo:x"));
  EXPECT_FALSE(busy.Ended());
}

TEST_F(GatewayServerTest, WhoTakesNoAnswersIsNotServedOnAndThenCutOff) {
  GatewayServerOptions options;
  options.stalled = 300'000;
  options.idle = 1'000'000'000;
  Start(options);
  RawClient client(address_);
  std::string all;
  for (int i = 0; i < 30; ++i) all += Post("large");
  client.Send(all);
  ASSERT_TRUE(Eventually([&] { return counters().cut_off == 1; }));
  EXPECT_EQ(counters().connections, 0u);
  EXPECT_GT(counters().requests, 0u);
  EXPECT_LT(counters().requests, 30u);
}

TEST_F(GatewayServerTest, ConnectionsPastTheLimitAreTold) {
  GatewayServerOptions options;
  options.connections = 2;
  options.linger = 50'000;
  Start(options);
  RawClient one(address_), two(address_);
  one.Send(Post("x"));
  two.Send(Post("x"));
  ASSERT_TRUE(Hears(one, "echo:x"));
  ASSERT_TRUE(Hears(two, "echo:x"));
  RawClient three(address_);
  ASSERT_TRUE(Ends(three));
  EXPECT_THAT(three.received(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(counters().refused, 1u);
  one.Send(Post("y"));
  EXPECT_TRUE(Hears(one, "echo:y"));
}

TEST_F(GatewayServerTest, WhatAllHoldIsBounded) {
  GatewayServerOptions options;
  options.held_bytes = 1u << 20;
  Start(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  const std::string half =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n" + std::string(400'000, 'x');
  size_t told = 0;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(address_));
    size_t sent = 0;
    ASSERT_TRUE(Eventually([&] {
      sent += clients.back()->Send(std::string_view(half).substr(sent));
      return sent == half.size() || clients.back()->Ended();
    }));
  }
  ASSERT_TRUE(Eventually([&] {
    told = 0;
    for (auto& client : clients) {
      client->Ended();
      told += client->received().find("HTTP/1.1 503 ") != std::string::npos;
    }
    return told >= 5;
  }));
  RawClient small(address_);
  small.Send(Post("small"));
  EXPECT_TRUE(Hears(small, "echo:small"));
}

// Answers that wait behind one under way are held, too.
TEST_F(GatewayServerTest, WhatIsAnsweredBehindASlowAnswerIsBounded) {
  GatewayServerOptions options;
  options.held_bytes = 6u << 20;
  Start(options);
  RawClient patient(address_);
  patient.Send(Post("hold") + Post("large"));
  RawClient greedy(address_);
  greedy.Send(Post("hold") + Post("large"));
  ASSERT_TRUE(Ends(greedy));
  EXPECT_EQ(greedy.received(), "");
  EXPECT_EQ(counters().cut_off, 1u);
  RawClient small(address_);
  small.Send(Post("small"));
  EXPECT_TRUE(Hears(small, "echo:small"));
}

TEST_F(GatewayServerTest, PagesFromElsewhereMayBeKeptOut) {
  const std::string page = "Origin: https://a.example\r\n";
  const std::string preflight = "OPTIONS / HTTP/1.1\r\nHost: h\r\n" + page +
                                "Access-Control-Request-Method: POST\r\n"
                                "Access-Control-Request-Headers: x-amz-target\r\n\r\n";
  for (const bool allowed : {true, false}) {
    GatewayServerOptions options;
    options.cross_origin = allowed;
    Start(options);
    RawClient client(address_);
    client.Send(preflight);
    ASSERT_TRUE(Hears(client, allowed ? "HTTP/1.1 200 " : "HTTP/1.1 403 "));
    client.Send(Post("x", page));
    ASSERT_TRUE(Hears(client, "echo:x"));
    EXPECT_EQ(client.received().find("Access-Control-") != std::string::npos, allowed);
  }
}

TEST_F(GatewayServerTest, AHalfClosedClientIsAnswered) {
  Start();
  RawClient client(address_);
  client.Send(Post("x"));
  client.EndSending();
  ASSERT_TRUE(Ends(client));
  EXPECT_THAT(client.received(), EndsWith("echo:x"));
}

TEST_F(GatewayServerTest, OutOfDescriptorsAcceptingWaits) {
  Start();
  RawClient client(address_);
  client.Send(Post("x"));
  ASSERT_TRUE(Hears(client, "echo:x"));
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  RawClient late(address_, RawClient::kLater);
  const int lowest = dup(0);  // Descriptors from here on are free.
  close(lowest);
  const rlimit few{static_cast<rlim_t>(lowest), old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  late.Connect();
  late.Send(Post("late"));
  client.Send(Post("still"));
  EXPECT_TRUE(Hears(client, "echo:still"));
  EXPECT_EQ(counters().accepted, 1u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_TRUE(Hears(late, "echo:late"));
}

TEST_F(GatewayServerTest, ShutdownAnswersWhatIsUnderWay) {
  GatewayServerOptions options;
  options.drain = 50'000;
  options.linger = 50'000;
  Start(options);
  RawClient idle(address_), busy(address_), partial(address_);
  idle.Send(Post("x"));
  ASSERT_TRUE(Hears(idle, "echo:x"));
  busy.Send(Post("hold"));
  partial.Send("POST / HT");
  ASSERT_TRUE(Eventually([&] { return counters().requests == 2; }));
  std::promise<void> done;
  server_->Shutdown([&] { done.set_value(); });
  ASSERT_EQ(done.get_future().wait_for(60s), std::future_status::ready);
  ASSERT_TRUE(Ends(busy));
  EXPECT_THAT(busy.received(), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(busy.received(), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(busy.received(), EndsWith("stopped"));
  EXPECT_TRUE(Ends(idle));
  EXPECT_TRUE(Ends(partial));
  EXPECT_FALSE(RawClient(address_).connected());
}

TEST_F(GatewayServerTest, DestroyedUnderLoad) {
  Start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(address_));
    clients.back()->Send(Post(i % 2 ? "hold" : "large"));
  }
  ASSERT_TRUE(Eventually([&] { return counters().requests == 20; }));
  server_.reset();
  for (auto& client : clients) EXPECT_TRUE(Ends(*client));
}

TEST(OperationCounters, CallsAreCountedByOperationAndException) {
  class Refusing : public HttpService {
   public:
    void Serve(const gateway::HttpRequest& request, Done done) override {
      if (request.body.empty()) return done({.body = "{}"});
      done(gateway::Render(gateway::ServiceError("ResourceNotFoundException", "no such table")));
    }
    void Stop() override {}
  };
  OperationCounters counters;
  const auto service = Counted(std::make_unique<Refusing>(), &counters);
  const auto call = [&](const std::string& target, const std::string& body) {
    gateway::HttpRequest request;
    request.headers = {{"x-amz-target", target}};
    request.body = body;
    std::string answer;
    service->Serve(request, [&](gateway::HttpResponse response) { answer = response.body; });
    return answer;
  };
  EXPECT_EQ(call("DynamoDB_20120810.GetItem", ""), "{}");
  EXPECT_THAT(call("DynamoDB_20120810.GetItem", "x"), HasSubstr("ResourceNotFoundException"));
  call("DynamoDB_20120810.GetItem", "x");
  call("DynamoDB_20120810.NoSuchOperation", "");
  const auto calls = counters.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls.at("GetItem").exceptions,
            (std::map<std::string, uint64_t>{{"", 1}, {"ResourceNotFoundException", 2}}));
  EXPECT_EQ(calls.at("GetItem").latency.total(), 3u);
  EXPECT_EQ(calls.at("unknown").exceptions, (std::map<std::string, uint64_t>{{"", 1}}));
}

TEST_F(GatewayServerTest, AnAddressInUseIsAnError) {
  Start();
  GatewayServer second({});
  EXPECT_FALSE(second.Listen(address_).ok());
}

}  // namespace
}  // namespace fastpath::node
