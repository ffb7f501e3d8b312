#include "node/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "node/resources.h"
#include "tests/support/temp_directory.h"

namespace fastpath::node {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view toml) {
  Config config;
  return std::string(ApplyToml(toml, "node.toml", config).message());
}

CommandLine Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "fastpathd");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Config, EveryKeyIsTaken) {
  Config config;
  const char* text = R"(
data = "/d"
groups = 4
replication_factor = 5
bootstrap = true
seeds = ["a:1", "b:2"]
log_level = "info"
[listen]
client = "0.0.0.0:1"
peer = "0.0.0.0:2"
http = "0.0.0.0:3"
gateway = "0.0.0.0:4"
[advertise]
client = "n:1"
[limits]
requests = 7
[raft]
heartbeat_ms = 50
[gateway]
connections = 9
request_ms = 100
[gateway.access_keys]
AKID_1 = "a/secret+1"
)";
  ASSERT_TRUE(ApplyToml(text, "node.toml", config).ok()) << ErrorOf(text);
  EXPECT_EQ(config.data, "/d");
  EXPECT_EQ(config.node.groups, 4u);
  EXPECT_EQ(config.node.replication_factor, 5u);
  EXPECT_TRUE(config.node.bootstrap);
  EXPECT_EQ(config.node.seeds, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(config.http_listen, "0.0.0.0:3");
  EXPECT_EQ(config.node.client_advertise, "n:1");
  EXPECT_EQ(config.node.limits.requests, 7u);
  EXPECT_EQ(config.node.raft.heartbeat_interval, 50'000);
  EXPECT_EQ(config.gateway.listen, "0.0.0.0:4");
  EXPECT_EQ(config.gateway.connections, 9u);
  EXPECT_EQ(config.gateway.request_us, 100'000);
  EXPECT_EQ(config.gateway.access_keys, (AccessKeys{{"AKID_1", "a/secret+1"}}));
  EXPECT_TRUE(Validate(config).ok());
}

TEST(Config, ATypoIsNamedWithItsLine) {
  EXPECT_EQ(ErrorOf("data = \"/d\"\nsedes = []\n"), "node.toml:2: unknown key \"sedes\"");
  EXPECT_EQ(ErrorOf("[listen]\n\nclinet = \"a:1\"\n"),
            "node.toml:3: unknown key \"listen.clinet\"");
  EXPECT_EQ(ErrorOf("[listne]\n"), "node.toml:1: unknown key \"listne\"");
  EXPECT_EQ(ErrorOf("listen = 3\n"), "node.toml:1: unknown key \"listen\"");
}

TEST(Config, AWrongValueIsNamedWithItsLine) {
  EXPECT_EQ(ErrorOf("\ngroups = 0\n"),
            "node.toml:2: \"groups\" must be a whole number from 1 to 1024");
  EXPECT_EQ(ErrorOf("groups = \"many\"\n"),
            "node.toml:1: \"groups\" must be a whole number from 1 to 1024");
  EXPECT_EQ(ErrorOf("data = 7\n"), "node.toml:1: \"data\" must be a string");
  EXPECT_EQ(ErrorOf("bootstrap = 1\n"), "node.toml:1: \"bootstrap\" must be true or false");
  EXPECT_EQ(ErrorOf("seeds = [1]\n"), "node.toml:1: \"seeds\" must be a list of strings");
  EXPECT_THAT(ErrorOf("data = \n"), HasSubstr("node.toml:1: "));
}

TEST(Config, FlagsOverrideTheFile) {
  const testing::TempDirectory directory;
  const std::string path = directory.path() + "/node.toml";
  std::ofstream(path) << "data = \"/from-file\"\ngroups = 3\n";
  const CommandLine line = Parse({"--config", path.c_str(), "--data", "/from-flag"});
  ASSERT_FALSE(line.exit_code) << line.output;
  EXPECT_EQ(line.config.data, "/from-flag");
  EXPECT_EQ(line.config.node.groups, 3u);
}

// As no configuration at all it would found a cluster of its own.
TEST(Config, AFolderIsNoConfiguration) {
  const testing::TempDirectory directory;
  const CommandLine line = Parse({"--config", directory.path().c_str(), "--data", "/d"});
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_THAT(line.output, HasSubstr("cannot read " + directory.path()));
  const CommandLine keys = Parse({"--gateway-keys", directory.path().c_str(), "--data", "/d"});
  EXPECT_EQ(keys.exit_code, 2);
}

TEST(Config, CommandLineErrorsEndTheProcess) {
  EXPECT_EQ(Parse({"--data", "/d", "--grops", "3"}).exit_code, 2);
  EXPECT_EQ(Parse({"--data", "/d", "--groups", "x"}).exit_code, 2);
  EXPECT_EQ(Parse({"--data", "/d", "--groups", "0"}).exit_code, 2);
  EXPECT_EQ(Parse({}).exit_code, 2);
  EXPECT_THAT(Parse({}).output, HasSubstr("data"));
  EXPECT_THAT(Parse({"--data", "/d", "--client-listen", "nonsense"}).output,
              HasSubstr("listen.client: \"nonsense\" is not an address"));
  for (const char* address : {"::1:7400", "[]:7400", "h:70000", "h:"}) {
    EXPECT_EQ(Parse({"--data", "/d", "--peer-listen", address}).exit_code, 2) << address;
  }
  EXPECT_THAT(Parse({"--data", "/d", "--log-level", "loud"}).output, HasSubstr("log_level"));
  EXPECT_THAT(Parse({"--config", "/nowhere/at/all"}).output, HasSubstr("cannot read"));
  EXPECT_EQ(Parse({"--help"}).exit_code, 0);
  EXPECT_THAT(Parse({"--version"}).output, HasSubstr("fastpathd 0."));
}

TEST(Config, LoopbackUnlessToldOtherwise) {
  const CommandLine line = Parse({"--data", "/d"});
  ASSERT_FALSE(line.exit_code);
  EXPECT_EQ(line.config.node.client_listen, "127.0.0.1:7400");
  EXPECT_EQ(line.config.node.peer_listen, "127.0.0.1:7401");
  EXPECT_EQ(line.config.http_listen, "127.0.0.1:7402");
  EXPECT_EQ(line.config.gateway.listen, "127.0.0.1:7403");
}

TEST(Config, NoAuthenticationIsForLoopbackOnly) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", ""}) {
    EXPECT_FALSE(
        Parse({"--data", "/d", "--insecure-no-auth", "--gateway-listen", address}).exit_code)
        << address;
  }
  for (const char* address : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "127.example.com:1",
                              "localhost.example.com:1", "[::ffff:127.0.0.1]:1", "127.1:1"}) {
    const CommandLine line =
        Parse({"--data", "/d", "--insecure-no-auth", "--gateway-listen", address});
    EXPECT_EQ(line.exit_code, 2) << address;
    EXPECT_THAT(line.output, HasSubstr("refused beyond loopback")) << address;
    EXPECT_FALSE(Parse({"--data", "/d", "--gateway-listen", address}).exit_code) << address;
  }
  Config config;
  ASSERT_TRUE(ApplyToml("data = \"/d\"\n[gateway]\ninsecure_no_auth = true\n"
                        "[gateway.access_keys]\nID = \"s\"\n",
                        "f", config)
                  .ok());
  EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("exclude each other"));
}

