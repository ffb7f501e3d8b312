// A group's state as a stream of chunks: read from a pinned view on the sender,
// fed into an Installer on the receiver.
//
//   chunk := u8(format = 1) varint(rows) row* crc32c:u32le   (of all before it)
//   row   := varint(length) key varint(length) value
//
// Threads: the engine's executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::storage {

class SnapshotReader {
 public:
  // Reads `ranges` of `view`, in order, in chunks of about `chunk_bytes`.
  SnapshotReader(Engine* engine, View view, std::vector<KeyRange> ranges, size_t chunk_bytes);
  // The next chunk; an empty string at the end. One call at a time; destroying
  // the reader meanwhile drops it.
  void Next(absl::AnyInvocable<void(absl::StatusOr<std::string>)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

std::string EncodeChunk(const std::vector<KeyValue>& rows);
// DataLoss: bad checksum or layout.
absl::StatusOr<std::vector<KeyValue>> DecodeChunk(std::string_view chunk);

// An order-sensitive digest of every row of `ranges` in `view`: equal states,
// equal digests, on every replica and engine.
void DigestRanges(Engine* engine, View view, std::vector<KeyRange> ranges,
                  absl::AnyInvocable<void(absl::StatusOr<uint64_t>)> done);

}  // namespace fastpath::storage
