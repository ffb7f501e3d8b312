// `fastpath debug` on the files of real nodes that were stopped or killed: what
// it says agrees with what the cluster said, and not a byte changes.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/fault/cluster.h"

namespace fastpath::fault {
namespace {

namespace fs = std::filesystem;
using google::protobuf::Struct;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Every file and folder below: what it holds, when it was written, who may.
std::map<std::string, std::string> Image(const std::string& folder) {
  std::map<std::string, std::string> image;
  for (const auto& item : fs::recursive_directory_iterator(folder)) {
    struct stat info;
    EXPECT_EQ(stat(item.path().c_str(), &info), 0);
    image[item.path()] =
        absl::StrCat(info.st_mode, " ", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, " ",
                     info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec, "\n");
    if (item.is_regular_file()) image[item.path()] += ReadFile(item.path());
  }
  return image;
}

std::vector<Struct> JsonLines(const std::string& text) {
  std::vector<Struct> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const bool parsed =
        google::protobuf::util::JsonStringToMessage(line, &lines.emplace_back()).ok();
    EXPECT_TRUE(parsed) << line;
  }
  return lines;
}
uint64_t Number(const Struct& object, const std::string& name) {
  const auto found = object.fields().find(name);
  EXPECT_NE(found, object.fields().end()) << name;
  return found == object.fields().end() ? 0 : static_cast<uint64_t>(found->second.number_value());
}
std::string Text(const Struct& object, const std::string& name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? "" : found->second.string_value();
}

using Digests = std::map<std::pair<uint32_t, uint64_t>, std::string>;  // By group and index.

class Debug : public testing::Test {
 protected:
  // `fastpath debug ...` of a node, and that its folder is untouched.
  CommandResult Look(int node, std::vector<std::string> arguments) {
    const std::string folder = cluster_->folder(node);
    const auto before = Image(folder);
    arguments.insert(arguments.begin(), {CommandProgram(), "debug"});
    arguments.insert(arguments.end(), {"--data", folder});
    const CommandResult result = RunCommand(arguments);
    EXPECT_TRUE(Image(folder) == before) << "files changed by " << arguments[2];
    return result;
  }
  Digests DigestsOf(int node, bool replay = false) {
    std::vector<std::string> arguments = {"digest", "--json"};
    if (replay) arguments.push_back("--replay");
    const CommandResult result = Look(node, arguments);
    EXPECT_EQ(result.code, 0) << result.output;
    Digests digests;
    for (const Struct& line : JsonLines(result.output)) {
      digests[{Number(line, "group"), Number(line, "index")}] = Text(line, "digest");
    }
    return digests;
  }
  void StartAndFill(int nodes) {
    cluster_ =
        std::make_unique<Cluster>(ClusterOptions{.name = "debug", .nodes = nodes, .groups = 2});
    cluster_->StartAll();
    cluster_->WaitUntilServing();
    if (HasFatalFailure()) return;
    const CommandResult made =
        cluster_->Fastpath({"table", "create", "things", "--partition-key", "id:S"});
    ASSERT_EQ(made.code, 0) << made.output;
    for (int i = 0; i < 20; ++i) Put(absl::StrCat("k", i));
  }
  void Put(const std::string& id) {
    const std::string item = absl::StrCat(R"({"id":")", id, R"(","n":12345678901234567890})");
    ASSERT_EQ(cluster_->Fastpath({"item", "put", "things", item}).code, 0);
  }
  void Stop(int node) {
    cluster_->process(node).Signal(SIGTERM);
    ASSERT_EQ(cluster_->process(node).WaitForEnd(seconds(60)), 0) << cluster_->log(node);
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Debug, OfAStoppedNodeAgreesWithTheRunningCluster) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  const CommandResult running = cluster_->Fastpath({"--json", "cluster", "digest"});
  ASSERT_EQ(running.code, 0) << running.output;
  Stop(0);
  const Digests stopped = DigestsOf(0);
  int compared = 0;
  for (const Struct& line : JsonLines(running.output)) {
    const auto same = stopped.find({Number(line, "group"), Number(line, "index")});
    if (same == stopped.end()) continue;  // Something was logged after it.
    ++compared;
    for (const auto& [node, digest] : line.fields().at("digests").struct_value().fields()) {
      EXPECT_EQ(same->second, digest.string_value()) << "group " << Number(line, "group");
    }
  }
  EXPECT_GT(compared, 0);
}

TEST_F(Debug, ReplicasOfStoppedNodesHaveEqualDigestsAtEqualIndexes) {
  StartAndFill(3);
  if (HasFatalFailure()) return;
  for (int node = 0; node < 3; ++node) cluster_->process(node).Signal(SIGTERM);
  Digests seen;
  int compared = 0;
  for (int node = 0; node < 3; ++node) {
    cluster_->process(node).WaitForEnd(seconds(60));
    cluster_->Kill(node);
    for (const auto& [at, digest] : DigestsOf(node)) {
      const auto [found, first] = seen.try_emplace(at, digest);
      if (first) continue;
      ++compared;
      EXPECT_EQ(found->second, digest) << "group " << at.first << " at " << at.second;
    }
  }
  EXPECT_GT(compared, 0);
}

TEST_F(Debug, ShowsLogStateAndAnItemsRawForm) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  Stop(0);
  const uint32_t groups = 3;  // With meta.
  const CommandResult state = Look(0, {"state", "--json"});
  EXPECT_EQ(state.code, 0) << state.output;
  std::map<uint32_t, uint64_t> applied;
  for (const Struct& line : JsonLines(state.output)) {
    applied[Number(line, "group")] = Number(line, "index");
    EXPECT_EQ(line.fields().at("voters").list_value().values_size(), 1) << state.output;
  }
  EXPECT_EQ(applied.size(), groups);