TEST(Config, AccessKeysComeFromAFileOfTheirOwn) {
  const testing::TempDirectory directory;
  const std::string path = directory.path() + "/keys";
  std::ofstream(path) << "# Two of them.\n\nID1 secret/1\n  ID2\tsecret+2  \n";
  chmod(path.c_str(), 0600);
  const CommandLine line = Parse({"--data", "/d", "--gateway-keys", path.c_str()});
  ASSERT_FALSE(line.exit_code) << line.output;
  EXPECT_EQ(line.config.gateway.access_keys,
            (AccessKeys{{"ID1", "secret/1"}, {"ID2", "secret+2"}}));
  for (const mode_t mode : {0640, 0604, 0660, 0644, 0610}) {
    chmod(path.c_str(), mode);
    const CommandLine open = Parse({"--data", "/d", "--gateway-keys", path.c_str()});
    EXPECT_EQ(open.exit_code, 2);
    EXPECT_THAT(open.output, HasSubstr("others than its owner may read it"));
  }
  EXPECT_THAT(Parse({"--data", "/d", "--gateway-keys", "/nowhere"}).output,
              HasSubstr("cannot read /nowhere"));
}

TEST(Config, MalformedAccessKeysAreNamedWithoutTheirSecrets) {
  const auto error_of = [](const std::string& text) {
    AccessKeys keys;
    return std::string(ParseAccessKeys(text, "keys", keys).message());
  };
  EXPECT_EQ(error_of("A s\nA hidden\n"), "keys:2: access key A is there twice");
  EXPECT_EQ(error_of("hidden\n"), "keys:1: a line is \"ID SECRET\"");
  EXPECT_EQ(error_of("A hidden more\n"), "keys:1: a line is \"ID SECRET\"");
  EXPECT_THAT(error_of("A-1 hidden\n"), HasSubstr("keys:1: an access key's id has"));
  EXPECT_EQ(error_of("A hid\x01"
                     "den\n"),
            "keys:1: the secret of access key A must have 1 to 256 visible characters");
  EXPECT_EQ(ErrorOf("[gateway.access_keys]\nA = 7\n"),
            "node.toml:1: \"gateway.access_keys\" must hold strings");
}

