// A whole one-node cluster behind real sockets, on a simulated disk and engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>

#include "node/io/admin.h"
#include "node/io/network.h"
#include "node/node.h"
#include "partition/frame.h"
#include "partition/model/codec.h"
#include "storage/sim_disk.h"
#include "storage/sim_engine.h"
#include "tests/node/loopback.h"
#include "tests/support/sim_executor.h"

namespace fastpath::node {
namespace {

using ::testing::HasSubstr;
using testing::RawClient;
using testing::RunUntil;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { spdlog::set_level(spdlog::level::off); }

  void Start(Limits limits = {}) {
    ports_disk_ = disk_.Attach(&executor_, &clock_);
    engine_ = storage::OpenSimEngine(&store_, {}, &executor_);
    NodeOptions options;
    options.client_listen = "127.0.0.1:0";
    options.peer_listen = "127.0.0.1:0";
    options.groups = 2;
    options.limits = limits;
    options.log.segment_bytes = 1 << 20;
    ready_ = false;
    node_ = std::make_unique<Node>(
        options,
        Ports{&clock_, &random_, &executor_, &clients_, &peers_, ports_disk_.get(), engine_.get()},
        Node::Callbacks{.ready = [this] { ready_ = true; },
                        .failed = [](absl::Status why) { FAIL() << why; }});
    node_->Start();
    ASSERT_TRUE(RunUntil(executor_, [&] { return ready_; }));
    Dial();
  }

  void Dial() {
    client_.reset();
    clients_.Connect(node_->client_address(), [this](auto made) {
      ASSERT_TRUE(made.ok()) << made.status();
      client_ = *std::move(made);
      client_->Start({.on_frame =
                          [this](std::string_view frame) {
                            api::Reply reply;
                            ASSERT_TRUE(reply.ParseFromArray(frame.data(), frame.size()));
                            const uint64_t id = reply.id();
                            replies_[id] = std::move(reply);
                          },
                      .on_close = [this](absl::Status) { ended_ = true; }});
    });
    ASSERT_TRUE(RunUntil(executor_, [&] { return client_ != nullptr; }));
  }

  uint64_t Send(api::Request request) {
    request.set_id(++last_id_);
    client_->Send(absl::Cord(request.SerializeAsString()));
    return last_id_;
  }
  api::Reply Ask(api::Request request) {
    const uint64_t id = Send(std::move(request));
    EXPECT_TRUE(RunUntil(executor_, [&] { return replies_.contains(id); }));
    return replies_[id];
  }

  api::Reply CreateTable(const std::string& name) {
    api::Request request;
    api::Table* table = request.mutable_create_table()->mutable_table();
    table->set_name(name);
    table->mutable_partition_key()->set_name("id");
    table->mutable_partition_key()->set_type(api::S);
    return Ask(request);
  }
  api::Request Put(const std::string& table, uint32_t group, const std::string& id,
                   size_t bytes = 10) {
    model::Item item;
    item.Set("id", model::Value::String(id));
    item.Set("v", model::Value::String(std::string(bytes, 'v')));
    api::Request request;
    request.set_group(group);
    request.mutable_write()->set_table(table);
    api::Session* session = request.mutable_write()->mutable_session();
    session->set_client(std::string(16, 'c'));
    session->set_sequence(++last_sequence_);
    session->set_not_after(static_cast<uint64_t>(clock_.Wall()) + 60'000'000);
    request.mutable_write()->mutable_put()->set_item(model::EncodeItem(item));
    return request;
  }
  static api::Request Get(const std::string& table, uint32_t group, const std::string& id) {
    api::Request request;
    request.set_group(group);
    request.mutable_get()->set_table(table);
    request.mutable_get()->mutable_key()->set_partition(
        model::EncodeValue(model::Value::String(id)));
    return request;
  }
  // Tries both groups, as a client without a map would.
  api::Reply AskEither(const std::function<api::Request(uint32_t)>& request) {
    api::Reply reply = Ask(request(1));
    return reply.code() == api::WRONG_GROUP ? Ask(request(2)) : reply;
  }

