// Items and values as bytes, never to change:
//
//   item   := entry*                     names strictly ascending; no bytes: no attributes
//   entry  := length name value          1..65,535 bytes of UTF-8
//   value  := type:u8 body               types as model::Type
//   body S := length text                UTF-8
//        N := number                     number.cc; delimits itself
//        B := length bytes
//     BOOL := 0x00 | 0x01
//     NULL :=
//        M := length entry*              lengths in bytes, so that a reader can step over
//        L := length value*
//   SS, BS := length (length bytes)+     strictly ascending; SS in UTF-8
//       NS := length number+             strictly ascending
//   length := base-128 varint            encoded.h; shortest form, below 2^32
//
// Maps and lists nest at most kDepthLimit deep, counted without the item itself.
// There are no counts: nothing is ever allocated for what the bytes only claim.
#include "partition/model/codec.h"

#include "absl/strings/str_cat.h"
#include "partition/model/check.h"
#include "partition/model/encoded.h"

namespace fastpath::model {
namespace {

// ------------------------------------------------------------------ encoding

// Writes what `body` appends after its length, which is known only then.
template <typename Body>
void AppendDelimited(std::string& out, Body body) {
  const size_t begin = out.size();
  body();
  std::string length;
  AppendLength(length, out.size() - begin);
  out.insert(begin, length);
}

void AppendBytes(std::string& out, std::string_view bytes) {
  AppendLength(out, bytes.size());
  out.append(bytes);
}

void AppendEntries(std::string& out, const AttributeMap& map) {
  for (const auto& [name, value] : map) {
    AppendBytes(out, name);
    EncodeValue(out, value);
  }
}

// ---------------------------------------------------------------- validation

// Where a value stands, for messages: linked on the stack, so that checking
// allocates nothing while all is well.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;  // A map's entry; in a list empty.
  size_t index = 0;       // A list's element.

  std::string ToString() const {
    std::string path = parent != nullptr ? parent->ToString() : "";
    if (name.empty()) return absl::StrCat(path, "[", index, "]");
    if (!path.empty()) path += '.';
    return path.append(name);
  }
};

class Validator {
 public:
  explicit Validator(std::string_view input) : input_(input) {}