TEST(Config, AFileWithAccessKeysIsNotForEverybody) {
  const testing::TempDirectory directory;
  const std::string path = directory.path() + "/node.toml";
  std::ofstream(path) << "data = \"/d\"\n[gateway.access_keys]\nID = \"hidden\"\n";
  chmod(path.c_str(), 0644);
  const CommandLine open = Parse({"--config", path.c_str()});
  EXPECT_EQ(open.exit_code, 2);
  EXPECT_THAT(open.output, HasSubstr("everybody may read it"));
  EXPECT_THAT(open.output, ::testing::Not(HasSubstr("hidden")));
  chmod(path.c_str(), 0640);
  EXPECT_FALSE(Parse({"--config", path.c_str()}).exit_code);
}

TEST(Config, TimeoutsThatCannotWorkAreRefused) {
  Config config;
  ASSERT_TRUE(ApplyToml("data = \"/d\"\n[raft]\nelection_min_ms = 150\n", "f", config).ok());
  EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("raft:"));
  // A leader's lease must end within it.
  config.node.raft.heartbeat_interval = 50'000;
  config.node.raft.election_timeout_min = 599'000;
  EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("at least 600"));
  config.node.raft.election_timeout_min = 600'000;
  EXPECT_TRUE(Validate(config).ok()) << Validate(config);
}

// A start holds in memory what is in the log.
TEST(Resources, TheLogFitsIntoMemory) {
  constexpr uint64_t kMemory = 1u << 30;
  Config config;
  FitInto({.memory_bytes = kMemory}, config);
  EXPECT_LE(config.node.limits.flush_log_bytes, kMemory / 8);
  EXPECT_LE(config.node.raft.catchup_limit_bytes, kMemory / 64);
  Config roomy;
  FitInto({}, roomy);
  EXPECT_EQ(roomy.node.raft.catchup_limit_bytes, Config().node.raft.catchup_limit_bytes);
  EXPECT_EQ(roomy.node.limits.flush_log_bytes, Config().node.limits.flush_log_bytes);
}

}  // namespace
}  // namespace fastpath::node
