#include "storage/log_segments.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "raft/check.h"

namespace fastpath::storage {
namespace {

constexpr uint64_t kFillBytes = 512u << 10;
constexpr uint64_t kFillPace = 2;  // Bytes filled for each byte written.
constexpr char kPrefix[] = "segment-";
constexpr size_t kPrefixBytes = sizeof(kPrefix) - 1;
constexpr size_t kDigits = 8;

}  // namespace

std::string SegmentName(uint64_t number) {
  char name[64];
  std::snprintf(name, sizeof(name), "%s%08llu", kPrefix, static_cast<unsigned long long>(number));
  return name;
}

std::optional<uint64_t> SegmentNumber(const std::string& name) {
  if (name.size() < kPrefixBytes + kDigits || name.compare(0, kPrefixBytes, kPrefix) != 0) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (size_t i = kPrefixBytes; i < name.size(); ++i) {
    if (name[i] < '0' || name[i] > '9' || number > UINT64_MAX / 100) return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  return number;
}

std::optional<LogFile> TakeLargest(std::vector<LogFile>& files) {
  const auto largest =
      std::max_element(files.begin(), files.end(),
                       [](const LogFile& a, const LogFile& b) { return a.bytes < b.bytes; });
  if (largest == files.end()) return std::nullopt;
  LogFile taken = std::move(*largest);
  files.erase(largest);
  return taken;
}

LogSegments::LogSegments(Disk* disk, uint64_t segment_bytes, size_t spare_limit)
    : disk_(disk), segment_bytes_(segment_bytes), spare_limit_(spare_limit) {}

void LogSegments::Restore(std::vector<Segment> live, std::vector<LogFile> free,
                          uint64_t next_number) {
  for (Segment& segment : live) live_.emplace(segment.generation, std::move(segment));
  free_ = std::move(free);
  next_number_ = next_number;
}

void LogSegments::Begin(LogFile file, uint64_t generation) {
  live_.emplace(generation, Segment{std::move(file), generation, 0});
}

void LogSegments::Prepare(Done done) {
  FASTPATH_CHECK(!preparing_ && !ready_, "one preparation at a time");
  preparing_ = true;
  prepared_ = std::move(done);
  TakeFree() || filling_ ? Fill() : OpenNew();
}

// Also instead of a new one that found no space, or is not filled yet.
bool LogSegments::TakeFree() {
  std::optional<LogFile> free = TakeLargest(free_);
  if (!free) return false;
  const bool better = !filling_ || filling_->bytes < free->bytes;
  if (better) filling_.swap(free);
  if (free) free_.push_back(*std::move(free));
  return better;
}

void LogSegments::Advance() {
  if (!paused_) return;
  paused_ = false;
  TakeFree();
  Fill();
}

void LogSegments::Hurry() {
  if (!preparing_) return;
  hurried_ = true;
  Advance();
}

void LogSegments::OpenNew() {
  std::string name = SegmentName(next_number_);
  disk_->Open(name, 0, /*sync=*/true,
              [this, alive = std::weak_ptr<bool>(alive_),
               name](absl::StatusOr<std::unique_ptr<DiskFile>> file) {
                if (alive.expired()) return;
                if (!file.ok()) return Prepared(file.status());
                ++next_number_;
                filling_ = LogFile{name, *std::move(file), 0};
                Fill();
              });
}

void LogSegments::Fill() {
  if (filling_->bytes >= segment_bytes_) {
    ready_ = std::exchange(filling_, std::nullopt);
    return Prepared(absl::OkStatus());
  }
  if (AheadEnough()) {
    paused_ = true;
    return;
  }
  const uint64_t bytes = std::min(kFillBytes, segment_bytes_ - filling_->bytes);
  std::vector<std::string> zeros;
  zeros.emplace_back(bytes, '\0');
  filling_->file->Write(filling_->bytes, std::move(zeros), /*sync=*/true,
                        [this, alive = std::weak_ptr<bool>(alive_), bytes](absl::Status status) {
                          if (alive.expired()) return;
                          if (!status.ok()) return Prepared(std::move(status));
                          filling_->bytes += bytes;
                          Fill();
                        });
}

bool LogSegments::AheadEnough() const {
  return !hurried_ && filling_->bytes > kFillPace * active().end;
}

void LogSegments::Prepared(absl::Status status) {
  preparing_ = false;
  // Without space nothing is written that could be followed.
  hurried_ = !status.ok();
  std::exchange(prepared_, nullptr)(std::move(status));
}

void LogSegments::Rotate(uint64_t generation) {
  FASTPATH_CHECK(ready_.has_value(), "rotation takes a ready segment");
  FASTPATH_CHECK(live_.empty() || live_.rbegin()->first < generation, "generations grow");
  live_.emplace(generation, Segment{*std::exchange(ready_, std::nullopt), generation, 0});
}

uint64_t LogSegments::live_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [generation, segment] : live_) bytes += segment.file.bytes;
  return bytes;
}

void LogSegments::RetireOldest() {
  FASTPATH_CHECK(live_.size() > 1, "the active segment is never retired");
  retired_.push_back(std::move(live_.begin()->second));
  live_.erase(live_.begin());
}

bool LogSegments::Release(uint64_t first_live) {
  const bool any = !retired_.empty() && retired_.front().generation < first_live;
  while (!retired_.empty() && retired_.front().generation < first_live) {
    Free(std::move(retired_.front().file));
    retired_.pop_front();
  }
  return any;
}

void LogSegments::Free(LogFile file) {
  if (free_.size() < spare_limit_) return free_.push_back(std::move(file));
  // A file that stays after all is a free one at the next open.
  disk_->Remove(file.name, [](absl::Status) {});
}

}  // namespace fastpath::storage
