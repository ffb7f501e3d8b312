// The Engine port: an ordered map of bytes with atomic batches, pinned views
// and ingestion. RocksEngine (engine of a node) and SimEngine (an ordered map
// plus its persisted image; a crash returns to the image) keep one contract,
// tested by one suite.
//
// Nothing written is durable by itself: the Raft log is the write-ahead log.
// What has become durable is told per group by the persisted listener, always
// for a prefix of the writes in call order.
//
// Threads: calls and completions on the executor the engine was opened with.
// Completions may run inline when the answer is in memory; what needs the disk
// runs on the engine's own threads and is posted back.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/ports.h"
#include "storage/disk.h"

namespace rocksdb {
class Env;
}

namespace fastpath::storage {

struct KeyRange {  // [begin, end)
  std::string begin;
  std::string end;
  bool operator==(const KeyRange&) const = default;
};

using KeyValue = std::pair<std::string, std::string>;

// Applied atomically, in order.
class WriteBatch {
 public:
  enum class Op : uint8_t { kPut, kPutNew, kDelete, kDeleteRange };
  struct Item {
    Op op;
    std::string key;
    std::string value;  // kDeleteRange: the end of the range.
  };
  void Put(std::string key, std::string value) {
    items_.push_back({Op::kPut, std::move(key), std::move(value)});
  }
  // The writer knows that the engine holds nothing under the key. Then a Delete
  // that soon follows leaves nothing to be written out.
  void PutNew(std::string key, std::string value) {
    items_.push_back({Op::kPutNew, std::move(key), std::move(value)});
  }
  void Delete(std::string key) { items_.push_back({Op::kDelete, std::move(key), {}}); }
  void DeleteRange(KeyRange range) {
    items_.push_back({Op::kDeleteRange, std::move(range.begin), std::move(range.end)});
  }
  void Reserve(size_t more) {
    const size_t wanted = items_.size() + more;
    if (wanted > items_.capacity()) items_.reserve(std::max(wanted, 2 * items_.capacity()));
  }
  const std::vector<Item>& items() const { return items_; }
  std::vector<Item> Release() { return std::move(items_); }
  bool empty() const { return items_.empty(); }

 private:
  std::vector<Item> items_;
};

// A consistent view of the engine at one moment; holds resources until dropped.
// Must not outlive its engine.
class PinnedView {
 public:
  virtual ~PinnedView() = default;
};
using View = std::shared_ptr<const PinnedView>;

struct ScanOptions {
  bool reverse = false;
  size_t limit_rows = 1000;       // At least 1.
  size_t limit_bytes = 1u << 20;  // Of keys and values; at least one row is returned.
  View view;                      // Null: the state when the scan runs.
  // A loose index scan: after a row with this key the scan goes on from the key that is
  // answered; what lies between is left out, however much it is. Not after the key: from the
  // next row. Empty: every row. Not with `reverse`. Pure; called on any thread.
  std::function<std::string(std::string_view key)> skip_to;
};
struct ScanResult {
  std::vector<KeyValue> rows;
  bool more = false;  // Rows may remain past the last one.
};

// Receives a group's snapshot and puts it in place atomically (DESIGN 5
// "Snapshot install"). Dropping it without Commit leaves the engine untouched.
class Installer {
 public:
  virtual ~Installer() = default;
  // Rows ascend over the whole install and lie inside the ranges.
  virtual void Add(std::vector<KeyValue> rows, Done done) = 0;
  // Flushes the engine, then replaces everything in the ranges by the rows in
  // one step, durably. Of this and Add, ResourceExhausted: there was no space, or too
  // much waits for the engine's threads, and nothing in the engine has changed. A
  // small install (RocksOptions::table_install_bytes) that was begun is not undone:
  // where the disk fills meanwhile, it waits for space like Flush.
  virtual void Commit(Done done) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  using GotMany = absl::AnyInvocable<void(absl::StatusOr<std::vector<std::optional<std::string>>>)>;
  // One answer per key, in order; nullopt where there is none. Of this, Get and
  // Scan, ResourceExhausted: too many reads wait for the disk; what must go on may
  // ask again after WhenWritable.
  virtual void MultiGet(std::vector<std::string> keys, GotMany done) = 0;
  using Got = absl::AnyInvocable<void(absl::StatusOr<std::optional<std::string>>)>;
  virtual void Get(std::string key, Got done) = 0;

  // Unavailable: the engine is stalled and took nothing; offer it again after
  // WhenWritable. Anything else but OK, never DataLoss: stop the node.
  virtual void Write(WriteBatch batch, Done done) = 0;
  virtual void WhenWritable(Task task) = 0;
  // The disk has no space for what was written: it waits in memory and is tried
  // again. Refuse whoever wants to begin something while this is true: what is
  // under way still finds room, for memory may then take twice its usual bound.
  virtual bool full() const = 0;

  virtual void Scan(KeyRange range, ScanOptions options,
                    absl::AnyInvocable<void(absl::StatusOr<ScanResult>)> done) = 0;
  // Sees exactly the writes completed before the call.
  virtual View Pin() = 0;

  // `ranges` are sorted and disjoint.
  virtual std::unique_ptr<Installer> NewInstall(std::vector<KeyRange> ranges) = 0;

  // Makes everything written so far durable; the persisted listener has been
  // told by the time `done` runs. Waits while the disk is full.
  virtual void Flush(Done done) = 0;
  // `listener` learns, whenever more has become durable, the applied index
  // (keys.h AppliedKey) that each changed group would restart with.
  virtual void SetPersistedListener(std::function<void(raft::GroupId, raft::Index)> listener) = 0;

  virtual uint64_t approximate_bytes(const KeyRange& range) = 0;
};

struct RocksOptions {
  size_t memtable_bytes = 64u << 20;  // Of a generation of the write-back table.
  size_t block_cache_bytes = 64u << 20;
  size_t max_open_files = 0;  // 0: all of them.
  // Snapshot installs of at most so many bytes go through the write-back table.
  size_t table_install_bytes = 64u << 10;
  rocksdb::Env* env = nullptr;  // Outlives the engine; null: the machine's. For tests.
};
// DataLoss: the manifest or a file is corrupt, with its name.
absl::StatusOr<std::unique_ptr<Engine>> OpenRocksEngine(const std::string& directory,
                                                        RocksOptions options, Executor* executor);

}  // namespace fastpath::storage
