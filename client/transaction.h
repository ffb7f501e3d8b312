// Transactions (client.h TransactWrite, TransactGet): up to 100 items of any tables and
// groups, at most 4 MB of them, each item once; all of the writes or none, or all of the
// reads as of one moment.
//
//   client->TransactWrite(TransactWrite()
//       .Update(Key("products", "p1"), Update().Set("stock", Attr("stock") - 2),
//               Attr("stock") >= 2)
//       .Put("orders", order, AttrNotExists("id"))
//       .Check(Key("customers", "c7"), AttrNotExists("blocked"))
//       .Token(order_token)).Wait();
//
// One that had no effect fails with TRANSACTION_CANCELLED, and the failure's `reasons` are
// as its items. What is wrong with it as a whole (a limit, an item twice, an expression that
// does not parse) is refused before anything is sent.
//
// Value types; thread-safe as values are.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/expression.h"
#include "client/item.h"
#include "partition/api.pb.h"

namespace fastpath::client {

inline constexpr size_t kTransactLimit = 100;
inline constexpr size_t kTransactLimitBytes = 4'000'000;  // By DynamoDB's sizes of items.
inline constexpr size_t kTokenLimitBytes = 36;

// What must hold of an item for the transaction to have an effect.
struct OnlyIf {
  OnlyIf() {}
  OnlyIf(client::Condition only_if) : condition(std::move(only_if)) {}  // NOLINT: implicit
  // If it does not, the item's reason of the failure has the item.
  OnlyIf& ReturnItemOnFailure(bool value = true) { return return_item_on_failure = value, *this; }

  client::Condition condition;
  bool return_item_on_failure = false;
};

class TransactWrite {
 public:
  TransactWrite& Put(std::string table, const Item& item, OnlyIf only_if = {});
  TransactWrite& Update(const Key& key, const client::Update& update, OnlyIf only_if = {});
  TransactWrite& Delete(const Key& key, OnlyIf only_if = {});
  // The item stays as it is, but takes part: nobody else changes it meanwhile.
  TransactWrite& Check(const Key& key, OnlyIf only_if);
  // 1 to 36 bytes that stand for this transaction for ten minutes from its first success:
  // whoever sends it again with the same token is told that it is done. Another transaction
  // with this token is refused TOKEN_MISMATCH. Without one it counts once just the same, however
  // often the client tries; a token also spans programs that begin anew.
  TransactWrite& Token(std::string token);

  const api::TransactWriteRequest& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }  // The first thing that is wrong.

 private:
  api::TransactItem& Add(const std::string& table);
  template <class Op>
  void Set(OnlyIf only_if, Op& op);
  void Note(const absl::Status& status);

  api::TransactWriteRequest proto_;
  absl::Status status_;
};

class TransactGet {
 public:
  TransactGet& Get(const Key& key, const std::vector<Path>& projection = {});

  const api::TransactGetRequest& proto() const { return proto_; }
  const absl::Status& status() const { return status_; }

 private:
  api::TransactGetRequest proto_;
  absl::Status status_;
};

struct TransactOptions {
  TransactOptions() {}
  // Of a write: one that was cancelled only because other transactions held its items is
  // tried again, as a new transaction under the same token, with growing pauses until the
  // deadline; then its last cancellation is the answer. (A read always does. So does a write
  // whose coordinator was lost before it was decided.)
  TransactOptions& RetryConflicts(bool value = true) { return retry_conflicts = value, *this; }
  TransactOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  TransactOptions& Deadline(std::chrono::milliseconds value) { return deadline = value, *this; }

  bool retry_conflicts = false;
  bool return_capacity = false;
  std::chrono::milliseconds deadline{0};  // 0: the client's.
};

struct TransactWriteAnswer {
  std::vector<api::Capacity> capacity;  // If asked for: one for each table, by name.
};

struct TransactGetAnswer {
  struct Read {
    std::optional<Item> item;  // Empty: there was none.
    uint64_t version = 0;
  };
  std::vector<Read> items;              // As asked.
  std::vector<api::Capacity> capacity;  // If asked for: one for each table, by name.
};

// A reason's code in DynamoDB's words: "None", "ConditionalCheckFailed", "TransactionConflict",
// "ValidationError", "ResourceNotFound", "ThrottlingError" (its group did not answer in time);
// of another code its own name.
std::string ReasonName(api::Code code);

}  // namespace fastpath::client
