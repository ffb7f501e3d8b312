// Bad input to real processes: a clear error each, and nothing dies
// (FAILURE-CASES 37, and the mistakes that people make).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "partition/frame.h"
#include "partition/model/codec.h"
#include "tests/fault/cluster.h"
#include "tests/fault/raw_client.h"

namespace fastpath::fault {
namespace {

using client::Key;
using client::MakeItem;
using std::chrono::seconds;
using testing::AnyOf;
using testing::HasSubstr;

constexpr seconds kPatience{10};
constexpr size_t kItemLimitBytes = 400 * 1024;

// One cluster for all: a case that hurts it fails the next check, too.
class BadInput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.name = "bad-input", .groups = 4});
    cluster_->StartAll();
    cluster_->WaitUntilServing();
    auto client = client::Client::Connect({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = new client::Client(*std::move(client));
    api::Table table;
    table.set_name("good");
    table.mutable_partition_key()->set_name("k");
    table.mutable_partition_key()->set_type(api::S);
    const auto made = client_->CreateTable(table).Wait();
    ASSERT_TRUE(made.ok()) << made.message();
  }
  static void TearDownTestSuite() {
    delete client_;
    delete cluster_;
  }

  void TearDown() override {
    for (int node = 0; node < 3; ++node) {
      EXPECT_TRUE(cluster_->process(node).running()) << cluster_->log(node);
    }
    const auto put = client_->Put("good", MakeItem({{"k", "still"}, {"v", "serving"}})).Wait();
    EXPECT_TRUE(put.ok()) << put.message();
  }

  // Sends bytes to a port; the node must end the connection.
  static std::string EndedAfter(int port, const std::string& bytes) {
    RawConnection connection;
    EXPECT_TRUE(connection.Connect(port));
    connection.Send(bytes);
    const RawConnection::Answer answer = connection.ReadToEnd(kPatience);
    EXPECT_TRUE(answer.ended) << "the node keeps a connection that can mean nothing";
    return answer.bytes;
  }

  static std::string Rubbish(uint64_t seed, size_t bytes) {
    std::mt19937_64 random(seed);
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
  }

  static Cluster* cluster_;
  static client::Client* client_;
};
Cluster* BadInput::cluster_ = nullptr;
client::Client* BadInput::client_ = nullptr;

TEST_F(BadInput, LyingLengthOnTheClientPort) {
  for (const char* length : {"\xff\xff\xff\xff", "\x00\x00\x00\x80", "\x01\x00\x40\x00"}) {
    EndedAfter(cluster_->client_port(0),
               std::string(kClientPreface) + std::string(length, 4) + "and then some bytes");
  }
  EXPECT_THAT(cluster_->log(0), HasSubstr("client_refused"));
}

TEST_F(BadInput, LyingLengthOnThePeerPort) {
  for (const char* length : {"\xff\xff\xff\xff", "\x00\x00\x00\x80"}) {
    EndedAfter(cluster_->peer_port(0),
               std::string(kPeerPreface) + std::string(length, 4) + "and then some bytes");
  }
}

TEST_F(BadInput, RubbishOnEveryPort) {
  for (int port : {cluster_->client_port(0), cluster_->peer_port(0)}) {
    for (uint64_t seed = 1; seed <= 5; ++seed) EndedAfter(port, Rubbish(seed, 4096));
    EndedAfter(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    EndedAfter(cluster_->http_port(0), Rubbish(seed, 4096) + "\r\n\r\n");
  }
  EXPECT_THAT(EndedAfter(cluster_->http_port(0), "no such verb\r\n\r\n"), HasSubstr("400"));
}

TEST_F(BadInput, EndlessHeaderOnTheHttpPort) {
  EndedAfter(cluster_->http_port(0), "GET /" + std::string(1 << 20, 'a'));
}

TEST_F(BadInput, RubbishInsideFrames) {
  std::string frames;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string payload = Rubbish(seed, 100 + seed * 7);
    frames += FrameHeader(payload.size()) + payload;
  }
  for (auto [port, preface] : {std::pair(cluster_->client_port(0), kClientPreface),
                               std::pair(cluster_->peer_port(0), kPeerPreface)}) {
    RawConnection connection;
    ASSERT_TRUE(connection.Connect(port));
    connection.Send(std::string(preface) + frames);
    connection.FinishSending();
    EXPECT_TRUE(connection.ReadToEnd(kPatience).ended);
  }
}

