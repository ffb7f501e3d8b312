// What the state machine's tests share: engines to run it on, a log to feed it
// from, and short words for items, conditions and updates.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "partition/machine.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"
#include "partition/model/value.h"
#include "partition/state_machine.h"
#include "raft/codec.h"
#include "storage/sim_engine.h"
#include "storage/snapshot.h"
#include "tests/support/sim_executor.h"
#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::partition::testing {

using fastpath::testing::SimExecutor;
using fastpath::testing::SimLoop;
using fastpath::testing::SimRandom;

// ---------------------------------------------------------------------- words

inline model::Value S(std::string text) { return model::Value::String(std::move(text)); }
inline model::Value N(int64_t number) { return model::Value::Num(number); }

inline model::Item I(std::initializer_list<std::pair<std::string, model::Value>> attributes) {
  model::Item item;
  for (const auto& [name, value] : attributes) {
    item.Set(name, value);
  }
  return item;
}

inline api::Path P(const std::string& name) {
  api::Path path;
  path.add_steps()->set_name(name);
  return path;
}

inline api::Condition Exists(const std::string& name) {
  api::Condition condition;
  *condition.mutable_exists() = P(name);
  return condition;
}

inline api::Condition NotExists(const std::string& name) {
  api::Condition condition;
  *condition.mutable_not_exists() = P(name);
  return condition;
}

inline api::Condition Eq(const std::string& name, const model::Value& value) {
  api::Condition condition;
  condition.mutable_comparison()->set_op(api::EQ);
  *condition.mutable_comparison()->mutable_left()->mutable_path() = P(name);
  condition.mutable_comparison()->mutable_right()->set_value(model::EncodeValue(value));
  return condition;
}

inline api::Key K(const model::Value& partition) {
  api::Key key;
  key.set_partition(model::EncodeValue(partition));
  return key;
}

inline api::UpdateTree Set(const std::string& name, const model::Value& value) {
  api::UpdateTree update;
  api::SetAction* set = update.add_set();
  *set->mutable_path() = P(name);
  set->mutable_value()->mutable_operand()->set_value(model::EncodeValue(value));
  return update;
}

inline api::UpdateTree Add(const std::string& name, int64_t delta) {
  api::UpdateTree update;
  api::ValueAction* add = update.add_add();
  *add->mutable_path() = P(name);
  add->set_value(model::EncodeValue(N(delta)));
  return update;
}

inline api::Table TableOf(const std::string& name, uint32_t space) {
  api::Table table;
  table.set_name(name);
  table.set_space(space);
  table.mutable_partition_key()->set_name("pk");
  table.mutable_partition_key()->set_type(api::S);
  table.set_ttl_attribute("ttl");
  table.set_state(api::ACTIVE);
  return table;
}

inline api::GroupDescriptor DescriptorOf(uint32_t group, uint32_t first = 0,
                                         uint32_t last = 65535) {
  api::GroupDescriptor descriptor;
  descriptor.set_group(group);
  descriptor.set_epoch(1);
  descriptor.set_first_bucket(first);
  descriptor.set_last_bucket(last);
  for (uint32_t node = 1; node <= 3; ++node) {
    api::Member* member = descriptor.add_voters();
    member->set_replica(group * 10 + node);
    member->set_node(node);
  }
  return descriptor;
}

inline model::Item ItemOf(const std::string& bytes) {
  absl::StatusOr<model::Item> item = model::DecodeItem(bytes);
  EXPECT_TRUE(item.ok()) << item.status();
  return item.ok() ? *item : model::Item();
}

// ----------------------------------------------------------------------- logs

inline constexpr Stamp kStart = 1'700'000'000'000'000;
inline constexpr uint64_t kStartSeconds = kStart / kMicrosPerSecond;
inline constexpr uint32_t kSpace = 7;
inline constexpr char kTable[] = "items";

inline std::string ClientOf(int number) {
  std::string client(kClientIdBytes, '\0');
  client[0] = 'c';
  client[15] = static_cast<char>(number);
  return client;
}

// A group's log as its leaders would have written it.
class Log {
 public:
  Stamp stamp = kStart;  // Of the last command.
  raft::Term term = 1;

  std::vector<raft::Entry> entries;  // From index 2 on: bootstrap stands at 1.

  raft::Index last() const { return entries.size() + 1; }
  // Entries after `index`.
  std::vector<raft::Entry> After(raft::Index index) const {
    return {entries.begin() + (index - 1), entries.end()};
  }

