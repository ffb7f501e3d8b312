// Short words for a transaction's steps in the logs of groups.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "partition/txn/locks.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {

inline std::string TransactIdOf(const api::Session& session) {
  std::string id = session.client();
  storage::PutBig64(id, session.sequence());
  return id;
}

inline command::Write CheckOf(const model::Value& key, const api::Condition& condition) {
  command::Write write;
  *write.mutable_check()->mutable_key() = K(key);
  *write.mutable_check()->mutable_condition() = condition;
  return write;
}
// The write, if the condition holds.
inline command::Write If(const api::Condition& condition, command::Write write) {
  switch (write.op_case()) {
    case command::Write::kPut:
      *write.mutable_put()->mutable_condition() = condition;
      break;
    case command::Write::kUpdate:
      *write.mutable_update()->mutable_condition() = condition;
      break;
    default:
      *write.mutable_delete_()->mutable_condition() = condition;
  }
  return write;
}
// The write, which shows the item that fails its condition.
inline command::Write Showing(command::Write write) {
  switch (write.op_case()) {
    case command::Write::kPut:
      write.mutable_put()->set_return_item_on_failure(true);
      break;
    case command::Write::kUpdate:
      write.mutable_update()->set_return_item_on_failure(true);
      break;
    case command::Write::kDelete:
      write.mutable_delete_()->set_return_item_on_failure(true);
      break;
    default:
      write.mutable_check()->set_return_item_on_failure(true);
  }
  return write;
}

// One transaction, as its coordinator would propose its steps.
struct Transaction {
  api::Session session;
  storage::Bucket place = 0;
  std::string token;
  uint64_t fingerprint = 1;

  std::string id() const { return TransactIdOf(session); }
  using Writes = std::vector<command::Write>;

  command::Command Begin(Writes writes, std::vector<uint32_t> elsewhere = {}) const {
    command::Command command = Step();
    command::Transact::Begin& begin = *command.mutable_transact()->mutable_begin();
    *begin.mutable_session() = session;
    begin.set_token(token);
    begin.set_fingerprint(fingerprint);
    Add(std::move(writes), *begin.mutable_writes());
    for (const uint32_t bucket : elsewhere) begin.add_elsewhere(bucket);
    return command;
  }
  command::Command Prepare(Writes writes) const {
    command::Command command = Step();
    *command.mutable_transact()->mutable_prepare()->mutable_session() = session;
    Add(std::move(writes), *command.mutable_transact()->mutable_prepare()->mutable_writes());
    return command;
  }
  command::Command Decide(bool commit, const api::TransactWriteResult& result = {}) const {
    command::Command command = Step();
    command.mutable_transact()->mutable_decide()->set_commit(commit);
    *command.mutable_transact()->mutable_decide()->mutable_result() = result;
    return command;
  }
  command::Command Resolve(bool commit) const {
    command::Command command = Step();
    command.mutable_transact()->mutable_resolve()->set_commit(commit);
    return command;
  }
  command::Command Forget() const {
    command::Command command;
    command.mutable_transact()->mutable_forget()->add_ids(id());
    return command;
  }

 private:
  command::Command Step() const {
    command::Command command;
    command.mutable_transact()->set_id(id());
    command.mutable_transact()->set_place(place);
    return command;
  }
  static void Add(Writes writes, google::protobuf::RepeatedPtrField<command::Write>& out) {
    for (command::Write& write : writes) {
      if (write.space() == 0) write.set_space(kSpace);
      *out.Add() = std::move(write);
    }
  }
};

