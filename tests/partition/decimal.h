// School arithmetic on decimal text: the slow reference that numbers are tested
// against. Takes plain digits as Number::ToString writes them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace fastpath::model {

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
