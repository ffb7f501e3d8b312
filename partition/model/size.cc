// Sizes as DynamoDB's documentation counts them: they decide what is accepted
// and what is billed, so they are not the sizes of the encoding.
//
//   attribute := name's bytes + value
//   S, B      := bytes
//   N         := 1 + one per two significant digits + 1 if negative
//   BOOL,NULL := 1
//   M, L      := 3 + elements (names too) + 1 per element
//   sets      := members
#include "partition/model/check.h"
#include "partition/model/codec.h"
#include "partition/model/encoded.h"

namespace fastpath::model {
namespace {

constexpr size_t kContainerBytes = 3;
constexpr size_t kElementBytes = 1;

// From the ordered form: a power of one or two bytes, then the pairs of digits.
size_t NumberSizeBytes(std::string_view ordered) {
  const uint8_t first = static_cast<uint8_t>(ordered[0]);
  if (first == 0x80) return 1;
  const bool negative = first < 0x80;
  const uint8_t power = negative ? static_cast<uint8_t>(~first) : first;
  const size_t power_bytes = power == 0x81 || power == 0xff ? 2 : 1;
  return 1 + (ordered.size() - power_bytes) + (negative ? 1 : 0);
}

size_t BodySizeBytes(Type type, std::string_view body);

size_t EntriesSizeBytes(std::string_view in, size_t each) {
  size_t size = 0;
  while (!in.empty()) {
    std::string_view name, body;
    Type type;
    FASTPATH_MODEL_CHECK(TakeBytes(in, name) && TakeValue(in, type, body));
    size += name.size() + BodySizeBytes(type, body) + each;
  }
  return size;
}

size_t ElementsSizeBytes(std::string_view in) {
  size_t size = 0;
  while (!in.empty()) {
    std::string_view body;
    Type type;
    FASTPATH_MODEL_CHECK(TakeValue(in, type, body));
    size += BodySizeBytes(type, body) + kElementBytes;
  }
  return size;
}

size_t MembersSizeBytes(std::string_view in, Type member_type) {
  size_t size = 0;
  while (!in.empty()) {
    std::string_view member;
    FASTPATH_MODEL_CHECK(TakeBody(in, member_type, member));
    size += BodySizeBytes(member_type, member);
  }
  return size;
}

size_t BodySizeBytes(Type type, std::string_view body) {
  switch (type) {
    case Type::kString:
    case Type::kBinary:
      return body.size();
    case Type::kNumber:
      return NumberSizeBytes(body);
    case Type::kBool:
    case Type::kNull:
      return 1;
    case Type::kMap:
      return kContainerBytes + EntriesSizeBytes(body, kElementBytes);
    case Type::kList:
      return kContainerBytes + ElementsSizeBytes(body);
    case Type::kStringSet:
      return MembersSizeBytes(body, Type::kString);
    case Type::kNumberSet:
      return MembersSizeBytes(body, Type::kNumber);
    case Type::kBinarySet:
      return MembersSizeBytes(body, Type::kBinary);
  }
  FASTPATH_MODEL_CHECK(false && "a type outside the enumeration");
}

size_t CountMembers(std::string_view in, Type member_type) {
  size_t count = 0;
  for (std::string_view member; !in.empty(); ++count) {
    FASTPATH_MODEL_CHECK(TakeBody(in, member_type, member));
  }
  return count;
}

// What is inside one value.
size_t CountInside(Type type, std::string_view body) {
  if (type == Type::kStringSet) return CountMembers(body, Type::kString);
  if (type == Type::kNumberSet) return CountMembers(body, Type::kNumber);
  if (type == Type::kBinarySet) return CountMembers(body, Type::kBinary);
  if (type != Type::kMap && type != Type::kList) return 0;
  size_t count = 0;
  while (!body.empty()) {
    std::string_view name, element;
    Type element_type;
    FASTPATH_MODEL_CHECK(type == Type::kList || TakeBytes(body, name));
    FASTPATH_MODEL_CHECK(TakeValue(body, element_type, element));
    count += 1 + CountInside(element_type, element);
  }
  return count;
}

size_t NumberSizeBytes(const Number& number) {
  std::string ordered;  // Fits the string's own buffer up to 15 bytes: mostly no allocation.
  number.AppendOrdered(ordered);
  return NumberSizeBytes(ordered);
}

}  // namespace

size_t CountValues(std::string_view bytes) {
  std::string_view body;
  Type type;
  FASTPATH_MODEL_CHECK(TakeValue(bytes, type, body));
  return 1 + CountInside(type, body);
}

size_t ValueSizeBytes(const Value& value) {
  size_t size = 0;
  switch (value.type()) {
    case Type::kString:
    case Type::kBinary:
      return value.text().size();
    case Type::kNumber:
      return NumberSizeBytes(value.number());
    case Type::kBool:
    case Type::kNull:
      return 1;
    case Type::kMap:
      return kContainerBytes + ItemSizeBytes(value.map()) + kElementBytes * value.map().size();
    case Type::kList:
      for (const Value& element : value.list()) size += ValueSizeBytes(element) + kElementBytes;
      return kContainerBytes + size;
    case Type::kStringSet:
    case Type::kBinarySet:
      for (const std::string& member : value.strings()) size += member.size();
      return size;
    case Type::kNumberSet:
      for (const Number& member : value.numbers()) size += NumberSizeBytes(member);
      return size;
  }
  FASTPATH_MODEL_CHECK(false && "a type outside the enumeration");
}

size_t ItemSizeBytes(const Item& item) {
  size_t size = 0;
  for (const auto& [name, value] : item) size += name.size() + ValueSizeBytes(value);
  return size;
}

size_t EncodedItemSizeBytes(std::string_view item) { return EntriesSizeBytes(item, 0); }

}  // namespace fastpath::model
