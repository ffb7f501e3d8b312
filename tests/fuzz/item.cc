// The codec of values and items: one set of bytes for each value, and the
// functions that look into encoded items agree with the decoded ones.
//
//   input := u8(0 item, 1 value, 2 number as text, 3 ordered number) bytes
#include "partition/model/codec.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

using model::Number;
using model::Value;

void Item(std::string_view in) {
  const auto item = model::DecodeItem(in);
  FUZZ_CHECK(item.ok() == model::ValidateItem(in).ok());
  if (!item.ok()) return;
  FUZZ_CHECK(model::EncodeItem(*item) == in);
  FUZZ_CHECK(model::ItemSizeBytes(*item) == model::EncodedItemSizeBytes(in));
  for (const auto& [name, value] : *item) {
    FUZZ_CHECK(model::FindEncoded(in, name) == model::EncodeValue(value));
    FUZZ_CHECK(model::FindEncoded(in, name + "?").empty() || item->Find(name + "?") != nullptr);
  }
}

void OneValue(std::string_view in) {
  const auto value = model::DecodeValue(in);
  FUZZ_CHECK(value.ok() == model::ValidateValue(in).ok());
  if (!value.ok()) return;
  FUZZ_CHECK(model::EncodeValue(*value) == in);
  const Value copy = *value;
  FUZZ_CHECK(copy == *value);
}

void Arithmetic(const Number& a, const Number& b) {
  const auto sum = Number::Add(a, b);
  const auto other = Number::Add(b, a);
  FUZZ_CHECK(sum.ok() == other.ok() && (!sum.ok() || *sum == *other));
  const auto difference = Number::Subtract(a, b);
  if (difference.ok()) {
    const auto order = *difference <=> Number();
    FUZZ_CHECK(order == (a <=> b));
    const auto back = Number::Add(*difference, b);
    FUZZ_CHECK(!back.ok() || *back == a);
  }
  std::string ordered_a;
  std::string ordered_b;
  a.AppendOrdered(ordered_a);
  b.AppendOrdered(ordered_b);
  FUZZ_CHECK((ordered_a <=> ordered_b) == (a <=> b));
}

void NumberText(std::string_view in) {
  const size_t space = in.find(' ');
  const auto a = Number::Parse(in.substr(0, space));
  if (!a.ok()) return;
  const auto again = Number::Parse(a->ToString());
  FUZZ_CHECK(again.ok() && *again == *a && again->ToString() == a->ToString());
  int64_t whole = 0;
  if (a->ToInt64(whole) && a->ToString().find('.') == std::string::npos) {
    FUZZ_CHECK(Number::FromInt(whole) == *a);
  }
  if (space == std::string_view::npos) return;
  const auto b = Number::Parse(in.substr(space + 1));
  if (b.ok()) Arithmetic(*a, *b);
}

void OrderedNumber(std::string_view in) {
  std::string_view rest = in;
  const auto number = Number::TakeOrdered(rest);
  if (!number.ok()) return;
  std::string bytes;
  number->AppendOrdered(bytes);
  FUZZ_CHECK(bytes == in.substr(0, in.size() - rest.size()));
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  switch (TakeByte(in) % 4) {
    case 0:
      Item(in);
      break;
    case 1:
      OneValue(in);
      break;
    case 2:
      NumberText(in);
      break;
    default:
      OrderedNumber(in);
  }
  return 0;
}
