// Random numbers, values and items for property tests.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "partition/model/value.h"

namespace fastpath::model {

// Runs a property as part of a gtest; the seed is printed when it fails.
template <typename Body>
void Property(Body body) {
  static const bool kMoreCases = setenv("RC_PARAMS", "max_success=2000", 0) == 0;
  EXPECT_TRUE(kMoreCases && rc::check(body));
}

inline rc::Gen<Number> NumberGen() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::arbitrary<bool>(), rc::gen::inRange(1, 39),
                     rc::gen::container<std::string>(38, rc::gen::inRange<char>('0', '9' + 1)),
                     rc::gen::oneOf(rc::gen::inRange(-130, 126), rc::gen::inRange(-3, 40))),
      [](const auto& parts) {
        const auto& [negative, count, digits, power] = parts;
        const std::string mantissa = digits.substr(0, count);
        const std::string text = (negative ? "-" : "") + mantissa.substr(0, 1) + "." +
                                 (count > 1 ? mantissa.substr(1) : "0") + "E" +
                                 std::to_string(power);
        const absl::StatusOr<Number> number = Number::Parse(text);
        return number.ok() ? *number : Number();
      });
}

// Numbers that differ from `near` in sign, or far behind the first digits.
inline rc::Gen<Number> NumberNearGen(const Number& near) {
  return rc::gen::map(rc::gen::inRange(-2, 40), [near](int places) {
    if (places == -2) return near;
    if (places == -1) return *Number::Subtract(Number(), near);
    const absl::StatusOr<Number> delta = Number::Parse("1E-" + std::to_string(places));
    const absl::StatusOr<Number> number = Number::Add(near, *delta);
    return number.ok() ? *number : near;
  });
}

inline rc::Gen<std::string> TextGen() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "a", "b", "z", std::string(1, '\0'), "\x01", "\x7f", "\xc3\xa9",
                          "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef")),
                      [](const std::vector<std::string>& parts) {
                        std::string text;
                        for (const std::string& part : parts) text += part;
                        return text;
                      });
}

inline rc::Gen<std::string> BytesGen() {
  return rc::gen::container<std::string>(rc::gen::arbitrary<char>());
}

inline rc::Gen<Value> ValueGen(int depth);

inline rc::Gen<AttributeMap> MapGen(int depth) {
  return rc::gen::exec([depth] {
    AttributeMap map;
    const int count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
      std::string name = *TextGen();
      if (name.empty()) name = "n";
      map.Set(std::move(name), *ValueGen(depth));
    }
    return map;
  });
}

template <typename Member>
rc::Gen<std::vector<Member>> MembersGen(rc::Gen<Member> member) {
  return rc::gen::nonEmpty(rc::gen::container<std::vector<Member>>(std::move(member)));
}

inline rc::Gen<Value> ValueGen(int depth) {
  return rc::gen::exec([depth]() -> Value {
    switch (*rc::gen::inRange(1, depth > 0 ? 11 : 9)) {
      case 1:
        return Value::String(*TextGen());
      case 2:
        return Value::Num(*NumberGen());
      case 3:
        return Value::Binary(*BytesGen());
      case 4:
        return Value::Bool(*rc::gen::arbitrary<bool>());
      case 5:
        return Value::Null();
      case 6:
        return Value::StringSet(*MembersGen(TextGen()));
      case 7:
        return Value::NumberSet(*MembersGen(NumberGen()));
      case 8:
        return Value::BinarySet(*MembersGen(BytesGen()));
      case 9:
        return Value::Map(*MapGen(depth - 1));
      default: {
        std::vector<Value> list;
        const int count = *rc::gen::inRange(0, 4);
        for (int i = 0; i < count; ++i) list.push_back(*ValueGen(depth - 1));
        return Value::List(std::move(list));
      }
    }
  });
}

}  // namespace fastpath::model

namespace rc {
// Failures show the encoding's shape well enough through the assertions' own text.
template <>
struct Arbitrary<fastpath::model::Number> {
  static Gen<fastpath::model::Number> arbitrary() { return fastpath::model::NumberGen(); }
};
inline void showValue(const fastpath::model::Number& number, std::ostream& os) {
  os << number.ToString();
}
}  // namespace rc