TEST_F(BadInput, FrameThatNeverEnds) {
  for (int port : {cluster_->client_port(0), cluster_->peer_port(0)}) {
    RawConnection connection;
    ASSERT_TRUE(connection.Connect(port));
    connection.Send(std::string(port == cluster_->client_port(0) ? kClientPreface : kPeerPreface) +
                    FrameHeader(1000) + "ten bytes.");
  }  // Reset in the middle of a frame.
}

TEST_F(BadInput, RequestWithoutAnOperation) {
  api::Request request;
  request.set_id(77);
  const auto reply = Ask(cluster_->client_port(0), request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id(), 77u);
  EXPECT_THAT(reply->code(), AnyOf(api::INVALID, api::UNIMPLEMENTED));
  EXPECT_FALSE(reply->message().empty());
}

TEST_F(BadInput, ItemOverTheLimitByTheClient) {
  const auto result =
      client_->Put("good", MakeItem({{"k", "big"}, {"v", std::string(kItemLimitBytes, 'x')}}))
          .Wait();
  EXPECT_TRUE(result.refused());
  EXPECT_THAT(result.code(), AnyOf(api::INVALID, api::TOO_LARGE));
  EXPECT_THAT(result.message(), AnyOf(HasSubstr("400"), HasSubstr("409600"), HasSubstr("size")));
  const auto got = client_->Get(Key("good", "big")).Wait();
  ASSERT_TRUE(got.ok()) << got.message();
  EXPECT_FALSE(got->item);
}

TEST_F(BadInput, ItemThatGrowsOverTheLimitByUpdates) {
  ASSERT_TRUE(client_->Put("good", MakeItem({{"k", "grows"}, {"v", std::string(300 * 1024, 'x')}}))
                  .Wait()
                  .ok());
  const auto result =
      client_->Update(Key("good", "grows"), client::Update().Set("w", std::string(200 * 1024, 'y')))
          .Wait();
  EXPECT_TRUE(result.refused()) << "an update made an item over the limit";
  EXPECT_FALSE(result.message().empty());
  const auto got = client_->Get(Key("good", "grows")).Wait();
  ASSERT_TRUE(got.ok()) << got.message();
  ASSERT_TRUE(got->item);
  EXPECT_EQ(got->item->Find("w"), nullptr);
}

TEST_F(BadInput, UnknownTable) {
  const auto put = client_->Put("no-such-table", MakeItem({{"k", "a"}})).Wait();
  EXPECT_EQ(put.code(), api::TABLE_NOT_FOUND);
  EXPECT_TRUE(put.refused());
  EXPECT_THAT(put.message(), HasSubstr("no-such-table"));
  const auto get = client_->Get(Key("no-such-table", "a")).Wait();
  EXPECT_EQ(get.code(), api::TABLE_NOT_FOUND);
  const CommandResult command =
      cluster_->Fastpath({"item", "get", "no-such-table", "--key", R"({"k":"a"})"});
  EXPECT_NE(command.code, 0);
  EXPECT_THAT(command.output, HasSubstr("no-such-table"));
}

TEST_F(BadInput, WrongKeyType) {
  const auto put = client_->Put("good", MakeItem({{"k", 5}})).Wait();
  EXPECT_TRUE(put.refused());
  EXPECT_EQ(put.code(), api::INVALID) << put.message();
  EXPECT_FALSE(put.message().empty());
  const auto get = client_->Get(Key("good", 5)).Wait();
  EXPECT_EQ(get.code(), api::INVALID) << get.message();
  const auto missing = client_->Put("good", MakeItem({{"other", "a"}})).Wait();
  EXPECT_EQ(missing.code(), api::INVALID) << missing.message();
  const CommandResult command = cluster_->Fastpath({"item", "put", "good", R"({"k":5})"});
  EXPECT_NE(command.code, 0);
}

