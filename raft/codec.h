// Bytes of entries, configurations and messages, the same on disk and on the
// wire. Never-change: a new layout needs a new format byte.
//
//   varint   := LEB128, at most 10 bytes
//   entry    := varint(term) varint(index) u8(kind) varint(length) payload
//   member   := varint(replica) varint(node)
//   members  := varint(count) member*
//   config   := u8(format = 1) members(voters) members(outgoing) members(learners)
//   message  := u8(type) varint(group) varint(from) varint(to) varint(term)
//               varint(index) varint(log_term) varint(commit) varint(hint)
//               varint(round) u8(flags) varint(from_node) varint(entries) entry*
//   flags    := bit 0 reject, bit 1 force
//
// Decoders never read past the input, bound every count by what remains, and
// name the field at fault in their error. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "raft/types.h"

namespace fastpath::raft {

void PutVarint(std::string& out, uint64_t value);
// Consumes from the front of `in`. False if truncated or over 10 bytes.
bool TakeVarint(std::string_view& in, uint64_t& value);

// Everything of an entry but its payload bytes, which follow at once.
void EncodeEntryHeader(std::string& out, const Entry& entry);
size_t EncodedEntryBytes(const Entry& entry);
void EncodeEntry(std::string& out, const Entry& entry);
absl::StatusOr<Entry> DecodeEntry(std::string_view& in);  // Consumes one entry.

std::string EncodeConfiguration(const Configuration& configuration);
absl::StatusOr<Configuration> DecodeConfiguration(std::string_view in);

// Payloads of 1 KiB and more are shared into the cord, not copied.
void EncodeMessage(absl::Cord& out, const Message& message);
absl::StatusOr<Message> DecodeMessage(std::string_view& in);  // Consumes one message.

}  // namespace fastpath::raft
