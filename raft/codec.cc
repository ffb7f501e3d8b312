#include "raft/codec.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fastpath::raft {
namespace {

constexpr uint8_t kConfigurationFormat = 1;  // Never change.
constexpr uint8_t kFlagReject = 1;           // Never change.
constexpr uint8_t kFlagForce = 2;            // Never change.
constexpr size_t kShareFromBytes = 1024;     // Smaller payloads are cheaper to copy.
constexpr size_t kVarintBytes = 10;          // At most.
constexpr size_t kMessageVarints = 11;       // And two bytes.
constexpr size_t kEntryHeaderBytes = 32;     // At most.
constexpr size_t kMinEntryBytes = 4;         // Bounds a count by the bytes that remain.
constexpr size_t kMinMemberBytes = 2;

// To `at`, which has room for it; returns what follows.
char* WriteVarint(char* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++bytes;
  }
  return bytes;
}

absl::Status Bad(const char* field, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("raft codec: ", field, ": ", why));
}

absl::Status TakeNumber(std::string_view& in, const char* field, uint64_t& value) {
  if (TakeVarint(in, value)) return absl::OkStatus();
  return Bad(field, "truncated or overlong varint");
}

absl::Status TakeNumber32(std::string_view& in, const char* field, uint32_t& value) {
  uint64_t wide = 0;
  if (absl::Status s = TakeNumber(in, field, wide); !s.ok()) return s;
  if (wide > UINT32_MAX) return Bad(field, "over 32 bits");
  value = static_cast<uint32_t>(wide);
  return absl::OkStatus();
}

absl::Status TakeByte(std::string_view& in, const char* field, uint8_t limit, uint8_t& value) {
  if (in.empty()) return Bad(field, "truncated");
  value = static_cast<uint8_t>(in.front());
  in.remove_prefix(1);
  if (value > limit) return Bad(field, "unknown value");
  return absl::OkStatus();
}

absl::Status TakeCount(std::string_view& in, const char* field, size_t min_item_bytes,
                       uint64_t& count) {
  if (absl::Status s = TakeNumber(in, field, count); !s.ok()) return s;
  if (count > in.size() / min_item_bytes) return Bad(field, "more items than bytes remain for");
  return absl::OkStatus();
}

void PutMembers(std::string& out, const std::vector<Member>& members) {
  PutVarint(out, members.size());
  for (const Member& member : members) {
    PutVarint(out, member.replica);
    PutVarint(out, member.node);
  }
}

absl::Status TakeMembers(std::string_view& in, const char* field, std::vector<Member>& members) {
  uint64_t count = 0;
  if (absl::Status s = TakeCount(in, field, kMinMemberBytes, count); !s.ok()) return s;
  members.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    Member member;
    if (absl::Status s = TakeNumber(in, field, member.replica); !s.ok()) return s;
    if (absl::Status s = TakeNumber32(in, field, member.node); !s.ok()) return s;
    if (member.replica == 0) return Bad(field, "replica 0");
    if (!members.empty() && members.back().replica >= member.replica) {
      return Bad(field, "not sorted by replica");
    }
    members.push_back(member);
  }
  return absl::OkStatus();
}

