// Writes a few real values of every kind as inputs of the targets: what their
// mutations start from. Each input's layout stands at the top of its target.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "node/peer_link.h"
#include "partition/frame.h"
#include "partition/session.h"
#include "raft/codec.h"
#include "storage/log_format.h"
#include "storage/snapshot.h"
#include "tests/fuzz/commands.pb.h"
#include "tests/partition/transact_fixture.h"
#include "tests/storage/log_harness.h"

namespace fastpath::fuzz {
namespace {

using partition::testing::I;
using partition::testing::K;
using partition::testing::N;
using partition::testing::P;
using partition::testing::S;

std::filesystem::path folder;

void Seed(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(folder / target);
  std::ofstream(folder / target / name, std::ios::binary) << bytes;
}

std::string Choice(int byte) { return std::string(1, static_cast<char>(byte)); }

model::Item EveryType() {
  model::Item item = I({{"pk", S("a")}, {"sk", N(-12)}, {"text", S("\xc3\xa9")}});
  item.Set("b", model::Value::Binary(std::string("\0\xff", 2)));
  item.Set("yes", model::Value::Bool(true));
  item.Set("none", model::Value::Null());
  item.Set("map", model::Value::Map(I({{"k", N(1)}, {"l", S("")}})));
  item.Set("list", model::Value::List({S("x"), N(2), model::Value::List({})}));
  item.Set("ss", model::Value::StringSet({"b", "a"}));
  item.Set("ns", model::Value::NumberSet({model::Number::FromInt(10), model::Number::FromInt(9)}));
  item.Set("bs", model::Value::BinarySet({"\x01", "\x02"}));
  item.Set("decimal", model::Value::Num(*model::Number::Parse("-1.50e-3")));
  return item;
}

// -------------------------------------------------------- conditions, updates

api::Operand Of(const model::Value& value) {
  api::Operand operand;
  operand.set_value(model::EncodeValue(value));
  return operand;
}
api::Operand At(const std::string& name) {
  api::Operand operand;
  *operand.mutable_path() = P(name);
  return operand;
}

api::Condition EveryCondition() {
  api::Condition condition;
  auto* any = condition.mutable_any();
  auto* all = any->add_list()->mutable_all();
  *all->add_list() = partition::testing::Eq("a", N(1));
  *all->add_list() = partition::testing::Exists("pk");
  *all->add_list()->mutable_not_() = partition::testing::NotExists("b");
  auto* between = any->add_list()->mutable_between();
  *between->mutable_operand() = At("sk");
  *between->mutable_low() = Of(N(-20));
  *between->mutable_high() = Of(N(20));
  auto* in = any->add_list()->mutable_in();
  *in->mutable_operand() = At("pk");
  *in->add_list() = Of(S("a"));
  auto* type = any->add_list()->mutable_type();
  *type->mutable_path() = P("list");
  type->set_type("L");
  auto* begins = any->add_list()->mutable_begins_with();
  *begins->mutable_operand() = At("text");
  *begins->mutable_prefix() = Of(S("t"));
  auto* contains = any->add_list()->mutable_contains();
  *contains->mutable_operand() = At("ss");
  *contains->mutable_element() = Of(S("a"));
  auto* size = any->add_list()->mutable_comparison();
  size->set_op(api::GT);
  *size->mutable_left()->mutable_size() = P("list");
  *size->mutable_right() = Of(N(1));
  return condition;
}

api::UpdateTree EveryUpdate() {
  api::UpdateTree update = partition::testing::Add("count", 1);
  auto* plus = update.add_set();
  *plus->mutable_path() = P("sum");
  auto* otherwise = plus->mutable_value()->mutable_plus()->mutable_left()->mutable_if_not_exists();
  *otherwise->mutable_path() = P("sum");
  *otherwise->mutable_otherwise()->mutable_operand() = Of(N(0));
  *plus->mutable_value()->mutable_plus()->mutable_right()->mutable_operand() = Of(N(5));
  auto* append = update.add_set();
  *append->mutable_path() = P("list");
  auto* lists = append->mutable_value()->mutable_list_append();
  *lists->mutable_left()->mutable_operand() = At("list");
  *lists->mutable_right()->mutable_operand() = Of(model::Value::List({N(3)}));
  auto* nested = update.add_set();
  *nested->mutable_path() = P("map");
  nested->mutable_path()->add_steps()->set_name("k");
  *nested->mutable_value()->mutable_operand() = At("sum");
  *update.add_remove() = P("yes");
  auto* removed = update.add_delete_();
  *removed->mutable_path() = P("ss");
  removed->set_value(model::EncodeValue(model::Value::StringSet({"a"})));
  return update;
}

// ------------------------------------------------------------------- commands

api::WriteRequest WriteTo(const std::string& table, partition::testing::Log& log) {
  api::WriteRequest write;
  write.set_table(table);
  *write.mutable_session() = log.NextSession();
  return write;
}

api::Key PairKey() {
  api::Key key = K(S("a"));
  key.set_sort(model::EncodeValue(N(-12)));
  return key;
}

Story Writes() {
  Story story;
  partition::testing::Log log;
  for (const char* table : {"items", "pairs"}) {
    const bool pairs = table == std::string("pairs");
    auto* put = story.add_events()->mutable_write();
    *put = WriteTo(table, log);
    put->mutable_put()->set_item(model::EncodeItem(EveryType()));
    put->mutable_put()->set_return_values(api::ALL_OLD);
    for (const api::ReturnValues values : {api::UPDATED_NEW, api::UPDATED_OLD, api::ALL_NEW}) {
      auto* write = story.add_events()->mutable_write();
      *write = WriteTo(table, log);
      *write->mutable_update()->mutable_key() = pairs ? PairKey() : K(S("a"));
      *write->mutable_update()->mutable_update() = EveryUpdate();
      *write->mutable_update()->mutable_condition() = EveryCondition();
      write->mutable_update()->set_return_values(values);
    }
    story.add_events()->set_crash(!pairs);
    auto* get = story.add_events()->mutable_get();
    get->set_table(table);
    *get->mutable_key() = pairs ? PairKey() : K(S("a"));
    *get->add_projection() = P("map");
    auto* removal = story.add_events()->mutable_write();
    *removal = WriteTo(table, log);
    *removal->mutable_delete_()->mutable_key() = pairs ? PairKey() : K(S("a"));
    *removal->mutable_delete_()->mutable_condition() = EveryCondition();
    removal->mutable_delete_()->set_return_item_on_failure(true);
    story.add_events()->set_pass_us(1'000'000);
  }
  story.add_events()->mutable_export_()->set_table("items");
  auto* query = story.add_events()->mutable_query();
  query->set_table("pairs");
  query->set_partition(PairKey().partition());
  query->mutable_sort()->set_greater_or_equal(PairKey().sort());
  *query->mutable_start_after() = PairKey();
  query->set_limit(2);
  *query->mutable_filter() = EveryCondition();
  auto* scan = story.add_events()->mutable_scan();
  scan->set_table("items");
  scan->set_total_segments(3);
  *scan->add_projection() = P("map");
  scan->set_return_capacity(true);
  return story;
}

Story Expiry() {
  Story story;
  partition::testing::Log log;
  auto* put = story.add_events()->mutable_write();
  *put = WriteTo("items", log);
  put->mutable_put()->set_item(model::EncodeItem(I(
      {{"pk", S("a")}, {"ttl", N(static_cast<int64_t>(partition::testing::kStartSeconds) + 5)}})));
  story.add_events()->set_pass_us(6'000'000);
  story.add_events()->mutable_command()->mutable_time();
  *story.add_events()->mutable_write() = story.events(0).write();
  story.mutable_events(3)->mutable_write()->mutable_session()->set_sequence(2);
  auto* table = story.add_events()->mutable_command()->mutable_set_table()->mutable_table();
  table->set_space(7);
  table->set_state(api::DELETING);
  story.add_events()->mutable_command()->mutable_digest();
  story.add_events()->mutable_command()->mutable_set_version()->set_version(1);
  raft::Configuration configuration;
  configuration.voters = {{11, 1}};
  story.add_events()->set_configuration(raft::EncodeConfiguration(configuration));
  story.add_events()->set_crash(true);
  return story;
}

// The group of the target ends at bucket 49151.
Story Transactions() {
  Story story;
  partition::testing::Log log;
  const auto step = [&](const command::Command& command) {
    *story.add_events()->mutable_command() = command;
  };
  const std::vector<std::string> keys = partition::testing::KeysIn(0, 49151, 3);
  const uint32_t elsewhere =
      partition::testing::BucketOfKey(partition::testing::KeysIn(49152, 65535, 1)[0]);
  const auto fresh = [&](uint32_t place) {
    partition::testing::Transaction transaction;
    transaction.session = log.NextSession();
    transaction.place = static_cast<storage::Bucket>(place);
    return transaction;
  };
  const uint32_t place = partition::testing::BucketOfKey(keys[0]);
  const command::Write add =
      partition::testing::UpdateOf(S(keys[0]), partition::testing::Add("a", 1));
  const command::Write put = partition::testing::PutOf(
      I({{"pk", S(keys[1])},
         {"ttl", N(static_cast<int64_t>(partition::testing::kStartSeconds) + 5)}}));
  const command::Write check =
      partition::testing::CheckOf(S(keys[2]), partition::testing::NotExists("pk"));
  auto placed = fresh(place);
  placed.token = "token";
  step(placed.Begin({add, put, check}, {elsewhere}));
  auto* get = story.add_events()->mutable_transact_get();
  for (const std::string& key : keys) {
    get->add_items()->set_table("items");
    *get->mutable_items(get->items_size() - 1)->mutable_key() = K(S(key));
  }
  story.add_events()->set_crash(true);
  step(placed.Decide(true));
  step(placed.Forget());
  const auto part = fresh(elsewhere);
  step(part.Prepare({add, partition::testing::DeleteOf(S(keys[1])), check}));
  auto* held = story.add_events()->mutable_write();
  *held = WriteTo("items", log);
  held->mutable_put()->set_item(put.put().item());
  story.add_events()->set_pass_us(6'000'000);
  step(part.Resolve(true));
  step(part.Prepare({add}));
  auto* request = story.add_events()->mutable_transact();
  *request->mutable_session() = log.NextSession();
  request->set_token("other");
  request->set_return_capacity(true);
  for (int i = 0; i < 4; ++i) request->add_items()->set_table("items");
  *request->mutable_items(0)->mutable_put() = put.put();
  *request->mutable_items(1)->mutable_update() = add.update();
  *request->mutable_items(2)->mutable_check() = check.check();
  request->mutable_items(3)->set_table("pairs");
  *request->mutable_items(3)->mutable_delete_()->mutable_key() = PairKey();
  return story;
}

Story Meta() {
  Story story;
  story.set_meta(true);
  const auto add = [&] { return story.add_events()->mutable_command(); };
  *add()->mutable_create_table()->mutable_table() = partition::testing::TableOf("t", 0);
  auto* settled = add()->mutable_table_settled();
  settled->set_space(1);
  settled->set_state(api::ACTIVE);
  add()->mutable_delete_table()->set_name("t");
  add()->mutable_register_node()->mutable_node()->set_incarnation("second");
  auto* issue = add()->mutable_issue_replica();
  issue->set_group(1);
  issue->set_node(2);
  *add()->mutable_set_descriptor()->mutable_group() = partition::testing::DescriptorOf(1);
  story.mutable_events(5)->mutable_command()->mutable_set_descriptor()->mutable_group()->set_epoch(
      2);
  story.add_events()->set_crash(false);
  return story;
}

void Commands() {
  Seed("commands", "writes", Writes().SerializeAsString());
  Seed("commands", "expiry", Expiry().SerializeAsString());
  Seed("commands", "meta", Meta().SerializeAsString());
  Seed("commands", "transactions", Transactions().SerializeAsString());
  Story raw;
  raw.add_events()->set_entry(Expiry().events(2).command().SerializeAsString());
  Seed("commands", "raw_entry", raw.SerializeAsString());
}

// ---------------------------------------------------------------------- bytes

raft::Message Append() {
  raft::Message message;
  message.group = 3;
  message.from = 1;
  message.to = 2;
  message.term = 4;
  message.index = 9;
  message.log_term = 4;
  message.entries = {storage::MakeEntry(4, 10, "first"), storage::MakeEntry(4, 11, "")};
  return message;
}

void RaftCodec() {
  std::string entries;
  for (const raft::Entry& entry : Append().entries) raft::EncodeEntry(entries, entry);
  Seed("raft_codec", "entries", Choice(0) + entries);
  raft::Configuration configuration;
  configuration.voters = {{11, 1}, {12, 2}, {13, 3}};
  configuration.learners = {{14, 4}};
  Seed("raft_codec", "configuration", Choice(1) + raft::EncodeConfiguration(configuration));
  configuration.outgoing = {{11, 1}};
  Seed("raft_codec", "joint", Choice(1) + raft::EncodeConfiguration(configuration));
  absl::Cord message;
  raft::EncodeMessage(message, Append());
  raft::EncodeMessage(message, raft::Message());
  Seed("raft_codec", "messages", Choice(2) + std::string(message));
}

std::string Framed(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  return FrameHeader(bytes.size()) + bytes;
}

void Frames() {
  partition::testing::Log log;
  api::Request write;
  write.set_id(1);
  *write.mutable_write() = WriteTo("items", log);
  write.mutable_write()->mutable_put()->set_item(model::EncodeItem(I({{"pk", S("a")}})));
  api::Request get;
  get.set_id(2);
  get.mutable_get()->set_table("items");
  *get.mutable_get()->mutable_key() = K(S("a"));
  api::Reply reply;
  reply.set_id(1);
  reply.set_code(api::WRONG_GROUP);
  *reply.mutable_redirect() = partition::testing::DescriptorOf(2);
  const std::string requests = Framed(write) + Framed(get);
  Seed("frame", "requests", Choice(2 | 7 << 2) + std::string(kClientPreface) + requests);
  Seed("frame", "replies", Choice(0) + Framed(reply) + Framed(api::Reply()));
  Seed("frame", "peers", Choice(3) + std::string(kPeerPreface) + FrameHeader(3) + "abc");
  Seed("frame", "too_long", Choice(0) + FrameHeader(5000));
}

void Items() {
  Seed("item", "every_type", Choice(0) + model::EncodeItem(EveryType()));
  Seed("item", "empty", Choice(0));
  for (const auto& [name, value] : EveryType()) {
    Seed("item", "value_" + name, Choice(1) + model::EncodeValue(value));
    if (!value.is(model::Type::kNumber)) continue;
    std::string ordered;
    value.number().AppendOrdered(ordered);
    Seed("item", "ordered_" + name, Choice(3) + ordered);
  }
  for (const std::string text : {"0", "-1.50e-3 2", "9.9999999999999999999999999999999999999E125 1",
                                 "1E-130 -1E-130", "12345678901234567890123456789012345678 0.5"}) {
    Seed("item", "number_" + text.substr(0, text.find(' ')), Choice(2) + text);
  }
}

void Keys() {
  std::string part;
  model::AppendKeyPart(part, S(std::string("a\0b", 3)));
  std::string sort;
  model::AppendKeyPart(sort, N(-12));
  const std::string data = storage::DataKey(7, model::KeyHash(part), part, sort);
  const storage::ClientId client{'c'};
  storage::AppliedRow row{5, 2, partition::testing::kStart, {}};
  row.configuration.voters = {{11, 1}};
  Seed("keys", "data", Choice(0) + data);
  Seed("keys", "applied", Choice(1) + storage::AppliedKey(3));
  Seed("keys", "request", Choice(2) + storage::RequestKey(9, client, 4));
  Seed("keys", "applied_row", Choice(3) + storage::EncodeAppliedRow(row));
  Seed("keys", "parts", Choice(4) + part + sort);
  api::Session session;
  session.set_client(std::string(client.begin(), client.end()));
  session.set_sequence(4);
  session.set_not_after(partition::testing::kStart + 1);
  partition::SessionTable sessions;
  partition::SessionChanges changes;
  sessions.Record(session, 9, partition::testing::kStart, "outcome", changes);
  storage::WriteBatch batch;
  changes.AppendTo(batch);
  for (const auto& item : batch.items()) {
    Seed("keys", "session",
         Choice(5) + Choice(static_cast<int>(item.key.size())) + item.key + item.value);
  }
}

void Snapshots() {
  const std::string chunk = storage::EncodeChunk({{"key1", "value"}, {"key2", ""}});
  Seed("snapshot", "whole", Choice(0) + chunk);
  Seed("snapshot", "without_checksum", Choice(1) + chunk.substr(0, chunk.size() - 4));
  Seed("snapshot", "empty", Choice(0) + storage::EncodeChunk({}));
}

void Logs() {
  for (const uint64_t seed : {1, 2, 3}) {
    storage::LogHarness harness(
        seed, {.segment_bytes = 4096, .batch_limit_bytes = 2048, .rewrite_above_segments = 3});
    testing::SimRandom random(seed);
    harness.Open();
    for (int i = 0; i < 6; ++i) harness.RandomBurst(random, 3, 200);
    harness.Kill();
    std::string input = Choice(3);
    for (const std::string& name : harness.device_->names()) {
      const std::string& segment = harness.device_->contents(name);
      input += Choice(static_cast<int>(segment.size() / storage::kLogAlignment)) + segment;
    }
    Seed("log", "life" + std::to_string(seed), input);
  }
}

void Peers() {
  const auto framed = [](std::string bytes) {
    return Choice(static_cast<int>(bytes.size() & 255)) +
           Choice(static_cast<int>(bytes.size() >> 8)) + bytes;
  };
  const auto of = [&](node::PeerFrame kind, const google::protobuf::MessageLite& message) {
    return framed(std::string(node::PeerFrameOf(kind, message)));
  };
  peer::Hello hello;
  hello.set_cluster_id(std::string(16, 'c'));
  hello.set_incarnation(std::string(16, 'j'));
  hello.set_node(2);
  hello.mutable_self()->set_id(2);
  peer::Hello stranger;
  stranger.set_incarnation(std::string(16, 'k'));
  peer::Call join;
  join.mutable_join()->mutable_node()->set_incarnation(std::string(16, 'k'));
  peer::Call chunk;
  chunk.mutable_snapshot_chunk()->set_chunk(storage::EncodeChunk({{"key", "value"}}));
  std::string messages(1, static_cast<char>(node::PeerFrame::kMessages));
  raft::PutVarint(messages, partition::testing::kStart);
  raft::PutVarint(messages, node::kDiskFull);
  absl::Cord message;
  raft::EncodeMessage(message, Append());
  messages += std::string(message);
  Seed("peers", "member",
       of(node::PeerFrame::kHello, hello) + framed(messages) + of(node::PeerFrame::kCall, chunk));
  Seed("peers", "joiner", of(node::PeerFrame::kHello, stranger) + of(node::PeerFrame::kCall, join));
}

}  // namespace
}  // namespace fastpath::fuzz

int main(int argc, char** argv) {
  using namespace fastpath::fuzz;
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  folder = argv[1];
  Commands();
  RaftCodec();
  Frames();
  Items();
  Keys();
  Snapshots();
  Logs();
  Peers();
  return 0;
}