  absl::Status Entries(std::string_view in, const Place* parent, int depth) {
    std::string_view last;
    while (!in.empty()) {
      Place place{parent};
      const char* const at = in.data();
      if (!TakeBytes(in, place.name)) return Wrong(at, "a cut-off attribute name", parent);
      if (place.name.empty()) return Wrong(at, "an empty attribute name", parent);
      if (place.name.size() > kAttributeNameLimitBytes) {
        return Wrong(at, "an attribute name over 65,535 bytes", parent);
      }
      if (!IsUtf8(place.name)) return Wrong(at, "an attribute name that is not UTF-8", parent);
      if (!last.empty() && place.name <= last) {
        return Wrong(at, "attribute names out of order or twice", parent);
      }
      last = place.name;
      if (absl::Status status = OneValue(in, &place, depth); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status OneValue(std::string_view& in, const Place* place, int depth) {
    const char* const at = in.data();
    Type type;
    std::string_view body;
    if (!TakeValue(in, type, body)) return Wrong(at, "an unknown type or cut-off value", place);
    switch (type) {
      case Type::kString:
        return IsUtf8(body) ? absl::OkStatus() : Wrong(at, "a string that is not UTF-8", place);
      case Type::kNumber: {
        const absl::StatusOr<Number> number = Number::TakeOrdered(body);
        if (!number.ok()) return Wrong(at, number.status().message(), place);
        return absl::OkStatus();
      }
      case Type::kBool:
        return static_cast<uint8_t>(body[0]) <= 1 ? absl::OkStatus()
                                                  : Wrong(at, "a boolean not 0 or 1", place);
      case Type::kBinary:
      case Type::kNull:
        return absl::OkStatus();
      case Type::kMap:
        if (depth == kDepthLimit) return TooDeep(at, place);
        return Entries(body, place, depth + 1);
      case Type::kList:
        if (depth == kDepthLimit) return TooDeep(at, place);
        return Elements(body, place, depth + 1);
      case Type::kStringSet:
      case Type::kBinarySet:
        return TextMembers(body, type == Type::kStringSet, place);
      case Type::kNumberSet:
        return NumberMembers(body, place);
    }
    return Wrong(at, "an unknown type", place);
  }

  absl::Status Wrong(const char* at, absl::string_view what, const Place* place) const {
    return absl::InvalidArgumentError(
        absl::StrCat("malformed item: ", what, " at byte ", at - input_.data(),
                     place != nullptr ? absl::StrCat(" in ", place->ToString()) : ""));
  }

 private:
  absl::Status Elements(std::string_view in, const Place* parent, int depth) {
    for (Place place{parent}; !in.empty(); ++place.index) {
      if (absl::Status status = OneValue(in, &place, depth); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status TextMembers(std::string_view in, bool text, const Place* place) const {
    if (in.empty()) return EmptySet(place);
    std::string_view last;
    for (bool first = true; !in.empty(); first = false) {
      const char* const at = in.data();
      std::string_view member;
      if (!TakeBytes(in, member)) return Wrong(at, "a cut-off set member", place);
      if (text && !IsUtf8(member)) return Wrong(at, "a string that is not UTF-8", place);
      if (!first && member <= last) return Wrong(at, "set members out of order or twice", place);
      last = member;
    }
    return absl::OkStatus();
  }

  absl::Status NumberMembers(std::string_view in, const Place* place) const {
    if (in.empty()) return EmptySet(place);
    std::string_view last;
    while (!in.empty()) {
      const std::string_view before = in;
      const absl::StatusOr<Number> number = Number::TakeOrdered(in);
      if (!number.ok()) return Wrong(before.data(), number.status().message(), place);
      const std::string_view member = before.substr(0, before.size() - in.size());
      if (member <= last) return Wrong(before.data(), "set members out of order or twice", place);
      last = member;
    }
    return absl::OkStatus();
  }

  absl::Status EmptySet(const Place* place) const {
    return absl::InvalidArgumentError(
        absl::StrCat("One or more parameter values were invalid: An empty set is not allowed",
                     place != nullptr ? absl::StrCat(" in ", place->ToString()) : ""));
  }

  absl::Status TooDeep(const char* at, const Place* place) const {
    // The path itself would be most of the message.
    return absl::InvalidArgumentError(
        absl::StrCat("Nesting Levels have exceeded supported limits: over ", kDepthLimit,
                     " at byte ", at - input_.data()));
  }

  std::string_view input_;
};

// ------------------------------------------------------------------ building

// What the validator has passed needs no more checks here, only invariants.

Value BuildValue(Type type, std::string_view body);

AttributeMap BuildMap(std::string_view in) {
  AttributeMap map;
  while (!in.empty()) {
    std::string_view name, body;
    Type type;
    FASTPATH_MODEL_CHECK(TakeBytes(in, name) && TakeValue(in, type, body));
    map.Set(std::string(name), BuildValue(type, body));
  }
  return map;
}

std::vector<Value> BuildList(std::string_view in) {
  std::vector<Value> list;
  while (!in.empty()) {
    std::string_view body;
    Type type;
    FASTPATH_MODEL_CHECK(TakeValue(in, type, body));
    list.push_back(BuildValue(type, body));
  }
  return list;
}

std::vector<std::string> BuildTexts(std::string_view in) {
  std::vector<std::string> members;
  while (!in.empty()) {
    std::string_view member;
    FASTPATH_MODEL_CHECK(TakeBytes(in, member));
    members.emplace_back(member);
  }
  return members;
}

Number BuildNumber(std::string_view& in) {
  const absl::StatusOr<Number> number = Number::TakeOrdered(in);
  FASTPATH_MODEL_CHECK(number.ok());
  return *number;
}

Value BuildValue(Type type, std::string_view body) {
  switch (type) {
    case Type::kString:
      return Value::String(std::string(body));
    case Type::kNumber:
      return Value::Num(BuildNumber(body));
    case Type::kBinary:
      return Value::Binary(std::string(body));
    case Type::kBool:
      return Value::Bool(body[0] != 0);
    case Type::kNull:
      return Value::Null();
    case Type::kMap:
      return Value::Map(BuildMap(body));
    case Type::kList:
      return Value::List(BuildList(body));
    case Type::kStringSet:
      return Value::StringSet(BuildTexts(body));
    case Type::kNumberSet: {
      std::vector<Number> members;
      while (!body.empty()) members.push_back(BuildNumber(body));
      return Value::NumberSet(std::move(members));
    }
    case Type::kBinarySet:
      return Value::BinarySet(BuildTexts(body));
  }
  FASTPATH_MODEL_CHECK(false && "a type outside the enumeration");
}

}  // namespace

void EncodeValue(std::string& out, const Value& value) {
  out.push_back(static_cast<char>(value.type()));
  switch (value.type()) {
    case Type::kString:
    case Type::kBinary:
      AppendBytes(out, value.text());
      return;
    case Type::kNumber:
      value.number().AppendOrdered(out);
      return;
    case Type::kBool:
      out.push_back(value.boolean() ? 1 : 0);
      return;
    case Type::kNull:
      return;
    case Type::kMap:
      AppendDelimited(out, [&] { AppendEntries(out, value.map()); });
      return;
    case Type::kList:
      AppendDelimited(out, [&] {
        for (const Value& element : value.list()) EncodeValue(out, element);
      });
      return;
    case Type::kStringSet:
    case Type::kBinarySet:
      AppendDelimited(out, [&] {
        for (const std::string& member : value.strings()) AppendBytes(out, member);
      });
      return;
    case Type::kNumberSet:
      AppendDelimited(out, [&] {
        for (const Number& member : value.numbers()) member.AppendOrdered(out);
      });
      return;
  }
}

std::string EncodeValue(const Value& value) {
  std::string out;
  EncodeValue(out, value);
  return out;
}

std::string EncodeItem(const Item& item) {
  std::string out;
  AppendEntries(out, item);
  return out;
}

absl::Status ValidateItem(std::string_view bytes) {
  return Validator(bytes).Entries(bytes, nullptr, 0);
}

absl::Status ValidateValue(std::string_view bytes) {
  Validator validator(bytes);
  std::string_view rest = bytes;
  if (absl::Status status = validator.OneValue(rest, nullptr, 0); !status.ok()) return status;
  if (!rest.empty()) return validator.Wrong(rest.data(), "more bytes than one value", nullptr);
  return absl::OkStatus();
}

absl::StatusOr<Value> DecodeValue(std::string_view bytes) {
  if (absl::Status status = ValidateValue(bytes); !status.ok()) return status;
  Type type;
  std::string_view body;
  FASTPATH_MODEL_CHECK(TakeValue(bytes, type, body));
  return BuildValue(type, body);
}

absl::StatusOr<Item> DecodeItem(std::string_view bytes) {
  if (absl::Status status = ValidateItem(bytes); !status.ok()) return status;
  return BuildMap(bytes);
}

std::string_view FindEncoded(std::string_view item, std::string_view name) {
  while (!item.empty()) {
    std::string_view entry_name, body;
    Type type;
    if (!TakeBytes(item, entry_name)) return {};
    const std::string_view value = item;
    if (!TakeValue(item, type, body)) return {};
    if (entry_name == name) return value.substr(0, value.size() - item.size());
    if (entry_name > name) return {};
  }
  return {};
}

}  // namespace fastpath::model
