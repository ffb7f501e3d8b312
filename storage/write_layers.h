// The generations of the engine's write-back table, as layers over RocksDB: the
// active one that takes writes, those that are frozen until they are written
// out, and the last written one, kept to answer Gets without the disk.
//
// Threads: the engine's executor.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "storage/engine.h"
#include "storage/write_table.h"

namespace fastpath::storage {

using Generation = std::shared_ptr<WriteTable>;

// Layers as of a moment, newest first.
struct LayerView {
  std::vector<Generation> layers;
  WriteTable::Sequence at = WriteTable::kNewest;
};

// What the layers say of a range, in the order of a scan: to be merged over the
// rows of RocksDB.
struct LayerRows {
  using Rows = std::vector<std::pair<std::string, std::optional<std::string>>>;
  Rows rows;                      // Nullopt: deleted.
  std::vector<KeyRange> deleted;  // RocksDB's rows in here are gone.
  // The range that the rows speak for: the one asked for, or its begin (its end
  // if reverse) up to the last of the rows.
  KeyRange range;
};
LayerRows ReadLayers(const LayerView& view, const KeyRange& range, bool reverse, size_t limit_rows,
                     size_t limit_bytes);

class WriteLayers {
 public:
  explicit WriteLayers(Generation first = std::make_shared<WriteTable>())
      : active_(std::move(first)) {}

  void Apply(WriteBatch batch);
  // `decided` false: ask RocksDB.
  WriteTable::Verdict Find(std::string_view key) const { return Find(WriteTable::Probe(key)); }
  // The same of many, by their places in `keys`; they wait for memory together.
  void FindAll(absl::Span<const std::string> keys,
               absl::FunctionRef<void(size_t, WriteTable::Verdict)> found) const;

  LayerView Now() const;
  // A view that Apply must not disturb, until Unpin of its sequence.
  LayerView Pin();
  void Unpin(WriteTable::Sequence at);

  size_t active_bytes() const { return active_->bytes(); }
  size_t frozen_bytes() const { return frozen_bytes_; }
  bool active_empty() const { return active_->empty(); }

  // The active generation becomes the newest frozen one, and `next`, which is
  // empty, takes its place.
  Generation Freeze(Generation next);
  // The oldest frozen generation is in RocksDB now; it answers Gets until the
  // next is. Returns what need not be kept any more: to be destroyed where time
  // does not matter.
  Generation WrittenOut();
  // RocksDB goes past what is kept for Gets.
  Generation Forget() { return std::exchange(written_, nullptr); }

 private:
  WriteTable::Verdict Find(const WriteTable::Probe& probe) const;
  void Prefetch(size_t hash, int stage) const;

  Generation active_;
  std::deque<Generation> frozen_;  // Oldest first.
  size_t frozen_bytes_ = 0;
  Generation written_;  // Null, or the newest that is in RocksDB.
  WriteTable::Sequence sequence_ = 0;
  std::multiset<WriteTable::Sequence> pins_;
};

}  // namespace fastpath::storage
