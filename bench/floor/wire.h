// The floor's bytes: little-endian, as the machine has them; no versions, no checks.
//
//   request = u32 bytes after this, u32 id, u8 read, key (14 bytes), value (the rest; none if read)
//   answer  = u32 bytes after this, u32 id, u8 found, value (none for a write)
//   batch   = u32 bytes after this, u64 sequence, request*       leader -> follower
//   ack     = u64 sequence: this batch and all before are on disk  follower -> leader
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace fastpath::bench {

inline constexpr size_t kFloorKeyBytes = 14;
inline constexpr size_t kFloorRequestHead = 9;  // Without the key.
inline constexpr size_t kFloorAnswerHead = 9;

template <class Integer>
void AppendInteger(std::string& out, Integer value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class Integer>
Integer ReadInteger(std::string_view from) {
  Integer value;
  std::memcpy(&value, from.data(), sizeof(value));
  return value;
}

// Cuts the first whole frame ("u32 bytes after this", and they) off `bytes`, with
// its length; empty if it is not all there.
inline std::string_view CutFrame(std::string_view& bytes) {
  if (bytes.size() < sizeof(uint32_t)) return {};
  const size_t size = sizeof(uint32_t) + ReadInteger<uint32_t>(bytes);
  if (bytes.size() < size) return {};
  const std::string_view frame = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return frame;
}

struct FloorRequest {
  uint32_t id = 0;
  bool read = false;
  std::string_view key, value;
};

inline FloorRequest ParseRequest(std::string_view frame) {
  return {ReadInteger<uint32_t>(frame.substr(4)), frame[8] != 0,
          frame.substr(kFloorRequestHead, kFloorKeyBytes),
          frame.substr(kFloorRequestHead + kFloorKeyBytes)};
}

inline void AppendRequest(std::string& out, const FloorRequest& request) {
  AppendInteger(out, static_cast<uint32_t>(kFloorRequestHead - 4 + request.key.size() +
                                           request.value.size()));
  AppendInteger(out, request.id);
  AppendInteger(out, static_cast<uint8_t>(request.read));
  out.append(request.key).append(request.value);
}

inline void AppendAnswer(std::string& out, uint32_t id, bool found, std::string_view value) {
  AppendInteger(out, static_cast<uint32_t>(kFloorAnswerHead - 4 + value.size()));
  AppendInteger(out, id);
  AppendInteger(out, static_cast<uint8_t>(found));
  out.append(value);
}

}  // namespace fastpath::bench
