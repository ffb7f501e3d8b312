#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "partition/model/number.h"
#include "tests/partition/decimal.h"
#include "tests/partition/generators.h"

namespace fastpath::model {
namespace {

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

Number N(std::string_view text) {
  absl::StatusOr<Number> number = Number::Parse(text);
  EXPECT_TRUE(number.ok()) << text << ": " << number.status();
  return number.ok() ? *number : Number();
}

std::string Ordered(const Number& number) {
  std::string out;
  number.AppendOrdered(out);
  return out;
}

const std::string k38Nines(38, '9');

TEST(Number, ParsesAndPrintsCanonically) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"0", "0"},
      {"-0", "0"},
      {"+0.000", "0"},
      {"0E999999999999999999999", "0"},
      {"1", "1"},
      {"1.0", "1"},
      {"1E0", "1"},
      {"10E-1", "1"},
      {"-1.50", "-1.5"},
      {"00012.3400", "12.34"},
      {"123E2", "12300"},
      {"0.5", "0.5"},
      {"-5e-1", "-0.5"},
      {"1e+2", "100"},
      {"0.0001E4", "1"},
      {k38Nines, k38Nines},
      {"0." + k38Nines, "0." + k38Nines},
      {std::string(500, '0') + "7." + std::string(500, '0'), "7"},
      {"1E125", "1" + std::string(125, '0')},
      {"1E-130", "0." + std::string(129, '0') + "1"},
      {"0." + std::string(1000, '0') + "1E1000", "0.1"},
      {"1" + std::string(1000, '0') + "E-1000", "1"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(N(text).ToString(), expected) << text;
}

TEST(Number, RefusesInDynamoDbsWords) {
  for (const char* text : {"", "+", "-", ".", ".5", "5.", "1e", "1e+", "e5", "1 ", " 1", "0x1",
                           "1.2.3", "NaN", "Infinity", "--1", "1,000", "1e1.5"}) {
    EXPECT_EQ(Number::Parse(text).status(),
              absl::InvalidArgumentError(
                  std::string("The parameter cannot be converted to a numeric value: ") + text));
  }
  const auto too_many =
      absl::InvalidArgumentError("Attempting to store more than 38 significant digits in a Number");
  EXPECT_EQ(Number::Parse(k38Nines + "9").status(), too_many);
  EXPECT_EQ(Number::Parse("1" + std::string(37, '0') + "1").status(), too_many);
  EXPECT_EQ(Number::Parse("0." + k38Nines + "1").status(), too_many);
  const auto overflow = absl::InvalidArgumentError(
      "Number overflow. Attempting to store a number with magnitude larger than supported range");
  for (const char* text : {"1E126", "-1E126", "10E125", "1E99999999999999999999"}) {
    EXPECT_EQ(Number::Parse(text).status(), overflow) << text;
  }
  const auto underflow = absl::InvalidArgumentError(
      "Number underflow. Attempting to store a number with magnitude smaller than supported range");
  for (const char* text : {"1E-131", "-9.9E-131", "1E-99999999999999999999"}) {
    EXPECT_EQ(Number::Parse(text).status(), underflow) << text;
  }
  EXPECT_TRUE(Number::Parse("9." + std::string(37, '9') + "E125").ok());
  EXPECT_TRUE(Number::Parse("-1.2345E-130").ok());
}

TEST(Number, FromAndToInt64) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1000}, kMin, kMax, kMin + 1}) {
    const Number number = Number::FromInt(value);
    EXPECT_EQ(number.ToString(), std::to_string(value));
    EXPECT_EQ(number, N(std::to_string(value)));
    int64_t back = 7;
    EXPECT_TRUE(number.ToInt64(back));
    EXPECT_EQ(back, value);
  }
  int64_t out = 0;
  EXPECT_TRUE(N("12.99").ToInt64(out));
  EXPECT_EQ(out, 12);
  EXPECT_TRUE(N("-12.99").ToInt64(out));
  EXPECT_EQ(out, -12);
  EXPECT_TRUE(N("1E-130").ToInt64(out));
  EXPECT_EQ(out, 0);
  EXPECT_FALSE(N("9223372036854775808").ToInt64(out));
  EXPECT_FALSE(N("-9223372036854775809").ToInt64(out));
  EXPECT_FALSE(N("1E125").ToInt64(out));
  EXPECT_FALSE(N("1E19").ToInt64(out));
}

