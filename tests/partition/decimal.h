// Decimal text by hand, digit for digit: the slow reference that numbers are
// tested against. It shares nothing with them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace fastpath::model {

// What [+-]digits[.digits][(e|E)[+-]digits] says, by DynamoDB's rules (Developer
// Guide, "Data types", "Number"): 38 digits, 1E-130 to 9.99...E+125, trimmed zeros.
struct NumberText {
  enum class Verdict { kNumber, kTooManyDigits, kOverflow, kUnderflow };

  explicit NumberText(std::string text) {
    const size_t e = std::min(text.find_first_of("eE"), text.size());
    const int exponent = e < text.size() ? std::stoi(text.substr(e + 1)) : 0;
    text.resize(e);
    negative = text[0] == '-';
    if (text[0] == '-' || text[0] == '+') text.erase(0, 1);
    const size_t point = std::min(text.find('.'), text.size());
    if (point < text.size()) text.erase(point, 1);
    const size_t first = text.find_first_not_of('0');
    if (first == std::string::npos) return;
    power = exponent + static_cast<int>(point) - static_cast<int>(first) - 1;
    digits = text.substr(first, text.find_last_not_of('0') + 1 - first);
  }
  Verdict verdict() const {
    if (digits.size() > 38) return Verdict::kTooManyDigits;
    if (!digits.empty() && power > 125) return Verdict::kOverflow;
    if (!digits.empty() && power < -130) return Verdict::kUnderflow;
    return Verdict::kNumber;
  }
  // Its shortest plain form.
  std::string Canonical() const {
    if (digits.empty()) return "0";
    const int count = static_cast<int>(digits.size());
    std::string out = negative ? "-" : "";
    if (power < 0) return out + "0." + std::string(-power - 1, '0') + digits;
    if (power >= count - 1) return out + digits + std::string(power - count + 1, '0');
    return out + digits.substr(0, power + 1) + "." + digits.substr(power + 1);
  }

  bool negative = false;
  std::string digits;  // Significant ones; none of zero.
  int power = 0;       // Of the first digit.
};

// School arithmetic on plain digits as Number::ToString writes them.
class Decimal {
 public:
  static constexpr int kPlaces = 200;  // On either side of the point.

  explicit Decimal(std::string_view text) : digits_(2 * kPlaces, 0) {
    if (!text.empty() && text[0] == '-') {
      negative_ = true;
      text.remove_prefix(1);
    }
    const size_t point = std::min(text.find('.'), text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      if (i == point) continue;
      const int place = static_cast<int>(point) - static_cast<int>(i) - (i < point ? 1 : 0);
      digits_[kPlaces + place] = static_cast<char>(text[i] - '0');
    }
  }
  void Negate() { negative_ = !negative_; }

  friend int CompareMagnitude(const Decimal& a, const Decimal& b) {
    for (int i = 2 * kPlaces - 1; i >= 0; --i) {
      if (a.digits_[i] != b.digits_[i]) return a.digits_[i] < b.digits_[i] ? -1 : 1;
    }
    return 0;
  }
  friend int Compare(const Decimal& a, const Decimal& b) {
    if (a.IsZero() && b.IsZero()) return 0;
    if (a.negative_ != b.negative_) return a.negative_ ? -1 : 1;
    return a.negative_ ? CompareMagnitude(b, a) : CompareMagnitude(a, b);
  }
  friend Decimal Sum(const Decimal& a, const Decimal& b) {
    const bool a_larger = CompareMagnitude(a, b) >= 0;
    const Decimal& large = a_larger ? a : b;
    const Decimal& small = a_larger ? b : a;
    const int sign = a.negative_ == b.negative_ ? 1 : -1;
    Decimal sum = large;
    int carry = 0;
    for (int i = 0; i < 2 * kPlaces; ++i) {
      const int digit = large.digits_[i] + sign * small.digits_[i] + carry;
      carry = digit < 0 ? -1 : digit / 10;
      sum.digits_[i] = static_cast<char>(digit - 10 * carry);
    }
    return sum;
  }

  std::string ToString() const {
    if (IsZero()) return "0";
    std::string out;
    for (int i = 2 * kPlaces - 1; i >= 0; --i) {
      if (i == kPlaces - 1) out += '.';
      out += static_cast<char>('0' + digits_[i]);
    }
    out.erase(0, std::min(out.find_first_not_of('0'), out.find('.') - 1));
    out.erase(out.find_last_not_of('0') + 1);
    if (out.back() == '.') out.pop_back();
    return (negative_ ? "-" : "") + out;
  }

 private:
  bool IsZero() const { return digits_ == std::string(2 * kPlaces, 0); }

  bool negative_ = false;
  std::string digits_;  // Place i stands for 10^(i - kPlaces).
};

}  // namespace fastpath::model
