// The log's files: which hold live generations, which wait to be recycled, and
// the next one, made ready ahead of its use.
//
// A file's name never changes; its generation stands in its batches. A retired
// segment is overwritten only when a durable batch says that it is dead.
//
// Threads: the log's executor. Destroying it ends its callbacks.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/disk.h"

namespace fastpath::storage {

struct LogFile {
  std::string name;
  std::shared_ptr<DiskFile> file;  // Shared with reads under way.
  uint64_t bytes = 0;
};

// The largest goes out of them, for a full disk lets no other be filled; nullopt:
// there is none.
std::optional<LogFile> TakeLargest(std::vector<LogFile>& files);

struct Segment {
  LogFile file;
  uint64_t generation = 0;
  uint64_t end = 0;  // Where the next batch would go.
};

std::string SegmentName(uint64_t number);
// nullopt: not a segment's name.
std::optional<uint64_t> SegmentNumber(const std::string& name);

class LogSegments {
 public:
  LogSegments(Disk* disk, uint64_t segment_bytes, size_t spare_limit);

  // What recovery found: live segments, oldest first, and files free to use.
  void Restore(std::vector<Segment> live, std::vector<LogFile> free, uint64_t next_number);

  // The first active segment of this run.
  void Begin(LogFile file, uint64_t generation);

  // Makes a next segment ready if none is: a recycled file at once, else a new
  // one, filled with zeros in synced steps that follow the active segment's
  // growth at twice its pace, so that the log's own syncs hardly wait for them.
  // `done` runs later or inline, when one is ready or with the error; after
  // ResourceExhausted call again to go on. One call at a time.
  void Prepare(Done done);
  // The active segment has grown, or a file has become free.
  void Advance();
  // Batches wait for the next segment: it is filled without a pause.
  void Hurry();
  bool ready() const { return ready_.has_value(); }
  bool preparing() const { return preparing_; }
  // The ready segment becomes the active one.
  void Rotate(uint64_t generation);

  Segment& active() { return live_.rbegin()->second; }
  const Segment& active() const { return live_.rbegin()->second; }
  const Segment& oldest() const { return live_.begin()->second; }
  const Segment& at(uint64_t generation) const { return live_.at(generation); }
  size_t live() const { return live_.size(); }
  uint64_t live_bytes() const;

  // The oldest segment is dead for every batch formed from now on.
  void RetireOldest();
  // A batch that says so is durable: retired files may be used again. True if
  // there were any.
  bool Release(uint64_t first_live);
  // A file that nothing durable refers to.
  void Free(LogFile file);

 private:
  bool TakeFree();
  void OpenNew();
  void Fill();
  bool AheadEnough() const;
  void Prepared(absl::Status status);

  Disk* disk_;
  const uint64_t segment_bytes_;
  const size_t spare_limit_;
  std::map<uint64_t, Segment> live_;
  std::deque<Segment> retired_;
  std::vector<LogFile> free_;
  std::optional<LogFile> filling_;  // The next one, not yet of full size.
  std::optional<LogFile> ready_;
  bool preparing_ = false;
  bool paused_ = false;  // In filling: the active segment has not grown enough yet.
  bool hurried_ = false;
  Done prepared_;
  uint64_t next_number_ = 1;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fastpath::storage