// Never-change: these bytes are keys and stored values.
TEST(Number, OrderedGoldenBytes) {
  const std::vector<std::pair<std::string, std::string>> ascending = {
      {"-1E125", "0000eb"}, {"-1E63", "003eeb"},    {"-100", "3deb"},     {"-12.5", "3ee69b"},
      {"-1", "3feb"},       {"-0.1", "40eb"},       {"-1E-63", "7ebceb"}, {"-1E-130", "7effeb"},
      {"0", "80"},          {"1E-130", "810014"},   {"1E-63", "814314"},  {"1E-62", "8214"},
      {"0.1", "bf14"},      {"0.5", "bf64"},        {"1", "c014"},        {"1.01", "c01514"},
      {"5", "c064"},        {"9.9", "c0c6"},        {"10", "c114"},       {"12", "c118"},
      {"12.5", "c11964"},   {"123456", "c5194570"}, {"1E62", "fe14"},     {"1E63", "ffc114"},
      {"1E125", "ffff14"},
  };
  std::string last;
  for (const auto& [text, hex] : ascending) {
    const std::string bytes = Ordered(N(text));
    EXPECT_EQ(Hex(bytes), hex) << text;
    EXPECT_LT(last, bytes) << text;
    last = bytes;
  }
}

TEST(Number, RefusesBytesThatAreNotCanonical) {
  const std::vector<std::string> malformed = {
      "",                                    // Nothing.
      "7f",                                  // Negative zero.
      "c0",                                  // No digits.
      "c015",                                // A pair that promises another.
      "c000",                                // Leading zeros.
      "c012",                                // A leading zero digit.
      "c01500",                              // A trailing pair of zeros.
      "c0c8",                                // A pair of 100.
      "81",                                  // No power.
      "814414",                              // A long form of -62.
      "ffc014",                              // A long form of 62.
      "ff4314",                              // A low power under the high byte.
      "81ff14",                              // A high power under the low byte.
      "3f",                                  // Negative without digits.
      "c0" + std::string(38, '1') + "0102",  // 20 pairs.
  };
  for (const std::string& hex : malformed) {
    const std::string bytes = absl::HexStringToBytes(hex);
    std::string_view in = bytes;
    EXPECT_FALSE(Number::TakeOrdered(in).ok()) << hex;
    EXPECT_EQ(in.size(), bytes.size()) << hex << " was consumed";
  }
}