TEST_F(BadInput, CommandLineMistakes) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"no-such-command"},
           {"item", "put", "good", "{not json"},
           {"item", "get", "good"},
           {"import", "good", "/no/such/file"},
           {"table", "create", "good2", "--partition-key", "k:Z"}}) {
    const CommandResult command = cluster_->Fastpath(arguments);
    EXPECT_GT(command.code, 0) << arguments[0];
    EXPECT_FALSE(command.output.empty()) << arguments[0];
  }
}

// ----- mistakes at a node's start: it must end with an error, not run on.

class BadStart : public testing::Test {
 protected:
  // Flags for ports nobody uses, and a new folder.
  std::vector<std::string> GoodFlags() {
    return {ServerProgram(),
            "--data",
            folder_.path() + "/node",
            "--client-listen",
            Loopback(FreePort()),
            "--peer-listen",
            Loopback(FreePort()),
            "--http-listen",
            Loopback(FreePort()),
            "--gateway-listen",
            "127.0.0.1:0"};
  }
  static std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }
  // Runs it; it must end by itself with an error.
  static std::string RefusedToStart(const std::vector<std::string>& command) {
    const CommandResult result = RunCommand(command, seconds(20));
    EXPECT_GT(result.code, 0) << "it runs: " << result.output;
    EXPECT_LT(result.code, 128) << "it crashed: " << result.output;
    return result.output;
  }
  std::string Config(const std::string& text) {
    const std::string path = folder_.path() + "/fastpath.toml";
    std::ofstream(path) << text;
    return path;
  }
  TemporaryFolder folder_{"bad-start"};
};

TEST_F(BadStart, NoAuthenticationBeyondLoopback) {
  std::vector<std::string> command = GoodFlags();
  command.back() = "0.0.0.0:0";
  command.push_back("--insecure-no-auth");
  const CommandResult result = RunCommand(command, seconds(20));
  EXPECT_EQ(result.code, 2) << result.output;
  EXPECT_NE(result.output.find("refused beyond loopback"), std::string::npos) << result.output;
}

TEST_F(BadStart, AccessKeysThatOthersMayRead) {
  const std::string keys = folder_.path() + "/gateway.keys";
  std::ofstream(keys) << "ID SECRETSECRET\n";
  ASSERT_EQ(chmod(keys.c_str(), 0644), 0);
  std::vector<std::string> command = GoodFlags();
  command.insert(command.end(), {"--gateway-keys", keys});
  const CommandResult result = RunCommand(command, seconds(20));
  EXPECT_EQ(result.code, 2) << result.output;
  EXPECT_NE(result.output.find("others than its owner may read it"), std::string::npos);
  EXPECT_EQ(result.output.find("SECRETSECRET"), std::string::npos) << result.output;
}

TEST_F(BadStart, ConfigWithATypo) {
  std::vector<std::string> command = GoodFlags();
  command.insert(command.end(), {"--config", Config("client_lisen = \"127.0.0.1:1\"\n")});
  const std::string output = RefusedToStart(command);
  EXPECT_THAT(output, HasSubstr("client_lisen"));
  EXPECT_THAT(output, HasSubstr("fastpath.toml"));
}

TEST_F(BadStart, ConfigThatIsNoToml) {
  std::vector<std::string> command = GoodFlags();
  command.insert(command.end(), {"--config", Config("this is = = not toml\n")});
  EXPECT_THAT(RefusedToStart(command), HasSubstr("fastpath.toml"));
}

TEST_F(BadStart, ConfigWithAWrongType) {
  std::vector<std::string> command = GoodFlags();
  command.insert(command.end(), {"--config", Config("groups = \"many\"\n")});
  EXPECT_THAT(RefusedToStart(command), HasSubstr("groups"));
}

TEST_F(BadStart, ConfigThatIsNotThere) {
  std::vector<std::string> command = GoodFlags();
  command.insert(command.end(), {"--config", folder_.path() + "/none.toml"});
  EXPECT_THAT(RefusedToStart(command), HasSubstr("none.toml"));
}

TEST_F(BadStart, UnknownFlag) {
  std::vector<std::string> command = GoodFlags();
  command.push_back("--bootstrapp");
  EXPECT_THAT(RefusedToStart(command), HasSubstr("bootstrapp"));
}

