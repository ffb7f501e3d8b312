// The ordered form, never to change. memcmp order is numeric order because the
// sign comes first, then the magnitude's power of ten, then its digits from the
// left; a negative number is its magnitude with every bit flipped.
//
//   number   := 0x80                          zero
//             | magnitude                     positive
//             | ~magnitude                    negative: each byte's complement
//   magnitude := power pair* last
//   power    := 0x82..0xfe                    power + 62 + 0x82, power in -62..62
//             | 0x81 p:u8                     power + 130, power in -130..-63
//             | 0xff p:u8                     power + 130, power in 63..125
//   pair     := 2 * hundredth + 1             two digits, 00..99, more follow
//   last     := 2 * hundredth                 the last two digits, never 00
//
// value = 0.d1d2d3... * 10^(power + 1) with d1 not 0, padded with one 0 to whole
// pairs: at most 19 of them. "5" is power 0 and the pair 50: c0 64. Within a
// power, a shorter number is less than its extensions because its last pair is
// even and theirs odd.
#include "partition/model/number.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "partition/model/check.h"

namespace fastpath::model {
namespace {

using Digits = unsigned __int128;

constexpr int kDigitsLimit = 38;
constexpr int kPowerMax = 125;  // Of the first digit.
constexpr int kPowerMin = -130;
static_assert(kPowerMax - kPowerMin == 255);  // One byte holds every power.

constexpr uint8_t kZeroByte = 0x80;
constexpr uint8_t kLowPowerByte = 0x81;
constexpr uint8_t kHighPowerByte = 0xff;
constexpr int kShortPowerMax = 62;
constexpr int kShortPowerBias = 0x82 + kShortPowerMax;
static_assert(kShortPowerBias - kShortPowerMax == kLowPowerByte + 1);
static_assert(kShortPowerBias + kShortPowerMax == kHighPowerByte - 1);

constexpr auto kTenTo = [] {
  std::array<Digits, kDigitsLimit + 1> powers{};
  powers[0] = 1;
  for (int i = 1; i <= kDigitsLimit; ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

absl::Status TooManyDigits() {
  return absl::InvalidArgumentError(
      "Attempting to store more than 38 significant digits in a Number");
}
absl::Status Overflow() {
  return absl::InvalidArgumentError(
      "Number overflow. Attempting to store a number with magnitude larger than supported range");
}
absl::Status Underflow() {
  return absl::InvalidArgumentError(
      "Number underflow. Attempting to store a number with magnitude smaller than supported "
      "range");
}
absl::Status NotNumeric(std::string_view text) {
  constexpr size_t kShownBytes = 100;
  std::string shown = absl::CHexEscape({text.data(), std::min(text.size(), kShownBytes)});
  return absl::InvalidArgumentError(
      absl::StrCat("The parameter cannot be converted to a numeric value: ", shown,
                   text.size() > kShownBytes ? "..." : ""));
}
absl::Status BadForm(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed number: ", absl::string_view(what.data(), what.size())));
}

int CountDigits(Digits digits) {
  // Numbers are mostly short: from the small end.
  int count = 0;
  while (count < kDigitsLimit && digits >= kTenTo[count]) ++count;
  return digits >= kTenTo[kDigitsLimit] ? kDigitsLimit + 1 : count;
}

// Writes the decimal digits of a non-zero number without a leading zero.
int WriteDigits(Digits digits, char (&out)[kDigitsLimit]) {
  FASTPATH_MODEL_CHECK(digits != 0 && digits < kTenTo[kDigitsLimit]);
  constexpr uint64_t kHalf = 10'000'000'000'000'000'000u;  // 10^19: halves fit 64 bits.
  const bool whole = digits < kHalf;
  uint64_t low = static_cast<uint64_t>(whole ? digits : digits % kHalf);
  uint64_t high = whole ? 0 : static_cast<uint64_t>(digits / kHalf);
  const int count = CountDigits(digits);
  int at = count;
  for (int i = 0; i < 19 && at > 0; ++i, low /= 10) out[--at] = static_cast<char>('0' + low % 10);
  for (; at > 0; high /= 10) out[--at] = static_cast<char>('0' + high % 10);
  return count;
}

// Digits and a power of ten as read or computed: not yet canonical.
struct Raw {
  bool negative = false;
  Digits digits = 0;
  int64_t exponent = 0;
};

// Drops trailing zeros and checks the range; OK leaves `raw` canonical.
absl::Status Canonicalize(Raw& raw) {
  if (raw.digits == 0) {
    raw = Raw{};
    return absl::OkStatus();
  }
  while (raw.digits > std::numeric_limits<uint64_t>::max() && raw.digits % 10 == 0) {
    raw.digits /= 10;
    ++raw.exponent;
  }
  if (raw.digits <= std::numeric_limits<uint64_t>::max()) {  // Far cheaper to divide.
    uint64_t digits = static_cast<uint64_t>(raw.digits);
    for (; digits % 10 == 0; digits /= 10) ++raw.exponent;
    raw.digits = digits;
  }
  const int count = CountDigits(raw.digits);
  if (count > kDigitsLimit) return TooManyDigits();
  const int64_t power = raw.exponent + count - 1;
  if (power > kPowerMax) return Overflow();
  if (power < kPowerMin) return Underflow();
  return absl::OkStatus();
}

// Significant digits from text, in which zeros at either end do not count.
class DigitReader {
 public:
  // False: more than 38 significant digits.
  bool Append(char digit, bool fraction) {
    if (fraction) --exponent_;
    if (digit == '0') {
      if (digits_ != 0) ++zeros_;
      return true;
    }
    while (zeros_ > 0) {
      if (!Push(0)) return false;
      --zeros_;
    }
    return Push(digit - '0');
  }
  Digits digits() const { return digits_; }
  int64_t exponent() const { return exponent_ + zeros_; }

 private:
  bool Push(int digit) {
    if (++count_ > kDigitsLimit) return false;
    digits_ = digits_ * 10 + digit;
    return true;
  }

  Digits digits_ = 0;
  int count_ = 0;
  int64_t zeros_ = 0;     // Seen after the last pushed digit.
  int64_t exponent_ = 0;  // Minus the digits after the point.
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Consumes [+-]; true if negative.
bool TakeSign(std::string_view& text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

// Consumes [+-]digits; saturates far outside the range. False: no digits.
bool TakeExponent(std::string_view& text, int64_t& exponent) {
  constexpr int64_t kFar = 1'000'000'000'000;
  const bool negative = TakeSign(text);
  if (text.empty() || !IsDigit(text[0])) return false;
  exponent = 0;
  for (; !text.empty() && IsDigit(text[0]); text.remove_prefix(1)) {
    exponent = std::min(exponent * 10 + (text[0] - '0'), kFar);
  }
  if (negative) exponent = -exponent;
  return true;
}

}  // namespace

Number Number::FromInt(int64_t value) {
  Raw raw;
  raw.negative = value < 0;
  const uint64_t bits = static_cast<uint64_t>(value);
  raw.digits = raw.negative ? uint64_t{0} - bits : bits;
  FASTPATH_MODEL_CHECK(Canonicalize(raw).ok());
  Number number;
  number.negative_ = raw.negative;
  number.digits_ = raw.digits;
  number.exponent_ = static_cast<int16_t>(raw.exponent);
  return number;
}

absl::StatusOr<Number> Number::Parse(std::string_view text) {
  std::string_view rest = text;
  Raw raw;
  raw.negative = TakeSign(rest);
  DigitReader reader;
  bool too_many = false;
  const auto take_digits = [&](bool fraction) {
    const size_t before = rest.size();
    for (; !rest.empty() && IsDigit(rest[0]); rest.remove_prefix(1)) {
      too_many = too_many || !reader.Append(rest[0], fraction);
    }
    return rest.size() < before;
  };
  if (!take_digits(false)) return NotNumeric(text);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    if (!take_digits(true)) return NotNumeric(text);
  }
  int64_t exponent = 0;
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest.remove_prefix(1);
    if (!TakeExponent(rest, exponent)) return NotNumeric(text);
  }
  if (!rest.empty()) return NotNumeric(text);
  if (too_many) return TooManyDigits();
  raw.digits = reader.digits();
  raw.exponent = reader.exponent() + exponent;
  if (absl::Status status = Canonicalize(raw); !status.ok()) return status;
  Number number;
  number.negative_ = raw.negative;
  number.digits_ = raw.digits;
  number.exponent_ = static_cast<int16_t>(raw.exponent);
  return number;
}

std::string Number::ToString() const {
  if (digits_ == 0) return "0";
  char digits[kDigitsLimit];
  const int count = WriteDigits(digits_, digits);
  const int point = count + exponent_;  // Digits before the decimal point.
  std::string out = negative_ ? "-" : "";
  if (point <= 0) {
    out.append("0.").append(-point, '0').append(digits, count);
  } else if (point >= count) {
    out.append(digits, count).append(point - count, '0');
  } else {
    out.append(digits, point).append(1, '.').append(digits + point, count - point);
  }
  return out;
}

absl::StatusOr<Number> Number::Add(const Number& a, const Number& b) {
  if (a.digits_ == 0) return b;
  if (b.digits_ == 0) return a;
  const Number& high = a.exponent_ >= b.exponent_ ? a : b;
  const Number& low = a.exponent_ >= b.exponent_ ? b : a;
  const int shift = high.exponent_ - low.exponent_;
  // Both as multiples of 10^low.exponent. With a shift the last digit of the
  // result is low's, not 0: then all digits of the result count, and where
  // `high` alone reaches 2 * 10^38, subtracting less than 10^38 leaves too many.
  constexpr Digits kAlignedLimit = 2 * kTenTo[kDigitsLimit];
  static_assert(kAlignedLimit < std::numeric_limits<Digits>::max() - kTenTo[kDigitsLimit]);
  if (shift > kDigitsLimit || high.digits_ > (kAlignedLimit - 1) / kTenTo[shift]) {
    return absl::OutOfRangeError(TooManyDigits().message());
  }
  const Digits aligned = high.digits_ * kTenTo[shift];
  Raw raw;
  raw.exponent = low.exponent_;
  if (high.negative_ == low.negative_) {
    raw.negative = high.negative_;
    raw.digits = aligned + low.digits_;
  } else if (aligned >= low.digits_) {
    raw.negative = high.negative_;
    raw.digits = aligned - low.digits_;
  } else {
    raw.negative = low.negative_;
    raw.digits = low.digits_ - aligned;
  }
  if (absl::Status status = Canonicalize(raw); !status.ok()) {
    return absl::OutOfRangeError(status.message());
  }
  Number sum;
  sum.negative_ = raw.negative;
  sum.digits_ = raw.digits;
  sum.exponent_ = static_cast<int16_t>(raw.exponent);
  return sum;
}

absl::StatusOr<Number> Number::Subtract(const Number& a, const Number& b) {
  Number minus_b = b;
  if (b.digits_ != 0) minus_b.negative_ = !b.negative_;
  return Add(a, minus_b);
}

void Number::AppendOrdered(std::string& out) const {
  if (digits_ == 0) {
    out.push_back(static_cast<char>(kZeroByte));
    return;
  }
  char digits[kDigitsLimit];
  const int count = WriteDigits(digits_, digits);
  const int power = exponent_ + count - 1;
  char bytes[2 + kDigitsLimit / 2];
  size_t size = 0;
  if (power < -kShortPowerMax || power > kShortPowerMax) {
    bytes[size++] = static_cast<char>(power < 0 ? kLowPowerByte : kHighPowerByte);
    bytes[size++] = static_cast<char>(power - kPowerMin);
  } else {
    bytes[size++] = static_cast<char>(power + kShortPowerBias);
  }
  for (int i = 0; i < count; i += 2) {
    const int units = i + 1 < count ? digits[i + 1] - '0' : 0;
    const int pair = (digits[i] - '0') * 10 + units;
    bytes[size++] = static_cast<char>(2 * pair + (i + 2 < count ? 1 : 0));
  }
  if (negative_) {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  }
  out.append(bytes, size);
}

absl::StatusOr<Number> Number::TakeOrdered(std::string_view& in) {
  std::string_view rest = in;
  if (rest.empty()) return BadForm("no bytes");
  const uint8_t first = static_cast<uint8_t>(rest[0]);
  if (first == kZeroByte) {
    in.remove_prefix(1);
    return Number();
  }
  const uint8_t flip = first < kZeroByte ? 0xff : 0x00;
  const auto take = [&rest, flip](uint8_t& byte) {
    if (rest.empty()) return false;
    byte = static_cast<uint8_t>(rest[0]) ^ flip;
    rest.remove_prefix(1);
    return true;
  };
  uint8_t byte = 0;
  take(byte);
  if (byte == kZeroByte) return BadForm("a negative zero");
  int power = byte - kShortPowerBias;
  if (byte == kLowPowerByte || byte == kHighPowerByte) {
    const bool low = byte == kLowPowerByte;
    if (!take(byte)) return BadForm("cut off in its power");
    power = byte + kPowerMin;
    if (low ? power >= -kShortPowerMax : power <= kShortPowerMax) return BadForm("a long power");
  }
  Digits digits = 0;
  int pairs = 0;
  do {
    if (!take(byte)) return BadForm("cut off in its digits");
    const int pair = byte / 2;
    if (pair > 99 || (pairs == 0 && pair < 10)) return BadForm("a wrong digit");
    if (++pairs > kDigitsLimit / 2) return BadForm("too many digits");
    digits = digits * 100 + pair;
  } while (byte % 2 == 1);
  if (byte == 0) return BadForm("a trailing zero");
  int exponent = power + 1 - 2 * pairs;
  if (digits % 10 == 0) {
    digits /= 10;
    ++exponent;
  }
  Number number;
  number.negative_ = flip != 0;
  number.digits_ = digits;
  number.exponent_ = static_cast<int16_t>(exponent);
  in = rest;
  return number;
}

bool Number::ToInt64(int64_t& out) const {
  Digits integral = digits_;
  if (exponent_ < 0) {
    integral = -exponent_ > kDigitsLimit ? 0 : digits_ / kTenTo[-exponent_];
  } else if (exponent_ > 0) {
    // 10^19 and above do not fit anyway; below it the product does not overflow.
    if (CountDigits(digits_) + exponent_ > 19) return false;
    integral = digits_ * kTenTo[exponent_];
  }
  const Digits limit = Digits{std::numeric_limits<int64_t>::max()} + (negative_ ? 1 : 0);
  if (integral > limit) return false;
  const uint64_t bits = static_cast<uint64_t>(integral);
  out = static_cast<int64_t>(negative_ ? uint64_t{0} - bits : bits);
  return true;
}

std::strong_ordering Number::operator<=>(const Number& other) const {
  const auto sign = [](const Number& n) { return n.digits_ == 0 ? 0 : n.negative_ ? -1 : 1; };
  if (sign(*this) != sign(other)) return sign(*this) <=> sign(other);
  if (digits_ == 0) return std::strong_ordering::equal;
  const Number& left = negative_ ? other : *this;
  const Number& right = negative_ ? *this : other;
  const int left_count = CountDigits(left.digits_);
  const int right_count = CountDigits(right.digits_);
  const int left_power = left.exponent_ + left_count;
  const int right_power = right.exponent_ + right_count;
  if (left_power != right_power) return left_power <=> right_power;
  return left.digits_ * kTenTo[kDigitsLimit - left_count] <=>
         right.digits_ * kTenTo[kDigitsLimit - right_count];
}

}  // namespace fastpath::model
