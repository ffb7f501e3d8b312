// Items as JSON, in two dialects:
//   plain: string -> S, number -> N, true/false -> BOOL, null -> NULL, [] -> L, {} -> M
//   typed: DynamoDB's, which also has B and the sets: {"S":"x"} {"N":"1.50"}
//          {"B":"base64"} {"BOOL":true} {"NULL":true} {"M":{..}} {"L":[..]}
//          {"SS":[..]} {"NS":["1",..]} {"BS":["base64",..]}
// Numbers keep all their digits. Value types; thread-safe as values are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "partition/model/value.h"

namespace fastpath::model {

enum class Dialect { kPlain, kTyped };

// Builds a JSON text. Calls follow JSON's grammar; `indent` 0: one line.
class JsonWriter {
 public:
  explicit JsonWriter(int indent = 0) : indent_(indent) {}
  JsonWriter& BeginObject() { return Begin('{'); }
  JsonWriter& EndObject() { return End('}'); }
  JsonWriter& BeginArray() { return Begin('['); }
  JsonWriter& EndArray() { return End(']'); }
  JsonWriter& Name(std::string_view name);
  JsonWriter& String(std::string_view text);
  JsonWriter& Raw(std::string_view token);  // A number, or a literal.
  JsonWriter& Number(uint64_t number) { return Raw(std::to_string(number)); }
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  // Plain writes B as base64 text and sets as arrays: see Lossy.
  JsonWriter& Value(const model::Value& value, Dialect dialect);
  JsonWriter& Item(const AttributeMap& item, Dialect dialect);

  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  JsonWriter& Begin(char open);
  JsonWriter& End(char close);
  void Separate();
  void NewLine();
  void Typed(const model::Value& value);
  void Plain(const model::Value& value);
  void Strings(const std::vector<std::string>& strings, bool binary);

  int indent_;
  std::string text_;
  std::vector<bool> filled_;  // Per open bracket: has a member.
  bool after_name_ = false;
};

// The name of a first attribute that plain JSON cannot give back; empty if none.
std::string Lossy(const AttributeMap& item);

}  // namespace fastpath::model
