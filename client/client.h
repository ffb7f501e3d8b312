// The C++ client of a Fastpath cluster.
//
//   auto client = Client::Connect({.endpoints = {"10.0.0.1:7400", "10.0.0.2:7400"}});
//   auto put = client->Put("books", MakeItem({{"id", "a1"}, {"stock", 3}}),
//                          AttrNotExists("id")).Wait();
//   auto got = client->Get(Key("books", "a1")).Wait();
//   if (got.ok() && got->item) ...
//
// Every call returns an Operation (client/operation.h), which begins when it is
// awaited, waited for, or given a callback. It ends once, with a Result: ok,
// refused (certainly no effect) or unknown. A write is tried again, by error
// class, until its deadline, and counts once however often it was tried.
//
// Threads: every method, on any thread at any time; a client owns one thread,
// on which callbacks run. Destruction ends what is unfinished (SHUTTING_DOWN)
// and must not happen on that thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/batch.h"
#include "client/expression.h"
#include "client/item.h"
#include "client/operation.h"
#include "client/options.h"
#include "client/query.h"
#include "client/result.h"
#include "client/transaction.h"
#include "partition/api.pb.h"

namespace fastpath::client {

using Milliseconds = std::chrono::milliseconds;

// Options have constructors and setters, and are no aggregates, because GCC 12
// destroys aggregate temporaries of a co_await expression twice.
//
//   client.Put("books", item, AttrNotExists("id"))
//   client.Delete(key, PutOptions(Attr("v") == 1).ReturnOld())
struct PutOptions {
  PutOptions() {}
  PutOptions(client::Condition only_if) : condition(std::move(only_if)) {}  // NOLINT: implicit
  PutOptions& ReturnOld(bool value = true) { return return_old = value, *this; }
  PutOptions& ReturnItemOnFailure(bool value = true) {
    return return_item_on_failure = value, *this;
  }
  PutOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  PutOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  client::Condition condition;
  bool return_old = false;              // The item that was replaced.
  bool return_item_on_failure = false;  // The item that failed the condition.
  bool return_capacity = false;         // What the write cost.
  Milliseconds deadline{0};             // 0: the client's.
};
using DeleteOptions = PutOptions;

struct UpdateOptions {
  UpdateOptions() {}
  UpdateOptions(client::Condition only_if) : condition(std::move(only_if)) {}  // NOLINT: implicit
  UpdateOptions& Return(api::ReturnValues value) { return return_values = value, *this; }
  UpdateOptions& ReturnItemOnFailure(bool value = true) {
    return return_item_on_failure = value, *this;
  }
  UpdateOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  UpdateOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  client::Condition condition;
  api::ReturnValues return_values = api::NONE;
  bool return_item_on_failure = false;
  bool return_capacity = false;
  Milliseconds deadline{0};
};

struct GetOptions {
  GetOptions() {}
  GetOptions& Eventual(bool value = true) { return eventual = value, *this; }
  GetOptions& Projection(std::vector<Path> paths) { return projection = std::move(paths), *this; }
  GetOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  GetOptions& Deadline(Milliseconds value) { return deadline = value, *this; }

