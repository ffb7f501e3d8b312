#include "node/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

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
[advertise]
client = "n:1"
[limits]
requests = 7
[raft]
heartbeat_ms = 50
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

TEST(Config, CommandLineErrorsEndTheProcess) {
  EXPECT_EQ(Parse({"--data", "/d", "--grops", "3"}).exit_code, 2);
  EXPECT_EQ(Parse({"--data", "/d", "--groups", "x"}).exit_code, 2);
  EXPECT_EQ(Parse({"--data", "/d", "--groups", "0"}).exit_code, 2);
  EXPECT_EQ(Parse({}).exit_code, 2);
  EXPECT_THAT(Parse({}).output, HasSubstr("data"));
  EXPECT_THAT(Parse({"--data", "/d", "--client-listen", "nonsense"}).output,
              HasSubstr("listen.client: \"nonsense\" is not an address"));
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
}

TEST(Config, TimeoutsThatCannotWorkAreRefused) {
  Config config;
  ASSERT_TRUE(ApplyToml("data = \"/d\"\n[raft]\nelection_min_ms = 150\n", "f", config).ok());
  EXPECT_THAT(std::string(Validate(config).message()), HasSubstr("raft:"));
}

}  // namespace
}  // namespace fastpath::node
