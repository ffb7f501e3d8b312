#include "partition/model/encoded.h"

#include <cstring>

#include "partition/model/check.h"

namespace fastpath::model {
namespace {

// A number ends at its first even byte after the power; negative ones have every
// bit flipped (number.cc). 0 if it does not end.
size_t NumberBytes(std::string_view in) {
  if (in.empty()) return 0;
  const uint8_t first = static_cast<uint8_t>(in[0]);
  if (first == 0x80) return 1;
  const uint8_t flip = first < 0x80 ? 0xff : 0x00;
  const uint8_t power = first ^ flip;
  size_t at = power == 0x81 || power == 0xff ? 2 : 1;
  while (at < in.size()) {
    if (((static_cast<uint8_t>(in[at++]) ^ flip) & 1) == 0) return at;
  }
  return 0;
}

bool TakePrefix(std::string_view& in, size_t size, std::string_view& bytes) {
  if (size > in.size()) return false;
  bytes = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

// The bytes of one character outside ASCII; 0 if malformed (Unicode, table 3-7).
size_t WideCharacterBytes(std::string_view in) {
  const auto byte = [in](size_t at) { return static_cast<uint8_t>(in[at]); };
  const auto continues = [&](size_t at, uint8_t low = 0x80, uint8_t high = 0xbf) {
    return at < in.size() && byte(at) >= low && byte(at) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const uint8_t low = lead == 0xe0 ? 0xa0 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const uint8_t low = lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void AppendLength(std::string& out, size_t length) {
  FASTPATH_MODEL_CHECK(length <= kLengthLimit);
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
}

bool TakeLength(std::string_view& in, size_t& length) {
  uint64_t value = 0;
  for (size_t at = 0; at < in.size() && at < 5; ++at) {
    const uint8_t byte = static_cast<uint8_t>(in[at]);
    value |= uint64_t{byte & 0x7fu} << (7 * at);
    if (byte & 0x80) continue;
    if ((byte == 0 && at > 0) || value > kLengthLimit) return false;
    length = value;
    in.remove_prefix(at + 1);
    return true;
  }
  return false;
}

bool TakeBytes(std::string_view& in, std::string_view& bytes) {
  size_t length = 0;
  return TakeLength(in, length) && TakePrefix(in, length, bytes);
}

bool IsType(uint8_t byte) {
  return byte >= static_cast<uint8_t>(Type::kString) &&
         byte <= static_cast<uint8_t>(Type::kBinarySet);
}

bool TakeBody(std::string_view& in, Type type, std::string_view& body) {
  switch (type) {
    case Type::kNull:
      return TakePrefix(in, 0, body);
    case Type::kBool:
      return TakePrefix(in, 1, body);
    case Type::kNumber: {
      const size_t size = NumberBytes(in);
      return size > 0 && TakePrefix(in, size, body);
    }
    case Type::kString:
    case Type::kBinary:
    case Type::kMap:
    case Type::kList:
    case Type::kStringSet:
    case Type::kNumberSet:
    case Type::kBinarySet:
      return TakeBytes(in, body);
  }
  return false;
}

bool TakeValue(std::string_view& in, Type& type, std::string_view& body) {
  if (in.empty() || !IsType(static_cast<uint8_t>(in[0]))) return false;
  type = static_cast<Type>(in[0]);
  in.remove_prefix(1);
  return TakeBody(in, type, body);
}

bool IsUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight = 0;
    if (text.size() - at >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const size_t size = WideCharacterBytes(text.substr(at));
    if (size == 0) return false;
    at += size;
  }
  return true;
}

}  // namespace fastpath::model