  raft::Index Append(raft::EntryKind kind, std::string payload) {
    entries.push_back(
        {term, last() + 1, kind, std::make_shared<const std::string>(std::move(payload))});
    return last();
  }
  raft::Index Append(command::Command command) {
    command.set_version(kCommandVersion);
    command.set_stamp(++stamp);
    return Append(raft::EntryKind::kCommand, command.SerializeAsString());
  }
  raft::Index Noop() { return Append(raft::EntryKind::kNoop, ""); }

  raft::Index Append(command::Write write) {
    command::Command command;
    write.set_space(write.space() == 0 ? kSpace : write.space());
    if (write.session().client().empty()) {
      *write.mutable_session() = NextSession();
    }
    *command.mutable_write() = std::move(write);
    return Append(std::move(command));
  }
  // A session whose client had every answer so far.
  api::Session NextSession(int client = 1) {
    api::Session session;
    session.set_client(ClientOf(client));
    session.set_sequence(++sequences_[client]);
    session.set_done_below(sequences_[client]);
    session.set_not_after(stamp + 60 * kMicrosPerSecond);
    return session;
  }

  raft::Index SetTable(const api::Table& table) {
    command::Command command;
    *command.mutable_set_table()->mutable_table() = table;
    return Append(std::move(command));
  }
  raft::Index DropTable(uint32_t space) {
    api::Table table;
    table.set_space(space);
    table.set_state(api::DELETING);
    return SetTable(table);
  }
  raft::Index Time() {
    command::Command command;
    command.mutable_time();
    return Append(std::move(command));
  }
  raft::Index Digest() {
    command::Command command;
    command.mutable_digest();
    return Append(std::move(command));
  }
  // Of (data key, expiry in seconds).
  raft::Index Purge(const std::vector<std::pair<std::string, uint64_t>>& items) {
    command::Command command;
    command.mutable_purge();
    for (const auto& [key, expiry] : items) {
      command::Purge::Item* item = command.mutable_purge()->add_items();
      item->set_key(key);
      item->set_expiry(expiry);
    }
    return Append(std::move(command));
  }

 private:
  std::map<int, uint64_t> sequences_;
};

inline std::string DataKeyOf(storage::SpaceId space, const model::Value& partition) {
  absl::StatusOr<model::EncodedKey> key = model::EncodeKey(TableOf(kTable, space), K(partition));
  return storage::DataKey(space, key->hash, key->partition, key->sort);
}
inline command::Write PutOf(const model::Item& item) {
  command::Write write;
  write.mutable_put()->set_item(model::EncodeItem(item));
  return write;
}
inline command::Write UpdateOf(const model::Value& key, const api::UpdateTree& update) {
  command::Write write;
  *write.mutable_update()->mutable_key() = K(key);
  *write.mutable_update()->mutable_update() = update;
  return write;
}
inline command::Write DeleteOf(const model::Value& key) {
  command::Write write;
  *write.mutable_delete_()->mutable_key() = K(key);
  return write;
}

// ------------------------------------------------------------------- replicas

// An engine to run on, with what turns its wheels.
class Host {
 public:
  virtual ~Host() = default;
  virtual storage::Engine* engine() = 0;
  virtual void Wait(const std::function<bool()>& done) = 0;
  virtual void Crash() = 0;  // What was not flushed is lost.
};

class SimHost : public Host {
 public:
  explicit SimHost(storage::SimEngineOptions options = {}) : options_(options) { Open(); }
  storage::Engine* engine() override { return engine_.get(); }
  void Wait(const std::function<bool()>& done) override {
    if (!done()) {
      ASSERT_TRUE(loop_.RunUntil(done));
    }
  }
  void Crash() override {
    engine_.reset();
    executor_.reset();
    Open();
  }

 private:
  void Open() {
    executor_ = std::make_unique<SimExecutor>(&loop_);
    engine_ = storage::OpenSimEngine(&store_, options_, executor_.get());
  }

  const storage::SimEngineOptions options_;
  SimLoop loop_;
  storage::SimStore store_;
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<storage::Engine> engine_;
};

class RocksHost : public Host {
 public:
  RocksHost() { Open(); }
  storage::Engine* engine() override { return engine_.get(); }
  void Wait(const std::function<bool()>& done) override { executor_.RunUntil(done); }
  void Crash() override {
    engine_.reset();
    executor_.RunPosted();
    Open();
  }

