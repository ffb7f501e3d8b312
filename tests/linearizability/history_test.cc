#include "tests/linearizability/history.h"

#include <gtest/gtest.h>

namespace fastpath::linearizability {
namespace {

constexpr std::string_view kAllForms =
    R"({"process":1,"key":"a","op":"get","args":{},"result":{"value":null},"call_ns":1,"return_ns":2,"outcome":"ok"}
{"process":1,"key":"a","op":"put","args":{"value":"1"},"result":{},"call_ns":3,"return_ns":4,"outcome":"ok"}
{"process":1,"key":"a","op":"cas","args":{"expect":"1","value":null},"result":{"swapped":true},"call_ns":100,"return_ns":200,"outcome":"ok"}
{"process":1,"key":"n","op":"incr","args":{"delta":-2},"result":{"value":-2},"call_ns":300,"return_ns":400,"outcome":"ok"}
{"process":1,"key":"a","op":"delete","args":{},"result":{"existed":false},"call_ns":500,"return_ns":600,"outcome":"ok"}
{"process":2,"key":"a","op":"put","args":{"value":"2"},"call_ns":700,"return_ns":800,"outcome":"info"}
{"process":3,"key":"q\"\\\u0001é","op":"delete","args":{},"call_ns":700,"return_ns":800,"outcome":"fail"}
)";

TEST(History, EveryFormReadsAndWritesBack) {
  auto history = ParseHistory(kAllForms);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 7u);
  EXPECT_EQ((*history)[2].expect, MaybeText("1"));
  EXPECT_EQ((*history)[2].value, MaybeText());
  EXPECT_EQ((*history)[6].key, "q\"\\\x01é");
  std::string written;
  for (const Operation& op : *history) written += FormatOperation(op) + "\n";
  EXPECT_EQ(written, kAllForms);
}

TEST(History, TimesKeepEveryNanosecond) {
  auto history = ParseHistory(
      R"({"process":1,"key":"a","op":"put","args":{"value":"1"},"result":{},"call_ns":9007199254740993,"return_ns":9223372036854775807,"outcome":"ok"})");
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ((*history)[0].call_ns, 9007199254740993);
  EXPECT_EQ((*history)[0].return_ns, INT64_MAX);
}

void ExpectRefused(std::string_view line, std::string_view because) {
  auto history = ParseHistory(line);
  ASSERT_FALSE(history.ok()) << line;
  EXPECT_NE(std::string(history.status().message()).find(because), std::string::npos)
      << history.status();
}

TEST(History, WrongLinesAreNamed) {
  ExpectRefused("\n\nnot json", "line 3");
  ExpectRefused("[]", "not a JSON object");
  ExpectRefused(
      R"({"process":1,"key":"a","op":"txn","args":{},"call_ns":1,"return_ns":2,"outcome":"ok"})",
      "unknown op \"txn\"");
  ExpectRefused(
      R"({"process":1,"key":"a","op":"get","args":{},"call_ns":1,"return_ns":2,"outcome":"maybe"})",
      "unknown outcome");
  ExpectRefused(
      R"({"process":1,"key":"a","op":"put","args":{"value":1},"result":{},"call_ns":1,"return_ns":2,"outcome":"ok"})",
      "value");
  ExpectRefused(
      R"({"process":1,"key":"a","op":"get","args":{},"call_ns":1,"return_ns":2,"outcome":"ok"})",
      "result");
  ExpectRefused(
      R"({"key":"a","op":"get","args":{},"result":{"value":null},"call_ns":1,"return_ns":2,"outcome":"ok"})",
      "process");
}

}  // namespace
}  // namespace fastpath::linearizability