TEST_F(BadStart, AddressThatIsNone) {
  std::vector<std::string> command = GoodFlags();
  command[4] = "localhost-7400";
  EXPECT_THAT(RefusedToStart(command), HasSubstr("localhost-7400"));
}

TEST_F(BadStart, PortInUse) {
  Process first;
  const std::vector<std::string> command = GoodFlags();
  Cluster cluster({.name = "port-in-use", .nodes = 1, .groups = 1});
  cluster.StartAll();
  cluster.WaitUntilServing();
  std::vector<std::string> second = GoodFlags();
  second[4] = Loopback(cluster.client_port(0));
  EXPECT_THAT(RefusedToStart(second), HasSubstr(std::to_string(cluster.client_port(0))));
}

TEST_F(BadStart, DataFolderInUse) {
  Cluster cluster({.name = "data-in-use", .nodes = 1, .groups = 1});
  cluster.StartAll();
  cluster.WaitUntilServing();
  std::vector<std::string> second = GoodFlags();
  second[2] = cluster.folder(0);
  EXPECT_THAT(RefusedToStart(second), HasSubstr(cluster.folder(0)));
  EXPECT_TRUE(cluster.process(0).running());
}

TEST_F(BadStart, NodeOfAnotherCluster) {
  Cluster ours({.name = "ours", .groups = 1});
  Cluster other({.name = "other", .nodes = 1, .groups = 1});
  ours.StartAll();
  other.StartAll();
  ours.WaitUntilServing();
  other.WaitUntilServing();
  // The other cluster's node comes up where one of ours was.
  ours.Kill(2);
  other.Kill(0);
  std::vector<std::string> stranger = ours.ServerCommand(2);
  stranger[2] = other.folder(0);
  Process process;
  const std::string log = folder_.path() + "/stranger.log";
  process.Start(stranger, log);
  const auto deadline = Clock::now() + seconds(20);
  auto logs = [&] { return ReadFile(log) + ours.log(0) + ours.log(1); };
  while (logs().find("belongs to cluster") == std::string::npos && Clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_THAT(logs(), HasSubstr("belongs to cluster"));
  for (int node : {0, 1}) EXPECT_TRUE(ours.process(node).running()) << ours.log(node);
  process.Kill();
  ours.Start(2);
  ours.WaitUntilServing();
}

// ----- and the smallest right one.

TEST(Alone, OneNodeServesWithNothingButAFolder) {
  TemporaryFolder folder("alone");
  Process node;
  const std::string log = folder.path() + "/log";
  std::vector<std::string> server = {ServerProgram(), "--data", folder.path() + "/data"};
  std::vector<std::string> fastpath = {CommandProgram()};
  if (!PortIsFree(7400) || !PortIsFree(7401) || !PortIsFree(7402) || !PortIsFree(7403)) {
    // Somebody's cluster has the default ports, and is left in peace.
    const std::string address = absl::StrCat("127.0.0.1:", FreePort());
    server.insert(server.end(),
                  {"--client-listen", address, "--peer-listen", "127.0.0.1:0", "--http-listen",
                   "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0"});
    fastpath.insert(fastpath.end(), {"--endpoints", address});
  }
  auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), fastpath.begin(), fastpath.end());
    return RunCommand(arguments);
  };
  node.Start(server, log);
  const CommandResult wait = run({"--timeout", "30", "cluster", "wait"});
  ASSERT_EQ(wait.code, 0) << wait.output << ReadFile(log);
  EXPECT_EQ(run({"table", "create", "fruit", "--partition-key", "name:S"}).code, 0);
  EXPECT_EQ(run({"item", "put", "fruit", R"({"name":"apple","colour":"red"})"}).code, 0);
  node.Kill();
  node.Start(server, log);
  ASSERT_EQ(run({"--timeout", "30", "cluster", "wait"}).code, 0) << ReadFile(log);
  const CommandResult got = run({"item", "get", "fruit", "--key", R"({"name":"apple"})"});
  EXPECT_EQ(got.code, 0) << got.output;
  EXPECT_THAT(got.output, HasSubstr("red"));
  node.Signal(SIGTERM);
  EXPECT_EQ(node.WaitForEnd(seconds(30)), 0) << ReadFile(log);
}

}  // namespace
}  // namespace fastpath::fault
