#include "partition/model/json.h"

#include <cstdio>

#include "absl/strings/escaping.h"

namespace fastpath::model {
namespace {

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escaped[8];
          std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
          out += escaped;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool IsLossy(const Value& value) {
  switch (value.type()) {
    case Type::kBinary:
    case Type::kStringSet:
    case Type::kNumberSet:
    case Type::kBinarySet:
      return true;
    case Type::kMap:
      return !Lossy(value.map()).empty();
    case Type::kList:
      for (const model::Value& element : value.list()) {
        if (IsLossy(element)) return true;
      }
      return false;
    default:
      return false;
  }
}

// Plain digits, unless they were more than 38: DynamoDB's clients keep no more, and some
// refuse a text that has more (boto3's Decimals).
std::string TypedNumber(const model::Number& number) {
  constexpr size_t kDigits = 38;
  std::string text = number.ToString();
  const size_t begin = text[0] == '-' ? 1 : 0;
  const size_t count = text.size() - begin;
  if (count <= kDigits || text.find('.') != std::string::npos) return text;
  const size_t last = text.find_last_not_of('0');
  std::string out = text.substr(0, begin + 1);
  if (last > begin) out.append(1, '.').append(text, begin + 1, last - begin);
  return out.append("E+").append(std::to_string(count - 1));
}

}  // namespace

std::string Lossy(const AttributeMap& item) {
  for (const auto& [name, value] : item) {
    if (IsLossy(value)) return name;
  }
  return "";
}

void JsonWriter::NewLine() {
  if (indent_ == 0) return;
  text_ += '\n';
  text_.append(filled_.size() * static_cast<size_t>(indent_), ' ');
}

void JsonWriter::Separate() {
  if (after_name_) {
    after_name_ = false;
    return;
  }
  if (filled_.empty()) return;
  if (filled_.back()) text_ += ',';
  filled_.back() = true;
  NewLine();
}

JsonWriter& JsonWriter::Begin(char open) {
  Separate();
  text_ += open;
  filled_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::End(char close) {
  bool filled = filled_.back();
  filled_.pop_back();
  if (filled) NewLine();
  text_ += close;
  return *this;
}

JsonWriter& JsonWriter::Name(std::string_view name) {
  Separate();
  AppendQuoted(text_, name);
  text_ += indent_ == 0 ? ":" : ": ";
  after_name_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  Separate();
  AppendQuoted(text_, text);
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view token) {
  Separate();
  text_ += token;
  return *this;
}

JsonWriter& JsonWriter::Item(const AttributeMap& item, Dialect dialect) {
  BeginObject();
  for (const auto& [name, value] : item) Name(name).Value(value, dialect);
  return EndObject();
}

JsonWriter& JsonWriter::Value(const model::Value& value, Dialect dialect) {
  if (dialect == Dialect::kPlain) {
    Plain(value);
    return *this;
  }
  BeginObject().Name(TypeName(value.type()));
  Typed(value);
  return EndObject();
}

void JsonWriter::Strings(const std::vector<std::string>& strings, bool binary) {
  BeginArray();
  for (const std::string& text : strings) String(binary ? absl::Base64Escape(text) : text);
  EndArray();
}

void JsonWriter::Plain(const model::Value& value) {
  switch (value.type()) {
    case Type::kString:
      String(value.text());
      return;
    case Type::kNumber:
      Raw(value.number().ToString());
      return;
    case Type::kBinary:
      String(absl::Base64Escape(value.text()));
      return;
    case Type::kBool:
      Bool(value.boolean());
      return;
    case Type::kNull:
      Raw("null");
      return;
    case Type::kMap:
      Item(value.map(), Dialect::kPlain);
      return;
    case Type::kList:
      BeginArray();
      for (const model::Value& element : value.list()) Plain(element);
      EndArray();
      return;
    case Type::kStringSet:
    case Type::kBinarySet:
      Strings(value.strings(), value.is(Type::kBinarySet));
      return;
    case Type::kNumberSet:
      BeginArray();
      for (const model::Number& number : value.numbers()) Raw(number.ToString());
      EndArray();
      return;
  }
}

// The inside of {"TYPE": ...}.
void JsonWriter::Typed(const model::Value& value) {
  switch (value.type()) {
    case Type::kNumber:
      String(TypedNumber(value.number()));
      return;
    case Type::kNull:
      Bool(true);
      return;
    case Type::kMap:
      Item(value.map(), Dialect::kTyped);
      return;
    case Type::kList:
      BeginArray();
      for (const model::Value& element : value.list()) Value(element, Dialect::kTyped);
      EndArray();
      return;
    case Type::kNumberSet:
      BeginArray();
      for (const model::Number& number : value.numbers()) String(TypedNumber(number));
      EndArray();
      return;
    default:  // The same in both dialects.
      Plain(value);
      return;
  }
}

}  // namespace fastpath::model
