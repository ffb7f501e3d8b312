// Reading encoded values piece by piece, for those who need not decode them:
// the codec itself and keys. Internal to partition/model. Every function is
// safe on any input. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "partition/model/value.h"

namespace fastpath::model {

inline constexpr size_t kLengthLimit = 0xffffffff;

// length := base 128, low bits first, high bit set on all bytes but the last;
// no longer than needed; at most kLengthLimit.
void AppendLength(std::string& out, size_t length);
bool TakeLength(std::string_view& in, size_t& length);
// A length and that many bytes.
bool TakeBytes(std::string_view& in, std::string_view& bytes);

// Whether a type stands alone or how its body is delimited.
bool IsType(uint8_t byte);

// One value of known type without its type byte: `body` is the content of S, B,
// M, L and sets without its length, and all bytes of N and BOOL. Checks lengths only.
bool TakeBody(std::string_view& in, Type type, std::string_view& body);
// One value, type byte included.
bool TakeValue(std::string_view& in, Type& type, std::string_view& body);

bool IsUtf8(std::string_view text);  // As Unicode: no surrogates, no overlong forms.

}  // namespace fastpath::model
