// Golden (command, state -> state) files (DESIGN 3.4): what each command version
// does, byte for byte, for ever. Each file is a log, as the bytes of its entries, and says
// for every entry the outcome and the rows that it changed. Commands are read
// back from the files, so they hold also when this source changes.
//
// FASTPATH_UPDATE_GOLDEN=1 writes the files anew: for new ones, never to make a
// changed outcome pass.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "google/protobuf/text_format.h"
#include "tests/partition/transact_fixture.h"

namespace fastpath::partition::testing {
namespace {

constexpr char kEntryMark[] = "entry ";

struct Story {
  std::string name;
  std::function<void(Log&)> tell;
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

api::Session Session(const Log& log, uint64_t sequence, uint64_t done_below) {
  api::Session session;
  session.set_client(ClientOf(9));
  session.set_sequence(sequence);
  session.set_done_below(done_below);
  session.set_not_after(log.stamp + 60 * kMicrosPerSecond);
  return session;
}

command::Write With(command::Write write, const api::Session& session) {
  *write.mutable_session() = session;
  return write;
}

void Writes(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  model::Item item = I({{"pk", S("a")}, {"n", N(-12)}, {"text", S("")}});
  item.Set("b", model::Value::Binary(std::string("\0\xff", 2)));
  item.Set("yes", model::Value::Bool(true));
  item.Set("none", model::Value::Null());
  item.Set("map", model::Value::Map(I({{"k", N(1)}})));
  item.Set("list", model::Value::List({S("x"), N(2)}));
  item.Set("ss", model::Value::StringSet({"b", "a"}));
  item.Set("decimal", model::Value::Num(*model::Number::Parse("-1.50e-3")));
  log.Append(PutOf(item));
  command::Write conditional = PutOf(I({{"pk", S("a")}}));
  *conditional.mutable_put()->mutable_condition() = NotExists("pk");
  conditional.mutable_put()->set_return_item_on_failure(true);
  log.Append(conditional);
  command::Write update = UpdateOf(S("a"), Add("n", 100));
  *update.mutable_update()->mutable_update()->mutable_set() = Set("fresh", S("v")).set();
  *update.mutable_update()->mutable_update()->add_remove() = P("map");
  update.mutable_update()->set_return_values(api::UPDATED_NEW);
  log.Append(update);
  log.Append(UpdateOf(S("counter"), Add("n", 1)));
  log.Append(UpdateOf(S("a"), Add("text", 1)));
  command::Write removal = DeleteOf(S("a"));
  *removal.mutable_delete_()->mutable_condition() = Eq("n", N(88));
  removal.mutable_delete_()->set_return_values(api::ALL_OLD);
  log.Append(removal);
}

void Sessions(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  const api::Session first = Session(log, 1, 1);
  log.Append(With(UpdateOf(S("a"), Add("n", 1)), first));
  log.Append(With(UpdateOf(S("a"), Add("n", 1)), first));
  log.Append(With(UpdateOf(S("b"), Add("n", 1)), Session(log, 2, 1)));
  log.Append(With(UpdateOf(S("b"), Add("n", 1)), Session(log, 3, 3)));
  log.Append(With(UpdateOf(S("a"), Add("n", 1)), first));
  log.stamp += 120 * kMicrosPerSecond;
  log.Time();
  log.Append(With(UpdateOf(S("a"), Add("n", 1)), first));
}

void Expiry(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  log.Append(PutOf(I({{"pk", S("a")}, {"ttl", N(kStartSeconds + 10)}})));
  log.Append(UpdateOf(S("a"), Add("ttl", 5)));
  log.stamp = (kStartSeconds + 15) * kMicrosPerSecond - 2;
  command::Write conditional = PutOf(I({{"pk", S("a")}}));
  *conditional.mutable_put()->mutable_condition() = NotExists("pk");
  log.Append(conditional);  // The last microsecond.
  log.Append(conditional);  // Exactly at expiry.
}

void Tables(Log& log) {
  api::Table table = TableOf("pairs", 8);
  table.mutable_sort_key()->set_name("sk");
  table.mutable_sort_key()->set_type(api::N);
  log.SetTable(table);
  command::Write write = UpdateOf(S("a"), Add("n", 1));
  write.mutable_update()->mutable_key()->set_sort(model::EncodeValue(N(-3)));
  write.set_space(8);
  log.Append(write);
  raft::Configuration configuration{{{11, 1}, {12, 2}}, {{11, 1}}, {{14, 4}}};
  log.Append(raft::EntryKind::kConfiguration, raft::EncodeConfiguration(configuration));
  ++log.term;
  log.Noop();
  log.Digest();
  command::Command version;
  version.mutable_set_version()->set_version(1);
  log.Append(version);
  log.DropTable(8);
  log.SetTable(table);
}

void Meta(Log& log) {
  command::Command command;
  *command.mutable_create_table()->mutable_table() = TableOf("orders", 0);
  log.Append(command);
  command.mutable_table_settled()->set_space(1);
  command.mutable_table_settled()->set_state(api::ACTIVE);
  log.Append(command);
  command.mutable_register_node()->mutable_node()->set_incarnation("second");
  command.mutable_register_node()->mutable_node()->set_peer_address("host:1");
  log.Append(command);
  command.mutable_issue_replica()->set_group(1);
  command.mutable_issue_replica()->set_node(2);
  log.Append(command);
  log.Append(command);
  api::GroupDescriptor* group = command.mutable_set_descriptor()->mutable_group();
  *group = DescriptorOf(1);
  group->set_epoch(2);
  log.Append(command);
  command.mutable_delete_table()->set_name("orders");
  log.Append(command);
  command.mutable_table_settled()->set_space(1);
  command.mutable_table_settled()->set_state(api::DELETING);
  log.Append(command);
}

void Purge(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  log.SetTable(TableOf("dropped", 8));
  for (const char* key : {"a", "b", "c"}) {
    log.Append(PutOf(I({{"pk", S(key)}, {"ttl", N(kStartSeconds + 10)}})));
  }
  command::Write other = PutOf(I({{"pk", S("a")}, {"ttl", N(kStartSeconds + 1000)}}));
  other.set_space(8);
  log.Append(other);
  log.DropTable(8);
  log.Append(UpdateOf(S("b"), Add("ttl", 1)));
  const std::vector<std::pair<std::string, uint64_t>> items = {
      {DataKeyOf(kSpace, S("a")), kStartSeconds + 10},
      {DataKeyOf(kSpace, S("b")), kStartSeconds + 10},
      {DataKeyOf(8, S("a")), kStartSeconds + 1000},
      {"no key", 1}};
  log.Purge({items[0]});  // Too early.
  log.stamp = (kStartSeconds + 10) * kMicrosPerSecond - 1;
  log.Purge(items);
}

void TtlChange(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  log.Append(PutOf(I({{"pk", S("a")}, {"ttl", N(kStartSeconds + 10)}})));
  log.Append(PutOf(I({{"pk", S("b")}, {"ttl", N(kStartSeconds + 30)}})));
  log.Append(PutOf(I({{"pk", S("c")}, {"until", N(kStartSeconds + 40)}})));
  log.stamp = (kStartSeconds + 20) * kMicrosPerSecond;
  api::Table changed = TableOf(kTable, kSpace);
  changed.set_ttl_attribute("until");
  changed.set_revision(1);
  changed.set_state(api::UPDATING);
  log.SetTable(changed);
  log.SetTable(TableOf(kTable, kSpace));  // Late.
  command::Write conditional = PutOf(I({{"pk", S("a")}}));
  *conditional.mutable_put()->mutable_condition() = Exists("pk");
  log.Append(conditional);
  log.stamp = (kStartSeconds + 35) * kMicrosPerSecond;
  log.Purge({{DataKeyOf(kSpace, S("b")), kStartSeconds + 30}});  // It lives by now.
  command::Command retime;
  retime.mutable_retime()->set_space(kSpace);
  retime.mutable_retime()->set_revision(2);
  retime.mutable_retime()->set_through(true);
  log.Append(retime);  // Not of this revision.
  retime.mutable_retime()->set_revision(1);
  retime.mutable_retime()->set_through(false);
  for (const char* key : {"a", "b", "c"}) {
    retime.mutable_retime()->add_keys(DataKeyOf(kSpace, S(key)));
  }
  log.Append(retime);
  retime.mutable_retime()->clear_keys();
  retime.mutable_retime()->set_through(true);
  log.Append(retime);
}

void MetaUpdates(Log& log) {
  command::Command command;
  api::Table* table = command.mutable_create_table()->mutable_table();
  *table = TableOf("orders", 0);
  table->set_deletion_protection(true);
  table->add_tags()->set_key("team");
  log.Append(command);
  auto settled = [&](uint64_t revision) {
    command.mutable_table_settled()->set_space(1);
    command.mutable_table_settled()->set_state(api::ACTIVE);
    command.mutable_table_settled()->set_revision(revision);
    log.Append(command);
  };
  auto update = [&](const std::function<void(api::UpdateTableRequest*)>& fill) {
    command.mutable_update_table()->mutable_change()->set_name("orders");
    fill(command.mutable_update_table()->mutable_change());
    log.Append(command);
    command.clear_update_table();
  };
  settled(0);
  command.mutable_delete_table()->set_name("orders");
  log.Append(command);  // Protected.
  update([](auto* change) { change->mutable_ttl()->set_attribute(""); });
  update([](auto* change) { change->mutable_ttl()->set_attribute("until"); });  // Busy.
  update([](auto* change) { change->set_deletion_protection(false); });
  settled(0);  // Late.
  settled(1);
  update([](auto* change) {
    change->mutable_tag()->add_tags()->set_key("cost");
    change->mutable_tag()->mutable_tags(0)->set_value("7");
  });
  update([](auto* change) { change->mutable_untag()->add_keys("team"); });
  command.mutable_delete_table()->set_name("orders");
  log.Append(command);
  command.mutable_table_settled()->set_space(1);
  command.mutable_table_settled()->set_state(api::DELETING);
  command.mutable_table_settled()->set_revision(1);
  log.Append(command);
}

// What writes cost, recorded with their answers.
void Capacity(Log& log) {
  log.SetTable(TableOf(kTable, kSpace));
  const auto costs = [&log](command::Write write) {
    write.set_return_capacity(true);
    log.Append(write);
  };
  costs(PutOf(I({{"pk", S("a")}, {"text", S(std::string(3000, 'x'))}})));
  costs(PutOf(I({{"pk", S("a")}, {"n", N(1)}})));
  command::Write conditional = PutOf(I({{"pk", S("a")}}));
  *conditional.mutable_put()->mutable_condition() = NotExists("pk");
  costs(conditional);
  costs(UpdateOf(S("a"), Add("n", 100)));
  costs(UpdateOf(S("a"), Add("pk2", 1)));
  costs(DeleteOf(S("a")));
  log.Append(DeleteOf(S("a")));
}

// In a group of half of the buckets: each step, repeated and late ones too.
void Transact(Log& log) {
  constexpr uint32_t kLast = 32767;
  log.SetTable(TableOf(kTable, kSpace));
  const std::vector<std::string> keys = KeysIn(0, kLast, 4);
  const auto place = static_cast<storage::Bucket>(BucketOfKey(keys[0]));
  const uint32_t elsewhere = BucketOfKey(KeysIn(kLast + 1, 65535, 1)[0]);
  uint64_t sequence = 0;
  const auto fresh = [&](bool here) {
    Transaction transaction;
    transaction.session = Session(log, ++sequence, 1);
    transaction.place = here ? place : static_cast<storage::Bucket>(elsewhere);
    return transaction;
  };
  log.Append(PutOf(I({{"pk", S(keys[1])}, {"n", N(5)}, {"ttl", N(kStartSeconds + 100)}})));
  Transaction alone = fresh(true);
  alone.token = "token";
  std::vector<command::Write> writes = {UpdateOf(S(keys[0]), Add("n", 1)),
                                        CheckOf(S(keys[1]), Exists("ttl"))};
  for (command::Write& write : writes) write.set_return_capacity(true);
  log.Append(alone.Begin(writes));
  log.Append(alone.Begin(writes));
  Transaction again = fresh(true);
  again.token = "token";
  log.Append(again.Begin(writes));
  Transaction mismatch = fresh(true);
  mismatch.token = "token";
  mismatch.fingerprint = 2;
  log.Append(mismatch.Begin(writes));
  log.Append(fresh(true).Begin(
      {writes[0], Showing(If(Eq("n", N(6)), DeleteOf(S(keys[1])))), DeleteOf(S(keys[0]))}));
  // Over several groups, where its record lies.
  Transaction placed = fresh(true);
  placed.token = "second";
  const command::Command begin = placed.Begin(writes, {elsewhere, 65535});
  log.Append(begin);
  log.Append(begin);
  Transaction waits = fresh(true);
  waits.token = "second";
  log.Append(waits.Begin(writes));
  log.Append(UpdateOf(S(keys[0]), Add("n", 1)));  // Held.
  log.Append(fresh(true).Begin({DeleteOf(S(keys[2])), DeleteOf(S(keys[1]))}, {elsewhere}));
  api::TransactWriteResult result;
  result.add_capacity()->set_table(kTable);
  result.mutable_capacity(0)->set_write_units(6);
  log.Append(placed.Decide(true, result));
  log.Append(placed.Decide(false));
  log.Append(placed.Forget());
  Transaction doomed = fresh(true);
  log.Append(doomed.Begin({CheckOf(S(keys[2]), Exists("pk"))}, {elsewhere}));
  log.Append(doomed.Decide(false));
  log.Append(doomed.Forget());
  // Over several groups, elsewhere.
  Transaction part = fresh(false);
  const command::Command prepare =
      part.Prepare({UpdateOf(S(keys[1]), Add("n", 1)), DeleteOf(S(keys[0])),
                    CheckOf(S(keys[2]), NotExists("pk"))});
  log.Append(prepare);
  log.Append(prepare);
  log.Append(fresh(false).Prepare({UpdateOf(S(keys[0]), Add("n", 1))}));
  log.Append(part.Resolve(true));
  log.Append(prepare);
  Transaction given_up = fresh(false);
  log.Append(given_up.Prepare({UpdateOf(S(keys[3]), Add("n", 1))}));
  log.Append(given_up.Resolve(false));
  log.Append(fresh(true).Prepare({UpdateOf(S(keys[3]), Add("n", 1))}));  // Not at its place.
  log.stamp += kTokenLife + kMicrosPerSecond;
  log.Time();
}

api::Map FirstMap() {
  api::Map map;
  map.set_cluster_id("golden");
  map.add_nodes()->set_id(1);
  for (uint32_t id : {0u, 1u}) {
    *map.add_groups() = DescriptorOf(id, id == 0 ? 1 : 0, id == 0 ? 0 : 65535);
  }
  return map;
}

const std::vector<Story>& Stories() {
  static const auto* stories =
      new std::vector<Story>{{"v1_writes", Writes},     {"v1_sessions", Sessions},
                             {"v1_expiry", Expiry},     {"v1_tables", Tables},
                             {"v1_meta", Meta},         {"v2_purge", Purge},
                             {"v3_capacity", Capacity}, {"v3_ttl_change", TtlChange},
                             {"v3_meta", MetaUpdates},  {"v4_transact", Transact}};
  return *stories;
}

std::filesystem::path PathOf(const std::string& name) {
  return std::filesystem::path(FASTPATH_TEST_DIR) / "golden" / (name + ".txt");
}

std::string Text(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

std::string Escaped(const std::string& bytes) { return "\"" + absl::CHexEscape(bytes) + "\""; }

void Describe(const raft::Entry& entry, std::ostream& out) {
  out << kEntryMark << entry.index << " term " << entry.term << " kind "
      << static_cast<int>(entry.kind) << " " << absl::BytesToHexString(*entry.payload) << "\n";
  command::Command command;
  if (entry.kind == raft::EntryKind::kCommand && command.ParseFromString(*entry.payload)) {
    out << "  command " << Text(command) << "\n";
  }
}

void DescribeChanges(const std::map<std::string, std::string>& before,
                     const std::map<std::string, std::string>& after, std::ostream& out) {
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) {
      out << "  - " << Escaped(key) << "\n";
    }
  }
  for (const auto& [key, value] : after) {
    auto old = before.find(key);
    if (old == before.end() || old->second != value) {
      out << "  + " << Escaped(key) << " = " << Escaped(value) << "\n";
    }
  }
}

// Applies the entries one by one and tells what each did.
std::string Tell(const std::string& name, const std::vector<raft::Entry>& entries) {
  const uint32_t version = static_cast<uint32_t>(name[1] - '0');
  std::unique_ptr<Replica> replica =
      name.ends_with("_meta")
          ? Replica::Bootstrapped(FirstMap(), version)
          : Replica::Bootstrapped(DescriptorOf(1, 0, name.ends_with("_transact") ? 32767 : 65535),
                                  std::make_unique<SimHost>(), version);
  const storage::KeyRange everything{std::string(1, '\0'), std::string(1, '\xff')};
  auto rows = [&] {
    std::map<std::string, std::string> rows;
    for (storage::KeyValue& row : replica->Rows(everything)) {
      rows.insert(std::move(row));
    }
    return rows;
  };
  std::ostringstream out;
  out << "bootstrap\n";
  std::map<std::string, std::string> before;
  DescribeChanges(before, rows(), out);
  for (const raft::Entry& entry : entries) {
    before = rows();
    Describe(entry, out);
    EXPECT_TRUE(replica->Apply(std::vector<raft::Entry>{entry}).ok());
    if (entry.kind == raft::EntryKind::kCommand) {
      out << "  outcome " << Text(replica->outcomes[entry.index]) << "\n";
    }
    DescribeChanges(before, rows(), out);
  }
  return out.str();
}

std::vector<raft::Entry> EntriesOf(const std::string& golden) {
  std::vector<raft::Entry> entries;
  std::istringstream lines(golden);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kEntryMark)) {
      continue;
    }
    std::istringstream words(line);
    std::string word;
    std::string payload;
    raft::Entry entry;
    int kind = 0;
    words >> word >> entry.index >> word >> entry.term >> word >> kind >> payload;
    entry.kind = static_cast<raft::EntryKind>(kind);
    entry.payload = std::make_shared<const std::string>(absl::HexStringToBytes(payload));
    entries.push_back(std::move(entry));
  }
  return entries;
}

class StateGolden : public ::testing::TestWithParam<Story> {};

TEST_P(StateGolden, IsWhatItWas) {
  const Story& story = GetParam();
  if (std::getenv("FASTPATH_UPDATE_GOLDEN") != nullptr) {
    Log log;
    story.tell(log);
    std::filesystem::create_directories(PathOf(story.name).parent_path());
    std::ofstream(PathOf(story.name)) << Tell(story.name, log.entries);
  }
  std::ifstream file(PathOf(story.name));
  std::stringstream golden;
  golden << file.rdbuf();
  const std::vector<raft::Entry> entries = EntriesOf(golden.str());
  ASSERT_GT(entries.size(), 3u) << "no golden file " << PathOf(story.name);
  EXPECT_EQ(Tell(story.name, entries), golden.str());
}

INSTANTIATE_TEST_SUITE_P(All, StateGolden, ::testing::ValuesIn(Stories()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fastpath::partition::testing
