// The command line's JSON: what is read can be written, and reads as the same; also part by part.
//
//   input := u8(bit 0 typed, bit 1 value instead of item) text
#include "client/cli/json.h"

#include "partition/model/codec.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

using client::cli::Dialect;
using client::cli::JsonParser;
using client::cli::JsonWriter;

void Item(std::string_view text, Dialect dialect) {
  JsonParser parser;
  const auto item = parser.ParseItem(text, dialect);
  if (!item.ok()) return;
  const auto typed =
      parser.ParseItem(JsonWriter().Item(*item, Dialect::kTyped).text(), Dialect::kTyped);
  FUZZ_CHECK(typed.ok() && *typed == *item);
  const std::string plain = JsonWriter(2).Item(*item, Dialect::kPlain).text();
  const auto again = parser.ParseItem(plain, Dialect::kPlain);
  FUZZ_CHECK(again.ok());
  // What no server takes, such as an empty name, Lossy need not name.
  const bool valid = model::ValidateItem(model::EncodeItem(*item)).ok();
  FUZZ_CHECK(!valid || !client::cli::Lossy(*item).empty() || *again == *item);
  const auto parts = parser.SplitObject(text);  // The same in parts.
  FUZZ_CHECK(parts.ok() && parts->size() == item->size());
  for (const auto& [name, part] : *parts) {
    const auto value = parser.ParseValue(part, dialect);
    FUZZ_CHECK(value.ok() && item->Find(name) != nullptr && *value == *item->Find(name));
  }
}

// Cut or refused, also where the parts are none.
void Split(std::string_view text) {
  JsonParser parser;
  (void)parser.SplitArray(text);
  (void)parser.SplitObject(text);
}

void Value(std::string_view text, Dialect dialect) {
  JsonParser parser;
  const auto value = parser.ParseValue(text, dialect);
  if (!value.ok()) return;
  const auto again =
      parser.ParseValue(JsonWriter().Value(*value, Dialect::kTyped).text(), Dialect::kTyped);
  FUZZ_CHECK(again.ok() && *again == *value);
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  const uint8_t choice = TakeByte(in);
  Split(in);
  const Dialect dialect = (choice & 1) != 0 ? Dialect::kTyped : Dialect::kPlain;
  (choice & 2) != 0 ? Value(in, dialect) : Item(in, dialect);
  return 0;
}
