// What was written and is not in RocksDB yet: one generation of the engine's
// write-back table. RocksDB's own memtable stays empty; a generation that is
// full is frozen and written out in key order as one sorted file. Overwrites
// cost nothing there, and what was put and deleted within one generation does
// not reach the disk at all.
//
// A generation is a layer over older ones and RocksDB. For a key it knows: a
// value, that the key is deleted, or nothing (then the layer below decides).
// An older version of a key is kept if a pinned view could ask for it when it was
// replaced, and then as long as the generation.
//
// Threads: the engine's executor. Once frozen (nothing is applied any more) its
// Sorted() may run on another thread at the same time as reads on the executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "raft/types.h"
#include "storage/engine.h"

namespace fastpath::storage {

class WriteTable {
 public:
  using Sequence = uint64_t;  // Of batches, ascending over all generations.
  static constexpr Sequence kNewest = UINT64_MAX;

  // What this layer says of a key.
  struct Verdict {
    bool decided = false;
    const std::string* value = nullptr;  // Null where decided: deleted.
  };
  struct Row {
    std::string_view key;
    const std::string* value;  // Null: deleted.
  };
  // A key with its hash, for looking it up in several generations.
  struct Probe {
    explicit Probe(std::string_view key) : hash(absl::Hash<std::string_view>()(key)), key(key) {}
    size_t hash;
    std::string_view key;
  };

  // `bytes`: what it will be filled to, about: up to there the hash set does not
  // grow, so that no Apply pays for moving all that is in it.
  explicit WriteTable(size_t bytes = 0);
  // Has the kernel give the hash set's memory now, megabytes of it, and not in the
  // middle of an Apply. Any thread, before the first Apply.
  void Touch();

  // `pinned`: the highest sequence that a view may still ask for; 0 if none.
  void Apply(WriteBatch batch, Sequence sequence, Sequence pinned);

  // As of `at`. Valid until the next Apply.
  Verdict Find(const Probe& probe, Sequence at) const;
  Verdict Find(std::string_view key, Sequence at) const { return Find(Probe(key), at); }
  // Brings what Find and Apply of the key will touch into the processor's cache,
  // without waiting: first its place in the set, then the entry found there, then
  // the value. A stage takes what the one before has brought; several keys a stage
  // wait for memory together instead of one after the other.
  static constexpr int kPrefetchStages = 3;
  static constexpr size_t kPrefetchedTogether = 32;  // More would push each other out again.
  void Prefetch(size_t hash, int stage) const;
  // Whether a range deleted as of `at` covers the key. Says nothing of rows
  // written here since.
  bool Covers(std::string_view key, Sequence at) const;

  // The rows inside the range that this layer decides by themselves, in order
  // (descending if `reverse`), until `take` says false.
  void Visit(const KeyRange& range, bool reverse, Sequence at,
             const std::function<bool(Row)>& take);

  // The newest of everything, ascending; nullptr values are deleted.
  std::vector<Row> Sorted() const;
  std::vector<KeyRange> DeletedRanges(Sequence at) const;
  // The applied index that each group would restart with, once this generation
  // and all before it are durable.
  const absl::btree_map<raft::GroupId, raft::Index>& applied() const { return applied_; }

  bool empty() const { return entries_.empty() && ranges_.empty(); }
  size_t bytes() const { return bytes_; }                  // Of memory, about.
  size_t capacity() const { return entries_.capacity(); }  // Of the hash set, in places.

 private:
  struct Version {
    Version() = default;
    Version(Version&&) = default;
    Version& operator=(Version&&) = default;
    // One after the other: the older ones of a hot key may be more than the stack takes.
    ~Version() {
      while (older != nullptr) older = std::move(older->older);
    }

    Sequence sequence = 0;
    bool deleted = false;
    std::string value;
    std::unique_ptr<Version> older;
  };
  // One piece of memory with its key, which is compared as soon as it is there.
  class Entry {
   public:
    struct Delete {
      void operator()(Entry* entry) const;
    };
    using Ptr = std::unique_ptr<Entry, Delete>;
    static Ptr New(std::string_view key);

    std::string_view key() const {
      return {reinterpret_cast<const char*>(this) + sizeof(Entry), key_bytes_};
    }

    Version newest;
    size_t unordered_at = kOrdered;  // Its place in its lane.
    // Nothing below holds the key: deleted, the entry leaves no trace.
    bool born_here = false;

   private:
    explicit Entry(std::string_view key);
    const uint32_t key_bytes_;
  };
  static constexpr size_t kOrdered = SIZE_MAX;
  // The rows of a kind whose bucket has the same upper byte.
  using Lane = uint16_t;
  class Lanes;
  // Entries of a lane that are in no order yet; null where one was erased.
  struct Unordered {
    std::vector<Entry*> entries;
    size_t erased = 0;
  };
  struct DeletedRange {
    KeyRange range;
    Sequence sequence = 0;
  };

  // With its hash, so that neither a growing set nor a lookup of another key of
  // the same place has to look at the entry, which is far away in memory.
  struct Slot {
    size_t hash = 0;
    Entry::Ptr entry;
  };
  struct ByHash {  // Finds the slot without a look at the entry.
    size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Slot& slot) const { return slot.hash; }
    size_t operator()(const Probe& probe) const { return probe.hash; }
    size_t operator()(const ByHash& by) const { return by.hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Slot& a, const Slot& b) const {
      return a.hash == b.hash && (a.entry == b.entry || a.entry->key() == b.entry->key());
    }
    bool operator()(const Slot& a, const Probe& b) const {
      return a.hash == b.hash && a.entry->key() == b.key;
    }
    bool operator()(const Slot& a, const ByHash& b) const { return a.hash == b.hash; }
  };
  struct ByKey {
    using is_transparent = void;
    static std::string_view Key(const Entry* entry) { return entry->key(); }
    static std::string_view Key(std::string_view key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Key(a) < Key(b);
    }
  };

  using Slots = absl::flat_hash_set<Slot, Hash, Equal>;

  void Put(const Probe& probe, std::string value, bool fresh, Sequence sequence, Sequence pinned);
  void Delete(const Probe& probe, Sequence sequence, Sequence pinned);
  void DeleteRange(KeyRange range, Sequence sequence, Sequence pinned);
  void ApplyOne(WriteBatch::Item& item, const Probe& probe, Sequence sequence, Sequence pinned);
  void NoteApplied(const WriteBatch::Item& item);
  Entry& Add(const Probe& probe);
  // The newest version is replaced, and kept where a view may ask for it.
  void Supersede(Entry& entry, bool deleted, std::string value, Sequence sequence, Sequence pinned);
  void Erase(Slots::iterator slot);
  void Forget(const Entry& entry);  // Out of its lane, or of the order.
  void Order(Lane lane);
  void OrderAll();
  void OrderIn(const KeyRange& range);
  bool VisitOrdered(const KeyRange& range, bool reverse, Sequence at,
                    const std::function<bool(Row)>& take) const;
  static Verdict At(const Version& newest, Sequence at);

  Slots entries_;
  // Ordered reads are rare where writes are many: a key is put in order by the
  // first of them that comes after it and reaches its lane, so that none of them
  // pays for what was written elsewhere.
  absl::btree_set<Entry*, ByKey> ordered_;
  absl::flat_hash_map<Lane, Unordered> unordered_;  // No lane is empty.
  std::vector<DeletedRange> ranges_;
  absl::btree_map<raft::GroupId, raft::Index> applied_;
  size_t bytes_ = 0;
};

}  // namespace fastpath::storage