  // Any replica answers, at a state no older than this client has seen of the
  // item's group. Otherwise the read is linearizable.
  bool eventual = false;
  std::vector<Path> projection;  // Empty: the whole item.
  bool return_capacity = false;
  Milliseconds deadline{0};
};

struct CallOptions {
  CallOptions() {}
  CallOptions(Milliseconds within) : deadline(within) {}  // NOLINT: implicit
  Milliseconds deadline{0};
};

struct WriteAnswer {
  uint64_t version = 0;      // The item's new version; 0 after a delete.
  std::optional<Item> item;  // What the options asked for, if there is such an item.
  std::optional<api::Capacity> capacity;
};
struct GetAnswer {
  std::optional<Item> item;  // Empty: there is none.
  uint64_t version = 0;
  std::optional<api::Capacity> capacity;
};
struct Nothing {};
struct ExportPage {
  std::vector<Item> items;
  std::string after;  // Pass it to get the next page; empty: the group has no more.
};

class Client {
 public:
  // InvalidArgument: no endpoint, one that is not "host:port", a `max_in_flight` or
  // `try_timeout` of 0, a deadline of 0 or over the limit. Connects when first needed.
  static absl::StatusOr<Client> Connect(Options options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // --- items
  Operation<WriteAnswer> Put(std::string table, const Item& item, PutOptions options = {});
  Operation<GetAnswer> Get(const Key& key, GetOptions options = {});
  Operation<WriteAnswer> Update(const Key& key, const client::Update& update,
                                UpdateOptions options = {});
  Operation<WriteAnswer> Delete(const Key& key, DeleteOptions options = {});
  // Up to 100 items of any tables, each key once; in parallel, each as Get reads it. Ends when
  // each was read or given up by the deadline. Refused if the batch is none, a table is not
  // there, or nothing could be read.
  Operation<BatchGetAnswer> BatchGet(const std::vector<Key>& keys, GetOptions options = {});
  // Up to 25 puts and deletes without conditions, each item once; in parallel, each by itself.
  Operation<BatchWriteAnswer> BatchWrite(const WriteBatch& batch, BatchWriteOptions options = {});
  // All of the items' writes, or none (client/transaction.h).
  Operation<TransactWriteAnswer> TransactWrite(client::TransactWrite transaction,
                                               TransactOptions options = {});
  // The items as of one moment.
  Operation<TransactGetAnswer> TransactGet(client::TransactGet transaction,
                                           TransactOptions options = {});
  // Adds to a number, from 0 if it is absent; the new value. Counts once.
  Operation<model::Number> Increment(const Key& key, const Path& attribute, Literal delta = 1,
                                     CallOptions options = {});

  // --- many items, a page at a time: client/query.h, client/pages.h
  // In the order of their sort keys.
  Operation<Page> Query(std::string table, Literal partition, QueryOptions options = {});
  Operation<Page> Scan(std::string table, ScanOptions options = {});

  // --- tables. Only name, keys, TTL attribute, deletion protection and tags of `table` are read.
  // Ends when every group knows the table. TABLE_EXISTS, TABLE_BUSY are refusals.
  Operation<api::Table> CreateTable(api::Table table, CallOptions options = {});
  Operation<api::Table> DeleteTable(std::string name, CallOptions options = {});
  Operation<api::Table> DescribeTable(std::string name, CallOptions options = {});
  // The table's items expire by this attribute from now on; empty: no more. The table is
  // UPDATING until that holds for every item: WaitUntilActive. To ask for what is so already
  // is no error; while another change is under way, TABLE_BUSY.
  Operation<api::Table> SetTtl(std::string name, std::string attribute, CallOptions options = {});
  // While it is on, DeleteTable is refused (INVALID).
  Operation<api::Table> SetDeletionProtection(std::string name, bool on, CallOptions options = {});
  // Adds tags, or gives those that are there other values. DescribeTable tells them.
  Operation<api::Table> TagTable(std::string name, std::map<std::string, std::string> tags,
                                 CallOptions options = {});
  Operation<api::Table> UntagTable(std::string name, std::vector<std::string> keys,
                                   CallOptions options = {});
  // Waits under the deadline; a table that is not there may still come. DEADLINE: says how it was.
  Operation<api::Table> WaitUntilActive(std::string name, CallOptions options = {});
  // The table as it last was; empty if it was gone already.
  Operation<api::Table> WaitUntilGone(std::string name, CallOptions options = {});
  // How many items a table has, and their size: an estimate from up to 16,384 rows read now (64 a
  // group at least).
  Operation<api::TableSizeResult> TableSize(std::string name, CallOptions options = {});
  Operation<std::vector<api::Table>> ListTables(CallOptions options = {});

  // --- the cluster
  Operation<api::Map> ClusterMap(CallOptions options = {});
  Operation<api::StatusResult> NodeStatus(uint32_t node, CallOptions options = {});
  // Puts a digest point in the group's log; the index at which to ask replicas.
  Operation<api::DigestResult> BeginDigest(uint32_t group, CallOptions options = {});
  // A node's replica's digest at that point, once it is there.
  Operation<api::DigestResult> ReplicaDigest(uint32_t group, uint32_t node, uint64_t index,
                                             CallOptions options = {});
  Operation<Nothing> TransferLeader(uint32_t group, uint32_t node, CallOptions options = {});
  // A page of a table's items of one group, in key order.
  Operation<ExportPage> Export(std::string table, uint32_t group, std::string after = "",
                               CallOptions options = {});

  class Impl;

 private:
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// The group whose range of `map` holds the key's hash; null: none. A map of the
// cluster tells its leader and replicas.
const api::GroupDescriptor* GroupOf(const api::Map& map, const Key& key);

}  // namespace fastpath::client