  const CommandResult log = Look(0, {"log", "--json"});
  EXPECT_EQ(log.code, 0) << log.output;
  size_t logged = 0;
  for (const Struct& line : JsonLines(log.output)) {
    if (!line.fields().contains("group")) continue;
    ++logged;
    EXPECT_GE(Number(line, "last"), applied[Number(line, "group")]) << "applied is in the log";
  }
  EXPECT_EQ(logged, groups);
  EXPECT_THAT(log.output, HasSubstr(R"("torn_tail":null,"damage":null)"));
  EXPECT_THAT(Look(0, {"log", "--group", "1"}).output, HasSubstr(" noop 0 bytes"));
  EXPECT_EQ(Look(0, {"log", "--group", "77"}).code, 2);

  const CommandResult item =
      Look(0, {"state", "--table", "things", "--key", R"({"id":"k7"})", "--json"});
  EXPECT_EQ(item.code, 0) << item.output;
  EXPECT_THAT(item.output,
              HasSubstr(R"("item":{"id":{"S":"k7"},"n":{"N":"12345678901234567890"}})"));
  const std::string raw_key = Text(JsonLines(item.output).front(), "key");
  const CommandResult raw = Look(0, {"state", "--raw-key", raw_key, "--json"});
  EXPECT_EQ(raw.code, 0) << raw.output;
  EXPECT_EQ(Text(JsonLines(raw.output).front(), "value"),
            Text(JsonLines(item.output).front(), "value"));
  const CommandResult none = Look(0, {"state", "--table", "things", "--key", R"({"id":"none"})"});
  EXPECT_EQ(none.code, 0);
  EXPECT_THAT(none.output, HasSubstr(R"("found": false)"));
}

TEST_F(Debug, RefusesARunningNodeAndWhatIsNoStore) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  for (const char* what : {"log", "state", "digest"}) {
    const CommandResult result =
        RunCommand({CommandProgram(), "debug", what, "--data", cluster_->folder(0)});
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr("in use by a running fastpathd"));
  }
  EXPECT_EQ(cluster_->Fastpath({"item", "get", "things", "--key", R"({"id":"k7"})"}).code, 0);
  const std::string nowhere = cluster_->path() + "/nowhere";
  const CommandResult result = RunCommand({CommandProgram(), "debug", "log", "--data", nowhere});
  EXPECT_EQ(result.code, 2) << result.output;
  EXPECT_THAT(result.output, HasSubstr("holds no store"));
  EXPECT_FALSE(fs::exists(nowhere));
  EXPECT_EQ(RunCommand({CommandProgram(), "debug", "log"}).code, 2);
  EXPECT_EQ(RunCommand({CommandProgram(), "debug", "--help"}).code, 0);
  const std::string unwritten = CommandProgram() + " debug --help >/dev/full";
  EXPECT_EQ(RunCommand({"/bin/sh", "-c", unwritten}).code, 1);
}