absl::Status TakeMessageNumbers(std::string_view& in, Message& message) {
  struct Field {
    const char* name;
    uint64_t* value;
  };
  if (absl::Status s = TakeNumber32(in, "message group", message.group); !s.ok()) return s;
  const Field fields[] = {
      {"message from", &message.from},         {"message to", &message.to},
      {"message term", &message.term},         {"message index", &message.index},
      {"message log_term", &message.log_term}, {"message commit", &message.commit},
      {"message hint", &message.hint},         {"message round", &message.round},
  };
  for (const Field& field : fields) {
    if (absl::Status s = TakeNumber(in, field.name, *field.value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

void PutVarint(std::string& out, uint64_t value) {
  if (value < 0x80) return out.push_back(static_cast<char>(value));
  char buffer[kVarintBytes];
  out.append(buffer, WriteVarint(buffer, value) - buffer);
}

bool TakeVarint(std::string_view& in, uint64_t& value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in.size() && i < 10; ++i) {
    const uint64_t byte = static_cast<uint8_t>(in[i]);
    if (i == 9 && byte > 1) return false;  // Would not fit 64 bits.
    result |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in.remove_prefix(i + 1);
      value = result;
      return true;
    }
  }
  return false;
}

void EncodeEntryHeader(std::string& out, const Entry& entry) {
  char header[1 + 3 * kVarintBytes];
  char* at = WriteVarint(header, entry.term);
  at = WriteVarint(at, entry.index);
  *at++ = static_cast<char>(entry.kind);
  at = WriteVarint(at, entry.payload->size());
  out.append(header, at - header);
}

size_t EncodedEntryBytes(const Entry& entry) {
  const size_t length = entry.payload->size();
  return VarintBytes(entry.term) + VarintBytes(entry.index) + 1 + VarintBytes(length) + length;
}

void EncodeEntry(std::string& out, const Entry& entry) {
  EncodeEntryHeader(out, entry);
  out.append(*entry.payload);
}

absl::StatusOr<Entry> DecodeEntry(std::string_view& in) {
  Entry entry;
  uint8_t kind = 0;
  uint64_t length = 0;
  if (absl::Status s = TakeNumber(in, "entry term", entry.term); !s.ok()) return s;
  if (absl::Status s = TakeNumber(in, "entry index", entry.index); !s.ok()) return s;
  if (absl::Status s = TakeByte(in, "entry kind", 2, kind); !s.ok()) return s;
  if (absl::Status s = TakeNumber(in, "entry length", length); !s.ok()) return s;
  if (length > kMaxEntryBytes) return Bad("entry length", "over the limit of an entry");
  if (length > in.size()) return Bad("entry payload", "truncated");
  entry.kind = static_cast<EntryKind>(kind);
  entry.payload = std::make_shared<const std::string>(in.substr(0, length));
  in.remove_prefix(length);
  return entry;
}

std::string EncodeConfiguration(const Configuration& configuration) {
  std::string out;
  out.push_back(static_cast<char>(kConfigurationFormat));
  PutMembers(out, configuration.voters);
  PutMembers(out, configuration.outgoing);
  PutMembers(out, configuration.learners);
  return out;
}

absl::StatusOr<Configuration> DecodeConfiguration(std::string_view in) {
  Configuration configuration;
  uint8_t format = 0;
  if (absl::Status s = TakeByte(in, "configuration format", 255, format); !s.ok()) return s;
  if (format != kConfigurationFormat) return Bad("configuration format", "unknown value");
  absl::Status s = TakeMembers(in, "voters", configuration.voters);
  if (s.ok()) s = TakeMembers(in, "outgoing", configuration.outgoing);
  if (s.ok()) s = TakeMembers(in, "learners", configuration.learners);
  if (!s.ok()) return s;
  if (!in.empty()) return Bad("configuration", "bytes after its end");
  for (const Member& learner : configuration.learners) {
    for (const Member& voter : configuration.voters) {
      if (voter.replica == learner.replica) return Bad("learners", "also a voter");
    }
  }
  return configuration;
}

void EncodeMessage(absl::Cord& out, const Message& message) {
  char header[2 + kMessageVarints * kVarintBytes];
  char* at = header;
  *at++ = static_cast<char>(message.type);
  for (uint64_t number :
       {uint64_t{message.group}, message.from, message.to, message.term, message.index,
        message.log_term, message.commit, message.hint, message.round}) {
    at = WriteVarint(at, number);
  }
  *at++ = static_cast<char>((message.reject ? kFlagReject : 0) | (message.force ? kFlagForce : 0));
  at = WriteVarint(at, message.from_node);
  at = WriteVarint(at, message.entries.size());
  const absl::string_view head(header, static_cast<size_t>(at - header));
  if (message.entries.empty()) return out.Append(head);
  size_t copied = head.size();
  for (const Entry& entry : message.entries) {
    const size_t payload = entry.payload->size();
    copied += kEntryHeaderBytes + (payload < kShareFromBytes ? payload : 0);
  }
  std::string bytes;
  bytes.reserve(copied);
  bytes.append(head.data(), head.size());
  for (const Entry& entry : message.entries) {
    EncodeEntryHeader(bytes, entry);
    if (entry.payload->size() < kShareFromBytes) {
      bytes.append(*entry.payload);
      continue;
    }
    out.Append(std::exchange(bytes, std::string()));
    out.Append(absl::MakeCordFromExternal(*entry.payload, [keep = entry.payload] {}));
  }
  out.Append(std::move(bytes));
}

absl::StatusOr<Message> DecodeMessage(std::string_view& in) {
  Message message;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint64_t count = 0;
  if (absl::Status s = TakeByte(in, "message type", 10, type); !s.ok()) return s;
  if (type == 0) return Bad("message type", "unknown value");
  message.type = static_cast<MessageType>(type);
  if (absl::Status s = TakeMessageNumbers(in, message); !s.ok()) return s;
  if (absl::Status s = TakeByte(in, "message flags", 3, flags); !s.ok()) return s;
  message.reject = (flags & kFlagReject) != 0;
  message.force = (flags & kFlagForce) != 0;
  if (absl::Status s = TakeNumber32(in, "message from_node", message.from_node); !s.ok()) return s;
  if (absl::Status s = TakeCount(in, "message entries", kMinEntryBytes, count); !s.ok()) return s;
  message.entries.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<Entry> entry = DecodeEntry(in);
    if (!entry.ok()) return entry.status();
    message.entries.push_back(*std::move(entry));
  }
  return message;
}

}  // namespace fastpath::raft
