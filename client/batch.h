// Many items in one call (client.h BatchGet, BatchWrite): what is asked, and what
// became of each. Limits as DynamoDB's: 100 keys or 25 writes a call, over any
// tables, each item once; 16 MB of items read (25 writes are never more).
//
// Value types; thread-safe as values are.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/item.h"
#include "client/result.h"
#include "partition/api.pb.h"

namespace fastpath::client {

inline constexpr size_t kBatchGetLimit = 100;
inline constexpr size_t kBatchWriteLimit = 25;
inline constexpr size_t kBatchLimitBytes = 16u << 20;  // By DynamoDB's sizes of items.

// Puts and deletes without conditions, in the order in which they were added.
class WriteBatch {
 public:
  struct PutItem {
    std::string table;
    Item item;
  };
  using Write = std::variant<PutItem, Key>;

  WriteBatch& Put(std::string table, Item item) {
    writes_.push_back(PutItem{std::move(table), std::move(item)});
    return *this;
  }
  WriteBatch& Delete(Key key) {
    writes_.push_back(std::move(key));
    return *this;
  }
  const std::vector<Write>& writes() const { return writes_; }

 private:
  std::vector<Write> writes_;
};

// One of a batch that was not done, and why.
struct BatchLeft {
  size_t index = 0;  // Among the keys or writes of the call.
  Failure why;
};

struct BatchWriteOptions {
  BatchWriteOptions() {}
  BatchWriteOptions(std::chrono::milliseconds within) : deadline(within) {}  // NOLINT: implicit
  BatchWriteOptions& ReturnCapacity(bool value = true) { return return_capacity = value, *this; }
  BatchWriteOptions& Deadline(std::chrono::milliseconds value) { return deadline = value, *this; }

  bool return_capacity = false;
  std::chrono::milliseconds deadline{0};  // 0: the client's.
};

// A write is done, or it is in one of these, never in both.
struct BatchWriteAnswer {
  std::vector<BatchLeft> unprocessed;   // Certainly without effect: ask again, as far as
                                        // `why.code` promises more (OVERLOADED, DEADLINE).
  std::vector<BatchLeft> unknown;       // May have taken effect, or may still.
  std::vector<api::Capacity> capacity;  // If asked for: of what was done, by table.
};

struct BatchItem {
  std::optional<Item> item;  // Empty: there is none, or the key is unprocessed.
  uint64_t version = 0;
};
struct BatchGetAnswer {
  std::vector<BatchItem> items;         // As the keys of the call.
  std::vector<BatchLeft> unprocessed;   // Not read; TOO_LARGE: 16 MB came before it.
  std::vector<api::Capacity> capacity;  // If asked for: of what was read, by table.
};

}  // namespace fastpath::client
