// Readable scripts of the protocol with golden output, one per behaviour, in
// scripts/*.txt. Lines that start with "> " are commands, what follows each is
// what happened. FASTPATH_UPDATE_GOLDEN=1 rewrites the files.
//
// Nothing happens unless a command says so: messages wait in the network, writes
// in the disks, committed entries before apply. See Script::Run for the words.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/raft/sim_cluster.h"

namespace fastpath::raft {
namespace {

std::vector<Member> ParseMembers(const std::string& list) {
  std::vector<Member> members;
  std::stringstream in(list);
  for (std::string id; std::getline(in, id, ',');) {
    members.push_back({std::stoull(id), static_cast<NodeId>(std::stoul(id))});
  }
  return members;
}

// "600ms", "2s".
Micros ParseTime(const std::string& text) {
  const Micros value = std::stoll(text);
  return text.ends_with("ms") ? value * 1000 : value * 1'000'000;
}

class Script {
 public:
  // The output of one command.
  std::string Execute(const std::string& line) {
    out_.clear();
    words_.clear();
    named_.clear();
    std::stringstream in(line);
    for (std::string word; in >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        words_.push_back(word);
      } else {
        named_[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
    quiet_ = !words_.empty() && words_[0] == "quietly";
    if (quiet_) words_.erase(words_.begin());
    Run();
    return out_;
  }

  std::vector<std::string> violations() const {
    return cluster_ ? cluster_->checker.violations : std::vector<std::string>{};
  }

 private:
  void Run() {
    const std::string& word = words_.at(0);
    if (word == "cluster") return MakeCluster();
    static const std::map<std::string, void (Script::*)()> commands = {
        {"campaign", &Script::Campaign},
        {"propose", &Script::Propose},
        {"read", &Script::Read},
        {"lease", &Script::Lease},
        {"change", &Script::Change},
        {"transfer", &Script::Transfer},
        {"deliver", &Script::Deliver},
        {"drop", &Script::Drop},
        {"cut", &Script::Cut},
        {"heal", &Script::Heal},
        {"settle", &Script::Settle},
        {"run", &Script::RunFor},
        {"wait", &Script::Wait},
        {"tick", &Script::Tick},
        {"sync", &Script::Sync},
        {"apply", &Script::Apply},
        {"crash", &Script::Crash},
        {"restart", &Script::Restart},
        {"pause", &Script::Pause},
        {"resume", &Script::Resume},
        {"persist", &Script::Persist},
        {"compact", &Script::Compact},
        {"send-snapshot", &Script::SendSnapshot},
        {"install", &Script::Install},
        {"fetch", &Script::Fetch},
        {"status", &Script::Status},
        {"network", &Script::Network},
        {"wake", &Script::Wake},
    };
    const auto command = commands.find(word);
    if (command == commands.end()) return Say("error: no such command");
    (this->*command->second)();
  }

  void Say(const std::string& line) {
    if (!quiet_) absl::StrAppend(&out_, line, "\n");
  }
  void Say(const absl::Status& status) {
    if (!status.ok()) Say(absl::StrCat("refused: ", std::string(status.message())));
  }
  ReplicaId Id(size_t word = 1) const { return std::stoull(words_.at(word)); }
  std::string Named(const std::string& name, const std::string& otherwise) const {
    const auto at = named_.find(name);
    return at == named_.end() ? otherwise : at->second;
  }
  std::pair<ReplicaId, ReplicaId> Link() const {
    const std::string& link = words_.at(1);
    return {std::stoull(link), std::stoull(link.substr(link.find('>') + 1))};
  }

  void MakeCluster() {
    SimCluster::Setup setup;
    setup.nodes = Id();
    setup.initial.voters = ParseMembers(Named("voters", "1,2,3"));
    setup.initial.learners = ParseMembers(Named("learners", ""));
    if (named_.contains("bootstrap")) setup.bootstrap = {1, 1, {}};
    Options& o = setup.options;
    o.append_limit_bytes = std::stoull(Named("append-limit", absl::StrCat(o.append_limit_bytes)));
    o.inflight_limit = std::stoull(Named("inflight", absl::StrCat(o.inflight_limit)));
    o.memory_limit_bytes = std::stoull(Named("memory", absl::StrCat(o.memory_limit_bytes)));
    o.uncommitted_limit_bytes =
        std::stoull(Named("uncommitted", absl::StrCat(o.uncommitted_limit_bytes)));
    if (named_.contains("quiet-after")) o.quiet_after = ParseTime(named_["quiet-after"]);
    o.read_limit = std::stoull(Named("reads", absl::StrCat(o.read_limit)));
    cluster_ = std::make_unique<SimCluster>(setup);
    for (ReplicaId id = 1; id <= cluster_->size(); ++id) cluster_->Start(id);
    cluster_->trace = [this](const std::string& line) { Say(line); };
    cluster_->admit = [this](const Message& m) { return !cuts_.contains({m.from, m.to}); };
  }

  void Campaign() { cluster_->Campaign(Id()); }
  // wake N [gone]: as its owner does when a node is lost; "gone": the leader's.
  void Wake() { cluster_->Wake(Id(), words_.size() > 2 && words_[2] == "gone"); }
  void Propose() { Say(cluster_->ProposeBatch(Id(), {words_.begin() + 2, words_.end()})); }
  void Read() { cluster_->Read(Id(), Id(2)); }
  void Lease() {
    SimNode& node = cluster_->node(Id());
    const auto index = node.raft->LeaseRead(cluster_->NowOf(node));
    Say(index ? absl::StrCat("lease read at ", *index) : "no lease");
    cluster_->CheckLeases();
  }
  void Change() {
    Configuration target;
    target.voters = ParseMembers(Named("voters", ""));
    target.learners = ParseMembers(Named("learners", ""));
    Say(cluster_->Change(Id(), target));
  }
  void Transfer() { Say(cluster_->Transfer(Id(), Id(2))); }

  // deliver A->B [again]: the oldest message of the link; "again" keeps a copy.
  // "deliver A->B last" takes the newest.
  void Deliver() {
    const auto [from, to] = Link();
    auto& network = cluster_->network;
    const bool last = words_.size() > 2 && words_[2] == "last";
    const bool again = words_.size() > 2 && words_[2] == "again";
    std::optional<size_t> found;
    for (size_t i = 0; i < network.size() && (last || !found); ++i) {
      if (network[i].message.from == from && network[i].message.to == to) found = i;
    }
    if (!found) return Say("nothing to deliver");
    cluster_->Deliver(*found, again);
  }
  void Drop() {
    const auto [from, to] = Link();
    std::erase_if(cluster_->network, [from = from, to = to](const Envelope& e) {
      return e.message.from == from && e.message.to == to;
    });
  }
  void Cut() { cuts_.insert(Link()); }
  void Heal() { cuts_.clear(); }
  void Settle() {
    cluster_->Settle([](const Message&) { return true; });
  }
  // Time passes; who is due ticks.
  void Pass(bool settle) {
    const Micros until = cluster_->now + ParseTime(words_.at(1));
    while (true) {
      Micros next = until;
      for (ReplicaId id = 1; id <= cluster_->size(); ++id) {
        if (!cluster_->alive(id) || cluster_->node(id).paused) continue;
        next = std::min(next, cluster_->node(id).raft->next_deadline());
      }
      cluster_->now = std::max(cluster_->now, next);
      for (ReplicaId id = 1; id <= cluster_->size(); ++id) {
        if (!cluster_->alive(id) || cluster_->node(id).paused) continue;
        if (cluster_->node(id).raft->next_deadline() <= cluster_->now) cluster_->Tick(id);
      }
      if (settle) Settle();
      if (cluster_->now >= until) return;
    }
  }
  void RunFor() { Pass(true); }
  void Wait() { cluster_->now += ParseTime(words_.at(1)); }
  void Tick() { cluster_->Tick(Id()); }
  void Sync() {
    if (!cluster_->Sync(Id())) Say("nothing to sync");
  }
  void Apply() {
    if (!cluster_->Apply(Id(), 1000)) return Say("nothing to apply");
    Say(absl::StrCat("applied ", cluster_->node(Id()).state.meta.index));
  }
  void Crash() { cluster_->Crash(Id(), words_.size() > 2 ? Id(2) : 0); }
  void Restart() { cluster_->Start(Id()); }
  void Pause() { cluster_->node(Id()).paused = true; }
  void Resume() { cluster_->node(Id()).paused = false; }
  void Persist() { cluster_->Persist(Id()); }
  void Compact() {
    cluster_->Persist(Id());
    cluster_->Compact(Id(), Id(2));
    Say(absl::StrCat("log starts at ", cluster_->node(Id()).raft->first_index()));
  }
  void SendSnapshot() {
    const bool arrives = words_.size() < 3 || words_[2] != "fails";
    if (!cluster_->SendSnapshot(Id(), arrives)) Say("nothing to send");
  }
  void Install() {
    const bool crash = words_.size() > 2 && words_[2] == "crash";
    if (!cluster_->InstallSnapshot(Id(), crash)) Say("nothing to install");
  }
  void Fetch() {
    if (!cluster_->ServeFetch(Id())) Say("nothing to fetch");
  }
  void Status() {
    for (ReplicaId id = 1; id <= cluster_->size(); ++id) {
      if (!cluster_->alive(id)) {
        Say(absl::StrCat(id, " is down"));
        continue;
      }
      const Raft& r = *cluster_->node(id).raft;
      Say(absl::StrCat(id, " ", RoleName(r.role()), " t", r.term(), " leader ", r.leader(),
                       " last ", r.last_index(), " commit ", r.commit(), " applied ", r.applied(),
                       " ", Describe(r.configuration()), r.quiet() ? " quiet" : ""));
    }
  }
  void Network() {
    for (const Envelope& e : cluster_->network) Say(Describe(e.message));
  }

  std::unique_ptr<SimCluster> cluster_;
  std::set<std::pair<ReplicaId, ReplicaId>> cuts_;
  std::vector<std::string> words_;
  std::map<std::string, std::string> named_;
  std::string out_;
  bool quiet_ = false;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Runs the commands of `text` and returns it with fresh outputs.
std::string Replay(const std::string& text, Script& script) {
  std::string result;
  std::stringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') {
      absl::StrAppend(&result, line, "\n");
    } else if (line.starts_with("> ")) {
      absl::StrAppend(&result, line, "\n", script.Execute(line.substr(2)));
    }
  }
  return result;
}

std::vector<std::string> ScriptNames() {
  std::vector<std::string> names;
  const std::filesystem::path folder = std::filesystem::path(FASTPATH_TEST_DIR) / "scripts";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scripts : public testing::TestWithParam<std::string> {};

TEST_P(Scripts, MatchTheirGoldenOutput) {
  const std::filesystem::path path =
      std::filesystem::path(FASTPATH_TEST_DIR) / "scripts" / (GetParam() + ".txt");
  const std::string golden = ReadFile(path);
  Script script;
  const std::string actual = Replay(golden, script);
  EXPECT_EQ(script.violations(), std::vector<std::string>{});
  if (std::getenv("FASTPATH_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << actual;
    return;
  }
  EXPECT_EQ(actual, golden) << "rewrite with FASTPATH_UPDATE_GOLDEN=1";
}

INSTANTIATE_TEST_SUITE_P(Raft, Scripts, testing::ValuesIn(ScriptNames()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace fastpath::raft