 private:
  void Open() {
    auto engine = storage::OpenRocksEngine(directory_.path(), {}, &executor_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  fastpath::testing::TempDirectory directory_;
  fastpath::testing::ThreadExecutor executor_;
  std::unique_ptr<storage::Engine> engine_;
};

// One state machine on an engine that outlives its crashes.
class Replica {
 public:
  explicit Replica(raft::GroupId group, std::unique_ptr<Host> host = std::make_unique<SimHost>())
      : group_(group), host_(std::move(host)) {}

  static std::unique_ptr<Replica> Bootstrapped(
      const api::GroupDescriptor& descriptor,
      std::unique_ptr<Host> host = std::make_unique<SimHost>(),
      uint32_t version = kCommandVersion) {
    auto replica = std::make_unique<Replica>(descriptor.group(), std::move(host));
    storage::WriteBatch batch;
    BootstrapGroup(descriptor, kStart, batch, version);
    replica->Begin(std::move(batch));
    return replica;
  }
  static std::unique_ptr<Replica> Bootstrapped(const api::Map& map,
                                               uint32_t version = kCommandVersion) {
    auto replica = std::make_unique<Replica>(raft::kMetaGroup);
    storage::WriteBatch batch;
    BootstrapMeta(map, kStart, batch, version);
    replica->Begin(std::move(batch));
    return replica;
  }

  // Straight into the engine, past the state machine.
  void Write(storage::WriteBatch batch) {
    while (true) {
      std::optional<absl::Status> written;
      engine()->Write(batch, [&](absl::Status status) { written = status; });
      host_->Wait([&] { return written.has_value(); });
      if (!absl::IsUnavailable(*written)) {
        ASSERT_TRUE(written->ok()) << *written;
        return;
      }
      bool writable = false;
      engine()->WhenWritable([&] { writable = true; });
      host_->Wait([&] { return writable; });
    }
  }

  void Load() {
    StateMachine::Listeners listeners;
    listeners.outcome = [this](raft::Index index, raft::Term term,
                               const command::Outcome& outcome) { outcomes[index] = outcome; };
    listeners.catalog_changed = [this] { ++catalog_changes; };
    listeners.expiry_moved = [this](std::string_view, uint64_t from, uint64_t to) {
      expiries.emplace_back(from, to);
    };
    listeners.digest = [this](raft::Index index, uint64_t digest) { digests[index] = digest; };
    std::optional<absl::Status> loaded;
    StateMachine::Load(group_, engine(), std::move(listeners), [&](auto machine) {
      loaded = machine.status();
      if (machine.ok()) {
        machine_ = *std::move(machine);
      }
    });
    host_->Wait([&] { return loaded.has_value(); });
    ASSERT_TRUE(loaded->ok()) << *loaded;
  }

  // Everything that was not flushed is lost.
  void Crash() {
    machine_.reset();
    host_->Crash();
    Load();
  }
  void Flush() {
    std::optional<absl::Status> flushed;
    engine()->Flush([&](absl::Status status) { flushed = status; });
    host_->Wait([&] { return flushed.has_value(); });
    ASSERT_TRUE(flushed->ok()) << *flushed;
  }

  absl::Status Apply(std::vector<raft::Entry> entries) {
    std::optional<absl::Status> applied;
    machine_->Apply(std::move(entries), [&](absl::Status status) { applied = status; });
    host_->Wait([&] { return applied.has_value(); });
    return *applied;
  }
  // Everything of the log that is not applied yet; the outcome of its last entry.
  command::Outcome Apply(const Log& log) {
    absl::Status applied = Apply(log.After(machine_->applied().index));
    EXPECT_TRUE(applied.ok()) << applied;
    return outcomes[log.last()];
  }

  StateMachine::GetAnswer Get(const model::Value& key, Stamp now = 0,
                              const std::string& table = kTable) {
    api::GetRequest request;
    request.set_table(table);
    *request.mutable_key() = K(key);
    return Get(request, now);
  }
  StateMachine::GetAnswer Get(const api::GetRequest& request, Stamp now = 0) {
    std::optional<absl::StatusOr<StateMachine::GetAnswer>> answer;
    machine_->Get(request, {now}, [&](auto got) { answer = std::move(got); });
    host_->Wait([&] { return answer.has_value(); });
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? **answer : StateMachine::GetAnswer();
  }
  StateMachine::PageAnswer Query(const api::QueryRequest& request, Stamp now = 0) {
    return PageOf(
        [&](StateMachine::GotPage done) { machine_->Query(request, {now}, std::move(done)); });
  }
  StateMachine::PageAnswer Scan(const api::ScanRequest& request, Stamp now = 0) {
    return PageOf(
        [&](StateMachine::GotPage done) { machine_->Scan(request, {now}, std::move(done)); });
  }
  StateMachine::PageAnswer PageOf(const std::function<void(StateMachine::GotPage)>& begin) {
    std::optional<absl::StatusOr<StateMachine::PageAnswer>> answer;
    begin([&](auto got) { answer = std::move(got); });
    host_->Wait([&] { return answer.has_value(); });
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? *std::move(*answer) : StateMachine::PageAnswer();
  }
  StateMachine::ExportAnswer Export(const api::ExportRequest& request, Stamp now = 0) {
    std::optional<absl::StatusOr<StateMachine::ExportAnswer>> answer;
    machine_->Export(request, {now}, [&](auto got) { answer = std::move(got); });
    host_->Wait([&] { return answer.has_value(); });
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? **answer : StateMachine::ExportAnswer();
  }

  StateMachine::ObserveAnswer Observe(const api::TransactGetRequest& request, Stamp now = 0) {
    std::optional<absl::StatusOr<StateMachine::ObserveAnswer>> answer;
    machine_->Observe(request, {now}, [&](auto got) { answer = std::move(got); });
    host_->Wait([&] { return answer.has_value(); });
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? **answer : StateMachine::ObserveAnswer();
  }

  api::TableSizeResult Size(uint32_t sample_rows, Stamp now, const std::string& table = kTable) {
    api::TableSizeRequest request;
    request.set_table(table);
    request.set_sample_rows(sample_rows);
    std::optional<absl::StatusOr<StateMachine::TableSizeAnswer>> answer;
    machine_->TableSize(request, {now}, [&](auto got) { answer = std::move(got); });
    host_->Wait([&] { return answer.has_value(); });
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? (*answer)->result : api::TableSizeResult();
  }

  uint64_t Digest() {
    std::optional<absl::StatusOr<uint64_t>> digest;
    storage::DigestRanges(engine(), engine()->Pin(), machine_->ranges(),
                          [&](auto got) { digest = got; });
    host_->Wait([&] { return digest.has_value(); });
    EXPECT_TRUE(digest->ok()) << digest->status();
    return digest->value_or(0);
  }
  std::vector<storage::KeyValue> Rows() {
    std::vector<storage::KeyValue> rows;
    for (const storage::KeyRange& range : machine_->ranges()) {
      std::vector<storage::KeyValue> part = Rows(range);
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }
  std::vector<storage::KeyValue> Rows(const storage::KeyRange& range) {
    storage::ScanOptions all;
    all.limit_rows = all.limit_bytes = SIZE_MAX;
    std::optional<storage::ScanResult> result;
    engine()->Scan(range, all, [&](auto page) { result = *page; });
    host_->Wait([&] { return result.has_value(); });
    return result->rows;
  }

  StateMachine& machine() { return *machine_; }
  storage::Engine* engine() { return host_->engine(); }
  void Wait(const std::function<bool()>& done) { host_->Wait(done); }

  std::map<raft::Index, command::Outcome> outcomes;
  std::map<raft::Index, uint64_t> digests;
  int catalog_changes = 0;
  std::vector<std::pair<uint64_t, uint64_t>> expiries;  // From when to when, as told, in order.

 private:
  void Begin(storage::WriteBatch batch) {
    Write(std::move(batch));
    Flush();
    Load();
  }

  const raft::GroupId group_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<StateMachine> machine_;
};

// A group over all buckets with table "items".
class StateTest : public ::testing::Test {
 protected:
  StateTest() : replica_(Replica::Bootstrapped(DescriptorOf(1))) {
    log_.SetTable(TableOf(kTable, kSpace));
    command::Outcome made = replica_->Apply(log_);
    EXPECT_EQ(made.code(), api::OK) << made.message();
  }
  command::Outcome Run(command::Write write) {
    log_.Append(std::move(write));
    return replica_->Apply(log_);
  }

  std::unique_ptr<Replica> replica_;
  Log log_;
};

}  // namespace fastpath::partition::testing