TEST(Number, AddsAtTheEdges) {
  const auto sum = [](std::string_view a, std::string_view b) {
    absl::StatusOr<Number> result = Number::Add(N(a), N(b));
    return result.ok() ? result->ToString() : std::string(result.status().message().substr(0, 16));
  };
  EXPECT_EQ(sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(sum("-1", "1"), "0");
  EXPECT_EQ(sum(k38Nines, "1"), "1" + std::string(38, '0'));
  EXPECT_EQ(sum(k38Nines, "2"), "Attempting to st");
  EXPECT_EQ(sum("1E38", "-1"), k38Nines);
  EXPECT_EQ(sum("1E38", "-9"), std::string(37, '9') + "1");
  EXPECT_EQ(sum("1E38", "1"), "Attempting to st");
  EXPECT_EQ(sum("2E38", "-1"), "Attempting to st");
  EXPECT_EQ(sum("1E125", "1E-130"), "Attempting to st");
  EXPECT_EQ(sum("9E125", "1E125"), "Number overflow.");
  EXPECT_EQ(sum("-9E125", "-1E125"), "Number overflow.");
  EXPECT_EQ(sum("1.1E-130", "-1E-130"), "Number underflow");
  EXPECT_EQ(Number::Add(N("9E125"), N("9E125")).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Number::Subtract(N("0"), N("5"))->ToString(), "-5");
  EXPECT_EQ(Number::Subtract(N("5"), N("0"))->ToString(), "5");
}

// Many ways to write a number, many of them close to a limit.
rc::Gen<std::string> NumberTextGen() {
  return rc::gen::exec([] {
    const auto digits = [](int most) {
      const auto digit = rc::gen::oneOf(rc::gen::just('0'), rc::gen::inRange<char>('0', '9' + 1));
      const int zeros = *rc::gen::element(0, 0, 1, 30);
      return std::string(zeros, '0') +
             *rc::gen::container<std::string>(*rc::gen::inRange(0, most + 1), digit) +
             std::string(*rc::gen::element(0, 0, 1, 30), '0');
    };
    std::string text = *rc::gen::element<std::string>("", "", "-", "+") + digits(39);
    if (text.find_first_of("0123456789") == std::string::npos) text += '7';
    if (*rc::gen::arbitrary<bool>()) text += "." + digits(39) + "0";
    if (*rc::gen::arbitrary<bool>()) return text;
    // Its first digit at the wanted power, or a zero's anywhere.
    const int power = *rc::gen::element(-132, -131, -130, -129, -38, 0, 37, 38, 124, 125, 126, 127);
    const int exponent = power - NumberText(text).power;
    return text + *rc::gen::element<std::string>("e", "E") +
           (exponent < 0 ? "" : *rc::gen::element<std::string>("", "+")) + std::to_string(exponent);
  });
}

TEST(NumberProperty, TextIsReadAsItsDigitsSay) {
  using Verdict = NumberText::Verdict;
  std::map<Verdict, int> met;
  Property([&met] {
    const std::string text = *NumberTextGen();
    const NumberText expected(text);
    const absl::StatusOr<Number> number = Number::Parse(text);
    const std::map<Verdict, absl::string_view> words = {
        {Verdict::kNumber, ""},
        {Verdict::kTooManyDigits,
         "Attempting to store more than 38 significant digits in a Number"},
        {Verdict::kOverflow,
         "Number overflow. Attempting to store a number with magnitude larger than supported "
         "range"},
        {Verdict::kUnderflow,
         "Number underflow. Attempting to store a number with magnitude smaller than supported "
         "range"}};
    ++met[expected.verdict()];
    RC_ASSERT(number.status().message() == words.at(expected.verdict()));
    if (number.ok()) RC_ASSERT(number->ToString() == expected.Canonical());
  });
  EXPECT_EQ(met.size(), 4u);  // Else the property says less than it seems.
}

// Numbers that are equal are one key and one stored value, however they are written.
TEST(NumberProperty, EqualNumbersHaveEqualBytes) {
  Property([] {
    const std::string text = *NumberTextGen();
    const absl::StatusOr<Number> number = Number::Parse(text);
    if (!number.ok()) return;
    const Number again = *Number::Parse(NumberText(text).Canonical());
    RC_ASSERT(*number == again);
    RC_ASSERT(Ordered(*number) == Ordered(again));
    const Number mirrored =
        *Number::Parse((again < Number() ? "" : "-") +
                       (again < Number() ? again.ToString().substr(1) : again.ToString()));
    RC_ASSERT(mirrored == *Number::Subtract(Number(), *number));
    RC_ASSERT((mirrored < Number()) == (Number() < *number));
    RC_ASSERT(Ordered(*number) == Ordered(again));
  });
}

TEST(NumberProperty, OrderOfBytesIsOrderOfNumbers) {
  Property([] {
    const Number a = *NumberGen();
    const Number b = *rc::gen::oneOf(NumberGen(), NumberNearGen(a));
    const Decimal left(a.ToString());
    const Decimal right(b.ToString());
    const int expected = Compare(left, right);
    RC_ASSERT((a < b) == (expected < 0));
    RC_ASSERT((a == b) == (expected == 0));
    const int bytes = Ordered(a).compare(Ordered(b));
    RC_ASSERT((bytes < 0) == (expected < 0));
    RC_ASSERT((bytes == 0) == (expected == 0));
  });
}

TEST(NumberProperty, TextAndBytesRoundTrip) {
  Property([] {
    const Number a = *NumberGen();
    RC_ASSERT(*Number::Parse(a.ToString()) == a);
    std::string bytes = Ordered(a) + "tail";
    std::string_view in = bytes;
    RC_ASSERT(*Number::TakeOrdered(in) == a);
    RC_ASSERT(in == "tail");
  });
}

TEST(NumberProperty, RandomBytesDecodeOnlyIfCanonical) {
  Property([] {
    const std::string bytes = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    std::string_view in = bytes;
    const absl::StatusOr<Number> number = Number::TakeOrdered(in);
    if (!number.ok()) return;
    RC_ASSERT(Ordered(*number) == bytes.substr(0, bytes.size() - in.size()));
  });
}

TEST(NumberProperty, SumsAndDifferencesAreExactOrRefused) {
  Property([] {
    const Number a = *NumberGen();
    const Number b = *rc::gen::oneOf(NumberGen(), NumberNearGen(a));
    for (const bool subtract : {false, true}) {
      const absl::StatusOr<Number> actual = subtract ? Number::Subtract(a, b) : Number::Add(a, b);
      Decimal right(b.ToString());
      if (subtract) right.Negate();
      const std::string exact = Sum(Decimal(a.ToString()), right).ToString();
      const absl::StatusOr<Number> expected = Number::Parse(exact);
      RC_ASSERT(actual.status().message() == expected.status().message());
      if (actual.ok()) RC_ASSERT(actual->ToString() == exact);
    }
  });
}

}  // namespace
}  // namespace fastpath::model
