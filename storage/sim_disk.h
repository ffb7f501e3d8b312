// A disk in memory that can lose, tear, fail and delay: for tests and for the
// simulation of whole clusters. The SimDisk is the device and outlives nodes;
// each run of a node attaches to it and works through a Disk of its own.
//
//   SimDisk device(&random);
//   auto disk = device.Attach(&executor, &clock);   // A process starts.
//   ...
//   disk.reset();          // kill -9: what was written stays in the page cache.
//   device.PowerCut({});   // What was not synced is gone, wholly or in part.
//
// What is written lies in the cache until a sync; so do names until a directory
// sync. A failed sync leaves the kernel's lie behind: the bytes can still be
// read, count as clean, and no later sync writes them.
//
// Threads: the attached executor. The device outlives what is attached.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/disk.h"

namespace fastpath::storage {

class SimDisk {
 public:
  static constexpr uint64_t kSectorBytes = 512;  // Written whole or not at all.

  explicit SimDisk(Random* random) : random_(random) {}

  // Another device with the same files, synced or not, and no faults planned.
  std::unique_ptr<SimDisk> Copy() const;

  // One Disk at a time is in use; attaching makes earlier ones silent.
  std::unique_ptr<Disk> Attach(Executor* executor, Clock* clock);

  enum class Unsynced {
    kLost,  // Nothing of it reached the device.
    kKept,  // All of it did.
    kTorn,  // Of every write any sectors, in any order; of the names some prefix.
  };
  // Ends what is attached, too.
  void PowerCut(Unsynced unsynced);

  // --- Faults. Counted from now, in the order of execution; 0 is the next. ---
  void FailWrite(uint64_t nth, absl::Status status) { write_faults_[writes_ + nth] = status; }
  void FailSync(uint64_t nth, absl::Status status) { sync_faults_[syncs_ + nth] = status; }
  // Of all files together; writes and allocations beyond fail with ResourceExhausted.
  void set_capacity_bytes(uint64_t bytes) { capacity_bytes_ = bytes; }
  // Each operation takes a time in [low, high].
  void set_latency(Micros low, Micros high) { latency_ = {low, high}; }
  // On the device and in the cache. The file must be that long.
  void FlipBits(const std::string& name, uint64_t offset, uint8_t mask);
  // After `steps` more steps (each write, each sync and each change of a name is
  // one) nothing more happens and nothing is answered, until PowerCut or Attach.
  void FreezeAfter(uint64_t steps) { freeze_at_ = steps_ + steps; }

  // --- What happened. ---
  bool frozen() const { return freeze_at_ && steps_ >= *freeze_at_; }
  uint64_t steps() const { return steps_; }
  uint64_t writes() const { return writes_; }
  uint64_t syncs() const { return syncs_; }
  uint64_t used_bytes() const;
  std::vector<std::string> names() const;
  // As a process would read it.
  const std::string& contents(const std::string& name) const;

 private:
  friend class SimDiskFile;
  friend class AttachedDisk;
  struct File {
    std::string cached;   // What a read sees.
    std::string durable;  // What a power cut leaves.
    struct Write {
      uint64_t offset;
      std::string bytes;
    };
    std::vector<Write> unsynced;
  };
  struct Session {  // One attachment's queue.
    Executor* executor = nullptr;
    Clock* clock = nullptr;
    std::vector<Task> queue;  // Not begun, oldest first.
    bool busy = false;
    bool dead = false;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  void Submit(std::shared_ptr<Session> session, Task operation);
  void StartNext(std::shared_ptr<Session> session);
  // False once frozen: the caller does nothing and never answers.
  bool Step();
  absl::Status WriteFile(File& file, uint64_t offset, const std::vector<std::string>& pieces);
  absl::Status SyncFile(File& file);
  void ChangeNames(absl::AnyInvocable<void(Names&)> change);
  void SyncNames();
  void Persist(File& file, const File::Write& write, Unsynced unsynced);
  static std::optional<absl::Status> TakeFault(std::map<uint64_t, absl::Status>& faults,
                                               uint64_t number);
  static void Place(std::string& into, uint64_t offset, std::string_view bytes);

  Random* random_;
  Names names_;
  Names durable_names_;
  std::vector<absl::AnyInvocable<void(Names&)>> unsynced_names_;
  std::shared_ptr<Session> session_;
  std::map<uint64_t, absl::Status> write_faults_, sync_faults_;
  uint64_t writes_ = 0, syncs_ = 0, steps_ = 0;
  std::optional<uint64_t> freeze_at_;
  uint64_t capacity_bytes_ = UINT64_MAX;
  std::pair<Micros, Micros> latency_{0, 0};
};

}  // namespace fastpath::storage
