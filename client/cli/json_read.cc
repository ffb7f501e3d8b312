#include <simdjson.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/json.h"
#include "partition/model/codec.h"

namespace fastpath::client::cli {
namespace {

namespace od = simdjson::ondemand;
using model::AttributeMap;
using model::Value;
using simdjson::error_code;
using simdjson::SUCCESS;

// number := "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?
bool IsJsonNumber(std::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  bool zero = at < text.size() && text[at] == '0';
  size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

struct JsonParser::Impl {
  od::parser parser;
  simdjson::padded_string padded;
  size_t wrapped = 0;  // Bytes that we put in front of the text.
  od::document document;

  absl::Status Fail(std::string_view what) {
    std::string where = "the end";
    const char* location = nullptr;
    if (document.current_location().get(location) == SUCCESS) {
      where = absl::StrCat("byte ", location - padded.data() + 1 - static_cast<ptrdiff_t>(wrapped));
    }
    return absl::InvalidArgumentError(absl::StrCat("JSON: ", std::string(what), " at ", where));
  }
  absl::Status Fail(error_code error) {
    return Fail(error == simdjson::INCORRECT_TYPE ? "a value of another type is expected"
                                                  : simdjson::error_message(error));
  }

  absl::Status Open(std::string_view text, size_t front = 0) {
    wrapped = front;
    padded = simdjson::padded_string(text);
    if (error_code error = parser.iterate(padded).get(document)) {
      return absl::InvalidArgumentError(absl::StrCat("JSON: ", simdjson::error_message(error)));
    }
    return absl::OkStatus();
  }
  absl::Status Close() {
    bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return at_end ? absl::OkStatus() : Fail("something follows the value");
  }

  absl::StatusOr<std::string> Text(od::value& value) {
    std::string_view text;
    if (error_code error = value.get_string().get(text)) return Fail(error);
    return std::string(text);
  }

  absl::StatusOr<Value> NumberOf(std::string_view digits) {
    absl::StatusOr<model::Number> number = model::Number::Parse(digits);
    if (!number.ok())
      return Fail(
          std::string_view(number.status().message().data(), number.status().message().size()));
    return Value::Num(*number);
  }

  absl::StatusOr<std::string> Bytes(od::value& value) {
    absl::StatusOr<std::string> text = Text(value);
    if (!text.ok()) return text.status();
    std::string bytes;
    if (!absl::Base64Unescape(*text, &bytes)) return Fail("not base64");
    return bytes;
  }

  using Reader = absl::StatusOr<Value> (Impl::*)(od::value&, int);

  absl::StatusOr<AttributeMap> Members(od::value& value, Reader read, int depth) {
    od::object object;
    if (error_code error = value.get_object().get(object)) return Fail(error);
    AttributeMap map;
    for (auto member : object) {
      od::field field;
      if (error_code error = std::move(member).get(field)) return Fail(error);
      std::string_view key;
      if (error_code error = field.unescaped_key().get(key)) return Fail(error);
      std::string name(key);
      if (map.Find(name) != nullptr) return Fail(absl::StrCat("\"", name, "\" occurs twice"));
      od::value inner = field.value();
      absl::StatusOr<Value> parsed = (this->*read)(inner, depth);
      if (!parsed.ok()) return parsed.status();
      map.Set(std::move(name), *std::move(parsed));
    }
    return map;
  }

  absl::StatusOr<std::vector<Value>> Elements(od::value& value, Reader read, int depth) {
    od::array array;
    if (error_code error = value.get_array().get(array)) return Fail(error);
    std::vector<Value> list;
    for (auto element : array) {
      od::value inner;
      if (error_code error = std::move(element).get(inner)) return Fail(error);
      absl::StatusOr<Value> parsed = (this->*read)(inner, depth);
      if (!parsed.ok()) return parsed.status();
      list.push_back(*std::move(parsed));
    }
    return list;
  }

  absl::StatusOr<Value> PlainNumber(od::value& value) {
    std::string_view token = value.raw_json_token();
    while (!token.empty() && std::strchr(" \t\r\n", token.back()) != nullptr) {
      token.remove_suffix(1);
    }
    if (!IsJsonNumber(token)) return Fail("not a number");
    return NumberOf(token);  // The token is passed over as an unread value is.
  }

  absl::StatusOr<Value> Plain(od::value& value, int depth) {
    if (depth > model::kDepthLimit) return Fail("nested too deeply");
    od::json_type type;
    if (error_code error = value.type().get(type)) return Fail(error);
    switch (type) {
      case od::json_type::string: {
        absl::StatusOr<std::string> text = Text(value);
        if (!text.ok()) return text.status();
        return Value::String(*std::move(text));
      }
      case od::json_type::number:
        return PlainNumber(value);
      case od::json_type::boolean: {
        bool truth = false;
        if (error_code error = value.get_bool().get(truth)) return Fail(error);
        return Value::Bool(truth);
      }
      case od::json_type::null: {
        bool is_null = false;
        if (error_code error = value.is_null().get(is_null)) return Fail(error);
        return is_null ? absl::StatusOr<Value>(Value::Null()) : Fail("not a value");
      }
      case od::json_type::array: {
        absl::StatusOr<std::vector<Value>> list = Elements(value, &Impl::Plain, depth + 1);
        if (!list.ok()) return list.status();
        return Value::List(*std::move(list));
      }
      case od::json_type::object: {
        absl::StatusOr<AttributeMap> map = Members(value, &Impl::Plain, depth + 1);
        if (!map.ok()) return map.status();
        return Value::Map(*std::move(map));
      }
    }
    return Fail("not a value");
  }

  absl::StatusOr<Value> Scalar(od::value& value, std::string_view type) {
    if (type == "BOOL" || type == "NULL") {
      bool truth = false;
      if (error_code error = value.get_bool().get(truth)) return Fail(error);
      if (type == "BOOL") return Value::Bool(truth);
      if (!truth) return Fail("NULL is true");
      return Value::Null();
    }
    absl::StatusOr<std::string> text = type == "B" ? Bytes(value) : Text(value);
    if (!text.ok()) return text.status();
    if (type == "N") return NumberOf(*text);
    return type == "B" ? Value::Binary(*std::move(text)) : Value::String(*std::move(text));
  }

  absl::StatusOr<Value> SetElement(od::value& value, int) { return Scalar(value, set_type); }

  absl::StatusOr<Value> Set(od::value& value, std::string_view type) {
    set_type = type.substr(0, 1);
    absl::StatusOr<std::vector<Value>> list = Elements(value, &Impl::SetElement, 0);
    if (!list.ok()) return list.status();
    if (list->empty()) return Fail("a set has at least one member");
    std::vector<model::Number> numbers;
    std::vector<std::string> texts;
    for (const Value& member : *list) {
      if (type == "NS") {
        numbers.push_back(member.number());
      } else {
        texts.push_back(member.text());
      }
    }
    size_t given = list->size();
    Value set = type == "NS"   ? Value::NumberSet(std::move(numbers))
                : type == "SS" ? Value::StringSet(std::move(texts))
                               : Value::BinarySet(std::move(texts));
    size_t kept = type == "NS" ? set.numbers().size() : set.strings().size();
    if (kept != given) return Fail("a member of the set occurs twice");
    return set;
  }

  absl::StatusOr<Value> Content(od::value& value, std::string_view type, int depth) {
    if (type == "S" || type == "N" || type == "B" || type == "BOOL" || type == "NULL") {
      return Scalar(value, type);
    }
    if (type == "SS" || type == "NS" || type == "BS") return Set(value, type);
    if (type == "M") {
      absl::StatusOr<AttributeMap> map = Members(value, &Impl::Typed, depth + 1);
      if (!map.ok()) return map.status();
      return Value::Map(*std::move(map));
    }
    if (type == "L") {
      absl::StatusOr<std::vector<Value>> list = Elements(value, &Impl::Typed, depth + 1);
      if (!list.ok()) return list.status();
      return Value::List(*std::move(list));
    }
    return Fail(absl::StrCat("\"", std::string(type), "\" is no type"));
  }

  absl::StatusOr<Value> Typed(od::value& value, int depth) {
    if (depth > model::kDepthLimit) return Fail("nested too deeply");
    od::object object;
    if (error_code error = value.get_object().get(object)) {
      return Fail(error == simdjson::INCORRECT_TYPE ? "a typed value is like {\"S\": \"text\"}"
                                                    : simdjson::error_message(error));
    }
    absl::StatusOr<Value> result = absl::InvalidArgumentError("");
    int members = 0;
    for (auto member : object) {
      od::field field;
      if (error_code error = std::move(member).get(field)) return Fail(error);
      std::string_view key;
      if (error_code error = field.unescaped_key().get(key)) return Fail(error);
      std::string type(key);
      if (++members > 1) return Fail("a typed value has one member");
      od::value inner = field.value();
      result = Content(inner, type, depth);
      if (!result.ok()) return result;
    }
    if (members == 0) return Fail("a typed value has one member");
    return result;
  }

  // The value's own text; it is passed over.
  absl::StatusOr<std::string> Raw(od::value& value) {
    od::json_type type;
    if (error_code error = value.type().get(type)) return Fail(error);
    std::string_view text = value.raw_json_token();
    if (type == od::json_type::object) {
      od::object object;
      if (error_code error = value.get_object().get(object)) return Fail(error);
      if (error_code error = object.raw_json().get(text)) return Fail(error);
    } else if (type == od::json_type::array) {
      od::array array;
      if (error_code error = value.get_array().get(array)) return Fail(error);
      if (error_code error = array.raw_json().get(text)) return Fail(error);
    }
    return std::string(text);
  }

  std::string_view set_type;
};

JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;

absl::StatusOr<Value> JsonParser::ParseValue(std::string_view text, Dialect dialect) {
  // Wrapped, because a document that is one scalar is another type to simdjson.
  std::string wrapped = absl::StrCat("[", std::string(text), "]");
  if (absl::Status status = impl_->Open(wrapped, 1); !status.ok()) return status;
  od::array array;
  if (error_code error = impl_->document.get_array().get(array)) return impl_->Fail(error);
  absl::StatusOr<Value> result = impl_->Fail("a value is missing");
  int count = 0;
  for (auto element : array) {
    od::value value;
    if (error_code error = std::move(element).get(value)) return impl_->Fail(error);
    if (++count > 1) return impl_->Fail("something follows the value");
    result = dialect == Dialect::kPlain ? impl_->Plain(value, 0) : impl_->Typed(value, 0);
    if (!result.ok()) return result;
  }
  if (absl::Status status = impl_->Close(); !status.ok()) return status;
  return result;
}

absl::StatusOr<model::Item> JsonParser::ParseItem(std::string_view text, Dialect dialect) {
  if (absl::Status status = impl_->Open(text); !status.ok()) return status;
  od::value value;
  if (error_code error = impl_->document.get_value().get(value)) return impl_->Fail(error);
  absl::StatusOr<AttributeMap> map =
      impl_->Members(value, dialect == Dialect::kPlain ? &Impl::Plain : &Impl::Typed, 1);
  if (!map.ok()) return map.status();
  if (absl::Status status = impl_->Close(); !status.ok()) return status;
  return map;
}

absl::StatusOr<std::vector<std::string>> JsonParser::SplitArray(std::string_view text) {
  if (absl::Status status = impl_->Open(text); !status.ok()) return status;
  od::array array;
  if (error_code error = impl_->document.get_array().get(array)) return impl_->Fail(error);
  std::vector<std::string> parts;
  for (auto element : array) {
    od::value value;
    if (error_code error = std::move(element).get(value)) return impl_->Fail(error);
    absl::StatusOr<std::string> part = impl_->Raw(value);
    if (!part.ok()) return part.status();
    parts.push_back(*std::move(part));
  }
  if (absl::Status status = impl_->Close(); !status.ok()) return status;
  return parts;
}

absl::StatusOr<std::map<std::string, std::string>> JsonParser::SplitObject(std::string_view text) {
  if (absl::Status status = impl_->Open(text); !status.ok()) return status;
  od::object object;
  if (error_code error = impl_->document.get_object().get(object)) return impl_->Fail(error);
  std::map<std::string, std::string> parts;
  for (auto member : object) {
    od::field field;
    if (error_code error = std::move(member).get(field)) return impl_->Fail(error);
    std::string_view key;
    if (error_code error = field.unescaped_key().get(key)) return impl_->Fail(error);
    std::string name(key);
    od::value value = field.value();
    absl::StatusOr<std::string> part = impl_->Raw(value);
    if (!part.ok()) return part.status();
    if (!parts.emplace(name, *std::move(part)).second) {
      return impl_->Fail(absl::StrCat("\"", name, "\" occurs twice"));
    }
  }
  if (absl::Status status = impl_->Close(); !status.ok()) return status;
  return parts;
}

}  // namespace fastpath::client::cli
