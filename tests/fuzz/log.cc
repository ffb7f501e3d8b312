// Opening a log on any files: it opens, or says that it is corrupt or newer, and
// changes nothing then. What it found is found again after a kill and a power
// cut, together with what was written since.
//
//   input   := u8(choice) segment*
//   choice  := bit 0: make the checksums right, bit 1: the power cut tears
//   segment := u8(blocks of 512 bytes) bytes, the last one as long as the input
#include <array>

#include "raft/codec.h"
#include "storage/crc32c.h"
#include "storage/log_format.h"
#include "storage/log_segments.h"
#include "tests/fuzz/fuzz.h"
#include "tests/storage/log_harness.h"

namespace fastpath::fuzz {
namespace {

using storage::LogHarness;
using storage::RaftLog;
using storage::SimDisk;

constexpr uint64_t kEntryLimit = 100;  // Of one group; above it the log was not made by a test.

void Store(std::string& bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}
uint64_t Load(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}

uint32_t RecordCrc(uint64_t generation, uint64_t offset, std::string_view body) {
  std::string place(16, '\0');
  Store(place, 0, generation, 8);
  Store(place, 8, offset, 8);
  return storage::ExtendCrc32c(storage::Crc32c(place), body);
}

// Where the record at `at` ends; 0 if its length does not fit.
size_t EndOfRecord(std::string_view segment, size_t at, size_t end, size_t& body) {
  if (at + 4 >= end) return 0;
  std::string_view rest = segment.substr(at + 4, end - at - 4);
  uint64_t bytes = 0;
  if (!raft::TakeVarint(rest, bytes) || bytes > rest.size()) return 0;
  body = static_cast<size_t>(rest.data() - segment.data());
  return body + bytes;
}

// The layout of storage/log_format.h: every batch header whose magic stands gets
// its own offset, and checksums over whatever its records say.
void Repair(std::string& segment) {
  for (size_t at = 0; at + storage::kBatchHeaderBytes <= segment.size();
       at += storage::kLogAlignment) {
    if (segment.compare(at, 4, "FPLB") != 0) continue;
    const uint64_t generation = Load(segment, at + 16, 8);
    const size_t begin = at + storage::kBatchHeaderBytes;
    const size_t end = std::min<size_t>(segment.size(), begin + Load(segment, at + 32, 4));
    std::string crcs;
    size_t body = 0;
    for (size_t record = begin, next = 0; (next = EndOfRecord(segment, record, end, body)) != 0;
         record = next) {
      const uint32_t crc =
          RecordCrc(generation, record, std::string_view(segment).substr(body, next - body));
      Store(segment, record, crc, 4);
      crcs.append(segment, record, 4);
    }
    Store(segment, at + 24, at, 8);
    Store(segment, at + 36, storage::Crc32c(crcs), 4);
    Store(segment, at + 4,
          storage::Crc32c(std::string_view(segment).substr(at + 8, storage::kBatchHeaderBytes - 8)),
          4);
  }
}

void PlaceFiles(LogHarness& harness, std::string_view in, bool repair) {
  testing::SimExecutor executor(&harness.loop_);
  const std::unique_ptr<storage::Disk> disk = harness.device_->Attach(&executor, &harness.clock_);
  for (uint64_t number = 1; !in.empty() && number <= 8; ++number) {
    const size_t blocks = TakeByte(in);
    std::string segment(TakeUpTo(in, blocks * storage::kLogAlignment));
    if (repair) Repair(segment);
    disk->Open(storage::SegmentName(number), 0, true, [&](auto opened) {
      FUZZ_CHECK(opened.ok());
      const std::shared_ptr<storage::DiskFile> file = *std::move(opened);
      file->Write(0, {segment}, true, [file](absl::Status status) { FUZZ_CHECK(status.ok()); });
    });
    harness.loop_.RunUntilIdle();
  }
}

using Files = std::map<std::string, std::string>;
Files FilesOf(const LogHarness& harness) {
  Files files;
  for (const std::string& name : harness.device_->names()) {
    files[name] = harness.device_->contents(name);
  }
  return files;
}

storage::Model ModelOf(const std::map<raft::GroupId, RaftLog::Recovered>& recovered) {
  storage::Model model;
  for (const auto& [id, found] : recovered) {
    storage::ModelGroup& group = model[id];
    group.state = found.hard_state;
    group.start = found.start;
    raft::Index index = found.start.index;
    for (const raft::Entry& entry : found.entries) {
      FUZZ_CHECK(entry.index == ++index);
      group.entries[entry.index] = {entry.term, *entry.payload};
    }
  }
  return model;
}

// One more entry for each group, and a group that was not there.
void WriteOn(LogHarness& harness) {
  std::vector<raft::GroupId> groups{1'000'000};
  for (const auto& [id, group] : harness.latest_) groups.push_back(id);
  for (const raft::GroupId id : groups) {
    const storage::ModelGroup& group = harness.latest_[id];
    if (group.last() > UINT64_MAX / 2 || group.entries.size() > kEntryLimit) continue;
    harness.Write({.group = id, .entries = {storage::MakeEntry(1, group.last() + 1, "next")}});
  }
  harness.Run();
  FUZZ_CHECK(harness.errors_.empty() && harness.unacked_.empty());
}

void OpenAgain(LogHarness& harness) {
  const std::optional<absl::Status> opened = harness.Open();
  FUZZ_CHECK(opened.has_value() && opened->ok());
  const std::string difference = Difference(harness.acked_, harness.log_->TakeRecovered());
  if (!difference.empty()) std::fprintf(stderr, "%s\n", difference.c_str());
  FUZZ_CHECK(difference.empty());
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  const uint8_t choice = TakeByte(in);
  LogHarness harness(1);
  PlaceFiles(harness, in, (choice & 1) != 0);
  const Files before = FilesOf(harness);
  const std::optional<absl::Status> opened = harness.Open();
  FUZZ_CHECK(opened.has_value());
  if (!opened->ok()) {
    FUZZ_CHECK(absl::IsDataLoss(*opened) || absl::IsFailedPrecondition(*opened));
    FUZZ_CHECK(FilesOf(harness) == before);
    return 0;
  }
  harness.acked_ = harness.latest_ = ModelOf(harness.log_->TakeRecovered());
  harness.Kill();
  OpenAgain(harness);
  WriteOn(harness);
  harness.PowerCut((choice & 2) != 0 ? SimDisk::Unsynced::kTorn : SimDisk::Unsynced::kLost);
  OpenAgain(harness);
  return 0;
}