  AsioExecutor executor_;
  SystemClock clock_;
  testing::SimRandom random_{7};
  storage::SimDisk disk_{&random_};
  storage::SimStore store_;
  TcpNetwork clients_{
      &executor_,
      {.preface = std::string(kClientPreface), .frame_limit_bytes = kClientFrameLimitBytes}};
  TcpNetwork peers_{
      &executor_,
      {.preface = std::string(kPeerPreface), .frame_limit_bytes = kPeerFrameLimitBytes}};
  std::unique_ptr<storage::Disk> ports_disk_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Connection> client_;
  std::map<uint64_t, api::Reply> replies_;
  uint64_t last_id_ = 0;
  uint64_t last_sequence_ = 0;
  bool ready_ = false;
  bool ended_ = false;
};

TEST_F(ServerTest, WritesAndReadsAcrossARestart) {
  Start();
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  const auto put = AskEither([&](uint32_t group) { return Put("tab", group, "a"); });
  ASSERT_EQ(put.code(), api::OK) << put.message();
  EXPECT_GT(put.write().version(), 0u);
  const auto got = AskEither([](uint32_t group) { return Get("tab", group, "a"); });
  ASSERT_EQ(got.code(), api::OK) << got.message();
  EXPECT_TRUE(got.get().found());
  EXPECT_EQ(got.get().version(), put.write().version());
  EXPECT_GE(got.stamp(), put.stamp());
  const std::string cluster = node_->identity().cluster_id;

  node_.reset();  // A crash: the engine forgets what it had not persisted.
  engine_.reset();
  ports_disk_.reset();
  Start();
  EXPECT_EQ(node_->identity().cluster_id, cluster);
  const auto again = AskEither([](uint32_t group) { return Get("tab", group, "a"); });
  ASSERT_EQ(again.code(), api::OK) << again.message();
  EXPECT_EQ(again.get().version(), put.write().version());
}

TEST_F(ServerTest, WrongRequestsGetTheirCodes) {
  Start();
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  EXPECT_EQ(CreateTable("tab").code(), api::TABLE_EXISTS);
  EXPECT_EQ(Ask(Put("unknown", 1, "a")).code(), api::TABLE_NOT_FOUND);
  EXPECT_EQ(Ask(Put("tab", 77, "a")).code(), api::WRONG_GROUP);
  EXPECT_EQ(Ask(api::Request()).code(), api::UNIMPLEMENTED);
  EXPECT_EQ(AskEither([&](uint32_t group) { return Put("tab", group, "a", 500 << 10); }).code(),
            api::TOO_LARGE);
  api::Request wrong_type = Get("tab", 1, "a");
  wrong_type.mutable_get()->mutable_key()->set_partition(model::EncodeValue(model::Value::Num(1)));
  EXPECT_EQ(Ask(wrong_type).code(), api::INVALID);
  const auto wrong_group = [&](const std::string& key) {
    return Ask(Get("tab", 1, key)).code() == api::WRONG_GROUP ? Ask(Get("tab", 1, key))
                                                              : Ask(Get("tab", 2, key));
  };
  const api::Reply refused = wrong_group("a");
  EXPECT_EQ(refused.code(), api::WRONG_GROUP);
  EXPECT_TRUE(refused.has_redirect());
}

TEST_F(ServerTest, ManyRequestsOfOneConnectionAreAnsweredByTheirIds) {
  Start();
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  std::vector<uint64_t> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(Send(Put("tab", 1 + i % 2, std::to_string(i / 2))));
  ASSERT_TRUE(
      RunUntil(executor_, [&] { return replies_.contains(ids.back()) && replies_.size() > 500; }));
  int ok = 0;
  for (const uint64_t id : ids) ok += replies_[id].code() == api::OK;
  EXPECT_EQ(ok, 250);  // Each key in one of the two groups.
}

TEST_F(ServerTest, PastTheLimitIsOverloadedAtOnce) {
  Limits limits;
  limits.requests_per_connection = 4;
  Start(limits);
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  std::vector<uint64_t> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(Send(Put("tab", 1 + i % 2, std::to_string(i / 2))));
  ASSERT_TRUE(RunUntil(executor_, [&] { return replies_.size() >= 201; }));
  int overloaded = 0;
  for (const uint64_t id : ids) overloaded += replies_[id].code() == api::OVERLOADED;
  EXPECT_GT(overloaded, 0);
  EXPECT_EQ(node_->metrics().overloaded, static_cast<uint64_t>(overloaded));
  EXPECT_EQ(AskEither([](uint32_t group) { return Get("tab", group, "0"); }).code(), api::OK);
}

TEST_F(ServerTest, ARequestThatDoesNotParseEndsItsConnectionOnly) {
  Start();
  client_->Send(absl::Cord("\xff\xff\xff\xff rubbish"));
  ASSERT_TRUE(RunUntil(executor_, [&] { return ended_; }));
  Dial();
  EXPECT_EQ(CreateTable("tab").code(), api::OK);
  EXPECT_EQ(node_->metrics().malformed_frames, 1u);
}

// Its id says whose it is, and its frame where the next one begins.
TEST_F(ServerTest, ARequestThatDoesNotParsePastItsIdIsRefusedAlone) {
  Start();
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  api::Request deep = Put("tab", 1, "a");
  api::Condition* condition = deep.mutable_write()->mutable_put()->mutable_condition();
  for (int i = 0; i < 200; ++i) condition = condition->mutable_not_();
  for (const api::Request& request : {Get("not UTF-8: \xff", 1, "a"), deep}) {
    ASSERT_EQ(Ask(request).code(), api::INVALID);
  }
  EXPECT_EQ(AskEither([&](uint32_t group) { return Put("tab", group, "a"); }).code(), api::OK);
  EXPECT_FALSE(ended_) << "others' requests are on this connection";
  EXPECT_EQ(node_->metrics().malformed_frames, 2u);
}

TEST_F(ServerTest, MapStatusHealthAndMetrics) {
  Start();
  api::Request map;
  map.mutable_map();
  const api::Reply reply = Ask(map);
  ASSERT_EQ(reply.map().groups_size(), 3);
  for (const auto& group : reply.map().groups()) EXPECT_EQ(group.leader_node(), 1u);
  map.mutable_map()->set_newer_than(reply.map().version());
  EXPECT_FALSE(Ask(map).has_map());
  EXPECT_EQ(AnswerAdmin(*node_, "/health").status, 200);
  EXPECT_EQ(AnswerAdmin(*node_, "/nope").status, 404);
  EXPECT_THAT(AnswerAdmin(*node_, "/status").body,
              HasSubstr("\"cluster_id\": \"" + Hex(node_->identity().cluster_id) + "\""));
  EXPECT_THAT(AnswerAdmin(*node_, "/metrics").body,
              HasSubstr("fastpath_requests_total{op=\"map\",code=\"OK\"} 2"));
  EXPECT_THAT(
      AnswerAdmin(*node_, "/metrics").body,
      HasSubstr("fastpath_command_version " + std::to_string(partition::kCommandVersion) + "\n"));
}

TEST_F(ServerTest, MetricsOfDynamoDbsOperations) {
  Start();
  OperationCounters operations;
  operations.Count("PutItem", "", 40);
  operations.Count("PutItem", "", 50);
  operations.Count("PutItem", "ConditionalCheckFailedException", 4'000);
  const std::string metrics = AnswerAdmin(*node_, "/metrics", {.operations = &operations}).body;
  const std::string name = "fastpath_gateway_operations_total{operation=\"PutItem\",exception=";
  EXPECT_THAT(metrics, HasSubstr(name + "\"\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr(name + "\"ConditionalCheckFailedException\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("fastpath_gateway_operation_seconds_count{operation=\"PutItem\"} 3\n"));
}

TEST_F(ServerTest, ShutdownRefusesWritesAndTurnsHealthOff) {
  Start();
  ASSERT_EQ(CreateTable("tab").code(), api::OK);
  bool done = false;
  node_->Shutdown([&] { done = true; });
  EXPECT_EQ(AnswerAdmin(*node_, "/health").status, 503);
  EXPECT_EQ(Ask(Put("tab", 1, "a")).code(), api::SHUTTING_DOWN);
  EXPECT_TRUE(RunUntil(executor_, [&] { return done; }));
}

TEST_F(ServerTest, DigestsAreProposedAndRead) {
  Start();
  api::Request request;
  request.mutable_digest()->set_group(1);
  const api::Reply asked = Ask(request);
  ASSERT_EQ(asked.code(), api::OK) << asked.message();
  request.mutable_digest()->set_index(asked.digest().index());
  ASSERT_TRUE(RunUntil(executor_, [&] { return Ask(request).code() == api::OK; }));
}

// Such a table would reach meta's log and stop the group on every node.
TEST_F(ServerTest, ATableWithAFieldOfALaterVersionIsRefusedBeforeTheLog) {
  Start();
  api::Request request;
  api::Table* table = request.mutable_create_table()->mutable_table();
  table->set_name("later");
  table->mutable_partition_key()->set_name("id");
  table->mutable_partition_key()->set_type(api::S);
  table->GetReflection()->MutableUnknownFields(table)->AddVarint(1000, 1);
  EXPECT_EQ(Ask(request).code(), api::UNIMPLEMENTED);
  EXPECT_EQ(CreateTable("books").code(), api::OK);
}

TEST_F(ServerTest, ATableIsChangedDescribedAndMeasured) {
  Start();
  ASSERT_EQ(CreateTable("books").code(), api::OK);
  auto update = [&](const std::function<void(api::UpdateTableRequest*)>& fill) {
    api::Request request;
    request.mutable_update_table()->set_name("books");
    fill(request.mutable_update_table());
    return Ask(request);
  };
  auto describe = [&] {
    api::Request request;
    request.mutable_describe_table()->set_name("books");
    return Ask(request);
  };
  for (int i = 0; i < 200; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_EQ(AskEither([&](uint32_t group) { return Put("books", group, id); }).code(), api::OK);
  }
  const api::Reply changed =
      update([](auto* change) { change->mutable_ttl()->set_attribute("expires"); });
  EXPECT_EQ(changed.code(), api::OK);
  EXPECT_EQ(changed.table().state(), api::UPDATING);
  api::Reply described = describe();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (described.table().state() == api::UPDATING && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    described = describe();
  }
  EXPECT_EQ(described.table().state(), api::ACTIVE);
  EXPECT_EQ(described.table().ttl_attribute(), "expires");
  EXPECT_EQ(update([](auto* change) { change->mutable_tag()->add_tags()->set_key("team"); })
                .table()
                .tags_size(),
            1);
  EXPECT_EQ(describe().table().tags_size(), 1);
  EXPECT_EQ(update([](auto* change) { change->set_deletion_protection(true); }).code(), api::OK);
  api::Request removal;
  removal.mutable_delete_table()->set_name("books");
  EXPECT_EQ(Ask(removal).code(), api::INVALID);
  EXPECT_EQ(update([](auto* change) { change->set_deletion_protection(false); }).code(), api::OK);
  uint64_t items = 0;
  for (uint32_t group : {1u, 2u}) {
    api::Request request;
    request.mutable_table_size()->set_table("books");
    request.mutable_table_size()->set_group(group);
    const api::Reply size = Ask(request);
    EXPECT_TRUE(size.table_size().exact());
    items += size.table_size().items();
  }
  EXPECT_EQ(items, 200u);
  EXPECT_EQ(Ask(removal).code(), api::OK);
  EXPECT_EQ(describe().code(), api::TABLE_NOT_FOUND);
}

}  // namespace
}  // namespace fastpath::node
