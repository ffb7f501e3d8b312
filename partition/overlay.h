// The items that one batch of commands touches: read once, if any of them asks
// what the item was, changed in memory in log order, and written once however
// often they were changed. A hot item is decoded and encoded once per batch.
//
// Threads: the owner's. Bytes given to Replace must live as long as the overlay.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "partition/model/value.h"
#include "partition/require.h"
#include "partition/ttl.h"
#include "partition/value_header.h"
#include "storage/engine.h"

namespace fastpath::partition {

// One item: its row as the engine has it and as the batch has left it so far.
class Cell {
 public:
  explicit Cell(std::string key) : key_(std::move(key)) {}
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  // What the engine has matters: it is to be loaded. Else only Replace may be called.
  void Ask() { asked_ = true; }
  bool asked() const { return asked_; }
  // Whose expiry holds; before Load. Of a table without a change under way: none needed.
  void JudgeBy(const ExpiryRule& rule) { rule_ = rule; }
  // What the engine has. DataLoss: not an item's row.
  absl::Status Load(std::optional<std::string> row);

  // Begins as `other` is now, to see what a write would make of it. `other` outlives it
  // unchanged.
  void Borrow(Cell& other);

  const std::string& key() const { return key_; }
  // Whether conditions, updates and return values see an item at `stamp`.
  bool VisibleAt(Stamp stamp) const {
    Require(asked_ || dirty_, "an item that is asked about was read");
    return present_ && !header_.ExpiredAt(stamp);
  }
  bool present() const { return present_; }
  const ValueHeader& header() const { return header_; }
  // From when to when the batch moved the item's expiry; 0: never, or there is no item.
  struct ExpiryMove {
    uint64_t from_seconds = 0;
    uint64_t to_seconds = 0;
  };
  ExpiryMove expiry_move() const {
    const uint64_t from = stored_ ? stored_expiry_ : 0;
    return {from, !dirty_ ? from : present_ ? header_.expiry_seconds : 0};
  }

  // The batch removed an item here, also if it put that one, or put another since.
  bool removed() const { return removed_; }

  // Both require that an item is present; they stay valid until it changes.
  // DataLoss: the stored bytes do not decode.
  absl::StatusOr<const model::Item*> Decoded();
  std::string_view Encoded();
  size_t SizeBytes() const;  // DynamoDB's item size; 0 if no item is present.

  // Decoded, an item takes up to eighty times its bytes. What that may amount to by what was
  // loaded; 0: it is not decoded.
  size_t decoded_weight() const { return decoded_.has_value() ? key_.size() + row_.size() : 0; }
  // Keeps what is there encoded only.
  void Compact();

  void Replace(std::string_view encoded, const ValueHeader& header);
  void Replace(model::Item item, const ValueHeader& header);
  void Remove();
  // Makes its header say the expiry that holds.
  void Retime() { dirty_ = dirty_ || (present_ && header_.expiry_seconds != stored_expiry_); }

  // What the engine must be told; may be repeated.
  void AppendTo(storage::WriteBatch& batch);

 private:
  std::string key_;
  ExpiryRule rule_;
  bool asked_ = false;
  std::string row_;             // As loaded.
  bool stored_ = false;         // The engine has a row,
  uint64_t stored_expiry_ = 0;  // which expires then, as its header says.
  bool present_ = false;
  bool dirty_ = false;
  bool removed_ = false;
  ValueHeader header_;
  // At least one holds while present.
  std::optional<std::string_view> encoded_;
  std::optional<model::Item> decoded_;
  std::string encoding_;  // What encoded_ shows if it was encoded here.
};

class Overlay {
 public:
  // The cell of a data key; made if there is none. `ask`: see Cell::Ask.
  Cell* Touch(std::string key, bool ask = true);
  Cell* Find(std::string_view key);  // Null if there is none.
  // Cells in order of their first touch.
  std::deque<Cell>& cells() { return cells_; }
  void AppendTo(storage::WriteBatch& batch);
  void Clear();

 private:
  std::deque<Cell> cells_;  // Stable addresses.
  absl::flat_hash_map<std::string_view, Cell*> by_key_;
};

}  // namespace fastpath::partition
