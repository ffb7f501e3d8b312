// Expressions as text: what parses is what its validator accepts, can be
// evaluated, and prints to a text that parses to the same. What does not, says
// where.
//
//   input := u8('f' filter, 'u' update, 'p' projection, 'k' key condition, else
//            condition) text
#include <charconv>

#include "partition/expression/evaluate.h"
#include "partition/expression/print.h"
#include "partition/model/codec.h"
#include "partition/model/encoded.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

using expression::ParseCondition;
using expression::ParseUpdate;
using expression::Placeholders;
using expression::Printer;
using model::Value;

api::Table Table() {
  api::Table table;
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(api::S);
  table.mutable_sort_key()->set_name("ts");
  table.mutable_sort_key()->set_type(api::N);
  return table;
}

Placeholders Known() {
  Placeholders placeholders;
  bool ok = true;
  for (const auto& [key, name] :
       {std::pair{"#a", "a"}, std::pair{"#n", "name"}, std::pair{"#d", "a.b"}}) {
    ok = ok && placeholders.AddName(key, name).ok();
  }
  const Value one = Value::Num(1);
  for (const auto& [key, value] :
       {std::pair{":n", one}, std::pair{":m", Value::Num(9)}, std::pair{":s", Value::String("S")},
        std::pair{":b", Value::Binary("b")}, std::pair{":t", Value::Bool(true)},
        std::pair{":ss", Value::StringSet({"a", "b"})}, std::pair{":l", Value::List({one})}}) {
    ok = ok && placeholders.AddValue(key, value).ok();
  }
  FUZZ_CHECK(ok);
  return placeholders;
}

model::Item Item() {
  model::AttributeMap map;
  map.Set("b", Value::List({Value::Num(1), Value::String("x")}));
  model::Item item;
  item.Set("a", Value::Num(3));
  item.Set("b", Value::Map(std::move(map)));
  item.Set("name", Value::StringSet({"a"}));
  return item;
}

// Errors show the place: inside the text or at its end.
void Error(std::string_view text, const absl::Status& status) {
  const std::string_view words(status.message().data(), status.message().size());
  FUZZ_CHECK(model::IsUtf8(words));
  const size_t from = words.rfind(", at: ");
  FUZZ_CHECK(from != std::string_view::npos);
  const std::string_view digits = words.substr(from + 6);
  size_t at = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), at);
  FUZZ_CHECK(error == std::errc() && end == digits.data() + digits.size() && at <= text.size());
}

std::string Bytes(const google::protobuf::MessageLite& message) {
  return message.SerializeAsString();
}

void Condition(std::string_view text, bool filter) {
  Placeholders known = Known();
  const auto tree = filter ? expression::ParseFilter(text, known) : ParseCondition(text, known);
  if (!tree.ok()) return Error(text, tree.status());
  FUZZ_CHECK(expression::ValidateCondition(*tree).ok());
  (void)expression::Holds(*tree, Item());
  Printer printer;
  const std::string printed = printer.Condition(*tree);
  if (printed.size() > expression::kTextLimitBytes) return;
  Placeholders placeholders = printer.placeholders();
  const auto again = ParseCondition(printed, placeholders);
  FUZZ_CHECK(again.ok() && Bytes(*again) == Bytes(*tree));
  FUZZ_CHECK(placeholders.CheckAllUsed().ok());
}

void Update(std::string_view text) {
  const api::Table table = Table();
  Placeholders known = Known();
  const auto tree = ParseUpdate(text, known, &table);
  if (!tree.ok()) return Error(text, tree.status());
  FUZZ_CHECK(expression::ValidateUpdate(table, *tree).ok());
  model::Item item = Item();
  if (expression::Apply(*tree, item).ok()) {
    FUZZ_CHECK(model::ValidateItem(model::EncodeItem(item)).ok());
  }
  Printer printer;
  const std::string printed = printer.Update(*tree);
  if (printed.size() > expression::kTextLimitBytes) return;
  Placeholders placeholders = printer.placeholders();
  const auto again = ParseUpdate(printed, placeholders, &table);
  FUZZ_CHECK(again.ok() && Bytes(*again) == Bytes(*tree));
}

void Projection(std::string_view text) {
  Placeholders known = Known();
  const auto paths = expression::ParseProjection(text, known);
  if (!paths.ok()) return Error(text, paths.status());
  FUZZ_CHECK(expression::ValidateProjection(*paths).ok());
  (void)expression::Project(*paths, Item());
  Printer printer;
  const std::string printed = printer.Projection(*paths);
  if (printed.size() > expression::kTextLimitBytes) return;
  Placeholders placeholders = printer.placeholders();
  const auto again = expression::ParseProjection(printed, placeholders);
  FUZZ_CHECK(again.ok() && Printer().Projection(*again) == printed);
}

void Key(std::string_view text) {
  const api::Table table = Table();
  Placeholders known = Known();
  const auto key = expression::ParseKeyCondition(text, known, table);
  if (!key.ok()) return Error(text, key.status());
  Printer printer;
  const std::string printed = printer.Key(*key, table);
  Placeholders placeholders = printer.placeholders();
  const auto again = expression::ParseKeyCondition(printed, placeholders, table);
  FUZZ_CHECK(again.ok() && again->partition == key->partition && again->sort == key->sort &&
             again->bounds == key->bounds);
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  const uint8_t kind = TakeByte(in);
  switch (kind) {
    case 'u':
      Update(in);
      break;
    case 'p':
      Projection(in);
      break;
    case 'k':
      Key(in);
      break;
    default:
      Condition(in, kind == 'f');
  }
  return 0;
}
