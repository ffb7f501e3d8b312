// Exact decimal numbers as DynamoDB's: up to 38 significant digits, magnitudes
// from 1E-130 to 9.99...9E+125, and zero. Value type; thread-safe.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fastpath::model {

class Number {
 public:
  Number() = default;  // Zero.
  static Number FromInt(int64_t value);
  // Accepts [+-]digits[.digits][(e|E)[+-]digits]. InvalidArgument: not a
  // number, more than 38 significant digits, or out of range (DynamoDB's words).
  static absl::StatusOr<Number> Parse(std::string_view text);

  // Plain digits, shortest: "1", "-0.5", "12300"; 1 = 1.0 = 1E0 give the same.
  std::string ToString() const;

  // OutOfRange: the result overflows or needs more than 38 digits.
  static absl::StatusOr<Number> Add(const Number& a, const Number& b);
  static absl::StatusOr<Number> Subtract(const Number& a, const Number& b);

  // Order-preserving, self-delimiting, canonical bytes: memcmp order is numeric
  // order. Also the stored form. Never-change. Grammar in number.cc.
  void AppendOrdered(std::string& out) const;
  static absl::StatusOr<Number> TakeOrdered(std::string_view& in);

  // The integral part; false if it does not fit.
  bool ToInt64(int64_t& out) const;

  std::strong_ordering operator<=>(const Number& other) const;
  bool operator==(const Number& other) const = default;

 private:
  // value = (negative ? -1 : 1) * digits * 10^exponent; canonical: digits has
  // no trailing zero and is below 10^38; zero is {false, 0, 0}.
  bool negative_ = false;
  unsigned __int128 digits_ = 0;
  int16_t exponent_ = 0;
};

}  // namespace fastpath::model