TEST_F(Debug, AfterAKillTheLogHoldsWhatTheStateLacks) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  cluster_->Kill(0);
  std::map<uint32_t, uint64_t> applied;
  for (const Struct& line : JsonLines(Look(0, {"state", "--json"}).output)) {
    applied[Number(line, "group")] = Number(line, "index");
  }
  bool ahead = false;
  for (const Struct& line : JsonLines(Look(0, {"log", "--json"}).output)) {
    if (line.fields().contains("group")) {
      ahead |= Number(line, "last") > applied[Number(line, "group")];
    }
  }
  EXPECT_TRUE(ahead);
  const std::vector<std::string> item = {"state", "--table",        "things",
                                         "--key", R"({"id":"k7"})", "--replay"};
  const CommandResult replayed = Look(0, item);
  EXPECT_EQ(replayed.code, 0) << replayed.output;
  EXPECT_THAT(replayed.output, HasSubstr(R"("N": "12345678901234567890")"));
  EXPECT_THAT(absl::StrCat(Look(0, {"log", "--group", "1"}).output,
                           Look(0, {"log", "--group", "2"}).output),
              HasSubstr(" write "));
  EXPECT_EQ(Look(0, {"digest"}).code, 0);
  cluster_->Start(0);
  cluster_->WaitUntilServing();
  EXPECT_EQ(cluster_->Fastpath({"item", "get", "things", "--key", R"({"id":"k7"})"}).code, 0);
}

TEST_F(Debug, AReplayedLogGivesTheStateThatAnotherNodeFlushed) {
  StartAndFill(3);
  if (HasFatalFailure()) return;
  Stop(2);
  for (int i = 0; i < 6; ++i) Put(absl::StrCat("later", i));  // Their commits say what was before.
  cluster_->KillAll();
  const Digests unflushed = DigestsOf(0);
  int compared = 0;
  for (const auto& [at, digest] : DigestsOf(2)) {
    const auto [group, index] = at;
    EXPECT_FALSE(unflushed.contains(at)) << "nothing to replay in group " << group;
    const CommandResult result = Look(
        0, {"digest", "--replay", "--group", absl::StrCat(group), "--until", absl::StrCat(index)});
    EXPECT_EQ(result.code, 0) << result.output;
    const std::string reached = absl::StrCat("group ", group, " at ", index, ": ");
    if (result.output.rfind(reached, 0) != 0) continue;  // Its log knows no such commit.
    ++compared;
    EXPECT_EQ(result.output, absl::StrCat(reached, digest, "\n"));
  }
  EXPECT_GT(compared, 0);
}

TEST_F(Debug, NeedsNoRightToWrite) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  Stop(0);
  // Where another user gets at it: root may write whatever the mode.
  std::string open = (fs::temp_directory_path() / "fastpath-debug-XXXXXX").string();
  ASSERT_NE(mkdtemp(open.data()), nullptr);
  const std::string data = open + "/data";
  fs::copy(cluster_->folder(0), data, fs::copy_options::recursive);
  for (const std::string& program : {CommandProgram(), ServerProgram()}) {
    fs::copy(program, open + "/" + fs::path(program).filename().string());
  }
  fs::permissions(open, fs::perms(0755));
  for (const auto& item : fs::recursive_directory_iterator(data)) {
    fs::permissions(item.path(), fs::perms(item.is_directory() ? 0555 : 0444));
  }
  fs::permissions(data, fs::perms(0555));
  const auto before = Image(data);
  std::vector<std::string> as_nobody;
  if (geteuid() == 0) {
    as_nobody = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  }
  for (const char* what : {"log", "state", "digest"}) {
    std::vector<std::string> command = as_nobody;
    command.insert(command.end(), {open + "/fastpath", "debug", what, "--data", data});
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.code, 0) << what << ": " << result.output;
    EXPECT_THAT(result.output, HasSubstr("group 1"));
  }
  EXPECT_TRUE(Image(data) == before);
  for (const char* folder : {"/data", "/data/log", "/data/engine"}) {
    fs::permissions(open + folder, fs::perms(0755));
  }
  fs::remove_all(open);
}

TEST_F(Debug, ADamagedLogIsShownAsFarAsItGoes) {
  StartAndFill(1);
  if (HasFatalFailure()) return;
  Stop(0);
  const CommandResult before = Look(0, {"log", "--json"});
  for (const Struct& line : JsonLines(before.output)) {
    if (!line.fields().contains("segment") || Number(line, "batches") < 3) continue;
    std::fstream file(cluster_->folder(0) + "/log/" + Text(line, "segment"),
                      std::ios::in | std::ios::out | std::ios::binary);
    // Where a sector begins: further on there may be nothing but padding.
    file.seekp(static_cast<std::streamoff>(Number(line, "bytes")) / 2 / 512 * 512);
    file.write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  }
  const CommandResult result = Look(0, {"log"});
  EXPECT_EQ(result.code, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("damage: "));
  EXPECT_THAT(result.output, HasSubstr("group 0: "));
}

}  // namespace
}  // namespace fastpath::fault