// A group with table "items", and its log.
struct Group {
  explicit Group(uint32_t id, uint32_t first = 0, uint32_t last = 65535)
      : descriptor(DescriptorOf(id, first, last)), replica(Replica::Bootstrapped(descriptor)) {
    log.SetTable(TableOf(kTable, kSpace));
    replica->Apply(log);
  }
  command::Outcome Run(command::Command command) {
    log.Append(std::move(command));
    return replica->Apply(log);
  }
  command::Outcome Run(command::Write write) {
    log.Append(std::move(write));
    return replica->Apply(log);
  }
  // The next command gets exactly this stamp.
  void NextStamp(Stamp stamp) { log.stamp = stamp - 1; }
  size_t Rows(storage::KeyKind kind) {
    size_t rows = 0;
    for (const storage::KeyValue& row : replica->Rows()) {
      rows += row.first[0] == static_cast<char>(kind) ? 1 : 0;
    }
    return rows;
  }
  size_t Locks() { return Rows(storage::KeyKind::kLock); }
  model::Item Item(const std::string& key) {
    return ItemOf(replica->Get(S(key), log.stamp).result.item());
  }
  bool Found(const std::string& key) { return replica->Get(S(key), log.stamp).result.found(); }
  int64_t Number(const std::string& key) {
    int64_t number = 0;
    const model::Item item = Item(key);
    const model::Value* value = item.Find("n");
    return value != nullptr && value->number().ToInt64(number) ? number : 0;
  }
  // What is held, with `restart` from the rows alone.
  void Restart() {
    replica->Crash();
    replica->Apply(log);
  }

  api::GroupDescriptor descriptor;
  std::unique_ptr<Replica> replica;
  Log log;
};

inline uint32_t BucketOfKey(const std::string& key) {
  return storage::BucketOf(storage::ParseDataKey(DataKeyOf(kSpace, S(key)))->hash);
}
// Keys "PREFIX0".. whose buckets lie in [first, last].
inline std::vector<std::string> KeysIn(uint32_t first, uint32_t last, size_t count,
                                       const std::string& prefix = "k") {
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < count; ++i) {
    std::string key = prefix + std::to_string(i);
    if (const uint32_t bucket = BucketOfKey(key); bucket >= first && bucket <= last) {
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

inline std::vector<api::Code> CodesOf(const api::TransactWriteResult& result) {
  std::vector<api::Code> codes;
  for (const api::TransactReason& reason : result.reasons()) codes.push_back(reason.code());
  return codes;
}

// Two groups, each with half of the buckets; the first has the place of all transactions.
class TransactTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kHalf = 32768;
  using Codes = std::vector<api::Code>;

  TransactTest()
      : a_(1, 0, kHalf - 1),
        b_(2, kHalf, 65535),
        a1_(KeysIn(0, kHalf - 1, 3)[0]),
        a2_(KeysIn(0, kHalf - 1, 3)[1]),
        a3_(KeysIn(0, kHalf - 1, 3)[2]),
        b1_(KeysIn(kHalf, 65535, 2)[0]),
        b2_(KeysIn(kHalf, 65535, 2)[1]) {}

  Transaction New(int client = 2) {
    Transaction transaction;
    transaction.session = a_.log.NextSession(client);
    transaction.session.set_not_after(std::max(a_.log.stamp, b_.log.stamp) + 60 * kMicrosPerSecond);
    transaction.place = static_cast<storage::Bucket>(BucketOfKey(a1_));
    return transaction;
  }
  static command::Write Inc(const std::string& key, int64_t by = 1) {
    return UpdateOf(S(key), Add("n", by));
  }
  static command::Write Put(const std::string& key, int64_t n) {
    return PutOf(I({{"pk", S(key)}, {"n", N(n)}}));
  }
  // Begun at a and prepared in b, one increment in each.
  Transaction Pending() {
    Transaction transaction = New();
    EXPECT_EQ(a_.Run(transaction.Begin({Inc(a1_)}, {BucketOfKey(b1_)})).state(), command::PENDING);
    EXPECT_EQ(b_.Run(transaction.Prepare({Inc(b1_)})).state(), command::PENDING);
    return transaction;
  }

  Group a_;
  Group b_;
  const std::string a1_, a2_, a3_, b1_, b2_;
};

}  // namespace fastpath::partition::testing
